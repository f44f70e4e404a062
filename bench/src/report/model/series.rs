//! The points of the charts: response time by percentile, and the trials in time order. Knows no
//! pixels.

use std::collections::BTreeMap;

use super::{VariantLabel, left_out};
use crate::analysis::pooled;
use crate::histogram::rank_of;
use crate::quantile::Quantile;
use crate::record::{RunRecord, TrialRow};
use crate::trial::Latencies;

/// Response time by percentile of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct Curve {
    /// The variant's place among the report's variants.
    pub variant: usize,
    /// Samples behind it.
    pub count: u64,
    /// Ascending: 1 ÷ (1 − percentile), and microseconds.
    pub points: Vec<(f64, f64)>,
}

/// One trial in time order.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialPoint {
    /// From 1, as in the table of the trials.
    pub number: usize,
    /// The variant's place among the report's variants.
    pub variant: usize,
    /// From 1.
    pub block: u32,
    /// Whether anything of it is a measurement.
    pub admitted: bool,
    /// Median response time.
    pub p50: Option<Reading>,
    /// 99th percentile.
    pub p99: Option<Reading>,
    /// What of it is left out: quantiles, or `all`; empty for nothing.
    pub left_out: String,
    /// Why that is left out.
    pub why: String,
}

/// A quantile of one trial.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Reading {
    /// Microseconds, more than 0.
    pub us: f64,
    /// Whether it is only a lower bound.
    pub at_least: bool,
    /// Whether it is no measurement, though the trial may be one.
    pub left_out: bool,
}

/// Points of a curve in each factor of ten of 1 ÷ (1 − percentile).
const POINTS_PER_DECADE: u32 = 48;
/// The curve's right end: 99.999 %.
const DECADES: u32 = 5;
/// A curve ends where requests without an answer make the percentile uncertain by more than this
/// factor; less is below the width of a line.
const UNCERTAIN: f64 = 1.02;

pub(super) fn curves(
    record: &RunRecord,
    variants: &[VariantLabel],
    latencies: &BTreeMap<String, Latencies>,
) -> Vec<Curve> {
    let curve = |(variant, label): (usize, &VariantLabel)| {
        let end = pooled(&record.trials, &label.name)?.end;
        let (count, points) = points(latencies.get(&label.name)?, end);
        (!points.is_empty()).then_some(Curve { variant, count, points })
    };
    variants.iter().enumerate().filter_map(curve).collect()
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds here stay below 10 minutes")]
fn points(latencies: &Latencies, last: Option<Quantile>) -> (u64, Vec<(f64, f64)>) {
    let answered = &latencies.response_time;
    let count = answered.count() + latencies.censored.count();
    if count == 0 {
        return (0, Vec::new());
    }
    // As in `Latencies::response_quantile`: requests without an answer are at their age at least.
    let mut low = answered.clone();
    low.merge(&latencies.censored);
    let trusted = last.map_or(f64::INFINITY, |last| 100.0 / last.beyond_percent());
    let end = supported(count).min(trusted);
    let mut points = Vec::new();
    for step in 0..=POINTS_PER_DECADE * DECADES {
        let tail = 2.0 * 10_f64.powf(f64::from(step) / f64::from(POINTS_PER_DECADE));
        if tail > end {
            break;
        }
        let rank = rank_of(1.0 - 1.0 / tail, count);
        let (Some(low), Some(high)) = (low.at_rank(rank), answered.at_rank(rank)) else { break };
        if high as f64 > low as f64 * UNCERTAIN {
            break;
        }
        points.push((tail, high as f64 / 1000.0));
    }
    (count, points)
}

/// The largest 1 ÷ (1 − q) for which n samples give a finite two-sided 95 % interval, 2.5 % in each
/// tail: qⁿ ≤ 0.025. For n = 3688 that is 1000, as in [`Quantile::samples_needed`].
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn supported(count: u64) -> f64 {
    1.0 / -(0.025_f64.ln() / count as f64).exp_m1()
}

pub(super) fn timeline(record: &RunRecord, variants: &[VariantLabel]) -> Vec<TrialPoint> {
    let place = |name: &str| variants.iter().position(|label| label.name == name);
    let point = |(number, trial): (usize, &TrialRow)| {
        Some(TrialPoint {
            number,
            variant: place(&trial.variant)?,
            block: trial.block,
            admitted: trial.admitted,
            p50: reading(trial, Quantile::P50),
            p99: reading(trial, Quantile::P99),
            left_out: left_out::what(trial),
            why: left_out::why(trial),
        })
    };
    (1..).zip(&record.trials).filter_map(point).collect()
}

/// Only what a log axis can show.
fn reading(trial: &TrialRow, quantile: Quantile) -> Option<Reading> {
    let summary = &trial.response_time_us;
    let us = summary.quantile(quantile).filter(|us| us.is_finite() && *us > 0.0)?;
    let at_least = summary.at_least.contains(&quantile);
    Some(Reading { us, at_least, left_out: !trial.admits(quantile) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_curve_ends_where_the_quantiles_of_the_tables_do() {
        for quantile in Quantile::ALL {
            let tail = 1.0 / (1.0 - quantile.fraction());
            assert!(supported(quantile.samples_needed()) >= tail * 0.999_9, "{quantile:?}");
            assert!(supported(quantile.samples_needed() - 1) < tail, "{quantile:?}");
        }
    }

    #[test]
    fn a_curve_stops_before_requests_without_an_answer() {
        let mut latencies = Latencies::default();
        for _ in 0..99_000 {
            latencies.response_time.record(1_000_000);
        }
        for _ in 0..1_000 {
            latencies.censored.record(2_000_000_000);
        }
        let (count, points) = points(&latencies, None);
        assert_eq!(count, 100_000);
        let (tail, us) = *points.last().unwrap();
        assert!(tail <= 100.0 && tail > 90.0, "{tail}");
        assert!((us - 1000.0).abs() < 1.0);
    }
}
