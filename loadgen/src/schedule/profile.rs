//! How the offered rate changes over a run: steps and ramps, as pieces on which it is linear. Knows
//! no arrival process; [`super::Schedule`] asks it when so many requests have come due.

use std::time::Duration;

use bench::clock::nanos_of;
use scenarios::units::{RatePerSecond, duration};

/// The offered rate as a function of time: one piece after the other.
#[derive(Debug, Clone, PartialEq)]
pub struct Profile {
    pieces: Vec<Piece>,
}

/// A stretch on which the rate goes in a straight line.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Piece {
    /// Requests a second at its beginning.
    pub from: f64,
    /// Requests a second at its end; the same for a step.
    pub to: f64,
    /// How long it takes.
    pub lasts: Duration,
}

/// Why a text is no profile: which piece, and what was expected of it.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "piece {number} (`{piece}`): {problem}; a profile is `RATE:DURATION` for a step and \
         `FROM-TO:DURATION` for a ramp, with commas between, e.g. `100:10s,100-1000:30s`"
)]
pub struct BadProfile {
    /// From 1.
    number: usize,
    /// As written.
    piece: String,
    /// What was expected.
    problem: String,
}

impl Piece {
    /// Requests that come due in the first `seconds` of it.
    fn due_by(self, seconds: f64) -> f64 {
        let slope = (self.to - self.from) / self.lasts.as_secs_f64();
        self.from * seconds + 0.5 * slope * seconds * seconds
    }

    /// Seconds into it at which that many requests have come due: the inverse of [`Self::due_by`].
    fn seconds_until(self, count: f64) -> f64 {
        let slope = (self.to - self.from) / self.lasts.as_secs_f64();
        // The root of ½·slope·t² + from·t = count, in the form that does not cancel for a small
        // slope (Press et al., Numerical Recipes, §5.6), and that is count / from for none.
        let root = (self.from * self.from + 2.0 * slope * count).max(0.0).sqrt();
        2.0 * count / (self.from + root)
    }

    fn requests(self) -> f64 {
        self.due_by(self.lasts.as_secs_f64())
    }
}

impl Profile {
    /// One rate for the whole span.
    #[must_use]
    pub fn steady(rate: RatePerSecond, span: Duration) -> Self {
        let rate = rate.per_second();
        Self { pieces: vec![Piece { from: rate, to: rate, lasts: span }] }
    }

    /// Reads `100:10s,100-1000:30s`.
    pub fn parse(text: &str) -> Result<Self, BadProfile> {
        let pieces = (1..)
            .zip(text.split(','))
            .map(|(number, piece)| {
                parse_piece(piece.trim()).map_err(|problem| BadProfile {
                    number,
                    piece: piece.trim().to_owned(),
                    problem,
                })
            })
            .collect::<Result<Vec<_>, _>>()?;
        Ok(Self { pieces })
    }

    /// The same, after its first rate for a while.
    #[must_use]
    pub fn after_warm_up(mut self, warm_up: Duration) -> Self {
        let Some(first) = self.pieces.first().copied() else { return self };
        if warm_up.is_zero() {
            return self;
        }
        match self.pieces.as_mut_slice() {
            // One rate stays one piece, whose times are computed without rounding.
            [only] if first.from.total_cmp(&first.to).is_eq() => only.lasts += warm_up,
            _ => {
                // A ramp may begin at next to nothing; a warm-up at that rate warms nothing.
                let rate = first.from.max(first.to.min(1.0));
                self.pieces.insert(0, Piece { from: rate, to: rate, lasts: warm_up });
            }
        }
        self
    }

    /// From the first piece's beginning to the last one's end.
    #[must_use]
    pub fn span(&self) -> Duration {
        self.pieces.iter().map(|piece| piece.lasts).sum()
    }

    /// Requests over the whole span, on average over what a random process gives.
    #[must_use]
    pub fn requests(&self) -> f64 {
        self.pieces.iter().map(|piece| piece.requests()).sum()
    }

    /// The highest rate of any instant.
    #[must_use]
    pub fn highest(&self) -> f64 {
        self.pieces.iter().map(|piece| piece.from.max(piece.to)).fold(0.0, f64::max)
    }

    /// The rate, when it never changes.
    pub(super) fn only_rate(&self) -> Option<f64> {
        match self.pieces.as_slice() {
            [piece] if piece.from.total_cmp(&piece.to).is_eq() => Some(piece.from),
            _ => None,
        }
    }

    /// Walks over the pieces as counts ascend.
    pub(super) fn walk(self) -> Walk {
        Walk { pieces: self.pieces, at: 0, begun_s: 0.0, before: 0.0 }
    }
}

fn parse_piece(text: &str) -> Result<Piece, String> {
    let (rates, lasts) = text.split_once(':').ok_or("expected a colon before the duration")?;
    let lasts = duration(lasts).map_err(|error| error.to_string())?;
    if lasts.is_zero() {
        return Err("expected a duration of more than nothing".to_owned());
    }
    let rate = |text: &str| -> Result<f64, String> {
        let number = text.parse::<f64>().map_err(|_| format!("`{text}` is not a rate"))?;
        Ok(RatePerSecond::new(number).map_err(|error| error.to_string())?.per_second())
    };
    let (from, to) = match rates.split_once('-') {
        Some((from, to)) => (rate(from)?, rate(to)?),
        None => (rate(rates)?, rate(rates)?),
    };
    Ok(Piece { from, to, lasts })
}

/// A position in a profile.
#[derive(Debug, Clone)]
pub(super) struct Walk {
    pieces: Vec<Piece>,
    at: usize,
    /// Seconds before the piece at hand.
    begun_s: f64,
    /// Requests before it.
    before: f64,
}

impl Walk {
    /// The instant at which `count` requests have come due, in nanoseconds; `None` behind the end.
    /// Counts must ascend from call to call.
    pub(super) fn instant_of(&mut self, count: f64) -> Option<u64> {
        loop {
            let piece = *self.pieces.get(self.at)?;
            let within = count - self.before;
            if within < piece.requests() {
                let seconds = self.begun_s + piece.seconds_until(within);
                return Some(nanos_of(Duration::from_secs_f64(seconds.max(0.0))));
            }
            self.begun_s += piece.lasts.as_secs_f64();
            self.before += piece.requests();
            self.at += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_profile_is_read_piece_by_piece() {
        let profile = Profile::parse("100:10s, 100-1000:30s").expect("a profile");
        assert_eq!(profile.span(), Duration::from_secs(40));
        assert!((profile.requests() - (1000.0 + 550.0 * 30.0)).abs() < 1e-6);
        assert!((profile.highest() - 1000.0).abs() < 1e-9);
    }

    #[test]
    fn what_is_wrong_with_a_profile_is_said_with_its_place() {
        for (text, expected) in [
            ("", "piece 1 (``): expected a colon"),
            ("100", "piece 1 (`100`): expected a colon"),
            ("100:10s,x:5s", "piece 2 (`x:5s`): `x` is not a rate"),
            ("100:0s", "piece 1 (`100:0s`): expected a duration of more than nothing"),
            ("100-0:5s", "piece 1 (`100-0:5s`): expected a rate from 0.1"),
            ("100:5", "piece 1 (`100:5`): expected a duration up to 24h"),
        ] {
            let error = Profile::parse(text).expect_err(text).to_string();
            assert!(error.starts_with(expected), "{error}");
        }
    }

    proptest::proptest! {
        #[test]
        fn the_instant_of_a_count_is_when_that_many_are_due(
            from in 0.1_f64..5_000.0,
            to in 0.1_f64..5_000.0,
            lasts_ms in 1_u64..100_000,
            share in 0.0_f64..1.0,
        ) {
            let piece = Piece { from, to, lasts: Duration::from_millis(lasts_ms) };
            let count = piece.requests() * share;
            let seconds = piece.seconds_until(count);
            proptest::prop_assert!(seconds <= piece.lasts.as_secs_f64() * (1.0 + 1e-9));
            proptest::prop_assert!((piece.due_by(seconds) - count).abs() <= 1e-6 * count.max(1.0));
        }
    }
}
