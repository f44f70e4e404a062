//! What two runs come to when held against each other, as one document: what `loadgen compare
//! --output json` prints. Its schema is `bench/schema/compare.schema.json`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantile::Quantile;
use crate::record::{Estimate, RunRecord, Verdict};

/// Raised when a field changes its meaning or disappears.
pub const ACROSS_SCHEMA_VERSION: u32 = 1;

/// Two runs held against each other. Times are microseconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Across {
    /// See [`ACROSS_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario of both.
    pub scenario: String,
    /// Where both ran.
    pub testbed: String,
    /// The run that is held to be good.
    pub old: RunNamed,
    /// The run that is asked about.
    pub new: RunNamed,
    /// What it comes to.
    pub standing: Standing,
    /// What else differs between the two, and what limits them.
    pub remarks: Vec<String>,
    /// Every comparison that both have, at every quantile.
    pub overheads: Vec<OverheadChange>,
    /// Every variant that both have. Shown, not judged.
    pub variants: Vec<VariantChange>,
}

/// By what a run is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunNamed {
    /// UTC, e.g. `2026-11-23T02:40:11Z`.
    pub started_at: String,
    /// The number that every random choice was drawn from.
    pub seed: u64,
    /// The version of what was measured.
    pub subject_version: String,
    /// The commit that loadgen was built from.
    pub git: String,
}

impl RunNamed {
    pub(super) fn of(run: &RunRecord) -> Self {
        Self {
            started_at: run.started_at.clone(),
            seed: run.seed,
            subject_version: run.provenance.subject.version.clone(),
            git: run.provenance.git.clone(),
        }
    }
}

/// What two runs come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Standing {
    /// No overhead is called slower. What is inconclusive may still hide one.
    NoRegression,
    /// Some overhead is called slower.
    Regression,
    /// None is called slower, but something that the older run knows the newer one does not, so that
    /// it can not be told.
    Untold,
    /// There is not one overhead that both runs know.
    NothingMeasured,
}

/// How an overhead changed at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OverheadChange {
    /// e.g. `mtls-overhead`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// What is measured against the baseline.
    pub candidate: String,
    /// The reference, in the same run.
    pub baseline: String,
    /// At which quantile.
    pub quantile: Quantile,
    /// Whether it counts for the outcome; the A/A pair does not.
    pub gated: bool,
    /// The older run's overhead, paired by block: its median; `null` where it has none.
    pub old_us: Option<f64>,
    /// The newer run's.
    pub new_us: Option<f64>,
    /// Blocks of the older run that it stands on.
    pub old_blocks: u32,
    /// Of the newer run.
    pub new_blocks: u32,
    /// Newer − older: the shift between the two runs' overheads, not paired; `null` where it can not
    /// be told.
    pub change_us: Option<Estimate>,
    /// Of the rank sum test that both runs' overheads come from one distribution.
    pub p_value: Option<f64>,
    /// The same after Holm's correction over all rows that count.
    pub p_holm: Option<f64>,
    /// A change of so many microseconds counts as none.
    pub margin_us: Option<f64>,
    /// What it comes to, for the newer run.
    pub verdict: Verdict,
    /// Whether the older run knows it and the newer one does not.
    pub lost: bool,
    /// What is lacking, or what keeps it from being decided; `null` where there is nothing to add.
    pub remark: Option<String>,
}

/// How a variant itself changed. No control stands beside it, so that this is as much about the two
/// nights as about the variant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantChange {
    /// e.g. `strict`.
    pub variant: String,
    /// Of all its requests in the older run: failed, timed out or shed; `null` where none was offered.
    pub old_unanswered_percent: Option<f64>,
    /// In the newer run.
    pub new_unanswered_percent: Option<f64>,
    /// At every quantile.
    pub quantiles: Vec<QuantileChange>,
}

/// A variant at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QuantileChange {
    /// Which one.
    pub quantile: Quantile,
    /// Median over the older run's blocks.
    pub old_us: Option<f64>,
    /// Over the newer run's.
    pub new_us: Option<f64>,
    /// Newer − older, not paired.
    pub change_us: Option<Estimate>,
}
