//! The interval of a quantile within one sample of independent values, by ranks. Knows only counts.

use super::binomial::cdf;

/// Which order statistics bound a quantile, and how surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranks {
    /// The lower end is the value of this rank, from 1.
    pub low: u64,
    /// The upper end is the value of this rank, at most n.
    pub high: u64,
    /// The exact probability that the two hold the quantile, 0 to 1.
    pub confidence: f64,
}

/// The ranks `l < u` such that `[x(l), x(u)]` holds the quantile (0 to 1) of the n values' source
/// with at least the asked confidence, each end missing it with at most half of the rest. `None`
/// when n is below [`samples_needed`].
///
/// The coverage is `P(B ≤ u−1) − P(B ≤ l−1)` with `B ~ Binomial(n, q)`. Hahn and Meeker,
/// *Statistical Intervals* (1991), §5.2. It holds for independent values; response times of one
/// trial are not quite that, so it is a lower bound on the trial's own uncertainty, and comparisons
/// use the spread between blocks instead.
#[must_use]
pub fn quantile_ranks(n: u64, quantile: f64, confidence: f64) -> Option<Ranks> {
    if !(0.0..=1.0).contains(&quantile) {
        return None;
    }
    let tail = (1.0 - confidence) / 2.0;
    // How many k in 0..=n have P(B ≤ k) ≤ tail: the largest l with P(B ≤ l − 1) ≤ tail.
    let low = first(n, |k| cdf(k, n, quantile) > tail);
    // The smallest k with P(B ≤ k) ≥ 1 − tail, and the rank after it.
    let high = first(n, |k| cdf(k, n, quantile) >= 1.0 - tail) + 1;
    if low == 0 || high > n {
        return None;
    }
    let confidence = cdf(high - 1, n, quantile) - cdf(low - 1, n, quantile);
    Some(Ranks { low, high, confidence })
}

/// The smallest k in `0..=n` for which a condition holds that, once true, stays true; n when none.
fn first(n: u64, holds: impl Fn(u64) -> bool) -> u64 {
    let (mut from, mut to) = (0, n);
    while from < to {
        let middle = from + (to - from) / 2;
        if holds(middle) {
            to = middle;
        } else {
            from = middle + 1;
        }
    }
    from
}

/// The fewest values with a finite two-sided interval of this quantile: the smallest n with
/// `max(q, 1 − q)ⁿ ≤ (1 − confidence) / 2`, so that the chance that the quantile lies beyond the
/// largest (or smallest) of them is no more than one tail may miss. `None` for quantiles and
/// confidences that are not between 0 and 1.
#[must_use]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a quotient of two negative logarithms, checked to be finite and far below 2^63"
)]
pub fn samples_needed(quantile: f64, confidence: f64) -> Option<u64> {
    let inside = |value: f64| value > 0.0 && value < 1.0;
    if !inside(quantile) || !inside(confidence) {
        return None;
    }
    let needed = ((1.0 - confidence) / 2.0).ln() / quantile.max(1.0 - quantile).ln();
    (needed < 1e15).then(|| needed.ceil() as u64)
}
