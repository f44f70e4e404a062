//! For programs and for other people's pages: JSON, SARIF, JUnit, GitHub's annotations, Markdown.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{open, sentence};
use crate::catalogue::checks;
use crate::finding::{Finding, Severity};
use crate::validate::Report;

/// The report as one document.
#[must_use]
pub fn json(report: &Report) -> String {
    let document = json!({ "schema_version": 1, "report": report });
    format!("{document:#}\n")
}

/// SARIF 2.1.0, as code scanning reads it.
#[must_use]
pub fn sarif(report: &Report) -> String {
    let level = |severity| match severity {
        Severity::Critical | Severity::High => "error",
        Severity::Medium => "warning",
        Severity::Low | Severity::Info => "note",
    };
    // From 0 to 10, as GitHub sorts findings of security.
    let score = |severity| match severity {
        Severity::Critical => "9.5",
        Severity::High => "8.0",
        Severity::Medium => "5.0",
        Severity::Low => "2.0",
        Severity::Info => "0.0",
    };
    let rules: Vec<Value> = checks()
        .map(|check| {
            json!({
                "id": check.id,
                "shortDescription": { "text": check.title },
                "fullDescription": { "text": check.why },
                "help": { "text": check.fix },
                "helpUri": check.source,
                "defaultConfiguration": { "level": level(check.severity) },
                "properties": { "tags": ["security"], "security-severity": score(check.severity) },
            })
        })
        .collect();
    let result = |finding: &Finding| {
        let (at, until) = (finding.span.at, finding.span.until);
        json!({
            "ruleId": finding.check.id,
            "level": level(finding.severity),
            "message": { "text": sentence(finding) },
            "locations": [{ "physicalLocation": {
                "artifactLocation": { "uri": uri(&finding.path) },
                "region": {
                    "startLine": at.line,
                    "startColumn": at.column,
                    "endLine": until.line.max(at.line),
                    "endColumn": until.column.max(1),
                },
            } }],
        })
    };
    let results: Vec<Value> = report.findings.iter().map(result).collect();
    let document = json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": { "name": "loadgen validate", "rules": rules } },
            "invocations": open::sarif(report),
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    });
    format!("{document:#}\n")
}

/// A path as a relative reference.
fn uri(path: &str) -> String {
    let mut uri = String::new();
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-~".contains(&byte) {
            uri.push(char::from(byte));
        } else {
            write!(uri, "%{byte:02X}").expect("a string takes all");
        }
    }
    uri
}

/// A suite for each file, in which each finding is a failure.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut by_path: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        by_path.entry(&finding.path).or_default().push(finding);
    }
    let mut all = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (path, findings) in by_path {
        let (path, count) = (xml(path), findings.len());
        let mut suite =
            format!("  <testsuite name=\"{path}\" tests=\"{count}\" failures=\"{count}\">\n");
        for finding in findings {
            let (id, word) = (finding.check.id, finding.severity.word());
            let (line, message) = (finding.span.at.line, xml(&sentence(finding)));
            let written = writeln!(
                suite,
                "    <testcase name=\"{id} line {line}\" classname=\"{path}\">\
                 <failure type=\"{word}\" message=\"{message}\"/></testcase>"
            );
            written.expect("a string takes all");
        }
        all.push_str(&suite);
        all.push_str("  </testsuite>\n");
    }
    all.push_str(&open::junit(report, xml));
    all.push_str("</testsuites>\n");
    all
}

fn xml(text: &str) -> String {
    let mut safe = String::new();
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            // No document of XML can hold the others.
            letter if letter.is_control() => safe.push(' '),
            letter => safe.push(letter),
        }
    }
    safe
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
        let command = match finding.severity {
            Severity::Critical | Severity::High => "error",
            Severity::Medium => "warning",
            Severity::Low | Severity::Info => "notice",
        };
        let (path, at) = (escaped(&finding.path, true), finding.span.at);
        let (id, message) = (finding.check.id, escaped(&sentence(finding), false));
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
        let (path, line) = (finding.path.replace('|', "\\|"), finding.span.at.line);
        let what = sentence(finding).replace('|', "\\|").replace(['\n', '\r'], " ");
        writeln!(all, "| {id} | {word} | {path}:{line} | {what} |").expect("a string takes all");
    }
    all
}
