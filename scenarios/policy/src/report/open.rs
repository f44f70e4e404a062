//! The checks that could not be decided, as each format says it: never as if they had passed.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use crate::validate::Report;

/// Checks by what is missing, in the order in which they come first.
fn by_reason(report: &Report) -> Vec<(&str, Vec<&'static str>)> {
    let mut places: BTreeMap<&str, usize> = BTreeMap::new();
    let mut groups: Vec<(&str, Vec<&'static str>)> = Vec::new();
    for (id, missing) in &report.not_evaluated {
        let place = *places.entry(missing).or_insert(groups.len());
        if place == groups.len() {
            groups.push((missing, Vec::new()));
        }
        groups[place].1.push(id);
    }
    groups
}

/// One line for each thing that is missing.
pub(super) fn text(report: &Report) -> String {
    let mut all = String::new();
    for (missing, ids) in by_reason(report) {
        let ids = ids.join(", ");
        writeln!(all, "not evaluated, since {missing}: {ids}").expect("a string takes all");
    }
    all
}

/// A suite of tests that were skipped.
pub(super) fn junit(report: &Report, escape: impl Fn(&str) -> String) -> String {
    if report.not_evaluated.is_empty() {
        return String::new();
    }
    let count = report.not_evaluated.len();
    let mut suite = format!(
        "  <testsuite name=\"not evaluated\" tests=\"{count}\" failures=\"0\" skipped=\"{count}\">\n"
    );
    for (id, missing) in &report.not_evaluated {
        let missing = escape(missing);
        let written = writeln!(
            suite,
            "    <testcase name=\"{id}\" classname=\"not evaluated\"><skipped message=\"{missing}\"/>\
             </testcase>"
        );
        written.expect("a string takes all");
    }
    suite.push_str("  </testsuite>\n");
    suite
}

/// What SARIF says of the run itself: it is whole, and these rules were not held against anything.
pub(super) fn sarif(report: &Report) -> Value {
    let notification = |(id, missing): &(&'static str, String)| {
        json!({
            "level": "note",
            "associatedRule": { "id": id },
            "message": { "text": format!("not evaluated, since {missing}") },
        })
    };
    let notifications: Vec<Value> = report.not_evaluated.iter().map(notification).collect();
    json!([{ "executionSuccessful": true, "toolExecutionNotifications": notifications }])
}
