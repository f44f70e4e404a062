//! Delays of known size: what each does to a quantile by arithmetic, and what the comparison found.
//! Knows distributions and rows, no testbed.

use std::collections::BTreeMap;

use scenarios::scenario::Scenario;
use scenarios::variant::{Planted, VariantName};

use crate::analysis::{CONFIDENCE, counting};
use crate::clock::nanos_of;
use crate::histogram::{Histogram, LONGEST_NS};
use crate::quantile::Quantile;
use crate::record::{ComparisonRow, Estimate, RunRecord, TrialRow};
use crate::stats::order::{median, median_interval};
use crate::summary::micros;

use super::PlantedRow;
use super::same_twice::LOOKED_AT;

/// Every planted delay of the run's variants at every quantile. `distributions` has the response
/// times of trials by the name of their file ([`TrialRow::histograms`]); a trial without is left out.
#[must_use]
pub fn planted(
    scenario: &Scenario,
    run: &RunRecord,
    distributions: &BTreeMap<String, Histogram>,
) -> Vec<PlantedRow> {
    let mut rows = Vec::new();
    for row in run.comparisons.iter().filter(|row| LOOKED_AT.contains(&row.quantile)) {
        let name = VariantName(row.candidate.clone());
        let planted = scenario.variant(&name).and_then(|variant| variant.planted.as_ref());
        if let Some(Planted::Delay { delay, share }) = planted {
            let delay = Delay { nanos: nanos_of(*delay), share: share.fraction() };
            let margin = &run.plan.margin;
            let tolerance_us =
                (margin.percent / 100.0 * micros(delay.nanos)).max(margin.at_least_us);
            rows.push(judged(row, delay, tolerance_us, (&run.trials, distributions)));
        }
    }
    rows
}

#[derive(Clone, Copy)]
struct Delay {
    nanos: u64,
    /// 0 to 1.
    share: f64,
}

fn judged(
    row: &ComparisonRow,
    delay: Delay,
    tolerance_us: f64,
    (trials, distributions): (&[TrialRow], &BTreeMap<String, Histogram>),
) -> PlantedRow {
    let quantile = row.quantile;
    let baselines = counting(trials, &row.baseline, quantile);
    let (mut truths, mut errors) = (Vec::new(), Vec::new());
    for (block, candidate) in counting(trials, &row.candidate, quantile) {
        let of_block = || {
            let baseline = baselines.get(&block)?;
            let before = baseline.response_time_us.exact(quantile)?;
            let distribution = distributions.get(&baseline.histograms)?;
            let after = delayed_quantile(distribution, delay.nanos, delay.share, quantile)?;
            Some((micros(after) - before, candidate.response_time_us.exact(quantile)? - before))
        };
        if let Some((truth, found)) = of_block() {
            truths.push(truth);
            errors.push(found - truth);
        }
    }
    let error_us = estimate(&errors);
    // The delay itself is kept to a few microseconds only, so an error within the tolerance is none.
    let agrees = error_us.map(|error| error.low <= tolerance_us && error.high >= -tolerance_us);
    PlantedRow {
        variant: row.candidate.clone(),
        delay_us: micros(delay.nanos),
        share_percent: 100.0 * delay.share,
        quantile,
        truth_us: median(&truths),
        found_us: row.overhead_us,
        error_us,
        tolerance_us,
        verdict: row.verdict,
        agrees,
        blocks: row.blocks,
    }
}

fn estimate(values: &[f64]) -> Option<Estimate> {
    let interval = median_interval(values, CONFIDENCE)?;
    Some(Estimate {
        point: median(values)?,
        low: interval.low,
        high: interval.high,
        confidence: interval.confidence,
    })
}

/// The quantile, in nanoseconds, that a distribution has when a share (0 to 1) of its values, drawn
/// without regard to them, is held back by a delay: the smallest x with
/// `(1 − share)·F(x) + share·F(x − delay) ≥ q`. `None` of nothing.
#[must_use]
pub fn delayed_quantile(
    distribution: &Histogram,
    delay_ns: u64,
    share: f64,
    quantile: Quantile,
) -> Option<u64> {
    let count = distribution.count();
    if count == 0 {
        return None;
    }
    // Half a value less, so that rounding never asks for one more than there is.
    let wanted = quantile.fraction() * count as f64 - 1e-6;
    let up_to = |x: u64| {
        let held = x.checked_sub(delay_ns).map_or(0, |before| distribution.count_up_to(before));
        (1.0 - share) * distribution.count_up_to(x) as f64 + share * held as f64
    };
    let (mut low, mut high) = (0, LONGEST_NS);
    while high - low > 1 {
        let middle = u64::midpoint(low, high);
        if up_to(middle) >= wanted { high = middle } else { low = middle }
    }
    // A bucket is reported by its largest value, as quantiles of trials are.
    Some(*distribution.bucket_of(high).end())
}
