//! `loadgen compare` as a command: what it prints, and how it ends.

mod support;

use std::fs;
use std::path::Path;

use serde_json::{Value, json};
use support::{errors, run};

/// A run folder made of the golden run, changed. `compare` reads nothing of it but `run.json`.
fn folder(dir: &Path, name: &str, change: impl FnOnce(&mut Value)) {
    let golden =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../bench/tests/golden/strict-mtls/run.json");
    let text = fs::read_to_string(golden).expect("the golden run");
    let mut record: Value = serde_json::from_str(&text).expect("JSON");
    change(&mut record);
    fs::create_dir(dir.join(name)).expect("a folder");
    fs::write(dir.join(name).join("run.json"), record.to_string()).expect("written");
}

/// Makes every admitted trial of the variant `strict` dearer by so many microseconds.
fn dearer(record: &mut Value, by_us: f64) {
    for trial in record["trials"].as_array_mut().expect("trials") {
        if trial["variant"] == "strict" {
            for quantile in ["p50", "p90", "p99"] {
                let us = &mut trial["response_time_us"][quantile];
                *us = us.as_f64().map_or(Value::Null, |us| json!(us + by_us));
            }
        }
    }
}

#[test]
fn each_outcome_has_its_exit_code() {
    let dir = tempfile::tempdir().expect("a folder");
    folder(dir.path(), "old", |_| {});
    folder(dir.path(), "alike", |record| record["seed"] = json!(43));
    folder(dir.path(), "dearer", |record| dearer(record, 400.0));
    folder(dir.path(), "elsewhere", |record| {
        record["provenance"]["cpu"] = json!("Another CPU");
        record["plan"]["load"]["rate"] = json!(5.0);
    });
    folder(dir.path(), "nothing", |record| record["trials"] = json!([]));
    let ends = [("alike", 0), ("dearer", 7), ("elsewhere", 2), ("absent", 2), ("nothing", 7)];
    for (new, code) in ends {
        let output = run(dir.path(), &["compare", "old", new]);
        assert_eq!(output.status.code(), Some(code), "{new}: {}", errors(&output));
    }
    let output = run(dir.path(), &["compare", "nothing", "alike"]);
    assert_eq!(output.status.code(), Some(6), "{}", errors(&output));
}

#[test]
fn a_regression_is_named_in_every_form_and_json_is_one_document() {
    let dir = tempfile::tempdir().expect("a folder");
    folder(dir.path(), "old", |_| {});
    folder(dir.path(), "new", |record| dearer(record, 400.0));
    for form in ["text", "markdown"] {
        let output = run(dir.path(), &["compare", "old", "new", "--output", form]);
        let text = String::from_utf8_lossy(&output.stdout).into_owned();
        assert!(text.contains("REGRESSION: more expensive: mtls-overhead"), "{form}: {text}");
    }
    let output = run(dir.path(), &["compare", "old", "new", "--output=json"]);
    let document: Value = serde_json::from_slice(&output.stdout).expect("one document");
    assert_eq!(document["standing"], "regression");
}

#[test]
fn a_refusal_says_every_reason_and_prints_no_result() {
    let dir = tempfile::tempdir().expect("a folder");
    folder(dir.path(), "old", |_| {});
    folder(dir.path(), "new", |record| {
        record["provenance"]["cpu"] = json!("Another CPU");
        record["plan"]["load"]["rate"] = json!(5.0);
    });
    let output = run(dir.path(), &["compare", "old", "new"]);
    assert!(output.stdout.is_empty());
    for reason in ["other machine, by its processor", "other load: requests a second"] {
        assert!(errors(&output).contains(reason), "{}", errors(&output));
    }
    let output = run(dir.path(), &["compare", "here", "there"]);
    for folder in ["here", "there"] {
        assert!(errors(&output).contains(folder), "{}", errors(&output));
    }
}

/// How the nightly job ends, and its summary, with these two nights. An earlier one may be missing.
fn night(dir: &Path, old: &str, new: &str) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/night");
    let summary = dir.join("summary.md");
    fs::write(&summary, "").expect("written");
    let output = std::process::Command::new(script)
        .args(["compare", old, new])
        .current_dir(dir)
        .env("LOADGEN", env!("CARGO_BIN_EXE_loadgen"))
        .env("GITHUB_STEP_SUMMARY", &summary)
        .output()
        .expect("bash is here");
    (output.status.code(), fs::read_to_string(&summary).expect("a summary"))
}

#[test]
fn a_night_fails_for_a_regression_and_not_for_want_of_an_earlier_one() {
    let dir = tempfile::tempdir().expect("a folder");
    for name in ["last", "alike", "dearer", "elsewhere"] {
        fs::create_dir(dir.path().join(name)).expect("a folder");
    }
    folder(dir.path(), "last/run", |_| {});
    folder(dir.path(), "alike/run", |record| record["seed"] = json!(43));
    folder(dir.path(), "dearer/run", |record| dearer(record, 400.0));
    folder(dir.path(), "elsewhere/run", |record| {
        record["provenance"]["cpu"] = json!("Another CPU");
    });
    let nights = [
        ("never", "alike", 0, "no earlier night"),
        ("last", "alike", 0, "no regression is supported"),
        ("last", "dearer", 7, "REGRESSION"),
        ("last", "elsewhere", 0, "other machine, by its processor"),
        ("last", "never", 1, ""),
    ];
    for (old, new, code, says) in nights {
        let (ended, summary) = night(dir.path(), old, new);
        assert_eq!(ended, Some(code), "{new}: {summary}");
        assert!(summary.contains(says), "{says} in {summary}");
    }
}
