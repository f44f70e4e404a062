//! House rules that no other tool checks, over every source file of the workspace.

use std::path::{Path, PathBuf};

const LONGEST_FILE: usize = 600;

/// Which packages may name a crate, so that each concern keeps its one door.
const DOORS: &[(&str, &[&str])] = &[
    ("hdrhistogram", &["bench"]),
    ("plotters", &["bench"]),
    ("resvg", &["bench"]),
    ("maud", &["bench"]),
    ("clap", &["loadgen"]),
    ("clap_complete", &["loadgen"]),
    ("rcgen", &["bench/identity"]),
    ("saphyr", &["scenarios/policy"]),
    ("hyper", &["bench/sidecar"]),
    ("anyhow", &["loadgen"]),
];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the workspace")
}

const PACKAGES: &[&str] = &[
    "scenarios",
    "scenarios/policy",
    "bench",
    "bench/identity",
    "bench/sidecar",
    "bench/testbed",
    "loadgen",
];

/// Rust files of a package's own folders, not those of packages nested in it.
fn sources(package: &str) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for folder in ["src", "tests", "benches", "examples"] {
        collect(&root().join(package).join(folder), &mut found);
    }
    found
}

fn collect(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).into_iter().flatten().flatten() {
        let path = entry.path();
        if path.is_dir() {
            collect(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

fn complaints(check: impl Fn(&Path, &str) -> Option<String>) -> Vec<String> {
    let files = PACKAGES.iter().flat_map(|package| sources(package));
    files
        .filter(|path| !path.ends_with("tidy.rs"))
        .filter_map(|path| {
            let text = std::fs::read_to_string(&path).expect("readable");
            let why = check(&path, &text)?;
            Some(format!("{}: {why}", path.strip_prefix(root()).expect("below").display()))
        })
        .collect()
}

#[test]
fn no_file_is_longer_than_a_person_reads_at_once() {
    let long = complaints(|_, text| {
        let lines = text.lines().count();
        (lines > LONGEST_FILE).then(|| format!("{lines} lines, at most {LONGEST_FILE}"))
    });
    assert!(long.is_empty(), "{}", long.join("\n"));
}

#[test]
fn every_source_file_says_at_its_top_what_it_is_for() {
    let silent = complaints(|path, text| {
        let test_module = path.ends_with("tests.rs");
        (!test_module && !text.starts_with("//!")).then(|| "no module comment".to_owned())
    });
    assert!(silent.is_empty(), "{}", silent.join("\n"));
}

#[test]
fn every_package_takes_the_workspaces_lints_and_keeps_to_its_doors() {
    for package in PACKAGES {
        let manifest =
            std::fs::read_to_string(root().join(package).join("Cargo.toml")).expect("a manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{package}");
        let dependencies = manifest.split("[dev-dependencies]").next().expect("a first part");
        for (krate, allowed) in DOORS {
            let named = dependencies.lines().any(|line| {
                line.strip_prefix(krate).is_some_and(|rest| rest.starts_with([' ', '.']))
            });
            assert!(!named || allowed.contains(package), "{package} depends on {krate}");
        }
    }
}

#[test]
fn the_architecture_names_only_files_that_exist() {
    let text = std::fs::read_to_string(root().join("ARCHITECTURE.md")).expect("readable");
    // The table of places has a path in each row.
    for row in text.lines().filter(|line| line.starts_with("| ")) {
        for name in row.split('`').skip(1).step_by(2).filter(|name| name.contains('/')) {
            assert!(root().join(name).exists(), "{name} in: {row}");
        }
    }
}

#[test]
fn the_engine_waits_by_the_nanosecond() {
    // Without this feature rustix waits by epoll_pwait, and rounds up to whole milliseconds.
    let manifest = std::fs::read_to_string(root().join("loadgen/Cargo.toml")).expect("a manifest");
    assert!(manifest.contains("\"linux_5_11\""));
}
