//! How many values it would take to decide, and what so many values can find, from the spread so
//! far. Planning figures, never claims. Knows only numbers.

use statrs::distribution::{ContinuousCDF, Normal};

use super::binomial::{cdf, fair_cdf};
use super::order::{median, median_ranks};

/// The most values that anything here plans with.
const MOST_VALUES: usize = 100_000;

/// The chance with which the planned number of values would find the effect.
pub const POWER: f64 = 0.8;

/// A robust standard deviation, in the unit of the values: 1.4826 times the median absolute
/// deviation from the median, which estimates σ of a normal distribution and is not moved by up to
/// half of the values. Where more than half are equal it is 0 and tells nothing; then 1.2533 times
/// the mean absolute deviation stands in. `None` of nothing.
#[must_use]
pub fn robust_scale(values: &[f64]) -> Option<f64> {
    let centre = median(values)?;
    let deviations: Vec<f64> = values.iter().map(|value| (value - centre).abs()).collect();
    let typical = 1.4826 * median(&deviations)?;
    if typical > 0.0 {
        return Some(typical);
    }
    Some(1.2533 * deviations.iter().sum::<f64>() / deviations.len() as f64)
}

/// How many independent values of spread `scale` the sign test needs to find a median that is
/// `effect` away from 0, at a two-sided `level`, four times out of five. `None` when the effect is
/// 0 or a number is not finite: no number of values finds nothing.
///
/// `N = ((z(1−level/2) + z(0.8))·scale/effect)²·π/2`. At 5 % the sum of the two is 2.8, the usual
/// rule for a mean; π/2 is what the median costs beside it for normal values (the asymptotic
/// relative efficiency of the sign test is 2/π; Lehmann, *Nonparametrics* (1975), §4.3).
#[must_use]
pub fn values_needed(scale: f64, effect: f64, level: f64) -> Option<f64> {
    let normal = Normal::standard();
    let z = normal.inverse_cdf(1.0 - level / 2.0) + normal.inverse_cdf(POWER);
    let needed = (z * scale / effect).powi(2) * std::f64::consts::FRAC_PI_2;
    (effect > 0.0 && needed.is_finite()).then(|| needed.ceil())
}

/// The chance with which the two-sided sign test of n values finds, at that level, a median that is
/// `shift` robust scales away from 0, on its own side; exact for normal values. 0 where so few values
/// can not reach the level.
///
/// Each value lies on the shift's side with probability Φ(shift), so their number is binomial; the
/// test needs the smallest k with `2·P(B ≥ k) ≤ level` under a fair coin.
#[must_use]
pub fn sign_test_power(n: usize, shift: f64, level: f64) -> f64 {
    let n = n as u64;
    // P(B ≥ k) = P(B ≤ n − k): `against` values on the other side are the most that it bears.
    let bears = |against: &u64| 2.0 * fair_cdf(*against, n) <= level;
    let Some(against) = (0..n / 2).take_while(bears).last() else { return 0.0 };
    cdf(against, n, Normal::standard().sf(shift))
}

/// The smallest effect, in the unit of `scale`, that the sign test of n independent values of that
/// spread finds at a two-sided `level` with a chance of [`POWER`]. `None` where so few values can
/// not reach the level whatever the effect is.
#[must_use]
pub fn smallest_effect(n: usize, scale: f64, level: f64) -> Option<f64> {
    // Beyond eight scales all values lie on one side, but for one in 10¹⁵.
    let (mut misses, mut finds) = (0.0, 8.0);
    if sign_test_power(n, finds, level) < POWER || !scale.is_finite() {
        return None;
    }
    for _ in 0..50 {
        let middle = f64::midpoint(misses, finds);
        if sign_test_power(n, middle, level) < POWER { misses = middle } else { finds = middle }
    }
    Some(finds * scale)
}

/// Half the width that the order-statistic interval of the median is expected to have over n values
/// of that spread, in its unit. `None` where n values have no interval.
///
/// The rank r of n normal values is expected at the quantile (r − 0.375)/(n + 0.25) (Blom,
/// *Statistical Estimates and Transformed Beta-Variables* (1958), §6.9).
#[must_use]
pub fn expected_half_width(n: usize, scale: f64, confidence: f64) -> Option<f64> {
    let ranks = median_ranks(n, confidence)?;
    let quantile = (ranks.high as f64 - 0.375) / (n as f64 + 0.25);
    Some(scale * Normal::standard().inverse_cdf(quantile))
}

/// The fewest values of that spread over which the interval of the median is expected to be no wider
/// than ± `half_width`. `None` where 100 000 are not enough.
#[must_use]
pub fn values_for_half_width(scale: f64, half_width: f64, confidence: f64) -> Option<usize> {
    let narrow =
        |n: usize| expected_half_width(n, scale, confidence).is_some_and(|half| half <= half_width);
    // The width falls with n but for the steps of its ranks, so that doubling and halving finds the
    // fewest up to such a step.
    let (mut wide, mut enough) = (2, 6);
    while !narrow(enough) {
        if enough > MOST_VALUES {
            return None;
        }
        (wide, enough) = (enough, 2 * enough);
    }
    while enough - wide > 1 {
        let middle = usize::midpoint(wide, enough);
        if narrow(middle) { enough = middle } else { wide = middle }
    }
    Some(enough)
}
