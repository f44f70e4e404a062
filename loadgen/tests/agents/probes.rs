//! A posture proven from three places: agents as processes of their own stand where pods would, one
//! behind the client's sidecar, one behind a sidecar of another identity, and one behind none.

use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Write};
use std::net::{Ipv4Addr, SocketAddr};
use std::path::Path;
use std::process::{Child, ChildStdin, ChildStdout, Stdio};
use std::time::Duration;

use bench::seams::Probe;
use identity::{Authority, SpiffeId, TlsMaterial, TlsVersion, TrustDomain, Validity};
use loadgen::agent::asker::Asker;
use loadgen::agent::credentials::RunAuthority;
use loadgen::agent::fleet::AgentAt;
use loadgen::agent::message::{ProbeOrder, RequestOrder};
use scenarios::library;
use scenarios::parts::{CLIENT, HOST, NAMESPACE, SERVER, TRUST_DOMAIN};
use scenarios::scenario::Scenario;
use scenarios::variant::Variant;
use serde::Serialize;
use sidecar::{
    ClientRoute, ClientSetup, Mode, OriginRoute, OriginSetup, Ready, ServerRoute, ServerSetup,
    Stats,
};
use testbed::kind::proof::{Asked, Call, Place, asked, judge};

use crate::command::agent;
use crate::rig::authority;
use crate::support::loadgen;

/// The one route of all parts.
const ROUTE: &str = "measured";
const OTHER: &str = "other";

/// A part of the subject; dropped, it ends.
struct Part {
    child: Child,
    input: ChildStdin,
    output: BufReader<ChildStdout>,
    address: SocketAddr,
}

impl Part {
    fn start(dir: &Path, role: &str, setup: &impl Serialize) -> Self {
        let mut command = loadgen(dir, &["subject", role]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().expect("it starts");
        let mut input = child.stdin.take().expect("piped");
        let mut output = BufReader::new(child.stdout.take().expect("piped"));
        writeln!(input, "{}", serde_json::to_string(setup).expect("JSON")).expect("it reads");
        let mut line = String::new();
        output.read_line(&mut line).expect("a line");
        let ready: Ready = serde_json::from_str(&line).expect("ready");
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, ready.ready[ROUTE]));
        Self { child, input, output, address }
    }

    /// What arrived since it was last asked.
    fn arrived(&mut self) -> bool {
        writeln!(self.input, "stats").expect("it reads");
        let mut line = String::new();
        self.output.read_line(&mut line).expect("a line");
        let stats: Stats = serde_json::from_str(&line).expect("stats");
        let seen = &stats.stats[ROUTE];
        seen.requests + seen.echoes > 0
    }
}

impl Drop for Part {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Origin, its sidecar, and the sidecars of the client and of somebody else.
struct Mesh {
    origin: Part,
    server: Part,
    client: Part,
    other: Part,
}

impl Mesh {
    fn start(dir: &Path, mode: Mode) -> Self {
        let origin = Part::start(
            dir,
            "origin",
            &OriginSetup {
                cores: Vec::new(),
                address: Ipv4Addr::LOCALHOST,
                body_bytes: 2,
                routes: vec![OriginRoute { name: ROUTE.to_owned(), stall: None }],
            },
        );
        let domain = TrustDomain::new(TRUST_DOMAIN).expect("a domain");
        let validity = Validity::starting(testbed::deadline::today(), Duration::from_secs(3600));
        let ca = Authority::new(&domain, validity).expect("a CA");
        let id = |account| SpiffeId::new(domain.clone(), NAMESPACE, account).expect("an id");
        let own = |account| TlsMaterial {
            identity: ca.issue(&id(account), validity).expect("a certificate"),
            roots_pem: ca.roots_pem(),
            trust_domain: domain.clone(),
            version: TlsVersion::V1_3,
        };
        let route = ServerRoute {
            name: ROUTE.to_owned(),
            upstream: origin.address,
            mode,
            delay: None,
            rules: None,
        };
        let (cores, tls) = (Vec::new(), Some(own(SERVER)));
        let server = Part::start(dir, "server", &ServerSetup { cores, tls, routes: vec![route] });
        let caller = |account| {
            let mtls_to = (mode != Mode::Disable).then(|| id(SERVER));
            let route = ClientRoute { name: ROUTE.to_owned(), upstream: server.address, mtls_to };
            let (cores, tls) = (Vec::new(), Some(own(account)));
            Part::start(dir, "client", &ClientSetup { cores, tls, routes: vec![route] })
        };
        let (client, other) = (caller(CLIENT), caller(OTHER));
        Self { origin, server, client, other }
    }

    /// Where the server is, as seen from there.
    fn seen_from(&self, place: &Place) -> SocketAddr {
        match place {
            Place::Client => self.client.address,
            Place::Outside => self.server.address,
            Place::As { .. } => self.other.address,
        }
    }
}

/// Agents by the place where they stand.
struct Agents {
    authority: RunAuthority,
    started: BTreeMap<Place, (Child, AgentAt)>,
}

impl Agents {
    fn start(dir: &Path) -> Self {
        let (namespace, account) = (NAMESPACE.to_owned(), OTHER.to_owned());
        let places = [Place::Client, Place::Outside, Place::As { namespace, account }];
        let authority = authority();
        let started = places.into_iter().zip(1..).map(|(place, number)| {
            let name = format!("agent-{number}");
            let document = authority.agent(&name).expect("a plain name");
            std::fs::write(dir.join(format!("{name}.json")), document).expect("written");
            let (child, address) = agent(dir, &[&format!("--credentials={name}.json")]);
            (place, (child, AgentAt { name, address }))
        });
        let started = started.collect();
        Self { authority, started }
    }

    /// One question at a time, since the origin's count says what became of it.
    fn probe(&self, mesh: &mut Mesh, call: &Call) -> Probe {
        let (_, at) = &self.started[&call.from];
        let mut asker = Asker::connect(at, &self.authority.coordinator()).expect("it listens");
        mesh.origin.arrived();
        let observed = asker.ask(ProbeOrder {
            address: mesh.seen_from(&call.from),
            host: HOST.to_owned(),
            request: RequestOrder::of(&call.request),
            claims: call.claims,
            impostor: call.impostor.clone(),
        });
        let observed = observed.expect("it asks");
        asker.leave();
        judge(call, &observed, mesh.origin.arrived())
    }
}

impl Drop for Agents {
    fn drop(&mut self) {
        for (child, _) in self.started.values_mut() {
            // It may have ended by itself.
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn scenario() -> Scenario {
    library::find("strict-mtls", Path::new("/")).expect("built in").scenario
}

fn variant(scenario: &Scenario, name: &str) -> Variant {
    let found = scenario.variants.iter().find(|variant| variant.name.as_str() == name);
    found.expect("it is there").clone()
}

#[test]
fn every_posture_is_proven_from_the_places_that_it_speaks_of() {
    let dir = tempfile::tempdir().expect("a folder");
    let (scenario, agents) = (scenario(), Agents::start(dir.path()));
    for (name, mode, places) in [
        ("strict", Mode::Strict, 3),
        ("permissive", Mode::Permissive, 3),
        ("sidecar-plaintext", Mode::Disable, 2),
    ] {
        let mut mesh = Mesh::start(dir.path(), mode);
        let Asked { calls, .. } =
            asked(&variant(&scenario, name), &scenario.load.requests, NAMESPACE);
        let mut from: Vec<&Place> = calls.iter().map(|call| &call.from).collect();
        from.sort();
        from.dedup();
        assert_eq!(from.len(), places, "{name}: {from:?}");
        for call in &calls {
            let probe = agents.probe(&mut mesh, call);
            assert!(probe.holds, "{name}: {probe:?}");
        }
    }
}

#[test]
fn a_mesh_that_lets_in_more_than_the_posture_says_is_found_from_outside() {
    let dir = tempfile::tempdir().expect("a folder");
    let (scenario, agents) = (scenario(), Agents::start(dir.path()));
    let mut mesh = Mesh::start(dir.path(), Mode::Permissive);
    let Asked { calls, .. } =
        asked(&variant(&scenario, "strict"), &scenario.load.requests, NAMESPACE);
    let probes: Vec<Probe> = calls.iter().map(|call| agents.probe(&mut mesh, call)).collect();
    let failed: Vec<&Probe> = probes.iter().filter(|probe| !probe.holds).collect();
    let [plaintext] = failed.as_slice() else { panic!("one claim does not hold: {failed:?}") };
    assert_eq!(plaintext.claim, "plaintext is refused");
    assert!(plaintext.observed.contains("reached the origin"), "{plaintext:?}");
}

#[test]
fn an_agent_asks_nobody_beyond_its_limits_and_no_broken_question() {
    let dir = tempfile::tempdir().expect("a folder");
    let agents = Agents::start(dir.path());
    let (_, at) = &agents.started[&Place::Client];
    let request = RequestOrder::of(&scenario().load.requests[0].request);
    let order = ProbeOrder {
        address: "192.0.2.1:80".parse().expect("an address"),
        host: HOST.to_owned(),
        request: request.clone(),
        claims: false,
        impostor: None,
    };
    let here: SocketAddr = "127.0.0.1:9".parse().expect("an address");
    let split = RequestOrder { path: "/ HTTP/1.1\r\nx: y".to_owned(), ..request };
    for (order, expected) in [
        (order.clone(), "without --any-target"),
        (ProbeOrder { address: here, request: split, ..order.clone() }, "an absolute path"),
        (ProbeOrder { address: here, impostor: Some("nobody".to_owned()), ..order }, "nobody: "),
    ] {
        let mut asker = Asker::connect(at, &agents.authority.coordinator()).expect("it listens");
        let refused = asker.ask(order).expect_err("it is not asked").to_string();
        assert!(refused.contains("agent-1 at ") && refused.contains(expected), "{refused}");
    }
}
