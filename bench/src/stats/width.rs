//! How many values it would take until the median is known so well, from the spread so far. A
//! planning figure, never a claim. Knows only numbers.

use statrs::distribution::{ContinuousCDF, Normal};

/// How many independent values of spread `scale` it takes until the interval of their median, at
/// `1 − level`, reaches no further than `reach` from it. `None` when `reach` is not above 0 or a number
/// is not finite: no number of values makes an interval of nothing.
///
/// `n = (z(1 − level/2) · scale / reach)² · π/2`: the median of n normal values has the standard error
/// `scale · √(π / 2n)` (Kendall and Stuart, *The Advanced Theory of Statistics*, vol. 1, §10.10).
#[must_use]
pub fn values_within(scale: f64, reach: f64, level: f64) -> Option<f64> {
    let z = Normal::standard().inverse_cdf(1.0 - level / 2.0);
    let needed = (z * scale / reach).powi(2) * std::f64::consts::FRAC_PI_2;
    (reach > 0.0 && needed.is_finite()).then(|| needed.ceil())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_the_square_of_the_usual_error_with_the_price_of_the_median() {
        // 1.96² · π/2 = 6.03 for a reach of one spread, a hundred times that for a tenth.
        assert_eq!(values_within(1.0, 1.0, 0.05), Some(7.0));
        assert_eq!(values_within(50.0, 5.0, 0.05), Some(604.0));
        for (scale, reach) in [(1.0, 0.0), (1.0, -1.0), (f64::NAN, 1.0), (f64::INFINITY, 1.0)] {
            assert_eq!(values_within(scale, reach, 0.05), None);
        }
    }
}
