//! The open loop on virtual time: exact, and as fast as the machine. What is true only of many trials
//! is in `simulate`.

#![expect(clippy::panic, reason = "a test says what it found")]

#[path = "support/virtual_trial.rs"]
mod virtual_trial;

use std::time::Duration;

use bench::quantile::Quantile;
use bench::seams::StopFlag;
use bench::trial::Bounded;
use loadgen::recorder::{Recorded, Recorder};
use loadgen::schedule::Schedule;
use loadgen::start_line::StartLine;
use loadgen::transport::sim::{Service, Setting, SimTransport, Stall};
use loadgen::worker::{self, Demand, Limits};
use scenarios::load::Arrivals;
use scenarios::units::RatePerSecond;
use virtual_trial::{Trial, get};

const MS: u64 = 1_000_000;
const S: u64 = 1_000 * MS;

fn fixed(nanos: u64) -> Setting {
    Setting::new(usize::MAX, Service::Fixed(nanos))
}

fn response(recorded: &Recorded, quantile: Quantile) -> u64 {
    match recorded.latencies.response_quantile(quantile) {
        Some(Bounded::Exactly(nanos)) => nanos,
        other => panic!("{quantile:?} is {other:?}"),
    }
}

/// Equal up to the three digits that a histogram keeps.
#[track_caller]
fn assert_close(found: u64, exact: u64) {
    let error = found.abs_diff(exact) as f64 / exact.max(1) as f64;
    assert!(error <= 0.001, "found {found}, exact {exact}");
}

#[test]
fn every_request_is_sent_exactly_when_it_is_due() {
    let (recorded, _, transport) = Trial::new(fixed(50_000)).run();
    assert_eq!(recorded.counts.completed, 10_000);
    // The clock of the simulation only moves to what is due, so nothing is late.
    assert_eq!(recorded.latencies.send_lag.max(), Some(1));
    let first = transport.arrivals[0];
    for (index, at) in transport.arrivals.iter().enumerate() {
        assert_eq!(at - first, index as u64 * MS);
    }
}

#[test]
fn a_stall_shows_in_the_quantiles_that_open_loop_arithmetic_gives() {
    // Stalls of 200 ms every 2 s at 1000/s. Of each 2000 requests the 200 due in the stall are
    // answered at its end: their response times are 200, 199, … 1 ms (the last one also needs its
    // service), the other 1800 take the service time. So the 20 slowest of 2000 end at 181 ms.
    let mut setting = fixed(50_000);
    setting.stall = Some(Stall { at: 2 * MS + S, length: 200 * MS, every: 2 * S });
    let (recorded, _, transport) = Trial::new(setting).run();
    assert_eq!(transport.arrivals[0], 2 * MS, "the lead before the first request");
    // Rank ⌈0.99 · 10 000⌉ = 9900: 100 requests are slower or equal; 5 stalls of 20 each take at
    // least 181 ms, and the next are 180 ms.
    assert_close(response(&recorded, Quantile::P50), 50_000);
    assert_close(response(&recorded, Quantile::P90), 50_000);
    assert_close(response(&recorded, Quantile::P99), 180 * MS);
    assert_close(response(&recorded, Quantile::P999), 198 * MS);
    assert_close(recorded.latencies.response_time.max().expect("not empty"), 200 * MS);
}

#[test]
fn a_stall_delays_no_send_while_connections_are_free() {
    let mut setting = fixed(50_000);
    setting.stall = Some(Stall { at: S, length: 200 * MS, every: 2 * S });
    let (recorded, ..) = Trial::new(setting).run();
    assert_eq!(recorded.latencies.send_lag.max(), Some(1));
}

#[test]
fn waiting_for_a_connection_is_send_lag_but_not_the_generators_own() {
    // Two connections, a server that takes 10 ms, 1000/s: four of five requests wait.
    let mut trial = Trial::new(fixed(10 * MS));
    trial.connections = 2;
    trial.seconds = 1;
    trial.timeout = Duration::from_secs(60);
    let (recorded, report, _) = trial.run();
    assert_eq!(recorded.counts.completed, 1000);
    assert_eq!(recorded.latencies.pacing_lag.max(), Some(1));
    assert!(recorded.latencies.send_lag.max().expect("not empty") > 3 * S);
    assert!(recorded.latencies.service_time.max().expect("not empty") < 11 * MS);
    assert!(report.in_flight_max > 700);
}

#[test]
fn a_late_clock_shows_as_send_lag_and_nowhere_else() {
    let mut setting = fixed(200_000);
    setting.late = 700_000;
    let (recorded, ..) = Trial::new(setting).run();
    assert_close(recorded.latencies.service_time.at_quantile(0.5).expect("not empty"), 200_000);
    let lag = recorded.latencies.send_lag.at_quantile(0.5).expect("not empty");
    assert!(lag >= 500_000, "{lag}");
    assert_eq!(recorded.latencies.send_lag.count(), recorded.latencies.pacing_lag.count());
}

#[test]
fn a_server_that_never_answers_loses_no_request() {
    let mut trial = Trial::new(Setting::new(usize::MAX, Service::Never));
    trial.seconds = 2;
    trial.connections = 5;
    trial.timeout = Duration::from_millis(300);
    let (recorded, ..) = trial.run();
    assert_eq!(recorded.counts.timed_out, 2000);
    assert_close(recorded.latencies.censored.min().expect("not empty"), 300 * MS);
    // Every connection that timed out was opened again.
    assert!(recorded.connections.opened > 5);
    assert!(matches!(
        recorded.latencies.response_quantile(Quantile::P50),
        Some(Bounded::AtLeast(nanos)) if nanos >= 300 * MS
    ));
}

#[test]
fn more_than_the_limit_in_flight_is_shed_and_counted() {
    let mut trial = Trial::new(fixed(S));
    trial.seconds = 2;
    trial.max_in_flight = 100;
    trial.connections = 50;
    let (recorded, report, _) = trial.run();
    assert_eq!(report.in_flight_max, 100);
    assert!(recorded.counts.shed > 1700, "{:?}", recorded.counts);
    assert_eq!(recorded.counts.offered, 2000);
}

#[test]
fn resets_are_counted_and_enter_the_quantiles_as_bounds() {
    let mut setting = fixed(50_000);
    setting.reset_every = Some(50);
    let (recorded, ..) = Trial::new(setting).run();
    assert_eq!(recorded.counts.failed, 200);
    assert_eq!(recorded.counts.by_failure["reset"], 200);
    // The last request of all is one of them, and nobody waits for its connection to come back.
    assert_eq!(recorded.connections.opened, 1000 + 199);
    // 2 % have no answer: the median is known, the 99th percentile is not.
    assert!(matches!(
        recorded.latencies.response_quantile(Quantile::P50),
        Some(Bounded::Exactly(_))
    ));
    assert!(matches!(
        recorded.latencies.response_quantile(Quantile::P99),
        Some(Bounded::AtLeast(_))
    ));
}

#[test]
fn connections_refused_at_first_are_tried_again_during_set_up() {
    let mut setting = fixed(50_000);
    setting.refuse_first = 30;
    let mut trial = Trial::new(setting);
    trial.connections = 10;
    let (recorded, ..) = trial.run();
    assert_eq!(recorded.counts.completed, 10_000);
    assert_eq!(recorded.connections.opened, 10);
}

#[test]
fn an_endpoint_that_refuses_for_ever_is_an_error_and_not_a_hang() {
    let mut setting = fixed(50_000);
    setting.refuse_first = u32::MAX;
    let failed = Trial::new(setting).try_run().map(|_| ()).expect_err("nothing opens");
    assert_eq!((failed.opened, failed.wanted), (0, 1000));
}

#[test]
fn a_stop_keeps_what_was_measured_and_accounts_for_the_rest() {
    let rate = RatePerSecond::new(1000.0).expect("a valid rate");
    let schedule = Schedule::new(Arrivals::Constant, rate, Duration::from_secs(10), 1);
    let mut recorder = Recorder::new(0..10 * S, 1, None);
    let mut transport = StopAfter {
        inner: SimTransport::new(Setting::new(usize::MAX, Service::Fixed(5 * MS))),
        at: 2 * S,
        stop: StopFlag::default(),
    };
    let stop = transport.stop.clone();
    let limits = Limits {
        slots: 50,
        max_in_flight: 1000,
        timeout: Duration::from_secs(1),
        set_up_within: Duration::from_secs(1),
    };
    let (mix, line) = (get(), StartLine::new(1));
    let work = (Demand::Open(schedule), &mix);
    let report = worker::run(&mut transport, work, &mut recorder, limits, (&stop, &line))
        .expect("connections open");
    assert!(report.stopped_early);
    let recorded = recorder.finish();
    assert!(recorded.counts.add_up());
    assert!((1990..2100).contains(&recorded.counts.offered), "{:?}", recorded.counts);
    assert_eq!(recorded.counts.by_failure["stopped"], recorded.counts.failed);
}

/// Raises the stop flag at an instant of virtual time.
struct StopAfter {
    inner: SimTransport,
    at: u64,
    stop: StopFlag,
}

impl loadgen::transport::Transport for StopAfter {
    fn now(&mut self) -> bench::clock::Nanos {
        self.inner.now()
    }
    fn open(&mut self, slot: loadgen::transport::Slot) {
        self.inner.open(slot);
    }
    fn send(
        &mut self,
        slot: loadgen::transport::Slot,
        request: loadgen::requests::RequestId,
    ) -> (bench::clock::Nanos, u64) {
        self.inner.send(slot, request)
    }
    fn close(&mut self, slot: loadgen::transport::Slot) {
        self.inner.close(slot);
    }
    fn wait(&mut self, until: bench::clock::Nanos, happened: &mut Vec<loadgen::transport::Event>) {
        self.inner.wait(until, happened);
        if self.inner.now().0 >= self.at {
            self.stop.raise();
        }
    }
}

#[test]
fn the_same_seed_gives_the_same_trial_and_another_seed_another() {
    let mut trial = Trial::new(Setting::new(3, Service::Fixed(900_000)));
    trial.arrivals = Arrivals::Poisson;
    trial.rate = 2500.0;
    let (first, ..) = trial.run();
    let (again, ..) = trial.run();
    assert_eq!(first.latencies, again.latencies);
    trial.seed += 1;
    let (other, ..) = trial.run();
    assert_ne!(first.latencies, other.latencies);
}
