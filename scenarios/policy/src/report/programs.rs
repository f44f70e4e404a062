//! For programs and for other people's pages: JSON, GitHub's annotations, Markdown.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Loudness, excuse, loudness, sentence};
use crate::catalogue::{self, NEEDS, UNDECIDABLE};
use crate::validate::Report;

/// The report as one document.
#[must_use]
pub fn json(report: &Report) -> String {
    let document = json!({ "schema_version": 1, "report": report });
    format!("{document:#}\n")
}

/// The checks as one document, those too that can not be decided here.
#[must_use]
pub fn catalogue() -> String {
    let checks = catalogue::checks().map(|check| {
        let needs = NEEDS.iter().find(|(id, ..)| id == &check.id);
        let needs = needs.map(|(_, _, needs)| *needs).unwrap_or_default();
        let missing: Vec<&str> = needs.iter().map(|need| need.missing()).collect();
        json!({
            "id": check.id, "severity": check.severity, "title": check.title, "why": check.why,
            "fix": check.fix, "source": check.source, "releases": check.releases,
            "refused_upstream": check.refuses, "not_evaluated_where": missing,
        })
    });
    let never = UNDECIDABLE.iter();
    let never = never.map(|(what, title, why)| json!({ "what": what, "title": title, "why": why }));
    let (checks, never): (Vec<Value>, Vec<Value>) = (checks.collect(), never.collect());
    let document = json!({ "schema_version": 1, "checks": checks, "never_evaluated": never });
    format!("{document:#}\n")
}

/// Workflow commands, which GitHub shows beside the lines.
#[must_use]
pub fn github(report: &Report) -> String {
    let escaped = |text: &str, property: bool| {
        let text = text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
        if property { text.replace(':', "%3A").replace(',', "%2C") } else { text }
    };
    let mut all = String::new();
    for finding in &report.findings {
        let command = match loudness(finding) {
            Loudness::Error => "error",
            Loudness::Warning => "warning",
            Loudness::Note => "notice",
        };
        let (path, at) = (escaped(&finding.path, true), finding.span.at);
        let excuse = excuse(finding).map(|excuse| format!(" ({excuse})")).unwrap_or_default();
        let message = escaped(&format!("{}{excuse}", sentence(finding)), false);
        let id = finding.check.id;
        let written = writeln!(
            all,
            "::{command} file={path},line={},col={},title={id}::{message}",
            at.line, at.column
        );
        written.expect("a string takes all");
    }
    all
}

/// A table for a pull request.
#[must_use]
pub fn markdown(report: &Report) -> String {
    let mut all = "| check | severity | where | what |\n|---|---|---|---|\n".to_owned();
    for finding in &report.findings {
        let (id, word) = (finding.check.id, finding.severity.word());
        let cell = |text: &str| text.replace('|', "\\|").replace(['\n', '\r'], " ");
        let (path, line) = (cell(&finding.path), finding.span.at.line);
        let excuse = excuse(finding).map(|excuse| format!(" ({excuse})")).unwrap_or_default();
        let what = cell(&format!("{}{excuse}", sentence(finding)));
        writeln!(all, "| {id} | {word} | {path}:{line} | {what} |").expect("a string takes all");
    }
    all
}
