//! SARIF 2.1.0, the format that code scanning reads.

use std::fmt::Write as _;

use serde_json::{Value, json};

use super::{Loudness, excuse, loudness, loudness_of, open, sentence};
use crate::catalogue::checks;
use crate::finding::{Finding, Severity, Standing};
use crate::validate::Report;

/// SARIF 2.1.0, as code scanning reads it.
#[must_use]
pub fn sarif(report: &Report) -> String {
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
                "defaultConfiguration": { "level": level(loudness_of(check.severity)) },
                "properties": { "tags": ["security"], "security-severity": score(check.severity) },
            })
        })
        .collect();
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

fn level(loudness: Loudness) -> &'static str {
    match loudness {
        Loudness::Error => "error",
        Loudness::Warning => "warning",
        Loudness::Note => "note",
    }
}

fn result(finding: &Finding) -> Value {
    let (at, until) = (finding.span.at, finding.span.until);
    let mut result = json!({
        "ruleId": finding.check.id,
        "level": level(loudness(finding)),
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
    });
    if !finding.fingerprint.is_empty() {
        result["partialFingerprints"] = json!({ "loadgenValidate/v1": finding.fingerprint });
    }
    if finding.standing == Standing::Known {
        result["baselineState"] = json!("unchanged");
    }
    if let (Standing::Waived { by_object, .. }, Some(excuse)) = (&finding.standing, excuse(finding))
    {
        result["suppressions"] = json!([{
            "kind": if *by_object { "inSource" } else { "external" },
            "status": "accepted",
            "justification": excuse,
        }]);
    }
    result
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
