//! Finding a scenario by name or by directory: on disk, near the current directory, or in the copy
//! inside the program. It reads no environment; the current directory is handed over.

use std::path::{Path, PathBuf};

use include_dir::{Dir, include_dir};
use policy::source::{Mistakes, listed, nearest};

use crate::file::{self, DiskFolder, Folder, SCENARIO_FILE, Unreadable};
use crate::scenario::Scenario;

/// The scenarios of the repository as they were when the program was built, by name.
static BUILT_IN: &[(&str, Dir<'static>)] = &include!(concat!(env!("OUT_DIR"), "/built_in.rs"));

/// The directory that scenarios are looked up in, here and in every directory above.
const LIBRARY_DIR: &str = "scenarios";

/// Where a scenario was found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Place {
    /// In this directory.
    Dir(PathBuf),
    /// In the copy inside the program.
    BuiltIn,
}

/// A scenario and where it was found.
#[derive(Debug, Clone, PartialEq)]
pub struct Found {
    /// The scenario.
    pub scenario: Scenario,
    /// Where it was found.
    pub place: Place,
}

/// Why there is no scenario.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotFound {
    /// The name of no scenario.
    #[error("no scenario is named `{name}`; {}", advice(nearest, known))]
    UnknownName {
        /// As asked for.
        name: String,
        /// The name that was probably meant.
        nearest: Option<String>,
        /// The names that would have been found, in order.
        known: Vec<String>,
    },
    /// The path of no scenario.
    #[error("no scenario in `{}`: {why}", dir.display())]
    NoScenario {
        /// As asked for.
        dir: PathBuf,
        /// What is missing.
        why: &'static str,
    },
    /// There is one, with mistakes.
    #[error(transparent)]
    Mistakes(#[from] Mistakes),
}

fn advice(nearest: &Option<String>, known: &[String]) -> String {
    let known = listed(known.iter().map(String::as_str));
    match nearest {
        Some(nearest) => format!("did you mean `{nearest}`? The known ones are {known}"),
        None => format!("the known ones are {known}; a directory is given with a `/`"),
    }
}

/// Finds and reads a scenario.
///
/// With a path separator in it, or naming an existing directory with a `scenario.yaml`, it is a
/// directory. Otherwise it is a name, looked up in `scenarios/` of the current directory and of
/// those above it, and then in the copy inside the program.
pub fn find(name_or_dir: &str, current_dir: &Path) -> Result<Found, NotFound> {
    let dir = current_dir.join(name_or_dir);
    let is_path = name_or_dir.contains(['/', std::path::MAIN_SEPARATOR])
        || matches!(name_or_dir, "." | "..")
        || (!name_or_dir.is_empty() && dir.join(SCENARIO_FILE).is_file());
    if is_path {
        return in_dir(&dir, Path::new(name_or_dir));
    }
    if let Some((dir, shown)) = near(name_or_dir, current_dir) {
        return in_dir(&dir, &shown);
    }
    if let Some(scenario) = built_in(name_or_dir) {
        return Ok(Found { scenario: scenario?, place: Place::BuiltIn });
    }
    let known = names(current_dir);
    let nearest = nearest(name_or_dir, known.iter().map(String::as_str)).map(str::to_owned);
    Err(NotFound::UnknownName { name: name_or_dir.to_owned(), nearest, known })
}

fn in_dir(dir: &Path, shown: &Path) -> Result<Found, NotFound> {
    let why = if !dir.is_dir() {
        "there is no such directory"
    } else if !dir.join(SCENARIO_FILE).is_file() {
        "the directory has no scenario.yaml"
    } else {
        let scenario = file::read(&DiskFolder::shown_as(dir, shown))?;
        return Ok(Found { scenario, place: Place::Dir(dir.to_owned()) });
    };
    Err(NotFound::NoScenario { dir: shown.to_owned(), why })
}

/// The directory of that name in the nearest `scenarios/`, and a short path to it for messages.
fn near(name: &str, current_dir: &Path) -> Option<(PathBuf, PathBuf)> {
    if name.is_empty() {
        return None;
    }
    current_dir.ancestors().find_map(|above| {
        let short = Path::new(LIBRARY_DIR).join(name);
        let dir = above.join(&short);
        let shown = if above == current_dir { short } else { dir.clone() };
        dir.join(SCENARIO_FILE).is_file().then_some((dir, shown))
    })
}

/// A scenario of the copy inside the program; none if it has none of that name.
#[must_use]
pub fn built_in(name: &str) -> Option<Result<Scenario, Mistakes>> {
    let (name, dir) = BUILT_IN.iter().find(|(known, _)| *known == name)?;
    Some(file::read(&BuiltInFolder { name, dir }))
}

/// The scenarios of the copy inside the program, by name.
#[must_use]
pub fn list() -> Vec<(&'static str, Result<Scenario, Mistakes>)> {
    BUILT_IN.iter().map(|(name, dir)| (*name, file::read(&BuiltInFolder { name, dir }))).collect()
}

/// Every name that [`find`] knows from a directory: those on disk and those built in.
#[must_use]
pub fn names(current_dir: &Path) -> Vec<String> {
    let on_disk = current_dir
        .ancestors()
        .filter_map(|above| above.join(LIBRARY_DIR).read_dir().ok())
        .flatten()
        .flatten()
        .filter(|entry| entry.path().join(SCENARIO_FILE).is_file())
        .filter_map(|entry| entry.file_name().into_string().ok());
    let mut names: Vec<String> =
        BUILT_IN.iter().map(|(name, _)| (*name).to_owned()).chain(on_disk).collect();
    names.sort();
    names.dedup();
    names
}

/// A folder of the copy inside the program.
struct BuiltInFolder {
    name: &'static str,
    dir: &'static Dir<'static>,
}

impl Folder for BuiltInFolder {
    fn name(&self) -> &str {
        self.name
    }

    fn path_of(&self, file: &str) -> String {
        format!("built-in:{}/{file}", self.name)
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable> {
        let file = self.dir.get_file(file).ok_or(Unreadable::Missing)?;
        Ok(file.contents().to_vec())
    }
}
