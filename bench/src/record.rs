//! The run as one document, `run.json`: the form that other programs rely on. Every field is
//! either measured, or a setting, or derived from those two by `analysis`.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::memory::MemoryRecord;
use crate::quantile::Quantile;
use crate::seams::{Proof, WorkSeen};
use crate::selftest::SelftestDigest;
use crate::stopping::{Precision, Stopped};
use crate::trial::{GeneratorReport, OutcomeCounts, Slice};

/// Raised when a field changes its meaning or disappears.
pub const SCHEMA_VERSION: u32 = 2;

/// A whole run. Times are microseconds where the name ends in `_us`, seconds with `_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RunRecord {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// The scenario's name.
    pub scenario: String,
    /// Where it ran.
    pub testbed: String,
    /// What the testbed's figures do and do not stand for.
    pub testbed_note: String,
    /// The number that every random choice was drawn from.
    pub seed: u64,
    /// Whether this was a smoke run.
    pub quick: bool,
    /// Whether somebody ended it before its plan was done, or it was killed. A run that broke is not
    /// interrupted; `ended_early` says what happened.
    pub interrupted: bool,
    /// Why the run ended early; `null` when it did not.
    pub ended_early: Option<String>,
    /// UTC, e.g. `2026-11-23T02:40:11Z`.
    pub started_at: String,
    /// Who measured, on what, with what.
    pub provenance: Provenance,
    /// Those that sent the requests, where they were processes of their own.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentRecord>,
    /// The newest selftest of this version on this machine when the run began; `null` when there was
    /// none.
    #[serde(default)]
    pub selftest: Option<SelftestDigest>,
    /// What was asked.
    pub plan: PlanRecord,
    /// What the run saw after each block and why it ended, where a precision was asked for; `null`
    /// where its length was set beforehand.
    #[serde(default)]
    pub stopping: Option<Stopped>,
    /// The evidence that each variant was in force.
    pub proofs: Vec<Proof>,
    /// Every trial, in time order, admitted or not.
    pub trials: Vec<TrialRow>,
    /// Every named difference at every quantile.
    pub comparisons: Vec<ComparisonRow>,
    /// The article's table, cell by cell.
    pub article: Vec<ArticleRow>,
    /// What the sidecars held, where the scenario asks for it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemoryRecord>,
}

impl RunRecord {
    /// Of a run that has just begun, with nothing measured. What it is called and where it runs is
    /// left empty, for the caller to fill in.
    #[must_use]
    pub fn begun(plan: PlanRecord, provenance: Provenance) -> Self {
        Self {
            schema_version: SCHEMA_VERSION,
            scenario: String::new(),
            testbed: String::new(),
            testbed_note: String::new(),
            seed: 0,
            quick: false,
            interrupted: false,
            ended_early: None,
            started_at: String::new(),
            provenance,
            agents: Vec::new(),
            selftest: None,
            stopping: Stopped::not_yet(&plan),
            plan,
            proofs: Vec::new(),
            trials: Vec::new(),
            comparisons: Vec::new(),
            article: Vec::new(),
            memory: None,
        }
    }
}

/// Who measured, on what, with what.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Provenance {
    /// The harness's version.
    pub loadgen: String,
    /// The commit it was built from, `-dirty` appended; `unknown` outside a checkout.
    pub git: String,
    /// `dev` or `release`.
    pub profile: String,
    /// The compiler's level, `0` to `3`; a run of level 0 is never called a measurement.
    pub opt_level: String,
    /// The command line.
    pub command: Vec<String>,
    /// `uname -sr`.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// Cores this process may use.
    pub cores: u32,
    /// Bytes of memory.
    pub memory_bytes: u64,
    /// The frequency governor; `none` where there is none, as in most virtual machines.
    pub governor: String,
    /// The hypervisor's flag: whether this is a virtual machine.
    pub virtual_machine: bool,
    /// Which cores did what.
    pub placement: Placement,
    /// What was measured.
    pub subject: Subject,
    /// Anything else worth knowing, by name.
    pub notes: BTreeMap<String, String>,
}

/// One of several that sent the requests, as it was when it was last seen.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AgentRecord {
    /// e.g. `agent-1`.
    pub name: String,
    /// Where it was reached.
    pub address: String,
    /// Its version.
    pub loadgen: String,
    /// The commit it was built from.
    pub git: String,
    /// The compiler's level, `0` to `3`.
    pub opt_level: String,
    /// `uname -sr` of its machine.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// The cores of its workers; empty when they were not pinned.
    pub cores: Vec<usize>,
    /// How it waited for the next send.
    pub pacing: String,
}

/// Which cores did what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Placement {
    /// The generator's cores; empty when it was not pinned.
    pub generator: Vec<usize>,
    /// The subject's cores; empty when it was not pinned.
    pub subject: Vec<usize>,
    /// Whether the two sets have a core in common.
    pub shared: bool,
}

/// What was measured.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Subject {
    /// e.g. `loadgen's own sidecar (not Istio)`.
    pub name: String,
    /// Its version.
    pub version: String,
    /// TLS version, cipher and key exchange where there is TLS.
    pub tls: Option<String>,
}

/// The plan: what was asked, complete enough to render and analyse the run without the scenario.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct PlanRecord {
    /// The scenario's title.
    pub title: String,
    /// The scenario's question.
    pub question: String,
    /// The scenario's version.
    pub scenario_version: u32,
    /// What was offered in each trial.
    pub load: LoadRecord,
    /// Blocks planned; with a wished precision, blocks at most.
    pub blocks: u32,
    /// How precisely the overheads are to be known; `null` where the length was set beforehand.
    #[serde(default)]
    pub precision: Option<Precision>,
    /// The variant that ran twice in every block.
    pub control: String,
    /// An overhead within the larger of the two is called equivalent.
    pub margin: MarginRecord,
    /// When a trial is not a measurement.
    pub gates: GatesRecord,
    /// What was compared, the control's twin included.
    pub variants: Vec<VariantRecord>,
    /// Named differences, the A/A pair last.
    pub comparisons: Vec<ComparisonSpecRecord>,
    /// The article's claims.
    pub article: Vec<ArticleClaimRecord>,
}

/// What was offered in each trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LoadRecord {
    /// `constant` or `poisson`.
    pub arrivals: String,
    /// Requests a second.
    pub rate: f64,
    /// Keep-alive connections.
    pub connections: u32,
    /// Requests in flight or waiting, at most.
    pub max_in_flight: u32,
    /// Seconds.
    pub timeout_s: f64,
    /// Seconds.
    pub warm_up_s: f64,
    /// Seconds of the measured window.
    pub duration_s: f64,
    /// The request line, e.g. `GET /`.
    pub request: String,
    /// Bytes of the body.
    pub body_bytes: usize,
    /// Every kind of request, where there are several.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub requests: Vec<RequestRecord>,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct RequestRecord {
    /// Its name in the scenario.
    pub name: String,
    /// The request line, e.g. `GET /admin`.
    pub request: String,
    /// Its share of all requests.
    pub share_percent: f64,
    /// `served`, or `denied` where a variant's policies deny it; elsewhere that is served too.
    pub expected: String,
}

/// See `scenarios::scenario::Margin`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MarginRecord {
    /// Share of the baseline's quantile.
    pub percent: f64,
    /// Microseconds.
    pub at_least_us: f64,
}

/// See `scenarios::scenario::Gates`.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GatesRecord {
    /// Later than this by the generator's own doing is late, in microseconds, or …
    pub late_us: f64,
    /// … this share of the trial's median response time, whichever is more.
    pub late_percent: f64,
    /// Allowed error of the rate.
    pub rate_error_percent: f64,
    /// Allowed share of failed and timed-out requests.
    pub errors_percent: f64,
    /// Allowed steal time, for any quantile.
    pub steal_percent: f64,
    /// Allowed change of the median from the first to the last third.
    pub drift_percent: f64,
}

/// One of the things compared.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct VariantRecord {
    /// e.g. `strict`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// What stands in the path.
    pub proxies: String,
    /// Resource files in force.
    pub policies: Vec<String>,
    /// A planted fault in words; `null` where there is none.
    pub planted: Option<String>,
}

/// A named difference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparisonSpecRecord {
    /// e.g. `mtls-overhead`; the A/A pair is `a-a`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// What is measured against the baseline.
    pub candidate: String,
    /// The reference.
    pub baseline: String,
}

/// One cell of the article's table.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArticleClaimRecord {
    /// The table's row.
    pub row: String,
    /// The table's column.
    pub column: String,
    /// Word for word.
    pub claimed: String,
    /// The comparison that answers it; `null` where none does.
    pub comparison: Option<String>,
    /// The quantile of that comparison.
    pub quantile: Option<Quantile>,
    /// The mesh version that it is about.
    pub mesh: Option<String>,
    /// Why no comparison answers it.
    pub why_not: Option<String>,
    /// The figure about memory that stands beside it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub beside: Option<MemoryFigureRecord>,
}

/// One figure about memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryFigureRecord {
    /// Of which variant.
    pub variant: String,
    /// In which state.
    pub state: String,
    /// Of which sidecar.
    pub sidecar: String,
}

/// A latency in figures. A quantile is `null` where the samples are too few for a finite 95 %
/// interval of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Summary {
    /// Microseconds.
    pub p50: Option<f64>,
    /// Microseconds.
    pub p90: Option<f64>,
    /// Microseconds.
    pub p99: Option<f64>,
    /// Microseconds.
    pub p999: Option<f64>,
    /// Microseconds; `null` when nothing was counted.
    pub max: Option<f64>,
    /// Microseconds; `null` when nothing was counted.
    pub mean: Option<f64>,
    /// How many were counted; for the response time, all that were offered.
    pub count: u64,
    /// Quantiles above that are lower bounds, since requests without an answer could only have
    /// made them larger.
    pub at_least: Vec<Quantile>,
}

impl Summary {
    /// The quantile in microseconds, exact or a bound.
    #[must_use]
    pub fn quantile(&self, quantile: Quantile) -> Option<f64> {
        match quantile {
            Quantile::P50 => self.p50,
            Quantile::P90 => self.p90,
            Quantile::P99 => self.p99,
            Quantile::P999 => self.p999,
        }
    }

    /// The quantile in microseconds, only where it is exact.
    #[must_use]
    pub fn exact(&self, quantile: Quantile) -> Option<f64> {
        if self.at_least.contains(&quantile) { None } else { self.quantile(quantile) }
    }
}

/// One trial.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct TrialRow {
    /// From 1.
    pub block: u32,
    /// Place within the block, from 1.
    pub position: u32,
    /// What was measured.
    pub variant: String,
    /// Whether anything of it is a measurement.
    pub admitted: bool,
    /// Why nothing is, all reasons; `null` when something is.
    pub rejected: Option<String>,
    /// Quantiles that are no measurement since the machine was busy, with the reasons. A quantile
    /// that the trial has too few requests for is not among them.
    pub spoiled: BTreeMap<Quantile, String>,
    /// Requests that the schedule held.
    pub offered: u64,
    /// Answered in full, with an expected status, in time.
    pub completed: u64,
    /// Refused, reset, cut short, or answered with an unexpected status.
    pub failed: u64,
    /// Not answered in time.
    pub timed_out: u64,
    /// Not sent, since too many were in flight.
    pub shed: u64,
    /// Offered, per second.
    pub offered_rps: f64,
    /// Completed, per second.
    pub achieved_rps: f64,
    /// Refused by a policy that had to.
    #[serde(default, skip_serializing_if = "crate::trial::is_zero")]
    pub denied: u64,
    /// Completed − intended.
    pub response_time_us: Summary,
    /// Completed − sent.
    pub service_time_us: Summary,
    /// Sent − intended.
    pub send_lag_us: Summary,
    /// The generator's own share of the send lag.
    pub pacing_lag_us: Summary,
    /// Refused − intended, of the denied requests, which are in no other figure of time; `null` where
    /// there are none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub denied_time_us: Option<Summary>,
    /// Outcomes in detail.
    pub outcomes: OutcomeCounts,
    /// Tenths of the window.
    pub slices: Vec<Slice>,
    /// About the generator.
    pub generator: GeneratorReport,
    /// What the subject counted.
    pub work: WorkSeen,
    /// The file with its histograms, relative to the run folder.
    pub histograms: String,
}

impl TrialRow {
    /// Whether the trial's quantile is a measurement, if it has enough requests for it.
    #[must_use]
    pub fn admits(&self, quantile: Quantile) -> bool {
        self.admitted && !self.spoiled.contains_key(&quantile)
    }
}

/// What a comparison comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The candidate is slower, by more than chance.
    Slower,
    /// The candidate is faster, by more than chance.
    Faster,
    /// The whole interval is within the margin.
    Equivalent,
    /// The blocks do not decide it.
    Inconclusive,
}

/// A point with its interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Estimate {
    /// The median over blocks.
    pub point: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The exact probability that the interval holds the true median, e.g. 0.978; at least 0.95. In
    /// a run with a wished precision, that all intervals of its looks do, this last one included.
    pub confidence: f64,
}

/// An interval from the bootstrap, as a second opinion.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Interval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
}

/// A named difference at one quantile.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ComparisonRow {
    /// e.g. `mtls-overhead`.
    pub name: String,
    /// What is measured against the baseline.
    pub candidate: String,
    /// The reference.
    pub baseline: String,
    /// `response_time`.
    pub measure: String,
    /// At which quantile.
    pub quantile: Quantile,
    /// Median over the blocks that count of the candidate's quantile, in microseconds.
    pub candidate_us: Option<f64>,
    /// The same of the baseline.
    pub baseline_us: Option<f64>,
    /// Candidate − baseline, paired by block, in microseconds; `null` where it can not be told.
    pub overhead_us: Option<Estimate>,
    /// Candidate ÷ baseline, from the paired log ratios.
    pub ratio: Option<Estimate>,
    /// The overhead's BCa bootstrap interval at 95 %.
    pub bootstrap_us: Option<Interval>,
    /// Of the exact sign test that the true median overhead is 0. In a run with a wished precision,
    /// the chance to meet so small a value of it at any look.
    pub p_value: Option<f64>,
    /// The same after Holm's correction over this comparison's quantiles.
    pub p_holm: Option<f64>,
    /// The same after Holm's correction over all comparisons and quantiles of the run.
    #[serde(default)]
    pub p_run: Option<f64>,
    /// Microseconds that count as no difference here.
    pub margin_us: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Blocks in which both trials have this quantile, admitted and exact.
    pub blocks: u32,
    /// Why there is no estimate, or what would decide it, and which blocks lack the quantile and
    /// why; `null` where there is nothing to add.
    pub remark: Option<String>,
}

/// What a claim comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum ClaimVerdict {
    /// The claimed figure lies in the measured interval.
    WithinInterval,
    /// The measured interval lies above the claim.
    MeasuredHigher,
    /// The measured interval lies below the claim.
    MeasuredLower,
    /// Nothing was measured that answers it.
    NotMeasured,
    /// A figure of this testbed that the article has no claim for.
    NoClaim,
}

/// One cell of the article's table beside what was measured.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ArticleRow {
    /// The table's row.
    pub row: String,
    /// The table's column, or this testbed's own.
    pub column: String,
    /// Word for word; `null` in this testbed's own column.
    pub claimed: Option<String>,
    /// Microseconds, with interval; `null` when not measured.
    pub measured: Option<Estimate>,
    /// Bytes, with interval, where the figure is one about memory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measured_memory: Option<Estimate>,
    /// What the figure is of, where the row does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub measure: Option<String>,
    /// Where it was measured, or was not.
    pub testbed: String,
    /// Why not, exactly when nothing was measured.
    pub why_not: Option<String>,
    /// What it comes to.
    pub verdict: ClaimVerdict,
}
