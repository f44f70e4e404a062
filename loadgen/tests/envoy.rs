//! The main job on real Envoys with the real binary: what its results say of them, how it ends, and
//! that nothing is left. Needs an Envoy: without one each test says that it was skipped, unless
//! LOADGEN_ENVOY_TEST is `required`.

mod support;

use std::path::Path;
use std::process::{Child, Command, Stdio};

use loadgen::cli::environment::envoy_places;
use rustix::process::Signal;
use support::{
    SMALL, alive, altered_scenario, children_of, errors, loadgen, run_folder, run_json, signal,
    trials_kept, wait_for,
};
use testbed::envoy::found::Build;

/// The Envoys here; `None` to be skipped.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
fn builds() -> Option<Vec<Build>> {
    let found = envoy_places().search();
    if !found.builds.is_empty() {
        return Some(found.builds);
    }
    let required = std::env::var_os("LOADGEN_ENVOY_TEST").is_some_and(|value| value == "required");
    assert!(!required, "{}", found.missing());
    eprintln!("skipped: {}", found.missing());
    None
}

/// `--scenario` and more at the small load, with that Envoy and no other.
fn on(build: &Build, dir: &Path, scenario: &str, more: &[&str]) -> Command {
    let mut arguments = vec![scenario];
    arguments.extend_from_slice(SMALL);
    arguments.extend_from_slice(more);
    let mut command = loadgen(dir, &arguments);
    command.env("LOADGEN_ENVOY", &build.path);
    command
}

fn started(command: &mut Command) -> Child {
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("the binary starts")
}

/// The origin and the Envoys, so many in all, once two trials are on disk.
fn parts(dir: &Path, child: &Child, count: usize) -> Vec<(i32, String)> {
    wait_for("two trials", || (trials_kept(dir) >= 2).then_some(()));
    let parts = children_of(child.id());
    assert_eq!(parts.len(), count, "{parts:?}");
    parts
}

const SCENARIO: &str = "--scenario=strict-mtls";

#[test]
fn results_name_the_envoy_and_what_it_negotiated_and_every_variant_was_proven() {
    let Some(builds) = builds() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    // The testbed is left open: an Envoy is there, and so it is taken.
    let output = on(&builds[0], dir.path(), SCENARIO, &["--blocks=1"]).output().expect("starts");
    // One block is too few for an interval.
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    assert!(errors(&output).contains("an Envoy was found"), "{}", errors(&output));
    let folder = run_folder(dir.path()).expect("a run folder");
    let json = run_json(&folder);
    assert_eq!(json["testbed"], "envoy");
    let subject = &json["provenance"]["subject"];
    assert!(subject["version"].as_str().is_some_and(|said| said.starts_with(&builds[0].version)));
    assert_eq!(subject["tls"], "TLSv1.3 TLS_AES_128_GCM_SHA256 X25519");
    let notes = &json["provenance"]["notes"];
    assert_eq!(notes["envoy_concurrency"], "1");
    assert!(notes["envoy_layout"].as_str().is_some_and(|said| said.starts_with("ports")));
    assert_eq!(json["proofs"].as_array().expect("proofs").len(), 4);
    for trial in json["trials"].as_array().expect("trials") {
        let hops = trial["work"]["hops"].as_array().map_or(0, Vec::len);
        assert_eq!(hops, if trial["variant"] == "no-mesh" { 0 } else { 2 }, "{trial}");
        let rejected = trial["rejected"].as_str().unwrap_or_default();
        assert!(!rejected.contains("mismatch") && !rejected.contains("retries"), "{rejected}");
    }
    for claim in json["article"].as_array().expect("claims") {
        let claimed = !claim["claimed"].is_null();
        assert!(!claimed || claim["verdict"] == "not-measured", "{claim}");
    }
    let report = std::fs::read_to_string(folder.join("report.md")).expect("a report");
    for part in ["stock Envoy", "not Istio", builds[0].version.as_str(), "X25519"] {
        assert!(report.contains(part), "{part}");
    }
}

#[test]
fn enforcement_that_is_turned_off_ends_with_exit_5_whichever_variant_it_is() {
    let Some(builds) = builds() else { return };
    for (file, from, to) in [
        ("strict", "STRICT", "PERMISSIVE"),
        ("strict", "STRICT", "DISABLE"),
        ("permissive", "PERMISSIVE", "DISABLE"),
        ("disable", "DISABLE", "STRICT"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let path = format!("policies/istio/{file}.yaml");
        altered_scenario(dir.path(), "strict-mtls", &path, |text| text.replace(from, to));
        let more = ["--testbed=envoy", "--blocks=1"];
        let output = on(&builds[0], dir.path(), "--scenario=./strict-mtls", &more).output();
        let output = output.expect("the binary starts");
        assert_eq!(output.status.code(), Some(5), "{file} {to}: {}", errors(&output));
        let json = run_json(&run_folder(dir.path()).expect("a run folder"));
        assert_eq!(json["trials"].as_array().expect("trials").len(), 0);
    }
}

/// An Envoy that is told the same and whose rules let through what none of them allows.
fn lenient(build: &Build, folder: &Path) -> Build {
    let path = folder.join("envoy");
    let script = format!(
        "#!/bin/sh\nfor word in \"$@\"; do case \"$word\" in *.json)\n\
         sed -i 's/\"action\": \"ALLOW\"/\"action\": \"LOG\"/' \"$word\";; esac; done\n\
         exec '{}' \"$@\"\n",
        build.path.display()
    );
    std::fs::write(&path, script).expect("writable");
    let mode = std::os::unix::fs::PermissionsExt::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("its owner's");
    Build { path, ..build.clone() }
}

#[test]
fn rules_of_requests_that_an_envoy_does_not_enforce_end_with_exit_5_in_either_shape() {
    let Some(builds) = builds() else { return };
    for (variant, beside) in [
        ("l4-identity", "strict"),
        ("l7-1", "strict"),
        ("node-proxy", "no-mesh"),
        ("node-l7-1", "no-mesh"),
        ("node-l7-1000", "node-l7-100"),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let variants = format!("--variants={beside},{variant}");
        let more = ["--testbed=envoy", "--blocks=1", variants.as_str()];
        let lenient = lenient(&builds[0], dir.path());
        let output = on(&lenient, dir.path(), "--scenario=l7-policy", &more).output();
        let output = output.expect("the binary starts");
        assert_eq!(output.status.code(), Some(5), "{variant}: {}", errors(&output));
        let json = run_json(&run_folder(dir.path()).expect("a run folder"));
        assert_eq!(json["trials"].as_array().expect("trials").len(), 0);
    }
}

#[test]
fn both_ladders_of_policies_run_and_the_work_of_each_proxy_is_the_generators() {
    let Some(builds) = builds() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let more = ["--testbed=envoy", "--blocks=1"];
    let output = on(&builds[0], dir.path(), "--scenario=l7-policy", &more).output();
    let output = output.expect("the binary starts");
    // One block is too few for an interval.
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    assert_eq!(json["proofs"].as_array().expect("proofs").len(), 10);
    let notes = &json["provenance"]["notes"];
    assert!(notes["envoy_node_proxy"].as_str().is_some_and(|said| said.contains("127.0.0.1")));
    for trial in json["trials"].as_array().expect("trials") {
        let variant = trial["variant"].as_str().expect("a name");
        let hops = trial["work"]["hops"].as_array().cloned().unwrap_or_default();
        let at: Vec<&str> = hops.iter().filter_map(|hop| hop["at"].as_str()).collect();
        let expected: &[&str] = match variant {
            "no-mesh" => &[],
            _ if variant.starts_with("node-") => &["node proxy"],
            _ => &["client sidecar", "server sidecar"],
        };
        assert_eq!(at, expected, "{trial}");
        let denied = trial["work"]["requests_denied"].as_u64();
        assert_eq!(denied.is_some_and(|count| count > 0), variant.contains("l7-"), "{trial}");
        let rejected = trial["rejected"].as_str().unwrap_or_default();
        assert!(!rejected.contains("mismatch") && !rejected.contains("retries"), "{rejected}");
        assert!(!rejected.contains("not enforced"), "{rejected}");
    }
}

#[test]
fn ctrl_c_and_kill_9_leave_no_process() {
    let Some(builds) = builds() else { return };
    let ladders = ["--testbed=envoy", "--blocks=500", "--variants=no-mesh,strict,node-proxy"];
    for (how, scenario, more, count) in [
        (Signal::INT, SCENARIO, &ladders[..2], 3),
        (Signal::KILL, SCENARIO, &ladders[..2], 3),
        (Signal::KILL, "--scenario=l7-policy", &ladders[..], 4),
    ] {
        let dir = tempfile::tempdir().expect("a folder");
        let mut child = started(&mut on(&builds[0], dir.path(), scenario, more));
        let parts = parts(dir.path(), &child, count);
        signal(i32::try_from(child.id()).expect("a pid"), how);
        let status = child.wait().expect("it ends");
        assert_eq!(status.code(), (how == Signal::INT).then_some(130));
        for (pid, command) in parts {
            wait_for(&command, || (!alive(pid)).then_some(()));
        }
    }
}

#[test]
fn an_envoy_that_dies_in_mid_run_ends_it_with_its_name() {
    let Some(builds) = builds() else { return };
    let dir = tempfile::tempdir().expect("a folder");
    let more = ["--testbed=envoy", "--blocks=500"];
    let child = started(&mut on(&builds[0], dir.path(), SCENARIO, &more));
    let all = parts(dir.path(), &child, 3);
    let (pid, _) = all.iter().find(|(_, command)| command.contains("server-envoy")).expect("one");
    signal(*pid, Signal::KILL);
    let output = child.wait_with_output().expect("it ends");
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(4), "{errors}");
    assert!(errors.contains("server sidecar") && errors.contains("signal 9"), "{errors}");
    for (pid, command) in all {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
}

#[test]
fn two_versions_run_interleaved_and_are_compared() {
    let Some(builds) = builds() else { return };
    let here: Vec<String> = builds.iter().map(Build::id).collect();
    let [one, other, ..] = &here[..] else {
        // With one version there is no other to run beside it; that one is told by name.
        let dir = tempfile::tempdir().expect("a folder");
        let more = ["--testbed=envoy", "--variants=strict@envoy-0.0.1"];
        let output = on(&builds[0], dir.path(), SCENARIO, &more).output().expect("starts");
        assert_eq!(output.status.code(), Some(2));
        assert!(errors(&output).contains(&here[0]), "{}", errors(&output));
        return;
    };
    let dir = tempfile::tempdir().expect("a folder");
    let variants = format!("--variants=strict@{one},strict@{other}");
    let mut arguments = vec![SCENARIO, "--testbed=envoy", "--blocks=1", variants.as_str()];
    arguments.extend_from_slice(SMALL);
    let mut command = loadgen(dir.path(), &arguments);
    // Both by the way in which this test found them.
    for name in ["LOADGEN_ENVOY", "XDG_CACHE_HOME"] {
        match std::env::var_os(name) {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    let versions = json["provenance"]["subject"]["version"].as_str().expect("a text");
    assert!(builds[..2].iter().all(|build| versions.contains(&build.version)), "{versions}");
    let comparisons = json["plan"]["comparisons"].as_array().expect("comparisons");
    assert_eq!(comparisons[0]["candidate"], format!("strict@{other}"));
    assert_eq!(comparisons[0]["baseline"], format!("strict@{one}"));
    assert_eq!(json["trials"].as_array().expect("trials").len(), 3, "both, and the first again");
}
