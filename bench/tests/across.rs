//! Two runs held against each other: what is refused, what is found, and the words for it.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

#[expect(dead_code, reason = "only what becomes of the trials is of interest here")]
mod report_support;

use std::fs;
use std::path::Path;

use bench::across::{Across, Standing, compare, markdown, text};
use bench::record::{RunRecord, Verdict};
use report_support::{Recipe, golden, run};

/// The golden recipe on another day, with another median of the variant `strict`.
fn later(strict_us: f64) -> RunRecord {
    let mut recipe = golden();
    recipe.variants[2].median_us = strict_us;
    dated(&recipe)
}

fn dated(recipe: &Recipe) -> RunRecord {
    let mut record = run(recipe).record;
    record.started_at = "2026-11-24T02:40:11Z".to_owned();
    record.seed = 43;
    record
}

fn across(new: &RunRecord) -> Across {
    compare(&run(&golden()).record, new).unwrap()
}

#[test]
fn a_dearer_variant_is_a_regression_where_it_is_dearer_and_nowhere_else() {
    let across = across(&later(640.0));
    assert_eq!(across.standing, Standing::Regression);
    let slower: Vec<&str> = across
        .overheads
        .iter()
        .filter(|row| row.verdict == Verdict::Slower)
        .map(|row| row.name.as_str())
        .collect();
    assert!(!slower.is_empty() && slower.iter().all(|name| *name == "mtls-overhead"), "{slower:?}");
    insta::assert_snapshot!("regression_text", text(&across));
    insta::assert_snapshot!("regression_markdown", markdown(&across));
    insta::assert_snapshot!("regression_json", serde_json::to_string_pretty(&across).unwrap());
}

#[test]
fn a_cheaper_variant_is_none_and_the_swapped_runs_say_the_opposite() {
    let (old, new) = (run(&golden()).record, later(420.0));
    let (there, back) = (compare(&old, &new).unwrap(), compare(&new, &old).unwrap());
    assert_eq!((there.standing, back.standing), (Standing::NoRegression, Standing::Regression));
    for (one, other) in there.overheads.iter().zip(&back.overheads) {
        let (Some(one), Some(other)) = (one.change_us, other.change_us) else { continue };
        assert!((one.point + other.point).abs() < 1e-9 && (one.low + other.high).abs() < 1e-9);
    }
}

#[test]
fn a_run_is_no_regression_from_itself() {
    let old = run(&golden()).record;
    let across = compare(&old, &old).unwrap();
    assert_eq!(across.standing, Standing::NoRegression);
    insta::assert_snapshot!("itself_text", text(&across));
}

#[test]
fn requests_without_an_answer_make_it_untold_not_good() {
    let mut recipe = golden();
    recipe.unanswered = 12;
    let across = across(&dated(&recipe));
    assert_eq!(across.standing, Standing::Untold);
    assert!(across.overheads.iter().any(|row| row.lost));
    insta::assert_snapshot!("untold_text", text(&across));
}

#[test]
fn too_few_blocks_on_either_side_compare_nothing() {
    let mut recipe = golden();
    recipe.blocks = 2;
    let short = dated(&recipe);
    assert_eq!(compare(&short, &later(500.0)).unwrap().standing, Standing::NothingMeasured);
    assert_eq!(across(&short).standing, Standing::Untold);
}

#[test]
fn everything_that_makes_two_runs_incomparable_is_said_at_once() {
    let old = run(&golden()).record;
    let mut new = later(500.0);
    new.testbed = "kind".to_owned();
    new.quick = true;
    new.plan.scenario_version += 1;
    new.plan.load.rate = 2000.0;
    new.plan.load.connections = 9;
    new.plan.margin.percent = 9.0;
    new.plan.gates.errors_percent = 9.0;
    new.plan.variants[2].policies.clear();
    new.provenance.cpu = "Another CPU".to_owned();
    new.provenance.memory_bytes /= 2;
    new.provenance.placement.generator = vec![3];
    new.provenance.subject.name = "Istio".to_owned();
    new.provenance.opt_level = "0".to_owned();
    insta::assert_snapshot!("refused", compare(&old, &new).unwrap_err().to_string());
}

#[test]
fn another_scenario_is_refused_without_a_list_of_what_follows_from_it() {
    let mut new = later(500.0);
    new.scenario = "l7-policy".to_owned();
    new.plan.comparisons.clear();
    let refused = compare(&run(&golden()).record, &new).unwrap_err();
    assert_eq!(refused.reasons.len(), 1, "{refused}");
}

#[test]
fn what_may_differ_is_told() {
    let mut new = later(500.0);
    new.provenance.kernel = "Linux 9.9".to_owned();
    new.provenance.subject.version = "0.2.0".to_owned();
    new.interrupted = true;
    new.plan.comparisons.remove(1);
    let told = across(&new).remarks.join("\n");
    for word in ["kernel", "0.2.0", "was interrupted", "only in the older run: sidecar-overhead"] {
        assert!(told.contains(word), "{word} in {told}");
    }
}

#[test]
fn the_document_holds_its_schema_and_can_be_read_again() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/compare.schema.json");
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    for new in [later(640.0), later(497.0)] {
        let across = across(&new);
        let document = serde_json::to_value(&across).unwrap();
        let errors: Vec<String> =
            validator.iter_errors(&document).map(|error| error.to_string()).collect();
        assert_eq!(errors, Vec::<String>::new());
        assert_eq!(serde_json::from_value::<Across>(document).unwrap(), across);
    }
}
