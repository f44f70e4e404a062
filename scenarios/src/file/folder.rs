//! Where a scenario's files come from: a directory, or a copy inside the program. It does not know
//! what the files mean.

use std::fmt;
use std::fs::File;
use std::io::{ErrorKind, Read};
use std::path::{Path, PathBuf};

use policy::source::MAX_BYTES;

/// Why a file has no content to give.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Unreadable {
    /// There is no such file.
    Missing,
    /// The operating system says why.
    Failed(String),
}

impl fmt::Display for Unreadable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Missing => f.write_str("there is no such file"),
            Self::Failed(why) => f.write_str(why),
        }
    }
}

/// A scenario's folder.
pub trait Folder {
    /// The folder's own name, which the scenario must carry.
    fn name(&self) -> &str;

    /// A file of the folder as messages name it.
    fn path_of(&self, file: &str) -> String;

    /// The content of a file, given by its path inside the folder with `/` between the parts. A
    /// file larger than the limit may be cut off just above it.
    fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable>;
}

/// A directory.
#[derive(Debug, Clone)]
pub struct DiskFolder {
    dir: PathBuf,
    name: String,
    shown: PathBuf,
}

impl DiskFolder {
    /// The directory of that path.
    #[must_use]
    pub fn new(dir: &Path) -> Self {
        Self::shown_as(dir, dir)
    }

    /// The same, with another path in messages: people know a directory by what they typed.
    #[must_use]
    pub fn shown_as(dir: &Path, shown: &Path) -> Self {
        // `.` and `..` have no name of their own; the directory that they stand for has.
        let absolute = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        let name = absolute.file_name().unwrap_or_default().to_string_lossy().into_owned();
        Self { dir: dir.to_owned(), name, shown: shown.to_owned() }
    }
}

impl Folder for DiskFolder {
    fn name(&self) -> &str {
        &self.name
    }

    fn path_of(&self, file: &str) -> String {
        self.shown.join(file).display().to_string()
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable> {
        let mut bytes = Vec::new();
        // One byte more than allowed is enough to know that a file is too large.
        let limit = u64::try_from(MAX_BYTES).unwrap_or(u64::MAX).saturating_add(1);
        let read = File::open(self.dir.join(file))
            .and_then(|file| file.take(limit).read_to_end(&mut bytes));
        match read {
            Ok(_) => Ok(bytes),
            Err(error) if error.kind() == ErrorKind::NotFound => Err(Unreadable::Missing),
            Err(error) => Err(Unreadable::Failed(error.to_string())),
        }
    }
}
