//! Seeded draws. Everything random in a simulated run comes from here.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Seeded draws.
pub(crate) struct Noise(ChaCha8Rng);

impl Noise {
    /// The same seed gives the same draws.
    pub(crate) fn new(seed: u64) -> Self {
        Self(ChaCha8Rng::seed_from_u64(seed))
    }

    /// From the open interval 0 to 1.
    pub(crate) fn uniform(&mut self) -> f64 {
        ((self.0.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
    }

    /// A standard normal value (Box and Muller).
    pub(crate) fn normal(&mut self) -> f64 {
        let radius = (-2.0 * self.uniform().ln()).sqrt();
        radius * (std::f64::consts::TAU * self.uniform()).cos()
    }

    /// Latency quantiles of one trial: half of the variance of their logarithms is the trial's own
    /// and common to all four, half is each quantile's; higher quantiles vary more.
    pub(crate) fn quantiles(&mut self, sigma: f64) -> [f64; 4] {
        let common = self.normal();
        [(500.0, 1.0), (800.0, 1.2), (2000.0, 2.0), (5000.0, 4.0)].map(|(level, spread)| {
            let own = (common + self.normal()) * std::f64::consts::FRAC_1_SQRT_2;
            level * (sigma * spread * own).exp()
        })
    }
}
