//! The testbed of real Envoys whole: every posture, the work that is counted, and that nothing is
//! left. Needs an Envoy: without one each test says that it was skipped, unless LOADGEN_ENVOY_TEST is
//! `required`.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod support;

use std::fs;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::record::Placement;
use bench::seams::{Endpoint, MemoryTestbed, Proof, Testbed};
use rustix::process::{Pid, Signal, kill_process};
use scenarios::library;
use scenarios::scenario::Scenario;
use scenarios::variant::{Planted, VariantName};
use testbed::child::Program;
use testbed::envoy::found::Build;
use testbed::envoy::{Envoy, Programs};

use support::builds;

const CLIENT: &str = "spiffe://cluster.local/ns/loadgen-bench/sa/client";

fn example() -> PathBuf {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let path = target.join("examples").join("testbed_subject");
    assert!(path.exists(), "not built: {}; run the package's tests whole", path.display());
    path
}

fn programs() -> Programs {
    let called = |word: &str| Program { path: example(), args: vec![word.to_owned()] };
    Programs { subject: called("subject"), tether: called("tether") }
}

fn name(text: &str) -> VariantName {
    VariantName(text.to_owned())
}

fn strict_mtls() -> Scenario {
    library::find("strict-mtls", Path::new("/")).unwrap().scenario
}

struct Place {
    envoy: Envoy,
    scenario: Scenario,
    logs: PathBuf,
    _folder: tempfile::TempDir,
}

fn place(scenario: Scenario, builds: Vec<Build>) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let names: Vec<VariantName> = scenario.variants.iter().map(|one| one.name.clone()).collect();
    let unpinned = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
    let what = (&scenario, &names[..]);
    let envoy = Envoy::new(programs(), what, builds, unpinned, logs.clone()).unwrap();
    Place { envoy, scenario, logs, _folder: folder }
}

impl Place {
    fn prove(&mut self, text: &str) -> Proof {
        self.envoy.prove(self.scenario.variant(&name(text)).unwrap(), 1).unwrap()
    }

    fn get(&mut self, text: &str) -> String {
        get(&self.envoy.endpoint(&name(text)).unwrap())
    }
}

/// The processes whose standard error goes to the folder.
fn processes(logs: &Path) -> Vec<(Pid, String)> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let log = fs::read_link(entry.path().join("fd/2")).unwrap_or_default();
        let program = fs::read_to_string(entry.path().join("comm")).unwrap_or_default();
        if log.starts_with(logs) {
            found.extend(Pid::from_raw(pid).map(|pid| (pid, program.trim().to_owned())));
        }
    }
    found
}

fn get(endpoint: &Endpoint) -> String {
    exchange(TcpStream::connect(endpoint.address).unwrap(), "/", &endpoint.host)
}

/// A connection from an address of one's own.
fn connect(from: [u8; 4], to: SocketAddr) -> TcpStream {
    use rustix::net::{AddressFamily, SocketType, bind, connect, socket};
    let socket = socket(AddressFamily::INET, SocketType::STREAM, None).unwrap();
    bind(&socket, &SocketAddr::from((from, 0))).unwrap();
    connect(&socket, &to).unwrap();
    TcpStream::from(socket)
}

fn exchange(mut stream: TcpStream, path: &str, host: &str) -> String {
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

fn failed(proof: &Proof) -> Vec<&str> {
    let failed = proof.probes.iter().filter(|probe| !probe.holds);
    failed.map(|probe| probe.claim.as_str()).collect()
}

#[test]
fn each_posture_is_proven_and_each_refusal_is_by_the_mechanism_that_is_expected() {
    let Some(builds) = builds() else { return };
    let mut place = place(strict_mtls(), builds);
    place.envoy.begin_block(1).unwrap();
    for (text, probes, peer) in [
        ("no-mesh", 1, None),
        ("sidecar-plaintext", 5, None),
        ("permissive", 5, Some(CLIENT)),
        ("strict", 5, Some(CLIENT)),
    ] {
        let proof = place.prove(text);
        assert!(proof.holds(), "{proof:#?}");
        assert_eq!(proof.probes.len(), probes);
        assert_eq!(proof.peer_identity.as_deref(), peer);
    }
    let strict = place.prove("strict");
    let said: Vec<&str> = strict.probes.iter().map(|probe| probe.observed.as_str()).collect();
    for (said, counter) in [
        (said[0], "no_filter_chain_match"),
        (said[2], "fail_verify_error"),
        (said[3], "fail_verify_san"),
    ] {
        assert!(said.contains(&format!("{counter} 1")), "{said}");
    }
    let subject = place.envoy.subject();
    assert_eq!(subject.tls.as_deref(), Some("TLSv1.3 TLS_AES_128_GCM_SHA256 X25519"));
    assert!(subject.version.contains("BoringSSL"), "{subject:?}");
    place.envoy.tear_down().unwrap();
    assert_eq!(processes(&place.logs), []);
}

#[test]
fn enforcement_that_is_turned_off_in_any_one_variant_is_noticed() {
    let Some(builds) = builds() else { return };
    let mut scenario = strict_mtls();
    let strict = scenario.policies["policies/istio/strict.yaml"].clone();
    for (path, mode) in [("disable", "STRICT"), ("permissive", "DISABLE"), ("strict", "PERMISSIVE")]
    {
        let path = format!("policies/istio/{path}.yaml");
        let text = strict.replace("STRICT", mode);
        assert!(scenario.policies.insert(path, text).is_some());
    }
    let mut place = place(scenario, builds);
    place.envoy.begin_block(1).unwrap();
    assert_eq!(failed(&place.prove("strict")), ["plaintext is refused"]);
    for text in ["permissive", "sidecar-plaintext"] {
        let proof = place.prove(text);
        assert!(!failed(&proof).is_empty(), "{proof:#?}");
    }
    assert!(place.prove("no-mesh").holds());
}

#[test]
fn policies_on_requests_are_proven_by_the_counter_of_rules_and_their_refusals_are_counted() {
    let Some(builds) = builds() else { return };
    let mut scenario = library::find("l7-policy", Path::new("/")).unwrap().scenario;
    scenario.variants.retain(|variant| ["strict", "l7-1"].contains(&variant.name.as_str()));
    let mut place = place(scenario, builds);
    place.envoy.begin_block(1).unwrap();
    for text in ["strict", "l7-1"] {
        let proof = place.prove(text);
        assert!(proof.holds(), "{proof:#?}");
    }
    // The usual request of these tests is for `/`, which the policy does not allow.
    place.envoy.work_seen(&name("l7-1")).unwrap();
    assert!(place.get("l7-1").starts_with("HTTP/1.1 403"));
    let seen = place.envoy.work_seen(&name("l7-1")).unwrap();
    assert_eq!((seen.requests_at_origin, seen.requests_denied), (0, Some(1)), "{seen:?}");
    assert_eq!(place.envoy.work_seen(&name("strict")).unwrap().requests_denied, None);
}

#[test]
fn the_nodes_proxy_is_one_process_that_enforces_ciliums_rules_and_counts_what_it_refuses() {
    let Some(builds) = builds() else { return };
    let mut scenario = library::find("l7-policy", Path::new("/")).unwrap().scenario;
    let kept = ["no-mesh", "node-proxy", "node-l7-1", "node-l7-100", "node-l7-1000"];
    scenario.variants.retain(|variant| kept.contains(&variant.name.as_str()));
    let mut place = place(scenario, builds);
    place.envoy.begin_block(1).unwrap();
    let envoys = processes(&place.logs).into_iter().filter(|(_, name)| name.starts_with("envoy"));
    assert_eq!(envoys.count(), 1, "no sidecar is needed");
    for text in kept {
        let proof = place.prove(text);
        assert!(proof.holds(), "{proof:#?}");
        assert_eq!(proof.peer_identity, None);
    }
    // The usual request of these tests is for `/`, which no rule allows.
    place.envoy.work_seen(&name("node-l7-1")).unwrap();
    let answer = place.get("node-l7-1");
    assert!(answer.starts_with("HTTP/1.1 403") && answer.ends_with("Access denied\r\n"));
    let seen = place.envoy.work_seen(&name("node-l7-1")).unwrap();
    assert_eq!((seen.requests_at_origin, seen.requests_denied), (0, Some(1)), "{seen:?}");
    let hops: Vec<(&str, u64, Option<&u64>)> = seen
        .hops
        .iter()
        .map(|hop| (hop.at.as_str(), hop.requests, hop.flags.get("UAEX")))
        .collect();
    assert_eq!(hops, [("node proxy", 1, Some(&1))], "{seen:?}");
    assert!(place.envoy.notes()["envoy_node_proxy"].contains("127.0.0.1"));
}

#[test]
fn the_nodes_proxy_knows_the_client_by_its_address_and_nobody_else() {
    let Some(builds) = builds() else { return };
    let mut scenario = library::find("l7-policy", Path::new("/")).unwrap().scenario;
    scenario.variants.retain(|variant| variant.name.as_str() == "node-l7-1");
    let mut place = place(scenario, builds);
    place.envoy.begin_block(1).unwrap();
    let endpoint = place.envoy.endpoint(&name("node-l7-1")).unwrap();
    let served = |from: [u8; 4]| {
        let stream = connect(from, endpoint.address);
        exchange(stream, "/v1/served", &endpoint.host)
    };
    assert!(served([127, 0, 0, 1]).starts_with("HTTP/1.1 200 OK"));
    assert!(served([127, 0, 0, 2]).starts_with("HTTP/1.1 403"));
}

#[test]
fn rules_that_are_widened_in_any_one_node_are_noticed() {
    let Some(builds) = builds() else { return };
    let mut scenario = library::find("l7-policy", Path::new("/")).unwrap().scenario;
    scenario.variants.retain(|variant| variant.name.as_str().starts_with("node-"));
    for text in scenario.policies.values_mut().filter(|text| text.contains("CiliumNetworkPolicy")) {
        *text = text.replace("path: /v1/.*", "path: /.*");
        *text = text.replace("{method: GET, path: /v1/served}", "{path: /v1/.*}");
    }
    let mut place = place(scenario, builds);
    place.envoy.begin_block(1).unwrap();
    assert_eq!(
        failed(&place.prove("node-proxy")),
        ["GET /v2/served on the measured path is refused"]
    );
    for text in ["node-l7-1", "node-l7-100", "node-l7-1000"] {
        let proof = place.prove(text);
        assert_eq!(failed(&proof).len(), 3, "{proof:#?}");
    }
}

#[test]
fn the_work_seen_is_the_variants_own_since_the_last_call_and_without_probes() {
    let Some(builds) = builds() else { return };
    let mut place = place(strict_mtls(), builds);
    place.envoy.begin_block(1).unwrap();
    place.prove("strict");
    let none = place.envoy.work_seen(&name("strict")).unwrap();
    assert_eq!(none.requests_at_origin, 0);
    assert!(none.hops.iter().all(|hop| hop.requests == 0), "{none:?}");
    for _ in 0..3 {
        assert!(place.get("strict").starts_with("HTTP/1.1 200 OK"));
    }
    assert!(place.get("permissive").starts_with("HTTP/1.1 200 OK"));
    // The proof of another variant, or of the same one, leaves what was counted as it is.
    place.prove("permissive");
    place.prove("strict");
    let seen = place.envoy.work_seen(&name("strict")).unwrap();
    assert_eq!(seen.requests_at_origin, 3);
    let hops: Vec<(&str, u64, u64, Option<&u64>)> = seen
        .hops
        .iter()
        .map(|hop| (hop.at.as_str(), hop.requests, hop.sent_again, hop.answers.get("2xx")))
        .collect();
    assert_eq!(
        hops,
        [("client sidecar", 3, 0, Some(&3)), ("server sidecar", 3, 0, Some(&3))],
        "{seen:?}"
    );
    assert!(place.get("no-mesh").starts_with("HTTP/1.1 200 OK"));
    let direct = place.envoy.work_seen(&name("no-mesh")).unwrap();
    assert_eq!((direct.requests_at_origin, direct.hops.len()), (1, 0));
}

#[test]
fn each_block_has_new_processes_and_none_is_left_however_it_ends() {
    let Some(builds) = builds() else { return };
    let mut place = place(strict_mtls(), builds);
    place.envoy.begin_block(1).unwrap();
    let first = processes(&place.logs);
    place.envoy.begin_block(2).unwrap();
    let second = processes(&place.logs);
    assert_eq!((first.len(), second.len()), (3, 3), "{first:?} {second:?}");
    assert!(first.iter().all(|one| !second.contains(one)));
    let Place { envoy, logs, _folder, .. } = place;
    drop(envoy);
    assert_eq!(processes(&logs), []);
    let told = fs::read_dir(&logs).unwrap().flatten().map(|entry| entry.file_name());
    let told: Vec<String> = told.map(|name| name.to_string_lossy().into_owned()).collect();
    assert!(told.iter().any(|name| name.starts_with("server-envoy-") && name.ends_with(".json")));
}

#[test]
fn an_envoy_that_dies_is_an_error_at_the_next_call() {
    let Some(builds) = builds() else { return };
    let mut place = place(strict_mtls(), builds);
    place.envoy.begin_block(1).unwrap();
    for (pid, program) in processes(&place.logs) {
        if program.starts_with("envoy") {
            kill_process(pid, Signal::KILL).unwrap();
        }
    }
    // The kernel tells us in its own time; until then the administration interface does.
    let error = (0..3).find_map(|_| place.envoy.work_seen(&name("strict")).err()).unwrap();
    assert_eq!(error.testbed, "envoy");
    assert!(error.step.contains("sidecar"), "{error:?}");
    assert!(place.envoy.prove(place.scenario.variant(&name("permissive")).unwrap(), 1).is_err());
    assert!(place.envoy.tear_down().is_err());
}

#[test]
fn an_envoy_that_does_not_start_says_why() {
    let Some(builds) = builds() else { return };
    let folder = tempfile::tempdir().unwrap();
    // Answers as Envoy does when it is told something that it does not know.
    let path = folder.path().join("envoy");
    fs::write(&path, "#!/bin/sh\necho 'error: no such field: x has unknown fields' >&2\nexit 1\n")
        .unwrap();
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    fs::set_permissions(&path, mode).unwrap();
    let broken = Build { path, ..builds[0].clone() };
    let mut place = place(strict_mtls(), vec![broken]);
    let error = place.envoy.begin_block(1).unwrap_err();
    assert!(error.step.starts_with("start the server sidecar, Envoy "), "{error:?}");
    assert!(error.problem.contains("exit code 1") && error.problem.contains("unknown fields"));
    assert!(error.hint.contains("too old"), "{error:?}");
    assert_eq!(processes(&place.logs), []);
}

#[test]
fn what_can_not_be_translated_is_refused_by_name() {
    let Some(builds) = builds() else { return };
    let mut scenario = strict_mtls();
    let delay = Planted::Delay {
        delay: Duration::from_micros(100),
        share: scenarios::units::Percent::new(10.0).unwrap(),
    };
    scenario.variants[3].planted = Some(delay);
    let folder = tempfile::tempdir().unwrap();
    let unpinned = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
    let names = [name("strict")];
    let logs = folder.path().join("logs");
    let made = Envoy::new(programs(), (&scenario, &names), builds, unpinned, logs);
    let error = made.err().unwrap();
    assert!(error.problem.contains("planted delay") && error.step.contains("variant strict"));
}

/// Of the built-in scenario about memory, the whole ladder without its load.
#[test]
fn policies_come_and_go_while_the_envoys_run_and_their_memory_is_read() {
    let Some(builds) = builds() else { return };
    let scenario = library::built_in("sidecar-memory").unwrap().unwrap();
    let memory = scenario.memory.clone().unwrap();
    for variant in &scenario.variants {
        let mut place = place(scenario.clone(), builds.clone());
        let bare = memory.bare(variant);
        place.envoy.stand(&bare, 1, 1).unwrap();
        let first = place.envoy.sidecars().unwrap().look_after(Duration::ZERO);
        assert_eq!(first.len(), 2);
        for looks in &first {
            assert!(looks.sharing >= 2, "{looks:?}");
            let seen = looks.seen.as_ref().unwrap();
            assert!(seen.iter().all(|held| held.rss_bytes > 10 << 20), "{looks:?}");
        }
        let on_rungs = memory.rungs.iter().map(|rung| rung.on(variant));
        for state in std::iter::once(bare.clone()).chain(on_rungs).chain([bare]) {
            place.envoy.change(&state).unwrap();
            let proof = place.envoy.prove(&state, 1).unwrap();
            assert!(proof.holds(), "{proof:#?}");
        }
        let last = place.envoy.sidecars().unwrap().look_after(Duration::ZERO);
        for (first, last) in first.iter().zip(&last) {
            assert_eq!(first.process, last.process, "nothing was started anew");
        }
        place.envoy.tear_down().unwrap();
        assert_eq!(processes(&place.logs), Vec::new());
    }
}
