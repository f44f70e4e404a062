//! The binomial distribution function, the one tool under every exact interval here.

use statrs::distribution::{Binomial, Continuous, ContinuousCDF, DiscreteCDF, Normal};

/// Up to this many trials `0.5ⁿ` is far from underflow (`0.5¹⁰⁰⁰ ≈ 9·10⁻³⁰²`), so that the plain
/// sum of a fair coin is exact to the last digits.
const PLAIN_SUM_UP_TO: u64 = 1000;

/// `P(X ≤ k)` of n tosses of a fair coin.
pub(super) fn fair_cdf(k: u64, n: u64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if n > PLAIN_SUM_UP_TO {
        return cdf(k, n, 0.5);
    }
    let mut term = (0..n).fold(1.0, |product, _| product * 0.5);
    let mut sum = term;
    for i in 0..k {
        term *= (n - i) as f64 / (i + 1) as f64;
        sum += term;
    }
    sum.min(1.0)
}

/// From this variance on the normal distribution, with its first correction for skew, is off by no
/// more than 1e-5. The incomplete beta function is computed by a continued fraction that is cut off
/// after 140 terms, and is off by percents in the middle from a variance of about 10⁶ on.
const LARGE_VARIANCE: f64 = 1e4;

/// `P(X ≤ k)` of n trials with success probability p, by the incomplete beta function.
pub(super) fn cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    if n as f64 * p * (1.0 - p) > LARGE_VARIANCE {
        return edgeworth_cdf(k, n, p);
    }
    // Only a p outside 0 to 1 is refused; it has no distribution, and no interval follows from NaN.
    Binomial::new(p, n).map_or(f64::NAN, |binomial| binomial.cdf(k))
}

/// `P(X ≥ k)` of n trials with success probability p, 0 to 1.
#[must_use]
pub fn at_least(k: u64, n: u64, p: f64) -> f64 {
    match k.checked_sub(1) {
        Some(below) => 1.0 - cdf(below, n, p),
        None => 1.0,
    }
}

/// `P(X ≤ k)` by the Edgeworth series to its second term (Johnson, Kemp and Kotz, *Univariate Discrete
/// Distributions*, §3.6.1), with the correction for continuity.
fn edgeworth_cdf(k: u64, n: u64, p: f64) -> f64 {
    let deviation = (n as f64 * p * (1.0 - p)).sqrt();
    let z = (k as f64 + 0.5 - n as f64 * p) / deviation;
    let normal = Normal::standard();
    let skew = (1.0 - 2.0 * p) / deviation;
    (normal.cdf(z) - skew * (z * z - 1.0) / 6.0 * normal.pdf(z)).clamp(0.0, 1.0)
}

#[cfg(test)]
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "ranks are positive and far below 2^52"
)]
mod tests {
    use super::*;

    #[test]
    fn the_plain_sum_agrees_with_the_incomplete_beta_function() {
        for n in [1, 6, 10, 33, 100, 999, 1000] {
            for k in [0, n / 3, n / 2, n - 1, n] {
                let (plain, beta) = (fair_cdf(k, n), cdf(k, n, 0.5));
                assert!((plain - beta).abs() < 1e-10, "n {n} k {k}: {plain} and {beta}");
            }
        }
    }

    #[test]
    fn the_edgeworth_series_takes_over_without_a_step() {
        for (n, p) in [(40_000, 0.5), (112_000, 0.9), (1_011_000, 0.99), (10_100_000, 0.999)] {
            let (mean, deviation) = (n as f64 * p, (n as f64 * p * (1.0 - p)).sqrt());
            for z in [-4.0, -1.96, -0.5, 0.0, 1.0, 1.96, 4.0] {
                let k = (mean + z * deviation) as u64;
                let beta = Binomial::new(p, n).unwrap().cdf(k);
                let series = edgeworth_cdf(k, n, p);
                assert!((beta - series).abs() < 1e-5, "n {n} p {p} z {z}: {beta} and {series}");
            }
        }
    }

    #[test]
    fn the_largest_samples_have_intervals_of_the_expected_width() {
        for n in [10_000_000_u64, 100_000_000, 10_000_000_000] {
            for q in [0.5, 0.9, 0.999] {
                let deviation = (n as f64 * q * (1.0 - q)).sqrt();
                let ranks = crate::stats::quantile::quantile_ranks(n, q, 0.95).unwrap();
                let z = |rank: u64| (rank as f64 - n as f64 * q) / deviation;
                for end in [-z(ranks.low), z(ranks.high)] {
                    assert!((end - 1.96).abs() < 0.02, "n {n} q {q}: {end}");
                }
            }
        }
    }
}
