//! The understood form of a scenario: everything checked, built only by reading a folder. It does
//! not know where it will run.

use policy::PolicySet;
use serde::Serialize;

use crate::load::{Answer, LoadSpec};
use crate::memory::{MemoryFigure, MemorySpec};
use crate::model::Model;
use crate::posture::Expected;
use crate::units::Percent;
use crate::variant::{ComparisonSpec, MeshVersion, Scopes, Variant, VariantName};

/// How often and how strictly.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Design {
    /// Blocks: each holds every variant once, in drawn order. 1 to 1000.
    pub blocks: u32,
    /// The variant that runs twice in every block as the A/A pair.
    pub control: VariantName,
    /// An overhead this small is called equivalent.
    pub margin: Margin,
}

/// What counts as no difference that matters: the larger of the two, per quantile.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Margin {
    /// Share of the baseline's quantile.
    pub percent: Percent,
    /// In microseconds; a floor for very fast baselines.
    pub at_least_us: f64,
}

/// When a trial, or a quantile of it, is not a measurement.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Gates {
    /// A request is late when the generator turned to it later than `max(late_us, late_percent of
    /// the trial's median response time)`, in microseconds. How many may be depends on the quantile.
    pub late_us: f64,
    /// See `late_us`.
    pub late_percent: Percent,
    /// Requests that were not sent in the window's own time, as a share of the offered rate.
    pub rate_error_percent: Percent,
    /// Failed and timed-out requests as a share of those offered.
    pub errors_percent: Percent,
    /// Time that the hypervisor took from this machine's cores during the trial, for any quantile;
    /// high quantiles bear less.
    pub steal_percent: Percent,
    /// Change of the median response time from the first to the last third of the window, in
    /// percent, that counts as drift when the trend is also significant.
    pub drift_percent: Percent,
}

impl Default for Gates {
    /// The defaults are derived in METHOD.md, section "Admission".
    fn default() -> Self {
        let percent = |value| Percent::new(value).expect("a literal in range");
        Self {
            late_us: 500.0,
            late_percent: percent(50.0),
            rate_error_percent: percent(1.0),
            errors_percent: percent(0.1),
            steal_percent: percent(10.0),
            drift_percent: percent(20.0),
        }
    }
}

/// One cell of the article's table: what it says, word for word.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ArticleClaim {
    /// The table's row, e.g. `Strict mTLS p99 Latency Overhead`.
    pub row: String,
    /// The table's column, e.g. `Istio 1.25`.
    pub column: String,
    /// The cell, e.g. `1.1ms`.
    pub claimed: String,
    /// The measurement that would answer it: a comparison at a quantile on a mesh version.
    pub measured_by: Option<ClaimMeasure>,
    /// Why this scenario can not measure it anywhere; set exactly when `measured_by` is not.
    pub why_not: Option<String>,
    /// The figure about memory that stands beside it without being of what it is about.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub beside: Option<MemoryFigure>,
}

/// Which figure answers a claim.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ClaimMeasure {
    /// The name of one of the scenario's comparisons.
    pub comparison: String,
    /// The quantile's name: `p50`, `p90`, `p99` or `p999`.
    pub quantile: String,
    /// The mesh version that the claim is about.
    pub mesh: String,
}

/// A comparison worth making, complete and consistent.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Scenario {
    /// The folder's name.
    pub name: String,
    /// Raised when a change makes old results incomparable.
    pub version: u32,
    /// A few words.
    pub title: String,
    /// The question in a sentence or two.
    pub question: String,
    /// What is offered.
    pub load: LoadSpec,
    /// Blocks, control, margin.
    pub design: Design,
    /// Admission.
    pub gates: Gates,
    /// What is compared, at least one.
    pub variants: Vec<Variant>,
    /// Named differences; the first is the headline.
    pub comparisons: Vec<ComparisonSpec>,
    /// Mesh versions that the testbeds refer to.
    pub meshes: Vec<MeshVersion>,
    /// Per testbed: what applies.
    pub testbeds: Scopes,
    /// What is asked about memory; `None` where nothing is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory: Option<MemorySpec>,
    /// The article's table.
    pub article: Vec<ArticleClaim>,
    /// Resource files by the path that variants name them with, as text.
    #[serde(skip)]
    pub policies: std::collections::BTreeMap<String, String>,
}

impl Scenario {
    /// The variant of that name; a twin is its original.
    #[must_use]
    pub fn variant(&self, name: &VariantName) -> Option<&Variant> {
        let original = name.original();
        self.variants.iter().find(|variant| variant.name == original)
    }

    /// The load as a variant answers it: a request that is to be denied is served where the
    /// variant's resources do not deny it. What they make of it was checked when the scenario was
    /// read; the error says what is not understood.
    pub fn load_of(&self, variant: &Variant) -> Result<LoadSpec, String> {
        let mut load = self.load.clone();
        if load.requests.iter().any(|kind| kind.answer == Answer::Denied) {
            let model = Model::of(self, variant)?;
            for kind in load.requests.iter_mut().filter(|kind| kind.answer == Answer::Denied) {
                if model.request(&kind.request)?.expected == Expected::Accepted {
                    kind.answer = Answer::Served;
                }
            }
        }
        Ok(load)
    }

    /// The resources that are in force for a variant, in the order it names them. They were
    /// checked when the scenario was read; of one that was changed since, the error says what is wrong.
    pub fn policy_set(&self, variant: &Variant) -> Result<PolicySet, String> {
        let read = |path| match self.policies.get(path) {
            Some(text) => Ok((path, text)),
            // Without it the rest would be taken for all there is.
            None => Err(format!("{path}: the scenario has no such file")),
        };
        let files = variant.policies.iter().map(read).collect::<Result<Vec<(&String, _)>, _>>()?;
        PolicySet::parse(&files).map_err(|mistakes| mistakes.to_string())
    }
}
