//! Names and layout of a run folder, and the only module of this package that touches the disk.
//! A file is there whole or not at all. What the numbers mean is not known here.

mod error;
mod hlog;
mod memory;
mod render;
mod shelf;
mod tables;
mod whole;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

pub use error::FolderError;
pub use hlog::{interval_log, read_interval_log, read_trial_histograms};
pub use render::{render, replay};
pub use shelf::{SelftestFolder, Shelf};
pub use whole::write_whole;

use crate::analysis::pooled;
use crate::record::{RunRecord, SCHEMA_VERSION};
use crate::trial::{Latencies, TrialRecord};

/// The run as one document.
pub const RUN_FILE: &str = "run.json";
/// A row for each trial.
pub const TRIALS_FILE: &str = "trials.csv";
/// A row for each comparison at each quantile.
pub const COMPARISON_FILE: &str = "comparison.csv";
/// A row for each reading of a sidecar's memory, where the scenario asks for it.
pub const MEMORY_FILE: &str = "memory.csv";
/// A row for each level and each difference of memory.
pub const MEMORY_SUMMARY_FILE: &str = "memory-summary.csv";
/// The report for people.
pub const REPORT_FILE: &str = "report.md";
/// The same report as a page.
pub const PAGE_FILE: &str = "report.html";
/// Folder of the trials' histograms.
pub const HISTOGRAMS: &str = "histograms";
/// Folder of the charts.
pub const CHARTS: &str = "charts";
/// Folder of what each child process said.
pub const LOGS: &str = "logs";

/// Runs that started in the same second in the same place, at most.
const FOLDERS_PER_SECOND: u32 = 1000;

/// One run on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RunFolder {
    path: PathBuf,
}

/// A run read back.
#[derive(Debug, Clone, PartialEq)]
pub struct LoadedRun {
    /// `run.json`.
    pub record: RunRecord,
    /// By variant: the histograms of its [`pooled`] trials, merged. A variant without an admitted
    /// trial has none.
    pub latencies: BTreeMap<String, Latencies>,
}

impl RunFolder {
    /// Makes `<stamp>-<scenario>-<testbed>` below `results_dir`, with its subfolders; when the name
    /// is taken, `-2`, `-3`, … is appended. `utc_stamp` is e.g. `20261123T024011Z`.
    pub fn create(
        results_dir: &Path,
        utc_stamp: &str,
        scenario: &str,
        testbed: &str,
    ) -> Result<Self, FolderError> {
        let base = safe_name(&format!("{utc_stamp}-{scenario}-{testbed}"));
        Self::furnish(fresh_folder(results_dir, &base)?)
    }

    fn furnish(path: PathBuf) -> Result<Self, FolderError> {
        for name in [HISTOGRAMS, CHARTS, LOGS] {
            let folder = path.join(name);
            fs::create_dir(&folder)
                .map_err(|error| FolderError::io("make a subfolder", &folder, error))?;
        }
        Ok(Self { path })
    }

    /// An existing run folder, recognised by its `run.json`.
    pub fn open(dir: &Path) -> Result<Self, FolderError> {
        if !dir.is_dir() {
            return Err(FolderError::not_a_run(dir, "there is no such folder"));
        }
        if !dir.join(RUN_FILE).is_file() {
            return Err(FolderError::not_a_run(dir, "it holds no run.json"));
        }
        Ok(Self { path: dir.to_owned() })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Where child processes' logs go.
    #[must_use]
    pub fn logs(&self) -> PathBuf {
        self.path.join(LOGS)
    }

    /// Writes a trial's histograms, and returns the file's name relative to the run folder. On
    /// return it is on the disk.
    pub fn write_trial(&self, trial: &TrialRecord) -> Result<String, FolderError> {
        let name = histogram_file(trial.block, trial.position, trial.variant.as_str());
        let path = self.path.join(&name);
        let text = hlog::encode(trial)
            .map_err(|error| FolderError::io("encode a trial's histograms", &path, error))?;
        whole::write(&path, &text)?;
        Ok(name)
    }

    /// Rewrites `run.json`, `trials.csv` and `comparison.csv`, and where memory is asked for
    /// `memory.csv` and `memory-summary.csv`. `run.json` comes first: it is the
    /// one that the others can be made from.
    pub fn write_run(&self, record: &RunRecord) -> Result<(), FolderError> {
        let path = self.path.join(RUN_FILE);
        let mut json = serde_json::to_vec_pretty(record)
            .map_err(|error| FolderError::io("encode the run", &path, error.into()))?;
        json.push(b'\n');
        whole::write(&path, &json)?;
        let trials = self.path.join(TRIALS_FILE);
        let rows = tables::trials(record)
            .map_err(|error| FolderError::io("encode the trials", &trials, error))?;
        whole::write(&trials, &rows)?;
        let comparisons = self.path.join(COMPARISON_FILE);
        let rows = tables::comparisons(record)
            .map_err(|error| FolderError::io("encode the comparisons", &comparisons, error))?;
        whole::write(&comparisons, &rows)?;
        let Some(of_memory) = &record.memory else { return Ok(()) };
        let tables = [
            (MEMORY_FILE, memory::readings(of_memory)),
            (MEMORY_SUMMARY_FILE, memory::summary(of_memory)),
        ];
        for (name, rows) in tables {
            let path = self.path.join(name);
            let rows = rows.map_err(|error| FolderError::io("encode the memory", &path, error))?;
            whole::write(&path, &rows)?;
        }
        Ok(())
    }

    /// Writes one more file, whole or not at all; `name` is relative to the run folder.
    pub fn write_file(&self, name: &str, bytes: &[u8]) -> Result<(), FolderError> {
        let path = self.path.join(name);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .map_err(|error| FolderError::io("make a subfolder", parent, error))?;
        }
        whole::write(&path, bytes)
    }

    /// Reads `run.json`.
    pub fn load_record(&self) -> Result<RunRecord, FolderError> {
        let path = self.path.join(RUN_FILE);
        let text = fs::read_to_string(&path)
            .map_err(|error| FolderError::io("read the run", &path, error))?;
        let broken = |error: &serde_json::Error| FolderError::broken_json(&path, error);
        // The version is looked at first: a newer document may have keys that are unknown here, and
        // then "unknown key" would be the wrong complaint.
        let document: serde_json::Value =
            serde_json::from_str(&text).map_err(|error| broken(&error))?;
        let version = document.get("schema_version").and_then(serde_json::Value::as_u64);
        match version {
            Some(version) if version == u64::from(SCHEMA_VERSION) => {}
            Some(version) => return Err(FolderError::other_version(&path, version)),
            None => return Err(FolderError::not_a_run(&path, "it has no schema_version")),
        }
        serde_json::from_str(&text).map_err(|error| broken(&error))
    }

    /// Reads `run.json` and the histograms of each variant's [`pooled`] trials.
    pub fn load(&self) -> Result<LoadedRun, FolderError> {
        let record = self.load_record()?;
        let mut latencies: BTreeMap<String, Latencies> = BTreeMap::new();
        let variants: BTreeSet<&str> =
            record.trials.iter().map(|trial| trial.variant.as_str()).collect();
        let pools = variants.into_iter().filter_map(|variant| pooled(&record.trials, variant));
        for trial in pools.flat_map(|pool| pool.trials) {
            let relative = Path::new(&trial.histograms);
            let path = self.path.join(relative);
            // A run folder may come from elsewhere; it names no files but its own.
            if !relative.components().all(|part| matches!(part, Component::Normal(_))) {
                return Err(FolderError::outside(&self.path.join(RUN_FILE), &trial.histograms));
            }
            let read = read_trial_histograms(&path)?;
            let merged = latencies.entry(trial.variant.clone()).or_default();
            merged.response_time.merge(&read.response_time);
            merged.service_time.merge(&read.service_time);
            merged.send_lag.merge(&read.send_lag);
            merged.pacing_lag.merge(&read.pacing_lag);
            merged.censored.merge(&read.censored);
        }
        Ok(LoadedRun { record, latencies })
    }
}

/// Makes a folder of that name below another; when the name is taken, `-2`, `-3`, … is appended.
fn fresh_folder(results_dir: &Path, base: &str) -> Result<PathBuf, FolderError> {
    let what = "make the run folder";
    fs::create_dir_all(results_dir)
        .map_err(|error| FolderError::io("make the results folder", results_dir, error))?;
    for number in 1..=FOLDERS_PER_SECOND {
        let name = if number == 1 { base.to_owned() } else { format!("{base}-{number}") };
        let path = results_dir.join(name);
        // `create_dir` fails when the name is taken, so that two runs never share a folder.
        match fs::create_dir(&path) {
            Ok(()) => return Ok(path),
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
            Err(error) => return Err(FolderError::io(what, &path, error)),
        }
    }
    let taken = io::Error::new(io::ErrorKind::AlreadyExists, "every name is taken");
    Err(FolderError::io(what, &results_dir.join(base), taken))
}

/// The name of a trial's histogram file relative to the run folder, e.g.
/// `histograms/3-1-strict.hlog`. Block and position make it unique whatever the variant's name.
#[must_use]
pub fn histogram_file(block: u32, position: u32, variant: &str) -> String {
    format!("{HISTOGRAMS}/{block}-{position}-{}.hlog", safe_name(variant))
}

/// Letters, digits, `.`, `_` and `-` stay; anything else becomes `_`. At most 120 characters, since
/// file systems allow 255 bytes for a name.
fn safe_name(name: &str) -> String {
    let keep = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    name.chars().take(120).map(|c| if keep(c) { c } else { '_' }).collect()
}
