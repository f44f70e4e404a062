//! Where finished selftests of this user stand, one file each, so that later runs on the same
//! machine can show the newest. Which one speaks for a machine is decided by the document itself.

use std::fs;
use std::path::{Path, PathBuf};

use super::{FolderError, whole};
use crate::record::Provenance;
use crate::selftest::{SELFTEST_SCHEMA_VERSION, SelftestRecord};

/// More than this are not kept: the newest of each machine that shares a home is enough.
const KEPT: usize = 50;

/// A folder of selftests.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shelf {
    path: PathBuf,
}

impl Shelf {
    /// Over a folder that need not be there yet.
    #[must_use]
    pub fn at(path: PathBuf) -> Self {
        Self { path }
    }

    /// The folder.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Puts a selftest there under its time, and takes away what is too old to be of use. Returns
    /// the file.
    pub fn put(&self, record: &SelftestRecord) -> Result<PathBuf, FolderError> {
        fs::create_dir_all(&self.path)
            .map_err(|error| FolderError::io("make the folder of selftests", &self.path, error))?;
        // The time as text sorts as it passes; a colon is no letter of a file name everywhere.
        let time: String = record.started_at.chars().filter(char::is_ascii_alphanumeric).collect();
        let file = self.path.join(format!("{time}-{}.json", record.seed));
        whole::write(&file, &document(record))?;
        let mut names = self.names();
        while names.len() > KEPT {
            // What can not be removed is only not removed.
            let _ = fs::remove_file(self.path.join(names.remove(0)));
        }
        Ok(file)
    }

    /// The newest one that speaks for that machine and version. What is not there, not readable or
    /// of another version is passed over: a run must not fail for the want of a selftest.
    #[must_use]
    pub fn newest_for(&self, machine: &Provenance) -> Option<SelftestRecord> {
        let read = |name: &String| {
            let text = fs::read_to_string(self.path.join(name)).ok()?;
            let record: SelftestRecord = serde_json::from_str(&text).ok()?;
            let current = record.schema_version == SELFTEST_SCHEMA_VERSION;
            (current && record.speaks_for(machine)).then_some(record)
        };
        self.names().iter().rev().find_map(read)
    }

    /// Oldest first.
    fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(&self.path).into_iter().flatten().flatten();
        let mut names: Vec<String> = entries
            .filter_map(|entry| entry.file_name().into_string().ok())
            .filter(|name| name.ends_with(".json") && !name.starts_with('.'))
            .collect();
        names.sort();
        names
    }
}

/// A selftest's own results: a folder with the document, the text, and a folder for each run that it
/// was made from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SelftestFolder {
    path: PathBuf,
}

impl SelftestFolder {
    /// Makes `<stamp>-selftest-<testbed>` below `results_dir`; when the name is taken, a number is
    /// appended.
    pub fn create(results_dir: &Path, utc_stamp: &str, testbed: &str) -> Result<Self, FolderError> {
        let base = format!("{utc_stamp}-selftest-{testbed}");
        super::fresh_folder(results_dir, &base).map(|path| Self { path })
    }

    /// Where it is.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Writes `selftest.json` and `selftest.txt`.
    pub fn write(&self, record: &SelftestRecord, text: &str) -> Result<(), FolderError> {
        whole::write(&self.path.join("selftest.json"), &document(record))?;
        whole::write(&self.path.join("selftest.txt"), text.as_bytes())
    }
}

/// Pretty, with a newline at its end.
fn document(record: &SelftestRecord) -> Vec<u8> {
    let mut text = serde_json::to_vec_pretty(record)
        .expect("a selftest has only string keys and finite numbers");
    text.push(b'\n');
    text
}
