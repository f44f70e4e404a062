//! Whether a drive is a measurement: valid, suspect or invalid, with reasons, figures and what to
//! do. The rules are derived in METHOD.md, section "Drive". Prints nothing.

mod finding;
mod rules;

pub use finding::{Finding, Weight};

use super::measured::Measured;

/// What a drive is worth.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Verdict {
    /// The figures stand for what was asked.
    Valid,
    /// The figures are right as far as they go, and do not stand for all that was asked.
    Suspect,
    /// The figures are not to be used.
    Invalid,
}

impl Verdict {
    /// In one word: `valid`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Valid => "valid",
            Self::Suspect => "suspect",
            Self::Invalid => "invalid",
        }
    }
}

/// The judgement of a drive.
#[derive(Debug, Clone, PartialEq)]
pub struct Validity {
    /// Everything that was found, the weightiest first.
    pub findings: Vec<Finding>,
}

impl Validity {
    /// Judges a drive by all rules; none hides another.
    #[must_use]
    pub fn of(measured: &Measured) -> Self {
        let mut findings = rules::all(measured);
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.weight()));
        Self { findings }
    }

    /// The verdict: that of the weightiest finding.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.findings.iter().map(Finding::weight).max() {
            Some(Weight::Invalid) => Verdict::Invalid,
            Some(Weight::Suspect) => Verdict::Suspect,
            Some(Weight::Note) | None => Verdict::Valid,
        }
    }

    /// Why the drive is not valid; empty when it is.
    pub fn reasons(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.weight() > Weight::Note)
    }

    /// What a reader should know of a drive, valid or not.
    pub fn notes(&self) -> impl Iterator<Item = &Finding> {
        self.findings.iter().filter(|finding| finding.weight() == Weight::Note)
    }
}
