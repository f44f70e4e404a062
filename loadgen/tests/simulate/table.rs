//! The table of claims as text: what is claimed, what was found, and how well that is known.

use std::fmt::Write as _;

use crate::claim::{Bound, Claim, Standing, Tally};

/// A heading for a study's rows.
pub(crate) fn heading(name: &str, runs: u64, took_s: f64) -> String {
    format!("\n{name}: {runs} runs, {took_s:.1} s\n")
}

/// A row for a claim.
pub(crate) fn row(claim: &Claim, tally: &Tally) -> String {
    let mut text = String::new();
    let standing = match tally.standing(claim.bound) {
        Standing::Holds => "holds",
        Standing::Contradicted => "FAILS",
        Standing::Told => "told",
    };
    let (low, high) = tally.interval(claim.bound);
    let figure = |value: f64| match claim.bound {
        Bound::Near(..) | Bound::ToldMean => format!("{value:.3}"),
        _ => format!("{:.2} %", 100.0 * value),
    };
    let claimed = match claim.bound {
        Bound::Never => "never".to_owned(),
        Bound::AtMost(most) => format!("≤ {}", figure(most)),
        Bound::AtLeast(least) => format!("≥ {}", figure(least)),
        Bound::Within(least, most) => format!("{} to {}", figure(least), figure(most)),
        Bound::Near(mean, share) => format!("{} ± {:.1} %", figure(mean), 100.0 * share),
        Bound::ToldShare | Bound::ToldMean => "–".to_owned(),
    };
    let found = match tally.runs {
        0 => "in no run".to_owned(),
        _ => format!("{} [{}, {}]", figure(tally.found()), figure(low), figure(high)),
    };
    // Writing to a String can not fail.
    let _ = writeln!(text, "  {standing:<6} {:<66} {claimed:<20} {found}", claim.says);
    text
}
