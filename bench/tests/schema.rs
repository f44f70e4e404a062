//! The JSON Schemas of run.json, of a selftest and of two runs compared: committed, current, and of use. After a wanted change:
//! `cargo test -p bench --test schema -- --ignored`.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

use std::fs;
use std::path::{Path, PathBuf};

use bench::schema::{compare_schema, run_schema, selftest_schema};
use serde_json::{Value, json};

/// What is done to a good run.
type Break = fn(&mut Value);

fn committed(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("schema").join(name)
}

const RUN: &str = "run.schema.json";
const SELFTEST: &str = "selftest.schema.json";
const COMPARE: &str = "compare.schema.json";

fn golden_run() -> Value {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/strict-mtls/run.json");
    serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap()
}

fn validator() -> jsonschema::Validator {
    let schema: Value = serde_json::from_str(&fs::read_to_string(committed(RUN)).unwrap()).unwrap();
    jsonschema::validator_for(&schema).unwrap()
}

#[test]
fn the_committed_schemas_are_current() {
    let text = fs::read_to_string(committed(RUN)).unwrap();
    assert!(text == run_schema(), "schema/run.schema.json is not current; see this file's head");
    let text = fs::read_to_string(committed(SELFTEST)).unwrap();
    assert!(
        text == selftest_schema(),
        "schema/selftest.schema.json is not current; see this file's head"
    );
    let text = fs::read_to_string(committed(COMPARE)).unwrap();
    assert!(
        text == compare_schema(),
        "schema/compare.schema.json is not current; see this file's head"
    );
}

#[test]
fn the_golden_run_is_valid() {
    let run = golden_run();
    let errors: Vec<String> =
        validator().iter_errors(&run).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
}

#[test]
fn broken_runs_are_not_valid() {
    let validator = validator();
    let breaks: [(&str, Break); 9] = [
        ("a missing key", |run| {
            run.as_object_mut().unwrap().remove("seed");
        }),
        ("an unknown key", |run| run["extra"] = json!(1)),
        ("an unknown key of a trial", |run| run["trials"][0]["colour"] = json!("red")),
        ("a text for a number", |run| run["trials"][0]["offered"] = json!("many")),
        ("a negative count", |run| run["trials"][0]["offered"] = json!(-1)),
        ("an unknown verdict", |run| run["comparisons"][0]["verdict"] = json!("no difference")),
        ("an unknown quantile", |run| run["comparisons"][0]["quantile"] = json!("p95")),
        ("an estimate without an end", |run| {
            run["comparisons"][0]["overhead_us"].as_object_mut().unwrap().remove("low");
        }),
        ("no object", |run| *run = json!([])),
    ];
    for (what, change) in breaks {
        let mut run = golden_run();
        change(&mut run);
        assert!(!validator.is_valid(&run), "{what} is accepted");
    }
}

#[test]
#[ignore = "rewrites the committed schema"]
fn regenerate() {
    fs::create_dir_all(committed(RUN).parent().unwrap()).unwrap();
    fs::write(committed(RUN), run_schema()).unwrap();
    fs::write(committed(SELFTEST), selftest_schema()).unwrap();
    fs::write(committed(COMPARE), compare_schema()).unwrap();
}
