//! Policies on requests, enforced by the embedded testbed's proxies: what is proven, what is counted,
//! and what happens when nothing is enforced.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::io::{Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::time::Duration;

use bench::record::Placement;
use bench::seams::{Endpoint, Testbed, WorkSeen};
use scenarios::library;
use scenarios::scenario::Scenario;
use scenarios::variant::{Proxies, VariantName};
use testbed::child::Program;
use testbed::embedded::Embedded;

fn subject() -> Program {
    let test = std::env::current_exe().unwrap();
    let target = test.parent().and_then(Path::parent).unwrap();
    let path = target.join("examples").join("testbed_subject");
    assert!(path.exists(), "not built: {}; run the package's tests whole", path.display());
    Program { path, args: vec!["subject".to_owned()] }
}

fn scenario() -> Scenario {
    library::built_in("l7-policy").unwrap().unwrap()
}

fn begun(scenario: &Scenario, names: &[&str]) -> (Embedded, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let names: Vec<VariantName> = names.iter().map(|name| VariantName((*name).into())).collect();
    let placement = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
    let logs = folder.path().join("logs");
    let mut embedded = Embedded::new(subject(), scenario, &names, placement, logs).unwrap();
    embedded.begin_block(1).unwrap();
    (embedded, folder)
}

/// The answers to these paths, one after another on one connection.
fn get(endpoint: &Endpoint, paths: &[&str]) -> Vec<String> {
    let mut stream = TcpStream::connect(endpoint.address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let mut answers = Vec::new();
    for (index, path) in paths.iter().enumerate() {
        let end = if index + 1 == paths.len() { "close" } else { "keep-alive" };
        let host = &endpoint.host;
        write!(stream, "GET {path} HTTP/1.1\r\nhost: {host}\r\nconnection: {end}\r\n\r\n").unwrap();
        let mut answer = Vec::new();
        let mut buffer = [0_u8; 4096];
        // Both kinds of answers have a body that ends where their length says.
        while !whole(&answer) {
            let count = stream.read(&mut buffer).unwrap();
            assert!(count > 0, "the connection ended early");
            answer.extend_from_slice(&buffer[..count]);
        }
        answers.push(String::from_utf8(answer).unwrap());
    }
    answers
}

fn whole(answer: &[u8]) -> bool {
    let text = String::from_utf8_lossy(answer);
    let Some((head, body)) = text.split_once("\r\n\r\n") else { return false };
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: "));
    body.len() >= length.unwrap().parse::<usize>().unwrap()
}

#[test]
fn refusals_are_counted_and_answered_as_the_imitated_proxy_does_and_the_connection_is_kept() {
    let scenario = scenario();
    let (mut embedded, _folder) = begun(&scenario, &["l7-1", "node-l7-100"]);
    for (name, body, peers) in [
        ("l7-1", "RBAC: access denied", vec!["spiffe://cluster.local/ns/loadgen-bench/sa/client"]),
        ("node-l7-100", "Access denied\r\n", vec![]),
    ] {
        let name = VariantName(name.to_owned());
        // What the probes did is not counted.
        assert!(embedded.prove(scenario.variant(&name).unwrap(), 1).unwrap().holds());
        embedded.work_seen(&name).unwrap();
        let endpoint = embedded.endpoint(&name).unwrap();
        let answers = get(&endpoint, &["/v1/forbidden", "/v1/served", "/v1/served"]);
        assert!(answers[0].starts_with("HTTP/1.1 403 "), "{}", answers[0]);
        assert!(answers[0].ends_with(body), "{}", answers[0]);
        assert!(answers[1..].iter().all(|answer| answer.starts_with("HTTP/1.1 200 ")));
        let seen = embedded.work_seen(&name).unwrap();
        let expected = WorkSeen {
            requests_at_origin: 2,
            handshakes_full: u64::from(!peers.is_empty()),
            peers: peers.into_iter().map(str::to_owned).collect(),
            requests_allowed: Some(2),
            requests_denied: Some(1),
            ..WorkSeen::default()
        };
        assert_eq!(seen, expected);
    }
    embedded.tear_down().unwrap();
}

#[test]
fn where_nothing_is_enforced_the_posture_is_not_proven() {
    let mut scenario = scenario();
    let mut ruled = Vec::new();
    for variant in scenario.variants.iter_mut().filter(|one| !one.posture.calls.is_empty()) {
        variant.policies = match variant.proxies {
            Proxies::Sidecars => vec!["policies/istio/strict.yaml".to_owned()],
            _ => Vec::new(),
        };
        ruled.push(variant.name.0.clone());
    }
    assert_eq!(ruled.len(), 8);
    let names: Vec<&str> = ruled.iter().map(String::as_str).collect();
    let (mut embedded, _folder) = begun(&scenario, &names);
    for name in &ruled {
        let variant = scenario.variant(&VariantName(name.clone())).unwrap();
        let proof = embedded.prove(variant, 1).unwrap();
        assert!(!proof.holds(), "{name}");
        for probe in proof.probes.iter().filter(|probe| !probe.holds) {
            assert!(probe.claim.ends_with(" is refused"), "{probe:?}");
            assert!(probe.observed.starts_with("200 from the origin"), "{probe:?}");
        }
    }
    embedded.tear_down().unwrap();
}
