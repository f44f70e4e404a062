//! Patterns with `*`, as people write them for namespaces, objects and paths.

use std::fmt;
use std::str::FromStr;

use globset::{GlobBuilder, GlobMatcher};

/// A pattern: `*` is any number of characters, `?` is one, `[ab]` one of these, `{a,b}` either.
#[derive(Debug, Clone)]
pub struct Pattern {
    written: String,
    /// Apart, since it is large and options hold patterns.
    matcher: Box<GlobMatcher>,
}

impl Pattern {
    /// Of paths: `*` stays within a folder, and `**` does not.
    pub fn of_paths(text: &str) -> Result<Self, String> {
        Self::build(text, true)
    }

    fn build(text: &str, literal_separator: bool) -> Result<Self, String> {
        let glob = GlobBuilder::new(text).literal_separator(literal_separator).build();
        let matcher = glob.map_err(|error| format!("not a pattern: {error}"))?.compile_matcher();
        Ok(Self { written: text.to_owned(), matcher: Box::new(matcher) })
    }

    /// Whether the whole text is meant.
    #[must_use]
    pub fn matches(&self, text: &str) -> bool {
        self.matcher.is_match(text)
    }
}

impl FromStr for Pattern {
    type Err = String;

    /// Of names, in which `*` is anything.
    fn from_str(text: &str) -> Result<Self, String> {
        Self::build(text, false)
    }
}

impl fmt::Display for Pattern {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.written)
    }
}

impl PartialEq for Pattern {
    fn eq(&self, other: &Self) -> bool {
        self.matcher.glob() == other.matcher.glob()
    }
}

impl Eq for Pattern {}
