//! `loadgen compare`: two finished runs held against each other. Reads two folders, writes nothing.

use std::path::{Path, PathBuf};

use bench::across::{Across, Standing, compare as hold, markdown, text};
use bench::record::RunRecord;
use bench::results::RunFolder;
use clap::{Args, ValueEnum};

use super::exit::Failure;
use super::report::failure;

/// What to compare, and how to print it.
#[derive(Debug, Args)]
pub struct CompareArgs {
    /// The folder of the run that is held to be good
    pub old: PathBuf,
    /// The folder of the run that is asked about
    pub new: PathBuf,
    /// How to print
    #[arg(long, value_enum, default_value_t = CompareOutput::Text)]
    pub output: CompareOutput,
}

/// How to print.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum CompareOutput {
    /// For people.
    Text,
    /// For a job's summary or a pull request.
    Markdown,
    /// For programs.
    Json,
}

/// What is printed, and how the command ends. A refusal prints nothing.
pub fn compare(args: &CompareArgs) -> Result<(String, Result<(), Failure>), Failure> {
    let (old, new) = both(&args.old, &args.new)?;
    let across = hold(&old, &new).map_err(|error| Failure::Usage(error.to_string()))?;
    let shown = match args.output {
        CompareOutput::Text => text(&across),
        CompareOutput::Markdown => markdown(&across),
        CompareOutput::Json => {
            serde_json::to_string_pretty(&across)
                .map_err(|error| Failure::Internal(error.to_string()))?
                + "\n"
        }
    };
    let end = end(&across);
    Ok((shown, end))
}

/// Both runs, or all that is wrong with either folder.
fn both(old: &Path, new: &Path) -> Result<(RunRecord, RunRecord), Failure> {
    let read = |dir: &Path| RunFolder::open(dir).and_then(|folder| folder.load_record());
    match (read(old), read(new)) {
        (Ok(old), Ok(new)) => Ok((old, new)),
        (Err(one), Err(other)) => Err(Failure::Usage(format!("{one}\n{other}"))),
        (Err(error), _) | (_, Err(error)) => Err(failure(error)),
    }
}

fn end(across: &Across) -> Result<(), Failure> {
    match across.standing {
        Standing::NoRegression => Ok(()),
        Standing::Regression => {
            Err(Failure::GateFailed("the newer run is more expensive; see above".to_owned()))
        }
        Standing::Untold => Err(Failure::GateFailed(
            "whether the newer run is more expensive can not be told; see above\n  help: run the newer side again, on a quiet machine"
                .to_owned(),
        )),
        Standing::NothingMeasured => Err(Failure::NoMeasurement(
            "no overhead is known in both runs, so nothing was compared".to_owned(),
        )),
    }
}
