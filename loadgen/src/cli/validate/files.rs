//! What is to be validated, as texts: files, folders, patterns, standard input. It does not know
//! what is in them.

use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};

use policy::pattern::Pattern;
use policy::source::Limits;

use crate::cli::exit::Failure;

/// How standard input is called in what is printed.
const STDIN: &str = "<stdin>";

/// Texts by the path that they are called by.
pub(super) fn read_all(paths: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let (mut files, mut wrong) = (BTreeMap::new(), Vec::new());
    for path in paths {
        if path == "-" {
            read_one(STDIN, &mut std::io::stdin().lock(), &mut files, &mut wrong);
        } else if Path::new(path).symlink_metadata().is_err() && path.contains(['*', '?', '[', '{'])
        {
            matching(path, &mut files, &mut wrong);
        } else {
            walk(Path::new(path), &mut files, &mut wrong);
        }
    }
    if wrong.is_empty() { Ok(files) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

/// The files that a pattern means, where no shell has put their names in its place.
fn matching(written: &str, files: &mut BTreeMap<String, String>, wrong: &mut Vec<String>) {
    let pattern = match Pattern::of_paths(written.trim_start_matches("./")) {
        Ok(pattern) => pattern,
        Err(error) => {
            wrong.push(format!("{written}: {error}"));
            return;
        }
    };
    // Above the first part with a pattern nothing needs to be looked through.
    let plain = Path::new(written)
        .components()
        .take_while(|part| !part.as_os_str().to_string_lossy().contains(['*', '?', '[', '{']));
    let folder: PathBuf = plain.collect();
    let from = if folder.as_os_str().is_empty() { Path::new(".") } else { folder.as_path() };
    let (mut all, before) = (Vec::new(), files.len());
    list(from, &mut all, wrong);
    for path in all {
        let shown = path.to_string_lossy();
        if pattern.matches(shown.trim_start_matches("./")) {
            open(&path, files, wrong);
        }
    }
    if files.len() == before && wrong.is_empty() {
        wrong.push(format!("{written}: no file matches"));
    }
}

/// The files below a folder; links, which may lead back to it, are left out.
fn list(folder: &Path, all: &mut Vec<PathBuf>, wrong: &mut Vec<String>) {
    let entries = match folder.read_dir() {
        Ok(entries) => entries,
        Err(error) => {
            wrong.push(format!("{}: {error}", folder.display()));
            return;
        }
    };
    for entry in entries.flatten() {
        match entry.file_type() {
            Ok(kind) if kind.is_dir() => list(&entry.path(), all, wrong),
            Ok(kind) if kind.is_file() => all.push(entry.path()),
            Ok(_) => {}
            Err(error) => wrong.push(format!("{}: {error}", entry.path().display())),
        }
    }
}

/// A file, or the manifests in a folder and those in it. A file that is named is read whatever its
/// name.
fn walk(path: &Path, files: &mut BTreeMap<String, String>, wrong: &mut Vec<String>) {
    let is_folder = match path.metadata() {
        Ok(kind) => kind.is_dir(),
        Err(error) => {
            wrong.push(format!("{}: {error}", path.display()));
            return;
        }
    };
    if !is_folder {
        open(path, files, wrong);
        return;
    }
    let mut all = Vec::new();
    list(path, &mut all, wrong);
    for path in all {
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "yml" | "json")) {
            open(&path, files, wrong);
        }
    }
}

fn open(path: &Path, files: &mut BTreeMap<String, String>, wrong: &mut Vec<String>) {
    let shown = path.display().to_string();
    match std::fs::File::open(path) {
        Ok(mut file) => read_one(&shown, &mut file, files, wrong),
        Err(error) => wrong.push(format!("{shown}: {error}")),
    }
}

fn read_one(
    name: &str,
    from: &mut dyn Read,
    files: &mut BTreeMap<String, String>,
    wrong: &mut Vec<String>,
) {
    let most = Limits::MANIFESTS.bytes;
    let mut bytes = Vec::new();
    let read = from.take(most as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        wrong.push(format!("{name}: {error}"));
        return;
    }
    if bytes.len() > most {
        let most = most >> 20;
        wrong.push(format!("{name}: expected at most {most} MiB, found more; give it in parts"));
        return;
    }
    match String::from_utf8(bytes) {
        Ok(text) => drop(files.insert(name.to_owned(), text)),
        Err(_) => wrong.push(format!("{name}: expected text in UTF-8; save the file as UTF-8")),
    }
}
