//! The layout `pods` with the real binary: captured traffic through real Envoys, what a pod's capture
//! proves, what happens where it is not possible, and that nothing is left. Needs an Envoy, `ip`,
//! `iptables` and leave to make namespaces: without them each test says that it was skipped, and why.

mod support;

use std::collections::BTreeSet;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};

use loadgen::cli::environment::{envoy_places, programs};
use rustix::process::Signal;
use support::{
    SMALL, alive, children_of, errors, loadgen, run_folder, run_json, signal, trials_kept, wait_for,
};

/// Whether all that is needed is here.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
fn possible() -> bool {
    let found = envoy_places().search();
    let required = std::env::var_os("LOADGEN_ENVOY_TEST").is_some_and(|value| value == "required");
    if found.builds.is_empty() {
        assert!(!required, "{}", found.missing());
        eprintln!("skipped: {}", found.missing());
        return false;
    }
    let tried = loadgen(Path::new("/"), &["try-pods"]).output().expect("the binary starts");
    if !tried.status.success() {
        eprintln!("skipped: no pods here: {}", errors(&tried));
    }
    tried.status.success()
}

/// A run in pods, with the Envoys that this test found.
fn in_pods(dir: &Path, more: &[&str]) -> Command {
    let mut arguments = vec!["--testbed=envoy", "--layout=pods"];
    arguments.extend_from_slice(SMALL);
    arguments.extend_from_slice(more);
    let mut command = loadgen(dir, &arguments);
    for name in ["LOADGEN_ENVOY", "XDG_CACHE_HOME"] {
        match std::env::var_os(name) {
            Some(value) => command.env(name, value),
            None => command.env_remove(name),
        };
    }
    command
}

/// Puts a program of that name before all others.
fn instead(command: &mut Command, dir: &Path, name: &str, script: &str) {
    let folder = dir.join("programs");
    std::fs::create_dir_all(&folder).expect("a folder");
    let path = folder.join(name);
    std::fs::write(&path, script).expect("writable");
    let mode = std::fs::Permissions::from_mode(0o755);
    std::fs::set_permissions(&path, mode).expect("its owner's");
    let others = programs();
    let all = std::iter::once(folder).chain(std::env::split_paths(&others));
    command.env("PATH", std::env::join_paths(all).expect("a path"));
}

/// The network interfaces of this machine's own namespace.
fn interfaces() -> BTreeSet<String> {
    let found = std::fs::read_dir("/sys/class/net").expect("interfaces").flatten();
    found.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
}

/// The network namespace of a process.
fn namespace(pid: i32) -> String {
    let link = std::fs::read_link(format!("/proc/{pid}/ns/net")).expect("a process");
    link.to_string_lossy().into_owned()
}

#[test]
fn both_shapes_run_captured_and_are_proven_from_outside_the_pods() {
    if !possible() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let variants = "--variants=no-mesh,strict,l7-1,node-proxy,node-l7-1";
    let more = ["--scenario=l7-policy", "--blocks=1", variants];
    let output = in_pods(dir.path(), &more).output().expect("the binary starts");
    // One block is too few for an interval.
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    let notes = &json["provenance"]["notes"];
    assert!(notes["envoy_layout"].as_str().is_some_and(|said| said.starts_with("pods")), "{notes}");
    assert!(notes["envoy_node_proxy"].as_str().is_some_and(|said| said.contains("10.99.1.2")));
    let proofs = json["proofs"].as_array().expect("proofs");
    assert_eq!(proofs.len(), 5);
    let strict = proofs.iter().find(|proof| proof["variant"] == "strict").expect("one");
    let claims: Vec<&str> = strict["probes"]
        .as_array()
        .expect("probes")
        .iter()
        .filter_map(|p| p["claim"].as_str())
        .collect();
    assert_eq!(claims[0], "plaintext straight to the server's own port is refused");
    for trial in json["trials"].as_array().expect("trials") {
        let variant = trial["variant"].as_str().expect("a name");
        let hops = trial["work"]["hops"].as_array().map_or(0, Vec::len);
        let expected = match variant {
            "no-mesh" => 0,
            "node-proxy" | "node-l7-1" => 1,
            _ => 2,
        };
        assert_eq!(hops, expected, "{trial}");
        let rejected = trial["rejected"].as_str().unwrap_or_default();
        assert!(!rejected.contains("mismatch") && !rejected.contains("retries"), "{rejected}");
    }
}

#[test]
fn a_pod_whose_traffic_is_not_captured_ends_with_exit_5() {
    if !possible() {
        return;
    }
    for variant in ["strict", "node-l7-1"] {
        let dir = tempfile::tempdir().expect("a folder");
        let variants = format!("--variants=no-mesh,{variant}");
        let more = ["--scenario=l7-policy", "--blocks=1", variants.as_str()];
        let mut command = in_pods(dir.path(), &more);
        instead(&mut command, dir.path(), "iptables-restore", "#!/bin/sh\nexec cat\n");
        let output = command.output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(5), "{variant}: {}", errors(&output));
        let json = run_json(&run_folder(dir.path()).expect("a run folder"));
        assert_eq!(json["trials"].as_array().expect("trials").len(), 0);
    }
}

#[test]
fn where_pods_are_not_possible_the_ports_are_taken_and_the_reason_is_told_and_kept() {
    if envoy_places().search().builds.is_empty() {
        return;
    }
    let dir = tempfile::tempdir().expect("a folder");
    let more = ["--scenario=strict-mtls", "--blocks=1", "--variants=sidecar-plaintext,strict"];
    let mut command = in_pods(dir.path(), &more);
    let script = "#!/bin/sh\necho 'Operation not permitted today' >&2\nexit 1\n";
    for program in ["ip", "iptables-restore"] {
        instead(&mut command, dir.path(), program, script);
    }
    let output = command.output().expect("the binary starts");
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    assert!(errors(&output).contains("layout ports: pods are not possible here: "));
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    let notes = &json["provenance"]["notes"];
    assert!(notes["envoy_layout"].as_str().is_some_and(|said| said.starts_with("ports")));
    assert!(
        notes["envoy_layout_instead"].as_str().is_some_and(|said| said.contains("pods are not"))
    );
}

#[test]
fn a_testbed_without_layouts_refuses_one() {
    let dir = tempfile::tempdir().expect("a folder");
    for testbed in ["--testbed=embedded", "--testbed=kind"] {
        let arguments = ["--scenario=strict-mtls", testbed, "--layout=pods", "--dry-run"];
        let output = loadgen(dir.path(), &arguments).output().expect("the binary starts");
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains("only the testbed envoy has layouts"));
    }
}

#[test]
fn ctrl_c_and_kill_9_leave_no_process_no_namespace_and_no_interface() {
    if !possible() {
        return;
    }
    let before = interfaces();
    for how in [Signal::INT, Signal::KILL] {
        let dir = tempfile::tempdir().expect("a folder");
        let more = ["--scenario=l7-policy", "--blocks=500", "--variants=no-mesh,strict,node-proxy"];
        let mut command = in_pods(dir.path(), &more);
        let child =
            command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().expect("it starts");
        wait_for("two trials", || (trials_kept(dir.path()) >= 2).then_some(()));
        let parts = children_of(child.id());
        assert_eq!(parts.len(), 4, "{parts:?}");
        let here = namespace(i32::try_from(std::process::id()).expect("a pid"));
        let theirs: BTreeSet<String> = parts.iter().map(|(pid, _)| namespace(*pid)).collect();
        assert!(theirs.len() == 3 && !theirs.contains(&here), "{theirs:?}");
        assert_eq!(interfaces(), before);
        signal(i32::try_from(child.id()).expect("a pid"), how);
        let output = child.wait_with_output().expect("it ends");
        let expected = (how == Signal::INT).then_some(130);
        assert_eq!(output.status.code(), expected, "{}", errors(&output));
        for (pid, command) in parts {
            wait_for(&command, || (!alive(pid)).then_some(()));
        }
        // Nobody is in them any more, and nothing but their processes held them.
        let held = |one: &String| namespaces_in_use().contains(one);
        wait_for("the namespaces' end", || (!theirs.iter().any(held)).then_some(()));
        assert_eq!(interfaces(), before);
    }
}

/// Of every process that can be looked at.
fn namespaces_in_use() -> BTreeSet<String> {
    let processes = std::fs::read_dir("/proc").expect("processes").flatten();
    processes
        .filter_map(|entry| std::fs::read_link(entry.path().join("ns/net")).ok())
        .map(|link| link.to_string_lossy().into_owned())
        .collect()
}
