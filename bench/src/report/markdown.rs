//! A report as `report.md`. Knows markdown and nothing of how the figures were come by.

use std::fmt::Write;

use super::figures;
use super::model::{
    ARTICLE_ROWS, ArticleCell, CHARTS, COMPARISON_COLUMNS, COMPARISONS_ABOUT, Cell, Comparison,
    MEMORY_CHART, NO_ARTICLE, NOTHING_COMPARED, Part, Report, Section, Table,
};

/// The whole document.
#[must_use]
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    opening(&mut out, report);
    for part in report.parts() {
        paragraph(&mut out, &format!("## {}", report.heading(part)));
        match part {
            Part::Comparisons => comparisons(&mut out, report),
            Part::Charts => charts(&mut out, report),
            Part::Section(of) => section(&mut out, of),
            Part::Article => article(&mut out, report),
            Part::Again => again(&mut out, report),
        }
    }
    out
}

fn line(out: &mut String, text: &str) {
    out.push_str(text);
    out.push('\n');
}

fn paragraph(out: &mut String, text: &str) {
    line(out, text);
    out.push('\n');
}

fn opening(out: &mut String, report: &Report) {
    let stamp = report.stamp.as_ref().map(|stamp| format!("{stamp}: ")).unwrap_or_default();
    paragraph(out, &format!("# {stamp}{}", escape(&report.title)));
    paragraph(
        out,
        &format!(
            "Scenario `{}` on testbed `{}`, started {}.",
            code(&report.scenario),
            code(&report.testbed),
            escape(&report.started_at)
        ),
    );
    for mark in &report.marks {
        let text = format!("> **{}.** {}", escape(&mark.title), escape(&mark.text));
        paragraph(out, &text);
    }
    if !report.question.is_empty() {
        paragraph(out, &format!("**Question.** {}", escape(&report.question)));
    }
    paragraph(out, &format!("**Answer.** {}", escape(&report.answer)));
}

fn comparisons(out: &mut String, report: &Report) {
    if report.comparisons.is_empty() {
        paragraph(out, NOTHING_COMPARED);
        return;
    }
    paragraph(out, COMPARISONS_ABOUT);
    line(out, &format!("| {} |", COMPARISON_COLUMNS.join(" | ")));
    line(out, "|---|---|--:|--:|--:|--:|---|--:|--:|");
    for comparison in &report.comparisons {
        if comparison.cells.is_empty() {
            let row = format!("| {} | – | – | – | – | – | – | – | 0 |", name_of(comparison));
            line(out, &row);
        }
        for (index, cell) in comparison.cells.iter().enumerate() {
            // The name stands once, at the top of its rows.
            let name = if index == 0 { name_of(comparison) } else { String::new() };
            comparison_row(out, report, &name, (comparison, cell));
        }
    }
    out.push('\n');
    notes(out, &report.notes);
}

fn name_of(comparison: &Comparison) -> String {
    format!(
        "**{}**<br>`{}` − `{}`",
        escape(&comparison.title),
        code(&comparison.candidate),
        code(&comparison.baseline)
    )
}

fn comparison_row(out: &mut String, report: &Report, name: &str, of: (&Comparison, &Cell)) {
    let (comparison, cell) = of;
    let note = cell.note.map(|note| format!(" ({note})")).unwrap_or_default();
    let floor = match report.noise_floor(cell.quantile) {
        Some(floor) if !comparison.noise_floor => figures::signed_estimate(&floor),
        _ => figures::NONE.to_owned(),
    };
    line(
        out,
        &format!(
            "| {name} | {} | {} | {} | {} | {} | {}{note} | {floor} | {} |",
            cell.quantile.label(),
            figures::micros_or_none(cell.baseline_us, false),
            figures::micros_or_none(cell.candidate_us, false),
            cell.overhead(),
            cell.ratio(),
            figures::verdict(cell.verdict),
            cell.blocks
        ),
    );
}

fn notes(out: &mut String, notes: &[String]) {
    for (number, note) in (1..).zip(notes) {
        paragraph(out, &format!("({number}) {}", escape(note)));
    }
}

fn charts(out: &mut String, report: &Report) {
    let memory = report.memory.as_ref().map(|_| &MEMORY_CHART);
    for chart in memory.into_iter().chain(CHARTS) {
        paragraph(out, &format!("![{}](charts/{}.svg)", chart.caption, chart.name));
    }
}

fn section(out: &mut String, section: &Section) {
    for text in &section.text {
        // Fixed text of the model carries its own emphasis; it holds no names.
        paragraph(out, text);
    }
    for part in &section.tables {
        table(out, part);
    }
}

fn table(out: &mut String, table: &Table) {
    if !table.caption.is_empty() {
        paragraph(out, &format!("**{}**", escape(&table.caption)));
    }
    let names: Vec<String> = table.columns.iter().map(|column| escape(&column.name)).collect();
    line(out, &format!("| {} |", names.join(" | ")));
    let rules: Vec<&str> =
        table.columns.iter().map(|column| if column.number { "--:" } else { "---" }).collect();
    line(out, &format!("|{}|", rules.join("|")));
    for row in &table.rows {
        let cells: Vec<String> = row.iter().map(|cell| escape(cell)).collect();
        line(out, &format!("| {} |", cells.join(" | ")));
    }
    out.push('\n');
}

fn article(out: &mut String, report: &Report) {
    let article = &report.article;
    if article.lines.is_empty() {
        paragraph(out, NO_ARTICLE);
        return;
    }
    paragraph(
        out,
        &format!(
            "Each cell as the article claims it, and beneath it what was measured on testbed \
             `{}`, if anything.",
            code(&report.testbed)
        ),
    );
    let names: Vec<String> = article.columns.iter().map(|column| escape(column)).collect();
    line(out, &format!("| {ARTICLE_ROWS} | {} |", names.join(" | ")));
    line(out, &format!("|---|{}", "---|".repeat(article.columns.len())));
    for row in &article.lines {
        let cells: Vec<String> = row.cells.iter().map(|cells| article_cells(cells)).collect();
        line(out, &format!("| {} | {} |", escape(&row.row), cells.join(" | ")));
    }
    out.push('\n');
    notes(out, &article.notes);
}

fn article_cells(cells: &[ArticleCell]) -> String {
    let mut text = String::new();
    for cell in cells {
        if !text.is_empty() {
            text.push_str("<br>");
        }
        if let Some(claimed) = &cell.claimed {
            // Writing to a string can not fail.
            let _ = write!(text, "claimed **{}**<br>", escape(claimed));
        }
        text.push_str(&escape(&cell.measured_in_words()));
        if let Some(verdict) = &cell.verdict {
            let _ = write!(text, "<br>*{}*", escape(verdict));
        }
    }
    if text.is_empty() { figures::NONE.to_owned() } else { text }
}

fn again(out: &mut String, report: &Report) {
    // A longer fence than any run of backquotes that the command can hold.
    line(out, "````sh");
    line(out, &report.again);
    line(out, "````");
}

/// Text of others so that it stays text: no markup, no table edge, no line break.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '|' | '\\' | '*' | '`' | '~' => out.extend(['\\', c]),
            '<' => out.push_str("&lt;"),
            '&' => out.push_str("&amp;"),
            '\n' | '\r' => out.push(' '),
            other => out.push(other),
        }
    }
    // Brackets are an interval's; only those of a link are in the way.
    out.replace("](", "]&#40;")
}

/// Text of others within backquotes.
fn code(text: &str) -> String {
    text.replace(['`', '\n', '\r'], " ").replace('|', "\\|")
}
