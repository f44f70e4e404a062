//! The embedded testbed whole: three processes, real sockets, real TLS, every posture.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::collections::BTreeMap;
use std::fs;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::time::Duration;

use bench::record::Placement;
use bench::seams::{Endpoint, MemoryTestbed, Proof, Testbed, WorkSeen};
use rustix::process::{Pid, Signal, kill_process};
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::posture::{Expected, Posture};
use scenarios::scenario::{Design, Gates, Margin, Scenario};
use scenarios::units::{Percent, RatePerSecond};
use scenarios::variant::{Planted, Proxies, Variant, VariantName};
use testbed::child::Program;
use testbed::embedded::Embedded;

const CLIENT: &str = "spiffe://cluster.local/ns/loadgen-bench/sa/client";

fn subject() -> Program {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let path = target.join("examples").join("testbed_subject");
    assert!(path.exists(), "not built: {}; run the package's tests whole", path.display());
    Program { path, args: vec!["subject".to_owned()] }
}

fn name(text: &str) -> VariantName {
    VariantName(text.to_owned())
}

fn posture(plaintext: Expected, mesh_identity: Expected, on_path: bool) -> Posture {
    Posture {
        plaintext,
        mesh_identity: Some(mesh_identity),
        foreign_ca: Some(Expected::Refused),
        foreign_trust_domain: Some(Expected::Refused),
        measured_path_has_identity: on_path,
        calls: Vec::new(),
    }
}

fn variant(text: &str, policies: &[&str], posture: Posture) -> Variant {
    Variant {
        name: name(text),
        title: text.to_owned(),
        proxies: Proxies::Sidecars,
        policies: policies.iter().map(|path| (*path).to_owned()).collect(),
        posture,
        planted: None,
    }
}

fn peer_authentication(mode: &str) -> String {
    format!(
        "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\nmetadata:\n  name: default\n  \
         namespace: loadgen-bench\nspec:\n  mtls:\n    mode: {mode}\n"
    )
}

fn scenario(variants: Vec<Variant>) -> Scenario {
    let second = Duration::from_secs(1);
    let modes = ["DISABLE", "PERMISSIVE", "STRICT"];
    let mut policies: BTreeMap<String, String> = modes
        .iter()
        .map(|mode| (format!("{}.yaml", mode.to_lowercase()), peer_authentication(mode)))
        .collect();
    policies.insert(
        "authorization.yaml".to_owned(),
        "apiVersion: security.istio.io/v1\nkind: AuthorizationPolicy\n\
         metadata: {name: a, namespace: loadgen-bench}\n\
         spec:\n  rules:\n  - from:\n    - source: {ipBlocks: [10.0.0.0/8]}\n"
            .to_owned(),
    );
    Scenario {
        name: "test".to_owned(),
        version: 1,
        title: String::new(),
        question: String::new(),
        load: LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(1.0).unwrap(),
            connections: 1,
            max_in_flight: 1,
            timeout: second,
            warm_up: second,
            duration: second,
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            })],
        },
        design: Design {
            blocks: 1,
            control: variants[0].name.clone(),
            margin: Margin { percent: Percent::new(1.0).unwrap(), at_least_us: 1.0 },
        },
        gates: Gates::default(),
        variants,
        comparisons: Vec::new(),
        meshes: Vec::new(),
        testbeds: BTreeMap::new(),
        memory: None,
        article: Vec::new(),
        policies,
    }
}

fn three_modes() -> Vec<Variant> {
    use Expected::{Accepted, Refused};
    vec![
        variant("one", &["disable.yaml"], posture(Accepted, Refused, false)),
        variant("two", &["permissive.yaml"], posture(Accepted, Accepted, true)),
        variant("three", &["strict.yaml"], posture(Refused, Accepted, true)),
        Variant {
            proxies: Proxies::None,
            ..variant("four", &[], posture(Accepted, Refused, false))
        },
    ]
}

struct Place {
    embedded: Embedded,
    scenario: Scenario,
    logs: PathBuf,
    _folder: tempfile::TempDir,
}

fn unpinned() -> Placement {
    Placement { generator: Vec::new(), subject: Vec::new(), shared: true }
}

fn place(variants: Vec<Variant>) -> Place {
    let folder = tempfile::tempdir().unwrap();
    let logs = folder.path().join("logs");
    let scenario = scenario(variants);
    let names: Vec<VariantName> = scenario.variants.iter().map(|one| one.name.clone()).collect();
    let embedded = Embedded::new(subject(), &scenario, &names, unpinned(), logs.clone()).unwrap();
    Place { embedded, scenario, logs, _folder: folder }
}

impl Place {
    fn prove(&mut self, text: &str) -> Proof {
        let variant = self.scenario.variant(&name(text)).unwrap();
        self.embedded.prove(variant, 1).unwrap()
    }

    fn get(&mut self, text: &str) -> String {
        get(&self.embedded.endpoint(&name(text)).unwrap())
    }

    fn children(&self, role: &str) -> Vec<Pid> {
        processes(role, &self.logs)
    }
}

/// The processes of that role whose log is in the folder.
fn processes(role: &str, logs: &Path) -> Vec<Pid> {
    let mut found = Vec::new();
    for entry in fs::read_dir("/proc").unwrap().flatten() {
        let Ok(pid) = entry.file_name().to_string_lossy().parse::<i32>() else { continue };
        let command = fs::read(entry.path().join("cmdline")).unwrap_or_default();
        let last = command.split(|byte| *byte == 0).rfind(|part| !part.is_empty());
        let log = fs::read_link(entry.path().join("fd/2")).unwrap_or_default();
        if last == Some(role.as_bytes()) && log.starts_with(logs) {
            found.extend(Pid::from_raw(pid));
        }
    }
    found
}

fn get(endpoint: &Endpoint) -> String {
    let mut stream = TcpStream::connect(endpoint.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let host = &endpoint.host;
    write!(stream, "GET / HTTP/1.1\r\nhost: {host}\r\nconnection: close\r\n\r\n").unwrap();
    let mut answer = String::new();
    let _ = stream.read_to_string(&mut answer);
    answer
}

#[test]
fn each_mode_is_proven_by_calls_of_every_kind_and_the_mode_comes_from_the_policies() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    for (text, probes, peer) in
        [("one", 5, None), ("two", 5, Some(CLIENT)), ("three", 5, Some(CLIENT)), ("four", 1, None)]
    {
        let proof = place.prove(text);
        assert!(proof.holds(), "{proof:#?}");
        assert_eq!(proof.probes.len(), probes);
        assert_eq!(proof.peer_identity.as_deref(), peer);
    }
    assert!(place.embedded.subject().tls.unwrap().starts_with("TLSv1_3 "));
    place.embedded.tear_down().unwrap();
}

#[test]
fn a_proof_says_in_words_what_was_observed() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    let proof = place.prove("three");
    let said: Vec<(&str, &str)> =
        proof.probes.iter().map(|probe| (&*probe.claim, &*probe.observed)).collect();
    let seen = format!("200 from the origin, which saw {CLIENT}");
    assert_eq!(
        said,
        [
            ("plaintext is refused", "connection closed without an answer"),
            ("mTLS with the mesh's identity is accepted", &*seen),
            (
                "mTLS with the same SPIFFE id from a foreign CA is refused",
                "TLS alert: decrypt error"
            ),
            (
                "mTLS with a certificate of the mesh's CA for another trust domain is refused",
                "TLS alert: certificate unknown"
            ),
            ("the measured path reaches the origin with the client's identity", &*seen),
        ]
    );
}

#[test]
fn a_posture_that_the_policies_do_not_give_is_not_proven() {
    use Expected::{Accepted, Refused};
    let mut place = place(vec![
        variant("strict-by-name", &["permissive.yaml"], posture(Refused, Accepted, true)),
        variant("open-by-name", &["strict.yaml"], posture(Accepted, Accepted, true)),
        variant("mtls-by-name", &["disable.yaml"], posture(Accepted, Accepted, true)),
    ]);
    place.embedded.begin_block(1).unwrap();
    for (text, wrong) in [
        ("strict-by-name", vec!["plaintext is refused"]),
        ("open-by-name", vec!["plaintext is accepted"]),
        (
            "mtls-by-name",
            vec![
                "mTLS with the mesh's identity is accepted",
                "the measured path reaches the origin with the client's identity",
            ],
        ),
    ] {
        let proof = place.prove(text);
        let failed: Vec<&str> = proof
            .probes
            .iter()
            .filter(|probe| !probe.holds)
            .map(|probe| probe.claim.as_str())
            .collect();
        assert_eq!(failed, wrong);
    }
}

#[test]
fn the_work_seen_is_the_variants_own_since_the_last_call_and_without_probes() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    place.prove("three");
    assert_eq!(place.embedded.work_seen(&name("three")).unwrap(), WorkSeen::default());
    for _ in 0..3 {
        assert!(place.get("three").starts_with("HTTP/1.1 200 OK"));
    }
    assert!(place.get("four").starts_with("HTTP/1.1 200 OK"));
    // The proof of another variant, or of the same one, leaves what was counted as it is.
    place.prove("two");
    place.prove("three");
    let seen = place.embedded.work_seen(&name("three")).unwrap();
    let expected = WorkSeen {
        requests_at_origin: 3,
        handshakes_full: 3,
        handshakes_resumed: 0,
        peers: vec![CLIENT.to_owned()],
        ..WorkSeen::default()
    };
    assert_eq!(seen, expected);
    let direct = place.embedded.work_seen(&name("four")).unwrap();
    assert_eq!(direct, WorkSeen { requests_at_origin: 1, ..WorkSeen::default() });
    assert_eq!(place.embedded.work_seen(&name("three")).unwrap(), WorkSeen::default());
}

#[test]
fn a_twin_is_its_original() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    let [original, twin] =
        [name("two"), name("two").twin()].map(|variant| place.embedded.endpoint(&variant).unwrap());
    assert_eq!(original, twin);
}

#[test]
fn each_block_has_new_processes_and_none_is_left_after_the_end() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    let first = place.children("server");
    place.embedded.begin_block(2).unwrap();
    let second = place.children("server");
    assert_eq!((first.len(), second.len()), (1, 1));
    assert_ne!(first, second);
    place.embedded.tear_down().unwrap();
    for role in ["origin", "server", "client"] {
        assert_eq!(place.children(role), []);
    }
    assert!(place.logs.join("block-0002-server.log").exists());
}

#[test]
fn a_testbed_that_is_dropped_leaves_no_process() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    let Place { embedded, logs, _folder, .. } = place;
    drop(embedded);
    for role in ["origin", "server", "client"] {
        assert_eq!(processes(role, &logs), []);
    }
}

#[test]
fn a_child_that_dies_is_an_error_at_the_next_call_with_what_it_said_last() {
    let mut place = place(three_modes());
    place.embedded.begin_block(1).unwrap();
    // Something for the log first: a caller of a foreign CA.
    place.prove("three");
    for pid in place.children("server") {
        kill_process(pid, Signal::KILL).unwrap();
    }
    // The kernel tells us in its own time; until then the control channel does.
    let error = (0..2).find_map(|_| place.embedded.work_seen(&name("three")).err()).unwrap();
    assert_eq!(error.testbed, "embedded");
    assert!(error.problem.contains("ended by signal 9"), "{error:?}");
    assert!(error.log_tail.iter().any(|line| line.contains("handshake refused")), "{error:?}");
    assert!(place.embedded.endpoint(&name("three")).is_err());
    assert!(place.embedded.prove(place.scenario.variant(&name("two")).unwrap(), 1).is_err());
    // The next block would begin with new processes, and the end is reported as it was.
    assert!(place.embedded.tear_down().is_err());
}

#[test]
fn what_can_not_be_translated_is_refused_by_name() {
    use Expected::{Accepted, Refused};
    let open = posture(Accepted, Accepted, true);
    let delay =
        Planted::Delay { delay: Duration::from_millis(1), share: Percent::new(10.0).unwrap() };
    let direct = posture(Accepted, Refused, false);
    for (variant, named) in [
        (
            variant("a", &["authorization.yaml"], open.clone()),
            "authorization.yaml:7:27: `ipBlocks`: every caller on this machine has the same address",
        ),
        (variant("a", &["missing.yaml"], open), "missing.yaml"),
        (
            Variant { proxies: Proxies::None, ..variant("a", &["strict.yaml"], direct.clone()) },
            "strict.yaml",
        ),
        (
            Variant { proxies: Proxies::None, planted: Some(delay), ..variant("a", &[], direct) },
            "planted delay",
        ),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let scenario = scenario(vec![variant]);
        let logs = folder.path().join("logs");
        let made = Embedded::new(subject(), &scenario, &[name("a")], unpinned(), logs);
        let error = made.err().unwrap();
        assert!(error.problem.contains(named), "{error:?}");
        assert!(error.step.contains("variant a"), "{error:?}");
    }
}

#[test]
fn a_program_that_is_no_subject_is_an_error_with_its_step() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = scenario(three_modes());
    let program = Program {
        path: "/bin/sh".into(),
        args: vec!["-c".to_owned(), "echo no idea >&2; exit 2".to_owned()],
    };
    let logs = folder.path().join("logs");
    let mut embedded = Embedded::new(program, &scenario, &[name("one")], unpinned(), logs).unwrap();
    let error = embedded.begin_block(1).unwrap_err();
    assert_eq!(error.step, "start the origin");
    assert!(error.problem.contains("exit code 2"), "{error:?}");
    assert_eq!(error.log_tail, ["no idea"]);
}

#[test]
fn every_built_in_scenario_holds_what_it_claims_of_its_embedded_variants() {
    for (title, scenario) in scenarios::library::list() {
        let scenario = scenario.unwrap();
        let Some(scope) = scenario.testbeds.get("embedded") else { continue };
        let folder = tempfile::tempdir().unwrap();
        let logs = folder.path().join("logs");
        let made = Embedded::new(subject(), &scenario, &scope.variants, unpinned(), logs);
        let mut embedded = made.unwrap();
        embedded.begin_block(1).unwrap();
        for name in &scope.variants {
            let proof = embedded.prove(scenario.variant(name).unwrap(), 1).unwrap();
            assert!(proof.holds(), "{title}: {proof:#?}");
        }
        embedded.tear_down().unwrap();
    }
}

/// Of the built-in scenario about memory, the whole ladder without its load.
#[test]
fn policies_come_and_go_while_the_sidecars_run_and_their_memory_is_read() {
    let scenario = scenarios::library::built_in("sidecar-memory").unwrap().unwrap();
    let memory = scenario.memory.as_ref().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unpinned = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
    let logs = folder.path().join("logs");
    for variant in &scenario.variants {
        let names = [variant.name.clone()];
        let mut place =
            Embedded::new(subject(), &scenario, &names, unpinned.clone(), logs.clone()).unwrap();
        let bare = memory.bare(variant);
        place.stand(&bare, 1, 1).unwrap();
        let first = place.sidecars().unwrap().look_after(Duration::ZERO);
        assert_eq!(first.len(), 2);
        for (looks, role) in first.iter().zip(["client sidecar", "server sidecar"]) {
            assert_eq!(looks.sidecar, role);
            assert!(looks.sharing >= 3, "origin and two sidecars run one program: {looks:?}");
            assert!(looks.seen.as_ref().unwrap().iter().all(|held| held.rss_bytes > 0));
        }
        let on_rungs = memory.rungs.iter().map(|rung| rung.on(variant));
        for state in std::iter::once(bare.clone()).chain(on_rungs).chain([bare]) {
            place.change(&state).unwrap();
            let proof = place.prove(&state, 1).unwrap();
            assert!(proof.holds(), "{proof:#?}");
            let now = place.sidecars().unwrap().look_after(Duration::ZERO);
            let processes = |looks: &[bench::memory::Looks]| -> Vec<u32> {
                looks.iter().map(|looks| looks.process).collect()
            };
            assert_eq!(processes(&now), processes(&first), "nothing was started anew");
        }
        place.sidecars().unwrap().watch_after(Duration::ZERO).unwrap();
        let watched = place.sidecars().unwrap().watched().unwrap();
        assert!(watched.iter().all(|looks| looks.seen.is_ok()));
        place.tear_down().unwrap();
        assert!(place.sidecars().is_err());
    }
}

#[test]
fn another_mtls_mode_is_not_told_to_a_running_sidecar() {
    let scenario = scenarios::library::built_in("sidecar-memory").unwrap().unwrap();
    let folder = tempfile::tempdir().unwrap();
    let unpinned = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
    let names: Vec<VariantName> = scenario.variants.iter().map(|one| one.name.clone()).collect();
    let logs = folder.path().join("logs");
    let mut place = Embedded::new(subject(), &scenario, &names, unpinned, logs).unwrap();
    place.stand(&scenario.variants[0], 1, 1).unwrap();
    let error = place.change(&scenario.variants[1]).unwrap_err();
    assert!(error.problem.contains("mTLS mode"), "{error}");
    place.tear_down().unwrap();
}
