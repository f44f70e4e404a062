//! How the search for the highest rate ends: on a sharp limit, on a generator's, by hand and by time.
//! How often it is wrong is in `simulate`. Times are virtual: nothing here waits.

#![expect(
    clippy::unwrap_used,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a test of small positive numbers"
)]

use std::convert::Infallible;
use std::time::Duration;

use loadgen::drive::gate::Slo;
use loadgen::drive::search::{
    Batch, Decision, Ending, Found, Objective, Plan, Prober, Share, seek,
};

fn objectives(texts: &[&str]) -> Vec<Objective> {
    let slos: Vec<Slo> = texts.iter().map(|text| Slo::parse(text).unwrap()).collect();
    Objective::all(&slos, &[]).unwrap()
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
