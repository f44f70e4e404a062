//! A generator on this machine: one thread on a core of its own that runs the open loop. Does not
//! know which testbed or variant it sends to.

use std::sync::Arc;
use std::time::Duration;

use bench::clock::nanos_of;
use bench::record::Placement;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::trial::{TrialRecord, TrialSpec};

use crate::live::LiveView;
use crate::machine::{StealTicks, pin, thread_cpu_time};
use crate::pace::{MonotonicClock, SpinWindow, calibrate, sharpen_timers};
use crate::recorder::{Recorded, Recorder};
use crate::schedule::Schedule;
use crate::transport::epoll::EpollTransport;
use crate::transport::http1::request_bytes;
use crate::worker::{self, Limits, LoopReport, SetUpFailed};

/// For all connections of a trial to open.
const SET_UP_WITHIN: Duration = Duration::from_secs(10);

/// Sends from this process.
#[derive(Debug)]
pub struct LocalGenerator {
    placement: Placement,
    spin: SpinWindow,
    stop: StopFlag,
    live: Arc<LiveView>,
}

/// How the generator waits for the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Spins all the time. The most punctual, on any machine.
    Spin,
    /// Sleeps to shortly before, then spins; how shortly is measured. Leaves most of the core idle,
    /// and is late where an idle core is given to others, as on a virtual machine.
    Hybrid,
    /// Never spins.
    Sleep,
}

impl LocalGenerator {
    /// Sends from the placement's core for the generator. A core that is shared with the subject
    /// is never spun on: that would be load.
    #[must_use]
    pub fn new(placement: Placement, pacing: Pacing, stop: StopFlag, live: Arc<LiveView>) -> Self {
        let cores = placement.generator.clone();
        let spin = match pacing {
            _ if placement.shared => SpinWindow::NONE,
            Pacing::Spin => SpinWindow::ALWAYS,
            Pacing::Hybrid => on_own_thread(&cores, || calibrate(&MonotonicClock::start())),
            Pacing::Sleep => SpinWindow::NONE,
        };
        Self { placement, spin, stop, live }
    }

    /// How long before each send it spins.
    #[must_use]
    pub fn spin_window(&self) -> SpinWindow {
        self.spin
    }

    fn trial(&self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        let load = &spec.load;
        let span = load.warm_up + load.duration;
        let schedule = Schedule::new(load.arrivals, load.rate, span, spec.seed);
        let window = nanos_of(load.warm_up)..nanos_of(span);
        let expected = load.rate.requests_in(load.duration);
        let mut recorder = Recorder::new(window, expected, Some(Arc::clone(&self.live)));
        let mut transport = EpollTransport::new(
            MonotonicClock::start(),
            self.spin,
            to.address,
            request_bytes(&load.request, &to.host),
            (load.connections, &load.request.method),
        )
        .map_err(|error| GeneratorError {
            problem: format!("the kernel refused to wait on sockets: {error}"),
            hint: "Linux 5.11 or newer is needed, and a free file descriptor (ulimit -n)"
                .to_owned(),
        })?;
        let limits = Limits {
            connections: load.connections,
            max_in_flight: load.max_in_flight,
            timeout: load.timeout,
            set_up_within: SET_UP_WITHIN,
        };
        let before = Usage::now();
        let report = worker::run(&mut transport, schedule, &mut recorder, limits, &self.stop)
            .map_err(|failed| self.set_up_error(failed, to))?;
        Ok(record(spec, recorder.finish(), report, before.until_now()))
    }

    fn set_up_error(&self, failed: SetUpFailed, to: &Endpoint) -> GeneratorError {
        if self.stop.is_raised() {
            return GeneratorError {
                problem: "stopped before the first request".to_owned(),
                hint: String::new(),
            };
        }
        let SetUpFailed { opened, wanted, failure } = failed;
        let last = failure.map_or("no answer", |failure| failure.key());
        GeneratorError {
            problem: format!(
                "{opened} of {wanted} connections to {} opened within {} s; last failure: {last}",
                to.address,
                SET_UP_WITHIN.as_secs()
            ),
            hint: "look at what listens there; with `local`, raise the limit of open files (ulimit -n)"
                .to_owned(),
        }
    }
}

impl Generator for LocalGenerator {
    fn run(&mut self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        self.live.clear();
        let cores = self.placement.generator.clone();
        on_own_thread(&cores, || self.trial(spec, to))
    }
}

/// Runs on a fresh thread with sharp timers, pinned where cores are given.
fn on_own_thread<T: Send>(cores: &[usize], work: impl FnOnce() -> T + Send) -> T {
    std::thread::scope(|scope| {
        let thread = scope.spawn(|| {
            // Not pinned is not wrong, only noisier; the placement in the results says what was asked.
            let _ = pin(cores);
            sharpen_timers();
            work()
        });
        match thread.join() {
            Ok(result) => result,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    })
}

/// CPU, steal and wall time.
struct Usage {
    clock: MonotonicClock,
    cpu: Duration,
    steal: StealTicks,
}

impl Usage {
    fn now() -> Self {
        Self { clock: MonotonicClock::start(), cpu: thread_cpu_time(), steal: StealTicks::read() }
    }

    /// CPU and steal in percent since then.
    fn until_now(&self) -> (f64, f64) {
        let wall = Duration::from_nanos(self.clock.now().0).as_secs_f64();
        let cpu = thread_cpu_time().saturating_sub(self.cpu).as_secs_f64();
        let cpu_percent = if wall > 0.0 { 100.0 * cpu / wall } else { 0.0 };
        (cpu_percent, StealTicks::read().percent_since(self.steal))
    }
}

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a trial stay far below 2^52")]
fn record(
    spec: &TrialSpec,
    recorded: Recorded,
    report: LoopReport,
    (cpu_percent, steal_percent): (f64, f64),
) -> TrialRecord {
    let mut generator = recorded.generator;
    generator.connections_opened = report.connections_opened;
    generator.connection_setup_max_us = report.set_up_max as f64 / 1e3;
    generator.in_flight_max = report.in_flight_max;
    generator.stopped_early = report.stopped_early;
    generator.cpu_percent = cpu_percent;
    generator.steal_percent = steal_percent;
    TrialRecord {
        block: spec.block,
        position: spec.position,
        variant: spec.variant.clone(),
        counts: recorded.counts,
        latencies: recorded.latencies,
        slices: recorded.slices,
        generator,
    }
}
