//! How well a share is known from so many cases of which so many were hits. Knows only counts.

use super::binomial::{at_least, cdf};

/// Halvings of the range 0 to 1: what is left is below any share that counts can tell apart.
const HALVINGS: u32 = 60;

/// The exact interval of a share, of at least the asked confidence: the shares under which neither so
/// few nor so many hits are rarer than half of the rest. `[0, 1]` for no cases.
///
/// Clopper and Pearson, *The use of confidence or fiducial limits illustrated in the case of the
/// binomial*, Biometrika 26 (1934) 404–413.
#[must_use]
pub fn share_interval(hits: u64, cases: u64, confidence: f64) -> (f64, f64) {
    let tail = (1.0 - confidence) / 2.0;
    // P(B ≤ k) falls as the share grows.
    let low = if hits == 0 { 0.0 } else { crossed(|p| at_least(hits, cases, p) >= tail) };
    let high = if hits >= cases { 1.0 } else { crossed(|p| cdf(hits, cases, p) <= tail) };
    (low, high)
}

/// The smallest share from which on something holds.
fn crossed(holds: impl Fn(f64) -> bool) -> f64 {
    let (mut below, mut above) = (0.0, 1.0);
    for _ in 0..HALVINGS {
        let middle = f64::midpoint(below, above);
        if holds(middle) {
            above = middle;
        } else {
            below = middle;
        }
    }
    above
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_interval_of_a_share_is_that_of_the_tables() {
        // Clopper and Pearson's own chart, and the rule of three at the ends.
        for (hits, cases, low, high) in [
            (0, 10, 0.0, 0.3085),
            (1, 10, 0.0025, 0.4450),
            (5, 10, 0.1871, 0.8129),
            (10, 10, 0.6915, 1.0),
            (0, 0, 0.0, 1.0),
            (50, 1000, 0.0373, 0.0654),
        ] {
            let found = share_interval(hits, cases, 0.95);
            let close = |a: f64, b: f64| (a - b).abs() < 0.0001;
            assert!(close(found.0, low) && close(found.1, high), "{hits} of {cases}: {found:?}");
        }
    }

    #[test]
    fn of_millions_of_cases_it_is_as_narrow_as_the_normal_one() {
        let (low, high) = share_interval(4_000_000, 100_000_000, 0.95);
        let deviation = (0.04_f64 * 0.96 / 1e8).sqrt();
        assert!((high - low - 2.0 * 1.96 * deviation).abs() < 1e-6, "{low} {high}");
    }
}
