//! A generator on this machine: one thread on a core of its own that runs the open loop. Does not
//! know which testbed or variant it sends to.

use std::sync::Arc;

use bench::part::TrialPart;
use bench::record::Placement;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::trial::{GeneratorReport, TrialRecord, TrialSpec};

use scenarios::load::LoadSpec;

use crate::engine::{self, Crew, Done, Job, Offer, Refused};
use crate::live::LiveView;
use crate::machine::pin;
use crate::pace::{MonotonicClock, SpinWindow, Wait, calibrate, sharpen_timers};
use crate::recorder::Recorded;
use crate::requests::{BadMix, Mix};
use crate::schedule::{Profile, Schedule};
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
        let hint = hint(refused).to_owned();
        GeneratorError { problem: format!("{}: {refused}", to.address), hint }
    }
}

/// What to do about it.
pub(crate) fn hint(refused: &Refused) -> &'static str {
    match refused {
        Refused::Kernel(_) => {
            "Linux 5.11 or newer is needed, and a free file descriptor (ulimit -n)"
        }
        Refused::Unsendable(_) => "change the request's headers",
        Refused::SetUp { .. } => {
            "look at what listens there; with too many open files, raise their limit (ulimit -n)"
        }
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
        let job = trial_job(&spec.load, to, spec.seed).map_err(|bad| GeneratorError {
            problem: format!("the load's requests: {bad}"),
            hint: "look at `load.request` in the scenario".to_owned(),
        })?;
        match engine::run(&job, &crew) {
            Ok(done) => {
                self.waits = done.waits;
                Ok(part_of(done).into_record(spec))
            }
            Err(refused) => Err(self.refused(&refused, to)),
        }
    }
}

/// A trial's requests at an endpoint, by its own schedule.
pub(crate) fn trial_job(load: &LoadSpec, to: &Endpoint, seed: u64) -> Result<Job, BadMix> {
    let mix = Arc::new(Mix::of_load(load, seed)?);
    Ok(Job { mix, ..job(load, to, open_loop(load, seed)) })
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
    Offer::Along { arrivals: load.arrivals, profile: profile(load), seed }
}

/// The same as the requests themselves.
pub(crate) fn schedule(load: &LoadSpec, seed: u64) -> Schedule {
    Schedule::along(load.arrivals, profile(load), seed)
}

fn profile(load: &LoadSpec) -> Profile {
    Profile::steady(load.rate, load.duration).after_warm_up(load.warm_up)
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

/// What a process sent of a trial, in the form in which parts are added up.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "nanoseconds of a trial stay far below 2^52")]
pub fn part_of(done: Done) -> TrialPart {
    let Done { recorded, report, usage, steal_percent, .. } = done;
    let part = recorded_part(recorded);
    let generator = GeneratorReport {
        connection_setup_max_us: report.set_up_max as f64 / 1e3,
        cpu_percent: usage.iter().map(|usage| usage.percent()).fold(0.0, f64::max),
        steal_percent,
        in_flight_max: report.in_flight_max,
        stopped_early: report.stopped_early,
        ..part.generator
    };
    TrialPart { generator, ..part }
}

/// The same of a recorder alone.
#[must_use]
pub fn recorded_part(recorded: Recorded) -> TrialPart {
    TrialPart {
        generator: GeneratorReport {
            connections_opened: recorded.connections.opened,
            warm_up_requests: recorded.warm_up_requests,
            warm_up_answers: recorded.warm_up_answers,
            warm_up_denied: recorded.warm_up_denied,
            bytes_received: recorded.bytes_received,
            window_s: recorded.window_s,
            ..GeneratorReport::default()
        },
        counts: recorded.counts,
        latencies: recorded.latencies,
        slices: recorded.slices,
    }
}
