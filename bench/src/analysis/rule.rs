//! How intervals and p-values are taken: for a number of blocks that was set beforehand, or for one
//! that the blocks themselves decided. Knows numbers and the plan, no variant and no quantile.

use super::{CONFIDENCE, LEVEL};
use crate::record::{Estimate, PlanRecord};
use crate::stats::order::{MedianInterval, fewest_values, median_interval};
use crate::stats::sequential::Sequential;
use crate::stats::sign::sign_test;

/// Where a difference lies; see [`analyse`](super::analyse) for the reasons.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// The whole interval within the margin.
    Within,
    /// Above 0, by more than chance.
    Above,
    /// Below 0, by more than chance.
    Below,
    /// Not decided.
    Undecided,
}

/// Which of these, by the interval and the corrected p-value.
#[must_use]
pub fn side(interval: &Estimate, margin: f64, p_holm: f64) -> Side {
    let excludes_zero = interval.low > 0.0 || interval.high < 0.0;
    if interval.low >= -margin && interval.high <= margin {
        Side::Within
    } else if excludes_zero && p_holm <= LEVEL {
        if interval.low > 0.0 { Side::Above } else { Side::Below }
    } else {
        Side::Undecided
    }
}

/// The rule of a run.
#[derive(Debug, Clone, PartialEq)]
pub enum Rule {
    /// The number of blocks was set beforehand.
    Fixed,
    /// The run looked after each block and stopped when it had seen enough.
    Sequential(Sequential),
}

impl Rule {
    /// That of a plan. A plan with a wished precision and too few blocks for any interval has none
    /// by either rule.
    #[must_use]
    pub fn of(plan: &PlanRecord) -> Self {
        let horizon = usize::try_from(plan.blocks).unwrap_or(usize::MAX);
        let sequential = plan.precision.as_ref().and_then(|_| Sequential::new(horizon, CONFIDENCE));
        sequential.map_or(Self::Fixed, Self::Sequential)
    }

    /// The interval for the median of these values.
    #[must_use]
    pub fn interval(&self, values: &[f64]) -> Option<MedianInterval> {
        match self {
            Self::Fixed => median_interval(values, CONFIDENCE),
            Self::Sequential(rule) => rule.interval(values),
        }
    }

    /// Of the hypothesis that the median of the differences is 0.
    #[must_use]
    pub fn p_value(&self, differences: &[f64]) -> f64 {
        let alone = sign_test(differences);
        match self {
            Self::Fixed => alone,
            Self::Sequential(rule) => rule.p_value(alone),
        }
    }

    /// The fewest values with an interval.
    #[must_use]
    pub fn fewest_values(&self) -> usize {
        match self {
            Self::Fixed => fewest_values(CONFIDENCE).expect("some number of values is enough"),
            Self::Sequential(rule) => rule.fewest_values(),
        }
    }

    /// What a sign test that is made as if the number of values had been set beforehand is asked for.
    #[must_use]
    pub fn look_level(&self) -> f64 {
        match self {
            Self::Fixed => LEVEL,
            Self::Sequential(rule) => rule.look_level(),
        }
    }

    /// How much of the error has been spent after so many values.
    #[must_use]
    pub fn spent(&self, values: usize) -> f64 {
        match self {
            Self::Fixed => LEVEL,
            Self::Sequential(rule) => rule.spent(values),
        }
    }
}
