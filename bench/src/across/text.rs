//! Two runs held against each other as the plain text that the command prints, at most 100 columns.
//! Knows no colour and no file.

use crate::report::terminal::{pad, pad_left, wrap};

use super::Across;
use super::words::{
    ABOUT, OVERHEAD_COLUMNS, VARIANT_COLUMNS, VARIANTS_ABOUT, headline, overhead_cells,
    overhead_title, variant_cells, variant_title,
};

const WIDTH: usize = 100;
/// Columns of both tables: quantile, older, newer, change; then verdict and blocks.
const WIDTHS: [usize; 6] = [9, 11, 11, 38, 14, 10];

/// The text.
#[must_use]
pub fn render(across: &Across) -> String {
    let mut text = String::new();
    beside(&mut text, "", &headline(across));
    line(&mut text, "");
    let runs = [("older  ", &across.old), ("newer  ", &across.new)];
    for (lead, run) in runs {
        let words = format!(
            "{} on {}, {}, seed {}, subject {}",
            across.scenario, across.testbed, run.started_at, run.seed, run.subject_version
        );
        beside(&mut text, lead, &words);
    }
    for remark in &across.remarks {
        beside(&mut text, "  ! ", remark);
    }
    line(&mut text, "");
    row(&mut text, &OVERHEAD_COLUMNS.map(str::to_owned));
    for rows in across.overheads.chunk_by(|one, next| one.name == next.name) {
        beside(&mut text, "  ", &overhead_title(&rows[0]));
        for change in rows {
            row(&mut text, &overhead_cells(change));
            if let Some(remark) = &change.remark {
                beside(&mut text, "           ", remark);
            }
        }
    }
    line(&mut text, "");
    beside(&mut text, "", VARIANTS_ABOUT);
    row(&mut text, &VARIANT_COLUMNS.map(str::to_owned));
    for variant in &across.variants {
        beside(&mut text, "  ", &variant_title(variant));
        variant.quantiles.iter().for_each(|change| row(&mut text, &variant_cells(change)));
    }
    line(&mut text, "");
    beside(&mut text, "", ABOUT);
    text
}

fn line(text: &mut String, words: &str) {
    text.push_str(words.trim_end());
    text.push('\n');
}

/// A lead, and words beside it that are broken where they must be.
fn beside(text: &mut String, lead: &str, words: &str) {
    let indent = lead.chars().count();
    for (index, part) in wrap(words, WIDTH - indent).iter().enumerate() {
        let before = if index == 0 { lead.to_owned() } else { " ".repeat(indent) };
        line(text, &format!("{before}{part}"));
    }
}

fn row(text: &mut String, cells: &[String]) {
    let mut out = String::new();
    for (place, (cell, width)) in cells.iter().zip(WIDTHS).enumerate() {
        match place {
            0 => out.push_str(&pad(&format!("    {cell}"), width)),
            1 | 2 => out.push_str(&pad_left(cell, width)),
            _ => out.push_str(&pad(&format!("  {cell}"), width)),
        }
    }
    line(text, &out);
}
