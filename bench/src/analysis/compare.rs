//! One named difference: pairs by block, the estimate at each quantile, the verdict. Knows rows of
//! figures, no mesh and no article.

use rand::Rng;

use super::pairs::{Pair, pairs};
use super::rule::{Rule, Side, side};
use super::{Bootstrap, CONFIDENCE};
use crate::quantile::Quantile;
use crate::record::{
    ComparisonRow, ComparisonSpecRecord, Estimate, Interval, PlanRecord, TrialRow, Verdict,
};
use crate::stats::bootstrap::bca_median;
use crate::stats::order::median;
use crate::stats::power::{robust_scale, values_needed};
use crate::stats::sign::holm;

/// More blocks than a scenario may ask for; beyond it the advice is another one.
const MOST_BLOCKS: f64 = 1000.0;

/// A quantile of both sides, in microseconds, in every pair where it is exact on both.
pub(super) struct Sample {
    candidate: Vec<f64>,
    pub(super) baseline: Vec<f64>,
    pub(super) differences: Vec<f64>,
}

/// A comparison at every quantile.
pub(super) fn rows(
    spec: &ComparisonSpecRecord,
    plan: &PlanRecord,
    trials: &[TrialRow],
    (rule, bootstrap): (&Rule, &Bootstrap),
) -> Vec<ComparisonRow> {
    let pairs = Quantile::ALL.map(|quantile| pairs(spec, trials, quantile));
    let samples: Vec<Sample> = Quantile::ALL
        .into_iter()
        .zip(&pairs)
        .map(|(quantile, pairs)| sample(&pairs.made, quantile))
        .collect();
    let mut rows: Vec<ComparisonRow> = Quantile::ALL
        .into_iter()
        .zip(&samples)
        .map(|(quantile, sample)| {
            let mut row = estimated(spec, quantile, sample, (rule, bootstrap));
            row.margin_us = row.baseline_us.map(|baseline| {
                (plan.margin.percent / 100.0 * baseline).max(plan.margin.at_least_us)
            });
            row
        })
        .collect();
    let family: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
    let mut corrected = holm(&family).into_iter();
    for (row, (sample, pairs)) in rows.iter_mut().zip(samples.iter().zip(&pairs)) {
        if row.p_value.is_some() {
            row.p_holm = corrected.next();
        }
        if row.overhead_us.is_none() {
            row.remark = Some(missing(row.quantile, &pairs.made, (plan, rule)));
        }
        judge(row, &sample.differences, family.len(), rule);
        withhold(row, &pairs.made);
        // What no trial is long enough for is not lacking for any other reason.
        let lacking =
            pairs.lacking.clone().filter(|_| too_few(row.quantile, &pairs.made).is_none());
        let remarks = row.remark.take().into_iter().chain(lacking);
        row.remark = Some(remarks.collect::<Vec<_>>().join("; ")).filter(|text| !text.is_empty());
    }
    rows
}

pub(super) fn sample(pairs: &[Pair<'_>], quantile: Quantile) -> Sample {
    let exact = pairs.iter().filter_map(|pair| {
        let candidate = pair.candidate.response_time_us.exact(quantile)?;
        Some((candidate, pair.baseline.response_time_us.exact(quantile)?))
    });
    let (candidate, baseline): (Vec<f64>, Vec<f64>) = exact.unzip();
    let differences = candidate.iter().zip(&baseline).map(|(c, b)| c - b).collect();
    Sample { candidate, baseline, differences }
}

fn estimated(
    spec: &ComparisonSpecRecord,
    quantile: Quantile,
    sample: &Sample,
    (rule, bootstrap): (&Rule, &Bootstrap),
) -> ComparisonRow {
    let differences = &sample.differences;
    let overhead_us = estimate(differences, rule);
    let measured = overhead_us.is_some();
    // Named by what it is for, not by its place, so that a comparison more changes no other.
    let purpose = format!("bootstrap {} {}", spec.name, quantile.key());
    let seed = bootstrap.seed.rng(&purpose).next_u64();
    let bootstrapped =
        measured.then(|| bca_median(differences, CONFIDENCE, bootstrap.resamples, seed)).flatten();
    ComparisonRow {
        name: spec.name.clone(),
        candidate: spec.candidate.clone(),
        baseline: spec.baseline.clone(),
        measure: "response_time".to_owned(),
        quantile,
        candidate_us: median(&sample.candidate),
        baseline_us: median(&sample.baseline),
        overhead_us,
        ratio: ratio(sample, rule),
        bootstrap_us: bootstrapped.map(|ends| Interval { low: ends.low, high: ends.high }),
        p_value: measured.then(|| rule.p_value(differences)),
        p_holm: None,
        p_run: None,
        margin_us: None,
        verdict: Verdict::Inconclusive,
        blocks: u32::try_from(differences.len()).unwrap_or(u32::MAX),
        remark: None,
    }
}

/// The median with its interval; `None` where the values are too few for one.
pub(crate) fn estimate(values: &[f64], rule: &Rule) -> Option<Estimate> {
    let interval = rule.interval(values)?;
    let point = median(values)?;
    Some(Estimate {
        point,
        low: interval.low,
        high: interval.high,
        confidence: interval.confidence,
    })
}

/// From the logarithms, so that the ratio of the swapped sides is the reciprocal.
fn ratio(sample: &Sample, rule: &Rule) -> Option<Estimate> {
    let logs: Vec<f64> =
        sample.candidate.iter().zip(&sample.baseline).map(|(c, b)| (c / b).ln()).collect();
    if logs.iter().any(|log| !log.is_finite()) {
        return None;
    }
    let logs = estimate(&logs, rule)?;
    Some(Estimate {
        point: logs.point.exp(),
        low: logs.low.exp(),
        high: logs.high.exp(),
        confidence: logs.confidence,
    })
}

/// Why there is no estimate: everything that is missing.
fn missing(quantile: Quantile, pairs: &[Pair<'_>], (plan, rule): (&PlanRecord, &Rule)) -> String {
    let mut reasons = Vec::new();
    if let Some(fewest) = too_few(quantile, pairs) {
        let needed = quantile.samples_needed();
        reasons.push(format!(
            "{} needs {needed} requests a trial; these have {fewest}: run with --duration {:.0}s or more",
            quantile.label(),
            (needed as f64 / plan.load.rate).ceil(),
        ));
    }
    reasons.extend(bounded(quantile, pairs));
    let blocks = rule.fewest_values();
    if pairs.len() < blocks {
        reasons.push(format!("an interval needs {blocks} blocks, and there are {}", pairs.len(),));
    }
    reasons.join("; ")
}

/// The fewest requests of a trial, where these are too few for the quantile.
fn too_few(quantile: Quantile, pairs: &[Pair<'_>]) -> Option<u64> {
    let sides = pairs.iter().flat_map(|pair| [pair.candidate, pair.baseline]);
    let fewest = sides.map(|trial| trial.response_time_us.count).min()?;
    (fewest < quantile.samples_needed()).then_some(fewest)
}

/// Says in how many blocks a quantile is only a lower bound; nothing where there is none.
pub(super) fn bounded(quantile: Quantile, pairs: &[Pair<'_>]) -> Option<String> {
    let bounds = pairs
        .iter()
        .map(|pair| [&pair.candidate.response_time_us, &pair.baseline.response_time_us])
        .filter(|sides| sides.iter().any(|summary| summary.at_least.contains(&quantile)))
        .count();
    (bounds > 0).then(|| {
        format!(
            "{} is only a lower bound in {bounds} of {} blocks, since requests went unanswered",
            quantile.label(),
            pairs.len(),
        )
    })
}

/// Blocks with a bound are left out for what happened in them: a verdict from the others would be
/// one from a selection, so there is none.
fn withhold(row: &mut ComparisonRow, pairs: &[Pair<'_>]) {
    if let Some(bounded) = bounded(row.quantile, pairs)
        && row.overhead_us.is_some()
    {
        row.verdict = Verdict::Inconclusive;
        row.remark = Some(format!("{bounded}; those are left out, so there is no verdict"));
    }
}

/// See [`analyse`](super::analyse) for the rule and its reasons.
fn judge(row: &mut ComparisonRow, differences: &[f64], family: usize, rule: &Rule) {
    let (Some(overhead), Some(margin), Some(p_value), Some(p_holm)) =
        (row.overhead_us, row.margin_us, row.p_value, row.p_holm)
    else {
        return;
    };
    row.verdict = match side(&overhead, margin, p_holm) {
        Side::Within => Verdict::Equivalent,
        Side::Above => Verdict::Slower,
        Side::Below => Verdict::Faster,
        Side::Undecided => {
            let advice = advice(differences, (overhead.point, margin), family, rule);
            let excludes_zero = overhead.low > 0.0 || overhead.high < 0.0;
            row.remark = Some(if excludes_zero {
                format!(
                    "significant alone (p = {p_value:.3}), not after Holm's correction over \
                     {family} quantiles (p = {p_holm:.3}); {advice}"
                )
            } else {
                advice
            });
            Verdict::Inconclusive
        }
    };
}

/// What would decide an undecided comparison, by the cheaper of two ways: an interval that excludes
/// 0, or one that fits in the margin.
fn advice(differences: &[f64], (point, margin): (f64, f64), family: usize, rule: &Rule) -> String {
    let scale = robust_scale(differences).unwrap_or(f64::NAN);
    let level = rule.look_level();
    let corrected = level / family as f64;
    let to_exclude_zero = values_needed(scale, point.abs(), corrected)
        .map(|needed| needed.max(fewest_for(corrected)));
    let to_fit = values_needed(scale, margin - point.abs(), level);
    let needed = to_exclude_zero.into_iter().chain(to_fit).min_by(f64::total_cmp);
    match needed {
        Some(needed) if needed <= MOST_BLOCKS => {
            let more = (needed - differences.len() as f64).max(1.0);
            let blocks = if more > 1.0 { "blocks" } else { "block" };
            format!("needs about {more:.0} more {blocks}")
        }
        _ => "more blocks would hardly decide it (over 1000 needed); longer trials or a quieter \
              machine might"
            .to_owned(),
    }
}

/// The fewest blocks with which the sign test can reach a level when all differences agree:
/// `2 · 0.5ⁿ ≤ level`, e.g. 8 for 5 % corrected over four quantiles.
fn fewest_for(level: f64) -> f64 {
    (1.0 - level.log2()).ceil()
}
