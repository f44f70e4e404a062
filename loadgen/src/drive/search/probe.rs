//! Batches from the engine: each is a drive of its own, with a fresh schedule and fresh connections,
//! so that no batch inherits another's queue. Decides nothing.

use std::time::Duration;

use scenarios::load::Arrivals;
use scenarios::units::RatePerSecond;

use super::{Batch, Found, Objective, Plan, Prober, Step, seek};
use crate::drive::gate::Slo;
use crate::drive::measured::Measured;
use crate::drive::run::{self, Around};
use crate::drive::settle::{Mistakes, Settled};
use crate::drive::validity::{Finding, Validity};
use crate::engine::{Offer, Refused};
use crate::schedule::Profile;

/// Why there is no search, or none any more.
#[derive(Debug, thiserror::Error)]
pub enum Unsearched {
    /// What was typed can not be searched for.
    #[error("{0}")]
    Mistakes(#[from] Mistakes),
    /// Nothing could be sent.
    #[error("at {rate:.0} requests a second: {refused}")]
    Refused {
        /// Requests a second.
        rate: f64,
        /// Why.
        refused: Refused,
    },
}

/// Searches for the highest rate at which all of these hold. The settled rate and duration are not
/// used: the plan has its own start, and batches their own length.
pub fn run(
    settled: &Settled,
    slos: &[Slo],
    plan: &Plan,
    around: &Around,
    on_step: &mut dyn FnMut(&Step),
) -> Result<Found, Unsearched> {
    let kinds: Vec<&str> = settled.job.mix.kinds().iter().map(|kind| kind.name.as_str()).collect();
    let objectives = Objective::all(slos, &kinds)?;
    check(plan, &settled.job.offer)?;
    let mut prober = EngineProber { settled, around, objectives: &objectives, probes: 0 };
    seek(plan, &objectives, &mut prober, on_step)
}

fn check(plan: &Plan, offer: &Offer) -> Result<(), Mistakes> {
    let mut mistakes = Vec::new();
    if let Err(error) = RatePerSecond::new(plan.start) {
        mistakes.push(format!("--rate, where the search begins: {error}"));
    }
    if !(0.005..=1.0).contains(&plan.precision) {
        mistakes.push("the precision of a search: expected from 0.5 to 100 %".to_owned());
    }
    if !(1e-6..=0.5).contains(&plan.error) {
        mistakes.push("the error rate of a search: expected from 0.0001 to 50 %".to_owned());
    }
    if !matches!(offer, Offer::Along { .. }) {
        mistakes
            .push("--find-max: expected an open loop, since a search chooses the rate".to_owned());
    }
    if mistakes.is_empty() { Ok(()) } else { Err(Mistakes(mistakes)) }
}

/// Drives for each batch anew.
struct EngineProber<'a> {
    settled: &'a Settled,
    around: &'a Around,
    objectives: &'a [Objective],
    probes: u64,
}

impl EngineProber<'_> {
    /// The settled drive at another rate, for another time, with arrivals of its own.
    fn at(&self, rate: RatePerSecond, window: Duration) -> Settled {
        let mut settled = self.settled.clone();
        let arrivals = match settled.job.offer {
            Offer::Along { arrivals, .. } => arrivals,
            Offer::Trace(_) | Offer::Closed => Arrivals::Constant,
        };
        // Each batch begins with an empty queue; the warm-up fills it to what it is at that rate.
        let warm_up = settled.job.warm_up;
        let seed = settled.asked.seed.wrapping_add(self.probes);
        let profile = Profile::steady(rate, window).after_warm_up(warm_up);
        settled.job.offer = Offer::Along { arrivals, profile, seed };
        settled.job.duration = window;
        settled.asked.rate = Some(rate.per_second());
        settled.asked.arrivals = match arrivals {
            Arrivals::Constant => "constant",
            Arrivals::Poisson => "poisson",
        }
        .to_owned();
        settled.asked.duration = window;
        settled.asked.seed = seed;
        settled
    }
}

impl Prober for EngineProber<'_> {
    type Error = Unsearched;

    fn probe(&mut self, rate: f64, window: Duration) -> Result<Batch, Unsearched> {
        self.probes += 1;
        let within = RatePerSecond::new(rate).expect("a search stays within the rates there are");
        let settled = self.at(within, window);
        let warm_up = settled.job.warm_up;
        let sent = run::run(settled, self.around);
        let measured = sent.map_err(|refused| Unsearched::Refused { rate, refused })?;
        let elapsed = Duration::try_from_secs_f64(measured.elapsed_s()).unwrap_or(window);
        Ok(Batch {
            shares: self.objectives.iter().map(|objective| objective.read(&measured)).collect(),
            took: warm_up + elapsed,
            spoilt: spoilt(&measured),
            stopped: measured.stopped_early,
        })
    }
}

/// Why a drive says nothing of the server: only what is the generator's doing. That requests are
/// slow, fail or are shed is what a search is for.
fn spoilt(measured: &Measured) -> Option<String> {
    let generators = |finding: &&Finding| {
        matches!(
            finding,
            Finding::GeneratorLate { .. }
                | Finding::RateMissed { .. }
                | Finding::LocalFailures { many: true, .. }
                | Finding::DoesNotAddUp { .. }
        )
    };
    Validity::of(measured).reasons().find(generators).map(ToString::to_string)
}
