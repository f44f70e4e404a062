//! The agent: listens for a coordinator, runs one trial for it or asks its questions, and waits for
//! the next. Whatever a peer does or leaves undone, every wait here ends, and a coordinator that goes
//! away ends its trial. Knows the order of messages on this side; what is sent is the engine's affair.

use std::io;
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bench::clock::Nanos;
use bench::seams::StopFlag;
use identity::SpiffeId;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use testbed::impostor;
use testbed::probe::{self, Observed};

use super::channel::{Broken, Channel};
use super::credentials::AgentCredentials;
use super::limits::AgentLimits;
use super::message::{
    About, Brought, FromAgent, Greeting, LONGEST_TO_AGENT, Order, ProbeOrder, ToAgent,
};
use crate::engine::{self, Among, Crew, Done, Job, Refused};
use crate::generator::{hint, part_of, trial_job};
use crate::pace::{MonotonicClock, SpinWindow};
use crate::start_line::{Readiness, StartLine};

/// Between two looks at whether to end.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// For the next message of a coordinator that is at it.
const NEXT_MESSAGE: Duration = Duration::from_secs(10);
/// From the last connection's opening until the start is known: other agents are slower.
const WORD_WITHIN: Duration = Duration::from_secs(30);
/// A start further off than this is a mistake.
const FURTHEST_START: Duration = Duration::from_secs(60);
/// When a trial's time is over: its last answers are looked for so often.
const ENDING: Duration = Duration::from_millis(5);

/// What an agent is.
#[derive(Debug, Clone)]
pub struct Agent {
    /// Who may ask.
    pub credentials: AgentCredentials,
    /// For what.
    pub limits: AgentLimits,
    /// What it says of itself.
    pub about: About,
    /// A worker for each core; one that is not pinned when there is none.
    pub cores: Vec<usize>,
    /// How they wait.
    pub spin: SpinWindow,
    /// By which it tells instants, to others too.
    pub clock: MonotonicClock,
}

/// Why a coordinator was sent away, or went.
#[derive(Debug, thiserror::Error)]
pub enum Ended {
    /// It can not be talked to any more.
    #[error(transparent)]
    Broken(#[from] Broken),
    /// It was told why.
    #[error("refused: {problem}")]
    Refused {
        /// Why.
        problem: String,
        /// What to do about it.
        hint: String,
    },
    /// This agent is to end.
    #[error("stopped")]
    Stopped,
}

impl Ended {
    fn refused(problem: impl Into<String>) -> Self {
        Self::Refused { problem: problem.into(), hint: String::new() }
    }
}

/// Something worth a line of the log.
#[derive(Debug)]
pub enum Happened {
    /// A trial was sent and its record taken, or questions were asked and their answers taken.
    Done(String),
    /// A coordinator left without one.
    Left(SocketAddr, Ended),
}

impl Agent {
    /// Serves one coordinator after the other until the flag is raised, or only one with `once`.
    pub fn serve(
        &self,
        listener: &TcpListener,
        once: bool,
        stop: &StopFlag,
        mut tell: impl FnMut(Happened),
    ) -> io::Result<()> {
        listener.set_nonblocking(true)?;
        while !stop.is_raised() {
            let Some((stream, from)) = next(listener)? else { continue };
            tell(match self.session(stream, stop) {
                Ok(trial) => Happened::Done(trial),
                Err(ended) => Happened::Left(from, ended),
            });
            if once {
                break;
            }
        }
        Ok(())
    }

    /// One trial, or some questions. Returns what was done.
    fn session(&self, stream: TcpStream, stop: &StopFlag) -> Result<String, Ended> {
        let tls = self.credentials.tls.clone();
        let mut channel = Channel::accept(stream, tls, LONGEST_TO_AGENT)?;
        let ended = self.attend(&mut channel, stop);
        match &ended {
            // It takes note of a reason only while it is there.
            Err(Ended::Refused { problem, hint }) => {
                let (problem, hint) = (problem.clone(), hint.clone());
                let _ = channel.say(&FromAgent::Refused { problem, hint });
            }
            Err(Ended::Broken(broken @ (Broken::Malformed(_) | Broken::TooLong(_)))) => {
                let problem = broken.to_string();
                let _ = channel.say(&FromAgent::Refused { problem, hint: String::new() });
            }
            _ => {}
        }
        channel.close();
        ended
    }

    fn attend(&self, channel: &mut Channel, stop: &StopFlag) -> Result<String, Ended> {
        self.coordinator_only(channel)?;
        let Greeting { hello } = channel.hear(NEXT_MESSAGE)?;
        hello.check("coordinator").map_err(Ended::refused)?;
        channel.say(&FromAgent::Hello(Box::new(self.about.clone())))?;
        let mut asked = 0;
        loop {
            match channel.hear(NEXT_MESSAGE) {
                Ok(ToAgent::Trial(order)) => return self.trial(&order, channel, stop),
                Ok(ToAgent::Probe(order)) => {
                    let observed = self.probe(&order).map_err(Ended::refused)?;
                    channel.say(&FromAgent::Observed(Box::new(observed)))?;
                    asked += 1;
                }
                Ok(other) => return Err(unexpected(&other)),
                // Who has asked may leave; nothing is under way.
                Err(Broken::Closed) if asked > 0 => return Ok(format!("questions asked: {asked}")),
                Err(broken) => return Err(broken.into()),
            }
        }
    }

    fn trial(
        &self,
        order: &Order,
        channel: &mut Channel,
        stop: &StopFlag,
    ) -> Result<String, Ended> {
        let job = self.job(order).map_err(Ended::refused)?;
        let brought = self.run(&job, (order.number, order.of), channel, stop)?;
        channel.say(&FromAgent::Record(Box::new(brought)))?;
        self.afterwards(channel);
        Ok(format!("{}: sent", order.trial))
    }

    /// One question, asked from here; what it is answered is for others to judge.
    fn probe(&self, order: &ProbeOrder) -> Result<Observed, String> {
        order.check()?;
        self.limits.check_target(order.address)?;
        let tls = match &order.impostor {
            None => None,
            Some(id) => {
                let id: SpiffeId = id.parse().map_err(|error| format!("{id}: {error}"))?;
                Some(impostor(&id).map_err(|error| format!("a certificate for {id}: {error}"))?)
            }
        };
        Ok(probe::ask(order.address, tls, &order.question()))
    }

    /// The CA of the run knows agents too, and none of them may ask another.
    fn coordinator_only(&self, channel: &Channel) -> Result<(), Ended> {
        let peer = channel.peer().map(identity::peer_spiffe_id);
        match peer {
            Some(Ok(id)) if id == self.credentials.coordinator => Ok(()),
            Some(Ok(id)) => Err(Ended::refused(format!("{id} is not the coordinator"))),
            _ => Err(Ended::refused("the caller does not say who it is")),
        }
    }

    fn job(&self, order: &Order) -> Result<Job, String> {
        let load = order.load()?;
        self.limits.check(&load, order.address)?;
        trial_job(&load, &order.endpoint(), order.seed).map_err(|bad| bad.to_string())
    }

    /// Sends the share, from the instant that the coordinator says.
    fn run(
        &self,
        job: &Job,
        share: (u32, u32),
        channel: &mut Channel,
        stop: &StopFlag,
    ) -> Result<Brought, Ended> {
        let (cores, spin, ending) = (self.cores.clone(), self.spin, StopFlag::default());
        let crew = Crew { cores, spin, stop: ending.clone(), live: None };
        let line = StartLine::on_word(crew.workers());
        let among = Among { share, clock: self.clock, line: &line };
        let (told, sent) = std::thread::scope(|scope| {
            let sending = scope.spawn(|| engine::run_among(job, &crew, among));
            let mut asked = Asked { agent: self, channel, line: &line, ending: &ending, stop };
            let told = asked.until_over(job, || sending.is_finished());
            if told.is_err() {
                line.call_off();
                ending.raise();
            }
            let sent = match sending.join() {
                Ok(sent) => sent,
                Err(panic) => std::panic::resume_unwind(panic),
            };
            (told, sent)
        });
        told?;
        let done = sent.map_err(|refused| refusal(job, &refused))?;
        Ok(brought(done))
    }

    /// The coordinator may look at the clock once more, and leaves.
    fn afterwards(&self, channel: &mut Channel) {
        while let Ok(ToAgent::Clock) = channel.hear(NEXT_MESSAGE) {
            if channel.say(&FromAgent::Clock { now_ns: self.clock.now().0 }).is_err() {
                return;
            }
        }
    }
}

fn refusal(job: &Job, refused: &Refused) -> Ended {
    let problem = format!("{}: {refused}", job.target.authority);
    Ended::Refused { problem, hint: hint(refused).to_owned() }
}

fn brought(done: Done) -> Brought {
    let first_late_ns = done.report.first_late;
    let pacing = done.waits.describe();
    Brought { part: part_of(done), first_late_ns, pacing }
}

/// A trial under way, as the coordinator sees it.
struct Asked<'a> {
    agent: &'a Agent,
    channel: &'a mut Channel,
    line: &'a StartLine,
    /// Ends the trial.
    ending: &'a StopFlag,
    /// Ends the agent.
    stop: &'a StopFlag,
}

impl Asked<'_> {
    /// Until the last answer is there; an error calls the trial off.
    fn until_over(&mut self, job: &Job, over: impl Fn() -> bool) -> Result<(), Ended> {
        loop {
            if self.stop.is_raised() {
                return Err(Ended::Stopped);
            }
            match self.line.readiness(LOOK_AGAIN) {
                Readiness::SettingUp => {}
                Readiness::Ready => break,
                // The engine says why.
                Readiness::Failed => return Ok(()),
            }
        }
        self.channel.say(&FromAgent::Ready)?;
        let at = self.word()?;
        let planned = at.plus(job.warm_up + job.duration);
        while !over() {
            let left = Duration::from_nanos(planned.since(self.agent.clock.now()));
            match self.channel.listen(left.clamp(ENDING, LOOK_AGAIN))? {
                None => {}
                Some(ToAgent::Stop) => self.ending.raise(),
                Some(other) => return Err(unexpected(&other)),
            }
            if self.stop.is_raised() {
                self.ending.raise();
            }
        }
        Ok(())
    }

    /// Shows the clock until the start is known, and passes it on.
    fn word(&mut self) -> Result<Nanos, Ended> {
        loop {
            match self.channel.hear(WORD_WITHIN)? {
                ToAgent::Clock => {
                    let now_ns = self.agent.clock.now().0;
                    self.channel.say(&FromAgent::Clock { now_ns })?;
                }
                ToAgent::Start { at_ns } => {
                    let lead_ns = lead(at_ns, self.agent.clock.now().0)?;
                    self.line.start_at(Nanos(at_ns));
                    self.channel.say(&FromAgent::Started { lead_ns })?;
                    return Ok(Nanos(at_ns));
                }
                other => return Err(unexpected(&other)),
            }
        }
    }
}

/// How long it is until the start, which must be to come and soon.
fn lead(at_ns: u64, now_ns: u64) -> Result<u64, Ended> {
    match at_ns.checked_sub(now_ns) {
        None | Some(0) => Err(Ended::refused(format!(
            "the start was {:.3} ms ago when it was told",
            Duration::from_nanos(now_ns - at_ns).as_secs_f64() * 1e3
        ))),
        Some(lead) if Duration::from_nanos(lead) > FURTHEST_START => Err(Ended::refused(format!(
            "a start in {:?}, expected one within {FURTHEST_START:?}",
            Duration::from_nanos(lead)
        ))),
        Some(lead) => Ok(lead),
    }
}

fn unexpected(message: &ToAgent) -> Ended {
    let name = match message {
        ToAgent::Trial(_) => "trial",
        ToAgent::Probe(_) => "probe",
        ToAgent::Clock => "clock",
        ToAgent::Start { .. } => "start",
        ToAgent::Stop => "stop",
    };
    Ended::refused(format!("a message `{name}` where none is expected"))
}

/// The next that connects; `None` when nobody did for a while.
fn next(listener: &TcpListener) -> io::Result<Option<(TcpStream, SocketAddr)>> {
    let patience = Timespec::try_from(LOOK_AGAIN).expect("a tenth of a second");
    let mut waiting = [PollFd::new(listener, PollFlags::IN)];
    match poll(&mut waiting, Some(&patience)) {
        Ok(0) | Err(rustix::io::Errno::INTR) => return Ok(None),
        Ok(_) => {}
        Err(error) => return Err(error.into()),
    }
    match listener.accept() {
        Ok(connected) => Ok(Some(connected)),
        // It left again before it was looked at, or there is no descriptor for it just now.
        Err(_) => {
            std::thread::sleep(LOOK_AGAIN);
            Ok(None)
        }
    }
}
