//! Where a run's agents are: those of this machine, which are children of this process. Starts
//! them, and starts one again that ended; knows nothing of trials.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use bench::seams::GeneratorError;
use serde::{Deserialize, Serialize};
use testbed::child::{Child, ChildError, Program};
use testbed::deadline::Deadline;

use super::credentials::{CredentialsError, RunAuthority};

/// An agent is ready within milliseconds, and measures how it wakes; this is for a busy machine.
const READY_WITHIN: Duration = Duration::from_secs(15);
/// For an agent that is gone to be seen as a process that is gone.
const GONE_WITHIN: Duration = Duration::from_millis(500);
/// Starts of one agent in a run, at most: one that ends again and again is no accident.
const MOST_STARTS: u32 = 8;

/// Where an agent is reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgentAt {
    /// The name that its certificate says.
    pub name: String,
    /// Its control port.
    pub address: SocketAddr,
}

/// What an agent says on standard output once it listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Listening {
    /// Where; port 0 has become a port.
    pub listening: SocketAddr,
}

/// The name of a run's agent, counted from 1.
#[must_use]
pub fn agent_name(number: usize) -> String {
    format!("agent-{number}")
}

/// The agents of a run.
pub trait Fleet {
    /// All of them, each ready for a trial, in the order in which the load is dealt.
    fn ready(&mut self) -> Result<Vec<AgentAt>, GeneratorError>;
    /// What became of one that can not be talked to, where that is known.
    fn fate(&mut self, name: &str) -> Option<String>;
}

/// How local agents are started.
#[derive(Debug, Clone)]
pub struct LocalAgents {
    /// This program, with the arguments of an agent that reads its credentials from standard input.
    pub program: Program,
    /// For each agent its core, if it has one.
    pub cores: Vec<Option<usize>>,
    /// Where their logs go.
    pub logs: PathBuf,
}

/// Agents that are children of this process, and end with it.
#[derive(Debug)]
pub struct LocalFleet {
    start: LocalAgents,
    places: Vec<Place>,
}

/// One agent, started or not.
#[derive(Debug)]
struct Place {
    name: String,
    credentials: String,
    starts: u32,
    running: Option<(Child, SocketAddr)>,
}

impl LocalFleet {
    /// None of them is started yet.
    pub fn new(start: LocalAgents, authority: &RunAuthority) -> Result<Self, CredentialsError> {
        let places = (1..=start.cores.len())
            .map(|number| {
                let name = agent_name(number);
                let credentials = authority.agent(&name)?;
                Ok(Place { name, credentials, starts: 0, running: None })
            })
            .collect::<Result<_, CredentialsError>>()?;
        Ok(Self { start, places })
    }
}

impl Fleet for LocalFleet {
    fn ready(&mut self) -> Result<Vec<AgentAt>, GeneratorError> {
        let Self { start, places } = self;
        places
            .iter_mut()
            .zip(&start.cores)
            .map(|(place, core)| {
                let address = place.address(start, *core)?;
                Ok(AgentAt { name: place.name.clone(), address })
            })
            .collect()
    }

    fn fate(&mut self, name: &str) -> Option<String> {
        let place = self.places.iter_mut().find(|place| place.name == name)?;
        let (child, _) = place.running.as_mut()?;
        // It says nothing more while it lives.
        let error = child.line(Deadline::after(GONE_WITHIN)).err()?;
        child.check().is_err().then(|| told(&error))
    }
}

impl Place {
    fn address(
        &mut self,
        start: &LocalAgents,
        core: Option<usize>,
    ) -> Result<SocketAddr, GeneratorError> {
        if let Some((child, address)) = &mut self.running {
            match child.check() {
                Ok(()) => return Ok(*address),
                Err(error) if self.starts >= MOST_STARTS => {
                    return Err(failed(&error, "it was started again too often; see its logs"));
                }
                Err(_) => {}
            }
        }
        self.starts += 1;
        let mut program = start.program.clone();
        program.args.extend(core.map(|core| format!("--cores={core}")));
        let log = start.logs.join(format!("{}-{}.log", self.name, self.starts));
        let begun = self.begin(&program, &log);
        let (child, address) = begun
            .map_err(|error| failed(&error, "`loadgen agent --help` says what an agent needs"))?;
        self.running = Some((child, address));
        Ok(address)
    }

    fn begin(
        &self,
        program: &Program,
        log: &std::path::Path,
    ) -> Result<(Child, SocketAddr), ChildError> {
        let mut child = Child::spawn(&self.name, program, log)?;
        let line = child.ask(&self.credentials, Deadline::after(READY_WITHIN))?;
        match serde_json::from_str::<Listening>(&line) {
            Ok(Listening { listening }) => Ok((child, listening)),
            Err(error) => Err(ChildError {
                child: self.name.clone(),
                problem: format!("it should say where it listens: {error}"),
                log_tail: child.last_lines(),
            }),
        }
    }
}

fn failed(error: &ChildError, hint: &str) -> GeneratorError {
    GeneratorError { problem: format!("{}: {}", error.child, told(error)), hint: hint.to_owned() }
}

/// The problem with the last line of the log, which mostly says why.
fn told(error: &ChildError) -> String {
    match error.log_tail.last() {
        Some(line) => format!("{}; it said last: {line}", error.problem),
        None => error.problem.clone(),
    }
}
