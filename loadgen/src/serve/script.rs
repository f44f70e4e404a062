//! What is done with the n-th request: when its answer leaves, and which fault it meets. Pure; the
//! times are handed over.

use bench::clock::Nanos;
use rand::SeedableRng;
use rand_chacha::ChaCha8Rng;

use super::delay::{Delay, Held, Stall, Trace};
use super::fault::{Fault, FaultSpec, met, most_read};

/// Where the delays come from.
#[derive(Debug, Clone, PartialEq, Default)]
pub enum Delays {
    /// Answers leave at once.
    #[default]
    None,
    /// Drawn for each answer that is held back.
    Drawn(Delay, Held),
    /// By the time since the first request.
    Trace(Trace),
}

/// What is planted.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Planted {
    /// Delays.
    pub delays: Delays,
    /// Stalls, on top of the delays.
    pub stall: Option<Stall>,
    /// Faults.
    pub faults: Vec<FaultSpec>,
    /// What everything random is drawn from.
    pub seed: u64,
}

impl Planted {
    /// Whether any answer waits.
    #[must_use]
    pub fn waits(&self) -> bool {
        self.stall.is_some() || self.delays != Delays::None
    }
}

/// What is done with one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Turn {
    /// When the answer leaves.
    pub(super) due: Nanos,
    /// Its fault.
    pub(super) fault: Option<Fault>,
}

/// Says for each request in turn what is done with it.
#[derive(Debug)]
pub(super) struct Script {
    planted: Planted,
    /// Requests so far.
    number: u64,
    /// When the first one came.
    first: Nanos,
    rng: ChaCha8Rng,
}

impl Script {
    pub(super) fn new(planted: Planted) -> Self {
        let rng = ChaCha8Rng::seed_from_u64(planted.seed);
        Self { planted, number: 0, first: Nanos(0), rng }
    }

    /// The next request arrived at `now`.
    pub(super) fn next(&mut self, now: Nanos) -> Turn {
        self.number += 1;
        if self.number == 1 {
            self.first = now;
        }
        let due = match &self.planted.delays {
            Delays::None => now,
            Delays::Drawn(delay, held) => {
                if held.holds(self.number, &mut self.rng) {
                    now.plus(delay.draw(&mut self.rng))
                } else {
                    now
                }
            }
            Delays::Trace(trace) => now.plus(trace.at(now.since(self.first))),
        };
        let due = self.planted.stall.map_or(due, |stall| stall.release(due, self.first));
        let fault = if self.planted.faults.is_empty() {
            None
        } else {
            met(&self.planted.faults, self.number)
        };
        Turn { due, fault }
    }

    /// How many requests of a connection are read.
    pub(super) fn most_read(&self) -> Option<u64> {
        most_read(&self.planted.faults)
    }
}

#[cfg(test)]
mod tests {
    use std::num::NonZeroU64;
    use std::time::Duration;

    use super::*;

    const MS: u64 = 1_000_000;

    #[test]
    fn each_third_answer_is_held_back_and_no_answer_leaves_in_a_stall() {
        let every = Held::Every(NonZeroU64::new(3).unwrap());
        let planted = Planted {
            delays: Delays::Drawn(Delay::Constant(Duration::from_millis(5)), every),
            stall: Some("10ms/20ms".parse().unwrap()),
            ..Planted::default()
        };
        assert!(planted.waits());
        let mut script = Script::new(planted);
        let dues: Vec<u64> =
            [100, 111, 112, 113, 114, 116].map(|at| script.next(Nanos(at * MS)).due.0 / MS).into();
        // The sixth is due at 121, within the second stall.
        assert_eq!(dues, [110, 111, 117, 113, 114, 130]);
    }

    #[test]
    fn a_trace_counts_from_the_first_request() {
        let trace = Trace::parse("0,1\n1,7\n").unwrap();
        let mut script =
            Script::new(Planted { delays: Delays::Trace(trace), ..Planted::default() });
        let dues: Vec<u64> =
            [5000, 5999, 6000].map(|at| script.next(Nanos(at * MS)).due.0 / MS).into();
        assert_eq!(dues, [5001, 6000, 6007]);
    }

    #[test]
    fn without_anything_planted_answers_leave_at_once() {
        let mut script = Script::new(Planted::default());
        assert_eq!(script.next(Nanos(9)), Turn { due: Nanos(9), fault: None });
        assert!(!Planted::default().waits());
    }
}
