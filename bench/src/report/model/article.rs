//! The article's table, row by row and column by column, with what was measured in each cell or
//! why nothing was. Claims are repeated word for word and judged by `analysis` alone.

use super::Notes;
use crate::record::{ArticleRow, RunRecord};
use crate::report::figures;

/// The article's table.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Article {
    /// In the article's order, then this testbed's own.
    pub columns: Vec<String>,
    /// In the article's order.
    pub lines: Vec<ArticleLine>,
    /// Why cells were not measured; a cell's note is an index into these, from 1.
    pub notes: Vec<String>,
}

/// One row of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleLine {
    /// The row's name.
    pub row: String,
    /// For each column what stands there: mostly one figure, none or several.
    pub cells: Vec<Vec<ArticleCell>>,
}

/// One figure of the table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ArticleCell {
    /// Word for word.
    pub claimed: Option<String>,
    /// With its interval; `None` when not measured.
    pub measured: Option<String>,
    /// Where.
    pub testbed: String,
    /// What the claim comes to.
    pub verdict: Option<String>,
    /// Why it was not measured: a note's number, from 1.
    pub note: Option<usize>,
}

impl ArticleCell {
    /// What was measured, in words.
    #[must_use]
    pub fn measured_in_words(&self) -> String {
        match (&self.measured, self.note) {
            (Some(measured), _) => format!("measured {measured}"),
            (None, Some(note)) => format!("not measured ({note})"),
            (None, None) => "not measured".to_owned(),
        }
    }
}

pub(super) fn of(record: &RunRecord) -> Article {
    let mut article = Article::default();
    let mut rows: Vec<String> = Vec::new();
    for row in &record.article {
        push_once(&mut rows, &row.row);
        push_once(&mut article.columns, &row.column);
    }
    let mut notes = Notes::default();
    for name in rows {
        let mut cells = vec![Vec::new(); article.columns.len()];
        for row in record.article.iter().filter(|row| row.row == name) {
            if let Some(at) = article.columns.iter().position(|column| *column == row.column) {
                cells[at].push(cell(row, &mut notes));
            }
        }
        article.lines.push(ArticleLine { row: name, cells });
    }
    article.notes = notes.texts;
    article
}

fn cell(row: &ArticleRow, notes: &mut Notes) -> ArticleCell {
    ArticleCell {
        claimed: row.claimed.clone(),
        measured: measured(row),
        testbed: row.testbed.clone(),
        verdict: figures::claim_verdict(row.verdict).map(str::to_owned),
        note: match (measured(row), &row.why_not) {
            (None, Some(why)) => Some(notes.number(why)),
            _ => None,
        },
    }
}

/// A time, or a size and what it is of.
fn measured(row: &ArticleRow) -> Option<String> {
    if let Some(time) = &row.measured {
        return Some(figures::signed_estimate(time));
    }
    let size = row.measured_memory.as_ref()?;
    let of = row.measure.as_ref().map(|of| format!(", {of}")).unwrap_or_default();
    Some(format!("{} MiB{of}", figures::in_mebibytes(None, Some(size))))
}

fn push_once(list: &mut Vec<String>, text: &str) {
    if !list.iter().any(|known| known == text) {
        list.push(text.to_owned());
    }
}
