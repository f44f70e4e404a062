//! What is checked, as data: `--list-checks`, `--explain-check` and the page of checks are made of
//! it. How a check is decided is in `check`.

mod article;
mod authentication;
mod authorization;
mod cilium;
mod cross;
mod general;
mod needs;

use std::fmt::Write as _;

pub use needs::{About, NEEDS, Need, UNDECIDABLE};

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
    let of_meshes = istio.chain(cilium::CHECKS).chain(cross::CHECKS);
    general::CHECKS.iter().chain(of_meshes).chain(article::CHECKS)
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
        let needs = NEEDS.iter().find(|(id, ..)| id == &self.id);
        let needs: String = needs
            .iter()
            .flat_map(|(_, _, needs)| needs.iter())
            .map(|need| format!("\n\nNot evaluated where {}.", need.missing()))
            .collect();
        let beyond = UNDECIDABLE
            .iter()
            .filter(|(what, ..)| what.strip_prefix(*id).is_some_and(|rest| rest.starts_with(' ')));
        let beyond: String = beyond.map(|one| format!("\n\n{}", undecided(one))).collect();
        format!(
            "{id} ({})  {title}\n\nWhy: {why}\n\nFix: {fix}\n\nHolds for: {releases}\n\
             Source: {source}{refused}{needs}{beyond}\n",
            severity.word()
        )
    }
}

fn undecided((what, title, why): &(&str, &str, &str)) -> String {
    format!("Never evaluated, {what}: {title}: {why}")
}

/// What is known of a check by its id, for a terminal; of one too that can not be decided here.
#[must_use]
pub fn explained(id: &str) -> Option<String> {
    let undecidable = || UNDECIDABLE.iter().find(|(what, ..)| *what == id);
    find(id)
        .map(Check::explained)
        .or_else(|| undecidable().map(|one| format!("{}\n", undecided(one))))
}

/// Every check in a line, for a terminal, those that can not be decided here last.
#[must_use]
pub fn listed() -> String {
    let mut all = String::new();
    for Check { id, severity, title, .. } in checks() {
        writeln!(all, "{id}  {:<8}  {title}", severity.word()).expect("a string takes all");
    }
    all.push_str("\nNever evaluated, since what is given can not decide it:\n");
    for (what, title, _) in UNDECIDABLE {
        writeln!(all, "{what}: {title}").expect("a string takes all");
    }
    all
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
        let needs = NEEDS.iter().find(|(id, ..)| id == &check.id);
        for need in needs.map(|(_, _, needs)| *needs).unwrap_or_default() {
            let written = write!(page, "\nNot evaluated where {}.\n", need.missing());
            written.expect("a string takes all");
        }
    }
    page.push_str("\n## What can not be decided here\n\n");
    for (id, title, why) in UNDECIDABLE {
        writeln!(page, "- {id}, {title}: {why}").expect("a string takes all");
    }
    page
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where upstream, or whoever a check takes its word from, publishes.
    const PUBLISHERS: [&str; 12] = [
        "https://istio.io/latest/",
        "https://github.com/istio/istio/",
        "https://docs.cilium.io/en/v1.17/",
        "https://docs.cilium.io/en/stable/",
        "https://github.com/cilium/cilium/",
        "https://kubernetes.io/docs/",
        "https://osv.dev/vulnerability/CVE-",
        "https://kiali.io/docs/",
        "https://argo-cd.readthedocs.io/en/stable/",
        "https://helm.sh/docs/",
        "https://yaml.org/spec/",
        "https://csrc.nist.gov/pubs/",
    ];

    #[test]
    fn every_check_says_where_it_is_from() {
        for check in checks() {
            let of_one = PUBLISHERS.iter().any(|publisher| check.source.starts_with(publisher));
            assert!(of_one, "{}: {}", check.id, check.source);
            // A branch moves on under what was read there.
            for branch in ["/blob/master/", "/blob/main/"] {
                assert!(!check.source.contains(branch), "{}: {}", check.id, check.source);
            }
        }
    }

    #[test]
    fn what_can_not_be_decided_can_be_asked_for() {
        assert!(explained("XR005").expect("known").starts_with("Never evaluated, XR005: "));
        assert!(explained("AP015").expect("known").contains("Never evaluated, AP015 beyond NONE"));
        assert!(explained("XX001").is_none());
        assert!(listed().contains("XR005: "));
    }
}
