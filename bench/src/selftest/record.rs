//! A selftest as one document: what each part measured, the controls and the verdict. The form that
//! other programs rely on; decides nothing.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::quantile::Quantile;
use crate::record::{Estimate, Provenance, Summary, Verdict};

/// Raised when a field changes its meaning or disappears.
pub const SELFTEST_SCHEMA_VERSION: u32 = 1;

/// A whole selftest. Times are microseconds where the name ends in `_us`, seconds with `_s`. A part
/// that was not run is `null` or empty.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelftestRecord {
    /// See [`SELFTEST_SCHEMA_VERSION`].
    pub schema_version: u32,
    /// UTC, e.g. `2026-11-23T02:40:11Z`.
    pub started_at: String,
    /// Where it ran.
    pub testbed: String,
    /// Whether this was the short form.
    pub quick: bool,
    /// Whether somebody ended it before its end.
    pub interrupted: bool,
    /// Whether every part was run to its end.
    pub complete: bool,
    /// The number that every random choice was drawn from.
    pub seed: u64,
    /// Who measured, on what, with what.
    pub provenance: Provenance,
    /// The same variant as two.
    pub same_twice: Option<SameTwice>,
    /// Delays of known size, each at every quantile.
    pub planted: Vec<PlantedRow>,
    /// An origin that stalls.
    pub stall: Option<StallPart>,
    /// When requests arrived, by the origin's own stamps.
    pub pacing: Vec<PacingPart>,
    /// What the generator itself costs.
    pub cost: Option<CostPart>,
    /// What can be told apart here, quantile by quantile.
    pub resolution: Vec<Resolution>,
    /// What it comes to.
    pub outcome: Outcome,
}

/// The A/A pair, in batches as long as a smoke run.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SameTwice {
    /// Blocks measured.
    pub blocks: u32,
    /// Batches that these were split into, each judged like a run of its own.
    pub batches: u32,
    /// Batches in which any quantile was called slower or faster.
    pub batches_different: u32,
    /// Quantiles judged, over all batches.
    pub quantiles: u32,
    /// Quantiles called slower or faster.
    pub quantiles_different: u32,
    /// How often a batch may be called different by chance: the level of every verdict.
    pub stated_rate: f64,
    /// The probability of at least so many different batches at the stated rate.
    pub p_value: f64,
    /// The pair over all blocks.
    pub floor: Vec<FloorRow>,
}

/// The noise floor at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FloorRow {
    /// Which.
    pub quantile: Quantile,
    /// Median of the one, in microseconds.
    pub baseline_us: Option<f64>,
    /// Median difference of the two; `null` where the blocks do not suffice.
    pub difference_us: Option<Estimate>,
    /// The spread of the difference from block to block, as a standard deviation; see METHOD.md.
    pub spread_us: Option<f64>,
    /// Blocks in which both have this quantile, admitted.
    pub blocks: u32,
    /// Why there is no estimate, or which blocks are missing.
    pub remark: Option<String>,
}

/// A planted delay at one quantile: what is true, and what was found.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlantedRow {
    /// The variant's name.
    pub variant: String,
    /// The delay.
    pub delay_us: f64,
    /// Share of the requests that it was planted in.
    pub share_percent: f64,
    /// At which quantile.
    pub quantile: Quantile,
    /// What the delay does to this quantile, computed from the baseline's own distribution.
    pub truth_us: Option<f64>,
    /// What the comparison found.
    pub found_us: Option<Estimate>,
    /// Found less true, paired by block.
    pub error_us: Option<Estimate>,
    /// An interval of the error that lies beyond this on one side is an untruth.
    pub tolerance_us: f64,
    /// What the comparison comes to.
    pub verdict: Verdict,
    /// Whether the found overhead agrees with the truth; `null` where it can not be told.
    pub agrees: Option<bool>,
    /// Blocks behind it.
    pub blocks: u32,
}

/// An origin that stalls.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StallPart {
    /// How long nothing is answered.
    pub length_us: f64,
    /// From the start of one stall to the start of the next.
    pub every_us: f64,
    /// Offered requests a second.
    pub rate: f64,
    /// Open-loop trials that were admitted.
    pub trials: u32,
    /// Connections of the closed loop.
    pub closed_connections: u32,
    /// Requests that the closed loop made.
    pub closed_requests: u64,
    /// Quantile by quantile.
    pub rows: Vec<StallRow>,
}

/// A stall at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StallRow {
    /// Which.
    pub quantile: Quantile,
    /// What waiting for the stall alone comes to, by arithmetic.
    pub exact_us: f64,
    /// Measured in an open loop: the median over the trials.
    pub open_us: Option<f64>,
    /// What a tool prints that waits for an answer before it sends again.
    pub closed_us: Option<f64>,
}

/// Arrivals at an origin that stamps them.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PacingPart {
    /// `constant` or `poisson`.
    pub arrivals: String,
    /// Requests a second, as asked.
    pub rate: f64,
    /// Requests that arrived in the window.
    pub requests: u64,
    /// Sent − intended, by the generator's own word.
    pub send_lag_us: Summary,
    /// Arrivals a second, by the origin's stamps.
    pub arrived_rate: f64,
    /// How far that is from what was asked, in percent, where chance is taken off: see METHOD.md.
    pub rate_error_percent: f64,
    /// The error that is allowed, in percent.
    pub rate_error_allowed_percent: f64,
    /// Most arrivals within a millisecond.
    pub burst: u64,
    /// Most requests due within a millisecond.
    pub burst_planned: u64,
    /// Time that the hypervisor took meanwhile.
    pub steal_percent: f64,
    /// Whether the gaps are exponential; only of Poisson arrivals.
    pub gaps: Option<GapTests>,
}

/// Two tests of the gaps between arrivals against the exponential distribution of the asked rate.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GapTests {
    /// Kolmogorov–Smirnov: D.
    pub ks_d: f64,
    /// Its p-value.
    pub ks_p: f64,
    /// Anderson–Darling: A².
    pub ad_a2: f64,
    /// Its p-value.
    pub ad_p: f64,
}

/// What the generator itself costs.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct CostPart {
    /// CPU time of the generator for a request, from a closed loop that is never idle.
    pub cpu_us_per_request: f64,
    /// Requests a second of that loop.
    pub rate_reached: f64,
    /// Response time against an origin that does nothing: the floor under every figure.
    pub floor_us: Summary,
    /// The smallest overhead of interest.
    pub smallest_overhead_us: f64,
    /// The generator's CPU time for a request, as a share of that.
    pub share_percent: f64,
}

/// What can be told apart at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Resolution {
    /// Which.
    pub quantile: Quantile,
    /// The spread of the A/A difference from block to block.
    pub spread_us: f64,
    /// The share of blocks that have this quantile, 0 to 1.
    pub admitted_share: f64,
    /// What a block with one candidate takes.
    pub block_s: f64,
    /// The chance with which the effects below are found.
    pub power: f64,
    /// The smallest overhead that is found, by the length of a run.
    pub effects: Vec<EffectRow>,
    /// How long a run takes for an interval of a wished width.
    pub lengths: Vec<LengthRow>,
}

/// The smallest overhead that a run finds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EffectRow {
    /// Length of the run.
    pub minutes: f64,
    /// Blocks that it has with this quantile.
    pub blocks: u32,
    /// `null` where so few blocks find nothing.
    pub effect_us: Option<f64>,
}

/// The length of a run for an interval of a wished width.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LengthRow {
    /// Half the width, as a share of the baseline's quantile.
    pub percent: f64,
    /// The same in microseconds.
    pub half_width_us: f64,
    /// `null` where it would take more than 100 000 blocks.
    pub minutes: Option<f64>,
}

/// What a selftest comes to.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Outcome {
    /// What must be so if the harness tells the truth.
    pub controls: Vec<Control>,
    /// What it can resolve here.
    pub fitness: Vec<Fitness>,
    /// What is in its way here.
    pub hindrances: Vec<Hindrance>,
}

impl Outcome {
    /// Controls in that state.
    pub fn controls_in(&self, state: ControlState) -> impl Iterator<Item = &Control> {
        self.controls.iter().filter(move |control| control.state == state)
    }
}

/// Something that must be so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Control {
    /// e.g. `the same is called the same`.
    pub name: String,
    /// Whether it is so.
    pub state: ControlState,
    /// What was found.
    pub finding: String,
}

/// What a control comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum ControlState {
    /// It is so.
    Passed,
    /// It is not so: the harness told an untruth.
    Failed,
    /// What was measured does not say.
    Undecided,
}

/// Whether a quantile can be relied on here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Fitness {
    /// Which.
    pub quantile: Quantile,
    /// Whether overheads of at most the largest planted one are found in five minutes.
    pub fit: bool,
    /// The smallest overhead that is found in five minutes.
    pub resolves_us: Option<f64>,
    /// Why it is not fit; `null` when it is.
    pub why_not: Option<String>,
}

/// Something in the way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Hindrance {
    /// A few words.
    pub what: String,
    /// What was found.
    pub found: String,
    /// What to do about it.
    pub advice: String,
}

/// What a later run on the same machine keeps of a selftest.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SelftestDigest {
    /// UTC, when it was run.
    pub started_at: String,
    /// The harness's version, the same as the run's.
    pub loadgen: String,
    /// Where it ran.
    pub testbed: String,
    /// Whether it was the short form.
    pub quick: bool,
    /// What it came to.
    pub outcome: Outcome,
}

impl SelftestRecord {
    /// What a later run keeps of it.
    #[must_use]
    pub fn digest(&self) -> SelftestDigest {
        SelftestDigest {
            started_at: self.started_at.clone(),
            loadgen: self.provenance.loadgen.clone(),
            testbed: self.testbed.clone(),
            quick: self.quick,
            outcome: self.outcome.clone(),
        }
    }

    /// Whether it speaks for that machine and that harness: the same version and build on the same
    /// processor, cores, kernel, governor and kind of machine. Anything else may change what can be
    /// told apart.
    #[must_use]
    pub fn speaks_for(&self, other: &Provenance) -> bool {
        let mine = &self.provenance;
        let of = |provenance: &'_ Provenance| {
            let Provenance { loadgen, opt_level, cpu, cores, kernel, .. } = provenance.clone();
            let Provenance { governor, virtual_machine, placement, .. } = provenance.clone();
            (loadgen, opt_level, cpu, cores, kernel, governor, virtual_machine, placement)
        };
        of(mine) == of(other)
    }
}
