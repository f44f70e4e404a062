//! What is checked, as data: `--list-checks`, `--explain-check` and the page of checks are made of
//! it. How a check is decided is in `check`.

mod authentication;
mod authorization;
mod cilium;
mod general;

use std::fmt::Write as _;

use crate::finding::Severity;

/// A check.
#[derive(Debug, PartialEq, Eq)]
pub struct Check {
    /// Its name for ever.
    pub id: &'static str,
    /// How much it matters, unless the case says otherwise.
    pub severity: Severity,
    /// One line.
    pub title: &'static str,
    /// Why it matters.
    pub why: &'static str,
    /// What to do.
    pub fix: &'static str,
    /// Where upstream says so.
    pub source: &'static str,
    /// The releases that it holds for.
    pub releases: &'static str,
    /// Whether what it finds is refused: by strict validation, by the API server, or by the
    /// controller.
    pub refuses: bool,
}

/// Every check, by id.
pub fn checks() -> impl Iterator<Item = &'static Check> {
    let istio = authentication::CHECKS.iter().chain(authorization::CHECKS);
    general::CHECKS.iter().chain(istio).chain(cilium::CHECKS)
}

/// A check by its id.
#[must_use]
pub fn find(id: &str) -> Option<&'static Check> {
    checks().find(|check| check.id == id)
}

/// A check that the code names.
///
/// # Panics
///
/// When there is none of that id; a test finds with every check.
pub(crate) fn check(id: &str) -> &'static Check {
    find(id).expect("the checks that are named are in the catalogue")
}

impl Check {
    /// All that is known about it, for a terminal.
    #[must_use]
    pub fn explained(&self) -> String {
        let Self { id, severity, title, why, fix, source, releases, .. } = self;
        let refused = if self.refuses { "\n\nWhat it finds is refused upstream." } else { "" };
        format!(
            "{id} ({})  {title}\n\nWhy: {why}\n\nFix: {fix}\n\nHolds for: {releases}\n\
             Source: {source}{refused}\n",
            severity.word()
        )
    }
}

/// The page of checks in Markdown.
#[must_use]
pub fn page() -> String {
    let mut page = "# What `loadgen validate` checks\n\nMade from the catalogue by \
        `loadgen validate --list-checks --format markdown`; a test keeps it current.\n"
        .to_owned();
    for check in checks() {
        let Check { id, severity, title, why, fix, source, releases, refuses } = check;
        let refused = if *refuses { " Refused upstream." } else { "" };
        let written = write!(
            page,
            "\n## {id}: {title}\n\nSeverity: {}. Holds for: {releases}.{refused}\n\n{why}\n\n\
             Fix: {fix}\n\nSource: <{source}>\n",
            severity.word()
        );
        written.expect("a string takes all");
    }
    page
}
