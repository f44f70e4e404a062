//! Finding a scenario by name, by directory and inside the program.

mod common;

use std::fs;
use std::path::Path;

use common::COMPLETE;
use scenarios::library::{self, NotFound, Place};

/// A directory `scenarios/complete` below the root; with another version than anything built in.
fn repository(root: &Path) {
    let dir = root.join("scenarios/complete");
    fs::create_dir_all(dir.join("policies/istio")).expect("a temporary directory is writable");
    fs::write(dir.join("scenario.yaml"), COMPLETE).expect("a temporary directory is writable");
    let policy = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                  metadata: {name: default, namespace: x}\n";
    fs::write(dir.join("policies/istio/disable.yaml"), policy).expect("it is writable");
}

#[test]
fn a_name_is_looked_up_in_the_directory_and_in_those_above() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let deep = root.path().join("a/b");
    fs::create_dir_all(&deep).unwrap();
    for from in [root.path(), &deep] {
        let found = library::find("complete", from).unwrap();
        assert_eq!(found.scenario.version, 3);
        assert_eq!(found.place, Place::Dir(root.path().join("scenarios/complete")));
    }
}

#[test]
fn a_scenario_on_disk_comes_before_the_built_in_one_of_the_same_name() {
    let root = tempfile::tempdir().unwrap();
    let dir = root.path().join("scenarios/stall");
    fs::create_dir_all(&dir).unwrap();
    fs::write(dir.join("scenario.yaml"), "schema: 1\n").unwrap();
    let error = library::find("stall", root.path()).unwrap_err();
    assert!(error.to_string().starts_with("scenarios/stall/scenario.yaml:1:1: "), "{error}");
}

#[test]
fn a_name_that_is_nowhere_on_disk_is_found_in_the_program() {
    let root = tempfile::tempdir().unwrap();
    let found = library::find("strict-mtls", root.path()).unwrap();
    assert_eq!((found.scenario.name.as_str(), found.place), ("strict-mtls", Place::BuiltIn));
}

#[test]
fn a_path_and_an_existing_directory_are_directories() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let scenarios = root.path().join("scenarios");
    for (typed, from) in [
        ("scenarios/complete", root.path()),
        ("./scenarios/complete/", root.path()),
        ("complete", &scenarios),
        (".", &scenarios.join("complete")),
        ("../complete", &scenarios.join("complete")),
    ] {
        assert_eq!(library::find(typed, from).unwrap().scenario.version, 3, "{typed}");
    }
}

#[test]
fn an_unknown_name_is_answered_with_the_known_ones_and_the_nearest() {
    let root = tempfile::tempdir().unwrap();
    repository(root.path());
    let error = library::find("strict-mtsl", root.path()).unwrap_err();
    let NotFound::UnknownName { nearest, known, .. } = &error else {
        panic!("{error}");
    };
    assert_eq!(nearest.as_deref(), Some("strict-mtls"));
    assert!(known.iter().any(|name| name == "complete"));
    assert!(error.to_string().contains("did you mean `strict-mtls`?"), "{error}");
}

#[test]
fn a_directory_without_a_scenario_says_what_is_missing() {
    let root = tempfile::tempdir().unwrap();
    let error = library::find("./", root.path()).unwrap_err();
    assert_eq!(error.to_string(), "no scenario in `./`: the directory has no scenario.yaml");
    let error = library::find("no/such", root.path()).unwrap_err();
    assert_eq!(error.to_string(), "no scenario in `no/such`: there is no such directory");
    assert!(library::find("", root.path()).is_err());
}
