//! One trial over all agents of a fleet: prepared together, started at one instant, brought back
//! and added up. An agent that can not be prepared ends the run before a request is sent; one that
//! is lost later costs the trial, which is kept and rejected with the reason. Knows the order of
//! messages on this side.

use std::time::Duration;

use bench::clock::{Nanos, nanos_of};
use bench::part::TrialPart;
use bench::record::AgentRecord;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::summary::micros;
use bench::trial::{AgentReport, TrialRecord, TrialSpec};
use rustls::ClientConfig;

use super::channel::{Broken, Channel, PATIENCE};
use super::credentials::Coordinator;
use super::fleet::{AgentAt, Fleet};
use super::message::{
    About, Brought, FromAgent, Greeting, Hello, LONGEST_FROM_AGENT, Order, ToAgent,
};
use super::offset::{Offset, RoundTrip};
use crate::engine::SET_UP_WITHIN;
use crate::generator::schedule;
use crate::pace::MonotonicClock;

/// Round trips for a clock's offset: of so many the shortest was undisturbed.
const ROUND_TRIPS: usize = 24;
/// From the agreement on a start until the start, besides what the messages take.
const LEAD: Duration = Duration::from_millis(100);
/// An agent's set-up is over by then, one way or the other.
const READY_WITHIN: Duration = SET_UP_WITHIN.saturating_add(Duration::from_secs(5));
/// From the end of the last request's patience until the record is there.
const RECORD_WITHIN: Duration = Duration::from_secs(10);
/// Between two looks at whether to stop.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// Tries to prepare a trial: nothing was sent yet, and an agent that ended is started again.
const MOST_TRIES: u32 = 3;
/// Clocks that are known no better than this can not start together.
const CLOCKS_WITHIN: Duration = Duration::from_millis(20);

/// Sends through agents.
pub struct RemoteGenerator {
    fleet: Box<dyn Fleet>,
    own: Coordinator,
    clock: MonotonicClock,
    stop: StopFlag,
    lead: Duration,
    patience: Duration,
    seen: Vec<AgentRecord>,
}

/// An agent whose connections are open.
struct Prepared {
    at: AgentAt,
    about: About,
    channel: Channel,
    offset: Offset,
}

/// What one brought back.
struct Returned {
    part: TrialPart,
    report: AgentReport,
    pacing: String,
}

/// Why a trial could not be prepared.
struct NotPrepared {
    error: GeneratorError,
    /// Whether an agent is gone, so that another try may meet another one.
    gone: bool,
}

impl From<GeneratorError> for NotPrepared {
    fn from(error: GeneratorError) -> Self {
        Self { error, gone: false }
    }
}

/// Requests that fall to an agent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Share {
    warm_up: u64,
    window: u64,
}

impl RemoteGenerator {
    /// Through the agents of that fleet, whose certificates are of the same CA.
    #[must_use]
    pub fn new(fleet: Box<dyn Fleet>, own: Coordinator, stop: StopFlag) -> Self {
        let clock = MonotonicClock::since_boot();
        Self { fleet, own, clock, stop, lead: LEAD, patience: RECORD_WITHIN, seen: Vec::new() }
    }

    /// The same, with more time or less for the agents to hear of a start.
    #[must_use]
    pub fn with_lead(self, lead: Duration) -> Self {
        Self { lead, ..self }
    }

    /// The same, with more patience or less for records once the last request is over.
    #[must_use]
    pub fn with_patience(self, patience: Duration) -> Self {
        Self { patience, ..self }
    }

    /// The agents, as they were in the last trial; none before the first.
    #[must_use]
    pub fn agents(&self) -> &[AgentRecord] {
        &self.seen
    }

    /// In words, for the provenance.
    #[must_use]
    pub fn describe(&self) -> String {
        let places: Vec<String> =
            self.seen.iter().map(|agent| format!("{} at {}", agent.name, agent.address)).collect();
        match places.as_slice() {
            [] => "none was seen yet".to_owned(),
            places => format!("{}: {}", places.len(), places.join(", ")),
        }
    }

    /// All agents with their connections open and their clocks known.
    fn prepare(
        &mut self,
        spec: &TrialSpec,
        to: &Endpoint,
    ) -> Result<Vec<Prepared>, GeneratorError> {
        let mut tries = 1;
        loop {
            match self.try_to_prepare(spec, to) {
                Ok(all) => return Ok(all),
                Err(not) if not.gone && tries < MOST_TRIES && !self.stop.is_raised() => tries += 1,
                Err(not) => return Err(not.error),
            }
        }
    }

    /// The first failure calls it off for all.
    fn try_to_prepare(
        &mut self,
        spec: &TrialSpec,
        to: &Endpoint,
    ) -> Result<Vec<Prepared>, NotPrepared> {
        let agents = self.fleet.ready()?;
        let of = u32::try_from(agents.len()).unwrap_or(u32::MAX);
        let orders = (0..of).map(|number| Order::of(spec, to, (number, of)));
        let (clock, stop) = (self.clock, &self.stop);
        let mut configs = Vec::with_capacity(agents.len());
        for agent in &agents {
            configs.push(self.own.towards(&agent.name).map_err(|error| GeneratorError {
                problem: format!("{}: {error}", agent.name),
                hint: String::new(),
            })?);
        }
        let prepared: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = agents
                .iter()
                .zip(configs)
                .zip(orders)
                .map(|((at, config), order)| {
                    scope.spawn(move || prepared(at, config, order, (clock, stop)))
                })
                .collect();
            threads.into_iter().map(joined).collect()
        });
        let mut all = Vec::with_capacity(prepared.len());
        for (agent, prepared) in agents.iter().zip(prepared) {
            all.push(prepared.map_err(|lost| self.not_prepared(agent, lost))?);
        }
        Ok(all)
    }

    fn not_prepared(&mut self, agent: &AgentAt, lost: Lost) -> NotPrepared {
        if self.stop.is_raised() {
            let problem = "stopped before the first request".to_owned();
            return GeneratorError { problem, hint: String::new() }.into();
        }
        let fate = lost.gone.then(|| self.fleet.fate(&agent.name)).flatten();
        let problem = format!("{} at {}: {}", agent.name, agent.address, lost.with(fate));
        NotPrepared { error: GeneratorError { problem, hint: lost.hint }, gone: lost.gone }
    }

    /// What each brought back, or what became of it.
    fn send(&self, all: Vec<Prepared>, spec: &TrialSpec) -> Vec<Result<Returned, (String, Lost)>> {
        let slowest = all.iter().map(|agent| agent.offset.within_ns).max().unwrap_or(0);
        let lead = self.lead + Duration::from_nanos(slowest) * 8;
        let trial = Trial {
            start: self.clock.now().plus(lead),
            lasts: spec.load.warm_up + spec.load.duration,
            timeout: spec.load.timeout,
            patience: self.patience,
            clock: self.clock,
            stop: &self.stop,
            lost: StopFlag::default(),
        };
        std::thread::scope(|scope| {
            let trial = &trial;
            let threads: Vec<_> = all
                .into_iter()
                .map(|agent| {
                    scope.spawn(move || {
                        let name = agent.at.name.clone();
                        // What is left of a trial without an agent's part is no trial.
                        trial.of(agent).map_err(|lost| {
                            trial.lost.raise();
                            (name, lost)
                        })
                    })
                })
                .collect();
            threads.into_iter().map(joined).collect()
        })
    }
}

impl Generator for RemoteGenerator {
    fn run(&mut self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        let all = self.prepare(spec, to)?;
        let shares = shares(spec, all.len());
        self.seen = all.iter().map(Prepared::record).collect();
        let mut parts = Vec::with_capacity(all.len());
        let (mut reports, mut lost) = (Vec::new(), Vec::new());
        let returned = self.send(all, spec);
        for ((returned, share), seen) in returned.into_iter().zip(shares).zip(0..) {
            match returned {
                Ok(Returned { part, report, pacing }) => {
                    lost.extend(other_load(&report.name, &part, share));
                    lost.extend(clock_unknown(&report));
                    self.seen[seen].pacing = pacing;
                    reports.push(report);
                    parts.push(part);
                }
                Err((name, why)) => {
                    let fate = why.gone.then(|| self.fleet.fate(&name)).flatten();
                    lost.push(format!("{name}: {}", why.with(fate)));
                }
            }
        }
        let mut whole = TrialPart::sum(&parts);
        whole.generator.agents = reports;
        whole.generator.agents_lost = lost;
        Ok(whole.into_record(spec))
    }
}

impl Prepared {
    fn record(&self) -> AgentRecord {
        let About { hello, git, opt_level, kernel, cpu, cores } = self.about.clone();
        AgentRecord {
            name: self.at.name.clone(),
            address: self.at.address.to_string(),
            loadgen: hello.loadgen,
            git,
            opt_level,
            kernel,
            cpu,
            cores,
            pacing: String::new(),
        }
    }
}

/// Why an agent is of no more use.
#[derive(Debug)]
pub(super) struct Lost {
    pub(super) why: String,
    pub(super) hint: String,
    /// Whether it may be gone altogether.
    gone: bool,
}

impl Lost {
    fn because(why: impl Into<String>) -> Self {
        Self { why: why.into(), hint: String::new(), gone: false }
    }

    pub(super) fn unexpected(message: &FromAgent) -> Self {
        match message {
            FromAgent::Refused { problem, hint } => {
                Self { hint: hint.clone(), ..Self::because(format!("it refused: {problem}")) }
            }
            FromAgent::Hello(_) => Self::because("a message `hello` where none is expected"),
            FromAgent::Ready => Self::because("a message `ready` where none is expected"),
            FromAgent::Observed(_) => Self::because("an answer to what was not asked"),
            FromAgent::Clock { .. } => Self::because("a message `clock` where none is expected"),
            FromAgent::Started { .. } => {
                Self::because("a message `started` where none is expected")
            }
            FromAgent::Record(_) => Self::because("a record of a trial that was not started"),
        }
    }

    fn with(&self, fate: Option<String>) -> String {
        match fate {
            Some(fate) => format!("{} ({fate})", self.why),
            None => self.why.clone(),
        }
    }
}

impl From<Broken> for Lost {
    fn from(broken: Broken) -> Self {
        let gone = matches!(broken, Broken::Closed | Broken::Late(_) | Broken::Io(_));
        Self { gone, ..Self::because(broken.to_string()) }
    }
}

/// Connects to an agent and greets it.
pub(super) fn greeted(
    at: &AgentAt,
    config: std::sync::Arc<ClientConfig>,
) -> Result<(Channel, About), Lost> {
    let mut channel = Channel::connect(at.address, config, LONGEST_FROM_AGENT)?;
    channel.say(&Greeting { hello: Hello::ours() })?;
    let about = match channel.hear(PATIENCE)? {
        FromAgent::Hello(about) => *about,
        other => return Err(Lost::unexpected(&other)),
    };
    about.hello.check("agent").map_err(Lost::because)?;
    Ok((channel, about))
}

/// Greets an agent, hands the order over, waits for its connections, and looks at its clock.
fn prepared(
    at: &AgentAt,
    config: std::sync::Arc<ClientConfig>,
    order: Order,
    (clock, stop): (MonotonicClock, &StopFlag),
) -> Result<Prepared, Lost> {
    let (mut channel, about) = greeted(at, config)?;
    channel.say(&ToAgent::Trial(Box::new(order)))?;
    let deadline = clock.now().plus(READY_WITHIN);
    loop {
        match channel.listen(LOOK_AGAIN)? {
            Some(FromAgent::Ready) => break,
            Some(other) => return Err(Lost::unexpected(&other)),
            None if stop.is_raised() => return Err(Lost::because("stopped")),
            None if clock.now() >= deadline => return Err(Broken::Late(READY_WITHIN).into()),
            None => {}
        }
    }
    let offset = offset(&mut channel, clock)?;
    Ok(Prepared { at: at.clone(), about, channel, offset })
}

/// The agent's clock − ours.
fn offset(channel: &mut Channel, clock: MonotonicClock) -> Result<Offset, Lost> {
    let mut trips = Vec::with_capacity(ROUND_TRIPS);
    for _ in 0..ROUND_TRIPS {
        let asked = clock.now().0;
        channel.say(&ToAgent::Clock)?;
        match channel.hear(PATIENCE)? {
            FromAgent::Clock { now_ns: told } => {
                trips.push(RoundTrip { asked, told, heard: clock.now().0 });
            }
            other => return Err(Lost::unexpected(&other)),
        }
    }
    Offset::of(&trips).ok_or_else(|| Lost::because("its clock was not looked at"))
}

/// A trial that is about to start, the same for all its agents. Instants are of our clock.
struct Trial<'a> {
    start: Nanos,
    /// Warm-up and window.
    lasts: Duration,
    timeout: Duration,
    /// For the record after that.
    patience: Duration,
    clock: MonotonicClock,
    /// Somebody's wish.
    stop: &'a StopFlag,
    /// An agent is lost: the others need not go on.
    lost: StopFlag,
}

impl Trial<'_> {
    fn of(&self, agent: Prepared) -> Result<Returned, Lost> {
        let Prepared { at, mut channel, offset: before, .. } = agent;
        channel.say(&ToAgent::Start { at_ns: before.theirs(self.start.0) })?;
        let lead_ns = match channel.hear(PATIENCE)? {
            FromAgent::Started { lead_ns } => lead_ns,
            other => return Err(Lost::unexpected(&other)),
        };
        let Brought { part, first_late_ns, pacing } = self.brought(&mut channel)?;
        // What was sent is sent: a clock that is not told again changes nothing of it.
        let after = offset(&mut channel, self.clock).ok();
        channel.close();
        let lag = &part.latencies.pacing_lag;
        let report = AgentReport {
            name: at.name,
            clock_offset_us: signed_micros(before.ahead_ns),
            clock_uncertainty_us: micros(before.within_ns),
            clock_drift_us: after
                .map(|after| signed_micros(after.ahead_ns.saturating_sub(before.ahead_ns))),
            start_lead_us: micros(lead_ns),
            start_late_us: first_late_ns.map(micros),
            requests: part.counts.offered,
            pacing_lag_p99_us: lag.at_quantile(0.99).map(micros),
            pacing_lag_max_us: lag.max().map(micros),
            connections_opened: part.generator.connections_opened,
            cpu_percent: part.generator.cpu_percent,
            steal_percent: part.generator.steal_percent,
            in_flight_max: part.generator.in_flight_max,
        };
        Ok(Returned { part, report, pacing })
    }

    /// Waits for the record, and passes a wish to stop on, once.
    fn brought(&self, channel: &mut Channel) -> Result<Brought, Lost> {
        let latest = self.start.plus(self.lasts + self.timeout + self.patience);
        let mut stopped_at = None;
        loop {
            match channel.listen(LOOK_AGAIN)? {
                Some(FromAgent::Record(brought)) => return Ok(*brought),
                Some(other) => return Err(Lost::unexpected(&other)),
                None => {}
            }
            let now = self.clock.now();
            if stopped_at.is_none() && (self.stop.is_raised() || self.lost.is_raised()) {
                channel.say(&ToAgent::Stop)?;
                stopped_at = Some(now);
            }
            let latest = stopped_at.map_or(latest, |at: Nanos| latest.min(at.plus(self.patience)));
            if now > latest {
                let late = Duration::from_nanos(now.since(self.start));
                return Err(Lost {
                    gone: true,
                    ..Lost::because(format!(
                        "no record of it came within {:.1} s of the start",
                        late.as_secs_f64()
                    ))
                });
            }
        }
    }
}

/// What falls to each agent, by the schedule itself.
fn shares(spec: &TrialSpec, of: usize) -> Vec<Share> {
    let mut shares = vec![Share::default(); of];
    let warm_up = nanos_of(spec.load.warm_up);
    let agents = (0..of).cycle();
    for (due, agent) in schedule(&spec.load, spec.seed).zip(agents) {
        let share = &mut shares[agent];
        let count = if due.at.offset() < warm_up { &mut share.warm_up } else { &mut share.window };
        *count += 1;
    }
    shares
}

/// An agent that sent something else than its share spoils the trial, unless it was stopped.
fn other_load(name: &str, part: &TrialPart, share: Share) -> Option<String> {
    let sent = Share { warm_up: part.generator.warm_up_requests, window: part.counts.offered };
    (!part.generator.stopped_early && sent != share).then(|| {
        format!(
            "{name}: it offered {} + {} requests in warm-up and window, its share is {} + {}",
            sent.warm_up, sent.window, share.warm_up, share.window
        )
    })
}

fn clock_unknown(report: &AgentReport) -> Option<String> {
    let allowed_us = CLOCKS_WITHIN.as_secs_f64() * 1e6;
    (report.clock_uncertainty_us > allowed_us).then(|| {
        format!(
            "{}: its clock is known to ± {:.0} µs only, ± {allowed_us:.0} µs is allowed",
            report.name, report.clock_uncertainty_us
        )
    })
}

/// Nanoseconds either way as microseconds.
fn signed_micros(nanos: i64) -> f64 {
    let micros = micros(nanos.unsigned_abs());
    if nanos < 0 { -micros } else { micros }
}

fn joined<T>(thread: std::thread::ScopedJoinHandle<'_, T>) -> T {
    match thread.join() {
        Ok(result) => result,
        Err(panic) => std::panic::resume_unwind(panic),
    }
}
