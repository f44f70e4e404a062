//! `--find-max`: the highest rate at which the objectives hold, by sequential tests whose error rate
//! is stated; METHOD.md, section "Search". Knows no command line and no terminal.
//!
//! ```text
//! bracket (which rate) ─► probe (one batch) ─► objective (its share) ─► sequential (decided?) ─┐
//!    ▲                                                                                         │
//!    └─────────────────────────────────────────────────────────────────────────────────────────┘
//! ```

pub mod bracket;
mod found;
pub mod objective;
mod probe;
pub mod sequential;

use std::time::Duration;

pub use bracket::{Bracket, Decision};
pub use found::{Ending, Found, SCHEMA_VERSION, Step, schema};
pub use objective::Objective;
pub use probe::{Unsearched, run};
pub use sequential::Share;

use sequential::{Evidence, Risk, evidence};

/// Rates that are tested at most. The whole search's error rate is divided by it, so that it holds
/// however the search goes (Bonferroni).
pub const MOST_STEPS: u32 = 24;

/// Batches of one rate at most; then it is undecided.
pub const MOST_BATCHES: usize = 100;

/// More spoilt batches than usable ones, by so many, and the generator is the limit.
const SPOILT_AHEAD: usize = 4;

/// Times that the queue changes in a batch, so that its beginning, empty, weighs little.
const RELAXATIONS: f64 = 8.0;

/// A batch is this long, and longer where it would hold less than one request that may be beyond or
/// where the queue changes slowly. Of a queue for which the longest is too short, the error rate is
/// higher than stated (METHOD.md).
const SHORTEST_BATCH: Duration = Duration::from_millis(500);
const LONGEST_BATCH: Duration = Duration::from_secs(5);

/// The highest rate that can be asked for.
const HIGHEST: f64 = 1_000_000.0;

/// What a search is to do.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Plan {
    /// Requests a second that are tested first, and the lowest that are; from 0.1 to 1 000 000.
    pub start: f64,
    /// How far apart a rate that holds and one that fails may be, as a share of the lower one.
    pub precision: f64,
    /// The probability that the answer is wrong, at most; above 0 and below 1.
    pub error: f64,
    /// The time that all batches together may take.
    pub longest: Duration,
}

impl Default for Plan {
    fn default() -> Self {
        let longest = Duration::from_secs(900);
        Self { start: 100.0, precision: 0.05, error: 0.05, longest }
    }
}

/// A short open-loop drive at one rate.
#[derive(Debug, Clone, PartialEq)]
pub struct Batch {
    /// What it says of each objective, in their order.
    pub shares: Vec<Share>,
    /// From its first request, warm-up included, to its last answer.
    pub took: Duration,
    /// Why it is no observation: the generator was late or missed the rate.
    pub spoilt: Option<String>,
    /// Whether a stop was asked for.
    pub stopped: bool,
}

/// What makes batches: the engine, or a simulation.
pub trait Prober {
    /// Why nothing could be sent.
    type Error;

    /// Offers requests at a rate (a second) for a while. Batches must not depend on one another.
    fn probe(&mut self, rate: f64, window: Duration) -> Result<Batch, Self::Error>;
}

/// Searches. `on_step` is called as soon as a rate is decided.
pub fn seek<P: Prober>(
    plan: &Plan,
    objectives: &[Objective],
    prober: &mut P,
    on_step: &mut dyn FnMut(&Step),
) -> Result<Found, P::Error> {
    let mut bracket = Bracket::new(plan.start, HIGHEST, plan.precision);
    let mut steps: Vec<Step> = Vec::new();
    let mut spent = Duration::ZERO;
    let ending = loop {
        let Some(rate) = bracket.next() else { break Ending::of(&bracket) };
        if steps.len() >= usize::try_from(MOST_STEPS).expect("a small number") {
            break Ending::OutOfSteps;
        }
        let mut test = Test::new(plan, objectives, plan.longest.saturating_sub(spent));
        let end = test.run(rate, prober)?;
        spent += test.spent;
        let step = test.step(rate, &end);
        on_step(&step);
        steps.push(step);
        match end {
            TestEnd::Decided(decision) => bracket.learn(rate, decision),
            TestEnd::Generator(why) => break Ending::Generator { rate, why },
            TestEnd::OutOfTime => break Ending::OutOfTime,
            TestEnd::Stopped => break Ending::Stopped,
        }
    };
    Ok(Found {
        schema_version: SCHEMA_VERSION,
        objectives: objectives.iter().map(ToString::to_string).collect(),
        error: plan.error,
        bracket,
        steps,
        ending,
        took_s: spent.as_secs_f64(),
    })
}

/// How the test of one rate ended.
enum TestEnd {
    Decided(Decision),
    Generator(String),
    OutOfTime,
    Stopped,
}

/// The test of one rate under way.
struct Test<'a> {
    objectives: &'a [Objective],
    risk: Risk,
    time_left: Duration,
    spent: Duration,
    /// Of each objective, its batches.
    shares: Vec<Vec<Share>>,
    /// Of each objective, whether it was found to hold; a claim that was made stays.
    hold: Vec<bool>,
    spoilt: usize,
}

impl<'a> Test<'a> {
    #[expect(clippy::cast_precision_loss, reason = "a handful of objectives")]
    fn new(plan: &Plan, objectives: &'a [Objective], time_left: Duration) -> Self {
        let each = plan.error / f64::from(MOST_STEPS);
        // A rate holds when all objectives do, and is wrongly said to when the one that does not is:
        // one chance. It is wrongly said to fail when any of them is: as many chances as there are.
        let risk = Risk { holds: each, fails: each / objectives.len().max(1) as f64 };
        Self {
            objectives,
            risk,
            time_left,
            spent: Duration::ZERO,
            shares: vec![Vec::new(); objectives.len()],
            hold: vec![false; objectives.len()],
            spoilt: 0,
        }
    }

    fn usable(&self) -> usize {
        self.shares.first().map_or(0, Vec::len)
    }

    fn run<P: Prober>(&mut self, rate: f64, prober: &mut P) -> Result<TestEnd, P::Error> {
        let window = batch_length(rate, self.objectives);
        while self.usable() < MOST_BATCHES {
            if self.spent >= self.time_left {
                return Ok(TestEnd::OutOfTime);
            }
            let batch = prober.probe(rate, window)?;
            self.spent += batch.took;
            if batch.stopped {
                return Ok(TestEnd::Stopped);
            }
            if let Some(why) = batch.spoilt {
                self.spoilt += 1;
                if self.spoilt > self.usable() + SPOILT_AHEAD {
                    return Ok(TestEnd::Generator(why));
                }
                continue;
            }
            for (kept, share) in self.shares.iter_mut().zip(batch.shares) {
                kept.push(share);
            }
            if let Some(decision) = self.look() {
                return Ok(TestEnd::Decided(decision));
            }
        }
        Ok(TestEnd::Decided(Decision::Undecided))
    }

    /// One objective that fails is enough; all must hold; and where none is open any more without
    /// that, more batches would not help.
    fn look(&mut self) -> Option<Decision> {
        let mut open = false;
        for ((objective, shares), hold) in
            self.objectives.iter().zip(&self.shares).zip(&mut self.hold)
        {
            if *hold {
                continue;
            }
            match evidence(shares, objective.allowed(), self.risk) {
                Evidence::Holds => *hold = true,
                Evidence::Fails => return Some(Decision::Fails),
                Evidence::Close => {}
                Evidence::Open => open = true,
            }
        }
        match (self.hold.iter().all(|hold| *hold), open) {
            (true, _) => Some(Decision::Holds),
            (false, true) => None,
            (false, false) => Some(Decision::Undecided),
        }
    }

    fn step(&self, rate: f64, end: &TestEnd) -> Step {
        Step {
            rate,
            batch_s: batch_length(rate, self.objectives).as_secs_f64(),
            batches: self.usable(),
            spoilt: self.spoilt,
            shares: self.shares.iter().map(|shares| pooled(shares)).collect(),
            decision: match end {
                TestEnd::Decided(decision) => Some(*decision),
                _ => None,
            },
        }
    }
}

/// Long enough for one request that may be beyond and for the queue to change several times, within
/// bounds.
fn batch_length(rate: f64, objectives: &[Objective]) -> Duration {
    let strictest = objectives.iter().map(Objective::allowed).fold(1.0, f64::min);
    let slowest =
        objectives.iter().map(|objective| objective.relaxation_s(rate)).fold(0.0, f64::max);
    let seconds = f64::max(1.0 / (rate * strictest), RELAXATIONS * slowest);
    Duration::from_secs_f64(
        seconds.clamp(SHORTEST_BATCH.as_secs_f64(), LONGEST_BATCH.as_secs_f64()),
    )
}

/// The share over all batches; `None` when nothing was offered.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn pooled(shares: &[Share]) -> Option<f64> {
    let beyond: u64 = shares.iter().map(|share| share.beyond).sum();
    let of: u64 = shares.iter().map(|share| share.of).sum();
    (of > 0).then(|| beyond as f64 / of as f64)
}
