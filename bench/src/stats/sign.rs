//! The exact sign test, and Holm's correction for asking several questions of the same data. Knows
//! only numbers.

use super::binomial::fair_cdf;

/// The exact two-sided p-value of the hypothesis that the median of the paired differences is 0.
/// 1 for no differences at all.
///
/// `p = min(1, 2·P(B ≥ k))` with `B ~ Binomial(n, ½)` and k the larger of the numbers of positive
/// and of negative differences. A difference of exactly 0 stays in n and counts for neither side,
/// that is, against significance: the usual habit of leaving zeros out makes p smaller. It also
/// keeps the test the exact dual of [`median_ranks`](super::order::median_ranks): the interval
/// excludes 0 exactly when p ≤ 1 − its confidence.
#[must_use]
pub fn sign_test(differences: &[f64]) -> f64 {
    let n = differences.len() as u64;
    let positive = differences.iter().filter(|&&difference| difference > 0.0).count();
    let negative = differences.iter().filter(|&&difference| difference < 0.0).count();
    let against = n - positive.max(negative) as u64;
    // P(B ≥ k) = P(B ≤ n − k), the fair coin being symmetric.
    (2.0 * fair_cdf(against, n)).min(1.0)
}

/// P-values corrected so that the chance of even one false rejection among them is at most the
/// level, whatever their dependence; in the order given.
///
/// The i-th smallest of m is multiplied by `m + 1 − i`, made monotone from the smallest up, and
/// capped at 1. Holm, *A simple sequentially rejective multiple test procedure*, Scandinavian
/// Journal of Statistics 6 (1979) 65–70.
#[must_use]
pub fn holm(p: &[f64]) -> Vec<f64> {
    let mut ascending: Vec<usize> = (0..p.len()).collect();
    ascending.sort_by(|&a, &b| p[a].total_cmp(&p[b]));
    let mut corrected = vec![1.0; p.len()];
    let mut floor = 0.0_f64;
    for (place, &index) in ascending.iter().enumerate() {
        floor = floor.max(p[index] * (p.len() - place) as f64).min(1.0);
        corrected[index] = floor;
    }
    corrected
}
