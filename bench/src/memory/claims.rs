//! What stands beside a claim about memory that this testbed can not answer: its own figure, and how
//! many times the claim that is. Measures nothing.

use super::record::{Measure, MemoryLevel, MemoryRecord};
use crate::record::{ArticleClaimRecord, ArticleRow, ClaimVerdict};
use crate::report::figures;

/// The two that a claim may have meant.
const SHOWN: [Measure; 2] = [Measure::Rss, Measure::Pss];

/// Adds this testbed's own figures to the rows of the claims that ask for one, and to the reason why a
/// claim is not measured how it compares with them.
pub(crate) fn beside(
    rows: &mut Vec<ArticleRow>,
    claims: &[ArticleClaimRecord],
    memory: &MemoryRecord,
    testbed: &str,
) {
    for claim in claims {
        let Some(beside) = &claim.beside else { continue };
        let level = |measure| {
            memory.levels.iter().find(|level| {
                level.variant == beside.variant
                    && level.state == beside.state
                    && level.sidecar == beside.sidecar
                    && level.measure == measure
            })
        };
        let found: Vec<&MemoryLevel> = SHOWN.into_iter().filter_map(level).collect();
        let place = format!("{} of `{}`, {}", beside.sidecar, beside.variant, beside.state);
        let told = held_against(&claim.claimed, &found);
        let mine = |row: &&mut ArticleRow| row.row == claim.row && row.column == claim.column;
        if let Some(row) = rows.iter_mut().find(mine)
            && let Some(why_not) = &mut row.why_not
        {
            *why_not = format!("{why_not}. Here the {place}, holds {told}");
        }
        // Several claims of one row may have the same figure beside them.
        let column = format!("this testbed: {testbed}");
        if rows.iter().any(|row| row.row == claim.row && row.column == column) {
            continue;
        }
        let last = rows.iter().rposition(|row| row.row == claim.row);
        let at = last.map_or(rows.len(), |last| last + 1);
        let own = found.into_iter().map(|level| ArticleRow {
            row: claim.row.clone(),
            column: column.clone(),
            claimed: None,
            measured: None,
            measured_memory: level.bytes,
            testbed: testbed.to_owned(),
            why_not: level.bytes.is_none().then(|| lacking(level)),
            verdict: match level.bytes {
                Some(_) => ClaimVerdict::NoClaim,
                None => ClaimVerdict::NotMeasured,
            },
            measure: Some(format!("{} of the {place}", level.measure.label())),
        });
        let own: Vec<ArticleRow> = own.collect();
        rows.splice(at..at, own);
    }
}

fn lacking(level: &MemoryLevel) -> String {
    let remark = level.remark.as_deref().unwrap_or("it was not read");
    match level.median_bytes {
        Some(bytes) => format!(
            "{} {} without an interval: {remark}",
            figures::mebibytes(bytes),
            level.measure.label()
        ),
        None => format!("{}: {remark}", level.measure.label()),
    }
}

/// e.g. `65.1 MiB RSS, 5.7 times the claim, and 40.2 MiB PSS, 3.5 times`.
fn held_against(claimed: &str, levels: &[&MemoryLevel]) -> String {
    let claim = claimed_bytes(claimed);
    let told: Vec<String> = levels
        .iter()
        .filter_map(|level| {
            let bytes = level.median_bytes?;
            let size = format!("{} {}", figures::mebibytes(bytes), level.measure.label());
            Some(match claim {
                Some(claim) => format!("{size}, {} times the claim", figures::times(bytes / claim)),
                None => size,
            })
        })
        .collect();
    if told.is_empty() { "nothing that could be read".to_owned() } else { told.join(", and ") }
}

/// A size as the article writes it: `12MB`, `1.4GB`. It writes decimal units, which are taken as such.
fn claimed_bytes(claimed: &str) -> Option<f64> {
    let claimed = claimed.trim();
    let units = [("GB", 1e9), ("MB", 1e6), ("KB", 1e3)];
    let (number, unit) =
        units.iter().find_map(|(name, size)| Some((claimed.strip_suffix(name)?, size)))?;
    let number: f64 = number.trim_end().parse().ok()?;
    (number.is_finite() && number > 0.0).then_some(number * unit)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_the_article_writes_them() {
        assert_eq!(claimed_bytes("12MB"), Some(12e6));
        assert_eq!(claimed_bytes(" 1.4 GB"), Some(1.4e9));
        for other in ["12", "0MB", "-1MB", "1.1ms", "NaNMB", "N/A"] {
            assert_eq!(claimed_bytes(other), None, "{other}");
        }
    }
}
