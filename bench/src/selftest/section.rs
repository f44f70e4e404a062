//! A selftest as a later report shows it beside its own results: one line, and a section. Words
//! only; every figure in them comes from the digest.

use crate::report::figures;
use crate::report::model::{Section, Table};

use super::{ControlState, Fitness, Outcome, SelftestDigest};

/// The verdict in a line, e.g. `fit to resolve 38.0 µs at p50 in five minutes; not fit at p99`.
#[must_use]
pub fn headline(outcome: &Outcome) -> String {
    let failed: Vec<&str> =
        outcome.controls_in(ControlState::Failed).map(|control| control.name.as_str()).collect();
    if !failed.is_empty() {
        return format!("do not trust this harness here: a control failed ({})", failed.join("; "));
    }
    let resolves = |fitness: &Fitness| {
        let effect = fitness.resolves_us.filter(|_| fitness.fit)?;
        Some(format!("{} at {}", figures::micros(effect), fitness.quantile.label()))
    };
    let fit: Vec<String> = outcome.fitness.iter().filter_map(resolves).collect();
    let not: Vec<&str> = outcome
        .fitness
        .iter()
        .filter(|fitness| !fitness.fit)
        .map(|fitness| fitness.quantile.label())
        .collect();
    match (fit.is_empty(), not.is_empty()) {
        (true, true) => "nothing was measured that says what can be resolved".to_owned(),
        (true, false) => format!("not fit at {}", not.join(", ")),
        (false, true) => format!("fit to resolve {} in five minutes", fit.join(", ")),
        (false, false) => {
            format!(
                "fit to resolve {} in five minutes; not fit at {}",
                fit.join(", "),
                not.join(", ")
            )
        }
    }
}

/// The line for a run that may know of no selftest.
#[must_use]
pub fn line(digest: Option<&SelftestDigest>) -> String {
    let Some(digest) = digest else {
        return "No selftest of this version is known for this machine. Run loadgen selftest --quick: in \
                three minutes it shows what can be told apart here, and what can not."
            .to_owned();
    };
    let form = if digest.quick { "quick, " } else { "" };
    format!("{} ({form}{}).", capital(&headline(&digest.outcome)), digest.started_at)
}

pub(super) fn capital(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}

/// The section.
#[must_use]
pub fn section(digest: Option<&SelftestDigest>) -> Section {
    let mut text = vec![line(digest)];
    let mut tables = Vec::new();
    if let Some(SelftestDigest { outcome, testbed, .. }) = digest {
        text.push(format!(
            "The newest selftest of this version on this machine, on testbed {testbed}. An overhead \
             counts as resolved when a run of five minutes finds it four times out of five."
        ));
        tables = vec![fitness(outcome), controls(outcome), hindrances(outcome)];
        tables.retain(|table| !table.rows.is_empty());
    }
    Section { title: "Selftest".to_owned(), text, tables }
}

fn fitness(outcome: &Outcome) -> Table {
    let mut table = Table::new("What it can resolve", &["Quantile", "#Resolves", "Verdict"]);
    for fitness in &outcome.fitness {
        table.rows.push(vec![
            fitness.quantile.label().to_owned(),
            figures::micros_or_none(fitness.resolves_us, false),
            fitness
                .why_not
                .as_ref()
                .map_or_else(|| "fit".to_owned(), |why| format!("not fit: {why}")),
        ]);
    }
    table
}

fn controls(outcome: &Outcome) -> Table {
    let mut table = Table::new("Controls", &["Control", "Result", "Found"]);
    for control in &outcome.controls {
        let result = state(control.state).to_owned();
        table.rows.push(vec![control.name.clone(), result, control.finding.clone()]);
    }
    table
}

fn hindrances(outcome: &Outcome) -> Table {
    let mut table = Table::new("In its way", &["What", "Found", "What to do"]);
    for hindrance in &outcome.hindrances {
        table.rows.push(vec![
            hindrance.what.clone(),
            hindrance.found.clone(),
            hindrance.advice.clone(),
        ]);
    }
    table
}

/// What a control comes to, in one word.
pub(super) fn state(state: ControlState) -> &'static str {
    match state {
        ControlState::Passed => "passed",
        ControlState::Failed => "FAILED",
        ControlState::Undecided => "undecided",
    }
}
