//! What other load generators get wrong, each as a test of this one, on virtual time: exact, and
//! free of the machine.

#![expect(clippy::panic, reason = "a test says what it found")]

use std::collections::HashMap;
use std::time::Duration;

use bench::clock::Nanos;
use bench::histogram::{Histogram, LONGEST_NS};
use bench::quantile::Quantile;
use bench::seams::StopFlag;
use bench::trial::Bounded;
use loadgen::burst::BurstMeter;
use loadgen::recorder::{Recorded, Recorder, Timeline};
use loadgen::requests::{KindIndex, Mix, RequestId};
use loadgen::schedule::{Due, Schedule};
use loadgen::start_line::StartLine;
use loadgen::transport::sim::{Service, Setting, SimTransport, Stall};
use loadgen::transport::{Event, Slot, Transport};
use loadgen::worker::{self, Demand, Limits, LoopReport};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

const US: u64 = 1_000;
const MS: u64 = 1_000 * US;
const S: u64 = 1_000 * MS;

/// Of every run's first request: the workers' common start.
const LEAD: u64 = 2 * MS;

/// What is sent, and to what.
#[derive(Clone)]
struct Trial {
    arrivals: Arrivals,
    rate: f64,
    seconds: u64,
    seed: u64,
    limits: Limits,
    setting: Setting,
}

fn trial(setting: Setting) -> Trial {
    let limits = Limits {
        slots: 50,
        max_in_flight: 100_000,
        timeout: Duration::from_secs(500),
        set_up_within: Duration::from_secs(10),
    };
    Trial { arrivals: Arrivals::Constant, rate: 1000.0, seconds: 10, seed: 1, limits, setting }
}

fn fixed(nanos: u64) -> Setting {
    Setting::new(usize::MAX, Service::Fixed(nanos))
}

/// The simulator, and who was sent what when.
struct Watched {
    inner: SimTransport,
    sends: Vec<(Slot, u64)>,
}

impl Transport for Watched {
    fn now(&mut self) -> Nanos {
        self.inner.now()
    }

    fn open(&mut self, slot: Slot) {
        self.inner.open(slot);
    }

    fn send(&mut self, slot: Slot, request: RequestId) -> (Nanos, u64) {
        let sent = self.inner.send(slot, request);
        self.sends.push((slot, sent.0.0));
        sent
    }

    fn close(&mut self, slot: Slot) {
        self.inner.close(slot);
    }

    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        self.inner.wait(until, happened);
    }
}

struct Outcome {
    recorded: Recorded,
    report: LoopReport,
    sends: Vec<(Slot, u64)>,
}

impl Trial {
    fn span(&self) -> Duration {
        Duration::from_secs(self.seconds)
    }

    fn schedule(&self) -> Schedule {
        let rate = RatePerSecond::new(self.rate).expect("a valid rate");
        Schedule::new(self.arrivals, rate, self.span(), self.seed)
    }

    fn planned(&self) -> Vec<u64> {
        self.schedule().map(|Due { at, .. }| at.offset()).collect()
    }

    fn run_as(&self, demand: Demand) -> Outcome {
        let mut recorder = Recorder::new(0..self.seconds * S, 1, None);
        let inner = SimTransport::new(self.setting.clone());
        let mut transport = Watched { inner, sends: Vec::new() };
        let mix = Mix::of_scenario(&RequestSpec {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        });
        let around = (&StopFlag::default(), &StartLine::new(1));
        let report =
            worker::run(&mut transport, (demand, &mix), &mut recorder, self.limits, around)
                .expect("connections open");
        let recorded = recorder.finish();
        let counts = &recorded.counts;
        assert!(counts.add_up(), "{counts:?}");
        assert_eq!(recorded.latencies.response_time.count(), counts.completed);
        assert_eq!(recorded.latencies.censored.count(), counts.censored());
        assert_eq!(recorded.latencies.pacing_lag.count(), counts.offered);
        Outcome { recorded, report, sends: transport.sends }
    }

    fn run(&self) -> Outcome {
        let outcome = self.run_as(Demand::Open(self.schedule()));
        assert_eq!(outcome.recorded.counts.offered, self.planned().len() as u64, "none skipped");
        outcome
    }

    /// As so many workers, each with its part of the schedule, the connections and the limits.
    fn parts(&self, of: u32) -> Vec<Outcome> {
        let limits = Limits { slots: self.limits.slots / of, ..self.limits };
        let part = Self { limits, ..self.clone() };
        (0..of).map(|number| part.run_as(Demand::Open(self.schedule().part(number, of)))).collect()
    }
}

fn largest_burst(instants: impl IntoIterator<Item = u64>) -> u64 {
    let mut meter = BurstMeter::new();
    instants.into_iter().for_each(|at| meter.note(at));
    meter.largest()
}

fn exactly(recorded: &Recorded, quantile: Quantile) -> u64 {
    match recorded.latencies.response_quantile(quantile) {
        Some(Bounded::Exactly(nanos)) => nanos,
        other => panic!("{quantile:?} is {other:?}"),
    }
}

#[track_caller]
fn assert_within(found: u64, exact: f64, share: f64) {
    let error = (found as f64 / exact - 1.0).abs();
    assert!(error <= share, "found {found}, exact {exact}");
}

#[test]
fn an_intended_time_is_never_read_from_a_clock() {
    // Every wait ends late, by more than the gap between requests.
    for late in [0, 300 * US, 5 * MS, 70 * MS] {
        let outcome = trial(Setting { late, ..fixed(200 * US) }).run();
        let Recorded { latencies, counts, .. } = &outcome.recorded;
        assert_eq!(counts.completed, 10_000);
        // No lateness is forgiven: a send is late by what is left of the longest sleep, and what
        // the clock does is in the response time.
        let worst = latencies.send_lag.max().expect("not empty");
        assert!(worst >= late && worst <= late + late / 500 + 2, "{late}: {worst}");
        let response = latencies.response_time.mean().expect("not empty");
        let service = latencies.service_time.mean().expect("not empty");
        let lag = latencies.send_lag.mean().expect("not empty");
        assert!((response - service - lag).abs() <= response * 0.002 + 10.0, "{late}");
        // Nor does it add up: the last request is as late as the first.
        let last = outcome.sends.last().expect("not empty").1 - LEAD;
        assert!((9_999 * MS..=9_999 * MS + late).contains(&last), "{late}: {last}");
    }
}

#[test]
fn a_machine_that_slept_sends_all_that_it_missed_and_says_how_late() {
    let trial = trial(Setting { late: 2 * S, ..fixed(MS) });
    let outcome = trial.run();
    assert_eq!(outcome.recorded.counts.completed, 10_000);
    let worst = outcome.recorded.latencies.pacing_lag.max().expect("not empty");
    assert!((1_990 * MS..=2_010 * MS).contains(&worst), "{worst}");
}

#[test]
fn fifty_connections_are_dealt_to_in_turn_and_not_in_phase() {
    let trial = trial(fixed(20 * MS));
    let outcome = trial.run();
    let mut of_each: HashMap<Slot, Vec<u64>> = HashMap::new();
    for (slot, at) in &outcome.sends {
        of_each.entry(*slot).or_default().push(*at);
    }
    assert_eq!(of_each.len(), 50);
    for sends in of_each.values() {
        assert_eq!(sends.len(), 200);
        // Each has its own place in the cycle, a fiftieth of 50 ms from the next.
        assert!(sends.windows(2).all(|pair| pair[1] - pair[0] == 50 * MS));
    }
    assert_eq!(largest_burst(outcome.sends.iter().map(|(_, at)| *at)), 1);
}

#[test]
fn arrivals_of_all_workers_together_are_the_schedule() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        for of in [1, 2, 5] {
            let trial = Trial { arrivals, rate: 4000.0, seconds: 3, ..trial(fixed(50 * US)) };
            let outcomes = trial.parts(of);
            let mut sends: Vec<u64> = outcomes
                .iter()
                .flat_map(|outcome| outcome.sends.iter().map(|(_, at)| at - LEAD))
                .collect();
            sends.sort_unstable();
            let planned = trial.planned();
            assert_eq!(sends, planned, "{arrivals:?} by {of}");
            let burst = largest_burst(sends);
            assert_eq!(burst, largest_burst(planned), "{arrivals:?} by {of}");
            for outcome in outcomes {
                assert_eq!(outcome.recorded.burst_max, outcome.recorded.burst_planned);
            }
        }
    }
}

#[test]
fn the_workers_results_together_are_those_of_one() {
    for arrivals in [Arrivals::Constant, Arrivals::Poisson] {
        let mut setting = fixed(50 * US);
        setting.stall = Some(Stall { at: LEAD + S, length: 40 * MS, every: S });
        let mut trial = Trial { arrivals, rate: 2000.0, ..trial(setting) };
        // As many as the stall needs, for each number of workers.
        trial.limits.slots = 1200;
        let one = trial.run().recorded;
        for of in [2, 4] {
            let mut parts = trial.parts(of).into_iter().map(|outcome| outcome.recorded);
            let mut all = parts.next().expect("the first");
            parts.for_each(|part| all.merge(&part));
            assert_eq!(all.counts, one.counts, "{arrivals:?} by {of}");
            assert_eq!(all.latencies, one.latencies, "{arrivals:?} by {of}");
            assert_eq!(all.first_byte, one.first_byte);
            assert_eq!(all.kinds, one.kinds);
            assert_eq!((all.bytes_sent, all.bytes_received), (one.bytes_sent, one.bytes_received));
            assert_eq!(all.connections.opened, one.connections.opened);
            assert!((all.window_s - one.window_s).abs() < 1e-9);
            assert_eq!(all.slices, one.slices);
        }
    }
}

#[test]
fn no_request_is_skipped_by_a_server_that_can_not_follow() {
    // 500/s at most, asked 1000/s: the queue grows to the end, and all of it is measured.
    let mut trial = trial(Setting::new(1, Service::Fixed(2 * MS)));
    trial.limits.slots = 10;
    let outcome = trial.run();
    assert_eq!(outcome.recorded.counts.completed, 10_000);
    // The last was due at 9.999 s and is answered at 20 s.
    let worst = outcome.recorded.latencies.response_time.max().expect("not empty");
    assert_within(worst, 10_001e6, 0.001);
    assert_within(exactly(&outcome.recorded, Quantile::P50), 5_001e6, 0.001);
    assert_eq!(outcome.recorded.latencies.pacing_lag.max(), Some(1), "not the generator's own");
}

#[test]
fn what_waits_is_bounded_and_what_is_shed_is_counted() {
    let mut trial = trial(Setting::new(usize::MAX, Service::Never));
    trial.limits.max_in_flight = 300;
    trial.limits.timeout = Duration::from_secs(4);
    let outcome = trial.run();
    let counts = &outcome.recorded.counts;
    assert_eq!(outcome.report.in_flight_max, 300);
    // 300 are taken, and again each time that they have timed out: at 0, 4 and 8 s.
    assert_eq!((counts.timed_out, counts.shed), (900, 9_100), "{counts:?}");
    assert_eq!(outcome.recorded.latencies.response_time.count(), 0);
}

#[test]
fn what_is_in_flight_at_the_end_is_waited_for_and_measured() {
    let mut trial = trial(fixed(3 * S));
    trial.limits.slots = 4000;
    let Recorded { counts, latencies, window_s, .. } = trial.run().recorded;
    assert_eq!((counts.completed, latencies.response_time.count()), (10_000, 10_000));
    assert_within(latencies.response_time.min().expect("not empty"), 3e9, 0.001);
    assert!((window_s - 12.999).abs() < 0.001, "{window_s}");
}

#[test]
fn what_is_in_flight_for_ever_at_the_end_is_given_up_and_counted() {
    let mut trial = trial(fixed(3 * S));
    trial.limits.slots = 4000;
    trial.limits.timeout = Duration::from_secs(2);
    let Recorded { counts, latencies, .. } = trial.run().recorded;
    assert_eq!(counts.timed_out, 10_000);
    assert_within(latencies.censored.max().expect("not empty"), 2e9, 0.001);
}

#[test]
fn time_outs_are_inside_the_quantiles_as_bounds() {
    // One stall of a second at the end of the first half: 3 % of the requests are in its first
    // 300 ms, and are given up after 700 ms.
    let mut setting = fixed(50 * US);
    setting.stall = Some(Stall { at: LEAD + 5 * S, length: S, every: 0 });
    let mut trial = trial(setting);
    trial.limits.slots = 2000;
    trial.limits.timeout = Duration::from_millis(700);
    let recorded = trial.run().recorded;
    assert_eq!(recorded.counts.timed_out, 300, "{:?}", recorded.counts);
    assert_within(exactly(&recorded, Quantile::P50), 50e3, 0.001);
    assert_within(exactly(&recorded, Quantile::P90), 50e3, 0.001);
    for quantile in [Quantile::P99, Quantile::P999] {
        let bound = recorded.latencies.response_quantile(quantile);
        assert!(matches!(bound, Some(Bounded::AtLeast(nanos)) if nanos >= 699 * MS), "{bound:?}");
    }
}

#[test]
fn a_value_above_the_range_is_kept_as_the_largest_there_is() {
    let mut recorder = Recorder::new(0..S, 1, None);
    for (intended, completed) in [(0, 5 * MS), (1, 3 * LONGEST_NS)] {
        let kind = KindIndex(0);
        recorder.offered(intended, intended, kind);
        recorder.sent(intended, intended, 1);
        let at = Timeline { intended, sent: intended, first_byte: completed, completed };
        recorder.completed(at, kind, 200, 1);
    }
    let recorded = recorder.finish();
    assert_eq!(recorded.latencies.response_time.count(), 2);
    assert!(recorded.latencies.response_time.max().expect("not empty") >= LONGEST_NS);
    assert!(!Histogram::new().record(LONGEST_NS + 1), "and who records is told");
}

#[test]
fn a_quantile_is_the_value_of_its_rank_and_never_of_the_one_below() {
    // 1, 2, …, n microseconds, which the histogram tells apart: the quantile q is the smallest that
    // at least q of all do not exceed.
    for n in [1_u64, 2, 3, 9, 10, 11, 99, 100, 101, 999, 1000] {
        let mut histogram = Histogram::new();
        (1..=n).for_each(|value| assert!(histogram.record(value * US)));
        for (quantile, of_1000) in Quantile::ALL.into_iter().zip([500, 900, 990, 999]) {
            let rank = (n * of_1000).div_ceil(1000);
            let found = histogram.at_quantile(quantile.fraction()).expect("not empty");
            assert_eq!((found + US / 2) / US, rank, "n {n}, {quantile:?}");
        }
    }
}

#[test]
fn a_closed_loop_accounts_for_every_request_and_corrects_nothing() {
    let mut setting = fixed(MS);
    // The first half of each second but the first stalls: a correction would invent requests.
    setting.stall = Some(Stall { at: LEAD + S, length: 500 * MS, every: S });
    let mut trial = Trial { seconds: 8, ..trial(setting) };
    trial.limits.slots = 10;
    let outcome = trial.run_as(Demand::Closed { end: 8 * S, worker: (0, 1) });
    let Recorded { counts, latencies, .. } = &outcome.recorded;
    assert_eq!(counts.completed, outcome.sends.len() as u64);
    // Ten at a time: 1000 rounds in the first second, about 500 in each other.
    assert!((44_000..=46_000).contains(&counts.completed), "{counts:?}");
    assert_eq!(latencies.response_time, latencies.service_time);
    assert_eq!(latencies.send_lag.max(), Some(1));
    assert_eq!(outcome.report.in_flight_max, 10);
    // What stalls is what was in flight, and no more: ten requests for each of eight stalls, the
    // last of which meets what is in flight at the end.
    assert_eq!(latencies.response_time.count_above(400 * MS), 80);
}

#[test]
fn a_closed_loop_survives_a_peer_that_resets() {
    let mut trial = trial(Setting { reset_every: Some(7), ..fixed(MS) });
    trial.limits.slots = 10;
    let outcome = trial.run_as(Demand::Closed { end: 10 * S, worker: (0, 1) });
    let counts = &outcome.recorded.counts;
    assert_eq!(counts.offered, outcome.sends.len() as u64);
    assert_eq!(counts.failed, counts.offered / 7);
    assert_eq!(counts.by_failure["reset"], counts.failed);
}

#[test]
fn a_stall_with_too_few_connections_shows_as_it_would_to_those_who_wait() {
    // 200 ms of each 2 s at 1000/s need 200 connections; there are 10. The request due k ms into a
    // stall is answered at its end, or once one of ten connections has served those before it.
    let mut setting = fixed(50 * US);
    setting.stall = Some(Stall { at: LEAD + S, length: 200 * MS, every: 2 * S });
    let mut trial = trial(setting);
    trial.limits.slots = 10;
    let recorded = trial.run().recorded;
    let answered = |k: u64| (200 * MS - k * MS + k / 10 * 50 * US) as f64;
    // Of 10 000 in 5 stalls: 100 are slower than the rank of p99, 10 than that of p99.9.
    assert_within(exactly(&recorded, Quantile::P50), 50e3, 0.01);
    assert_within(exactly(&recorded, Quantile::P99), answered(20), 0.01);
    assert_within(exactly(&recorded, Quantile::P999), answered(2), 0.01);
    let worst = recorded.latencies.response_time.max().expect("not empty");
    assert_within(worst, answered(0), 0.01);
    // What the connections hide from whoever looks at the service time alone.
    let service = recorded.latencies.service_time.at_quantile(0.99).expect("not empty");
    assert!(service < MS, "{service}");
}

#[test]
fn an_m_m_1_queue_has_the_quantiles_that_theory_gives() {
    // The response time is exponential with rate μ − λ: its q-quantile is ln(1/(1 − q)) / (μ − λ).
    let mean_ns = 100_000.0;
    for load in [0.3, 0.6] {
        let mut pooled = Histogram::new();
        for seed in 0..40 {
            let service = Service::exponential(mean_ns, seed);
            let mut trial = trial(Setting::new(1, service));
            trial.arrivals = Arrivals::Poisson;
            trial.rate = load * 1e9 / mean_ns;
            trial.seed = 500 + seed;
            trial.limits.slots = 2000;
            pooled.merge(&trial.run().recorded.latencies.response_time);
        }
        for quantile in [0.5, 0.9, 0.99] {
            let theory = -(1.0_f64 - quantile).ln() * mean_ns / (1.0 - load);
            assert_within(pooled.at_quantile(quantile).expect("not empty"), theory, 0.03);
        }
    }
}
