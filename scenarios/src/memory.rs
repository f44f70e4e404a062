//! A question about memory: the states in which sidecars are looked at, and the policies that are
//! given to them and taken away again while they run. Knows no process and no figure.

use std::time::Duration;

use serde::Serialize;

use crate::posture::{CallClaim, Expected};
use crate::units::Percent;
use crate::variant::Variant;

/// Just started, nobody has called.
pub const FRESH: &str = "fresh";
/// While the load is sent.
pub const UNDER_LOAD: &str = "under-load";
/// Idle again: what policies are held against.
pub const AFTER_LOAD: &str = "after-load";
/// The policies are gone again.
pub const DELETED: &str = "deleted";

/// The states that every scenario about memory has, besides its rungs.
pub const OWN_STATES: [&str; 4] = [FRESH, UNDER_LOAD, AFTER_LOAD, DELETED];

/// What is asked about memory.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct MemorySpec {
    /// How long an idle state is left alone before it is read.
    #[serde(rename = "settle_s", serialize_with = "crate::load::seconds")]
    pub settle: Duration,
    /// What counts as no difference that matters.
    pub margin: MemoryMargin,
    /// Sets of policies, each put in the place of the one before it while the sidecars run.
    pub rungs: Vec<Rung>,
}

/// The larger of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct MemoryMargin {
    /// Share of what it is compared with.
    pub percent: Percent,
    /// Bytes.
    pub at_least_bytes: u64,
}

/// A set of policies that running sidecars are given.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Rung {
    /// Unique in the scenario, e.g. `policies-100`.
    pub name: String,
    /// A few words for tables and charts.
    pub title: String,
    /// Resource files in force besides those of the variant.
    pub policies: Vec<String>,
    /// What must be proven of it; at least one call is refused that is accepted without it.
    pub calls: Vec<CallClaim>,
}

/// The two sidecars of a path.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Sidecar {
    /// The caller's.
    Client,
    /// The one before the server, which enforces policies.
    Server,
}

impl Sidecar {
    /// As in results.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Client => "client sidecar",
            Self::Server => "server sidecar",
        }
    }
}

/// One figure of a scenario about memory.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MemoryFigure {
    /// Of which variant.
    pub variant: String,
    /// In which state.
    pub state: String,
    /// Of which sidecar.
    pub sidecar: Sidecar,
}

impl MemorySpec {
    /// Every state in the order in which it comes, with a few words for it.
    #[must_use]
    pub fn states(&self) -> Vec<(&str, &str)> {
        let before = [
            (FRESH, "Started, idle"),
            (UNDER_LOAD, "Under load"),
            (AFTER_LOAD, "Idle after the load"),
        ];
        let rungs = self.rungs.iter().map(|rung| (rung.name.as_str(), rung.title.as_str()));
        before.into_iter().chain(rungs).chain([(DELETED, "Policies deleted")]).collect()
    }

    /// The variant as it stands before any rung and after the last: what a rung refuses is accepted.
    #[must_use]
    pub fn bare(&self, variant: &Variant) -> Variant {
        let mut bare = variant.clone();
        let refused = self.rungs.iter().flat_map(|rung| &rung.calls);
        for claim in refused.filter(|claim| claim.expected == Expected::Refused) {
            let claim = CallClaim { expected: Expected::Accepted, ..claim.clone() };
            if !bare.posture.calls.contains(&claim) {
                bare.posture.calls.push(claim);
            }
        }
        bare
    }
}

impl Rung {
    /// The variant with this rung's policies in force.
    #[must_use]
    pub fn on(&self, variant: &Variant) -> Variant {
        let mut on = variant.clone();
        on.policies.extend(self.policies.iter().cloned());
        on.posture.calls.clone_from(&self.calls);
        on
    }
}
