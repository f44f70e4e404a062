//! `loadgen cluster up|status|down`: the sequence, a fault at every call, what a second call does.

use std::fs;

use serde_json::Value;

use crate::rig::Rig;

const UP: [&str; 3] = ["cluster", "up", "--scenario=strict-mtls"];
const DOWN: [&str; 3] = ["cluster", "down", "--scenario=strict-mtls"];
const STATUS: [&str; 4] = ["cluster", "status", "--scenario=strict-mtls", "--output=json"];
const KUBECONFIG: &str = "results/.kind/loadgen-istio.kubeconfig";

/// A call that asks and changes nothing.
fn asks(call: &str) -> bool {
    ["get clusters", "--output json", " diff ", "--timeout 1s"].iter().any(|it| call.contains(it))
}

#[test]
fn a_cluster_comes_up_is_looked_at_and_is_deleted() {
    let rig = Rig::new();
    let up = rig.call(&UP);
    assert_eq!(up.code, 0, "{}", up.told);
    insta::assert_snapshot!("up", rig.calls().join("\n"));
    assert!(up.told.contains("cluster loadgen-istio is up"), "{}", up.told);
    let secrets = (1..=rig.calls().len())
        .filter_map(|call| fs::read_to_string(rig.state(&format!("input.{call}"))).ok())
        .filter(|input| input.contains("kind: Secret"));
    let secrets: Vec<String> = secrets.collect();
    // A generator on each side, and two that only ask on each side with a mesh.
    assert_eq!(secrets.len(), 3 + 2 * 2);
    assert!(secrets.iter().all(|it| it.contains("PRIVATE KEY")));

    let status: Value = serde_json::from_str(&rig.call(&STATUS).out).expect("JSON");
    let cluster = &status["clusters"][0];
    assert_eq!(cluster["up"], true);
    let steps = cluster["steps"].as_array().expect("steps");
    assert!(steps.len() > 10 && steps.iter().all(|step| step["done"] == true), "{status:#}");
    let build = &cluster["facts"]["Envoy's build of server-istio-1-25"];
    assert_eq!(build, "0123/1.32.6/Clean/RELEASE/BoringSSL");
    let text = rig.call(&STATUS[..3]).out;
    assert!(text.contains("  done      install istiod-1-24-6\n"), "{text}");
    assert!(text.contains("node loadgen-istio-worker: kernel 6.8.0,"), "{text}");

    let down = rig.call(&DOWN);
    assert_eq!(down.code, 0, "{}", down.told);
    assert!(down.told.contains("cluster loadgen-istio: deleted"), "{}", down.told);
    assert!(rig.standing("clusters").is_empty() && !rig.path().join("results/.kind").exists());
    let again = rig.call(&DOWN);
    assert!(again.told.contains("cluster loadgen-istio: was not there"), "{}", again.told);
    let status: Value = serde_json::from_str(&rig.call(&STATUS).out).expect("JSON");
    assert_eq!(status["clusters"][0]["up"], false);
}

#[test]
fn a_call_that_fails_anywhere_ends_with_4_says_which_and_leaves_nothing() {
    let whole = Rig::new();
    assert_eq!(whole.call(&UP).code, 0);
    for (index, line) in whole.calls().iter().enumerate() {
        let rig = Rig::faulty(index + 1, "fail");
        let up = rig.call(&UP);
        if asks(line) && !line.contains("get clusters") {
            // A question that fails says no: the step is done over.
            assert_eq!(up.code, 0, "{line}\n{}", up.told);
            continue;
        }
        assert_eq!(up.code, 4, "{line}\n{}", up.told);
        assert!(up.told.contains(&format!("call {} of the script", index + 1)), "{}", up.told);
        assert!(up.told.contains("failed: it ended with exit code 7"), "{}", up.told);
        assert!(up.told.contains("it said last:") && up.told.contains("help: "), "{}", up.told);
        let end = ["what was made is taken back", "nothing was made"];
        assert!(end.iter().any(|it| up.told.contains(it)), "{}", up.told);
        for what in ["clusters", "releases", "applied", "awaited"] {
            assert!(rig.standing(what).is_empty(), "{what} after {line}");
        }
        assert!(!rig.path().join("results/.kind").exists(), "{line}");
    }
}

#[test]
fn what_is_kept_is_gone_on_with_by_the_next_call() {
    let whole = Rig::new();
    assert_eq!(whole.call(&UP).code, 0);
    let keep = [&UP[..], &["--keep"]].concat();
    for (index, line) in whole.calls().iter().enumerate().filter(|(_, line)| !asks(line)) {
        let rig = Rig::faulty(index + 1, "fail");
        let up = rig.call(&keep);
        assert_eq!(up.code, 4, "{line}\n{}", up.told);
        let calls = rig.calls();
        let first = calls.len();
        let looks = |call: &String| call.contains("get events");
        assert!(calls[index + 1..].iter().all(looks), "nothing is taken back: {}", up.told);
        let again = rig.call(&UP);
        assert_eq!(again.code, 0, "{line}\n{}", again.told);
        let creates = |calls: &[String]| calls.iter().any(|it| it.starts_with("kind create"));
        assert_ne!(creates(&whole.calls()[..=index]), creates(&rig.calls()[first..]), "{line}");
        for what in ["clusters", "releases"] {
            assert_eq!(rig.standing(what), whole.standing(what), "{line}");
        }
    }
}

#[test]
fn a_cluster_that_was_there_before_is_left_when_a_later_step_fails() {
    // A cluster with a release missing, and the call by which it is installed again.
    let lacking = || {
        let rig = Rig::new();
        assert_eq!(rig.call(&UP).code, 0);
        let release = rig.state("releases/loadgen-istio@istiod-1-25-5");
        fs::remove_file(release).expect("it is there");
        let so_far = rig.calls().len();
        (rig, so_far)
    };
    let (rig, so_far) = lacking();
    assert_eq!(rig.call(&UP).code, 0);
    let install = |call: &String| call.contains("upgrade --install istiod-1-25-5");
    let at = so_far + rig.calls()[so_far..].iter().position(install).expect("it is done") + 1;
    let (rig, _) = lacking();
    fs::write(rig.state("fault"), format!("{at} fail\n")).expect("written");
    let up = rig.call(&UP);
    assert_eq!(up.code, 4, "{}", up.told);
    assert!(up.told.contains("install istiod-1-25-5"), "{}", up.told);
    assert_eq!(rig.standing("clusters"), ["loadgen-istio"]);
    assert_eq!(rig.standing("releases").len(), 2, "the half of a release is taken back");
    assert!(rig.path().join(KUBECONFIG).exists());
}

#[test]
fn a_dry_run_calls_nothing() {
    let rig = Rig::new();
    let up = rig.call(&["cluster", "up", "--scenario=l7-policy", "--dry-run"]);
    assert!(up.out.contains("kind create cluster --name loadgen-cilium-1-16"), "{}", up.out);
    assert!(!up.out.contains("kind: CiliumNetworkPolicy"));
    let down = rig.call(&["cluster", "down", "--scenario=l7-policy", "--dry-run"]);
    assert!(down.out.contains("kind delete cluster --name loadgen-cilium-1-17"), "{}", down.out);
    assert!(rig.calls().is_empty());
}

#[test]
fn what_can_not_be_planned_is_a_mistake_of_whoever_typed_it() {
    let rig = Rig::new();
    for arguments in [
        ["cluster", "up", "--scenario=planted-delay"],
        ["cluster", "down", "--scenario=no-such-scenario"],
    ] {
        assert_eq!(rig.call(&arguments).code, 2, "{arguments:?}");
    }
    assert!(rig.calls().is_empty());
}
