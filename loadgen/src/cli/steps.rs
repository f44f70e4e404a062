//! Steps on clusters, conducted for a person: what is told meanwhile, what is said when one fails, and
//! what is left behind. The order of steps is known to `testbed::kind` alone.

use std::fs;
use std::path::PathBuf;

use bench::conduct::Fault;
use bench::seams::StopFlag;
use testbed::child::Program;
use testbed::kind::tools::{self, Machine, Need};
use testbed::kind::{ClusterRun, Conductor, Happened, Made, Tools, secret, shell};

use super::args::TETHER;
use super::exit::Failure;
use super::run::Surroundings;
use crate::agent::credentials::RunAuthority;

/// This machine's tools, and the authority whose word the agents in the clusters take.
pub(super) struct Steps {
    tools: Tools,
    authority: RunAuthority,
    stop: StopFlag,
    folder: PathBuf,
    tell: fn(&str),
}

impl Steps {
    /// Nothing is started yet.
    pub(super) fn new(around: &Surroundings<'_>) -> Result<Self, Failure> {
        let authority = RunAuthority::fresh(testbed::deadline::today())
            .map_err(|error| Failure::Internal(format!("the agents' credentials: {error}")))?;
        let own = Program { path: around.program.clone(), args: vec![TETHER.to_owned()] };
        let folder = around.current_dir.clone();
        let tools = Tools { own, path: around.machine.path.clone(), folder: folder.clone() };
        Ok(Self { tools, authority, stop: around.stop.clone(), folder, tell: around.tell })
    }

    /// Has a conductor do something, and tells what happens.
    pub(super) fn conducted<T>(&self, work: impl FnOnce(&mut Conductor<'_>) -> T) -> T {
        let mut secrets = |name: &str| {
            let credentials = self.authority.agent(name);
            credentials
                .map(|credentials| secret(name, &credentials))
                .map_err(|error| format!("the agent's credentials: {error}"))
        };
        work(&mut Conductor {
            commands: &mut self.tools.clone(),
            secrets: &mut secrets,
            watch: &mut |happened| (self.tell)(&line(happened)),
            stop: self.stop.clone(),
        })
    }

    /// How a command ends by a fault of its steps.
    pub(super) fn failure(fault: Fault) -> Failure {
        match fault {
            Fault::Stopped => Failure::Interrupted("interrupted".to_owned()),
            fault => fault.into(),
        }
    }

    /// After a failure: takes back what was made, unless a scenario's name says that it stays. What is
    /// to be said of it.
    pub(super) fn give_back(&self, run: &ClusterRun, made: Made, stays: Option<&str>) -> String {
        if made.is_nothing() {
            return "\n  nothing was made that would have to be taken back".to_owned();
        }
        if let Some(name) = stays {
            return format!(
                "\n  what was made stays, as --keep says: `loadgen cluster status --scenario {name}` shows it, `loadgen cluster down --scenario {name}` deletes it"
            );
        }
        let back = self.conducted(|conductor| conductor.take_back(made));
        self.forget(run, back.clusters.iter().map(String::as_str));
        if back.left.is_empty() {
            return "\n  what was made is taken back".to_owned();
        }
        let left = back.left.iter().map(|(command, why)| {
            format!("\n  not taken back: `{command}` {why}\n  help: call it by hand")
        });
        left.collect()
    }

    /// The kubeconfigs of clusters that are gone are of no use, nor is their folder without them.
    pub(super) fn forget<'a>(&self, run: &ClusterRun, gone: impl Iterator<Item = &'a str>) {
        let gone: Vec<&str> = gone.collect();
        for cluster in run.clusters.iter().filter(|it| gone.contains(&it.name.as_str())) {
            let path = self.folder.join(&cluster.kubeconfig);
            // Where it never was, or somebody needs the folder, there is nothing to do.
            let _ = fs::remove_file(&path);
            let _ = path.parent().map(fs::remove_dir);
        }
    }
}

/// Refuses a machine that lacks anything that a cluster needs, with all that it lacks.
pub(super) fn equipped(machine: &Machine) -> Result<(), Failure> {
    refused(&tools::needs(machine))
}

/// The same for the command-line tools alone.
pub(super) fn has_tools(machine: &Machine) -> Result<(), Failure> {
    refused(&tools::programs(machine))
}

fn refused(needs: &[Need]) -> Result<(), Failure> {
    let things = match needs.iter().filter(|need| need.found.is_err()).count() {
        0 => return Ok(()),
        1 => "1 thing is".to_owned(),
        several => format!("{several} things are"),
    };
    let told = tools::told(needs);
    Err(Failure::Testbed(format!(
        "testbed kind: {things} missing here\n{told}\n  help: `--testbed embedded` needs none of them; `--dry-run` prints what would be done"
    )))
}

fn line(happened: Happened<'_>) -> String {
    match happened {
        Happened::Found(step) => format!("  found      {}", step.name),
        Happened::Begun(step) => format!("  begin      {}", step.name),
        Happened::Done(step, took) => {
            format!("  done       {} ({:.1} s)", step.name, took.as_secs_f64())
        }
        Happened::TakingBack(command) => format!("  take back  {}", shell(command)),
        Happened::Left(why) => format!("  left       {why}"),
    }
}
