//! What is known of one comparison at one quantile in the middle of a run: as much as the end would
//! say of it, without a verdict. Knows rows of figures, and not why somebody asks.

use super::compare::{bounded, estimate, sample};
use super::pairs::pairs;
use super::rule::Rule;
use crate::quantile::Quantile;
use crate::record::{ComparisonSpecRecord, Estimate, TrialRow};
use crate::stats::order::median;
use crate::stats::power::robust_scale;

/// A comparison at a quantile so far.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Known {
    /// Blocks in which both sides have it.
    pub blocks: u32,
    /// Median of the baseline over these, in microseconds.
    pub baseline_us: Option<f64>,
    /// Candidate − baseline, in microseconds.
    pub overhead_us: Option<Estimate>,
    /// How far the differences of the blocks spread, in microseconds; see
    /// [`robust_scale`](crate::stats::power::robust_scale).
    pub spread_us: Option<f64>,
    /// Whether it is only a lower bound in some block, so that no verdict will be drawn.
    pub bounded: bool,
}

/// Looks at the trials made so far.
#[must_use]
pub fn known(
    spec: &ComparisonSpecRecord,
    quantile: Quantile,
    trials: &[TrialRow],
    rule: &Rule,
) -> Known {
    let pairs = pairs(spec, trials, quantile);
    let sample = sample(&pairs.made, quantile);
    Known {
        blocks: u32::try_from(sample.differences.len()).unwrap_or(u32::MAX),
        baseline_us: median(&sample.baseline),
        overhead_us: estimate(&sample.differences, rule),
        spread_us: robust_scale(&sample.differences),
        bounded: bounded(quantile, &pairs.made).is_some(),
    }
}
