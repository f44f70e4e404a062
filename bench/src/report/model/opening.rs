//! The top of the report: the answer in a sentence, and what must be known before the figures.
//! Words only; every figure in them comes from the record.

use super::{
    Cell, Comparison, Mark, VariantLabel, left_out, memory, noise_floor, precision, title_of,
};
use crate::quantile::Quantile;
use crate::record::{RunRecord, TrialRow, Verdict};
use crate::report::figures;
use crate::selftest;

/// The words for a build without optimisation.
pub(super) const NOT_A_MEASUREMENT: &str = "NOT A MEASUREMENT";

/// Where the answer is looked for, best first.
const ANSWERED_AT: [Quantile; 4] = [Quantile::P99, Quantile::P90, Quantile::P50, Quantile::P999];

/// A few words that stand on every part of the report.
pub(super) fn stamp(record: &RunRecord) -> Option<String> {
    let mut words = Vec::new();
    if unoptimised(record) {
        words.push(NOT_A_MEASUREMENT);
    }
    if record.quick {
        words.push("quick run");
    }
    if record.interrupted {
        words.push("interrupted");
    } else if record.ended_early.is_some() {
        words.push("ended early");
    }
    (!words.is_empty()).then(|| words.join(" · "))
}

/// What a reader must know before the figures.
pub(super) fn marks(record: &RunRecord, comparisons: &[Comparison]) -> Vec<Mark> {
    let mut marks = Vec::new();
    let mut mark = |title: &str, text: String| {
        marks.push(Mark { title: title.to_owned(), text });
    };
    if unoptimised(record) {
        mark(
            NOT_A_MEASUREMENT,
            "loadgen was built without optimisation (opt-level 0): the figures show that it runs, \
             and nothing else. Build with optimisation and run again."
                .to_owned(),
        );
    }
    if let Some(text) = partial(record) {
        mark(if record.interrupted { "Interrupted" } else { "Partial" }, text);
    }
    if let Some(text) = precision::sentence(record) {
        mark("Precision", text);
    }
    if record.quick {
        mark(
            "Quick run",
            "A smoke run with short trials and few blocks. Leave out --quick to measure."
                .to_owned(),
        );
    }
    if record.provenance.placement.shared {
        mark(
            "Cores shared",
            "The generator and what it measures shared cores, so each slowed the other. The \
             difference between variants is still paired; absolute times are too high."
                .to_owned(),
        );
    }
    if let Some(text) = unquiet(comparisons) {
        mark("Noise", text);
    }
    let rejected = record.trials.iter().filter(|trial| !trial.admitted).count();
    if rejected > 0 {
        mark(
            "Rejected trials",
            format!(
                "{rejected} of {} trials are not measurements. They are listed with the reasons, \
                 and left out of every figure.",
                record.trials.len()
            ),
        );
    }
    if let Some(text) = left_out::sentence(record) {
        mark("Busy machine", text);
    }
    mark("Selftest", selftest::line(record.selftest.as_ref()));
    if !record.testbed_note.is_empty() {
        mark(&format!("Testbed {}", record.testbed), record.testbed_note.clone());
    }
    marks
}

fn unoptimised(record: &RunRecord) -> bool {
    record.provenance.opt_level == "0"
}

fn partial(record: &RunRecord) -> Option<String> {
    // A run that stopped by its own rule is whole, however many blocks that took.
    let by_rule = record.stopping.as_ref().is_some_and(|stopping| stopping.ending.is_some());
    let planned = u64::from(record.plan.blocks) * record.plan.variants.len() as u64;
    // Repeats stand behind the planned positions of their block, and are not counted.
    let planned_trial = |trial: &&TrialRow| trial.position as usize <= record.plan.variants.len();
    let made = record.trials.iter().filter(planned_trial).count() as u64;
    if !record.interrupted && record.ended_early.is_none() && (by_rule || made >= planned) {
        return None;
    }
    let why = match &record.ended_early {
        Some(why) => format!(" ({why})"),
        None => String::new(),
    };
    Some(format!(
        "The run ended before its plan was done{why}: {made} of {planned} trials were made."
    ))
}

/// Quantiles at which the same thing, measured twice, differs by more than chance.
fn unquiet(comparisons: &[Comparison]) -> Option<String> {
    let differs = |quantile: &Quantile| {
        let cell = noise_floor(comparisons, *quantile)?;
        let estimate = cell.overhead_us?;
        matches!(cell.verdict, Verdict::Slower | Verdict::Faster)
            .then(|| format!("{} at {}", figures::signed_estimate(&estimate), quantile.label()))
    };
    let found: Vec<String> = Quantile::ALL.iter().filter_map(differs).collect();
    (!found.is_empty()).then(|| {
        format!(
            "The A/A pair, the same thing measured twice, differs by more than chance: {}. A \
             difference of that size is not an effect of what was changed.",
            found.join(", ")
        )
    })
}

/// The answer: the first named difference at p99, or at the best quantile that has an estimate.
pub(super) fn answer(
    record: &RunRecord,
    comparisons: &[Comparison],
    variants: &[VariantLabel],
) -> String {
    let headline = comparisons
        .iter()
        .find(|comparison| !comparison.noise_floor)
        .or_else(|| comparisons.first());
    let sentence = match (&record.memory, headline) {
        (Some(of_memory), _) => memory::answer(record, of_memory, variants),
        (None, Some(comparison)) => of_comparison(record, comparison, variants),
        (None, None) => "No answer: nothing is compared in this run.".to_owned(),
    };
    if unoptimised(record) { format!("{NOT_A_MEASUREMENT}. {sentence}") } else { sentence }
}

fn of_comparison(record: &RunRecord, comparison: &Comparison, variants: &[VariantLabel]) -> String {
    let candidate = title_of(variants, &comparison.candidate);
    let baseline = title_of(variants, &comparison.baseline);
    let at = |quantile: &Quantile| comparison.cells.iter().find(|c| c.quantile == *quantile);
    let estimated = |quantile: &Quantile| at(quantile).filter(|cell| cell.overhead_us.is_some());
    match ANSWERED_AT.iter().find_map(estimated) {
        Some(cell) => {
            let remark = remark(record, comparison, cell.quantile);
            of_cell(cell, (candidate, baseline), remark)
        }
        None => {
            let best = ANSWERED_AT.iter().find_map(at);
            // The record's own remark is the most exact reason there is.
            let remark = best.and_then(|cell| remark(record, comparison, cell.quantile));
            let why = why_none(record, comparison.cells.is_empty()).or(remark);
            let why = why.unwrap_or("no block has an admitted trial of both").trim_end_matches('.');
            format!("No answer yet on {candidate} against {baseline}: {why}.")
        }
    }
}

/// What the record has to add at a quantile of a comparison.
fn remark<'a>(
    record: &'a RunRecord,
    comparison: &Comparison,
    quantile: Quantile,
) -> Option<&'a str> {
    let mut rows = record.comparisons.iter();
    let row = rows.find(|row| row.name == comparison.name && row.quantile == quantile)?;
    row.remark.as_deref()
}

fn of_cell(cell: &Cell, names: (&str, &str), remark: Option<&str>) -> String {
    let (candidate, baseline) = names;
    let at = cell.quantile.label();
    let Some(overhead) = &cell.overhead_us else { return String::new() };
    let figures = figures::signed_in_words(overhead);
    let ratio = match &cell.ratio {
        Some(ratio) => format!(", ratio {}", figures::ratio(ratio)),
        None => String::new(),
    };
    let blocks = blocks(cell.blocks);
    match cell.verdict {
        Verdict::Slower | Verdict::Faster => {
            let word = figures::verdict(cell.verdict);
            format!(
                "At {at}, {candidate} is {word} than {baseline}: the response time differs by \
                 {figures}{ratio}, over {blocks}."
            )
        }
        Verdict::Equivalent => format!(
            "At {at}, {candidate} is equivalent to {baseline}: the overhead is {figures}{ratio}, \
             over {blocks}, all of it within the margin of ±{}.",
            figures::micros_or_none(cell.margin_us, false)
        ),
        Verdict::Inconclusive => format!(
            "At {at}, inconclusive: {blocks} do not decide whether {candidate} is slower than \
             {baseline}. The overhead is {figures}{ratio}{}.",
            remark.map(|remark| format!("; {}", remark.trim_end_matches('.'))).unwrap_or_default()
        ),
    }
}

fn blocks(count: u32) -> String {
    if count == 1 { "1 block".to_owned() } else { format!("{count} blocks") }
}

/// What keeps every comparison from an answer; such a reason is told before any other.
fn why_none(record: &RunRecord, not_made: bool) -> Option<&'static str> {
    if record.trials.is_empty() {
        Some("no trial was made")
    } else if !record.trials.iter().any(|trial| trial.admitted) {
        Some("no trial is a measurement; the reasons are listed with the trials")
    } else if not_made {
        Some("the comparison was not made")
    } else {
        None
    }
}
