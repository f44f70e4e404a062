//! Delays of known size: how long an answer is held back, and which answers are. Pure: seeded, and
//! without a clock. Knows no socket and no HTTP.

use std::num::NonZeroU64;
use std::str::FromStr;
use std::time::Duration;

use bench::clock::{Nanos, nanos_of};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use scenarios::units::{LONGEST, duration};

/// How long an answer is held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Delay {
    /// Always the same.
    Constant(Duration),
    /// Exponential with that mean.
    Exponential(Duration),
    /// Equally likely from the first to the second.
    Uniform(Duration, Duration),
    /// Pareto: never below `least`; P(delay > x) = (least / x)^`shape`.
    Pareto {
        /// The shortest delay.
        least: Duration,
        /// Above 0; the mean is finite above 1.
        shape: f64,
    },
    /// Lognormal: the logarithm is normal with deviation `sigma`.
    LogNormal {
        /// Half of the delays are shorter.
        median: Duration,
        /// At least 0.
        sigma: f64,
    },
}

const FORMS: &str = "expected a delay: `5ms`, `exp:5ms` (mean), `uniform:1ms..5ms`, \
                     `pareto:1ms,1.5` (least, shape) or `lognormal:5ms,0.5` (median, sigma)";

impl FromStr for Delay {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let span = |text: &str| duration(text).ok();
        let number = |text: &str| text.parse::<f64>().ok().filter(|number| number.is_finite());
        let delay = match text.split_once(':') {
            None => span(text).map(Self::Constant),
            Some(("exp", mean)) => span(mean).map(Self::Exponential),
            Some(("uniform", bounds)) => bounds.split_once("..").and_then(|(from, to)| {
                let (from, to) = (span(from)?, span(to)?);
                (from <= to).then_some(Self::Uniform(from, to))
            }),
            Some(("pareto", parts)) => parts.split_once(',').and_then(|(least, shape)| {
                let (least, shape) = (span(least)?, number(shape)?);
                (shape > 0.0).then_some(Self::Pareto { least, shape })
            }),
            Some(("lognormal", parts)) => parts.split_once(',').and_then(|(median, sigma)| {
                let (median, sigma) = (span(median)?, number(sigma)?);
                (sigma >= 0.0).then_some(Self::LogNormal { median, sigma })
            }),
            Some(_) => None,
        };
        delay.ok_or_else(|| format!("{FORMS}, found `{text}`"))
    }
}

impl Delay {
    /// The next delay, at most a day.
    pub fn draw(&self, rng: &mut ChaCha8Rng) -> Duration {
        match *self {
            Self::Constant(span) => span,
            Self::Exponential(mean) => times(mean, -above_zero(rng).ln()),
            Self::Uniform(from, to) => from + times(to - from, above_zero(rng)),
            Self::Pareto { least, shape } => times(least, above_zero(rng).powf(-1.0 / shape)),
            Self::LogNormal { median, sigma } => times(median, (sigma * normal(rng)).exp()),
        }
    }
}

/// A uniform draw from (0, 1], of 53 random bits, as many as a double holds.
#[expect(clippy::cast_precision_loss, reason = "53 bits fit")]
pub(super) fn above_zero(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) + 1) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// A draw from the standard normal distribution (Box and Muller 1958).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let radius = (-2.0 * above_zero(rng).ln()).sqrt();
    radius * (std::f64::consts::TAU * above_zero(rng)).cos()
}

/// That often, at most a day: a heavy tail has no other end.
fn times(span: Duration, factor: f64) -> Duration {
    Duration::try_from_secs_f64(span.as_secs_f64() * factor)
        .map_or(LONGEST, |span| span.min(LONGEST))
}

/// Which answers are held back.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Held {
    /// All.
    All,
    /// Each n-th, beginning with the n-th.
    Every(NonZeroU64),
    /// Each with this probability, 0 to 1, drawn.
    Share(f64),
}

impl Held {
    /// Whether the request with that number, counted from 1, is one of them.
    pub fn holds(self, number: u64, rng: &mut ChaCha8Rng) -> bool {
        match self {
            Self::All => true,
            Self::Every(every) => number.is_multiple_of(every.get()),
            Self::Share(share) => above_zero(rng) <= share,
        }
    }
}

/// Delays from a file: each holds from its time until the next one's.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace(Vec<(u64, Duration)>);

impl Trace {
    /// Reads lines `seconds,milliseconds`: from that many seconds after the first request on,
    /// answers are held back for that many milliseconds; before the first line's time they are not.
    /// Times ascend. Blank lines, lines that begin with `#`, and a first line of words are passed
    /// over. The error has all mistakes, a line each.
    pub fn parse(text: &str) -> Result<Self, String> {
        let mut rows: Vec<(u64, Duration)> = Vec::new();
        let mut mistakes = Vec::new();
        let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.trim()));
        for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
            let cells = line.split_once(',').map(|(at, delay)| (at.trim(), delay.trim()));
            let row =
                cells.and_then(|(at, delay)| Some((nanos_of(span(at, 1.0)?), span(delay, 1e-3)?)));
            let is_title = number == 1
                && cells.is_some_and(|(at, _)| at.starts_with(|c: char| c.is_ascii_alphabetic()));
            match row {
                None if is_title => {}
                None => mistakes.push(format!(
                    "line {number}: expected `seconds,milliseconds`, two numbers from 0, found `{line}`"
                )),
                Some((at, _)) if rows.last().is_some_and(|(before, _)| *before >= at) => {
                    mistakes.push(format!("line {number}: expected a later time than before it"));
                }
                Some(row) => rows.push(row),
            }
        }
        if rows.is_empty() && mistakes.is_empty() {
            mistakes.push("expected lines `seconds,milliseconds`, found none".to_owned());
        }
        if mistakes.is_empty() { Ok(Self(rows)) } else { Err(mistakes.join("\n")) }
    }

    /// The delay that holds so many nanoseconds after the first request.
    #[must_use]
    pub fn at(&self, since_first: u64) -> Duration {
        let later = self.0.partition_point(|(at, _)| *at <= since_first);
        later.checked_sub(1).map_or(Duration::ZERO, |index| self.0[index].1)
    }
}

/// A number of units of that many seconds, not negative, at most a day.
fn span(text: &str, unit_s: f64) -> Option<Duration> {
    let number: f64 = text.parse().ok()?;
    Duration::try_from_secs_f64(number * unit_s).ok().filter(|span| *span <= LONGEST)
}

/// Silence at the beginning of each period.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    length: u64,
    every: u64,
    after: u64,
}

impl FromStr for Stall {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let stall = text.split_once('/').and_then(|(length, every)| {
            let (length, every) = (duration(length).ok()?, duration(every).ok()?);
            let fits = length > Duration::ZERO && length < every;
            fits.then(|| Self { length: nanos_of(length), every: nanos_of(every), after: 0 })
        });
        stall.ok_or_else(|| {
            format!("expected a stall and its longer period, such as `200ms/2s`, found `{text}`")
        })
    }
}

impl Stall {
    /// The first period begins so long after the first request instead of with it.
    #[must_use]
    pub fn after(self, span: Duration) -> Self {
        Self { after: nanos_of(span), ..self }
    }

    /// When an answer that is ready at `ready` leaves, if the first request came at `first`.
    #[must_use]
    pub fn release(self, ready: Nanos, first: Nanos) -> Nanos {
        let Some(into) = ready.since(first).checked_sub(self.after) else { return ready };
        let left = self.length.saturating_sub(into % self.every);
        Nanos(ready.0.saturating_add(left))
    }
}

#[cfg(test)]
mod tests;
