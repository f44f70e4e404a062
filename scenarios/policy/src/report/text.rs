//! For people: each finding in the manner of a compiler, with its lines underlined.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Renderer, Snippet};

use super::sentence;
use crate::finding::{Finding, Severity, Span};
use crate::source::Position;
use crate::validate::Report;

/// The report; the files are those that were checked, by path.
#[must_use]
pub fn text(report: &Report, files: &BTreeMap<String, String>, coloured: bool) -> String {
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let mut all = String::new();
    for finding in &report.findings {
        let source = files.get(&finding.path).map_or("", String::as_str);
        all.push_str(&one(finding, source, &renderer));
        all.push_str("\n\n");
    }
    for (id, why) in &report.not_evaluated {
        writeln!(all, "not evaluated: {id}: {why}").expect("a string takes all");
    }
    writeln!(all, "{}", summary(report)).expect("a string takes all");
    all
}

/// One line on what was checked and found.
#[must_use]
fn summary(report: &Report) -> String {
    let noun = |count: usize, one: &str| match count {
        1 => format!("1 {one}"),
        _ => format!("{count} {one}s"),
    };
    let mut line = noun(report.objects, "object");
    line.push_str(" checked");
    if report.read_objects > 0 {
        let others = noun(report.read_objects, "object");
        write!(line, ", {others} read beside them").expect("a string takes all");
    }
    if report.other_objects > 0 {
        let others = noun(report.other_objects, "object");
        write!(line, ", {others} of other kinds passed over").expect("a string takes all");
    }
    let count = report.count();
    let worst_first: Vec<String> = count
        .iter()
        .rev()
        .map(|(severity, count)| format!("{count} {}", severity.word()))
        .collect();
    match worst_first.as_slice() {
        // What was not checked has no findings, which is not the same as none being found.
        [] if report.objects == 0 => {}
        [] => line.push_str(": nothing found"),
        some => write!(line, ": {}", some.join(", ")).expect("a string takes all"),
    }
    line
}

fn one(finding: &Finding, source: &str, renderer: &Renderer) -> String {
    let level = match finding.severity {
        Severity::Critical | Severity::High => Level::ERROR,
        Severity::Medium => Level::WARNING,
        Severity::Low | Severity::Info => Level::NOTE,
    };
    let title = sentence(finding);
    let label = format!("{}: {}", finding.severity.word(), finding.check.title);
    let (lines, first_line, range) = shown(source, finding.span);
    let snippet = Snippet::source(lines)
        .line_start(first_line)
        .path(finding.path.as_str())
        .annotation(AnnotationKind::Primary.span(range).label(label.as_str()));
    let report = level
        .primary_title(title.as_str())
        .id(finding.check.id)
        .element(snippet)
        .element(Level::NOTE.message(finding.check.why))
        .element(Level::HELP.message(finding.check.fix));
    renderer.render(&[report])
}

/// The line of a finding, its number, and which bytes of it are underlined. Of a finding of
/// several lines the first is shown.
fn shown(source: &str, span: Span) -> (&str, usize, Range<usize>) {
    let Position { line, column } = span.at;
    let text = source.lines().nth(line - 1).unwrap_or_default();
    let byte = |column: usize| {
        text.char_indices().nth(column.saturating_sub(1)).map_or(text.len(), |(byte, _)| byte)
    };
    let begin = byte(column);
    let end = if span.until.line == line { byte(span.until.column) } else { text.trim_end().len() };
    (text, line, begin..end.max(begin))
}
