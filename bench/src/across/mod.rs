//! Two runs held against each other: has what is paid for security become more? The two have no blocks
//! in common, so nothing is paired across them; inside each, every overhead is still paired by block,
//! and what a night adds to all variants alike drops out before the nights are compared. Pure.

mod comparable;
mod markdown;
mod record;
mod text;
mod words;

use std::collections::BTreeMap;

pub use comparable::NotComparable;
pub use markdown::render as markdown;
pub use record::{
    ACROSS_SCHEMA_VERSION, Across, OverheadChange, QuantileChange, RunNamed, Standing,
    VariantChange,
};
pub use text::render as text;

use crate::analysis::{CONFIDENCE, Differences, LEVEL, counting, differences};
use crate::describe::A_A;
use crate::quantile::Quantile;
use crate::record::{ComparisonSpecRecord, Estimate, RunRecord, TrialRow, Verdict};
use crate::stats::order::median;
use crate::stats::shift::{rank_sum_test, shift};
use crate::stats::sign::holm;

/// Holds the newer run against the older one.
///
/// # The verdict
///
/// For each comparison that both have and each quantile, with the interval for the shift of the paired
/// overheads from one run to the other ([`shift`]):
///
/// 1. The whole interval within ±margin, the margin being that of the scenario at the older run's
///    baseline: *equivalent*.
/// 2. Else the interval excludes 0 and the rank sum test holds after Holm's correction over all gated
///    rows: *slower* or *faster*.
/// 3. Else *inconclusive*.
///
/// The correction is over all rows, since the question of a night is "has anything become worse". The
/// A/A pair is shown and neither gated nor counted: it is the witness of what the two runs find where
/// there is nothing.
///
/// An interval holds what differs from block to block. What differed from night to night and hit the
/// two sides of a comparison unequally is not in it.
pub fn compare(old: &RunRecord, new: &RunRecord) -> Result<Across, NotComparable> {
    comparable::check(old, new)?;
    let specs = comparable::common(old, new);
    let mut overheads: Vec<OverheadChange> = specs
        .into_iter()
        .flat_map(|spec| Quantile::ALL.map(|quantile| overhead(spec, quantile, (old, new))))
        .collect();
    judge(&mut overheads);
    let variants = variants(old, new);
    Ok(Across {
        schema_version: ACROSS_SCHEMA_VERSION,
        scenario: new.scenario.clone(),
        testbed: new.testbed.clone(),
        old: RunNamed::of(old),
        new: RunNamed::of(new),
        standing: standing(&overheads),
        remarks: comparable::remarks(old, new),
        overheads,
        variants,
    })
}

/// One comparison at one quantile, without its verdict.
fn overhead(
    spec: &ComparisonSpecRecord,
    quantile: Quantile,
    (old, new): (&RunRecord, &RunRecord),
) -> OverheadChange {
    let [before, after] = [old, new].map(|run| differences(spec, quantile, &run.trials));
    let [earlier, later] = as_many(&before.overheads_us, &after.overheads_us);
    let change_us = change(later, earlier);
    let margin = &new.plan.margin;
    let margin_us = before
        .baseline_us
        .map(|baseline| (margin.percent / 100.0 * baseline).max(margin.at_least_us));
    OverheadChange {
        name: spec.name.clone(),
        title: spec.title.clone(),
        candidate: spec.candidate.clone(),
        baseline: spec.baseline.clone(),
        quantile,
        gated: spec.name != A_A,
        old_us: median(earlier),
        new_us: median(later),
        old_blocks: count(earlier),
        new_blocks: count(later),
        change_us,
        // Without it there is no verdict.
        p_value: change_us
            .filter(|_| before.bounded.is_none() && after.bounded.is_none())
            .map(|_| rank_sum_test(later, earlier)),
        p_holm: None,
        margin_us,
        verdict: Verdict::Inconclusive,
        lost: change_us.is_none() && alone(&before) && !alone(&after)
            || before.bounded.is_none() && after.bounded.is_some(),
        remark: remark(&before, &after, change_us),
    }
}

/// As many blocks of one run as of the other, the first of each; all where one has none. Of equal numbers the rank sum test bears
/// that one run is noisier; a short and noisy run against a long and quiet one it does not bear.
fn as_many<'a>(earlier: &'a [f64], later: &'a [f64]) -> [&'a [f64]; 2] {
    let blocks = earlier.len().min(later.len());
    if blocks == 0 {
        return [earlier, later];
    }
    [&earlier[..blocks], &later[..blocks]]
}

/// Whether a run's part is enough for an interval with as much of another.
fn alone(part: &Differences) -> bool {
    part.bounded.is_none() && change(&part.overheads_us, &part.overheads_us).is_some()
}

fn change(later: &[f64], earlier: &[f64]) -> Option<Estimate> {
    let found = shift(later, earlier, CONFIDENCE)?;
    Some(Estimate {
        point: found.point,
        low: found.low,
        high: found.high,
        confidence: found.confidence,
    })
}

fn count(values: &[f64]) -> u32 {
    u32::try_from(values.len()).unwrap_or(u32::MAX)
}

/// What is lacking, where that keeps the change or its verdict from being told: a quantile with a bound
/// has no verdict, since the blocks that have one are left out for what happened in them. Blocks that
/// are lacking without harm are only counted.
fn remark(before: &Differences, after: &Differences, change: Option<Estimate>) -> Option<String> {
    let sides = [("older", before), ("newer", after)];
    if change.is_none() && sides.iter().all(|(_, part)| bare(part)) {
        return Some("neither run has such a figure".to_owned());
    }
    let mut parts = Vec::new();
    for (which, part) in sides {
        parts.extend(part.bounded.iter().map(|words| format!("{which} run: {words}")));
        if change.is_none() {
            parts.extend(part.lacking.iter().map(|words| format!("{which} run: {words}")));
            if bare(part) {
                parts.push(format!("the {which} run has no such figure"));
            }
        }
    }
    if change.is_none() && parts.is_empty() {
        parts.push(format!(
            "{} and {} blocks are too few for an interval; 4 and 4 are enough",
            before.overheads_us.len(),
            after.overheads_us.len()
        ));
    }
    (!parts.is_empty()).then(|| parts.join("; "))
}

fn bare(part: &Differences) -> bool {
    part.overheads_us.is_empty() && part.bounded.is_none()
}

fn judge(rows: &mut [OverheadChange]) {
    let asked = |row: &&OverheadChange| row.gated && row.p_value.is_some();
    let family: Vec<f64> = rows.iter().filter(asked).filter_map(|row| row.p_value).collect();
    let mut corrected = holm(&family).into_iter();
    for row in rows {
        if row.gated && row.p_value.is_some() {
            row.p_holm = corrected.next();
        }
        // The witness is judged alone.
        let p_value = if row.gated { row.p_holm } else { row.p_value };
        let (Some(change), Some(margin), Some(p_value)) = (row.change_us, row.margin_us, p_value)
        else {
            continue;
        };
        let excludes_zero = change.low > 0.0 || change.high < 0.0;
        if change.low >= -margin && change.high <= margin {
            row.verdict = Verdict::Equivalent;
        } else if excludes_zero && p_value <= LEVEL {
            row.verdict = if change.low > 0.0 { Verdict::Slower } else { Verdict::Faster };
        } else if excludes_zero {
            let alone = format!(
                "alone it would be told apart, not after Holm's correction over {} rows \
                 (p = {p_value:.3})",
                family.len()
            );
            let words = std::iter::once(alone).chain(row.remark.take());
            row.remark = Some(words.collect::<Vec<_>>().join("; "));
        }
    }
}

fn standing(rows: &[OverheadChange]) -> Standing {
    let gated = || rows.iter().filter(|row| row.gated);
    if gated().any(|row| row.verdict == Verdict::Slower) {
        Standing::Regression
    } else if gated().any(|row| row.lost) {
        Standing::Untold
    } else if gated().any(|row| row.p_value.is_some()) {
        Standing::NoRegression
    } else {
        Standing::NothingMeasured
    }
}

/// The variants themselves, which no control stands beside: shown, not judged.
fn variants(old: &RunRecord, new: &RunRecord) -> Vec<VariantChange> {
    let common = new
        .plan
        .variants
        .iter()
        .filter(|variant| old.plan.variants.iter().any(|before| before.name == variant.name));
    common
        .map(|variant| {
            let name = variant.name.as_str();
            let quantiles = Quantile::ALL.map(|quantile| {
                let [before, after] = [old, new].map(|run| {
                    let trials: BTreeMap<u32, &TrialRow> = counting(&run.trials, name, quantile);
                    let exact = |trial: &&TrialRow| trial.response_time_us.exact(quantile);
                    trials.values().filter_map(exact).collect::<Vec<f64>>()
                });
                QuantileChange {
                    quantile,
                    old_us: median(&before),
                    new_us: median(&after),
                    change_us: change(&after, &before),
                }
            });
            VariantChange {
                variant: name.to_owned(),
                old_unanswered_percent: unanswered(&old.trials, name),
                new_unanswered_percent: unanswered(&new.trials, name),
                quantiles: quantiles.to_vec(),
            }
        })
        .collect()
}

/// Of all requests that were offered to a variant, whatever became of the trials.
fn unanswered(trials: &[TrialRow], variant: &str) -> Option<f64> {
    let mine = || trials.iter().filter(|trial| trial.variant == variant);
    let offered: u64 = mine().map(|trial| trial.offered).sum();
    let lost: u64 = mine().map(|trial| trial.failed + trial.timed_out + trial.shed).sum();
    (offered > 0).then(|| 100.0 * lost as f64 / offered as f64)
}
