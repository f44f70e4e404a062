//! Thresholds: `--fail-if 'p99>3ms'` and `--slo 'p99<5ms'`. A condition is true, false, or can not
//! be told, and what can not be told never passes. Knows no exit code.

mod condition;
mod parse;

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

pub use condition::{Condition, Count, Figure, Limit, Metric, Relation, Source, Truth};
pub use parse::ParseError;

use super::measured::Measured;

/// What became of a threshold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Outcome {
    /// It is kept.
    Passed,
    /// It is not kept.
    Failed,
    /// It can not be told; this does not pass.
    Undecided,
}

impl Outcome {
    /// In one word: `passed`.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Passed => "passed",
            Self::Failed => "failed",
            Self::Undecided => "undecided",
        }
    }
}

/// A threshold, held against a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Judged {
    /// As given, e.g. `fail if p99 > 3 ms`.
    pub threshold: String,
    /// What became of it.
    pub outcome: Outcome,
    /// What was found, e.g. `2.10 ms`, or why it can not be told.
    pub found: String,
}

impl Judged {
    /// Whether the drive passes.
    #[must_use]
    pub fn passed(&self) -> bool {
        self.outcome == Outcome::Passed
    }
}

impl fmt::Display for Judged {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}: {} ({})", self.threshold, self.outcome.word(), self.found)
    }
}

/// A condition that must not be true.
#[derive(Debug, Clone, PartialEq)]
pub struct Gate(Condition);

/// A condition that must be true.
#[derive(Debug, Clone, PartialEq)]
pub struct Slo(Condition);

impl Gate {
    /// Reads e.g. `p99>3ms`; usable as a value parser of the command line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::condition(text).map(Self)
    }

    /// What must not be true.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.0
    }

    /// Holds it against a drive.
    #[must_use]
    pub fn judge(&self, measured: &Measured) -> Judged {
        let (truth, found) = self.0.truth(measured);
        let outcome = match truth {
            Truth::False => Outcome::Passed,
            Truth::True => Outcome::Failed,
            Truth::Unknown => Outcome::Undecided,
        };
        Judged { threshold: format!("fail if {}", self.0), outcome, found }
    }
}

impl Slo {
    /// Reads e.g. `p99<5ms`; usable as a value parser of the command line.
    pub fn parse(text: &str) -> Result<Self, ParseError> {
        parse::condition(text).map(Self)
    }

    /// What must be true.
    #[must_use]
    pub fn condition(&self) -> &Condition {
        &self.0
    }

    /// Holds it against a drive.
    #[must_use]
    pub fn judge(&self, measured: &Measured) -> Judged {
        let (truth, found) = self.0.truth(measured);
        let outcome = match truth {
            Truth::True => Outcome::Passed,
            Truth::False => Outcome::Failed,
            Truth::Unknown => Outcome::Undecided,
        };
        Judged { threshold: self.0.to_string(), outcome, found }
    }
}

impl FromStr for Gate {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}

impl FromStr for Slo {
    type Err = ParseError;

    fn from_str(text: &str) -> Result<Self, ParseError> {
        Self::parse(text)
    }
}
