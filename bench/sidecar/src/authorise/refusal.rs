//! A part of a resource that nothing here enforces, by its place. It knows no resource.

use policy::finding::Span;

/// What can not be enforced.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotEnforced {
    /// The file.
    pub path: String,
    /// Where in it.
    pub span: Span,
    /// The field and why.
    pub message: String,
}

impl std::fmt::Display for NotEnforced {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, span, message } = self;
        write!(f, "{path}:{}:{}: {message}", span.at.line, span.at.column)
    }
}
