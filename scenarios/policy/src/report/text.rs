//! For people: each finding in the manner of a compiler, with its lines underlined.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;

use annotate_snippets::{AnnotationKind, Level, Origin, Renderer, Snippet};

use super::{Loudness, excuse, loudness, open, sentence};
use crate::finding::{Finding, Span, Standing};
use crate::source::Lines;
use crate::validate::Report;

/// The report; the files are those that were checked, by path.
#[must_use]
pub fn text(report: &Report, files: &BTreeMap<String, String>, coloured: bool) -> String {
    let renderer = if coloured { Renderer::styled() } else { Renderer::plain() };
    let mut all = String::new();
    // Findings come file by file.
    for of_file in report.findings.chunk_by(|a, b| a.path == b.path) {
        let lines = Lines::of(files.get(&of_file[0].path).map_or("", String::as_str));
        for finding in of_file.iter().filter(|finding| finding.is_open()) {
            all.push_str(&one(finding, &lines, &renderer));
            all.push_str("\n\n");
        }
    }
    let mut known = 0;
    for finding in report.findings.iter().filter(|finding| !finding.is_open()) {
        match (&finding.standing, excuse(finding)) {
            (Standing::Waived { .. }, Some(excuse)) => {
                let (id, path, line) = (finding.check.id, &finding.path, finding.span.at.line);
                let what = sentence(finding);
                writeln!(all, "{excuse}\n  {id} {path}:{line}: {what}")
                    .expect("a string takes all");
            }
            _ => known += 1,
        }
    }
    if known > 0 {
        writeln!(all, "known by the baseline, and not shown: {known}").expect("a string takes all");
    }
    if report.gone > 0 {
        let gone = report.gone;
        writeln!(all, "in the baseline and gone: {gone}; --write-baseline makes it anew")
            .expect("a string takes all");
    }
    all.push_str(&open::text(report));
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
        [] if !report.findings.is_empty() => line.push_str(": nothing else found"),
        [] => line.push_str(": nothing found"),
        some => write!(line, ": {}", some.join(", ")).expect("a string takes all"),
    }
    line
}

/// A longer line, as in JSON without line breaks, is not shown: it would hide what is said of it.
const LONGEST_LINE: usize = 1000;

fn one(finding: &Finding, lines: &Lines<'_>, renderer: &Renderer) -> String {
    let level = match loudness(finding) {
        Loudness::Error => Level::ERROR,
        Loudness::Warning => Level::WARNING,
        Loudness::Note => Level::NOTE,
    };
    let title = sentence(finding);
    let excuse = excuse(finding).map(|excuse| format!(" ({excuse})")).unwrap_or_default();
    let label = format!("{}: {}{excuse}", finding.severity.word(), finding.check.title);
    let (path, at) = (finding.path.as_str(), finding.span.at);
    let line = lines.line(at.line);
    let title = level.primary_title(title.as_str()).id(finding.check.id);
    let report = if line.len() > LONGEST_LINE {
        title
            .element(Origin::path(path).line(at.line).char_column(at.column))
            .element(Level::NOTE.message(label.as_str()))
    } else {
        let underlined = AnnotationKind::Primary.span(underlined(line, finding.span));
        title.element(
            Snippet::source(line)
                .line_start(at.line)
                .path(path)
                .annotation(underlined.label(label.as_str())),
        )
    };
    let report = report
        .element(Level::NOTE.message(finding.check.why))
        .element(Level::HELP.message(finding.check.fix));
    renderer.render(&[report])
}

/// Which bytes of a finding's first line are underlined; the others are not shown.
fn underlined(line: &str, span: Span) -> Range<usize> {
    let byte = |column: usize| {
        line.char_indices().nth(column.saturating_sub(1)).map_or(line.len(), |(byte, _)| byte)
    };
    let one_line = span.until.line == span.at.line;
    let begin = byte(span.at.column);
    let end = if one_line { byte(span.until.column) } else { line.trim_end().len() };
    begin..end.max(begin)
}
