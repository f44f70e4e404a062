//! Which Envoys this machine has, and what each says that it is. Where to look is handed over; the
//! environment is not read here, and nothing is installed.

use std::cmp::Ordering;
use std::fmt;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Duration;

use crate::child::{Child, Program};
use crate::deadline::Deadline;

/// A cold start of 100 MB takes 150 ms; this is for a machine that is busy with a build.
const PATIENCE: Duration = Duration::from_secs(15);
/// `--version` prints an empty line, a line, and an empty line.
const LINES_OF_A_VERSION: usize = 8;

/// Where Envoys may be.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Places {
    /// The one that the user named, which comes before all others.
    pub named: Option<PathBuf>,
    /// The folders of the search path, where `envoy` is looked for.
    pub path: Vec<PathBuf>,
    /// The folder into which `scripts/get-envoy` puts `VERSION/envoy`.
    pub cache: Option<PathBuf>,
}

/// An Envoy that runs here.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Build {
    /// The executable.
    pub path: PathBuf,
    /// e.g. `1.40.0`.
    pub version: String,
    /// The commit that it was built from.
    pub commit: String,
    /// Whether the sources were those of that commit, by its own account.
    pub clean: bool,
    /// `RELEASE` or `DEBUG`.
    pub kind: String,
    /// The TLS library, e.g. `BoringSSL`.
    pub tls: String,
}

/// What was found: Envoys that run, and what looks like one and is none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The first is the one that is used where no version is asked for: the named one, else the one
    /// on the search path, else the newest of the cache. Each version once.
    pub builds: Vec<Build>,
    /// What can not be used, and why, each in a line.
    pub problems: Vec<String>,
}

impl Build {
    /// The version and how it was built, e.g. `1.40.0 (9e5580933739, Clean, RELEASE, BoringSSL)`.
    #[must_use]
    pub fn describe(&self) -> String {
        let Self { version, commit, kind, tls, .. } = self;
        let commit = commit.get(..12).unwrap_or(commit);
        let state = if self.clean { "Clean" } else { "Modified" };
        format!("{version} ({commit}, {state}, {kind}, {tls})")
    }

    /// How variants name it: `envoy-1.40.0`.
    #[must_use]
    pub fn id(&self) -> String {
        format!("envoy-{}", self.version)
    }
}

impl fmt::Display for Build {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Envoy {} at {}", self.describe(), self.path.display())
    }
}

impl Places {
    /// Looks everywhere. A named one that can not be used is a problem, and no other takes its
    /// place: who named it wanted that one.
    #[must_use]
    pub fn search(&self) -> Found {
        let mut found = Found::default();
        if let Some(named) = &self.named {
            match ask(named) {
                Ok(build) => found.builds.push(build),
                Err(problem) => {
                    found.problems.push(problem);
                    return found;
                }
            }
        }
        let on_path =
            self.path.iter().map(|folder| folder.join("envoy")).find(|path| path.is_file());
        if let Some(path) = on_path {
            found.take(ask(&path));
        }
        let mut cached = Found::default();
        for path in self.cached() {
            cached.take(ask(&path));
        }
        cached.builds.sort_by(|a, b| newest_first(&a.version, &b.version));
        found.problems.append(&mut cached.problems);
        for build in cached.builds {
            found.take(Ok(build));
        }
        found
    }

    fn cached(&self) -> Vec<PathBuf> {
        let Some(cache) = &self.cache else { return Vec::new() };
        let mut paths: Vec<PathBuf> = fs::read_dir(cache)
            .into_iter()
            .flatten()
            .flatten()
            .filter(|entry| !entry.file_name().to_string_lossy().starts_with('.'))
            .map(|entry| entry.path().join("envoy"))
            .filter(|path| path.is_file())
            .collect();
        paths.sort();
        paths
    }
}

impl Found {
    /// The one of that version.
    #[must_use]
    pub fn version(&self, version: &str) -> Option<&Build> {
        self.builds.iter().find(|build| build.version == version)
    }

    /// What to do where there is none, with what was wrong with those that look like one.
    #[must_use]
    pub fn missing(&self) -> String {
        let mut text = "no Envoy is here".to_owned();
        for problem in &self.problems {
            text.push_str("\n  ");
            text.push_str(problem);
        }
        text.push_str(HELP);
        text
    }

    fn take(&mut self, asked: Result<Build, String>) {
        match asked {
            Ok(build) if self.version(&build.version).is_none() => self.builds.push(build),
            Ok(_) => {}
            Err(problem) => self.problems.push(problem),
        }
    }
}

/// How to get one.
pub const HELP: &str = "\n  help: `scripts/get-envoy 1.40.0` installs one; or put `envoy` on PATH, or \
                        name one with LOADGEN_ENVOY=/path/to/envoy";

/// Asks an executable what it is.
fn ask(path: &Path) -> Result<Build, String> {
    let shown = path.display();
    if !path.is_file() {
        return Err(format!("{shown}: there is no such file"));
    }
    let program = Program { path: path.to_owned(), args: vec!["--version".to_owned()] };
    let mut child = Child::spawn("envoy", &program, Path::new("/dev/null")).map_err(|error| {
        // The file is there, so what the kernel misses is the loader that the file names.
        let hint = if error.problem.contains("os error 2)") {
            "; its loader is missing: it needs glibc, and this processor's architecture"
        } else {
            ""
        };
        format!("{}{hint}", error.problem)
    })?;
    let deadline = Deadline::after(PATIENCE);
    for _ in 0..LINES_OF_A_VERSION {
        let line = child.line(deadline).map_err(|error| format!("{shown}: {}", error.problem))?;
        if let Some((_, said)) = line.split_once("version: ") {
            let build = understood(path, said.trim())
                .ok_or_else(|| format!("{shown}: its version can not be read: {}", said.trim()))?;
            return usable(build);
        }
    }
    Err(format!("{shown}: it does not say its version as Envoy does"))
}

/// `<commit>/<version>/<Clean|Modified>/<RELEASE|DEBUG>/<TLS library>`.
fn understood(path: &Path, said: &str) -> Option<Build> {
    let parts: Vec<&str> = said.split('/').collect();
    let [commit, version, state, kind, tls] = parts[..] else { return None };
    let clean = match state {
        "Clean" => true,
        "Modified" => false,
        _ => return None,
    };
    let [version, commit, kind, tls] = [version, commit, kind, tls].map(str::to_owned);
    Some(Build { path: path.to_owned(), version, commit, clean, kind, tls })
}

/// A debug build is several times slower: figures of one would be believed by somebody.
fn usable(build: Build) -> Result<Build, String> {
    if build.kind == "DEBUG" {
        return Err(format!("{}: a debug build, which is not measured", build.path.display()));
    }
    Ok(build)
}

/// By number and not by letter: 1.40 is newer than 1.9.
fn newest_first(a: &str, b: &str) -> Ordering {
    let numbers = |version: &str| -> Vec<u64> {
        version
            .split(|letter: char| !letter.is_ascii_digit())
            .map(|number| number.parse().unwrap_or(0))
            .collect()
    };
    numbers(b).cmp(&numbers(a)).then_with(|| b.cmp(a))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    const SAID: &str = "9e5580933739775e8bce696a57a2e1bc99368f23/1.40.0/Clean/RELEASE/BoringSSL";

    /// Something that answers `--version` as Envoy does, and nothing else.
    fn pretend(folder: &Path, said: &str) -> PathBuf {
        fs::create_dir_all(folder).unwrap();
        let path = folder.join("envoy");
        let script = format!("#!/bin/sh\necho\necho \"$0  version: {said}\"\necho\n");
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        path
    }

    fn said(version: &str, state: &str, kind: &str) -> String {
        format!("0123456789abcdef/{version}/{state}/{kind}/BoringSSL")
    }

    #[test]
    fn a_build_is_read_from_what_it_says() {
        let build = understood(Path::new("/opt/envoy"), SAID).unwrap();
        assert_eq!(build.describe(), "1.40.0 (9e5580933739, Clean, RELEASE, BoringSSL)");
        assert_eq!(build.id(), "envoy-1.40.0");
        assert!(build.clean);
        for other in ["", "1.40.0", "a/b/Dirty/RELEASE/BoringSSL", "a/b/Clean/RELEASE/x/y"] {
            assert_eq!(understood(Path::new("/opt/envoy"), other), None, "{other}");
        }
    }

    #[test]
    fn the_named_one_comes_first_then_the_paths_then_the_newest_of_the_cache() {
        let folder = tempfile::tempdir().unwrap();
        let at = |name: &str| folder.path().join(name);
        let named = pretend(&at("named"), &said("1.36.2", "Clean", "RELEASE"));
        pretend(&at("bin"), &said("1.37.0", "Clean", "RELEASE"));
        for version in ["1.9.0", "1.40.0", "1.36.2"] {
            pretend(&at("cache").join(version), &said(version, "Clean", "RELEASE"));
        }
        let mut places = Places {
            named: Some(named),
            path: vec![at("none"), at("bin")],
            cache: Some(at("cache")),
        };
        let versions = |places: &Places| -> Vec<String> {
            places.search().builds.into_iter().map(|build| build.version).collect()
        };
        assert_eq!(versions(&places), ["1.36.2", "1.37.0", "1.40.0", "1.9.0"]);
        places.named = None;
        assert_eq!(versions(&places), ["1.37.0", "1.40.0", "1.36.2", "1.9.0"]);
    }

    #[test]
    fn a_named_one_that_can_not_be_used_is_not_replaced_by_another() {
        let folder = tempfile::tempdir().unwrap();
        pretend(&folder.path().join("1.40.0"), SAID);
        let places = Places {
            named: Some(folder.path().join("missing")),
            path: Vec::new(),
            cache: Some(folder.path().to_owned()),
        };
        let found = places.search();
        assert!(found.builds.is_empty());
        assert!(found.missing().contains("missing: there is no such file"), "{}", found.missing());
        assert!(found.missing().contains("scripts/get-envoy"));
    }

    #[test]
    fn what_is_no_release_is_named_with_the_reason() {
        let folder = tempfile::tempdir().unwrap();
        let cache = folder.path().to_owned();
        pretend(&cache.join("1.38.3"), &said("1.38.3", "Modified", "RELEASE"));
        pretend(&cache.join("a"), &said("1.40.0", "Clean", "DEBUG"));
        pretend(&cache.join("b"), "no idea");
        fs::create_dir_all(cache.join(".getting-1")).unwrap();
        let broken = pretend(&cache.join("c"), "");
        fs::write(&broken, "#!/nowhere/at/all\n").unwrap();
        let found = Places { cache: Some(cache), ..Places::default() }.search();
        assert_eq!(found.builds.len(), 1);
        assert!(found.builds[0].describe().contains("Modified"));
        let all = found.problems.join("\n");
        assert_eq!(found.problems.len(), 3, "{all}");
        for part in ["a debug build", "can not be read: no idea", "its loader is missing"] {
            assert!(all.contains(part), "{all}");
        }
    }
}
