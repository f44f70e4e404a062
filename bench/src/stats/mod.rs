//! Statistics: slices of numbers and a seed in, estimates out. Knows no scenario, no variant, no
//! unit and no file; a value's unit is that of the slice it came from.

mod binomial;
pub mod bootstrap;
pub mod fit;
pub mod order;
pub mod power;
pub mod quantile;
pub mod sequential;
pub mod share;
pub mod shift;
pub mod sign;
pub mod trend;

pub use binomial::at_least as binomial_at_least;

/// A copy in ascending order. Not-a-number sorts last and never panics.
pub(crate) fn sorted(values: &[f64]) -> Vec<f64> {
    let mut sorted = values.to_vec();
    sorted.sort_by(f64::total_cmp);
    sorted
}
