//! A report as the plain text that the command prints at its end, at most 100 columns wide. Whether
//! there is colour is decided elsewhere; knows no files.

use std::fmt::Write;

use super::figures;
use super::model::{Article, Cell, Comparison, NOTHING_COMPARED, Report, Table};
use crate::record::Verdict;

/// Whether the text may carry ANSI colours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Style {
    /// None.
    Plain,
    /// ANSI escapes around headings and verdicts.
    Ansi,
}

/// Columns, at most.
const WIDTH: usize = 100;
/// Columns of the comparison table: `    p99.9`, and times of at most `0.812 µs`.
const QUANTILE: usize = 9;
const TIME: usize = 9;
/// Verdict, its note and the blocks: `inconclusive(12) 99`.
const LAST: usize = 19;

const BOLD: &str = "\u{1b}[1m";
const DIM: &str = "\u{1b}[2m";
const ORANGE: &str = "\u{1b}[33m";
const BLUE: &str = "\u{1b}[34m";
const GREEN: &str = "\u{1b}[32m";
const RESET: &str = "\u{1b}[0m";

/// The text; `paths` are shown last, one on a line and never broken.
#[must_use]
pub fn render(report: &Report, style: Style, paths: &[String]) -> String {
    let mut out = Page { text: String::new(), style };
    if let Some(stamp) = &report.stamp {
        out.wrapped("", stamp, Some(BOLD));
    }
    let title = format!("{} ({} on {})", report.title, report.scenario, report.testbed);
    out.wrapped("", &title, Some(BOLD));
    out.blank();
    out.wrapped("", &report.answer, None);
    out.blank();
    for mark in &report.marks {
        out.wrapped("  ! ", &format!("{}: {}", mark.title, mark.text), None);
    }
    if !report.marks.is_empty() {
        out.blank();
    }
    match &report.memory {
        Some(memory) => memory.brief.iter().for_each(|table| plain(&mut out, table)),
        None => comparisons(&mut out, report),
    }
    article(&mut out, &report.article);
    if let Some(stamp) = &report.stamp {
        out.wrapped("", stamp, Some(BOLD));
    }
    for path in paths {
        out.line(path);
    }
    out.text
}

struct Page {
    text: String,
    style: Style,
}

impl Page {
    fn blank(&mut self) {
        self.text.push('\n');
    }

    fn line(&mut self, text: &str) {
        self.text.push_str(text.trim_end());
        self.text.push('\n');
    }

    fn paint(&self, text: &str, code: Option<&str>) -> String {
        match (self.style, code) {
            (Style::Ansi, Some(code)) => format!("{code}{text}{RESET}"),
            _ => text.to_owned(),
        }
    }

    /// Text in lines that fit, with a lead on the first and as many spaces on the others.
    fn wrapped(&mut self, lead: &str, text: &str, code: Option<&str>) {
        let indent = " ".repeat(width(lead));
        for (index, part) in wrap(text, WIDTH - width(lead)).iter().enumerate() {
            let lead = if index == 0 { lead } else { &indent };
            let painted = self.paint(part, code);
            self.line(&format!("{lead}{painted}"));
        }
    }
}

fn comparisons(out: &mut Page, report: &Report) {
    if report.comparisons.is_empty() {
        out.line(NOTHING_COMPARED);
        out.blank();
        return;
    }
    let (overhead, ratio) = widths(report);
    let heading = format!(
        "{}{}{}  {}{}{}",
        pad("", QUANTILE),
        pad_left("baseline", TIME),
        pad_left("candidate", TIME + 1),
        pad("overhead [low, high]", overhead),
        pad("ratio", ratio),
        apart("verdict", "blocks"),
    );
    let heading = out.paint(heading.trim_end(), Some(DIM));
    out.line(&heading);
    for comparison in &report.comparisons {
        comparison_rows(out, comparison, (overhead, ratio));
    }
    notes(out, &report.notes);
    out.blank();
}

/// Widths of the two columns whose text varies most, two spaces of air included.
fn widths(report: &Report) -> (usize, usize) {
    let cells = || report.comparisons.iter().flat_map(|comparison| &comparison.cells);
    let overhead = cells().map(|cell| width(&cell.overhead())).max().unwrap_or(0);
    let ratio = cells().map(|cell| width(&cell.ratio())).max().unwrap_or(0);
    let overhead = (overhead.max(width("overhead [low, high]")) + 2).min(34);
    let room = WIDTH - (QUANTILE + TIME + TIME + 1 + 2) - (LAST + 1) - overhead;
    (overhead, (ratio.max(width("ratio")) + 2).min(room))
}

fn comparison_rows(out: &mut Page, comparison: &Comparison, widths: (usize, usize)) {
    let names = format!("{} − {}", comparison.candidate, comparison.baseline);
    out.wrapped("  ", &format!("{}: {names}", comparison.title), Some(BOLD));
    if comparison.cells.is_empty() {
        out.line("    not compared");
    }
    for cell in &comparison.cells {
        let before = format!(
            "{}{}{}  {}{}",
            pad(&format!("    {}", cell.quantile.label()), QUANTILE),
            pad_left(&time(cell.baseline_us), TIME),
            pad_left(&time(cell.candidate_us), TIME + 1),
            pad(&short(&cell.overhead(), widths.0), widths.0),
            pad(&short(&cell.ratio(), widths.1), widths.1),
        );
        // A run from elsewhere may hold any number; the column holds three digits beside a note.
        let last = apart(&verdict_of(cell), &cell.blocks.min(999).to_string());
        let last = out.paint(&last, colour(cell));
        out.line(&format!("{before}{last}"));
    }
}

fn verdict_of(cell: &Cell) -> String {
    let word = figures::verdict(cell.verdict);
    let note = cell.note.map(|note| format!("({note})")).unwrap_or_default();
    // Without a space before the note, which would not leave room for the blocks.
    format!("{word}{note}")
}

fn colour(cell: &Cell) -> Option<&'static str> {
    Some(match cell.verdict {
        Verdict::Slower => ORANGE,
        Verdict::Faster => BLUE,
        Verdict::Equivalent => GREEN,
        Verdict::Inconclusive => DIM,
    })
}

fn article(out: &mut Page, article: &Article) {
    if article.lines.is_empty() {
        return;
    }
    let heading = out.paint("The article's table, claimed and measured here", Some(BOLD));
    out.line(&heading);
    let names = article.columns.iter().map(|column| width(column)).max().unwrap_or(0).min(28) + 2;
    let claims = article.lines.iter().flat_map(|line| line.cells.iter().flatten());
    let claims = claims.filter_map(|cell| cell.claimed.as_ref()).map(|claim| width(claim));
    let claims = claims.max().unwrap_or(0).min(24) + 2;
    for line in &article.lines {
        out.wrapped("  ", &line.row, None);
        for (column, cells) in article.columns.iter().zip(&line.cells) {
            for cell in cells {
                let claimed = cell.claimed.as_deref().unwrap_or(figures::NONE);
                let lead = format!("    {}{}", pad(&short(column, names), names), {
                    pad(&short(claimed, claims), claims)
                });
                let mut text = cell.measured_in_words();
                if let Some(verdict) = &cell.verdict {
                    // Writing to a string can not fail.
                    let _ = write!(text, ", {verdict}");
                }
                out.wrapped(&lead, &text, None);
            }
        }
    }
    notes(out, &article.notes);
    out.blank();
}

fn notes(out: &mut Page, notes: &[String]) {
    for (number, note) in (1..).zip(notes) {
        out.wrapped(&format!("  ({number}) "), note, Some(DIM));
    }
}

/// Rows of text under column names, each column as wide as it needs.
fn plain(out: &mut Page, table: &Table) {
    out.wrapped("  ", &table.caption, Some(BOLD));
    let names = table.columns.iter().map(|column| column.name.clone()).collect::<Vec<_>>();
    let rows = || std::iter::once(&names).chain(&table.rows);
    let cell = |row: &[String], column: usize| row.get(column).cloned().unwrap_or_default();
    let most = |column: usize| rows().map(|row| width(&cell(row, column))).max().unwrap_or(0);
    let widths: Vec<usize> = (0..names.len()).map(most).collect();
    for (index, row) in rows().enumerate() {
        let mut line = String::from("   ");
        for (column, room) in widths.iter().enumerate() {
            let text = clean(&cell(row, column));
            let number = table.columns.get(column).is_some_and(|column| column.number);
            let padded = if number { pad_left(&text, *room) } else { pad(&text, *room) };
            line.push_str(&format!(" {padded} "));
        }
        let line = short(line.trim_end(), WIDTH + 2);
        let line = out.paint(&line, (index == 0).then_some(DIM));
        out.line(&line);
    }
    out.blank();
}

fn width(text: &str) -> usize {
    text.chars().count()
}

pub(crate) fn pad(text: &str, to: usize) -> String {
    format!("{text}{}", " ".repeat(to.saturating_sub(width(text))))
}

fn time(us: Option<f64>) -> String {
    short(&figures::micros_or_none(us, false), TIME + 1)
}

/// The one at the left and the other at the right end of the last column, in 1 space at least.
fn apart(left: &str, right: &str) -> String {
    format!("{} {right}", pad(left, LAST.saturating_sub(width(right) + 1)))
}

pub(crate) fn pad_left(text: &str, to: usize) -> String {
    format!("{}{text}", " ".repeat(to.saturating_sub(width(text))))
}

/// Cut to leave two spaces of air, with an ellipsis where something is missing.
fn short(text: &str, room: usize) -> String {
    let room = room.saturating_sub(2).max(1);
    let clean = clean(text);
    if width(&clean) <= room {
        return clean;
    }
    clean.chars().take(room - 1).chain(std::iter::once('…')).collect()
}

/// Control characters, which could move the cursor, become spaces.
fn clean(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}

/// Lines of at most `room` characters, broken at spaces; a longer word is broken anywhere.
pub(crate) fn wrap(text: &str, room: usize) -> Vec<String> {
    let room = room.max(8);
    let clean = clean(text);
    let mut lines = vec![String::new()];
    for word in clean.split(' ').filter(|word| !word.is_empty()) {
        let letters: Vec<char> = word.chars().collect();
        for (index, piece) in letters.chunks(room).enumerate() {
            let piece: String = piece.iter().collect();
            let Some(last) = lines.last_mut() else { continue };
            let needed = width(last) + usize::from(!last.is_empty()) + width(&piece);
            if index > 0 || needed > room {
                if last.is_empty() { *last = piece } else { lines.push(piece) }
            } else {
                if !last.is_empty() {
                    last.push(' ');
                }
                last.push_str(&piece);
            }
        }
    }
    lines
}
