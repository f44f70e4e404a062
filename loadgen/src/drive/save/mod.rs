//! `--save FILE` and `--save FORMAT=FILE`: a drive in the formats that other tools read. A file is
//! there whole or not at all. Judges nothing; each format is a file beside this one.

mod csv;
mod fortio;
mod go;
mod hgrm;
mod hlog;
mod k6;
mod prometheus;
mod trackers;
mod vegeta;

use std::fmt;
use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::str::FromStr;

use super::document::Document;
use super::gate::Judged;
use super::measured::Measured;
use super::validity::Validity;

/// A form that a drive can be saved in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Format {
    /// The document of `--output json`.
    Json,
    /// HdrHistogram V2 log, a row for each histogram.
    Hlog,
    /// HdrHistogram's percentile table of the response time, in milliseconds.
    Hgrm,
    /// A row for each measure.
    Csv,
    /// Fortio's result, as its own pages and istio/tools read it.
    Fortio,
    /// What `vegeta report -type=json` writes.
    Vegeta,
    /// What `k6 run --summary-export` writes.
    K6,
    /// Prometheus text exposition 0.0.4.
    Prometheus,
    /// Bencher Metric Format.
    Bencher,
    /// github-action-benchmark, `customSmallerIsBetter`.
    GithubActionBenchmark,
}

impl Format {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Json,
        Self::Hlog,
        Self::Hgrm,
        Self::Csv,
        Self::Fortio,
        Self::Vegeta,
        Self::K6,
        Self::Prometheus,
        Self::Bencher,
        Self::GithubActionBenchmark,
    ];

    /// Its name on the command line.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Hlog => "hlog",
            Self::Hgrm => "hgrm",
            Self::Csv => "csv",
            Self::Fortio => "fortio",
            Self::Vegeta => "vegeta",
            Self::K6 => "k6",
            Self::Prometheus => "prometheus",
            Self::Bencher => "bencher",
            Self::GithubActionBenchmark => "github-action-benchmark",
        }
    }

    /// How names of its files end, the most telling first.
    fn endings(self) -> &'static [&'static str] {
        match self {
            Self::Json => &[".json"],
            Self::Hlog => &[".hlog"],
            Self::Hgrm => &[".hgrm"],
            Self::Csv => &[".csv"],
            Self::Fortio => &[".fortio.json"],
            Self::Vegeta => &[".vegeta.json"],
            Self::K6 => &[".k6.json"],
            Self::Prometheus => &[".prom", ".metrics"],
            Self::Bencher => &[".bencher.json", ".bmf.json"],
            Self::GithubActionBenchmark => &[".github-action-benchmark.json"],
        }
    }

    fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|format| format.name() == name)
    }

    /// By the longest ending that fits, so that `a.k6.json` is k6's.
    fn of_file(name: &str) -> Option<Self> {
        let ending = |format: &Self| {
            let fits = format.endings().iter().filter(|ending| name.ends_with(**ending));
            fits.map(|ending| ending.len()).max().unwrap_or(0)
        };
        Self::ALL.into_iter().max_by_key(ending).filter(|format| ending(format) > 0)
    }
}

/// A file to save to, and in which form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The form.
    pub format: Format,
    /// The file.
    pub path: PathBuf,
}

/// Why a text is no target.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct TargetError(String);

impl Target {
    /// Reads `FILE`, whose ending says the format, or `FORMAT=FILE`; usable as a value parser of
    /// the command line.
    pub fn parse(text: &str) -> Result<Self, TargetError> {
        let names = || scenarios::listed(Format::ALL.map(Format::name));
        if text.is_empty() {
            let text = "expected FILE or FORMAT=FILE, found nothing; write e.g. `drive.hlog`";
            return Err(TargetError(text.to_owned()));
        }
        let (format, file) = match text.split_once('=') {
            // What stands before `=` is a format, unless it can only be a part of a file's name.
            Some((name, file)) if !name.contains(['/', '.']) => {
                let format = Format::named(name).ok_or_else(|| {
                    let advice = match scenarios::nearest(name, Format::ALL.map(Format::name)) {
                        Some(nearest) => format!("did you mean `{nearest}={file}`?"),
                        None => format!("the formats are {}", names()),
                    };
                    TargetError(format!("`{name}` is no format; {advice}"))
                })?;
                (format, file)
            }
            _ => {
                let format = Format::of_file(text).ok_or_else(|| {
                    TargetError(format!(
                        "the ending of `{text}` does not tell the format; write FORMAT={text} with \
                         one of {}",
                        names()
                    ))
                })?;
                (format, text)
            }
        };
        if file.is_empty() || file.ends_with('/') {
            return Err(TargetError(format!(
                "expected the name of a file, found `{file}`; write e.g. `{}=drive.{}`",
                format.name(),
                format.name()
            )));
        }
        Ok(Self { format, path: PathBuf::from(file) })
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        Self::parse(text)
    }
}

impl fmt::Display for Target {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{}={}", self.format.name(), self.path.display())
    }
}

/// A drive that could not be saved.
#[derive(Debug, thiserror::Error)]
#[error("can not save {}: {why}; {hint}", path.display())]
pub struct SaveError {
    /// Where.
    pub path: PathBuf,
    /// Why.
    pub why: String,
    /// What to do.
    pub hint: &'static str,
}

impl SaveError {
    fn io(path: &Path, error: &io::Error) -> Self {
        let hint = match error.kind() {
            io::ErrorKind::NotFound => "make its folder first",
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => "free some space",
            io::ErrorKind::IsADirectory => "give the name of a file in it",
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "give a file in a folder that can be written"
            }
            _ => "check the disk and the path",
        };
        Self { path: path.to_owned(), why: error.to_string(), hint }
    }
}

/// A drive with all that is said of it.
#[derive(Debug, Clone, Copy)]
pub struct Outcome<'a> {
    /// What was measured.
    pub measured: &'a Measured,
    /// What it is worth.
    pub validity: &'a Validity,
    /// The thresholds that were given.
    pub gates: &'a [Judged],
}

/// The bytes of a drive in a form.
#[must_use]
pub fn render(outcome: &Outcome<'_>, format: Format) -> Vec<u8> {
    let Outcome { measured, validity, gates } = *outcome;
    let verdict = validity.verdict();
    match format {
        Format::Json => Document::of(measured, validity, gates).to_json().into_bytes(),
        Format::Hlog => hlog::render(measured),
        Format::Hgrm => hgrm::render(measured).into_bytes(),
        Format::Csv => csv::render(measured, verdict),
        Format::Fortio => fortio::render(measured, verdict).into_bytes(),
        Format::Vegeta => vegeta::render(measured).into_bytes(),
        Format::K6 => k6::render(measured).into_bytes(),
        Format::Prometheus => prometheus::render(measured, verdict).into_bytes(),
        Format::Bencher => trackers::bencher(measured).into_bytes(),
        Format::GithubActionBenchmark => trackers::github(measured, verdict).into_bytes(),
    }
}

/// Saves a drive. After this returns `Ok` the file is there whole; after an error it is what it was
/// before. What is no regular file, such as a pipe, is written to as it is.
pub fn save(outcome: &Outcome<'_>, target: &Target) -> Result<(), SaveError> {
    let bytes = render(outcome, target.format);
    let path = &target.path;
    let written = match fs::canonicalize(path) {
        Ok(real) => write_over(&real, &bytes),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            bench::results::write_whole(path, &bytes)
        }
        Err(error) => Err(error),
    };
    written.map_err(|error| SaveError::io(path, &error))
}

/// Writes to something that is there, with symbolic links followed.
fn write_over(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let kind = fs::metadata(path)?.file_type();
    if kind.is_dir() {
        return Err(io::Error::new(io::ErrorKind::IsADirectory, "it is a folder"));
    }
    if kind.is_file() {
        return bench::results::write_whole(path, bytes);
    }
    fs::OpenOptions::new().write(true).open(path)?.write_all(bytes)
}

/// JSON as these formats have it, with a line end.
fn pretty(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value)
        .expect("these documents have only string keys, and writing to memory can not fail");
    text.push('\n');
    text
}
