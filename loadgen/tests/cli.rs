//! What the command says: help, lists, plans and errors, word for word.

mod support;

use std::path::Path;

use support::run;

/// Exit code, standard output and standard error as one text, with what differs between machines
/// and versions made even.
fn said(dir: &Path, arguments: &[&str]) -> String {
    let output = run(dir, arguments);
    let text = format!(
        "$ loadgen {}\nexit {}\n--- out\n{}--- err\n{}",
        arguments.join(" "),
        output.status.code().map_or_else(|| "by signal".to_owned(), |code| code.to_string()),
        String::from_utf8_lossy(&output.stdout),
        String::from_utf8_lossy(&output.stderr)
    );
    text.replace(env!("CARGO_PKG_VERSION"), "VERSION")
}

fn with_snapshots(test: impl FnOnce()) {
    insta::with_settings!({ omit_expression => true, filters => vec![
        (r"; \d+ cores(; one core: generator and subject share it)?", "; N cores"),
    ] }, { test() });
}

#[test]
fn help_fits_what_a_newcomer_needs() {
    let dir = tempfile::tempdir().expect("a folder");
    with_snapshots(|| insta::assert_snapshot!("help", said(dir.path(), &["--help"])));
}

#[test]
fn list_names_scenarios_and_testbeds_with_what_is_missing() {
    let dir = tempfile::tempdir().expect("a folder");
    with_snapshots(|| insta::assert_snapshot!("list", said(dir.path(), &["list"])));
}

#[test]
fn list_is_json_on_request() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &["list", "--output=json"]);
    let json: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["testbeds"][0]["name"], "embedded");
    assert_eq!(json["testbeds"][0]["ready"], true);
}

#[test]
fn a_dry_run_prints_the_plan_and_how_long_it_takes() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments =
        ["--scenario=strict-mtls", "--testbed=embedded", "--quick", "--dry-run", "--seed=1"];
    with_snapshots(|| insta::assert_snapshot!("dry_run", said(dir.path(), &arguments)));
}

#[test]
fn mistakes_on_the_command_line_say_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::create_dir(dir.path().join("empty")).expect("a folder");
    let cases: &[&[&str]] = &[
        &["--scenario=strict-mtsl"],
        &["--scenario=./empty"],
        &["--scenario=strict-mtls", "--testbed=embedded", "--variants=strict,srtict"],
        &["--scenario=strict-mtls", "--testbed=embedded", "--variants=no-mesh,strict"],
        &["--scenario=strict-mtls", "--testbed=embedded", "--rate=0"],
        &["--scenario=strict-mtls", "--testbed=embedded", "--rate=1", "--duration=10ms"],
        &["--scenario=strict-mtls", "--duration=5"],
        &["--scenario=strict-mtls", "--blocks=0"],
        &["--scenario=strict-mtls", "--precision=5"],
        &["--scenario=strict-mtls", "--precision=p50=2%,p98=1%"],
        &["--scenario=strict-mtls", "--precision=5%", "--blocks=5", "--duration=200ms"],
        &["--scenario=strict-mtls", "--max-time=5m"],
        &["--scenario=planted-delay", "--testbed=kind"],
        &["--scenario=strict-mtls", "--testbed=envoy"],
        &["--scenari=strict-mtls"],
        &["report", "nowhere"],
        &["report", "empty"],
        &["--quick"],
    ];
    let all: Vec<String> = cases.iter().map(|case| said(dir.path(), case)).collect();
    with_snapshots(|| insta::assert_snapshot!("mistakes", all.join("\n\n")));
}

#[test]
fn a_full_standard_error_changes_no_exit_code() {
    let dir = tempfile::tempdir().expect("a folder");
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").expect("this is Linux");
    let mut command = support::loadgen(dir.path(), &["--scenario=nowhere"]);
    assert_eq!(command.stderr(full).status().expect("it starts").code(), Some(2));
}

#[test]
fn completions_and_the_manual_page_are_printed() {
    let dir = tempfile::tempdir().expect("a folder");
    for shell in ["bash", "zsh", "fish"] {
        let output = run(dir.path(), &["completions", shell]);
        assert!(output.status.success());
        assert!(String::from_utf8_lossy(&output.stdout).contains("scenario"), "{shell}");
    }
    let man = run(dir.path(), &["man"]);
    assert!(String::from_utf8_lossy(&man.stdout).starts_with(".ie"), "roff");
}

#[test]
fn a_reader_that_goes_away_is_no_failure() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = support::start(dir.path(), &["man"]);
    drop(child.stdout.take());
    assert!(child.wait().expect("it ends").success());
}
