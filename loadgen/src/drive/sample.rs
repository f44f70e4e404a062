//! Quantiles of what a drive counted, with what is known of them: exactly, from below, or nothing.
//! The one door to them for verdict, gates, text and files. Knows no unit but nanoseconds.

use std::borrow::Cow;
use std::fmt;

use bench::histogram::{Histogram, rank_of};
use bench::stats::quantile::{quantile_ranks, samples_needed};
use bench::trial::{Bounded, Latencies};

use super::measured::KindFigures;

/// How surely an interval holds its quantile, at least; two-sided.
pub const CONFIDENCE: f64 = 0.95;

/// A quantile's name: its fraction in parts per million, 1 to 999 999.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Level(u32);

impl Level {
    /// The median.
    pub const P50: Self = Self(500_000);
    /// 75 %.
    pub const P75: Self = Self(750_000);
    /// 90 %.
    pub const P90: Self = Self(900_000);
    /// 95 %.
    pub const P95: Self = Self(950_000);
    /// 99 %.
    pub const P99: Self = Self(990_000);
    /// 99.9 %.
    pub const P999: Self = Self(999_000);
    /// 99.99 %.
    pub const P9999: Self = Self(999_900);

    /// Those that every summary has, in order.
    pub const REPORTED: [Self; 5] = [Self::P50, Self::P90, Self::P99, Self::P999, Self::P9999];

    /// Reads `p99`, `p99.9` or `p999`, `p99.99` or `p9999`, …: a percentage with two digits before
    /// the point, which may be left out from 90 on. `None` for anything else.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('p')?;
        let (whole, part) = match digits.split_once('.') {
            Some((whole, part)) if !part.is_empty() => (whole, part),
            Some(_) => return None,
            // Only `p9…` goes on without a point: `p100` is not 10 %.
            None if digits.starts_with('9') => digits.split_at_checked(2).unwrap_or((digits, "")),
            None => (digits, ""),
        };
        let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_digit());
        if !(1..=2).contains(&whole.len()) || part.len() > 4 || !plain(whole) || !plain(part) {
            return None;
        }
        let parts = format!("{whole}{part:0<4}").parse().ok()?;
        (1..1_000_000).contains(&parts).then_some(Self(parts))
    }

    /// 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        f64::from(self.0) / 1e6
    }

    /// 0 to 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        f64::from(self.0) / 1e4
    }

    /// As in documents: `p999`.
    #[must_use]
    pub fn key(self) -> String {
        self.to_string().replace('.', "")
    }

    /// Samples below which no two-sided 95 % interval of it is finite; see
    /// [`bench::quantile::Quantile::samples_needed`].
    #[must_use]
    pub fn samples_needed(self) -> u64 {
        samples_needed(self.fraction(), CONFIDENCE).expect("a level is between 0 and 1")
    }
}

impl fmt::Display for Level {
    /// As people write it: `p99.9`.
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (whole, part) = (self.0 / 10_000, self.0 % 10_000);
        if part == 0 {
            return write!(to, "p{whole}");
        }
        write!(to, "p{whole}.{}", format!("{part:04}").trim_end_matches('0'))
    }
}

/// An interval that holds a quantile.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Interval {
    /// Nanoseconds.
    pub low: u64,
    /// Nanoseconds; `None` when requests without an answer leave it open.
    pub high: Option<u64>,
    /// The exact probability that it holds the quantile, for independent spans; 0 to 1.
    pub confidence: f64,
}

/// Spans, some of which may be known only from below.
///
/// A request without an answer takes at least its age. The low reading puts it there, the high
/// reading at infinity; what both agree on is known.
#[derive(Debug, Clone)]
pub struct Sample<'a> {
    /// The answered ones.
    known: &'a Histogram,
    /// The answered ones, and the others at their age.
    low: Cow<'a, Histogram>,
    /// Unanswered ones of unknown age, which the low reading puts at 0.
    ageless: u64,
}

impl<'a> Sample<'a> {
    /// Every span is known.
    #[must_use]
    pub fn of(known: &'a Histogram) -> Self {
        Self { known, low: Cow::Borrowed(known), ageless: 0 }
    }

    /// The response times of all requests offered.
    #[must_use]
    pub fn of_responses(latencies: &'a Latencies) -> Self {
        let known = &latencies.response_time;
        if latencies.censored.count() == 0 {
            return Self::of(known);
        }
        let mut low = known.clone();
        low.merge(&latencies.censored);
        Self { known, low: Cow::Owned(low), ageless: 0 }
    }

    /// The response times of all requests of one kind.
    #[must_use]
    pub fn of_kind(kind: &'a KindFigures) -> Self {
        Self { ageless: kind.counts.censored(), ..Self::of(&kind.response_time) }
    }

    /// How many there are, known or not.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.low.count() + self.ageless
    }

    /// How many are known only from below.
    #[must_use]
    pub fn unanswered(&self) -> u64 {
        self.count() - self.known.count()
    }

    /// All spans, the unanswered ones at their age; those of unknown age are missing.
    #[must_use]
    pub fn at_ages(&self) -> &Histogram {
        &self.low
    }

    /// What the quantile may be, in nanoseconds: from the low reading to the high one, which is
    /// `None` for infinity. `None` below [`Level::samples_needed`].
    #[must_use]
    pub fn range(&self, level: Level) -> Option<(u64, Option<u64>)> {
        let rank = rank_of(level.fraction(), self.count());
        let enough = self.count() >= level.samples_needed();
        enough.then(|| (self.low_at(rank), self.known.at_rank(rank)))
    }

    /// The quantile in nanoseconds, exact or a bound; `None` below [`Level::samples_needed`].
    #[must_use]
    pub fn quantile(&self, level: Level) -> Option<Bounded> {
        let (low, high) = self.range(level)?;
        Some(if high == Some(low) { Bounded::Exactly(low) } else { Bounded::AtLeast(low) })
    }

    /// The distribution-free interval of a quantile at no less than [`CONFIDENCE`]; `None` below
    /// [`Level::samples_needed`]. Its ends are those of the histogram's buckets.
    #[must_use]
    pub fn interval(&self, level: Level) -> Option<Interval> {
        let ranks = quantile_ranks(self.count(), level.fraction(), CONFIDENCE)?;
        let low = *self.low.bucket_of(self.low_at(ranks.low)).start();
        let high = self.known.at_rank(ranks.high);
        Some(Interval { low, high, confidence: ranks.confidence })
    }

    /// The longest, in nanoseconds; `None` when there is none.
    #[must_use]
    pub fn max(&self) -> Option<Bounded> {
        (self.count() > 0).then(|| self.bounded(self.low.max().unwrap_or(0)))
    }

    /// The mean, in nanoseconds; `None` when there is none.
    #[must_use]
    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "spans are at most 10 minutes, far below 2^52 ns"
    )]
    pub fn mean(&self) -> Option<Bounded> {
        let count = self.count();
        let sum = self.low.mean().unwrap_or(0.0) * self.low.count() as f64;
        (count > 0).then(|| self.bounded((sum / count as f64).round() as u64))
    }

    fn bounded(&self, nanos: u64) -> Bounded {
        if self.unanswered() > 0 { Bounded::AtLeast(nanos) } else { Bounded::Exactly(nanos) }
    }

    fn low_at(&self, rank: u64) -> u64 {
        match rank.checked_sub(self.ageless) {
            Some(rank) if rank > 0 => self.low.at_rank(rank).unwrap_or(0),
            _ => 0,
        }
    }
}
