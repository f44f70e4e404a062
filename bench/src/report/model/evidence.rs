//! The evidence: latency by variant, proofs of posture, every trial with its judgement, and the
//! work that each variant did. Reads the record; judges nothing itself.

use std::collections::{BTreeMap, BTreeSet};

use super::{Section, Table, VariantLabel, admitted, left_out};
use crate::analysis::counting;
use crate::quantile::Quantile;
use crate::record::{RunRecord, Summary, TrialRow};
use crate::report::figures;
use crate::seams::Proof;

/// A measure: its heading, what it means, and where it stands in a trial.
type Measure = (&'static str, fn(&TrialRow) -> &Summary);

const MEASURES: [Measure; 4] = [
    ("Response time (completed − intended)", |trial| &trial.response_time_us),
    ("Service time (completed − sent)", |trial| &trial.service_time_us),
    ("Send lag (sent − intended)", |trial| &trial.send_lag_us),
    ("Pacing lag (the generator's own part of the send lag)", |trial| &trial.pacing_lag_us),
];

pub(super) fn by_variant(record: &RunRecord, variants: &[VariantLabel]) -> Section {
    let tables = MEASURES.iter().map(|measure| measure_table(record, variants, measure)).collect();
    Section {
        title: "Latency by variant".to_owned(),
        text: vec![
            "Each figure is the median over blocks of the trial's own quantile, where that is \
             admitted and the trial has enough samples for it. Maxima are of trials of which nothing \
             is left out."
                .to_owned(),
        ],
        tables,
    }
}

fn measure_table(record: &RunRecord, variants: &[VariantLabel], measure: &Measure) -> Table {
    let (title, summary) = measure;
    let columns = [
        "Variant",
        "#p50",
        "#p90",
        "#p99",
        "#p99.9",
        "#Maximum",
        "#Achieved rate",
        "#Blocks at each",
    ];
    // Rate and blocks are the same for every measure; they stand with the first.
    let first = *title == MEASURES[0].0;
    let mut table = Table::new(title, if first { &columns } else { &columns[..6] });
    for label in variants {
        let mut row = vec![label.name.clone()];
        let mut blocks = Vec::new();
        for quantile in Quantile::ALL {
            let trials = counting(&record.trials, &label.name, quantile).into_values();
            let figures: Vec<(f64, bool)> = trials
                .filter_map(|trial| {
                    let summary = summary(trial);
                    Some((summary.quantile(quantile)?, summary.at_least.contains(&quantile)))
                })
                .collect();
            blocks.push(figures.len().to_string());
            row.push(median_of(figures));
        }
        let whole = admitted(record, &label.name).filter(|trial| trial.spoiled.is_empty());
        let maxima = whole.filter_map(|trial| summary(trial).max);
        row.push(figures::micros_or_none(maxima.reduce(f64::max), false));
        if !first {
            table.rows.push(row);
            continue;
        }
        let rates = admitted(record, &label.name).map(|trial| trial.achieved_rps).collect();
        row.push(median(rates).map_or_else(|| figures::NONE.to_owned(), figures::rate));
        row.push(blocks.join(", "));
        table.rows.push(row);
    }
    table
}

/// The median of figures of which some are lower bounds; then so is the median.
pub(super) fn median_of(figures: Vec<(f64, bool)>) -> String {
    let at_least = figures.iter().any(|(_, at_least)| *at_least);
    let values = figures.into_iter().map(|(us, _)| us).collect();
    figures::micros_or_none(median(values), at_least)
}

fn median(mut values: Vec<f64>) -> Option<f64> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    match (values.len() % 2, values.get(middle)) {
        (_, None) => None,
        (1, Some(value)) => Some(*value),
        (_, Some(upper)) => Some(f64::midpoint(values[middle - 1], *upper)),
    }
}

pub(super) fn proofs(record: &RunRecord, variants: &[VariantLabel]) -> Section {
    let mut section = Section { title: "Proof of posture".to_owned(), ..Section::default() };
    if record.proofs.is_empty() {
        section.text.push("No posture was proven in this run.".to_owned());
        return section;
    }
    section.text.push(
        "Before its trials each variant was asked whether its posture holds, by calls to the live \
         testbed. No trial is admitted without that."
            .to_owned(),
    );
    // Where variants go through states, a block has several proofs of each.
    let counted = match record.memory {
        Some(_) => "#Proofs with this answer",
        None => "#Blocks with this answer",
    };
    let mut claims = Table::new("", &["Variant", "Claim", "Observed", "Holds", counted]);
    let mut peers = Table::new("Peer identity on the measured path", &["Variant", "Seen"]);
    // Variants that are proven but not planned come last, so that nothing is left out.
    let mut names: Vec<&str> = variants.iter().map(|label| label.name.as_str()).collect();
    let proven: Vec<&str> = record.proofs.iter().map(|proof| proof.variant.as_str()).collect();
    for name in proven {
        if !names.contains(&name) {
            names.push(name);
        }
    }
    for name in names {
        let mine: Vec<_> = record.proofs.iter().filter(|proof| proof.variant == name).collect();
        if mine.is_empty() {
            continue;
        }
        // Many blocks mostly give the same answer; each answer is told once, with its count.
        let mut answers: Vec<((&str, &str, bool), usize)> = Vec::new();
        for probe in mine.iter().flat_map(|proof| &proof.probes) {
            let answer = (probe.claim.as_str(), probe.observed.as_str(), probe.holds);
            match answers.iter_mut().find(|(known, _)| *known == answer) {
                Some((_, count)) => *count += 1,
                None => answers.push((answer, 1)),
            }
        }
        for ((claim, observed, holds), count) in answers {
            let asks = |proof: &&&Proof| proof.probes.iter().any(|probe| probe.claim == claim);
            let asked = mine.iter().filter(asks).count();
            claims.rows.push(vec![
                name.to_owned(),
                claim.to_owned(),
                observed.to_owned(),
                (if holds { "yes" } else { "NO" }).to_owned(),
                format!("{count} of {asked}"),
            ]);
        }
        let seen: BTreeSet<&str> =
            mine.iter().filter_map(|proof| proof.peer_identity.as_deref()).collect();
        let seen: Vec<&str> = seen.into_iter().collect();
        let seen = if seen.is_empty() { "none (no mTLS)".to_owned() } else { seen.join(", ") };
        peers.rows.push(vec![name.to_owned(), seen]);
    }
    section.tables = vec![claims, peers];
    section
}

pub(super) fn trials(record: &RunRecord) -> Section {
    let mut table = Table::new(
        "",
        &[
            "#Trial",
            "#Block",
            "Variant",
            "Left out",
            "#Offered",
            "#Completed",
            "#p50",
            "#p99",
            "#Pacing lag p99",
            "#Stolen",
            "Why",
        ],
    );
    for (number, trial) in (1_usize..).zip(&record.trials) {
        let figure = |summary: &Summary, quantile| {
            let at_least = summary.at_least.contains(&quantile);
            figures::micros_or_none(summary.quantile(quantile), at_least)
        };
        table.rows.push(vec![
            number.to_string(),
            trial.block.to_string(),
            trial.variant.clone(),
            left_out::what(trial),
            trial.offered.to_string(),
            trial.completed.to_string(),
            figure(&trial.response_time_us, Quantile::P50),
            figure(&trial.response_time_us, Quantile::P99),
            figure(&trial.pacing_lag_us, Quantile::P99),
            figures::percent(trial.generator.steal_percent),
            left_out::why(trial),
        ]);
    }
    let admitted = record.trials.iter().filter(|trial| trial.admitted).count();
    let whole = |trial: &&TrialRow| trial.admitted && trial.spoiled.is_empty();
    let whole = record.trials.iter().filter(whole).count();
    let text = match record.trials.len() {
        0 => "No trial was made.".to_owned(),
        all => format!(
            "In the order in which they were made; within a block the order was drawn from the \
             seed. {admitted} of {all} are measurements, {whole} of them in every quantile. What is left \
             out stays here and enters no figure."
        ),
    };
    let reasons = left_out::by_reason(record);
    let tables = [reasons, table].into_iter().filter(|table| !table.rows.is_empty()).collect();
    Section { title: "Trials in time order".to_owned(), text: vec![text], tables }
}

pub(super) fn equal_work(record: &RunRecord, variants: &[VariantLabel]) -> Section {
    let mut section = Section { title: "Proof of equal work".to_owned(), ..Section::default() };
    let sound = record.trials.iter().filter(|trial| adds_up(trial)).count();
    let any_denied = record.trials.iter().any(|trial| trial.denied > 0);
    let denied = if any_denied { "denied + " } else { "" };
    section.text.push(format!(
        "Sums over admitted trials: a variant that did less work is not faster. In {sound} of {} \
         trials offered = completed + {denied}failed + timed out + shed.",
        record.trials.len()
    ));
    let mut counts = Table::new(
        "Counted by the generator, in the measured windows",
        &[
            "Variant",
            "#Trials",
            "#Offered",
            "#Completed",
            "#Failed",
            "#Timed out",
            "#Shed",
            "Statuses",
            "#Received",
        ],
    );
    let mut seen = Table::new(
        "Counted by the subject, warm-up included",
        &["Variant", "#Requests at the origin", "#Full handshakes", "#Resumed", "Peers"],
    );
    for label in variants {
        let trials: Vec<&TrialRow> = admitted(record, &label.name).collect();
        let sum = |count: fn(&TrialRow) -> u64| sum(trials.iter().map(|trial| count(trial)));
        let mut statuses: BTreeMap<u16, u64> = BTreeMap::new();
        let mut peers: BTreeSet<&str> = BTreeSet::new();
        for trial in &trials {
            for (status, count) in &trial.outcomes.by_status {
                let total = statuses.entry(*status).or_default();
                *total = total.saturating_add(*count);
            }
            peers.extend(trial.work.peers.iter().map(String::as_str));
        }
        let statuses: Vec<String> =
            statuses.iter().map(|(status, count)| format!("{status}: {count}")).collect();
        counts.rows.push(vec![
            label.name.clone(),
            trials.len().to_string(),
            sum(|trial| trial.offered).to_string(),
            sum(|trial| trial.completed).to_string(),
            sum(|trial| trial.failed).to_string(),
            sum(|trial| trial.timed_out).to_string(),
            sum(|trial| trial.shed).to_string(),
            or_none(statuses.join(", ")),
            figures::bytes(sum(|trial| trial.generator.bytes_received)),
        ]);
        seen.rows.push(vec![
            label.name.clone(),
            sum(|trial| trial.work.requests_at_origin).to_string(),
            sum(|trial| trial.work.handshakes_full).to_string(),
            sum(|trial| trial.work.handshakes_resumed).to_string(),
            or_none(peers.into_iter().collect::<Vec<_>>().join(", ")),
        ]);
    }
    section.tables = vec![counts, seen];
    section
}

fn or_none(text: String) -> String {
    if text.is_empty() { figures::NONE.to_owned() } else { text }
}

/// Saturating: a record from elsewhere may hold any number, and a report must not fail on it.
fn sum(counts: impl Iterator<Item = u64>) -> u64 {
    counts.fold(0, u64::saturating_add)
}

fn adds_up(trial: &TrialRow) -> bool {
    let parts = [trial.completed, trial.denied, trial.failed, trial.timed_out, trial.shed];
    trial.offered == sum(parts.into_iter())
}
