//! `loadgen credentials`: a folder with what coordinator and agents of one run must hold, for agents
//! that the run does not start itself. The CA that vouches for them is forgotten at once, so that
//! nobody can be added afterwards.

use std::fs::{DirBuilder, OpenOptions};
use std::io::Write;
use std::os::unix::fs::{DirBuilderExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use clap::Args;

use super::exit::Failure;
use crate::agent::credentials::{Coordinator, RunAuthority};
use crate::agent::fleet::agent_name;

/// The coordinator's file.
const COORDINATOR: &str = "coordinator.json";

const NOTES: &str = "\
The folder must not exist yet. coordinator.json stays where the run is started; each agent is given one of
the others and nothing else, e.g. by a Secret that is mounted:

  loadgen credentials --agents 2 night/credentials
  loadgen agent --listen 10.0.0.7:7070 --credentials agent-1.json    on the first machine
  loadgen agent --listen 10.0.0.8:7070 --credentials agent-2.json    on the second
  loadgen --scenario … --agents 10.0.0.7:7070,10.0.0.8:7070 --credentials night/credentials

They hold for a week, and for each other alone: agents and coordinators of other runs are refused.";

/// Credentials of one run.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct CredentialsArgs {
    /// For so many agents
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub agents: u32,
    /// The folder that is made for them; only its owner can read it
    #[arg(value_name = "DIR")]
    pub folder: PathBuf,
}

/// Makes the folder. What is to be said of it.
pub fn credentials(args: &CredentialsArgs) -> Result<String, Failure> {
    let folder = &args.folder;
    let failed = |error: &dyn std::fmt::Display| {
        Failure::Internal(format!("the agents' credentials: {error}"))
    };
    let authority =
        RunAuthority::fresh(testbed::deadline::today()).map_err(|error| failed(&error))?;
    let coordinator = authority.coordinator().document().map_err(|error| failed(&error))?;
    let mut files = vec![(COORDINATOR.to_owned(), coordinator)];
    for number in 1..=args.agents {
        let name = agent_name(usize::try_from(number).expect("at most 64"));
        let document = authority.agent(&name).map_err(|error| failed(&error))?;
        files.push((format!("{name}.json"), document));
    }
    DirBuilder::new().mode(0o700).create(folder).map_err(|error| {
        Failure::Usage(format!(
            "{}: {error}\n  help: give a folder that does not exist yet, in one that does; credentials of another run are never written over",
            folder.display()
        ))
    })?;
    for (name, document) in &files {
        write(&folder.join(name), document)
            .map_err(|error| failed(&format!("{}: {error}", folder.join(name).display())))?;
    }
    let agents = files[1..].iter().map(|(name, _)| format!("  {}\n", folder.join(name).display()));
    Ok(format!(
        "{}\nfor the agents, one each, in the order of --agents:\n{}",
        folder.join(COORDINATOR).display(),
        agents.collect::<String>()
    ))
}

/// Only its owner can read it, from the beginning.
fn write(path: &Path, document: &str) -> std::io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    writeln!(file, "{document}")
}

/// The coordinator's part of such a folder.
pub(super) fn coordinator(folder: &Path) -> Result<Coordinator, Failure> {
    let path = folder.join(COORDINATOR);
    let told = |error: &dyn std::fmt::Display| {
        let path = path.display();
        Failure::Usage(format!(
            "--credentials {}: {path}: {error}\n  help: `loadgen credentials --agents N DIR` makes such a folder",
            folder.display()
        ))
    };
    let document = std::fs::read_to_string(&path).map_err(|error| told(&error))?;
    Coordinator::read(&document).map_err(|error| told(&error))
}
