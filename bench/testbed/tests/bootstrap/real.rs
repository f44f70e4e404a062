//! The table, decided by a real Envoy: one process with a listener for each set of resources, and
//! a call for each case over a connection of its own.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use identity::{Caller, Roots, TlsVersion, Trust, caller_config};
use policy::normalize::normalized;
use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, StreamOwned};
use testbed::envoy::bootstrap::counters::Counter;
use testbed::envoy::bootstrap::{Kind, Listener};

use super::cases::{self, Case, Mesh, Outcome, Set};
use super::envoy::{self, Credentials, Running};
use super::fixtures::{self, NAMESPACE, id};
use super::origin;

/// The name that callers ask for in TLS.
pub(crate) const SNI: &str = "server.bench";
const PATIENCE: Duration = Duration::from_secs(5);

#[test]
fn a_real_envoy_decides_the_table() {
    let Some(program) = envoy::program() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    let credentials = Credentials::fresh();
    credentials.write(folder.path(), &id(NAMESPACE, "server"));
    let upstream = origin::start();
    let sets = cases::all();
    let listeners: BTreeMap<String, Listener> = sets
        .iter()
        .map(|set| (set.name.clone(), Listener { upstream, ..listener(set, folder.path()) }))
        .collect();
    let process = fixtures::process(folder.path(), listeners);
    let envoy = Running::start(&program, &process, folder.path());
    let ports = envoy.ports();
    let mut wrong = Vec::new();
    for set in &sets {
        let prefix = process.listeners[&set.name].prefix(&set.name);
        for case in &set.cases {
            let (outcome, body) = call(ports[&prefix], case, &credentials);
            if outcome != case.expect {
                wrong.push(format!("{}: {outcome:?}, expected {:?}", case.place, case.expect));
            }
            wrong.extend(wrong_body(set, case, outcome, &body));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    // Every decision has left its trace in the counters that are read for a proof.
    let counters = envoy.counters();
    for set in &sets {
        let prefix = process.listeners[&set.name].prefix(&set.name);
        let count = |counter: Counter| counters.get(&counter.name(&prefix)).copied();
        let of = |outcome| set.cases.iter().filter(|case| case.expect == outcome).count() as u64;
        let all = set.cases.len() as u64;
        assert_eq!(count(Counter::Requests), Some(all), "{}", set.name);
        assert_eq!(count(Counter::RbacDenied).unwrap_or(0), of(Outcome::Deny), "{}", set.name);
        assert_eq!(count(Counter::RequestsSent), Some(of(Outcome::Allow)), "{}", set.name);
        if set.mesh == Mesh::Istio {
            let tls = set.cases.iter().filter(|case| case.caller.is_some()).count() as u64;
            assert_eq!(count(Counter::Handshakes), Some(tls), "{}", set.name);
            assert_eq!(count(Counter::SessionsReused), Some(0), "{}", set.name);
        }
    }
}

/// What the origin was asked for, or who it is that refuses.
fn wrong_body(set: &Set, case: &Case, outcome: Outcome, body: &str) -> Option<String> {
    let expected = match (outcome, set.mesh) {
        (Outcome::Allow, Mesh::Istio) => {
            // A fragment is thrown away whatever is asked for.
            let target = case.target.split('#').next().unwrap_or_default();
            normalized(target, set.normalization)?
        }
        (Outcome::Deny, Mesh::Istio) => "RBAC: access denied".to_owned(),
        (Outcome::Deny, Mesh::Cilium) => "Access denied\r\n".to_owned(),
        _ => return None,
    };
    let same = body == expected || case.method == "HEAD";
    (!same).then(|| format!("{}: the body is {body:?}, expected {expected:?}", case.place))
}

fn listener(set: &Set, folder: &std::path::Path) -> Listener {
    match set.mesh {
        Mesh::Istio => {
            let policies = fixtures::authorization(&set.resources);
            let mut listener = fixtures::inbound(folder, set.mode, policies);
            if let Kind::Inbound(inbound) = &mut listener.kind {
                inbound.normalization = set.normalization;
            }
            listener
        }
        Mesh::Cilium => fixtures::node(fixtures::node_policy(&set.resources)),
    }
}

fn call(address: SocketAddr, case: &Case, credentials: &Credentials) -> (Outcome, String) {
    let stream = connect(case.from, address);
    let answer = match &case.caller {
        Some((namespace, account)) if !case.place.starts_with("cilium") => {
            let config = config(namespace, account, credentials);
            let name = ServerName::try_from(SNI).expect("a name");
            let connection = ClientConnection::new(config, name).expect("TLS");
            exchange(StreamOwned::new(connection, stream), case)
        }
        _ => exchange(stream, case),
    };
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let status = head.split(' ').nth(1).unwrap_or_default();
    let outcome = match status {
        "200" => Outcome::Allow,
        "403" => Outcome::Deny,
        "400" => Outcome::Bad,
        "307" => Outcome::Redirect,
        _ => panic!("{}: the answer is {answer:?}", case.place),
    };
    (outcome, body.to_owned())
}

fn config(namespace: &str, account: &str, credentials: &Credentials) -> Arc<ClientConfig> {
    let own = credentials.issue(&id(namespace, account));
    let server = id(NAMESPACE, "server");
    let caller = Caller {
        trust: Trust::Spiffe(Roots::Pem(credentials.roots_pem()), server),
        own: Some((own.chain_pem, own.key_pem)),
        version: Some(TlsVersion::V1_3),
        // As a client's sidecar offers them, by which PERMISSIVE ports know it.
        alpn: vec![b"istio-http/1.1".to_vec(), b"istio".to_vec(), b"http/1.1".to_vec()],
        resumption: false,
    };
    caller_config(&caller).expect("a configuration")
}

/// A connection from an address of one's own.
fn connect(from: Ipv4Addr, to: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).expect("a socket");
    bind(&socket, &SocketAddr::from((from, 0))).expect("an address of this machine");
    connect(&socket, &to).expect("somebody listens");
    let stream = TcpStream::from(socket);
    stream.set_read_timeout(Some(PATIENCE)).expect("a socket");
    stream
}

/// The whole answer. Not until the other side ends the connection: Envoy waits for a second with
/// that, so that the caller can be the first.
fn exchange(mut stream: impl Read + Write, case: &Case) -> String {
    let Case { method, target, host, headers, .. } = case;
    let mut request = format!("{method} {target} HTTP/1.1\r\nhost: {host}\r\n");
    for (name, value) in headers {
        request.push_str(&format!("{name}: {value}\r\n"));
    }
    request.push_str("connection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).expect("writable");
    let mut answer = Vec::new();
    let mut part = [0; 4096];
    while !is_whole(&answer, method) {
        match stream.read(&mut part) {
            Ok(0) => break,
            Ok(count) => answer.extend_from_slice(&part[..count]),
            Err(error) => panic!("{}: {error}", case.place),
        }
    }
    String::from_utf8_lossy(&answer).into_owned()
}

fn is_whole(answer: &[u8], method: &str) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| {
        let (name, value) = line.split_once(": ")?;
        name.eq_ignore_ascii_case("content-length").then(|| value.parse().ok())?
    });
    let length: usize = length.unwrap_or(0);
    method == "HEAD" || body.len() >= length
}
