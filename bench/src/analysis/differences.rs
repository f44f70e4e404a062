//! The paired differences of one comparison at one quantile, for who holds one run against another.
//! Knows rows of figures and no other run.

use super::compare::{bounded, sample};
use super::pairs::pairs;
use crate::quantile::Quantile;
use crate::record::{ComparisonSpecRecord, TrialRow};
use crate::stats::order::median;

/// What a run knows of a comparison at a quantile.
#[derive(Debug, Clone, PartialEq)]
pub struct Differences {
    /// Candidate − baseline in microseconds, in order of the blocks that have both.
    pub overheads_us: Vec<f64>,
    /// Median of the baseline over these blocks, in microseconds.
    pub baseline_us: Option<f64>,
    /// In how many blocks it is only a lower bound, in words; `None` where in none.
    pub bounded: Option<String>,
    /// Which blocks lack it and why; `None` where none does.
    pub lacking: Option<String>,
}

/// Looks at a run's trials.
#[must_use]
pub fn differences(
    spec: &ComparisonSpecRecord,
    quantile: Quantile,
    trials: &[TrialRow],
) -> Differences {
    let pairs = pairs(spec, trials, quantile);
    let sample = sample(&pairs.made, quantile);
    Differences {
        baseline_us: median(&sample.baseline),
        overheads_us: sample.differences,
        bounded: bounded(quantile, &pairs.made),
        lacking: pairs.lacking,
    }
}
