//! Who sends a run's requests: this process, agents that it starts, or agents that are there already.
//! What each of them does is not known here.

use std::path::PathBuf;
use std::sync::Arc;

use bench::keep::Keeper;
use bench::record::Placement;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::trial::{TrialRecord, TrialSpec};
use clap::ValueEnum;
use testbed::child::Program;

use super::agents::Agents;
use super::args::{AGENT, PacingChoice, RunArgs};
use super::credentials::coordinator;
use super::exit::Failure;
use super::run::pacing;
use crate::agent::coordinator::RemoteGenerator;
use crate::agent::credentials::{Coordinator, RunAuthority};
use crate::agent::elsewhere::Elsewhere;
use crate::agent::fleet::{LocalAgents, LocalFleet};
use crate::generator::LocalGenerator;
use crate::live::LiveView;

/// Whoever sends.
pub enum Sender {
    /// This process.
    Here(Box<LocalGenerator>),
    /// Agents.
    Agents(Box<RemoteGenerator>),
}

/// Who is to send, with all that can be known of it before anything is started.
#[derive(Debug, Clone)]
pub enum Sends {
    /// This process.
    Here,
    /// So many agents, which it starts.
    Agents(u32),
    /// Agents that were started elsewhere, and who asks them.
    At(Elsewhere, Coordinator),
}

impl Sends {
    /// As asked for. The testbeds that measure are on this machine, at its loopback addresses: an
    /// agent on another one would send to itself.
    pub fn of(args: &RunArgs) -> Result<Self, Failure> {
        let usage = |problem: String| Err(Failure::Usage(problem));
        match (&args.agents, &args.credentials) {
            (None, _) => Ok(Self::Here),
            (Some(Agents::Here(count)), None) => Ok(Self::Agents(*count)),
            (Some(Agents::Here(count)), Some(_)) => usage(format!(
                "--credentials: the {count} agents that are started here are given theirs; leave it out, or say by --agents HOST:PORT,… where others are"
            )),
            (Some(Agents::At(places)), None) => usage(format!(
                "--agents HOST:PORT,…: --credentials is missing, by which these agents know this run\n  help: `loadgen credentials --agents {} DIR` makes them, and says how they are used",
                places.len()
            )),
            (Some(Agents::At(places)), Some(folder)) => {
                let coordinator = coordinator(folder)?;
                let agents = Elsewhere::at(places.clone());
                let found = agents.look_up().map_err(Failure::Usage)?;
                let far = found.iter().filter(|agent| !agent.address.ip().is_loopback());
                let far: Vec<String> = far.map(|agent| agent.address.to_string()).collect();
                if far.is_empty() {
                    return Ok(Self::At(agents, coordinator));
                }
                usage(format!(
                    "--agents: {} is on another machine, and what is measured here listens at loopback addresses, which an agent there would take for its own\n  help: start these agents on this machine",
                    far.join(", ")
                ))
            }
        }
    }
}

/// What both need to know.
pub struct Setting {
    /// Which cores are the generator's.
    pub placement: Placement,
    /// A wish to stop.
    pub stop: StopFlag,
    /// For a display; agents are not watched.
    pub live: Arc<LiveView>,
    /// This program.
    pub program: PathBuf,
    /// Where agents' logs go.
    pub logs: PathBuf,
}

impl Sender {
    /// As asked for. No agent is started yet.
    pub fn new(sends: &Sends, args: &RunArgs, setting: Setting) -> Result<Self, Failure> {
        let Setting { placement, stop, live, program, logs } = setting;
        let agents = match sends {
            Sends::Here => {
                let generator = LocalGenerator::new(placement, pacing(args.pacing), stop, live);
                return Ok(Self::Here(Box::new(generator)));
            }
            Sends::At(agents, coordinator) => {
                let fleet = Box::new(agents.clone());
                let generator = RemoteGenerator::new(fleet, coordinator.clone(), stop);
                return Ok(Self::Agents(Box::new(generator)));
            }
            Sends::Agents(agents) => *agents,
        };
        let failed = |error: &dyn std::fmt::Display| {
            Failure::Internal(format!("the agents' credentials: {error}"))
        };
        let today = testbed::deadline::today();
        let authority = RunAuthority::fresh(today).map_err(|error| failed(&error))?;
        let start = LocalAgents {
            program: Program { path: program, args: agent_args(args, agents, &placement) },
            cores: cores(agents, &placement),
            logs,
        };
        let fleet = LocalFleet::new(start, &authority).map_err(|error| failed(&error))?;
        let generator = RemoteGenerator::new(Box::new(fleet), authority.coordinator(), stop);
        Ok(Self::Agents(Box::new(generator)))
    }

    /// Has the run remember who sent, and how.
    pub fn note(&self, keeper: &mut Keeper) {
        match self {
            Self::Here(generator) => keeper.note("pacing", generator.waits().describe()),
            Self::Agents(generator) => {
                let mut pacings: Vec<&str> =
                    generator.agents().iter().map(|agent| agent.pacing.as_str()).collect();
                pacings.dedup();
                keeper.note("pacing", pacings.join("; "));
                keeper.note("agents", generator.describe());
                keeper.agents(generator.agents().to_vec());
            }
        }
    }
}

impl Generator for Sender {
    fn run(&mut self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        match self {
            Self::Here(generator) => generator.run(spec, to),
            Self::Agents(generator) => generator.run(spec, to),
        }
    }
}

/// The arguments that all agents have. Two that share a core would keep each other waiting if they
/// spun on it.
fn agent_args(args: &RunArgs, agents: u32, placement: &Placement) -> Vec<String> {
    let crowded = usize::try_from(agents).is_ok_and(|agents| agents > placement.generator.len());
    let choice = if crowded || placement.shared { PacingChoice::Sleep } else { args.pacing };
    let name = choice.to_possible_value().expect("none is skipped");
    [AGENT, "--credentials=-", "--listen=127.0.0.1:0"]
        .map(str::to_owned)
        .into_iter()
        .chain([format!("--pacing={}", name.get_name())])
        .collect()
}

/// The generator's cores, dealt over the agents.
fn cores(agents: u32, placement: &Placement) -> Vec<Option<usize>> {
    let agents = usize::try_from(agents).expect("usize has at least 32 bits here");
    (0..agents)
        .map(|agent| placement.generator.get(agent % placement.generator.len().max(1)).copied())
        .collect()
}

/// For a dry run.
#[must_use]
pub fn sender_text(args: &RunArgs) -> String {
    let Some(agents) = &args.agents else { return String::new() };
    let places = match agents {
        Agents::Here(_) => String::new(),
        Agents::At(places) => format!(" at {}", places.join(", ")),
    };
    let of = agents.count();
    format!("\nsent by {of} agents{places}, each with every {of}th request of one schedule\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_generators_cores_are_dealt_over_the_agents() {
        let placement = Placement { generator: vec![2, 3], subject: vec![0, 1], shared: false };
        assert_eq!(cores(3, &placement), [Some(2), Some(3), Some(2)]);
        let unknown = Placement { generator: Vec::new(), subject: Vec::new(), shared: true };
        assert_eq!(cores(2, &unknown), [None, None]);
    }
}
