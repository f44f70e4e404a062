//! `--testbed cluster` and `loadgen cluster rbac`: a plan for a cluster that is there, and what a run
//! on it must be allowed. No cluster is here, and no tool is started.

mod support;

use support::{errors, run};

const PLAN: &[&str] = &["--scenario=strict-mtls", "--testbed=cluster", "--dry-run"];

#[test]
fn a_dry_run_prints_the_whole_plan_for_the_context_that_was_named() {
    let dir = tempfile::tempdir().expect("a folder");
    let named = ["--context=prod", "--namespace=bench-7", "--image=registry.example/loadgen:1"];
    let output = run(dir.path(), &[PLAN, &named].concat());
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in [
        "this version plans a run and does not conduct it",
        "namespaces bench-7, bench-7-outside",
        "--selector app=istiod,istio.io/rev=1-24-6",
        "kubectl --context prod create --filename=-",
        "image: \"registry.example/loadgen:1\"",
        "port-forward deployment/client-istio-1-24 --namespace bench-7 :7070",
        "policies/istio/strict.yaml, with bench-7 in the place of loadgen-bench",
        "namespace: bench-7",
    ] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("kind create") && !text.contains("helm "));
    // The usual name is only told as what another one stands for.
    let left = text.lines().find(|line| {
        line.contains("loadgen-bench") && !line.ends_with("in the place of loadgen-bench")
    });
    assert_eq!(left, None);
}

#[test]
fn what_is_not_named_is_not_taken_and_what_is_of_no_use_is_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let place = ["--context=prod", "--image=i"];
    for (arguments, expected) in [
        (PLAN.to_vec(), "--context is missing"),
        (PLAN.to_vec(), "--image is missing"),
        ([PLAN, &place, &["--namespace=kube-system"]].concat(), "somebody else's"),
        ([PLAN, &place, &["--agents=2"]].concat(), "--agents: in a cluster they stand in its pods"),
        ([PLAN, &place, &["--reuse"]].concat(), "--reuse"),
        (
            vec!["--scenario=strict-mtls", "--testbed=embedded", "--dry-run", "--context=prod"],
            "--context: only `--testbed cluster`",
        ),
        (
            vec!["--scenario=stall", "--testbed=cluster", "--dry-run", "--context=c", "--image=i"],
            "cluster",
        ),
    ] {
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(expected), "{expected}: {}", errors(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_run_says_that_it_is_not_conducted() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments =
        ["--scenario=strict-mtls", "--testbed=cluster", "--context=prod", "--image=registry/i"];
    let output = run(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(4), "{}", errors(&output));
    assert!(errors(&output).contains("nothing was asked of the context prod"));
    assert!(!dir.path().join("results").exists());
}

#[test]
fn the_roles_of_a_run_are_printed_for_its_namespace_and_user() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments =
        ["cluster", "rbac", "--scenario=strict-mtls", "--namespace=bench-7", "--user=ci@example"];
    let output = run(dir.path(), &arguments);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for part in ["kind: Namespace", "name: bench-7-outside", "ci@example", "pods/portforward"] {
        assert!(text.contains(part), "{part} in\n{text}");
    }
    assert!(!text.contains("loadgen-bench"));
    let output = run(dir.path(), &[&arguments[..3], &["--namespace=default"]].concat());
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
}
