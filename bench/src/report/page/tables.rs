//! The report's tables as HTML. A table wider than the screen scrolls within itself; the comparisons
//! become a list of cards there, by the style alone.

use maud::{Markup, html};

use super::super::figures;
use super::super::model::{
    ARTICLE_ROWS, ArticleCell, COMPARISON_COLUMNS, COMPARISONS_ABOUT, Cell, Comparison, NO_ARTICLE,
    NOTHING_COMPARED, Report, Table,
};

pub(super) fn comparisons(report: &Report, id: &str) -> Markup {
    if report.comparisons.is_empty() {
        return html! { p { (NOTHING_COMPARED) } };
    }
    html! {
        p { (COMPARISONS_ABOUT) }
        (scrolling("", html! {
            table.comparisons aria-labelledby={ (id) "-heading" } {
                thead {
                    tr {
                        @for (index, name) in COMPARISON_COLUMNS.iter().enumerate() {
                            th.number[![0, 1, 6].contains(&index)] scope="col" { (name) }
                        }
                    }
                }
                @for comparison in &report.comparisons {
                    tbody { (rows(report, comparison)) }
                }
            }
        }))
        (notes(&report.notes, id))
    }
}

fn rows(report: &Report, comparison: &Comparison) -> Markup {
    html! {
        @if comparison.cells.is_empty() {
            tr {
                (name_of(comparison, 1))
                @for _ in 0..7 { td { (figures::NONE) } }
                td { "0" }
            }
        }
        @for (index, cell) in comparison.cells.iter().enumerate() {
            tr.none[cell.overhead_us.is_none()] {
                @if index == 0 { (name_of(comparison, comparison.cells.len())) }
                (row(report, comparison, cell))
            }
        }
    }
}

fn name_of(comparison: &Comparison, rows: usize) -> Markup {
    html! {
        th.name scope="rowgroup" rowspan=(rows) {
            strong { (comparison.title) }
            span.pair {
                code { (comparison.candidate) } " − " code { (comparison.baseline) }
            }
        }
    }
}

fn row(report: &Report, comparison: &Comparison, cell: &Cell) -> Markup {
    let [_, _, baseline, candidate, overhead, ratio, verdict, floor, blocks] = COMPARISON_COLUMNS;
    let noise_floor = match report.noise_floor(cell.quantile) {
        Some(floor) if !comparison.noise_floor => figures::signed_estimate(&floor),
        _ => figures::NONE.to_owned(),
    };
    let word = figures::verdict(cell.verdict);
    html! {
        th scope="row" { (cell.quantile.label()) }
        td.number.side data-column=(baseline) { (figures::micros_or_none(cell.baseline_us, false)) }
        td.number.side data-column=(candidate) { (figures::micros_or_none(cell.candidate_us, false)) }
        td.number.overhead data-column=(overhead) { (cell.overhead()) }
        td.number data-column=(ratio) { (cell.ratio()) }
        td.verdict data-column=(verdict) {
            span.(word) { (word) }
            @if let Some(note) = cell.note { " " (reference(note, "comparisons")) }
        }
        td.number data-column=(floor) { (noise_floor) }
        td.number data-column=(blocks) { (cell.blocks) }
    }
}

/// A link to a remark below the table.
fn reference(note: usize, id: &str) -> Markup {
    html! { a.note href={ "#" (id) "-note-" (note) } { "(" (note) ")" } }
}

fn notes(notes: &[String], id: &str) -> Markup {
    html! {
        @if !notes.is_empty() {
            ul.notes {
                @for (number, note) in (1..).zip(notes) {
                    li id={ (id) "-note-" (number) } { "(" (number) ") " (note) }
                }
            }
        }
    }
}

/// Rows of text under column names.
pub(super) fn plain(table: &Table, id: &str) -> Markup {
    let class = |column: usize| {
        let number = table.columns.get(column).is_some_and(|column| column.number);
        number.then_some("number")
    };
    html! {
        (scrolling(&table.caption, html! {
            table aria-labelledby=[table.caption.is_empty().then(|| format!("{id}-heading"))] {
                @if !table.caption.is_empty() { caption { (table.caption) } }
                thead {
                    tr {
                        @for (index, column) in table.columns.iter().enumerate() {
                            th scope="col" class=[class(index)] { (column.name) }
                        }
                    }
                }
                tbody {
                    @for row in &table.rows {
                        tr {
                            @for (index, cell) in row.iter().enumerate() {
                                @if index == 0 {
                                    th scope="row" class=[class(index)] { (cell) }
                                } @else {
                                    td class=[class(index)] { (cell) }
                                }
                            }
                        }
                    }
                }
            }
        }))
    }
}

/// What is wider than the screen can be scrolled by keyboard as well.
fn scrolling(name: &str, table: Markup) -> Markup {
    let name = if name.is_empty() { "Table" } else { name };
    html! { div.scroll role="group" tabindex="0" aria-label=(name) { (table) } }
}

pub(super) fn article(report: &Report, id: &str) -> Markup {
    let article = &report.article;
    if article.lines.is_empty() {
        return html! { p { (NO_ARTICLE) } };
    }
    html! {
        p {
            "Each cell as the article claims it, and beneath it what was measured on testbed "
            code { (report.testbed) } ", if anything."
        }
        (scrolling("", html! {
            table.article aria-labelledby={ (id) "-heading" } {
                thead {
                    tr {
                        th scope="col" { (ARTICLE_ROWS) }
                        @for column in &article.columns { th scope="col" { (column) } }
                    }
                }
                tbody {
                    @for line in &article.lines {
                        tr {
                            th scope="row" { (line.row) }
                            @for cells in &line.cells { td { (article_cells(cells, id)) } }
                        }
                    }
                }
            }
        }))
        (notes(&article.notes, id))
    }
}

fn article_cells(cells: &[ArticleCell], id: &str) -> Markup {
    html! {
        @if cells.is_empty() { (figures::NONE) }
        @for cell in cells {
            @if let Some(claimed) = &cell.claimed {
                span.line { "claimed " strong { (claimed) } }
            }
            span.line {
                @match (&cell.measured, cell.note) {
                    (None, Some(note)) => { "not measured " (reference(note, id)) },
                    _ => (cell.measured_in_words()),
                }
            }
            @if let Some(verdict) = &cell.verdict {
                span.line { em { (verdict) } }
            }
        }
    }
}
