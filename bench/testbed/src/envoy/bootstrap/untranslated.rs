//! What Envoy was not told: refusals, which are errors with a place each, and notes on resources
//! that are right to be left out. Knows no policy.

use std::fmt;

use policy::Origin;
use policy::finding::Span;

/// Something that can not be translated.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Refusal {
    /// The file.
    pub path: String,
    /// Where in it.
    pub span: Span,
    /// Kind, namespace and name.
    pub object: String,
    /// The field.
    pub field: String,
    /// Why it can not be.
    pub reason: String,
}

impl fmt::Display for Refusal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { path, span, object, field, reason } = self;
        write!(f, "{path}:{}:{}: {object}: {field}: {reason}", span.at.line, span.at.column)
    }
}

/// Everything that can not be translated, in the order of files and lines. A policy that is
/// enforced in part would be measured for a whole one, so one refusal is enough for no
/// configuration.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Untranslated {
    /// At least one.
    pub refusals: Vec<Refusal>,
}

impl fmt::Display for Untranslated {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for refusal in &self.refusals {
            writeln!(f, "{refusal}")?;
        }
        let (count, noun) = match self.refusals.len() {
            1 => (1, "field"),
            more => (more, "fields"),
        };
        write!(f, "{count} {noun} of the policies can not be told to Envoy")
    }
}

impl std::error::Error for Untranslated {}

/// A resource that is left out, and why that changes no decision.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Note {
    /// Kind, namespace and name, and its place.
    pub object: String,
    /// Why.
    pub reason: String,
}

impl fmt::Display for Note {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.object, self.reason)
    }
}

/// Collects refusals and notes while policies are translated.
#[derive(Debug, Default)]
pub(super) struct Remarks {
    refusals: Vec<Refusal>,
    notes: Vec<Note>,
}

/// The object that is being translated.
#[derive(Debug, Clone, Copy)]
pub(super) struct Object<'o> {
    pub(super) origin: &'o Origin,
    pub(super) title: &'o str,
}

impl Remarks {
    pub(super) fn refuse(
        &mut self,
        of: Object<'_>,
        span: Span,
        field: impl Into<String>,
        reason: impl Into<String>,
    ) {
        self.refusals.push(Refusal {
            path: of.origin.path.clone(),
            span,
            object: of.title.to_owned(),
            field: field.into(),
            reason: reason.into(),
        });
    }

    pub(super) fn note(&mut self, of: Object<'_>, reason: impl Into<String>) {
        let object = format!("{} ({})", of.title, of.origin);
        self.notes.push(Note { object, reason: reason.into() });
    }

    /// What was made with the notes on it, unless something was refused.
    pub(super) fn finish<T>(mut self, made: T) -> Result<(T, Vec<Note>), Untranslated> {
        if self.refusals.is_empty() {
            return Ok((made, self.notes));
        }
        self.refusals.sort();
        self.refusals.dedup();
        Err(Untranslated { refusals: self.refusals })
    }
}
