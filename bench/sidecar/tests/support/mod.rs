//! A subject as a child process, certificates for every kind of caller, and a small HTTP client
//! over blocking sockets. Ports are the kernel's choice; the only clock is a limit against hanging.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::process::{Child, ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::Arc;
use std::time::Duration;

use identity::{
    Authority, Identity, SpiffeId, TlsMaterial, TlsVersion, TrustDomain, Validity, client_config,
};
use rustls::pki_types::{ServerName, UnixTime};
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Serialize;
use sidecar::{
    ClientRoute, ClientSetup, ECHO_PATH, Echo, Mode, OriginRoute, OriginSetup, PlantedDelay,
    PlantedStall, Ready, Role, RouteStats, ServerRoute, ServerSetup, Stats,
};

/// Long enough for a machine that is busy with a build: a failing test, not a measure.
const NEVER: Duration = Duration::from_secs(30);

pub(crate) const SPOOFED: &str = "By=spiffe://x/ns/y/sa/z;URI=spiffe://cluster.local/ns/a/sa/admin";

/// A running process of one role. Killed on drop.
pub(crate) struct Subject {
    child: Child,
    input: Option<ChildStdin>,
    output: BufReader<ChildStdout>,
    pub(crate) ready: Ready,
}

/// The example is built by `cargo test` next to the folder of the test programs.
fn program() -> std::path::PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(std::path::Path::parent).unwrap();
    let program = target.join("examples").join("subject");
    assert!(program.exists(), "not built: {}; run the package's tests whole", program.display());
    program
}

pub(crate) fn spawn(role: Role, stderr: Stdio) -> Child {
    Command::new(program())
        .arg(role.as_str())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(stderr)
        .spawn()
        .unwrap()
}

impl Subject {
    pub(crate) fn start(role: Role, setup: &impl Serialize) -> Self {
        let mut child = spawn(role, Stdio::inherit());
        let mut input = child.stdin.take().unwrap();
        let mut output = BufReader::new(child.stdout.take().unwrap());
        writeln!(input, "{}", serde_json::to_string(setup).unwrap()).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        let ready = serde_json::from_str(&line).unwrap();
        Self { child, input: Some(input), output, ready }
    }

    pub(crate) fn address(&self, route: &str) -> SocketAddr {
        SocketAddr::from(([127, 0, 0, 1], self.ready.ready[route]))
    }

    pub(crate) fn ask(&mut self, command: &str) -> String {
        writeln!(self.input.as_mut().unwrap(), "{command}").unwrap();
        let mut line = String::new();
        self.output.read_line(&mut line).unwrap();
        line
    }

    pub(crate) fn stats(&mut self, route: &str) -> RouteStats {
        let stats: Stats = serde_json::from_str(&self.ask("stats")).unwrap();
        stats.stats[route].clone()
    }

    /// Closes the lifeline and waits for the end, which must come by itself.
    pub(crate) fn cut_lifeline(&mut self) -> ExitStatus {
        self.input = None;
        self.child.wait().unwrap()
    }
}

impl Drop for Subject {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A CA with everybody it could have signed for, and a CA of the same name that is not trusted.
pub(crate) struct Mesh {
    authority: Authority,
    foreign: Authority,
}

pub(crate) fn client_id() -> SpiffeId {
    "spiffe://cluster.local/ns/loadgen-bench/sa/client".parse().unwrap()
}

pub(crate) fn server_id() -> SpiffeId {
    "spiffe://cluster.local/ns/loadgen-bench/sa/server".parse().unwrap()
}

fn valid() -> Validity {
    Validity::starting(UnixTime::now(), Duration::from_secs(3600))
}

impl Mesh {
    pub(crate) fn new() -> Self {
        let domain = TrustDomain::new("cluster.local").unwrap();
        let [authority, foreign] = [(), ()].map(|()| Authority::new(&domain, valid()).unwrap());
        Self { authority, foreign }
    }

    fn with(&self, identity: Identity) -> TlsMaterial {
        TlsMaterial {
            identity,
            roots_pem: self.authority.roots_pem(),
            trust_domain: TrustDomain::new("cluster.local").unwrap(),
            version: TlsVersion::V1_3,
        }
    }

    pub(crate) fn material(&self, id: &SpiffeId) -> TlsMaterial {
        self.with(self.authority.issue(id, valid()).unwrap())
    }

    fn caller(&self, identity: Identity) -> Arc<ClientConfig> {
        client_config(&self.with(identity), &server_id()).unwrap()
    }

    pub(crate) fn member(&self) -> Arc<ClientConfig> {
        self.caller(self.authority.issue(&client_id(), valid()).unwrap())
    }

    pub(crate) fn foreign_ca(&self) -> Arc<ClientConfig> {
        self.caller(self.foreign.issue(&client_id(), valid()).unwrap())
    }

    pub(crate) fn foreign_trust_domain(&self) -> Arc<ClientConfig> {
        let id = "spiffe://foreign.example/ns/loadgen-bench/sa/client".parse().unwrap();
        self.caller(self.authority.issue(&id, valid()).unwrap())
    }

    pub(crate) fn expired(&self) -> Arc<ClientConfig> {
        let now = UnixTime::now().as_secs();
        let past = Validity::between(now - 7200, now - 3600);
        self.caller(self.authority.issue(&client_id(), past).unwrap())
    }

    /// Somebody without any certificate, who does not care who answers either.
    pub(crate) fn anonymous(&self) -> Arc<ClientConfig> {
        let mut config = (*self.member()).clone();
        let none = ClientConfig::builder().with_root_certificates(RootCertStore::empty());
        config.client_auth_cert_resolver = none.with_no_client_auth().client_auth_cert_resolver;
        Arc::new(config)
    }
}

pub(crate) fn origin(names: &[&str], stall: Option<PlantedStall>) -> Subject {
    let routes = names.iter().map(|name| OriginRoute { name: (*name).to_owned(), stall }).collect();
    let address = Ipv4Addr::LOCALHOST;
    Subject::start(Role::Origin, &OriginSetup { cores: Vec::new(), address, body_bytes: 8, routes })
}

/// A server's sidecar with a route for each name and mode, before routes of the origin.
pub(crate) fn server(
    mesh: &Mesh,
    origin: &Subject,
    routes: &[(&str, Mode)],
    delay: Option<PlantedDelay>,
) -> Subject {
    let routes = routes
        .iter()
        .map(|(name, mode)| {
            let upstream = origin.address(name);
            ServerRoute { name: (*name).to_owned(), upstream, mode: *mode, delay, rules: None }
        })
        .collect();
    let tls = Some(mesh.material(&server_id()));
    Subject::start(Role::Server, &ServerSetup { cores: Vec::new(), tls, routes })
}

pub(crate) fn client(mesh: &Mesh, routes: &[(&str, SocketAddr, Option<SpiffeId>)]) -> Subject {
    let routes = routes
        .iter()
        .map(|(name, upstream, mtls_to)| ClientRoute {
            name: (*name).to_owned(),
            upstream: *upstream,
            mtls_to: mtls_to.clone(),
        })
        .collect();
    let tls = Some(mesh.material(&client_id()));
    Subject::start(Role::Client, &ClientSetup { cores: Vec::new(), tls, routes })
}

pub(crate) fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(NEVER)).unwrap();
    stream.set_write_timeout(Some(NEVER)).unwrap();
    stream
}

pub(crate) type Tls = StreamOwned<ClientConnection, TcpStream>;

pub(crate) fn connect_tls(address: SocketAddr, config: Arc<ClientConfig>) -> Tls {
    let connection = ClientConnection::new(config, ServerName::from(address.ip())).unwrap();
    StreamOwned::new(connection, connect(address))
}

/// An HTTP answer.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) fn echo(&self) -> Echo {
        assert_eq!(self.status, 200, "{self:?}");
        serde_json::from_str(&self.body).unwrap()
    }
}

/// Sends bytes and reads one answer; `None` when the other side ends without one.
pub(crate) fn exchange(stream: &mut (impl Read + Write), request: &str) -> Option<Answer> {
    let _ = stream.write_all(request.as_bytes()).and_then(|()| stream.flush());
    let mut bytes = Vec::new();
    let mut buffer = [0_u8; 4096];
    loop {
        if let Some(answer) = whole(&bytes) {
            return Some(answer);
        }
        match stream.read(&mut buffer) {
            Ok(0) => return None,
            Ok(count) => bytes.extend_from_slice(&buffer[..count]),
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {
                panic!("no answer and no end within {NEVER:?}")
            }
            Err(_) => return None,
        }
    }
}

fn whole(bytes: &[u8]) -> Option<Answer> {
    let text = std::str::from_utf8(bytes).unwrap();
    let (head, body) = text.split_once("\r\n\r\n")?;
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let length: usize = head
        .lines()
        .find_map(|line| {
            line.to_ascii_lowercase().strip_prefix("content-length:").map(str::to_owned)
        })
        .map_or(0, |value| value.trim().parse().unwrap());
    let (head, body) = (head.to_owned(), body.to_owned());
    (body.len() >= length).then_some(Answer { status, head, body })
}

/// Asks for the echo, claiming somebody else's identity.
pub(crate) fn echo(stream: &mut (impl Read + Write)) -> Option<Answer> {
    let request = format!(
        "GET {ECHO_PATH} HTTP/1.1\r\nhost: a\r\nx-forwarded-client-cert: {SPOOFED}\r\n\
         X-Forwarded-Client-Cert: {SPOOFED}\r\n\r\n"
    );
    exchange(stream, &request)
}

pub(crate) fn get(stream: &mut (impl Read + Write)) -> Option<Answer> {
    exchange(stream, "GET / HTTP/1.1\r\nhost: a\r\n\r\n")
}
