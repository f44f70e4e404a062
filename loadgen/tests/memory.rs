//! The scenario about memory from end to end with the real binary, on the embedded testbed and, where
//! there is one, on a real Envoy: what its results hold, and what it refuses.

mod support;

use std::path::Path;

use loadgen::cli::environment::envoy_places;
use support::{SMALL, altered_scenario, errors, loadgen, run, run_folder, run_json};

const STATES: [&str; 7] =
    ["fresh", "under-load", "after-load", "policies-1", "policies-100", "policies-1000", "deleted"];

/// One block of the smallest run, in that place.
fn arguments<'a>(testbed: &'a str, more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--scenario=sidecar-memory", testbed, "--quick", "--blocks=1"];
    arguments.extend_from_slice(SMALL);
    arguments.extend_from_slice(more);
    arguments
}

/// What every such run leaves, on whichever testbed.
fn complete(dir: &Path, testbed: &str) -> serde_json::Value {
    let folder = run_folder(dir).expect("a run folder");
    let json = run_json(&folder);
    assert_eq!((&json["testbed"], &json["ended_early"]), (&testbed.into(), &().into()));
    let memory = &json["memory"];
    let readings = memory["readings"].as_array().expect("readings");
    // plaintext, strict and strict again; each state; both sidecars.
    assert_eq!(readings.len(), 3 * STATES.len() * 2);
    for reading in readings {
        assert!(reading["why_not"].is_null(), "{reading}");
        let size = |key: &str| reading[key].as_u64().expect("a size");
        assert!(size("private_dirty_bytes") <= size("pss_bytes"), "{reading}");
        assert!(size("pss_bytes") <= size("rss_bytes"), "{reading}");
        assert!(size("rss_bytes") <= size("rss_most_bytes"), "{reading}");
    }
    // Of one ladder all states are of the same two processes; another has processes of its own.
    let mut ladders: Vec<Vec<u64>> = Vec::new();
    for position in 1..=3_u64 {
        let mine = readings.iter().filter(|reading| reading["position"] == position);
        let mut processes: Vec<u64> =
            mine.map(|reading| reading["process"].as_u64().expect("a pid")).collect();
        processes.sort_unstable();
        processes.dedup();
        assert_eq!(processes.len(), 2);
        ladders.push(processes);
    }
    ladders.dedup();
    assert_eq!(ladders.len(), 3);
    // Each state that policies are changed for was proven, and so was that they are gone.
    let proofs = json["proofs"].as_array().expect("proofs");
    assert_eq!(proofs.len(), 3 * 5);
    let claimed = |claim: &str| {
        let probes = proofs.iter().flat_map(|proof| proof["probes"].as_array().expect("probes"));
        probes.filter(|probe| probe["claim"] == claim && probe["holds"] == true).count()
    };
    for claim in [
        "fresh: GET /v1/forbidden on the measured path is accepted",
        "policies-1000: GET /v1/forbidden on the measured path is refused",
        "policies-1000: GET /v1/other/0999 on the measured path is accepted",
        "deleted: GET /v1/forbidden on the measured path is accepted",
    ] {
        assert_eq!(claimed(claim), 3, "{claim}");
    }
    let claims = json["article"].as_array().expect("claims");
    let claimed: Vec<&str> = claims.iter().filter_map(|claim| claim["claimed"].as_str()).collect();
    assert_eq!(claimed, ["18MB", "12MB"]);
    for claim in claims.iter().filter(|claim| !claim["claimed"].is_null()) {
        let why_not = claim["why_not"].as_str().expect("a reason");
        assert!(why_not.contains("times the claim"), "{why_not}");
    }
    for file in
        ["report.md", "report.html", "memory.csv", "memory-summary.csv", "charts/memory.svg"]
    {
        assert!(folder.join(file).is_file(), "{file}");
    }
    json
}

#[test]
fn the_embedded_sidecars_are_read_in_every_state_and_every_change_is_proven() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &arguments("--testbed=embedded", &[]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    complete(dir.path(), "embedded");
    let text = String::from_utf8_lossy(&output.stdout);
    for part in ["Client RSS", "Server PSS", "Policies deleted", "Idle after the load", "12MB"] {
        assert!(text.contains(part), "{part}: {text}");
    }
}

#[test]
fn real_envoys_are_read_in_every_state_and_the_results_say_which_they_are() {
    let found = envoy_places().search();
    let Some(build) = found.builds.first() else {
        let required =
            std::env::var_os("LOADGEN_ENVOY_TEST").is_some_and(|value| value == "required");
        assert!(!required, "{}", found.missing());
        eprintln!("skipped: {}", found.missing());
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = loadgen(dir.path(), &arguments("--testbed=envoy", &[]));
    let output = command.env("LOADGEN_ENVOY", &build.path).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let json = complete(dir.path(), "envoy");
    let provenance = &json["provenance"];
    let version = provenance["subject"]["version"].as_str().expect("a version");
    assert!(version.starts_with(&build.version), "{version}");
    assert_eq!(provenance["subject"]["tls"], "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519");
    let notes = &provenance["notes"];
    assert!(notes["envoy_layout"].as_str().is_some_and(|said| said.starts_with("ports")));
    assert!(notes["envoy_policies"].as_str().is_some_and(|said| said.contains("discovery")));
    // A thousand policies are seen in the server's sidecar, and in no client's.
    let pss = |sidecar: &str, state: &str| {
        let levels = json["memory"]["levels"].as_array().expect("levels");
        let found = levels.iter().find(|level| {
            level["variant"] == "strict"
                && level["sidecar"] == sidecar
                && level["state"] == state
                && level["measure"] == "private_dirty"
        });
        found.expect("a level")["median_bytes"].as_f64().expect("bytes")
    };
    let grown = |sidecar| pss(sidecar, "policies-1000") - pss(sidecar, "after-load");
    assert!(grown("server sidecar") > 2e6 + grown("client sidecar"));
}

#[test]
fn what_a_run_about_memory_does_not_have_is_refused_all_at_once() {
    let dir = tempfile::tempdir().expect("a folder");
    let more = ["--precision=5%", "--keep"];
    let output = run(dir.path(), &arguments("--testbed=embedded", &more));
    assert_eq!(output.status.code(), Some(2));
    let told = errors(&output);
    assert!(told.contains("--precision:") && told.contains("--keep:"), "{told}");
    assert!(run_folder(dir.path()).is_none());
}

#[test]
fn a_rung_that_refuses_nothing_is_a_mistake_of_the_scenario() {
    let dir = tempfile::tempdir().expect("a folder");
    altered_scenario(dir.path(), "sidecar-memory", "policies/istio/served.yaml", |text| {
        text.replace("paths: [/v1/served]", "paths: [/v1/*]")
    });
    let output = run(dir.path(), &["--scenario=./sidecar-memory", "--testbed=embedded"]);
    assert_eq!(output.status.code(), Some(2));
    let told = errors(&output);
    assert!(told.contains("GET /v1/forbidden on the measured path is refused"), "{told}");
    assert!(told.contains("scenario.yaml:"), "{told}");
}

#[test]
fn the_plan_names_the_states_and_their_policies() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &arguments("--testbed=embedded", &["--dry-run"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout);
    for state in STATES {
        assert!(text.contains(&format!("\n  {state}")), "{state}: {text}");
    }
    assert!(text.contains("[policies/istio/other-999.yaml, policies/istio/served.yaml]"), "{text}");
}
