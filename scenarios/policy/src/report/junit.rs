//! JUnit, as CI servers read it.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use super::{excuse, open, sentence};
use crate::finding::Finding;
use crate::validate::Report;

/// A suite for each file, in which each finding is a failure, or skipped where it fails nothing.
#[must_use]
pub fn junit(report: &Report) -> String {
    let mut by_path: BTreeMap<&str, Vec<&Finding>> = BTreeMap::new();
    for finding in &report.findings {
        by_path.entry(&finding.path).or_default().push(finding);
    }
    let mut all = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n".to_owned();
    for (path, findings) in by_path {
        let (path, count) = (xml(path), findings.len());
        let skipped = findings.iter().filter(|finding| excuse(finding).is_some()).count();
        let failures = count - skipped;
        let mut suite = format!(
            "  <testsuite name=\"{path}\" tests=\"{count}\" failures=\"{failures}\" \
             skipped=\"{skipped}\">\n"
        );
        for finding in findings {
            let (id, line) = (finding.check.id, finding.span.at.line);
            let outcome = outcome(finding);
            let written = writeln!(
                suite,
                "    <testcase name=\"{id} line {line}\" classname=\"{path}\">{outcome}</testcase>"
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

/// A failure, or why it is none.
fn outcome(finding: &Finding) -> String {
    let (word, message) = (finding.severity.word(), xml(&sentence(finding)));
    match excuse(finding) {
        Some(excuse) => format!("<skipped message=\"{message} ({})\"/>", xml(&excuse)),
        None => format!("<failure type=\"{word}\" message=\"{message}\"/>"),
    }
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
