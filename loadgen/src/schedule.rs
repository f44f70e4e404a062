//! When requests are due: a pure, seeded, strictly ordered sequence. Knows no clock and no reply.

use std::time::Duration;

use bench::clock::nanos_of;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenarios::load::Arrivals;
use scenarios::units::RatePerSecond;

/// When a request is due, in nanoseconds from the start of its trial. Only a [`Schedule`] makes
/// one: it is never read from a clock, never optional, and no reply can delay it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IntendedSendTime(u64);

impl IntendedSendTime {
    /// Nanoseconds from the start of the trial.
    #[must_use]
    pub fn offset(self) -> u64 {
        self.0
    }
}

/// The intended send times of one trial, warm-up included, ascending. The same arguments give the
/// same times on every machine.
#[derive(Debug, Clone)]
pub struct Schedule {
    gaps: Gaps,
    /// Requests due at or after this offset are not part of the trial.
    end: u64,
}

#[derive(Debug, Clone)]
enum Gaps {
    /// The k-th request is due at k · 10¹² / (1000 · rate): computed from k, so that no rounding
    /// adds up.
    Constant { next: u64, rate_milli: u64 },
    /// A running sum of exponential gaps.
    Poisson { at: f64, mean_gap: f64, rng: Box<ChaCha8Rng> },
}

impl Schedule {
    /// Requests due in `[0, span)`.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and at most 10^6, so this is at most 10^9"
    )]
    pub fn new(arrivals: Arrivals, rate: RatePerSecond, span: Duration, seed: u64) -> Self {
        let gaps = match arrivals {
            Arrivals::Constant => {
                Gaps::Constant { next: 0, rate_milli: (rate.per_second() * 1000.0).round() as u64 }
            }
            Arrivals::Poisson => Gaps::Poisson {
                at: 0.0,
                mean_gap: 1e9 / rate.per_second(),
                rng: Box::new(ChaCha8Rng::seed_from_u64(seed)),
            },
        };
        Self { gaps, end: nanos_of(span) }
    }
}

impl Iterator for Schedule {
    type Item = IntendedSendTime;

    fn next(&mut self) -> Option<IntendedSendTime> {
        let at = match &mut self.gaps {
            Gaps::Constant { next, rate_milli } => {
                let at = u128::from(*next) * 1_000_000_000_000 / u128::from(*rate_milli);
                *next += 1;
                u64::try_from(at).unwrap_or(u64::MAX)
            }
            Gaps::Poisson { at, mean_gap, rng } => {
                *at += exponential(rng) * *mean_gap;
                whole_nanos(*at)
            }
        };
        (at < self.end).then_some(IntendedSendTime(at))
    }
}

/// A draw from the exponential distribution of mean 1, by inversion: −ln(1 − u), u in [0, 1).
fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    // 53 random bits, as many as a double holds.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let uniform = (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64);
    -(-uniform).ln_1p()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a sum of positive gaps; `as` saturates at u64::MAX"
)]
fn whole_nanos(at: f64) -> u64 {
    at as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rate(per_second: f64) -> RatePerSecond {
        RatePerSecond::new(per_second).expect("a valid rate")
    }

    #[test]
    fn constant_arrivals_do_not_drift_in_ten_minutes() {
        let rate_per_second = 999.9;
        let schedule =
            Schedule::new(Arrivals::Constant, rate(rate_per_second), Duration::from_secs(600), 0);
        let times: Vec<_> = schedule.collect();
        assert_eq!(times.len(), 599_940);
        let last = times.last().expect("not empty").offset();
        // 599 939 / 999.9 s, exactly, to the nanosecond.
        assert_eq!(last, 599_998_999_899);
    }

    proptest::proptest! {
        #[test]
        fn times_ascend_and_stay_within_the_span(
            per_second in 0.1_f64..100_000.0,
            millis in 1_u64..2_000,
            seed: u64,
            poisson: bool,
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let span = Duration::from_millis(millis);
            let times: Vec<_> = Schedule::new(arrivals, rate(per_second), span, seed).collect();
            proptest::prop_assert!(times.windows(2).all(|pair| pair[0] <= pair[1]));
            proptest::prop_assert!(times.iter().all(|time| time.offset() < nanos_of(span)));
            let again: Vec<_> = Schedule::new(arrivals, rate(per_second), span, seed).collect();
            proptest::prop_assert_eq!(times, again);
        }

        #[test]
        fn constant_arrivals_number_rate_times_span(per_second in 1_u32..20_000, tenths in 1_u64..50) {
            let span = Duration::from_millis(tenths * 100);
            let count = Schedule::new(Arrivals::Constant, rate(f64::from(per_second)), span, 0).count();
            // The first is due at 0, so a span that ends between two requests holds one more.
            let exact = f64::from(per_second) * span.as_secs_f64();
            proptest::prop_assert!((count as f64 - exact).abs() < 1.0 + 1e-6);
        }
    }

    /// Kolmogorov–Smirnov: the largest distance between the gaps' distribution and 1 − e^(−x).
    fn distance_to_exponential(mut gaps: Vec<f64>) -> f64 {
        gaps.sort_by(f64::total_cmp);
        let count = gaps.len() as f64;
        gaps.iter()
            .enumerate()
            .map(|(index, gap)| {
                let theory = 1.0 - (-gap).exp();
                let below = index as f64 / count;
                (theory - below).abs().max((theory - below - 1.0 / count).abs())
            })
            .fold(0.0, f64::max)
    }

    #[test]
    fn poisson_gaps_pass_kolmogorov_smirnov_for_a_hundred_seeds() {
        let mut failures = 0;
        for seed in 0..100 {
            let schedule =
                Schedule::new(Arrivals::Poisson, rate(1000.0), Duration::from_secs(10), seed);
            let times: Vec<_> = schedule.map(IntendedSendTime::offset).collect();
            let gaps: Vec<_> =
                times.windows(2).map(|pair| (pair[1] - pair[0]) as f64 / 1e6).collect();
            let count = gaps.len() as f64;
            // The asymptotic critical value at 1 %: 1.628 / √n.
            failures += usize::from(distance_to_exponential(gaps) > 1.628 / count.sqrt());
        }
        // Binomial(100, 0.01): more than 5 has a probability of 0.0005.
        assert!(failures <= 5, "{failures} of 100 seeds fail at 1 %");
    }
}
