//! The layout `pods`: the client and the server in network namespaces of their own, joined by a third
//! that is their node, with proxies in whose way a connection is brought by the kernel. What the
//! proxies do is not known here.
//!
//! The client's namespace is this process's own, since what it sends is the client's; the process
//! must have moved there before ([`crate::namespace::move_apart`]). All three go with the process,
//! however that ends.

mod rules;

use std::fs;
use std::io::{ErrorKind, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::process::{Command, Stdio};

use super::bootstrap::Capture;
use super::processes::Post;
use crate::namespace::Namespace;
pub(super) use rules::Captured;

/// Where the client calls from.
pub(super) const CLIENT: Ipv4Addr = Ipv4Addr::new(10, 99, 1, 2);
/// Where the server is.
const SERVER: Ipv4Addr = Ipv4Addr::new(10, 99, 2, 2);
/// The node, towards the client and towards the server.
const NODE: [Ipv4Addr; 2] = [Ipv4Addr::new(10, 99, 1, 1), Ipv4Addr::new(10, 99, 2, 1)];
/// Where programs may be that are the administrator's, and not on every user's path.
const PLACES: [&str; 3] = ["", "/usr/sbin/", "/sbin/"];

/// The namespaces besides this process's own.
#[derive(Debug)]
pub(super) struct Pods {
    pub(super) node: Namespace,
    pub(super) server: Namespace,
}

impl Pods {
    /// Makes them and joins them to this process's own. The error says what can not be done.
    pub(super) fn make() -> Result<Self, String> {
        let fresh =
            || Namespace::fresh().map_err(|error| format!("make a network namespace: {error}"));
        let (node, server) = (fresh()?, fresh()?);
        let client = format!(
            "link set lo up\n\
             link add eth0 type veth peer name client netns {}\n\
             address add {CLIENT}/24 dev eth0\n\
             link set eth0 up\n",
            node.path().display()
        );
        interfaces(&client)?;
        let [to_client, to_server] = NODE;
        let middle = format!(
            "link set lo up\n\
             address add {to_client}/24 dev client\n\
             link set client up\n\
             link add server type veth peer name eth0 netns {}\n\
             address add {to_server}/24 dev server\n\
             link set server up\n",
            server.path().display()
        );
        within(&node, || {
            interfaces(&middle)?;
            let forward = "/proc/sys/net/ipv4/ip_forward";
            fs::write(forward, "1").map_err(|error| format!("write {forward}: {error}"))
        })?;
        let last = format!(
            "link set lo up\n\
             address add {SERVER}/24 dev eth0\n\
             link set eth0 up\n\
             route add default via {to_server}\n"
        );
        within(&server, || interfaces(&last))?;
        interfaces(&format!("route add default via {to_client}\n"))?;
        Ok(Self { node, server })
    }

    /// Captures connections from now on, and none that is not told here.
    pub(super) fn capture(&self, captured: &Captured) -> Result<(), String> {
        load(&captured.in_client())?;
        within(&self.server, || load(&captured.in_server()))?;
        within(&self.node, || load(&captured.in_node()))
    }

    /// Where callers find a port of the server's workload, whatever stands in their way.
    pub(super) fn service(&self, port: u16) -> SocketAddr {
        SocketAddr::from((SERVER, port))
    }
}

/// Whether all of it can be done here, tried on a process that can be spared: it moves into
/// namespaces of its own. The error says what can not.
pub fn attempt() -> Result<(), String> {
    crate::namespace::move_apart()
        .map_err(|error| format!("move into a network namespace: {error}"))?;
    let pods = Pods::make()?;
    let any = Captured {
        by_sidecars: [(0, vec![1])].into(),
        by_node: [(0, vec![2])].into(),
        past_sidecars: vec![2],
    };
    pods.capture(&any)
}

/// How connections come to the proxies of a build.
pub(super) fn way_in(post: Post, build: usize) -> Capture {
    let port = match post {
        Post::Client => rules::outbound_port(build),
        Post::Server => rules::inbound_port(build),
        Post::Node => rules::node_port(build),
    };
    Capture { address: SocketAddr::from((Ipv4Addr::UNSPECIFIED, port)), mark: rules::MARK }
}

fn within(
    namespace: &Namespace,
    job: impl FnOnce() -> Result<(), String> + Send,
) -> Result<(), String> {
    let done = namespace.within(job);
    done.map_err(|error| format!("enter a network namespace: {error}"))?
}

/// Commands of `ip`, in this thread's namespace.
fn interfaces(commands: &str) -> Result<(), String> {
    told("ip", &["-batch", "-"], commands)
}

/// A table of rules, in this thread's namespace.
fn load(table: &str) -> Result<(), String> {
    told("iptables-restore", &[], table)
}

/// Runs a program that reads what it is to do.
fn told(program: &str, arguments: &[&str], input: &str) -> Result<(), String> {
    // Only the older of two kinds of iptables has a lock, which it would look for where only root
    // may write.
    let lock = tempfile::NamedTempFile::new().map_err(|error| format!("make a file: {error}"))?;
    for place in PLACES {
        let started = Command::new(format!("{place}{program}"))
            .args(arguments)
            .env("XTABLES_LOCKFILE", lock.path())
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn();
        let mut child = match started {
            Err(error) if error.kind() == ErrorKind::NotFound => continue,
            Err(error) => return Err(format!("run {program}: {error}")),
            Ok(child) => child,
        };
        // One that ends before it has read all of it says why, which is told below.
        let _ = child.stdin.take().map(|mut to| to.write_all(input.as_bytes()));
        let ended = child.wait_with_output().map_err(|error| format!("run {program}: {error}"))?;
        if ended.status.success() {
            return Ok(());
        }
        let said = String::from_utf8_lossy(&ended.stderr);
        let said =
            said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it does not say why");
        return Err(format!("{program} failed: {}", said.trim()));
    }
    let package = if program == "ip" { "iproute2" } else { "iptables" };
    Err(format!("there is no {program} here; it comes with the package {package}"))
}
