//! The quantiles that are reported, by name, and how many samples each of them needs.

use serde::{Deserialize, Serialize};

/// A reported quantile.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Serialize,
    Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Quantile {
    /// The median.
    P50,
    /// 90 %.
    P90,
    /// 99 %.
    P99,
    /// 99.9 %.
    P999,
}

impl Quantile {
    /// All of them, in order.
    pub const ALL: [Self; 4] = [Self::P50, Self::P90, Self::P99, Self::P999];

    /// 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        match self {
            Self::P50 => 0.5,
            Self::P90 => 0.9,
            Self::P99 => 0.99,
            Self::P999 => 0.999,
        }
    }

    /// What lies beyond it, in percent: 1 for p99. Written out, since 1 − 0.9 is not 0.1 in binary.
    #[must_use]
    pub fn beyond_percent(self) -> f64 {
        match self {
            Self::P50 => 50.0,
            Self::P90 => 10.0,
            Self::P99 => 1.0,
            Self::P999 => 0.1,
        }
    }

    /// As in `run.json`: `p999`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::P50 => "p50",
            Self::P90 => "p90",
            Self::P99 => "p99",
            Self::P999 => "p999",
        }
    }

    /// As people write it: `p99.9`.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::P999 => "p99.9",
            other => other.key(),
        }
    }

    /// Samples below which no two-sided 95 % interval of this quantile is finite: the smallest n
    /// with `max(q, 1 − q)ⁿ ≤ 0.025`, so that neither end misses with more than 2.5 % (Hahn and
    /// Meeker, *Statistical Intervals*, §5.2; [`crate::stats::quantile::samples_needed`]).
    #[must_use]
    pub fn samples_needed(self) -> u64 {
        match self {
            Self::P50 => 6,
            Self::P90 => 36,
            Self::P99 => 368,
            Self::P999 => 3688,
        }
    }
}
