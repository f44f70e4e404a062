//! The median and its exact, distribution-free interval from order statistics. Knows only numbers.

use super::binomial::fair_cdf;
use super::sorted;

/// Which order statistics bound the median, and how surely.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Ranks {
    /// The lower end is the value of this rank, from 1.
    pub low: usize,
    /// The upper end is the value of this rank: `n + 1 − low`.
    pub high: usize,
    /// The exact probability that the two hold the median, 0 to 1.
    pub confidence: f64,
}

/// An interval for the median, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MedianInterval {
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The exact probability for a continuous distribution; with ties it is at least this.
    pub confidence: f64,
}

/// The middle value, or the mean of the two middle ones. `None` of nothing.
#[must_use]
pub fn median(values: &[f64]) -> Option<f64> {
    median_of_sorted(&sorted(values))
}

pub(super) fn median_of_sorted(sorted: &[f64]) -> Option<f64> {
    let high = *sorted.get(sorted.len() / 2)?;
    if sorted.len() % 2 == 1 {
        return Some(high);
    }
    let low = *sorted.get(sorted.len() / 2 - 1)?;
    Some(low + (high - low) / 2.0)
}

/// The ranks of the smallest symmetric interval `[x(l), x(n+1−l)]` that holds the median with at
/// least the asked confidence; `None` when even `[x(1), x(n)]` does not.
///
/// The coverage is `1 − 2·P(B ≤ l−1)` with `B ~ Binomial(n, ½)`: the inversion of the sign test.
/// It holds for any continuous distribution, without symmetry and without moments, and for ties it
/// can only grow. Hahn and Meeker, *Statistical Intervals* (1991), §5.2; Le Boudec, *Performance
/// Evaluation* (2010), theorem 2.1.
#[must_use]
pub fn median_ranks(n: usize, confidence: f64) -> Option<Ranks> {
    // What lies outside is compared, not what is covered: 1 − 0.5⁵⁵ is 1 in binary.
    let outside = |low: usize| 2.0 * fair_cdf(low as u64 - 1, n as u64);
    let low = (1..=n / 2).take_while(|&low| outside(low) <= 1.0 - confidence).last()?;
    Some(Ranks { low, high: n + 1 - low, confidence: 1.0 - outside(low) })
}

/// The fewest values of which [`median_ranks`] gives an interval: 6 for 95 %. `None` when no number
/// of values up to 1000 does.
#[must_use]
pub fn fewest_values(confidence: f64) -> Option<usize> {
    (2..=1000).find(|&n| median_ranks(n, confidence).is_some())
}

/// The interval of [`median_ranks`] in the values themselves. It always holds their median.
#[must_use]
pub fn median_interval(values: &[f64], confidence: f64) -> Option<MedianInterval> {
    let ranks = median_ranks(values.len(), confidence)?;
    let sorted = sorted(values);
    Some(MedianInterval {
        low: *sorted.get(ranks.low - 1)?,
        high: *sorted.get(ranks.high - 1)?,
        confidence: ranks.confidence,
    })
}
