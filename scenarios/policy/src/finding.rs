//! What a check finds in a resource, and how much it matters. It judges nothing itself.

use serde::Serialize;

use crate::catalogue::Check;
use crate::source::Position;

/// How much a finding matters, the least first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Worth knowing.
    Info,
    /// A habit that costs later.
    Low,
    /// Wider than it looks, or a trap for the next change.
    Medium,
    /// Opens access, or is not in force.
    High,
    /// Does the opposite of what it says.
    Critical,
}

impl Severity {
    /// As it is written in options and reports.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Info => "info",
            Self::Low => "low",
            Self::Medium => "medium",
            Self::High => "high",
            Self::Critical => "critical",
        }
    }
}

/// A stretch of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Span {
    /// Where it begins.
    pub at: Position,
    /// Where it ends.
    pub until: Position,
}

impl Span {
    /// The beginning of a file.
    pub const START: Self = Self { at: Position::START, until: Position::START };
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    #[serde(serialize_with = "id")]
    pub check: &'static Check,
    /// The check's, or what the case makes of it.
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// Where in it.
    pub span: Span,
    /// Kind, namespace and name, e.g. `PeerAuthentication shop/pay`; empty for a whole file.
    pub object: String,
    /// One line, about this very case.
    pub message: String,
}

fn id<S: serde::Serializer>(check: &&'static Check, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.id)
}
