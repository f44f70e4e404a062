//! A generator on this machine: one thread on a core of its own that runs the open loop. Does not
//! know which testbed or variant it sends to.

use std::sync::Arc;

use bench::record::Placement;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::trial::{GeneratorReport, TrialRecord, TrialSpec};

use scenarios::load::LoadSpec;

use crate::engine::{self, Crew, Done, Job, Offer, Refused};
use crate::live::LiveView;
use crate::machine::pin;
use crate::pace::{MonotonicClock, SpinWindow, Wait, calibrate, sharpen_timers};
use crate::requests::Mix;
use crate::schedule::Profile;
use crate::transport::target::{Addresses, Keeping, Protocol, Route, Target};

/// Sends from this process.
#[derive(Debug)]
pub struct LocalGenerator {
    placement: Placement,
    /// With which every trial begins, whatever the one before learnt.
    spin: SpinWindow,
    waits: Wait,
    stop: StopFlag,
    live: Arc<LiveView>,
}

/// How the generator waits for the next send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Pacing {
    /// Spins all the time. Whatever else wants the core takes it for a time slice.
    Spin,
    /// Sleeps to shortly before, then spins; how shortly is measured. Leaves most of the core idle,
    /// and so may go before other threads; on a virtual machine the core wants to be kept awake.
    Hybrid,
    /// Never spins.
    Sleep,
}

impl LocalGenerator {
    /// Sends from the placement's core for the generator. A core that is shared with the subject
    /// is never spun on: that would be load.
    #[must_use]
    pub fn new(placement: Placement, pacing: Pacing, stop: StopFlag, live: Arc<LiveView>) -> Self {
        let spin = spin_window(pacing, &placement.generator, placement.shared);
        Self { placement, spin, waits: Wait::among_others(spin), stop, live }
    }

    /// How it waits for the next send, as of its last trial.
    #[must_use]
    pub fn waits(&self) -> Wait {
        self.waits
    }

    fn refused(&self, refused: &Refused, to: &Endpoint) -> GeneratorError {
        if self.stop.is_raised() {
            return GeneratorError {
                problem: "stopped before the first request".to_owned(),
                hint: String::new(),
            };
        }
        let hint = match refused {
            Refused::Kernel(_) => {
                "Linux 5.11 or newer is needed, and a free file descriptor (ulimit -n)"
            }
            Refused::Unsendable(_) => "change the request's headers",
            Refused::SetUp { .. } => {
                "look at what listens there; with too many open files, raise their limit (ulimit -n)"
            }
        };
        GeneratorError { problem: format!("{}: {refused}", to.address), hint: hint.to_owned() }
    }
}

/// How to wait on these cores. A core that is shared with others who need it is never spun on: that
/// would be load. For hybrid pacing it is measured on the first core.
#[must_use]
pub fn spin_window(pacing: Pacing, cores: &[usize], shared: bool) -> SpinWindow {
    match pacing {
        _ if shared => SpinWindow::NONE,
        Pacing::Spin => SpinWindow::ALWAYS,
        Pacing::Hybrid => {
            let first = cores.first().map_or(cores, std::slice::from_ref);
            on_own_thread(first, || calibrate(&MonotonicClock::start()))
        }
        Pacing::Sleep => SpinWindow::NONE,
    }
}

impl Generator for LocalGenerator {
    fn run(&mut self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        self.live.clear();
        let crew = Crew {
            cores: self.placement.generator.clone(),
            spin: self.spin,
            stop: self.stop.clone(),
            live: Some(Arc::clone(&self.live)),
        };
        let mix = Mix::of_load(&spec.load, spec.seed).map_err(|bad| GeneratorError {
            problem: format!("the load's requests: {bad}"),
            hint: "look at `load.request` in the scenario".to_owned(),
        })?;
        let job =
            Job { mix: Arc::new(mix), ..job(&spec.load, to, open_loop(&spec.load, spec.seed)) };
        match engine::run(&job, &crew) {
            Ok(done) => {
                self.waits = done.waits;
                Ok(record(spec, done))
            }
            Err(refused) => Err(self.refused(&refused, to)),
        }
    }
}

/// A load's first request at an endpoint, over plain HTTP/1.1 with its connections and limits.
pub(crate) fn job(load: &LoadSpec, to: &Endpoint, offer: Offer) -> Job {
    Job {
        target: Target {
            route: Route::Tcp(Addresses::new(vec![to.address])),
            authority: to.host.clone(),
            tunnel: None,
            tls: None,
            protocol: Protocol::Http1,
            keeping: Keeping::Alive,
        },
        mix: Arc::new(Mix::of_scenario(load.request())),
        offer,
        warm_up: load.warm_up,
        duration: load.duration,
        connections: load.connections,
        max_in_flight: load.max_in_flight,
        timeout: load.timeout,
    }
}

/// A load's own schedule, warm-up included.
pub(crate) fn open_loop(load: &LoadSpec, seed: u64) -> Offer {
    let profile = Profile::steady(load.rate, load.duration).after_warm_up(load.warm_up);
    Offer::Along { arrivals: load.arrivals, profile, seed }
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

#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a trial stay far below 2^52")]
fn record(spec: &TrialSpec, done: Done) -> TrialRecord {
    let Done { recorded, report, usage, steal_percent, .. } = done;
    TrialRecord {
        block: spec.block,
        position: spec.position,
        variant: spec.variant.clone(),
        counts: recorded.counts,
        latencies: recorded.latencies,
        slices: recorded.slices,
        generator: GeneratorReport {
            connections_opened: recorded.connections.opened,
            connection_setup_max_us: report.set_up_max as f64 / 1e3,
            warm_up_requests: recorded.warm_up_requests,
            warm_up_answers: recorded.warm_up_answers,
            warm_up_denied: recorded.warm_up_denied,
            cpu_percent: usage.iter().map(|usage| usage.percent()).fold(0.0, f64::max),
            steal_percent,
            in_flight_max: report.in_flight_max,
            bytes_received: recorded.bytes_received,
            stopped_early: report.stopped_early,
            window_s: recorded.window_s,
        },
    }
}
