//! Two runs held against each other as markdown, for the summary of a nightly job. Knows markdown and
//! nothing of how the figures were come by.

use std::fmt::Write as _;

use crate::report::markdown::escape;

use super::Across;
use super::words::{
    ABOUT, OVERHEAD_COLUMNS, VARIANT_COLUMNS, VARIANTS_ABOUT, headline, overhead_cells,
    overhead_title, variant_cells, variant_title,
};

/// The whole document.
#[must_use]
pub fn render(across: &Across) -> String {
    let mut out = String::new();
    // Writing to a String can not fail.
    let _ = writeln!(out, "## {} on {}\n", escape(&across.scenario), escape(&across.testbed));
    let _ = writeln!(out, "**{}**\n", escape(&headline(across)));
    let _ = writeln!(
        out,
        "Older run of {} (seed {}), newer run of {} (seed {}).\n",
        across.old.started_at, across.old.seed, across.new.started_at, across.new.seed
    );
    for remark in &across.remarks {
        let _ = writeln!(out, "- {}", escape(remark));
    }
    if !across.remarks.is_empty() {
        out.push('\n');
    }
    for rows in across.overheads.chunk_by(|one, next| one.name == next.name) {
        let _ = writeln!(out, "### {}\n", escape(&overhead_title(&rows[0])));
        head(&mut out, &OVERHEAD_COLUMNS);
        rows.iter().for_each(|line| row(&mut out, &overhead_cells(line)));
        out.push('\n');
        for (place, remark) in rows.iter().filter_map(|row| Some((row, row.remark.as_ref()?))) {
            let _ = writeln!(out, "- {}: {}", place.quantile.label(), escape(remark));
        }
        if rows.iter().any(|row| row.remark.is_some()) {
            out.push('\n');
        }
    }
    let _ = writeln!(out, "### Variants\n\n{VARIANTS_ABOUT}\n");
    for variant in &across.variants {
        let _ = writeln!(out, "{}\n", escape(&variant_title(variant)));
        head(&mut out, &VARIANT_COLUMNS);
        variant.quantiles.iter().for_each(|line| row(&mut out, &variant_cells(line)));
        out.push('\n');
    }
    let _ = writeln!(out, "{ABOUT}");
    out
}

fn head(out: &mut String, columns: &[&str]) {
    let _ = writeln!(out, "| {} |", columns.join(" | "));
    let _ = writeln!(out, "|{}", " --- |".repeat(columns.len()));
}

fn row(out: &mut String, cells: &[String]) {
    let cells: Vec<String> = cells.iter().map(|cell| escape(cell)).collect();
    let _ = writeln!(out, "| {} |", cells.join(" | "));
}
