//! What the suite can be asked: how many seeds, from which one on, and which studies. The words of
//! the usual test harness are understood, so that `cargo test` can pass them to every test alike.

use std::ops::Range;

use clap::Parser;

/// Seeds without `--seeds`: enough to tell 95 % from 94 %, in about a minute.
const SEEDS: u64 = 4000;

/// Simulates what METHOD.md claims, on virtual time and from seeds.
#[derive(Debug, Parser)]
#[command(name = "simulate")]
pub(crate) struct Arguments {
    /// Seeds; expensive studies run every tenth or hundredth of them
    #[arg(long, default_value_t = SEEDS)]
    seeds: u64,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
    /// Only studies whose name contains one of these
    only: Vec<String>,
    /// Names the studies and does nothing
    #[arg(long)]
    pub(crate) list: bool,
    /// For the usual harness: whether only ignored tests are run; there are none
    #[arg(long, hide = true)]
    pub(crate) ignored: bool,
    /// For the usual harness: names are whole
    #[arg(long, hide = true)]
    exact: bool,
    /// For the usual harness: studies to leave out
    #[arg(long, hide = true)]
    skip: Vec<String>,
    #[command(flatten)]
    unused: Unused,
}

/// Words of the usual harness that mean nothing here.
#[derive(Debug, clap::Args)]
struct Unused {
    #[arg(long, hide = true)]
    nocapture: bool,
    #[arg(long, hide = true)]
    no_capture: bool,
    #[arg(long, hide = true)]
    include_ignored: bool,
    #[arg(long, short, hide = true)]
    quiet: bool,
    #[arg(long, hide = true)]
    show_output: bool,
    #[arg(long, hide = true)]
    test_threads: Option<u64>,
    #[arg(long, hide = true)]
    format: Option<String>,
    #[arg(long, hide = true)]
    color: Option<String>,
}

impl Arguments {
    /// What was typed.
    pub(crate) fn typed() -> Self {
        Self::parse()
    }

    /// The seeds of a study that runs every so many-th; ten at least, so that each has a figure.
    pub(crate) fn seeds(&self, every: u64) -> Range<u64> {
        self.from..self.from.saturating_add((self.seeds / every).max(10))
    }

    /// Whether a study was asked for.
    pub(crate) fn wants(&self, study: &str) -> bool {
        let matches = |word: &String| {
            if self.exact { study == word } else { study.contains(word.as_str()) }
        };
        (self.only.is_empty() || self.only.iter().any(matches)) && !self.skip.iter().any(matches)
    }
}
