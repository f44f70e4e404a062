//! A real Envoy for the length of a test: found, started, asked through its admin socket, ended.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::SocketAddr;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use identity::{Authority, Identity, SpiffeId, Validity};
use rustix::process::{Pid, Signal, kill_process};
use serde_json::Value;
use testbed::deadline::{self, Deadline};
use testbed::envoy::bootstrap::Process;

use super::fixtures::{NAMESPACE, id};
use super::support;

/// Longer than any of these tests takes; what ends an Envoy when nothing else does.
const LONGEST_S: &str = "60";
const READY: Duration = Duration::from_secs(10);

/// The Envoy to test with. Without one the test is to return.
pub(crate) fn program() -> Option<PathBuf> {
    Some(support::builds()?.swap_remove(0).path)
}

/// The program, ended after a while whatever becomes of the test.
pub(crate) fn bounded(program: &Path) -> Command {
    let mut command = Command::new("timeout");
    command.arg(LONGEST_S).arg(program);
    command
}

/// A CA, and what it signs.
pub(crate) struct Credentials {
    authority: Authority,
    validity: Validity,
}

impl Credentials {
    pub(crate) fn fresh() -> Self {
        let validity = Validity::starting(deadline::today(), Duration::from_secs(3600));
        let server = id(NAMESPACE, "server");
        let authority = Authority::new(server.trust_domain(), validity).expect("a CA");
        Self { authority, validity }
    }

    pub(crate) fn issue(&self, id: &SpiffeId) -> Identity {
        self.authority.issue(id, self.validity).expect("a certificate")
    }

    pub(crate) fn roots_pem(&self) -> String {
        self.authority.roots_pem()
    }

    /// A workload's files, where [`super::fixtures::tls`] says that they are.
    pub(crate) fn write(&self, folder: &Path, id: &SpiffeId) {
        let Identity { chain_pem, key_pem, .. } = self.issue(id);
        for (name, pem) in [
            ("workload-cert.pem", chain_pem),
            ("workload-key.pem", key_pem),
            ("roots.pem", self.roots_pem()),
        ] {
            std::fs::write(folder.join(name), pem).expect("writable");
        }
    }
}

/// A running Envoy. Dropping it ends it.
pub(crate) struct Running {
    child: Child,
    admin: PathBuf,
}

impl Running {
    pub(crate) fn start(program: &Path, process: &Process, folder: &Path) -> Self {
        let file = folder.join("bootstrap.json");
        std::fs::write(&file, process.bootstrap().to_string()).expect("writable");
        let log = folder.join("envoy.log");
        let child = bounded(program)
            .args(process.arguments(&file))
            .stdin(Stdio::null())
            .stderr(std::fs::File::create(&log).expect("writable"))
            .spawn()
            .expect("Envoy starts");
        let mut running = Self { child, admin: process.admin.clone() };
        let deadline = Deadline::after(READY);
        while !running.is_ready() {
            let ended = running.child.try_wait().expect("a child");
            let said = std::fs::read_to_string(&log).unwrap_or_default();
            assert!(ended.is_none() && !deadline.has_passed(), "Envoy is not ready: {said}");
            std::thread::sleep(Duration::from_millis(10));
        }
        running
    }

    fn is_ready(&self) -> bool {
        self.ask("/ready").is_some_and(|answer| answer.contains("LIVE"))
    }

    /// Where each listener listens, by its prefix.
    pub(crate) fn ports(&self) -> BTreeMap<String, SocketAddr> {
        let text = self.ask("/listeners?format=json").expect("an answer");
        let answer: Value = serde_json::from_str(&text).expect("JSON");
        let statuses = answer["listener_statuses"].as_array().expect("listeners");
        let port = |status: &Value| {
            let address = &status["local_address"]["socket_address"];
            let port = u16::try_from(address["port_value"].as_u64()?).ok()?;
            let name = status["name"].as_str()?.to_owned();
            Some((name, SocketAddr::from(([127, 0, 0, 1], port))))
        };
        statuses.iter().map(|status| port(status).expect("a port")).collect()
    }

    /// Every counter and gauge that is kept.
    pub(crate) fn counters(&self) -> BTreeMap<String, u64> {
        let text = self.ask("/stats").expect("an answer");
        let line = |line: &str| {
            let (name, value) = line.split_once(": ")?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        text.lines().filter_map(line).collect()
    }

    /// The body of an answer of the admin interface.
    fn ask(&self, path: &str) -> Option<String> {
        let mut stream = UnixStream::connect(&self.admin).ok()?;
        stream.set_read_timeout(Some(READY)).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: admin\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).ok()?;
        let answer = String::from_utf8(answer).ok()?;
        let (head, body) = answer.split_once("\r\n\r\n")?;
        let chunked = head.to_lowercase().contains("transfer-encoding: chunked");
        if chunked { unchunked(body) } else { Some(body.to_owned()) }
    }
}

fn unchunked(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (size, rest) = body.split_once("\r\n")?;
        let size = usize::from_str_radix(size, 16).ok()?;
        if size == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..size)?);
        body = rest.get(size + 2..)?;
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // `timeout` hands the signal on.
        let pid = i32::try_from(self.child.id()).ok().and_then(Pid::from_raw);
        if let Some(pid) = pid {
            let _ = kill_process(pid, Signal::TERM);
        }
        let _ = self.child.wait();
    }
}
