//! `loadgen selftest` with the real binary: its plan, its parts at a small size, what it keeps, how it
//! ends, and that later runs show it.

mod support;

use std::path::{Path, PathBuf};

use bench::results::Shelf;
use bench::selftest::SelftestRecord;
use rustix::process::Signal;
use support::{SMALL, alive, children_of, errors, run, run_folder, signal, start, wait_for};

fn document(dir: &Path) -> Option<SelftestRecord> {
    let text = std::fs::read_to_string(run_folder(dir)?.join("selftest.json")).ok()?;
    Some(serde_json::from_str(&text).expect("a selftest"))
}

fn shelf(dir: &Path) -> PathBuf {
    dir.join("state/loadgen/selftests")
}

#[test]
fn the_plan_says_what_is_run_and_how_long_it_takes() {
    let dir = tempfile::tempdir().expect("a folder");
    for (name, form) in [("selftest_quick", &["--quick"][..]), ("selftest_full", &[])] {
        let mut arguments = vec!["selftest", "--dry-run", "--seed=1"];
        arguments.extend_from_slice(form);
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        insta::assert_snapshot!(name, String::from_utf8_lossy(&output.stdout));
    }
    assert!(!dir.path().join("results").exists(), "a dry run leaves nothing");
}

#[test]
fn help_says_what_is_proven_and_how_it_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &["selftest", "--help"]);
    insta::assert_snapshot!("selftest_help", String::from_utf8_lossy(&output.stdout));
}

#[test]
fn mistakes_are_said_before_anything_is_started() {
    let dir = tempfile::tempdir().expect("a folder");
    for (arguments, said) in [
        (&["selftest", "--parts=pacing,costs"][..], "overheads, stall, pacing, cost"),
        (&["selftest", "--testbed=kind"], "only the testbed embedded can"),
        (&["selftest", "--duration=1ms"], "holds no request"),
        (&["selftest", "--blocks=0"], "1..=1000"),
    ] {
        let output = run(dir.path(), arguments);
        assert!(matches!(output.status.code(), Some(2 | 4)), "{arguments:?}");
        assert!(errors(&output).contains(said), "{arguments:?}: {}", errors(&output));
    }
    assert!(!dir.path().join("results").exists());
}

#[test]
fn arrivals_and_cost_are_measured_and_printed_as_json() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &["selftest", "--quick", "--parts=pacing,cost", "--output=json"]);
    let printed: SelftestRecord = serde_json::from_slice(&output.stdout).expect("a selftest");
    assert_eq!(Some(&printed), document(dir.path()).as_ref());
    let [constant, poisson] = printed.pacing.as_slice() else { panic!("two kinds of arrivals") };
    assert_eq!(constant.requests, 4000, "1000/s for 4 s");
    assert!((3500..4500).contains(&poisson.requests), "{}", poisson.requests);
    assert!(constant.gaps.is_none() && poisson.gaps.is_some());
    let cost = printed.cost.as_ref().expect("the cost");
    assert!(cost.cpu_us_per_request > 0.0 && cost.rate_reached > 0.0, "{cost:?}");
    // Which controls hold is the machine's doing; that the code agrees is ours.
    let failed = printed.outcome.controls.iter().any(|it| format!("{:?}", it.state) == "Failed");
    assert_eq!(output.status.code(), Some(if failed { 7 } else { 0 }), "{}", errors(&output));
    assert!(!printed.complete);
    assert!(!shelf(dir.path()).exists(), "only a whole one is kept for later");
}

#[test]
fn planted_delays_are_measured_in_a_run_folder_of_their_own() {
    let dir = tempfile::tempdir().expect("a folder");
    let small = ["selftest", "--parts=overheads", "--blocks=1", "--duration=200ms"];
    let output = run(dir.path(), &small);
    let record = document(dir.path()).expect("a selftest");
    assert_eq!(record.planted.len(), 18, "six delays at three quantiles");
    assert_eq!(record.same_twice.as_ref().map(|same| same.blocks), Some(1));
    // One block has no interval, so nothing is found and nothing is untrue.
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
    let folder = run_folder(dir.path()).expect("a folder");
    let inner = std::fs::read_dir(&folder).expect("readable").flatten();
    let runs: Vec<PathBuf> =
        inner.map(|entry| entry.path()).filter(|path| path.join("run.json").is_file()).collect();
    assert_eq!(runs.len(), 1);
    assert!(runs[0].join("report.md").is_file());
    let text = std::fs::read_to_string(folder.join("selftest.txt")).expect("the text");
    assert!(String::from_utf8_lossy(&output.stdout).starts_with(&text));
}

#[test]
fn an_interrupted_selftest_keeps_what_it_has_and_leaves_no_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(dir.path(), &["selftest", "--parts=overheads,cost", "--duration=300ms"]);
    let parts = wait_for("the testbed's processes", || {
        let children = children_of(child.id());
        (children.len() >= 3).then_some(children)
    });
    wait_for("a trial", || {
        let inner = std::fs::read_dir(run_folder(dir.path())?).ok()?.flatten();
        let mut logs = inner.filter_map(|it| std::fs::read_dir(it.path().join("histograms")).ok());
        logs.any(|mut files| files.next().is_some()).then_some(())
    });
    signal(i32::try_from(child.id()).expect("a pid"), Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    wait_for("the end of its processes", || {
        parts.iter().all(|(pid, _)| !alive(*pid)).then_some(())
    });
    let record = document(dir.path()).expect("a selftest");
    assert!(record.interrupted && !record.complete);
    assert!(record.same_twice.is_some_and(|same| same.blocks >= 1));
    assert!(record.cost.is_none());
}

/// A whole selftest takes minutes; here the document of a part is put where a whole one would be.
#[test]
fn a_later_run_shows_the_selftest_of_this_machine_and_is_rendered_the_same_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = |more: &[&'static str]| {
        let mut all = vec!["--scenario=planted-delay", "--blocks=1"];
        all.extend_from_slice(SMALL);
        all.extend_from_slice(more);
        all
    };
    let report = |results: &str| {
        let folders = std::fs::read_dir(dir.path().join(results)).expect("readable");
        let folder = folders.flatten().next().expect("a run").path();
        (std::fs::read_to_string(folder.join("report.md")).expect("a report"), folder)
    };
    run(dir.path(), &arguments(&["--results=before"]));
    assert!(report("before").0.contains("No selftest of this version is known"));
    run(dir.path(), &["selftest", "--quick", "--parts=cost"]);
    let record = document(dir.path()).expect("a selftest");
    Shelf::at(shelf(dir.path())).put(&record).expect("kept");
    run(dir.path(), &arguments(&["--results=after"]));
    let (text, folder) = report("after");
    assert!(text.contains(&record.started_at), "{text}");
    std::fs::remove_dir_all(shelf(dir.path())).expect("removed");
    let again = run(dir.path(), &["report", folder.to_str().expect("text")]);
    assert_eq!(again.status.code(), Some(0), "{}", errors(&again));
    assert_eq!(report("after").0, text, "what it showed is in run.json");
}
