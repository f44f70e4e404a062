//! The main job from end to end with the real binary: what it leaves on disk, how it ends, and what
//! is left running when it is interrupted, killed or robbed of a child.

mod support;

use rustix::process::Signal;
use support::{
    SMALL, alive, altered_scenario, children_of, errors, run, run_folder, run_json, signal, start,
    trials_kept, wait_for,
};

/// `--scenario strict-mtls` on the embedded testbed at the small load, and more.
fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let mut arguments = vec!["--scenario=strict-mtls", "--testbed=embedded"];
    arguments.extend_from_slice(SMALL);
    arguments.extend_from_slice(more);
    arguments
}

#[test]
fn a_run_leaves_a_complete_folder_and_its_exit_code_says_whether_it_measured() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &small(&["--blocks=6", "--variants=sidecar-plaintext,strict"]));
    let folder = run_folder(dir.path()).expect("a run folder");
    let json = run_json(&folder);
    let estimated = json["comparisons"]
        .as_array()
        .expect("comparisons")
        .iter()
        // The A/A pair answers no question of the scenario.
        .any(|row| row["name"] != "a-a" && !row["overhead_us"].is_null());
    // Whether trials are admitted is the machine's doing; that the code agrees is ours.
    assert_eq!(output.status.code(), Some(if estimated { 0 } else { 6 }), "{}", errors(&output));
    assert_eq!(json["interrupted"], false);
    let trials = json["trials"].as_array().expect("trials");
    assert!(trials.len() >= 18, "6 blocks of 3, and repeats");
    for trial in trials {
        let count = |key: &str| trial[key].as_u64().expect("a count");
        assert_eq!(
            count("offered"),
            count("completed") + count("failed") + count("timed_out") + count("shed")
        );
        assert_eq!(count("offered"), 60, "200/s for 300 ms");
        assert!(folder.join(trial["histograms"].as_str().expect("a file")).is_file());
    }
    for file in [
        "report.md",
        "report.html",
        "trials.csv",
        "comparison.csv",
        "charts/overhead.svg",
        "charts/trials.png",
    ] {
        assert!(folder.join(file).is_file(), "{file}");
    }
    let proofs = json["proofs"].as_array().expect("proofs");
    assert_eq!(proofs.len(), 12, "two variants before each of six blocks");
    let strict = proofs.iter().find(|proof| proof["variant"] == "strict").expect("proven");
    assert_eq!(strict["peer_identity"], "spiffe://cluster.local/ns/loadgen-bench/sa/client");
    assert!(json["provenance"]["subject"]["tls"].as_str().is_some_and(|tls| tls.contains("1_3")));
}

#[test]
fn a_finished_run_rendered_again_gives_the_same_bytes() {
    let dir = tempfile::tempdir().expect("a folder");
    run(dir.path(), &small(&["--blocks=1", "--variants=sidecar-plaintext,strict"]));
    let folder = run_folder(dir.path()).expect("a run folder");
    let files = [
        "report.md",
        "report.html",
        "charts/overhead.svg",
        "charts/percentiles.png",
        "charts/trials.svg",
    ];
    let read = || files.map(|file| std::fs::read(folder.join(file)).expect("rendered"));
    let before = read();
    for file in files {
        std::fs::remove_file(folder.join(file)).expect("removed");
    }
    let output = run(dir.path(), &["report", folder.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert_eq!(before, read());
}

#[test]
fn a_run_with_a_wished_precision_looks_after_each_block_and_ends_by_its_own_rule() {
    let dir = tempfile::tempdir().expect("a folder");
    let wish = ["--variants=sidecar-plaintext,strict", "--blocks=8", "--precision=p50=1000%"];
    let output = run(dir.path(), &small(&wish));
    let folder = run_folder(dir.path()).expect("a run folder");
    let json = run_json(&folder);
    let stopping = &json["stopping"];
    let looks = stopping["looks"].as_array().expect("looks");
    // Whether trials are admitted, and so when it stops, is the machine's doing; that it stops by
    // what it saw is ours.
    let reached =
        looks.last().expect("a look")["seen"].as_array().expect("comparisons").iter().all(|seen| {
            match (seen["reach_us"].as_f64(), seen["wanted_us"].as_f64()) {
                (Some(reach), Some(wanted)) => reach <= wanted,
                _ => false,
            }
        });
    let (ending, fewest) = if reached { ("reached", 6) } else { ("blocks", 8) };
    assert_eq!(stopping["ending"], ending, "{stopping}");
    assert!((fewest..=8).contains(&looks.len()), "{stopping}");
    assert_eq!(json["ended_early"], serde_json::Value::Null);
    assert!(stopping["error"].as_f64().is_some_and(|error| error <= 0.05), "{stopping}");
    let blocks: Vec<u64> = looks.iter().filter_map(|look| look["block"].as_u64()).collect();
    assert_eq!(blocks, (1..=looks.len() as u64).collect::<Vec<_>>());
    assert!(errors(&output).contains("block 1: mtls-overhead at p50"), "{}", errors(&output));
    let report = || std::fs::read(folder.join("report.md")).expect("a report");
    let before = report();
    run(dir.path(), &["report", folder.to_str().expect("text")]);
    assert_eq!(before, report());
}

#[test]
fn a_run_that_must_end_soon_begins_no_block_for_which_there_is_no_time() {
    let dir = tempfile::tempdir().expect("a folder");
    let wish = ["--variants=sidecar-plaintext,strict", "--precision=p50=0.001%", "--max-time=10ms"];
    run(dir.path(), &small(&wish));
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    // The first block takes longer than that, whatever the machine.
    assert_eq!(json["stopping"]["ending"], "time");
    assert_eq!(json["stopping"]["looks"].as_array().expect("looks").len(), 1);
    assert_eq!(json["plan"]["blocks"], 60);
}

#[test]
fn a_wished_precision_changes_no_order_and_a_dry_run_says_when_it_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = |more: &[&str]| {
        let arguments = [&["--scenario=strict-mtls", "--dry-run", "--seed=1"], more].concat();
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    let order = |text: &str| text.split("\norder\n").nth(1).expect("an order").to_owned();
    let (set, wished) = (plan(&[]), plan(&["--precision=p99=5%,p50=50us", "--max-time=20m"]));
    assert!(
        wished.contains("precision    p50 to ±50 µs, p99 to ±5 % of the baseline; "),
        "{wished}"
    );
    assert!(wished.contains("= 60 blocks × 5 variants"), "{wished}");
    assert!(wished.contains("takes at most 20 min 0 s"), "{wished}");
    assert!(order(&wished).starts_with(&order(&set)), "{wished}");
}

#[test]
fn the_same_seed_plans_the_same_order() {
    let dir = tempfile::tempdir().expect("a folder");
    let plan = |seed: &str| {
        let output = run(dir.path(), &["--scenario=strict-mtls", "--dry-run", seed]);
        assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
        String::from_utf8(output.stdout).expect("text")
    };
    assert_eq!(plan("--seed=1"), plan("--seed=1"));
    assert_ne!(plan("--seed=1"), plan("--seed=2"));
    assert!(run_folder(dir.path()).is_none(), "a dry run writes nothing");
}

#[test]
fn ctrl_c_keeps_what_was_measured_marks_it_and_leaves_no_process() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(dir.path(), &small(&["--blocks=500"]));
    wait_for("two trials", || (trials_kept(dir.path()) >= 2).then_some(()));
    let parts = children_of(child.id());
    assert_eq!(parts.len(), 3, "{parts:?}");
    signal(i32::try_from(child.id()).expect("a pid"), Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    for (pid, command) in parts {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
    let folder = run_folder(dir.path()).expect("a run folder");
    let json = run_json(&folder);
    assert_eq!(json["interrupted"], true);
    assert!(json["trials"].as_array().expect("trials").len() >= 2);
    let report = std::fs::read_to_string(folder.join("report.md")).expect("a report");
    assert!(report.to_lowercase().contains("interrupted"), "{report}");
}

#[test]
fn a_closed_terminal_ends_a_run_as_ctrl_c_does() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(dir.path(), &small(&["--blocks=500"]));
    wait_for("a trial", || (trials_kept(dir.path()) >= 1).then_some(()));
    signal(i32::try_from(child.id()).expect("a pid"), Signal::HUP);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    assert!(run_folder(dir.path()).expect("a run folder").join("report.md").is_file());
}

#[test]
fn a_chart_that_can_not_be_drawn_takes_neither_the_table_nor_the_report() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(dir.path(), &small(&["--blocks=2", "--variants=sidecar-plaintext,strict"]));
    let folder = wait_for("the folder", || {
        run_folder(dir.path()).filter(|folder| folder.join("charts").is_dir())
    });
    // Where the charts would go there is a file.
    std::fs::remove_dir(folder.join("charts")).expect("empty until the end");
    std::fs::write(folder.join("charts"), "").expect("written");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("charts"), "{}", errors(&output));
    assert!(folder.join("report.md").is_file());
    assert!(String::from_utf8_lossy(&output.stdout).contains("mTLS overhead"));
}

#[test]
fn a_kept_testbed_answers_after_the_results_are_there_and_ends_with_ctrl_c() {
    let dir = tempfile::tempdir().expect("a folder");
    let child =
        start(dir.path(), &small(&["--blocks=1", "--variants=sidecar-plaintext,strict", "--keep"]));
    wait_for("the report", || {
        run_folder(dir.path()).filter(|folder| folder.join("charts/trials.png").is_file())
    });
    let parts = children_of(child.id());
    assert_eq!(parts.len(), 3, "{parts:?}");
    signal(i32::try_from(child.id()).expect("a pid"), Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert!(errors(&output).contains("strict is up at http://127.0.0.1:"), "{}", errors(&output));
    for (pid, command) in parts {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
}

#[test]
fn kill_9_leaves_no_process_and_a_folder_that_can_be_reported() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = start(dir.path(), &small(&["--blocks=500"]));
    wait_for("two trials", || (trials_kept(dir.path()) >= 2).then_some(()));
    let parts = children_of(child.id());
    assert_eq!(parts.len(), 3, "{parts:?}");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    for (pid, command) in parts {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
    let folder = run_folder(dir.path()).expect("a run folder");
    assert_eq!(run_json(&folder)["interrupted"], true);
    let output = run(dir.path(), &["report", folder.to_str().expect("text")]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
}

#[test]
fn a_child_that_dies_in_mid_run_ends_it_with_its_name_and_what_was_measured_is_kept() {
    for part in ["origin", "client", "server"] {
        let dir = tempfile::tempdir().expect("a folder");
        let child =
            start(dir.path(), &small(&["--blocks=500", "--variants=sidecar-plaintext,strict"]));
        wait_for("two trials", || (trials_kept(dir.path()) >= 2).then_some(()));
        let pid = wait_for("the child", || {
            let parts = children_of(child.id());
            parts.into_iter().find(|(_, command)| command.trim_end().ends_with(part))
        });
        signal(pid.0, Signal::KILL);
        let output = child.wait_with_output().expect("it ends");
        let errors = errors(&output);
        assert_eq!(output.status.code(), Some(4), "{errors}");
        assert!(errors.contains(part) && errors.contains("signal 9"), "{errors}");
        let json = run_json(&run_folder(dir.path()).expect("a run folder"));
        assert!(json["trials"].as_array().expect("trials").len() >= 2);
        assert!(json["ended_early"].as_str().is_some_and(|why| why.contains(part)), "{json}");
        assert_eq!(json["interrupted"], false, "it broke, nobody stopped it");
    }
}

#[test]
fn results_that_can_not_be_kept_end_the_run_with_a_message() {
    let dir = tempfile::tempdir().expect("a folder");
    let child = start(dir.path(), &small(&["--blocks=500"]));
    wait_for("two trials", || (trials_kept(dir.path()) >= 2).then_some(()));
    // The disk fails: where the next trial would go there is no folder any more.
    let folder = run_folder(dir.path()).expect("a run folder");
    std::fs::rename(folder.join("histograms"), folder.join("gone")).expect("renamed");
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("histograms"), "{}", errors(&output));
    let trials = run_json(&folder)["trials"].as_array().expect("trials").len();
    assert!(trials >= 2, "run.json is whole");
}

#[test]
fn a_folder_that_can_not_be_made_is_an_error_before_anything_starts() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("results"), "a file").expect("written");
    let output = run(dir.path(), &small(&["--blocks=1"]));
    assert_eq!(output.status.code(), Some(1), "{}", errors(&output));
    assert!(errors(&output).contains("results"), "{}", errors(&output));
}

#[test]
fn a_posture_that_does_not_hold_ends_with_exit_5_and_nothing_is_measured() {
    let dir = tempfile::tempdir().expect("a folder");
    altered_scenario(dir.path(), "strict-mtls", "policies/istio/strict.yaml", |text| {
        text.replace("STRICT", "PERMISSIVE")
    });
    let mut arguments = vec!["--scenario=./strict-mtls", "--blocks=1"];
    arguments.extend_from_slice(SMALL);
    let output = run(dir.path(), &arguments);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(5), "{errors}");
    assert!(errors.contains("strict") && errors.contains("plaintext is refused"), "{errors}");
    let json = run_json(&run_folder(dir.path()).expect("a run folder"));
    assert_eq!(json["trials"].as_array().expect("trials").len(), 0);
    assert!(json["ended_early"].as_str().is_some_and(|why| why.contains("not proven")));
    assert!(run_folder(dir.path()).expect("a run folder").join("report.md").is_file());
}

#[test]
fn every_mistake_of_a_scenario_is_reported_at_once_with_exit_2() {
    let dir = tempfile::tempdir().expect("a folder");
    altered_scenario(dir.path(), "strict-mtls", "scenario.yaml", |text| {
        text.replace("connections: 50", "conections: 50").replace("blocks: 12", "blocks: 0")
    });
    let output = run(dir.path(), &["--scenario=./strict-mtls"]);
    let errors = errors(&output);
    assert_eq!(output.status.code(), Some(2), "{errors}");
    assert!(
        errors.contains("conections") && errors.contains("did you mean `connections`"),
        "{errors}"
    );
    assert!(errors.contains("design.blocks"), "{errors}");
}
