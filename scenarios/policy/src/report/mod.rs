//! A report as people and programs read it. Each format is a function of the report; none judges.

mod answer;
mod junit;
mod metrics;
mod open;
mod programs;
mod sarif;
mod text;

pub use answer::{answer, document, explanation};
pub use junit::junit;
pub use metrics::metrics;
pub use programs::{catalogue, github, json, markdown};
pub use sarif::sarif;
pub use text::text;

use crate::finding::{Finding, Severity, Standing};

/// How loud a finding is, in the words that compilers and CI have in common.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Loudness {
    Error,
    Warning,
    Note,
}

fn loudness_of(severity: Severity) -> Loudness {
    match severity {
        Severity::Critical | Severity::High => Loudness::Error,
        Severity::Medium => Loudness::Warning,
        Severity::Low | Severity::Info => Loudness::Note,
    }
}

fn loudness(finding: &Finding) -> Loudness {
    let of_severity = loudness_of(finding.severity);
    match finding.standing {
        Standing::Counts => of_severity,
        Standing::Warning if of_severity == Loudness::Error => Loudness::Warning,
        Standing::Warning => of_severity,
        Standing::Known | Standing::Waived { .. } => Loudness::Note,
    }
}

/// Why a finding fails nothing; nothing where it can fail something.
fn excuse(finding: &Finding) -> Option<String> {
    match &finding.standing {
        Standing::Counts => None,
        Standing::Warning => {
            let namespace = finding.namespace().unwrap_or_default();
            Some(format!("a warning only, in namespace {namespace}"))
        }
        Standing::Known => Some("known, by the baseline".to_owned()),
        Standing::Waived { owner, reason, until, .. } => {
            Some(format!("waived until {until} by {owner}: {reason}"))
        }
    }
}

/// The object first, where a finding is about one.
fn sentence(finding: &Finding) -> String {
    if finding.object.is_empty() {
        finding.message.clone()
    } else {
        format!("{}: {}", finding.object, finding.message)
    }
}
