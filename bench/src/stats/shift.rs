//! How far one sample lies from another that was taken apart from it: Hodges and Lehmann's shift, its
//! interval, and the rank sum test of Mann and Whitney that both belong to. Knows only numbers.

use statrs::distribution::{ContinuousCDF, Normal};

use super::order::median_of_sorted;

/// Up to this product of the two sizes the distribution is counted out; beyond it the normal one is
/// off by less than 2·10⁻³.
const COUNTED_UP_TO: usize = 10_000;

/// A shift with its interval, in the unit of the values.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The median of all differences of a later and an earlier value.
    pub point: f64,
    /// Lower end.
    pub low: f64,
    /// Upper end.
    pub high: f64,
    /// The probability that the interval holds the shift when the two samples differ by nothing but
    /// it; at least what was asked for, and with ties more.
    pub confidence: f64,
}

/// Later − earlier, of two samples that have no pairs; `None` when they are too small for an interval
/// of that confidence.
///
/// The interval runs from the k-th smallest to the k-th largest of all differences, with the largest
/// k for which `1 − 2·P(U ≤ k−1)` is at least the confidence. It is exact whatever the distribution,
/// provided that the two have the same shape; `loadgen/tests/simulate/across.rs` says what is left of
/// it when one is wider. Hollander, Wolfe and Chicken, *Nonparametric Statistical Methods*, 3rd ed.
/// (2014), §4.2 and §4.3; Hodges and Lehmann, *Estimates of Location Based on Rank Tests*, Annals of
/// Mathematical Statistics 34 (1963) 598–611.
#[must_use]
pub fn shift(later: &[f64], earlier: &[f64], confidence: f64) -> Option<Shift> {
    let mut differences: Vec<f64> =
        later.iter().flat_map(|late| earlier.iter().map(move |early| late - early)).collect();
    differences.sort_by(f64::total_cmp);
    let ranks = RankSum::of(later.len(), earlier.len());
    let tail = (1.0 - confidence) / 2.0;
    let k = (1..=differences.len() / 2).take_while(|k| ranks.at_most(k - 1) <= tail).last()?;
    Some(Shift {
        point: median_of_sorted(&differences)?,
        low: differences[k - 1],
        high: differences[differences.len() - k],
        confidence: 1.0 - 2.0 * ranks.at_most(k - 1),
    })
}

/// The two-sided p-value of the hypothesis that both samples come from one distribution; 1 when one
/// is empty.
///
/// A pair of equal values counts for neither side, that is, against significance, so that the
/// interval of [`shift`] excludes 0 exactly when p ≤ 1 − its confidence. Mann and Whitney, *On a
/// Test of Whether one of Two Random Variables is Stochastically Larger than the Other*, Annals of
/// Mathematical Statistics 18 (1947) 50–60.
#[must_use]
pub fn rank_sum_test(later: &[f64], earlier: &[f64]) -> f64 {
    let pairs = || later.iter().flat_map(|late| earlier.iter().map(move |early| (late, early)));
    let above = pairs().filter(|(late, early)| late > early).count();
    let below = pairs().filter(|(late, early)| late < early).count();
    let all = later.len() * earlier.len();
    if all == 0 {
        return 1.0;
    }
    (2.0 * RankSum::of(later.len(), earlier.len()).at_most(all - above.max(below))).min(1.0)
}

/// The distribution of U, the number of pairs in which the later value is the larger, when both
/// samples come from one distribution.
enum RankSum {
    /// `P(U ≤ u)` for u from 0 to the middle.
    Counted(Vec<f64>),
    /// Its mean and deviation.
    Normal(f64, f64),
}

impl RankSum {
    fn of(m: usize, n: usize) -> Self {
        let (all, sum) = ((m * n) as f64, (m + n + 1) as f64);
        if m * n > COUNTED_UP_TO {
            return Self::Normal(all / 2.0, (all * sum / 12.0).sqrt());
        }
        Self::Counted(counted(m, n))
    }

    fn at_most(&self, u: usize) -> f64 {
        match self {
            Self::Counted(lower) => lower.get(u).copied().unwrap_or(1.0),
            // Half a step to the right, since U is whole.
            Self::Normal(mean, deviation) => {
                Normal::standard().cdf((u as f64 + 0.5 - mean) / deviation)
            }
        }
    }
}

/// `P(U ≤ u)` for u from 0 to the middle, by the product `∏ (1 − qⁿ⁺ⁱ) ÷ (1 − qⁱ)` for i from 1 to m,
/// whose coefficient of `qᵘ` counts the orders with that U. After each factor it is the distribution
/// for i instead of m values, so nothing overflows; and in the tails, which are all that is asked for,
/// there is little or nothing to subtract.
fn counted(m: usize, n: usize) -> Vec<f64> {
    let middle = m * n / 2;
    let mut share = vec![0.0; middle + 1];
    share[0] = 1.0;
    for i in 1..=m {
        for u in (n + i..=middle).rev() {
            share[u] -= share[u - n - i];
        }
        for u in i..=middle {
            share[u] += share[u - i];
        }
        let scale = i as f64 / (n + i) as f64;
        share.iter_mut().for_each(|share| *share *= scale);
    }
    let mut sum = 0.0;
    share
        .iter()
        .map(|share| {
            sum += share;
            f64::min(sum, 1.0)
        })
        .collect()
}

#[cfg(test)]
#[expect(clippy::float_cmp, reason = "these are exact by construction")]
mod tests {
    use super::*;

    /// Every order of two samples, counted one by one.
    fn orders(m: u32, n: u32) -> Vec<f64> {
        let mut counts = vec![0.0; (m * n) as usize + 1];
        let orders = (0_u32..1 << (m + n)).filter(|order| order.count_ones() == m);
        let mut all = 0.0;
        for order in orders {
            let later = (0..m + n).filter(|place| order >> place & 1 == 1);
            let u: u32 = later.map(|place| place - (order & ((1 << place) - 1)).count_ones()).sum();
            counts[u as usize] += 1.0;
            all += 1.0;
        }
        let mut sum = 0.0;
        counts
            .iter()
            .map(|count| {
                sum += count / all;
                sum
            })
            .collect()
    }

    #[test]
    fn the_distribution_is_that_of_all_orders() {
        for (m, n) in [(1, 1), (1, 7), (4, 4), (3, 8), (8, 3), (7, 8)] {
            let by_hand = orders(m, n);
            for (u, share) in counted(m as usize, n as usize).iter().enumerate() {
                assert!((share - by_hand[u]).abs() < 1e-14, "{m} {n} {u}: {share}");
            }
        }
    }

    #[test]
    fn the_normal_distribution_takes_over_without_a_step() {
        for (m, n) in [(100, 100), (20, 500)] {
            let (all, sum) = ((m * n) as f64, (m + n + 1) as f64);
            let normal = RankSum::Normal(all / 2.0, (all * sum / 12.0).sqrt());
            for (u, counted) in counted(m, n).into_iter().enumerate() {
                assert!((counted - normal.at_most(u)).abs() < 2e-3, "{m} {n} {u}");
            }
        }
    }

    #[test]
    fn the_shift_of_a_textbook_is_found_again() {
        // Four against four: P(U ≤ 0) = 1/70, so the interval has all differences but none to spare.
        let found = shift(&[11.0, 12.0, 15.0, 20.0], &[1.0, 2.0, 4.0, 8.0], 0.95).unwrap();
        assert!((found.confidence - (1.0 - 2.0 / 70.0)).abs() < 1e-12);
        assert_eq!((found.low, found.high), (3.0, 19.0));
        assert_eq!(found.point, 10.5);
        assert_eq!(shift(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0], 0.95), None);
        assert_eq!(shift(&[], &[4.0, 5.0, 6.0], 0.95), None);
    }

    #[test]
    fn swapped_samples_give_the_opposite() {
        let (one, other) = ([3.0, 9.0, 1.0, 7.0, 5.5], [2.0, 2.5, 8.0, 0.5, 4.0, 6.0]);
        let (there, back) =
            (shift(&one, &other, 0.95).unwrap(), shift(&other, &one, 0.95).unwrap());
        assert_eq!([there.low, there.point, there.high], [-back.high, -back.point, -back.low]);
        let (one, other) = (rank_sum_test(&one, &other), rank_sum_test(&other, &one));
        assert!((one - other).abs() < 1e-12, "{one} and {other}");
    }

    #[test]
    fn interval_and_test_are_of_one_mind_with_ties_too() {
        for moved in 0..12 {
            let later: Vec<f64> = (0..7).map(|i| f64::from(i % 4 + moved)).collect();
            let earlier: Vec<f64> = (0..6).map(|i| f64::from(i % 3 + 4)).collect();
            let found = shift(&later, &earlier, 0.95).unwrap();
            let excludes_zero = found.low > 0.0 || found.high < 0.0;
            let p = rank_sum_test(&later, &earlier);
            assert_eq!(excludes_zero, p <= 1.0 - found.confidence + 1e-12, "moved {moved}: p {p}");
        }
    }

    #[test]
    fn nothing_is_told_apart_in_equal_values() {
        assert_eq!(rank_sum_test(&[1.0; 8], &[1.0; 8]), 1.0);
        assert_eq!(rank_sum_test(&[], &[1.0; 8]), 1.0);
    }
}
