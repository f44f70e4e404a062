//! What is found in the resources of one variant of a scenario, which are applied together and
//! without those of other variants. What is checked, and how much it matters otherwise, is decided in
//! `policy`; what becomes of the findings, others say.

use policy::finding::Severity;
use policy::validate::{Report, Settings, validate};

/// Checks that say that a port takes plaintext. What a port takes is claimed by the variant's posture
/// and proven on the live thing, one way or the other.
const PLAINTEXT: [&str; 5] = ["PA001", "PA002", "PA003", "PA004", "PA005"];

/// Checks a variant's files, given as path and text.
pub(super) fn check<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)], settings: &Settings) -> Report {
    let mut report = validate(files, settings);
    let claimed = |id: &str| PLAINTEXT.contains(&id);
    for finding in report.findings.iter_mut().filter(|finding| claimed(finding.check.id)) {
        finding.severity = Severity::Info;
        finding.message.push_str("; the variant's posture says what it takes");
    }
    report
}
