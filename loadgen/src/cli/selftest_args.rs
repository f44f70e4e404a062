//! What was typed after `loadgen selftest`. What it means is decided in `selftest_plan`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{Output, TestbedChoice, duration};

const NOTES: &str = "\
Controls that must hold: the same variant as two is called the same; planted delays of 50 µs,
200 µs and 1 ms are found, and as large as they are; a stall is counted in full; requests arrive
when and as often as asked, by the stamps of the origin.
Exit codes: 0 the controls hold, whatever can be resolved here · 6 nothing could be measured
            7 a control failed: do not trust figures from here · 130 interrupted
A whole one is kept in $XDG_STATE_HOME/loadgen/selftests; later reports on this machine show it.";

/// A selftest.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct SelftestArgs {
    /// Where to run
    #[arg(long, value_enum, default_value_t = TestbedChoice::Auto, value_name = "WHERE")]
    pub testbed: TestbedChoice,
    /// Within 3 minutes instead of 15: fewer blocks, shorter trials
    #[arg(long)]
    pub quick: bool,
    /// Only these parts, with commas; then no verdict is kept
    #[arg(long, value_enum, value_name = "PARTS", value_delimiter = ',')]
    pub parts: Vec<Part>,
    /// Blocks of the planted delays; each holds all delays once and the control twice
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=1000))]
    pub blocks: Option<u32>,
    /// Measured window of each trial of the planted delays, e.g. 2s
    #[arg(long, value_name = "D", value_parser = duration)]
    pub duration: Option<Duration>,
    /// The number that every random choice is drawn from [default: drawn, printed and stored]
    #[arg(long, value_name = "N")]
    pub seed: Option<u64>,
    /// Where the selftest's folder is made
    #[arg(long, value_name = "DIR", default_value = "results")]
    pub results: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = Output::Text, value_name = "HOW")]
    pub output: Output,
    /// Print the plan and how long it takes, and do nothing
    #[arg(long)]
    pub dry_run: bool,
}

/// A part.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// The same variant as two, and delays of known size.
    Overheads,
    /// An origin that stalls, in an open and a closed loop.
    Stall,
    /// When requests arrive.
    Pacing,
    /// What the generator costs.
    Cost,
}

impl Part {
    /// In the order in which they are run.
    pub const ALL: [Self; 4] = [Self::Overheads, Self::Stall, Self::Pacing, Self::Cost];

    /// For people.
    #[must_use]
    pub fn title(self) -> &'static str {
        match self {
            Self::Overheads => "the same twice, and planted delays",
            Self::Stall => "a stall, in an open and a closed loop",
            Self::Pacing => "arrivals by the origin's stamps",
            Self::Cost => "the generator's own cost",
        }
    }
}
