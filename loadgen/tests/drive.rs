//! `loadgen drive` as people call it: the real binary against our own server.

#![expect(clippy::panic, reason = "a test says what it found")]

mod support;

use loadgen::serve::listen::Address;
use loadgen::serve::{Running, Server, ServerSpec};
use support::{errors, run};

/// A server on a port that the kernel chose, and its URL.
fn server() -> (Running, String) {
    let any = "127.0.0.1:0".parse::<Address>().expect("an address");
    let running =
        Server::bind(&any, ServerSpec::default()).expect("a port").start().expect("a thread");
    let url = format!("http://{}/", running.address());
    (running, url)
}

/// A load that is over soon; the machine is shared, so its verdict is not asked for.
const SMALL: &[&str] =
    &["--rate=200", "-d=300ms", "--warm-up=50ms", "-c=4", "--pacing=sleep", "--seed=7", "--quiet"];

/// The document of a drive with these options besides the small load's.
fn document(url: &str, options: &[&str]) -> serde_json::Value {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [&["drive", url, "--output=json"], SMALL, options].concat();
    let output = run(folder.path(), &arguments);
    // What was printed instead says more than that there is no document.
    serde_json::from_slice(&output.stdout).unwrap_or_else(|error| {
        panic!("{error}: {}", errors(&output));
    })
}

#[test]
fn every_planned_request_is_in_the_document_whatever_is_spoken() {
    let (_running, url) = server();
    for options in [
        &[][..],
        &["--http=2", "--streams=3"],
        &["--grpc"],
        &["--connection=per-request"],
        &["--arrivals=poisson", "--workers=2"],
        &["--request=a 3 GET /", "--request=b 1 POST /x 2xx"],
    ] {
        let document = document(&url, options);
        let counts = &document["counts"];
        let of = |name: &str| counts[name].as_u64().expect("a count");
        let outcomes = of("completed") + of("failed") + of("timed_out") + of("shed");
        assert_eq!(of("offered"), outcomes, "{options:?}");
        assert_eq!(of("failed"), 0, "{options:?}: {counts}");
        assert!(of("completed") > 20, "{options:?}: {counts}");
        assert_eq!(document["schema_version"], 1);
    }
}

#[test]
fn a_closed_loop_says_that_it_is_one() {
    let (_running, url) = server();
    let folder = tempfile::tempdir().expect("a folder");
    let arguments =
        ["drive", &url, "--max-rate", "-d=200ms", "-c=2", "--warm-up=0s", "--quiet", "-o=json"];
    let output = run(folder.path(), &arguments);
    let document: serde_json::Value = serde_json::from_slice(&output.stdout).expect("a document");
    assert_eq!(document["arrivals"], "closed loop");
    assert!(document["asked_rate"].is_null());
    assert!(document["counts"]["completed"].as_u64().expect("a count") > 100);
}

#[test]
fn a_drive_is_saved_in_every_form_that_was_asked_for() {
    let (_running, url) = server();
    let folder = tempfile::tempdir().expect("a folder");
    let saves = ["--save=d.hlog", "--save=d.hgrm", "--save=fortio=f.json", "--save=d.prom"];
    let arguments = [&["drive", url.as_str()], SMALL, &saves].concat();
    let output = run(folder.path(), &arguments);
    for name in ["d.hlog", "d.hgrm", "f.json", "d.prom"] {
        let saved = std::fs::metadata(folder.path().join(name));
        assert!(saved.is_ok_and(|file| file.len() > 0), "{name}: {}", errors(&output));
    }
}

#[test]
fn nobody_to_drive_is_exit_4_with_the_reason() {
    // A port that was just free: bound, read and let go.
    let listener = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let url = format!("http://{}/", listener.local_addr().expect("bound"));
    drop(listener);
    let folder = tempfile::tempdir().expect("a folder");
    let output = run(folder.path(), &["drive", &url, "-c=1", "-d=100ms", "--quiet"]);
    assert_eq!(output.status.code(), Some(4), "{}", errors(&output));
    assert!(errors(&output).contains("0 of 1 connections opened"), "{}", errors(&output));
}

#[test]
fn every_mistake_is_told_at_once() {
    let folder = tempfile::tempdir().expect("a folder");
    let arguments = [
        "drive",
        "http://127.0.0.1:1/",
        "--rate=0",
        "--streams=4",
        "--ca=none.pem",
        "--header=nonsense",
        "--request=short",
        "--expect=9xxx",
        "--fail-if=nonsense",
        "--save=what",
        "--slo=p99<5ms",
    ];
    let output = run(folder.path(), &arguments);
    assert_eq!(output.status.code(), Some(2));
    let told = errors(&output);
    for part in [
        "--rate:",
        "--streams 4:",
        "--ca:",
        "--header 'nonsense'",
        "--request 'short'",
        "--fail-if:",
        "--save:",
        "--slo:",
    ] {
        assert!(told.contains(part), "{part} is not in {told}");
    }
}
