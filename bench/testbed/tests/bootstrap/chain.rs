//! Both sidecars in a row, as a client of a mesh has them: what is asked of the one, in plaintext,
//! is asked of the workload by the other, and what lies between them is as the mode has it.

use std::collections::BTreeMap;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::Path;
use std::time::Duration;

use policy::MtlsMode;
use testbed::envoy::bootstrap::counters::{Counter, negotiated};
use testbed::envoy::bootstrap::{AuthorizationFilters, Listener, Protocol};

use super::envoy::{self, Credentials, Running};
use super::fixtures::{self, NAMESPACE, id};
use super::origin;

/// One listener of a running Envoy.
struct Seen<'s> {
    counters: &'s BTreeMap<String, u64>,
    prefix: String,
}

impl Seen<'_> {
    fn count(&self, counter: Counter) -> u64 {
        self.named(&counter.name(&self.prefix))
    }

    /// A counter that was never raised is not there.
    fn named(&self, name: &str) -> u64 {
        self.counters.get(name).copied().unwrap_or(0)
    }
}

fn started(
    program: &Path,
    folder: &Path,
    listeners: BTreeMap<String, Listener>,
) -> (Running, BTreeMap<String, SocketAddr>, BTreeMap<String, String>) {
    let process = fixtures::process(folder, listeners);
    let prefixes = process.listeners.iter().map(|(name, one)| (name.clone(), one.prefix(name)));
    let prefixes: BTreeMap<String, String> = prefixes.collect();
    let running = Running::start(program, &process, folder);
    let by_prefix = running.ports();
    let ports = prefixes.iter().map(|(name, prefix)| (name.clone(), by_prefix[prefix])).collect();
    (running, ports, prefixes)
}

#[test]
fn what_lies_between_two_sidecars_is_as_the_mode_has_it() {
    let Some(program) = envoy::program() else { return };
    let credentials = Credentials::fresh();
    let folders = [(); 2].map(|()| tempfile::tempdir().expect("a folder"));
    let [server_folder, client_folder] = [folders[0].path(), folders[1].path()];
    credentials.write(server_folder, &id(NAMESPACE, "server"));
    credentials.write(client_folder, &id(NAMESPACE, "client"));
    let upstream = origin::start();
    let modes = [
        ("disable", MtlsMode::Disable),
        ("permissive", MtlsMode::Permissive),
        ("strict", MtlsMode::Strict),
    ];
    let inbound = modes.map(|(name, mode)| {
        let none = AuthorizationFilters::none(Protocol::Http);
        (name.to_owned(), Listener { upstream, ..fixtures::inbound(server_folder, mode, none) })
    });
    let (server, server_ports, server_prefixes) =
        started(&program, server_folder, BTreeMap::from(inbound));
    let outbound = |account, to: &str| {
        let listener = fixtures::outbound(client_folder, account);
        Listener { upstream: server_ports[to], ..listener }
    };
    let outbound = BTreeMap::from([
        ("disable".to_owned(), outbound(None, "disable")),
        ("permissive".to_owned(), outbound(Some("server"), "permissive")),
        ("strict".to_owned(), outbound(Some("server"), "strict")),
        ("plaintext".to_owned(), outbound(None, "strict")),
        ("impostor".to_owned(), outbound(Some("somebody-else"), "strict")),
    ]);
    let (client, client_ports, client_prefixes) = started(&program, client_folder, outbound);

    for (name, expected) in [
        ("disable", "200"),
        ("permissive", "200"),
        ("strict", "200"),
        ("plaintext", "503"),
        ("impostor", "503"),
    ] {
        let status = ask(client_ports[name]);
        assert_eq!(status, expected, "{name}");
    }
    let (at_server, at_client) = (server.counters(), client.counters());
    for (name, mode) in modes {
        let here = Seen { counters: &at_server, prefix: server_prefixes[name].clone() };
        let there = Seen { counters: &at_client, prefix: client_prefixes[name].clone() };
        let mtls = u64::from(mode != MtlsMode::Disable);
        assert_eq!(here.count(Counter::Requests), 1, "{name}");
        assert_eq!(here.count(Counter::Answers2xx), 1, "{name}");
        assert_eq!(there.count(Counter::Requests), 1, "{name}");
        assert_eq!(there.count(Counter::Retries), 0, "{name}");
        assert_eq!(there.count(Counter::UpstreamHandshakes), mtls, "{name}");
        let [versions, _, groups] = negotiated(&here.prefix);
        assert_eq!(here.named(&format!("{versions}TLSv1.3")), mtls, "{name}");
        assert_eq!(here.named(&format!("{groups}X25519")), mtls, "{name}");
    }
    let strict = Seen { counters: &at_server, prefix: server_prefixes["strict"].clone() };
    assert!(strict.count(Counter::NoFilterChain) >= 1, "plaintext found a chain");
    let impostor = Seen { counters: &at_client, prefix: client_prefixes["impostor"].clone() };
    assert!(impostor.count(Counter::UpstreamUnknownIds) >= 1, "{at_client:#?}");
}

/// The status of an answer.
fn ask(address: SocketAddr) -> String {
    let mut stream = TcpStream::connect(address).expect("somebody listens");
    stream.set_read_timeout(Some(Duration::from_secs(5))).expect("a socket");
    stream.write_all(b"GET /x HTTP/1.1\r\nhost: server.bench\r\n\r\n").expect("writable");
    let mut first = [0; 12];
    stream.read_exact(&mut first).expect("an answer");
    String::from_utf8_lossy(&first[9..]).into_owned()
}
