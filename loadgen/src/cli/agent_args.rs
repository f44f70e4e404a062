//! What was typed after `loadgen agent`. What it means is decided in `agent`.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::args::{PacingChoice, duration};

const NOTES: &str = "\
An agent sends a share of a run's trials, and brings back what it recorded. `loadgen --scenario NAME
--agents N` starts N of them on this machine; one that is started by hand, or in a pod, waits for a
coordinator that can prove by its certificate that it is the run's. It sends nothing by itself.";

/// A part of a generator.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct AgentArgs {
    /// Where the coordinator reaches it (port 0: any)
    #[arg(long, value_name = "IP:PORT", default_value = "127.0.0.1:0")]
    pub listen: SocketAddr,
    /// The credentials that the coordinator made for it; -: a line of standard input, and the agent
    /// ends when that does
    #[arg(long, value_name = "FILE|-")]
    pub credentials: PathBuf,
    /// A worker for each of these cores, pinned to it [default: one worker, not pinned]
    #[arg(long, value_name = "N,…", value_delimiter = ',')]
    pub cores: Vec<usize>,
    /// How it waits for the next send; without --cores it never spins
    #[arg(long, value_enum, default_value_t = PacingChoice::Hybrid, value_name = "HOW")]
    pub pacing: PacingChoice,
    /// End after one coordinator
    #[arg(long)]
    pub once: bool,
    /// Send to other machines too, not only to loopback addresses
    #[arg(long, help_heading = "Limits")]
    pub any_target: bool,
    /// Refuse trials of more requests a second than this, all agents together
    #[arg(long, value_name = "R", default_value_t = 100_000.0, help_heading = "Limits",
          value_parser = rate)]
    pub max_rate: f64,
    /// Refuse trials whose warm-up and window are longer than this
    #[arg(long, value_name = "D", default_value = "10m", help_heading = "Limits",
          value_parser = duration)]
    pub max_duration: Duration,
}

fn rate(text: &str) -> Result<f64, String> {
    let number = text.parse::<f64>().map_err(|_| format!("`{text}` is not a number"))?;
    let rate = scenarios::units::RatePerSecond::new(number).map_err(|error| error.to_string())?;
    Ok(rate.per_second())
}
