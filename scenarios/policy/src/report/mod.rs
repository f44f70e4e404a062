//! A report as people and programs read it. Each format is a function of the report; none judges.

mod answer;
mod programs;
mod text;

pub use answer::{answer, document, explanation};
pub use programs::{github, json, junit, markdown, sarif};
pub use text::text;

use crate::finding::Finding;

/// The object first, where a finding is about one.
fn sentence(finding: &Finding) -> String {
    if finding.object.is_empty() {
        finding.message.clone()
    } else {
        format!("{}: {}", finding.object, finding.message)
    }
}
