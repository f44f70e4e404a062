//! What `loadgen agent` means: where it listens, who may ask, and what it says meanwhile. With its
//! credentials on standard input that is its lifeline as well.

use std::io::{BufRead, Read, Write};
use std::net::TcpListener;
use std::path::Path;

use bench::seams::StopFlag;

use super::agent_args::AgentArgs;
use super::exit::Failure;
use super::run::pacing;
use super::tell::tell;
use crate::agent::credentials::AgentCredentials;
use crate::agent::fleet::Listening;
use crate::agent::limits::AgentLimits;
use crate::agent::message::{About, Hello};
use crate::agent::session::{Agent, Happened};
use crate::generator::spin_window;
use crate::machine::raise_open_files;
use crate::pace::MonotonicClock;

/// A key and two certificates take a few KiB.
const LONGEST_CREDENTIALS: u64 = 1 << 20;

/// Serves coordinators until it is told to end.
pub fn agent(args: &AgentArgs, out: &mut dyn Write, stop: &StopFlag) -> Result<(), Failure> {
    let document = credentials(&args.credentials)
        .map_err(|error| usage(&format!("--credentials {}", args.credentials.display()), &error))?;
    let credentials = AgentCredentials::read(&document)
        .map_err(|error| usage(&format!("--credentials {}", args.credentials.display()), &error))?;
    if args.credentials == Path::new("-") {
        end_with_input(stop.clone())?;
    }
    raise_open_files();
    let listener = TcpListener::bind(args.listen)
        .map_err(|error| usage(&format!("--listen {}", args.listen), &error))?;
    let address = listener
        .local_addr()
        .map_err(|error| Failure::Internal(format!("a listener without an address: {error}")))?;
    let agent = Agent {
        credentials,
        limits: AgentLimits {
            rate: args.max_rate,
            duration: args.max_duration,
            anywhere: args.any_target,
            ..AgentLimits::default()
        },
        about: about(&args.cores),
        cores: args.cores.clone(),
        // Nobody knows who else wants the core that a worker happens to be on.
        spin: spin_window(pacing(args.pacing), &args.cores, args.cores.is_empty()),
        clock: MonotonicClock::since_boot(),
    };
    let line = serde_json::to_string(&Listening { listening: address }).expect("an address");
    writeln!(out, "{line}")
        .and_then(|()| out.flush())
        .map_err(|error| Failure::Internal(format!("can not say where it listens: {error}")))?;
    let served = agent.serve(&listener, args.once, stop, |happened| match happened {
        Happened::Done(what) => tell(&what),
        Happened::Left(from, ended) => tell(&format!("{from}: {ended}")),
    });
    served.map_err(|error| Failure::Internal(format!("can not wait for a coordinator: {error}")))
}

fn usage(what: &str, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{what}: {error}"))
}

/// The document, from a file or as the first line of standard input.
fn credentials(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    if path == Path::new("-") {
        std::io::stdin().lock().take(LONGEST_CREDENTIALS).read_line(&mut text)?;
    } else {
        std::fs::File::open(path)?.take(LONGEST_CREDENTIALS).read_to_string(&mut text)?;
    }
    Ok(text)
}

/// The other end of standard input is kept open by the parent alone, however it comes to its end.
fn end_with_input(stop: StopFlag) -> Result<(), Failure> {
    let watched = std::thread::Builder::new().name("lifeline".to_owned()).spawn(move || {
        let mut input = std::io::stdin().lock();
        let mut nothing = [0; 64];
        // What is said after the credentials is of no interest.
        while matches!(input.read(&mut nothing), Ok(1..)) {}
        stop.raise();
    });
    watched.map(|_| ()).map_err(|error| Failure::Internal(format!("no thread: {error}")))
}

fn about(cores: &[usize]) -> About {
    let machine = testbed::provenance::machine();
    About {
        hello: Hello::ours(),
        git: env!("LOADGEN_GIT").to_owned(),
        opt_level: env!("LOADGEN_OPT_LEVEL").to_owned(),
        kernel: machine.kernel,
        cpu: machine.cpu,
        cores: cores.to_vec(),
    }
}
