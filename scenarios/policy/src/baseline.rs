//! A baseline: the findings that were there when somebody began to look, so that new ones alone
//! fail. Findings are told apart by what they are about and not by their lines, which move.

use std::collections::{BTreeMap, HashMap};
use std::fmt::Write as _;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::finding::{Finding, Span, Standing};
use crate::source::Lines;

/// Of what is underlined so many characters tell findings apart.
const LONGEST_TEXT: usize = 200;

/// Gives each finding its fingerprint: of the check, the object (the file where there is none), the
/// text that is underlined, and its number among those that are equal in all of that.
pub(crate) fn fingerprint(findings: &mut [Finding], files: &BTreeMap<String, String>) {
    let mut seen: HashMap<String, u32> = HashMap::new();
    for of_file in findings.chunk_by_mut(|a, b| a.path == b.path) {
        let lines = Lines::of(files.get(&of_file[0].path).map_or("", String::as_str));
        for finding in of_file {
            let about = if finding.object.is_empty() { &finding.path } else { &finding.object };
            let text = underlined(&lines, finding.span);
            let what = format!("{}\0{about}\0{text}", finding.check.id);
            let number = seen.entry(what.clone()).or_default();
            let digest = Sha256::digest(format!("{what}\0{number}"));
            *number += 1;
            let mut hex = String::new();
            for byte in &digest[..16] {
                write!(hex, "{byte:02x}").expect("a string takes all");
            }
            finding.fingerprint = hex;
        }
    }
}

fn underlined(lines: &Lines<'_>, span: Span) -> String {
    let line = lines.line(span.at.line).trim_end();
    let end = if span.until.line == span.at.line { span.until.column } else { usize::MAX };
    let length = end.saturating_sub(span.at.column).min(LONGEST_TEXT);
    line.chars().skip(span.at.column - 1).take(length).collect()
}

/// What a file of it holds.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    schema_version: u32,
    findings: Vec<Entry>,
}

/// One finding; all but the fingerprint is for people who read the file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    fingerprint: String,
    check: String,
    object: String,
    path: String,
    message: String,
}

const SCHEMA_VERSION: u32 = 1;

/// Findings that are known.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Baseline {
    fingerprints: std::collections::BTreeSet<String>,
}

impl Baseline {
    /// Reads a file that [`write()`] made; an error says what is wrong with it.
    pub fn read(text: &str) -> Result<Self, String> {
        let document: Document = serde_json::from_str(text).map_err(|error| {
            format!("expected what --write-baseline writes, found something else: {error}")
        })?;
        let version = document.schema_version;
        if version != SCHEMA_VERSION {
            return Err(format!("expected schema_version {SCHEMA_VERSION}, found {version}"));
        }
        let fingerprints = document.findings.into_iter().map(|entry| entry.fingerprint);
        Ok(Self { fingerprints: fingerprints.collect() })
    }

    /// Gives findings that are known their standing, and says how many of the known are gone.
    pub(crate) fn apply(&self, findings: &mut [Finding]) -> usize {
        let mut there = 0;
        for finding in findings {
            if self.fingerprints.contains(&finding.fingerprint) {
                there += 1;
                if finding.standing == Standing::Counts {
                    finding.standing = Standing::Known;
                }
            }
        }
        self.fingerprints.len().saturating_sub(there)
    }
}

/// The findings of a judged report as a file: those that nobody answers for.
#[must_use]
pub fn write(findings: &[Finding]) -> String {
    let unanswered =
        findings.iter().filter(|finding| !matches!(finding.standing, Standing::Waived { .. }));
    let entry = |finding: &Finding| Entry {
        fingerprint: finding.fingerprint.clone(),
        check: finding.check.id.to_owned(),
        object: finding.object.clone(),
        path: finding.path.clone(),
        message: finding.message.clone(),
    };
    let document =
        Document { schema_version: SCHEMA_VERSION, findings: unanswered.map(entry).collect() };
    let text =
        serde_json::to_string_pretty(&document).expect("texts have no value that JSON lacks");
    text + "\n"
}
