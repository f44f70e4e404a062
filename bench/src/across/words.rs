//! The sentences that every form of a comparison of two runs has in common. Knows no format.

use crate::record::Verdict;
use crate::report::figures::{self, NONE, micros, micros_or_none, signed, signed_estimate};

use super::{Across, OverheadChange, QuantileChange, Standing, VariantChange};

/// What the figures do and do not say.
pub(super) const ABOUT: &str = "Each overhead is paired by block inside its run; the change is the \
    Hodges-Lehmann shift from the older run's blocks to the newer one's, with the interval of the \
    rank sum test, which holds what varies from block to block. Verdicts are corrected over all rows \
    (Holm); the A/A pair is a witness and does not count.";

/// Heads of the overheads' columns.
pub(super) const OVERHEAD_COLUMNS: [&str; 6] =
    ["", "older", "newer", "change [low, high]", "verdict", "blocks"];

/// What stands over the variants.
pub(super) const VARIANTS_ABOUT: &str = "The variants themselves: no control stands beside them, so \
    that this is as much about the two times as about the variants, and nothing is judged by it.";

/// Heads of the variants' columns.
pub(super) const VARIANT_COLUMNS: [&str; 4] = ["", "older", "newer", "change [low, high]"];

/// The outcome in a sentence or two.
pub(super) fn headline(across: &Across) -> String {
    let gated = || across.overheads.iter().filter(|row| row.gated);
    let with = |verdict| gated().filter(move |row| row.verdict == verdict);
    let places = |rows: Vec<&OverheadChange>| {
        let words = rows.iter().map(|row| {
            let change = row.change_us.as_ref().map(signed_estimate).unwrap_or_default();
            let place = format!("{} at {} {change}", row.name, row.quantile.label());
            place.trim_end().to_owned()
        });
        words.collect::<Vec<_>>().join(", ")
    };
    match across.standing {
        Standing::Regression => {
            format!("REGRESSION: more expensive: {}", places(with(Verdict::Slower).collect()))
        }
        Standing::Untold => format!(
            "can not be told: the older run knows what the newer one does not: {}",
            places(gated().filter(|row| row.lost).collect())
        ),
        Standing::NothingMeasured => "nothing that both runs measured can be compared".to_owned(),
        Standing::NoRegression => {
            let told = gated().filter(|row| row.change_us.is_some());
            let open: Vec<&OverheadChange> =
                told.filter(|row| row.verdict == Verdict::Inconclusive).collect();
            let counts = format!(
                "no regression is supported: {} equivalent, {} faster, {} inconclusive",
                with(Verdict::Equivalent).count(),
                with(Verdict::Faster).count(),
                open.len()
            );
            let most = open.iter().filter_map(|row| row.change_us.map(|change| change.high));
            match most.max_by(f64::total_cmp).filter(|most| *most > 0.0) {
                Some(most) => format!("{counts} (up to {} is not ruled out)", signed(most)),
                None => counts,
            }
        }
    }
}

/// The row of an overhead.
pub(super) fn overhead_cells(row: &OverheadChange) -> [String; 6] {
    let estimate = row.change_us.as_ref().map_or_else(|| NONE.to_owned(), signed_estimate);
    let verdict = if row.change_us.is_some() { figures::verdict(row.verdict) } else { NONE };
    [
        row.quantile.label().to_owned(),
        row.old_us.map_or_else(|| NONE.to_owned(), signed),
        row.new_us.map_or_else(|| NONE.to_owned(), signed),
        estimate,
        verdict.to_owned(),
        format!("{}, {}", row.old_blocks, row.new_blocks),
    ]
}

/// The row of a variant at a quantile.
pub(super) fn variant_cells(row: &QuantileChange) -> [String; 4] {
    [
        row.quantile.label().to_owned(),
        micros_or_none(row.old_us, false),
        micros_or_none(row.new_us, false),
        row.change_us.as_ref().map_or_else(|| NONE.to_owned(), signed_estimate),
    ]
}

/// The name of a variant, and how many of its requests got no answer where any did not.
pub(super) fn variant_title(variant: &VariantChange) -> String {
    let [old, new] = [variant.old_unanswered_percent, variant.new_unanswered_percent]
        .map(|percent| percent.unwrap_or(0.0));
    if old == 0.0 && new == 0.0 {
        return variant.variant.clone();
    }
    format!("{} (unanswered: {old:.3} %, then {new:.3} %)", variant.variant)
}

/// The title of a comparison, and what counts as no change in it.
pub(super) fn overhead_title(row: &OverheadChange) -> String {
    let margin = row.margin_us.map_or(String::new(), |margin| {
        format!("; at {} a change of {} counts as none", row.quantile.label(), micros(margin))
    });
    let counts = if row.gated { "" } else { " (witness)" };
    format!("{}{counts}: {} − {}{margin}", row.title, row.candidate, row.baseline)
}
