//! What a check finds in a resource, and how much it matters. It judges nothing itself.

use jiff::civil::Date;
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
    /// All, the least first.
    pub const ALL: [Self; 5] = [Self::Info, Self::Low, Self::Medium, Self::High, Self::Critical];

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

/// How a finding stands in what was agreed on: whether it can fail anything.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
#[serde(tag = "as", rename_all = "kebab-case")]
pub enum Standing {
    /// It fails where its severity does.
    #[default]
    Counts,
    /// It is shown and fails nothing, since it is in a namespace of which only warnings are wanted.
    Warning,
    /// The baseline has it.
    Known,
    /// Somebody answers for it.
    Waived {
        /// Who.
        owner: String,
        /// Why.
        reason: String,
        /// The last day on which it holds.
        #[serde(serialize_with = "as_text")]
        until: Date,
        /// Whether the object says so itself, and not a file beside.
        by_object: bool,
    },
}

impl Standing {
    fn counts(&self) -> bool {
        *self == Self::Counts
    }
}

/// Something that a check found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// The check.
    #[serde(serialize_with = "id")]
    pub check: &'static Check,
    /// The check's, or what the case or the profile makes of it.
    pub severity: Severity,
    /// The file.
    pub path: String,
    /// Where in it.
    pub span: Span,
    /// Kind, namespace and name, e.g. `PeerAuthentication shop/pay`; empty for a whole file.
    pub object: String,
    /// One line, about this very case.
    pub message: String,
    /// Whether it can fail anything.
    #[serde(skip_serializing_if = "Standing::counts")]
    pub standing: Standing,
    /// The same for the same finding on other lines; empty until the report is judged.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub fingerprint: String,
}

impl Finding {
    /// With the check's own severity, and of no particular standing.
    #[must_use]
    pub fn new(check: &'static Check, path: String, span: Span, message: String) -> Self {
        Self {
            check,
            severity: check.severity,
            path,
            span,
            object: String::new(),
            message,
            standing: Standing::Counts,
            fingerprint: String::new(),
        }
    }

    /// Whether it is neither known nor waived.
    #[must_use]
    pub fn is_open(&self) -> bool {
        matches!(self.standing, Standing::Counts | Standing::Warning)
    }

    /// The namespace of the object, where it has one.
    #[must_use]
    pub fn namespace(&self) -> Option<&str> {
        let (_, name) = self.object.split_once(' ')?;
        Some(name.split_once('/')?.0)
    }
}

fn id<S: serde::Serializer>(check: &&'static Check, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(check.id)
}

fn as_text<S: serde::Serializer>(date: &Date, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.collect_str(date)
}
