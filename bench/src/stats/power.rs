//! How many values it would take to decide, from the spread so far. A planning figure, never a
//! claim. Knows only numbers.

use statrs::distribution::{ContinuousCDF, Normal};

use super::order::median;

/// The chance with which the planned number of values would find the effect.
const POWER: f64 = 0.8;

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
