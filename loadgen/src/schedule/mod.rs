//! When requests are due: a pure, seeded, ordered sequence. Knows no clock and no reply.

mod profile;

use std::sync::Arc;
use std::time::Duration;

use bench::clock::nanos_of;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenarios::load::Arrivals;
use scenarios::units::RatePerSecond;

pub use profile::{BadProfile, Piece, Profile};

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

/// A request of the schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Due {
    /// Its place in the whole schedule, from 0, whoever sends it.
    pub index: u64,
    /// When.
    pub at: IntendedSendTime,
}

/// The intended send times of one trial, warm-up included, ascending. The same arguments give the
/// same times on every machine.
#[derive(Debug, Clone)]
pub struct Schedule {
    gaps: Gaps,
    /// Requests due at or after this offset are not part of the trial.
    end: u64,
    /// Of the next request.
    index: u64,
    share: Share,
}

#[derive(Debug, Clone)]
enum Gaps {
    /// The k-th request is due at k · 10¹² / (1000 · rate): computed from k, so that no rounding
    /// adds up.
    Constant { rate_milli: u64 },
    /// The k-th request is due when k have come due by the rate that changes.
    Profile { walk: profile::Walk },
    /// A running sum of exponential gaps of mean 1, mapped to time by the rate: a Poisson process
    /// whose rate may change (Çinlar 1975, by inversion of the expected count).
    Poisson { due: f64, walk: profile::Walk, rng: Box<ChaCha8Rng> },
    /// Given one by one.
    Trace { offsets: Arc<[u64]> },
}

/// Every `of`-th request from the `first` on: one worker's part of a schedule.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Share {
    first: u64,
    of: u64,
}

impl Schedule {
    /// Requests due in `[0, span)` at one rate.
    #[must_use]
    pub fn new(arrivals: Arrivals, rate: RatePerSecond, span: Duration, seed: u64) -> Self {
        Self::along(arrivals, Profile::steady(rate, span), seed)
    }

    /// Requests due along a profile.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate is positive and at most 10^6, so this is at most 10^9"
    )]
    pub fn along(arrivals: Arrivals, profile: Profile, seed: u64) -> Self {
        let end = nanos_of(profile.span());
        let gaps = match (arrivals, profile.only_rate()) {
            (Arrivals::Constant, Some(rate)) => {
                Gaps::Constant { rate_milli: (rate * 1000.0).round() as u64 }
            }
            (Arrivals::Constant, None) => Gaps::Profile { walk: profile.walk() },
            (Arrivals::Poisson, _) => Gaps::Poisson {
                due: 0.0,
                walk: profile.walk(),
                rng: Box::new(ChaCha8Rng::seed_from_u64(seed)),
            },
        };
        Self::over(gaps, end)
    }

    /// Requests due at these offsets, ascending, in nanoseconds; one due at `end` or later is not
    /// part of it.
    #[must_use]
    pub fn trace(offsets: Arc<[u64]>, end: Duration) -> Self {
        Self::over(Gaps::Trace { offsets }, nanos_of(end))
    }

    fn over(gaps: Gaps, end: u64) -> Self {
        Self { gaps, end, index: 0, share: Share { first: 0, of: 1 } }
    }

    /// The part of worker `number` (from 0) of `of`: every `of`-th request. The parts together are
    /// the whole, each is spread like the whole, and no two of them are due together where the
    /// whole's are not.
    #[must_use]
    pub fn part(mut self, number: u32, of: u32) -> Self {
        self.share = Share { first: u64::from(number), of: u64::from(of.max(1)) };
        self
    }

    /// The next request of the whole, whoever sends it.
    fn next_of_all(&mut self) -> Option<Due> {
        let index = self.index;
        self.index += 1;
        let at = match &mut self.gaps {
            Gaps::Constant { rate_milli } => {
                let at = u128::from(index) * 1_000_000_000_000 / u128::from(*rate_milli);
                u64::try_from(at).unwrap_or(u64::MAX)
            }
            #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
            Gaps::Profile { walk } => walk.instant_of(index as f64)?,
            Gaps::Poisson { due, walk, rng } => {
                *due += exponential(rng);
                walk.instant_of(*due)?
            }
            Gaps::Trace { offsets } => {
                *usize::try_from(index).ok().and_then(|index| offsets.get(index))?
            }
        };
        (at < self.end).then_some(Due { index, at: IntendedSendTime(at) })
    }
}

impl Iterator for Schedule {
    type Item = Due;

    fn next(&mut self) -> Option<Due> {
        let Share { first, of } = self.share;
        if let Gaps::Constant { .. } | Gaps::Trace { .. } = self.gaps {
            // Each is computed from its index: others' need not be looked at.
            self.index += (first + of - self.index % of) % of;
            return self.next_of_all();
        }
        loop {
            let due = self.next_of_all()?;
            if due.index % of == first {
                return Some(due);
            }
        }
    }
}

/// A draw from the exponential distribution of mean 1, by inversion: −ln(1 − u), u in [0, 1).
fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    // 53 random bits, as many as a double holds.
    #[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
    let uniform = (rng.next_u64() >> 11) as f64 * (1.0 / (1_u64 << 53) as f64);
    -(-uniform).ln_1p()
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
        let last = times.last().expect("not empty").at.offset();
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
            proptest::prop_assert!(times.windows(2).all(|pair| pair[0].at <= pair[1].at));
            proptest::prop_assert!(times.iter().all(|due| due.at.offset() < nanos_of(span)));
            let again: Vec<_> = Schedule::new(arrivals, rate(per_second), span, seed).collect();
            proptest::prop_assert_eq!(times, again);
        }

        #[test]
        fn the_parts_of_the_workers_are_the_whole(
            poisson: bool,
            ramp: bool,
            workers in 1_u32..9,
            seed: u64,
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let text = if ramp { "500-2000:300ms,700:100ms" } else { "1234.5:400ms" };
            let profile = Profile::parse(text).expect("a profile");
            let whole: Vec<_> = Schedule::along(arrivals, profile.clone(), seed).collect();
            let mut parts: Vec<_> = (0..workers)
                .flat_map(|number| {
                    Schedule::along(arrivals, profile.clone(), seed).part(number, workers)
                })
                .collect();
            parts.sort_unstable();
            proptest::prop_assert_eq!(whole, parts);
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

    #[test]
    fn a_ramp_is_dealt_by_its_rate() {
        // From 0.1/s to 1000/s over 10 s: ½ · 10 · 1000.1 = 5000.5 requests.
        let profile = Profile::parse("0.1-1000:10s").expect("a profile");
        let times: Vec<_> = Schedule::along(Arrivals::Constant, profile, 0).collect();
        assert_eq!(times.len(), 5001);
        // A quarter of them in the first half of the time.
        let first_half = times.iter().filter(|due| due.at.offset() < 5_000_000_000).count();
        assert!(first_half.abs_diff(1250) <= 1, "{first_half}");
    }

    #[test]
    fn a_trace_is_sent_as_it_is_given_up_to_the_end() {
        let offsets: Arc<[u64]> = vec![0, 5, 5, 900, 1_000].into();
        let schedule = Schedule::trace(offsets, Duration::from_nanos(1_000));
        let times: Vec<_> = schedule.map(|due| due.at.offset()).collect();
        assert_eq!(times, [0, 5, 5, 900]);
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
            let times: Vec<_> = schedule.map(|due| due.at.offset()).collect();
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
