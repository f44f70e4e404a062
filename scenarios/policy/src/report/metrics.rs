//! Prometheus's text format: how many findings there are, and how much of the input is without any.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use crate::finding::{Finding, Severity, Standing};
use crate::validate::Report;

/// The metrics of a judged report. `from` is the severity from which an object does not comply.
#[must_use]
pub fn metrics(report: &Report, from: Severity) -> String {
    let mut all = String::new();
    family(&mut all, "loadgen_validate_findings", "gauge", "Findings.");
    for (labels, count) in counted(&report.findings) {
        let Labels { check, severity, namespace, standing } = labels;
        let namespace = escaped(namespace);
        line(
            &mut all,
            format_args!(
                "loadgen_validate_findings{{check=\"{check}\",severity=\"{severity}\",\
                 namespace=\"{namespace}\",standing=\"{standing}\"}} {count}"
            ),
        );
    }
    let help = "Objects that were checked.";
    family(&mut all, "loadgen_validate_objects", "gauge", help);
    line(&mut all, format_args!("loadgen_validate_objects {}", report.objects));
    let help = "Files, or parts of them, that could not be read.";
    family(&mut all, "loadgen_validate_unreadable", "gauge", help);
    line(&mut all, format_args!("loadgen_validate_unreadable {}", report.mistakes.len()));
    // Of nothing there is no share: the series is not there, which an alert can see.
    if let Some(ratio) = report.compliance_ratio(from) {
        let help = "Share of the objects without a finding of that severity or above, waived ones \
                    left out.";
        family(&mut all, "loadgen_validate_compliance_ratio", "gauge", help);
        let word = from.word();
        let sample = format!("loadgen_validate_compliance_ratio{{severity=\"{word}\"}} {ratio}");
        line(&mut all, format_args!("{sample}"));
    }
    all
}

/// What tells findings apart, in the order of the output.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
struct Labels<'f> {
    check: &'static str,
    severity: &'static str,
    namespace: &'f str,
    standing: &'static str,
}

fn counted(findings: &[Finding]) -> BTreeMap<Labels<'_>, usize> {
    let mut counts = BTreeMap::new();
    for finding in findings {
        let labels = Labels {
            check: finding.check.id,
            severity: finding.severity.word(),
            namespace: finding.namespace().unwrap_or_default(),
            standing: match finding.standing {
                Standing::Counts => "counts",
                Standing::Warning => "warning",
                Standing::Known => "known",
                Standing::Waived { .. } => "waived",
            },
        };
        *counts.entry(labels).or_default() += 1;
    }
    counts
}

fn family(all: &mut String, name: &str, kind: &str, help: &str) {
    line(all, format_args!("# HELP {name} {help}"));
    line(all, format_args!("# TYPE {name} {kind}"));
}

fn line(all: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(all, "{text}").expect("a string takes all");
}

/// The value of a label: the three characters that the format escapes, and no others.
fn escaped(text: &str) -> String {
    text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped_as_the_format_has_it() {
        assert_eq!(escaped("a\\b\"c\nd"), "a\\\\b\\\"c\\nd");
    }

    #[test]
    fn of_nothing_there_is_no_share() {
        let text = metrics(&Report::default(), Severity::High);
        assert!(text.contains("loadgen_validate_objects 0\n"));
        assert!(!text.contains("compliance"));
    }
}
