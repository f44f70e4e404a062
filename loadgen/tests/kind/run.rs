//! `--testbed kind`: how far a run is conducted, what is left of it, and what `--reuse` takes.

use crate::rig::Rig;

const RUN: [&str; 2] = ["--scenario=strict-mtls", "--testbed=kind"];
const UP: [&str; 3] = ["cluster", "up", "--scenario=strict-mtls"];

#[test]
fn a_run_brings_every_policy_into_force_takes_all_of_it_back_and_claims_no_measurement() {
    let rig = Rig::new();
    let run = rig.call(&RUN);
    assert_eq!(run.code, 6, "{}", run.told);
    let first = run.told.lines().next().unwrap_or_default();
    assert!(first.contains("measures nothing there"), "{first}");
    for fact in [
        "node loadgen-istio-worker: kernel 6.8.0,",
        "Envoy's build of server-istio-1-24: 0123/1.32.6/Clean/RELEASE/BoringSSL",
    ] {
        assert!(run.out.contains(fact), "{fact} in {}", run.out);
    }
    let calls = rig.calls();
    let place = |what: &str| calls.iter().position(|call| call.contains(what)).expect(what);
    let deleted = calls.iter().position(|it| it.contains("delete") && it.ends_with("--filename=-"));
    let deleted = deleted.expect("a policy goes again");
    let order = [place("kind create"), deleted, place("get nodes"), place("kind delete")];
    assert!(order.is_sorted(), "{order:?}");
    for what in ["clusters", "applied"] {
        assert!(rig.standing(what).is_empty(), "{what}");
    }
    assert!(!rig.path().join("results/.kind").exists());
}

#[test]
fn a_run_that_fails_anywhere_leaves_nothing() {
    let whole = Rig::new();
    assert_eq!(whole.call(&RUN).code, 6);
    let calls = whole.calls();
    let up = Rig::new();
    assert_eq!(up.call(&UP).code, 0);
    // What is before is how a cluster comes up, which has a test of its own; the last is its end.
    for index in up.calls().len()..calls.len() {
        let rig = Rig::faulty(index + 1, "fail");
        let run = rig.call(&RUN);
        let told = &run.told;
        if index + 1 == calls.len() {
            assert_eq!(run.code, 6, "{told}");
            assert!(told.contains("not taken back: `kind delete cluster"), "{told}");
            continue;
        }
        assert_eq!(run.code, 4, "{}\n{told}", calls[index]);
        assert!(told.contains("what was made is taken back"), "{told}");
        for what in ["clusters", "releases", "applied"] {
            assert!(rig.standing(what).is_empty(), "{what} after {}", calls[index]);
        }
    }
}

#[test]
fn a_cluster_that_is_up_is_taken_left_up_and_refused_when_it_is_another() {
    let reuse = [&RUN[..], &["--reuse"]].concat();
    let rig = Rig::new();
    let refused = rig.call(&reuse);
    assert_eq!(refused.code, 4);
    for words in ["there is no such cluster", "help: `loadgen cluster up`"] {
        assert!(refused.told.contains(words), "{}", refused.told);
    }
    assert_eq!(rig.calls(), ["kind get clusters"]);

    assert_eq!(rig.call(&UP).code, 0);
    let applied = rig.standing("applied");
    let run = rig.call(&reuse);
    assert_eq!(run.code, 6, "{}", run.told);
    assert_eq!(rig.standing("clusters"), ["loadgen-istio"]);
    assert_eq!(rig.standing("applied"), applied, "only policies come and go");

    let release = rig.state("releases/loadgen-istio@istiod-1-24-6");
    std::fs::write(release, "as-planned:0123456789abcdef").expect("written");
    let refused = rig.call(&reuse);
    assert_eq!(refused.code, 4);
    assert!(refused.told.contains("not done: install istiod-1-24-6"), "{}", refused.told);
}

#[test]
fn a_failure_that_is_kept_leaves_the_cluster_and_the_policy_to_be_looked_at() {
    let whole = Rig::new();
    assert_eq!(whole.call(&RUN).code, 6);
    let delete = |call: &String| call.contains("delete") && call.ends_with("--filename=-");
    let at = whole.calls().iter().position(delete).expect("a policy goes");
    let keep = [&RUN[..], &["--keep"]].concat();
    // The policy before is applied, and its failure is looked at.
    let rig = Rig::faulty(at, "fail");
    let run = rig.call(&keep);
    assert_eq!(run.code, 4, "{}", run.told);
    assert!(run.told.contains("`loadgen cluster down --scenario strict-mtls`"), "{}", run.told);
    assert_eq!(rig.standing("clusters"), ["loadgen-istio"]);
    assert_eq!(rig.calls().len(), at, "nothing is called after the fault");
}

#[test]
fn reuse_is_refused_where_it_would_be_ignored() {
    let rig = Rig::new();
    let run = rig.call(&["--scenario=strict-mtls", "--testbed=embedded", "--reuse"]);
    assert_eq!(run.code, 2);
    assert!(run.told.contains("--testbed kind"), "{}", run.told);
}
