//! A trial's or a drive's load, sent by one worker a core, each on a thread of its own, and what
//! they recorded put together. Knows no variant, no testbed and no command line.

use std::sync::Arc;
use std::time::Duration;

use bench::clock::{Nanos, nanos_of};
use bench::seams::StopFlag;
use scenarios::load::Arrivals;

use crate::http2::Unsendable;
use crate::live::LiveView;
use crate::machine::{StealTicks, pin, thread_cpu_time};
use crate::pace::{MonotonicClock, SpinWindow, Wait, sharpen_timers};
use crate::precedence::Precedence;
use crate::recorder::{Recorded, Recorder};
use crate::requests::Mix;
use crate::schedule::{Profile, Schedule};
use crate::start_line::StartLine;
use crate::transport::epoll::EpollTransport;
use crate::transport::http1::RequestWriter;
use crate::transport::target::{Keeping, Protocol, Target};
use crate::transport::{Calls, Http2Writer, TlsFigures, Writer};
use crate::worker::{self, Demand, Limits, LoopReport, SetUpFailed};

/// For all connections of a trial to open.
pub const SET_UP_WITHIN: Duration = Duration::from_secs(10);

/// What is to be sent.
#[derive(Debug, Clone)]
pub struct Job {
    /// Where to.
    pub target: Target,
    /// What.
    pub mix: Arc<Mix>,
    /// When.
    pub offer: Offer,
    /// Sent first, and left out of every figure.
    pub warm_up: Duration,
    /// The measured window behind it.
    pub duration: Duration,
    /// Over all workers of all processes.
    pub connections: u32,
    /// Over all workers of all processes.
    pub max_in_flight: u32,
    /// From its intended send time until a request is given up.
    pub timeout: Duration,
}

/// When requests are due, warm-up included.
#[derive(Debug, Clone)]
pub enum Offer {
    /// By an arrival process along a profile of rates.
    Along {
        /// Spacing.
        arrivals: Arrivals,
        /// Rates.
        profile: Profile,
        /// For a random process.
        seed: u64,
    },
    /// One by one, in nanoseconds from the start.
    Trace(Arc<[u64]>),
    /// Whenever a slot is free.
    Closed,
}

impl Job {
    fn span(&self) -> Duration {
        self.warm_up + self.duration
    }

    fn writer(&self) -> Result<Writer, Unsendable> {
        let (mix, authority) = (Arc::clone(&self.mix), &self.target.authority);
        match self.target.protocol {
            Protocol::Http1 => {
                let closes = self.target.keeping == Keeping::EachRequest;
                Ok(Writer::Http1(RequestWriter::new(mix, authority, closes)))
            }
            Protocol::Http2 { grpc, .. } => {
                let tls = self.target.tls.is_some();
                Ok(Writer::Http2(Http2Writer::new(mix, authority, tls, grpc)?))
            }
        }
    }

    /// What falls to a worker of those of all processes.
    fn demand(&self, worker: (u32, u32)) -> Demand {
        match &self.offer {
            Offer::Along { arrivals, profile, seed } => Demand::Open(
                Schedule::along(*arrivals, profile.clone(), *seed).part(worker.0, worker.1),
            ),
            Offer::Trace(offsets) => Demand::Open(
                Schedule::trace(Arc::clone(offsets), self.span()).part(worker.0, worker.1),
            ),
            Offer::Closed => Demand::Closed { end: nanos_of(self.span()), worker },
        }
    }
}

/// Who sends.
#[derive(Debug, Clone)]
pub struct Crew {
    /// A worker for each, pinned to it; one worker that is not pinned when there is none.
    pub cores: Vec<usize>,
    /// How each waits.
    pub spin: SpinWindow,
    /// A wish to stop.
    pub stop: StopFlag,
    /// For a display.
    pub live: Option<Arc<LiveView>>,
}

impl Crew {
    /// How many workers it has.
    #[must_use]
    pub fn workers(&self) -> usize {
        self.cores.len().max(1)
    }

    /// How the worker that calls this waits. Only one with a core of its own and a schedule to keep
    /// goes before others: a closed loop keeps its core busy.
    fn wait(&self, offer: &Offer, now: Nanos) -> Wait {
        match offer {
            Offer::Closed => Wait::among_others(self.spin),
            _ if self.cores.is_empty() => Wait::among_others(self.spin),
            Offer::Along { .. } | Offer::Trace(_) => Wait::before_others(self.spin, now),
        }
    }
}

/// What came of it.
#[derive(Debug, Clone)]
pub struct Done {
    /// What was recorded, of all workers.
    pub recorded: Recorded,
    /// What the loops say of themselves: the worst of each.
    pub report: LoopReport,
    /// What each worker used.
    pub usage: Vec<Usage>,
    /// Time that the hypervisor took from all cores, 0 to 100.
    pub steal_percent: f64,
    /// System calls of all workers' transports.
    pub calls: Calls,
    /// TLS as it was negotiated.
    pub tls: Option<TlsFigures>,
    /// The last failure in words.
    pub problem: Option<String>,
    /// How the workers waited, at the end.
    pub waits: Wait,
}

/// What a worker used from its first connection to its last answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Usage {
    /// CPU.
    pub cpu: Duration,
    /// Wall time.
    pub wall: Duration,
}

impl Usage {
    /// CPU as a share of the wall time, in percent.
    #[must_use]
    pub fn percent(self) -> f64 {
        let wall = self.wall.as_secs_f64();
        if wall > 0.0 { 100.0 * self.cpu.as_secs_f64() / wall } else { 0.0 }
    }
}

/// Why nothing was sent.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The kernel has no way to wait on sockets for us.
    #[error("the kernel refused to wait on sockets: {0}")]
    Kernel(#[from] std::io::Error),
    /// A request has fields that the protocol can not carry.
    #[error("the request can not be sent with HTTP/2: {0}")]
    Unsendable(#[from] Unsendable),
    /// Not all connections could be opened.
    #[error("{} of {} connections opened within {} s; last failure: {words}",
            failed.opened, failed.wanted, SET_UP_WITHIN.as_secs())]
    SetUp {
        /// How far it came.
        failed: SetUpFailed,
        /// What went wrong last.
        words: String,
    },
}

/// How a process stands among those that send the same job.
#[derive(Debug, Clone, Copy)]
pub struct Among<'a> {
    /// Which of them it is, from 0, and how many there are.
    pub share: (u32, u32),
    /// What its workers' instants are told by.
    pub clock: MonotonicClock,
    /// For its workers.
    pub line: &'a StartLine,
}

/// Sends it all, and waits for the last answer.
pub fn run(job: &Job, crew: &Crew) -> Result<Done, Refused> {
    let line = StartLine::new(crew.workers());
    run_among(job, crew, Among { share: (0, 1), clock: MonotonicClock::start(), line: &line })
}

/// Sends this process's share of it, and waits for the last answer.
pub fn run_among(job: &Job, crew: &Crew, among: Among<'_>) -> Result<Done, Refused> {
    let steal = StealTicks::read();
    let cores: Vec<&[usize]> = match crew.cores.as_slice() {
        [] => vec![&[]],
        cores => cores.chunks(1).collect(),
    };
    let of = u32::try_from(cores.len()).expect("fewer workers than 2^32");
    let results: Vec<Result<Done, Refused>> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..of)
            .zip(&cores)
            .map(|(number, cores)| {
                scope.spawn(move || {
                    // Not pinned is not wrong, only noisier; what was asked is in the results.
                    let _ = pin(cores);
                    sharpen_timers();
                    one_worker(job, crew, (number, of), among)
                })
            })
            .collect();
        threads
            .into_iter()
            .map(|thread| match thread.join() {
                Ok(result) => result,
                Err(panic) => std::panic::resume_unwind(panic),
            })
            .collect()
    });
    let mut done = merge(results)?;
    done.steal_percent = StealTicks::read().percent_since(steal);
    Ok(done)
}

/// One of `of` equal parts; the first ones take what is left.
fn part(whole: u32, (number, of): (u32, u32)) -> u32 {
    whole / of + u32::from(number < whole % of)
}

/// A worker's place among those of all processes: every process's share is dealt over its workers as
/// the whole is dealt over the processes, so that they need not have equally many.
fn dealt(share: (u32, u32), worker: (u32, u32)) -> (u32, u32) {
    (share.0 + share.1 * worker.0, share.1 * worker.1)
}

fn one_worker(
    job: &Job,
    crew: &Crew,
    worker: (u32, u32),
    Among { share, clock, line }: Among<'_>,
) -> Result<Done, Refused> {
    let begun = (clock.now(), thread_cpu_time());
    let window = nanos_of(job.warm_up)..nanos_of(job.span());
    let kinds = job.mix.kinds().len();
    let live = crew.live.as_ref().map(|live| live.writer());
    let mut recorder = Recorder::new(window, kinds, live);
    let writer = job.writer().inspect_err(|_| line.failed())?;
    let connections = part(part(job.connections, share), worker).max(1);
    let target = job.target.clone();
    let wait = crew.wait(&job.offer, clock.now());
    let transport = EpollTransport::new(clock, wait, target, writer, connections);
    let mut transport = transport.inspect_err(|_| line.failed())?;
    let limits = Limits {
        slots: connections * job.target.protocol.streams(),
        max_in_flight: part(part(job.max_in_flight, share), worker).max(1),
        timeout: job.timeout,
        set_up_within: SET_UP_WITHIN,
    };
    let work = (job.demand(dealt(share, worker)), job.mix.as_ref());
    let report = worker::run(&mut transport, work, &mut recorder, limits, (&crew.stop, line));
    let report = report.map_err(|failed| {
        let words = match (transport.problem(), failed.failure) {
            (Some(words), _) => words.to_owned(),
            (None, Some(failure)) => failure.key().to_owned(),
            (None, None) => "no answer".to_owned(),
        };
        Refused::SetUp { failed, words }
    })?;
    let usage = Usage {
        wall: Duration::from_nanos(clock.now().since(begun.0)),
        cpu: thread_cpu_time().saturating_sub(begun.1),
    };
    Ok(Done {
        recorded: recorder.finish(),
        report,
        usage: vec![usage],
        steal_percent: 0.0,
        calls: transport.calls(),
        tls: transport.tls().cloned(),
        problem: transport.problem().map(str::to_owned),
        waits: transport.waits(),
    })
}

/// All workers' results as one, or the first failure.
fn merge(results: Vec<Result<Done, Refused>>) -> Result<Done, Refused> {
    let mut whole: Option<Done> = None;
    for result in results {
        let one = result?;
        match &mut whole {
            None => whole = Some(one),
            Some(whole) => whole.add(one),
        }
    }
    Ok(whole.expect("there is at least one worker"))
}

impl Done {
    fn add(&mut self, other: Self) {
        self.recorded.merge(&other.recorded);
        self.report.set_up_max = self.report.set_up_max.max(other.report.set_up_max);
        self.report.in_flight_max += other.report.in_flight_max;
        self.report.barred += other.report.barred;
        self.report.stopped_early |= other.report.stopped_early;
        self.report.first_late = self.report.first_late.max(other.report.first_late);
        self.usage.extend(other.usage);
        // Where only some go before others, that is what is to be said.
        if !matches!(other.waits.precedence, Precedence::Held(_)) {
            self.waits = other.waits;
        }
        self.calls.add(other.calls);
        self.tls = self.tls.take().or(other.tls);
        self.problem = self.problem.take().or(other.problem);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_of_the_workers_are_the_whole() {
        for whole in 1..40 {
            for of in 1..=whole {
                let parts: Vec<u32> = (0..of).map(|number| part(whole, (number, of))).collect();
                assert_eq!(parts.iter().sum::<u32>(), whole);
                assert!(
                    parts.iter().max().zip(parts.iter().min()).is_some_and(|(a, b)| a - b <= 1)
                );
            }
        }
    }

    proptest::proptest! {
        #[test]
        fn the_shares_of_all_workers_of_all_processes_are_the_single_schedule(
            millis in 1_u64..1_500,
            per_second in 1.0_f64..3_000.0,
            seed: u64,
            poisson: bool,
            workers in proptest::collection::vec(1_u32..4, 1..6),
        ) {
            let arrivals = if poisson { Arrivals::Poisson } else { Arrivals::Constant };
            let rate = scenarios::units::RatePerSecond::new(per_second).expect("in range");
            let whole = Schedule::new(arrivals, rate, Duration::from_millis(millis), seed);
            let processes = u32::try_from(workers.len()).expect("a few");
            let mut all = Vec::new();
            for (process, of) in (0..).zip(&workers) {
                for number in 0..*of {
                    let place = dealt((process, processes), (number, *of));
                    all.extend(whole.clone().part(place.0, place.1));
                }
            }
            // Each has its place in the whole: none is missing, and none is there twice.
            all.sort_unstable();
            proptest::prop_assert_eq!(all, whole.collect::<Vec<_>>());
        }
    }
}
