//! Whether a short series rises or falls: the Mann–Kendall test. Knows only numbers in time order.

use statrs::distribution::{ContinuousCDF, Normal};

/// Series up to this long are judged by the exact distribution: 20! is the last factorial that 64
/// bits hold. Longer ones use the normal approximation, whose p-value is
/// then within 0.005 of the exact one.
const EXACT_UP_TO: usize = 20;

/// What the test says of a series.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Trend {
    /// Kendall's S: pairs that rise less pairs that fall. Positive for a rising series.
    pub s: i64,
    /// The two-sided probability of an S at least this far from 0 when the order is chance.
    pub p_value: f64,
}

/// The Mann–Kendall test of a series in time order.
///
/// Up to 20 values the null distribution is exact, ties included: over all orders of a multiset the
/// falling pairs follow MacMahon's q-multinomial, `[n]!/([t₁]!…[tₖ]!)` with the sizes of the groups
/// of ties. Beyond, the normal approximation with variance corrected for ties and S moved one
/// towards 0. Mann, Econometrica 13 (1945) 245–259; Kendall, *Rank Correlation Methods* (1975);
/// Gilbert, *Statistical Methods for Environmental Pollution Monitoring* (1987), §16.4 and table
/// A18.
#[must_use]
pub fn mann_kendall(series: &[f64]) -> Trend {
    let s: i64 = series
        .iter()
        .enumerate()
        .flat_map(|(i, earlier)| series[i + 1..].iter().map(move |later| (earlier, later)))
        .map(|(earlier, later)| later.partial_cmp(earlier).map_or(0, |order| order as i64))
        .sum();
    let ties = groups_of_ties(series);
    let p_value = if series.len() <= EXACT_UP_TO {
        exact(series.len(), &ties, s)
    } else {
        approximate(series.len(), &ties, s)
    };
    Trend { s, p_value }
}

/// Sizes of the groups of equal values, groups of one left out.
fn groups_of_ties(series: &[f64]) -> Vec<usize> {
    super::sorted(series)
        .chunk_by(|a, b| a.partial_cmp(b).is_some_and(std::cmp::Ordering::is_eq))
        .map(<[f64]>::len)
        .filter(|&size| size > 1)
        .collect()
}

fn exact(n: usize, ties: &[usize], s: i64) -> f64 {
    let pairs = |of: usize| of * of.saturating_sub(1) / 2;
    // counts[f]: orders of the multiset with f falling pairs. S = (untied pairs) − 2·f.
    let mut counts = vec![0_u64; pairs(n) + 1];
    counts[0] = 1;
    for size in 2..=n {
        multiply(&mut counts, size);
    }
    for size in ties.iter().flat_map(|&group| 2..=group) {
        divide(&mut counts, size);
    }
    let untied = pairs(n) - ties.iter().map(|&group| pairs(group)).sum::<usize>();
    let distance = usize::try_from(s.unsigned_abs()).unwrap_or(untied).min(untied);
    if distance == 0 {
        return 1.0;
    }
    let most_falling = (untied - distance) / 2;
    let total: u64 = counts.iter().sum();
    let tail: u64 = counts.iter().take(most_falling + 1).sum();
    (2.0 * tail as f64 / total as f64).min(1.0)
}

/// The polynomial times `1 + q + … + q^(size−1)`, in place; terms beyond its length are zero.
fn multiply(counts: &mut [u64], size: usize) {
    for i in (0..counts.len()).rev() {
        counts[i] = counts[(i + 1).saturating_sub(size)..=i].iter().sum();
    }
}

/// The inverse of [`multiply`]: times `1 − q`, then over `1 − q^size`. The sum comes before the
/// difference, so that no step is negative.
fn divide(counts: &mut [u64], size: usize) {
    let mut before = 0;
    for i in 0..counts.len() {
        let here = counts[i];
        let carried = if i >= size { counts[i - size] } else { 0 };
        counts[i] = here + carried - before;
        before = here;
    }
}

fn approximate(n: usize, ties: &[usize], s: i64) -> f64 {
    let part = |size: usize| {
        let size = size as f64;
        size * (size - 1.0) * (2.0 * size + 5.0)
    };
    let variance = (part(n) - ties.iter().map(|&group| part(group)).sum::<f64>()) / 18.0;
    if variance <= 0.0 || s == 0 {
        return 1.0;
    }
    let z = (s.unsigned_abs() as f64 - 1.0) / variance.sqrt();
    2.0 * Normal::standard().sf(z)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn at_the_limit_the_normal_approximation_is_within_five_thousandths_of_the_exact_value() {
        let worst = (0..=190)
            .step_by(2)
            .map(|s| (exact(EXACT_UP_TO, &[], s) - approximate(EXACT_UP_TO, &[], s)).abs())
            .fold(0.0, f64::max);
        assert!(worst < 0.005, "{worst}");
    }

    #[test]
    fn the_drift_gate_s_two_probabilities_are_as_its_comment_says() {
        assert!((exact(10, &[], 29) - 0.00915).abs() < 0.00005, "{}", exact(10, &[], 29));
        assert!((exact(10, &[], 27) - 0.0167).abs() < 0.00005, "{}", exact(10, &[], 27));
    }
}
