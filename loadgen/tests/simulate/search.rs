//! The search for the highest rate, on queues whose limit is known in closed form: how often it is
//! wrong, how narrow its answer is and how long it takes.

use std::convert::Infallible;
use std::time::Duration;

use loadgen::drive::gate::Slo;
use loadgen::drive::search::{Batch, Bracket, Objective, Plan, Prober, Share, seek};

use crate::claim::{Bound, Study, claim, yes};
use crate::noise::Noise;

/// Sent before each batch, so that the queue is as long as it is at that rate.
const WARM_UP_S: f64 = 0.5;

/// A name, requests a second that are served, and for each objective its text, its limit in seconds
/// and the share that it allows.
type Case = (&'static str, f64, &'static [(&'static str, f64, f64)]);

const CASES: [Case; 5] = [
    ("search-5ms-at-5000", 5000.0, &[("p99<5ms", 0.005, 0.01)]),
    ("search-5ms-at-2000", 2000.0, &[("p99<5ms", 0.005, 0.01)]),
    ("search-20ms-at-5000", 5000.0, &[("p99<20ms", 0.020, 0.01)]),
    ("search-p50-at-3000", 3000.0, &[("p50<2ms", 0.002, 0.5)]),
    ("search-two-at-3000", 3000.0, &[("p90<3ms", 0.003, 0.1), ("p99<5ms", 0.005, 0.01)]),
];

/// One server behind a queue with Poisson arrivals and exponential service, by Lindley's recursion:
/// as the simulated endpoint, and a hundred times as fast.
struct Mm1<'a> {
    /// Requests a second that it can serve.
    capacity: f64,
    /// In seconds, one for each objective.
    limits: Vec<f64>,
    noise: &'a mut Noise,
}

impl Mm1<'_> {
    fn exponential(&mut self) -> f64 {
        -self.noise.uniform().ln()
    }
}

impl Prober for Mm1<'_> {
    type Error = Infallible;

    fn probe(&mut self, rate: f64, window: Duration) -> Result<Batch, Infallible> {
        let (mut at, mut free) = (0.0, 0.0_f64);
        let mut shares = vec![Share { beyond: 0, of: 0 }; self.limits.len()];
        let end = WARM_UP_S + window.as_secs_f64();
        loop {
            at += self.exponential() / rate;
            if at >= end {
                break;
            }
            free = free.max(at) + self.exponential() / self.capacity;
            if at < WARM_UP_S {
                continue;
            }
            for (share, limit) in shares.iter_mut().zip(&self.limits) {
                share.of += 1;
                share.beyond += u64::from(free - at > *limit);
            }
        }
        let took = Duration::from_secs_f64(end.max(free));
        Ok(Batch { shares, took, spoilt: None, stopped: false })
    }
}

/// The response time is exponential with rate μ − λ, so that a share m is beyond L at
/// λ = μ − ln(1/m)/L.
fn highest(capacity: f64, objectives: &[(&str, f64, f64)]) -> f64 {
    let highest = |(_, limit, allowed): &(&str, f64, f64)| capacity + allowed.ln() / limit;
    objectives.iter().map(highest).fold(f64::INFINITY, f64::min)
}

/// Whether no rate was decided wrongly, and the limit lies where the answer says.
fn right(bracket: &Bracket, truth: f64) -> bool {
    bracket.holds.is_none_or(|holds| holds <= truth)
        && bracket.fails.is_none_or(|fails| fails > truth)
}

pub(crate) fn studies() -> Vec<Study> {
    CASES.into_iter().map(study).collect()
}

fn study((name, capacity, objectives): Case) -> Study {
    let claims = vec![
        claim(
            "a search of which any rate is decided wrongly",
            Bound::AtMost(Plan::default().error),
        ),
        claim("width of the answer, in percent", Bound::ToldMean),
        claim("seconds that it takes", Bound::ToldMean),
    ];
    let parsed: Vec<Slo> = objectives
        .iter()
        .map(|(text, ..)| Slo::parse(text).expect("a literal objective"))
        .collect();
    let parsed = Objective::all(&parsed, &[]).expect("shares of requests");
    let truth = highest(capacity, objectives);
    let run = move |noise: &mut Noise| {
        // From another rate each time, so that rates at every distance from the truth are met.
        let start = 100.0 * noise.uniform().exp2();
        let plan = Plan { start, ..Plan::default() };
        let limits = objectives.iter().map(|(_, limit, _)| *limit).collect();
        let mut server = Mm1 { capacity, limits, noise };
        let Ok(found) = seek(&plan, &parsed, &mut server, &mut |_| {});
        let ends = found.bracket.holds.zip(found.bracket.fails);
        vec![
            yes(!right(&found.bracket, truth)),
            ends.map(|(holds, fails)| 100.0 * (fails / holds - 1.0)),
            Some(found.took_s),
        ]
    };
    Study { name: name.to_owned(), every: 20, claims, run: Box::new(run) }
}
