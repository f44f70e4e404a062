//! The search for the highest rate, on queues whose limit is known in closed form. Times are
//! virtual: nothing here waits.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test of small positive numbers that prints the figures of METHOD.md"
)]

use std::convert::Infallible;
use std::time::Duration;

use loadgen::drive::gate::Slo;
use loadgen::drive::search::{
    Batch, Bracket, Decision, Ending, Found, Objective, Plan, Prober, Share, seek,
};
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Sent before each batch, so that the queue is as long as it is at that rate.
const WARM_UP_S: f64 = 0.5;

fn objectives(texts: &[&str]) -> Vec<Objective> {
    let slos: Vec<Slo> = texts.iter().map(|text| Slo::parse(text).unwrap()).collect();
    Objective::all(&slos, &[]).unwrap()
}

fn exponential(rng: &mut ChaCha8Rng) -> f64 {
    let uniform = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
    -(-uniform).ln_1p()
}

/// One server behind a queue with Poisson arrivals and exponential service, by Lindley's recursion:
/// as the simulated endpoint below, and a hundred times as fast.
struct Mm1 {
    /// Requests a second that it can serve.
    capacity: f64,
    /// Limits in seconds, one for each objective.
    limits: Vec<f64>,
    rng: ChaCha8Rng,
}

impl Mm1 {
    fn new(capacity: f64, limits: &[f64], seed: u64) -> Self {
        Self { capacity, limits: limits.to_vec(), rng: ChaCha8Rng::seed_from_u64(seed) }
    }

    /// The response time is exponential with rate μ − λ, so that a share m is beyond L at
    /// λ = μ − ln(1/m)/L.
    fn highest(&self, allowed: &[f64]) -> f64 {
        let highest = |(limit, allowed): (&f64, &f64)| self.capacity + allowed.ln() / limit;
        self.limits.iter().zip(allowed).map(highest).fold(f64::INFINITY, f64::min)
    }
}

impl Prober for Mm1 {
    type Error = Infallible;

    fn probe(&mut self, rate: f64, window: Duration) -> Result<Batch, Infallible> {
        let (mut at, mut free) = (0.0, 0.0_f64);
        let mut shares = vec![Share { beyond: 0, of: 0 }; self.limits.len()];
        let end = WARM_UP_S + window.as_secs_f64();
        loop {
            at += exponential(&mut self.rng) / rate;
            if at >= end {
                break;
            }
            free = free.max(at) + exponential(&mut self.rng) / self.capacity;
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

/// Whether no rate was decided wrongly, and the limit lies where the answer says.
fn right(bracket: &Bracket, truth: f64) -> bool {
    bracket.holds.is_none_or(|holds| holds <= truth)
        && bracket.fails.is_none_or(|fails| fails > truth)
}

/// Figures over many searches.
#[derive(Default)]
struct Tally {
    wrong: Vec<u64>,
    undecided: u32,
    widths: Vec<f64>,
    seconds: Vec<f64>,
    batches: usize,
}

impl Tally {
    fn add(&mut self, seed: u64, found: &Found, truth: f64) {
        if !right(&found.bracket, truth) {
            self.wrong.push(seed);
        }
        self.undecided += u32::from(found.bracket.undecided.is_some());
        if let (Some(holds), Some(fails)) = (found.bracket.holds, found.bracket.fails) {
            self.widths.push(fails / holds - 1.0);
        }
        self.seconds.push(found.took_s);
        self.batches += found.steps.iter().map(|step| step.batches).sum::<usize>();
    }

    fn report(&mut self, name: &str, runs: u64) {
        let median = |values: &mut Vec<f64>| {
            values.sort_by(f64::total_cmp);
            values.get(values.len() / 2).copied().unwrap_or(f64::NAN)
        };
        println!(
            "{name}: {runs} searches, {} wrong {:?}, {} with a rate undecided; bracket of {:.1} % and \
             {:.0} s at the median, {:.0} batches on average",
            self.wrong.len(),
            self.wrong,
            self.undecided,
            100.0 * median(&mut self.widths),
            median(&mut self.seconds),
            self.batches as f64 / runs as f64,
        );
    }
}

/// Wrong searches that the stated rate allows.
fn allowed_wrong(runs: u64) -> usize {
    (Plan::default().error * runs as f64) as usize
}

/// A name, requests a second that are served, limits in seconds, the objectives and what they allow.
type Case = (&'static str, f64, &'static [f64], &'static [&'static str], &'static [f64]);

#[test]
fn simulation_the_interval_holds_the_truth_at_the_stated_rate() {
    let cases: [Case; 5] = [
        ("p99 < 5 ms, 5000/s", 5000.0, &[0.005], &["p99<5ms"], &[0.01]),
        ("p99 < 5 ms, 2000/s", 2000.0, &[0.005], &["p99<5ms"], &[0.01]),
        ("p99 < 20 ms, 5000/s", 5000.0, &[0.020], &["p99<20ms"], &[0.01]),
        ("p50 < 2 ms, 3000/s", 3000.0, &[0.002], &["p50<2ms"], &[0.5]),
        (
            "p90 < 3 ms and p99 < 5 ms, 3000/s",
            3000.0,
            &[0.003, 0.005],
            &["p90<3ms", "p99<5ms"],
            &[0.1, 0.01],
        ),
    ];
    for (name, capacity, limits, slos, allowed) in cases {
        let runs = 200;
        let mut tally = Tally::default();
        // Other seeds than those that the rule was tuned on.
        for seed in 5000..5000 + runs {
            let mut server = Mm1::new(capacity, limits, seed);
            let truth = server.highest(allowed);
            let objectives = objectives(slos);
            // From another rate each time, so that rates at every distance from the truth are met.
            let start = 100.0 * ((seed - 5000) as f64 / runs as f64).exp2();
            let plan = Plan { start, ..Plan::default() };
            let Ok(found) = seek(&plan, &objectives, &mut server, &mut |_| {});
            tally.add(seed, &found, truth);
        }
        tally.report(name, runs);
        let wrong = tally.wrong.len();
        assert!(wrong <= allowed_wrong(runs), "{name}: seeds {:?} are wrong", tally.wrong);
    }
}

/// A server of which every request takes as long as its rate says, and a generator with a limit.
struct Steady {
    /// From this rate on all requests are beyond.
    fails_from: f64,
    /// From this rate on the generator is late.
    late_from: f64,
    /// Batches after which a stop is asked for.
    stops_after: u32,
}

impl Default for Steady {
    fn default() -> Self {
        Self { fails_from: f64::INFINITY, late_from: f64::INFINITY, stops_after: u32::MAX }
    }
}

impl Prober for Steady {
    type Error = Infallible;

    fn probe(&mut self, rate: f64, window: Duration) -> Result<Batch, Infallible> {
        self.stops_after -= 1;
        let of = (rate * window.as_secs_f64()) as u64;
        let beyond = if rate >= self.fails_from { of } else { 0 };
        Ok(Batch {
            shares: vec![Share { beyond, of }],
            took: window,
            spoilt: (rate >= self.late_from).then(|| "late by 3 ms".to_owned()),
            stopped: self.stops_after == 0,
        })
    }
}

fn found(mut server: Steady, plan: &Plan) -> Found {
    let Ok(found) = seek(plan, &objectives(&["p99<5ms"]), &mut server, &mut |_| {});
    found
}

#[test]
fn a_sharp_limit_is_found_as_precisely_as_asked() {
    let found = found(Steady { fails_from: 3000.0, ..Steady::default() }, &Plan::default());
    assert_eq!((found.exit_code(), &found.ending), (0, &Ending::Precise));
    let (holds, fails) = found.bracket.holds.zip(found.bracket.fails).unwrap();
    assert!(holds < 3000.0 && 3000.0 <= fails && fails / holds <= 1.05, "{found:?}");
    assert!(found.answer().contains("with a probability of at most 5.0 %"), "{}", found.answer());
    assert_eq!(found.text().lines().count(), 1 + found.steps.len() + 2);
    let read: Found = serde_json::from_str(&found.to_json()).unwrap();
    assert_eq!(read, found);
}

#[test]
fn a_generator_at_its_limit_ends_the_search_and_is_named() {
    let late = |late_from| found(Steady { late_from, ..Steady::default() }, &Plan::default());
    let at_once = late(1.0);
    assert_eq!(at_once.exit_code(), 6);
    assert_eq!((at_once.steps[0].batches, at_once.steps[0].spoilt), (0, 5));
    let later = late(500.0);
    assert_eq!((later.exit_code(), later.bracket.holds), (0, Some(400.0)));
    for found in [at_once, later] {
        assert!(matches!(found.ending, Ending::Generator { .. }));
        assert!(found.answer().contains("the generator, not the server, is the limit here"));
    }
}

#[test]
fn a_first_rate_that_fails_a_stop_and_the_end_of_time_say_so() {
    let none = found(Steady { fails_from: 1.0, ..Steady::default() }, &Plan::default());
    assert_eq!((none.exit_code(), &none.ending), (7, &Ending::NothingHolds));
    assert_eq!(none.steps[0].decision, Some(Decision::Fails));
    let stopped = found(Steady { stops_after: 3, ..Steady::default() }, &Plan::default());
    assert_eq!((stopped.exit_code(), &stopped.ending), (130, &Ending::Stopped));
    let plan = Plan { longest: Duration::from_secs(30), ..Plan::default() };
    let late = found(Steady::default(), &plan);
    assert_eq!((late.exit_code(), &late.ending), (0, &Ending::OutOfTime));
    assert!(late.took_s <= 31.0, "{}", late.took_s);
}

#[test]
fn objectives_that_are_no_shares_of_requests_are_refused_together() {
    let texts =
        ["max<5ms", "mean<5ms", "p99>5ms", "errors<5", "errors<=0%", "rate<5", "connect.p99<1ms"];
    let slos: Vec<Slo> = texts.iter().map(|text| Slo::parse(text).unwrap()).collect();
    let mistakes = Objective::all(&slos, &[]).unwrap_err();
    assert_eq!(mistakes.0.len(), texts.len(), "{mistakes}");
    let allowed: Vec<f64> = objectives(&["p99.9<=5ms", "errors<0.1%", "ttfb.p90<1ms"])
        .iter()
        .map(Objective::allowed)
        .collect();
    for (allowed, expected) in allowed.iter().zip([0.001, 0.001, 0.1]) {
        assert!((allowed - expected).abs() < 1e-12);
    }
}
