//! The binomial distribution function, the one tool under every exact interval here.

use statrs::distribution::{Binomial, DiscreteCDF};

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

/// `P(X ≤ k)` of n trials with success probability p, by the incomplete beta function.
pub(super) fn cdf(k: u64, n: u64, p: f64) -> f64 {
    if k >= n {
        return 1.0;
    }
    // Only a p outside 0 to 1 is refused; it has no distribution, and no interval follows from NaN.
    Binomial::new(p, n).map_or(f64::NAN, |binomial| binomial.cdf(k))
}

#[cfg(test)]
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
}
