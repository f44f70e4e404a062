//! `--testbed kind`: its plan, and what is said where it can not be followed.

use crate::support::{errors, loadgen};

#[test]
fn a_dry_run_prints_the_whole_plan_on_a_machine_without_any_of_the_tools() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = ["--scenario=strict-mtls", "--testbed=kind", "--dry-run"];
    let output = loadgen(dir.path(), &arguments).env("PATH", dir.path()).output().expect("starts");
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "MISSING: it is in no folder of PATH",
        "kind create cluster --name loadgen-istio",
        "istiod --repo https://istio-release.storage.googleapis.com/charts --version 1.24.6",
        "policies/istio/strict.yaml, unchanged",
        "--server-side --field-manager=loadgen --validate=strict",
        "kind delete cluster --name loadgen-istio",
    ] {
        assert!(text.contains(part), "{part}");
    }
}

#[test]
fn a_run_ends_at_once_with_everything_that_is_missing_and_how_to_get_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = ["--scenario=strict-mtls", "--testbed=kind"];
    let output = loadgen(dir.path(), &arguments).env("PATH", dir.path()).output().expect("starts");
    assert_eq!(output.status.code(), Some(4));
    let said = errors(&output);
    for tool in ["docker", "kind", "helm", "kubectl"] {
        let line = said.lines().find(|line| line.trim_start().starts_with(tool));
        assert!(line.is_some_and(|line| line.contains("MISSING")), "{tool} in {said}");
    }
    assert!(said.contains("docs.docker.com") && said.contains("sigs.k8s.io/kind@"), "{said}");
    assert!(!dir.path().join("results").exists());
}
