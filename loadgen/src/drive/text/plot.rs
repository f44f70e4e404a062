//! How many requests took how long, as bars over steps of time that grow by the same factor. Knows
//! no verdict.

use bench::histogram::Histogram;
use bench::report::figures;
use bench::summary::micros;

use super::page::{NAME, Page, right};
use crate::drive::ladder;
use crate::drive::words;

/// Steps, at most.
const ROWS: usize = 16;

/// Columns of the longest bar.
const BAR: usize = 50;

/// Eighths of a column, from none to seven.
const EIGHTHS: [&str; 8] = ["", "▏", "▎", "▍", "▌", "▋", "▊", "▉"];

/// The bars; nothing for an empty histogram.
pub(super) fn bars(page: &mut Page, histogram: &Histogram, paint: anstyle::Style) {
    let steps = ladder::fitted(histogram, ROWS);
    let mut before = 0;
    let mut rows = Vec::new();
    for step in steps {
        // The first is the edge below the shortest, unless that is below all edges.
        if step.up_to > 0 {
            rows.push((step.edge, step.up_to - before));
        }
        before = step.up_to;
    }
    let most = rows.iter().map(|(_, count)| *count).max().unwrap_or(0);
    for (edge, count) in rows {
        let name = format!("  ≤ {}", figures::tick(micros(edge)));
        let share = words::share(words::part(count, histogram.count()));
        let bar = format!("{:<BAR$}", bar(count, most));
        let bar = page.paint(&bar, paint);
        page.line(&format!(
            "{name:<NAME$}{bar}{}{}",
            right(&count.to_string(), 12),
            right(&share, 10)
        ));
    }
}

/// At least an eighth of a column where there is anything.
fn bar(count: u64, most: u64) -> String {
    let full = 8 * BAR as u64;
    let eighths = (u128::from(count) * u128::from(full)).div_ceil(u128::from(most.max(1)));
    let eighths = usize::try_from(eighths).expect("at most eight for each column");
    format!("{}{}", "█".repeat(eighths / 8), EIGHTHS[eighths % 8])
}
