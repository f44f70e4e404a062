//! What was typed after `loadgen cluster`. What it means is decided in `cluster`.

use clap::{Args, Subcommand};

use super::args::Output;

/// The clusters of a scenario, apart from any run.
#[derive(Debug, Args)]
pub struct ClusterArgs {
    /// What to do with them.
    #[command(subcommand)]
    pub what: ClusterCommand,
}

/// What to do with clusters.
#[derive(Debug, Subcommand)]
pub enum ClusterCommand {
    /// Make a scenario's kind clusters with all that stands in them, or go on where an earlier call
    /// ended; a step that fails takes back what this call made
    Up {
        /// Which ones.
        #[command(flatten)]
        which: Which,
        /// Leave what was made when a step fails
        #[arg(long)]
        keep: bool,
        /// Print every command and manifest, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
    /// Say which of a scenario's clusters are up, and which steps are done in them
    Status {
        /// Which ones.
        #[command(flatten)]
        which: Which,
        /// How to print
        #[arg(long, value_enum, default_value_t = Output::Text)]
        output: Output,
    },
    /// Delete a scenario's clusters
    Down {
        /// Which ones.
        #[command(flatten)]
        which: Which,
        /// Print every command, and do nothing
        #[arg(long)]
        dry_run: bool,
    },
}

/// Whose clusters.
#[derive(Debug, Args)]
pub struct Which {
    /// A scenario by name (see `loadgen list`), or a folder with a scenario.yaml
    #[arg(long, value_name = "NAME|DIR")]
    pub scenario: String,
    /// Only what these variants need
    #[arg(long, value_name = "A,B", value_delimiter = ',')]
    pub variants: Vec<String>,
}
