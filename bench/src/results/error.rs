//! What can go wrong with a run folder: what was done, where, why it failed and what to do about
//! it. Knows no numbers.

use std::io;
use std::path::{Path, PathBuf};

use crate::record::SCHEMA_VERSION;
use crate::seams::SinkError;

/// A run folder that can not be written or read.
#[derive(Debug, thiserror::Error)]
#[error("can not {what}: {}: {why}; {hint}", path.display())]
pub struct FolderError {
    /// What was being done, e.g. `write run.json`.
    pub what: String,
    /// Where.
    pub path: PathBuf,
    /// Why it failed.
    pub why: String,
    /// What to do about it.
    pub hint: String,
    /// The operating system's kind of failure, or `InvalidData` for a file with wrong contents.
    pub kind: io::ErrorKind,
}

impl FolderError {
    pub(super) fn io(what: &str, path: &Path, error: io::Error) -> Self {
        let kind = error.kind();
        let hint = match kind {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => {
                "free some space or choose another disk with --results; \
                 what was complete before is kept"
            }
            io::ErrorKind::PermissionDenied | io::ErrorKind::ReadOnlyFilesystem => {
                "choose a folder that can be written with --results; \
                 what was complete before is kept"
            }
            io::ErrorKind::NotFound => "check that the path is right and nothing was removed",
            io::ErrorKind::InvalidData => "the file is damaged; restore it or run again",
            _ => "check the disk and the path; what was complete before is kept",
        };
        Self {
            what: what.to_owned(),
            path: path.to_owned(),
            why: error.to_string(),
            hint: hint.to_owned(),
            kind,
        }
    }

    pub(super) fn not_a_run(path: &Path, why: &str) -> Self {
        Self::data("open as a run folder", path, why.to_owned())
            .hint("give a folder that a run has written, e.g. results/<time>-<scenario>-<testbed>")
    }

    pub(super) fn other_version(path: &Path, version: u64) -> Self {
        let why = format!(
            "it has schema_version {version}, and this loadgen reads version {SCHEMA_VERSION}"
        );
        let hint = if version > u64::from(SCHEMA_VERSION) {
            "read it with the newer loadgen that wrote it"
        } else {
            "read it with the older loadgen that wrote it"
        };
        Self::data("read the run", path, why).hint(hint)
    }

    pub(super) fn broken_json(path: &Path, error: &serde_json::Error) -> Self {
        // serde_json ends its message with line and column.
        Self::data("read the run", path, error.to_string())
            .hint("the file was changed or cut short; restore it or run again")
    }

    pub(super) fn outside(path: &Path, name: &str) -> Self {
        Self::data("read the run", path, format!("it names a file outside its folder: {name}"))
            .hint("`histograms` of a trial is a path below the run folder, without `..`")
    }

    pub(super) fn damaged(path: &Path, why: String) -> Self {
        Self::data("read a trial's histograms", path, why)
            .hint("the file is damaged; restore it or run again")
    }

    fn data(what: &str, path: &Path, why: String) -> Self {
        Self {
            what: what.to_owned(),
            path: path.to_owned(),
            why,
            hint: String::new(),
            kind: io::ErrorKind::InvalidData,
        }
    }

    fn hint(mut self, hint: &str) -> Self {
        hint.clone_into(&mut self.hint);
        self
    }
}

impl From<FolderError> for SinkError {
    fn from(error: FolderError) -> Self {
        Self {
            what: format!("can not {}: {}", error.what, error.path.display()),
            source: io::Error::new(error.kind, format!("{}; {}", error.why, error.hint)),
        }
    }
}
