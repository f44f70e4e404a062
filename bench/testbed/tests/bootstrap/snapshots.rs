//! Every bootstrap as it is written, and whether Envoy takes it. Regenerate with
//! `INSTA_UPDATE=always cargo test -p testbed --test bootstrap`, and look at the difference.

use std::path::Path;

use super::envoy::{self, Credentials};
use super::fixtures::{self, NAMESPACE, id};

#[test]
fn every_bootstrap_is_as_it_was() {
    for (name, process) in fixtures::all(Path::new("/run/mesh")) {
        let text = serde_json::to_string_pretty(&process.bootstrap()).expect("JSON");
        insta::with_settings!({ omit_expression => true }, {
            insta::assert_snapshot!(name, text);
        });
    }
}

#[test]
fn envoy_itself_takes_every_bootstrap() {
    let Some(program) = envoy::program() else { return };
    let folder = tempfile::tempdir().expect("a folder");
    Credentials::fresh().write(folder.path(), &id(NAMESPACE, "server"));
    for (name, process) in fixtures::all(folder.path()) {
        let file = folder.path().join(format!("{name}.json"));
        std::fs::write(&file, process.bootstrap().to_string()).expect("writable");
        let output = envoy::bounded(&program)
            .args(["--mode", "validate"])
            .args(process.arguments(&file))
            .output()
            .expect("Envoy starts");
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.success(), "{name}: {said}");
        assert!(!said.contains("Deprecated"), "{name}: {said}");
    }
}

#[test]
fn variants_share_a_process_and_nothing_else() {
    let folder = Path::new("/run/mesh");
    let all = fixtures::all(folder).into_iter().flat_map(|(_, process)| process.listeners);
    let process = fixtures::process(folder, all.collect());
    let bootstrap = process.bootstrap();
    let names = |what: &str| -> Vec<String> {
        let list = bootstrap["static_resources"][what].as_array().expect("a list");
        list.iter().map(|one| one["name"].as_str().expect("a name").to_owned()).collect()
    };
    let prefixes: Vec<String> =
        process.listeners.iter().map(|(name, listener)| listener.prefix(name)).collect();
    assert_eq!(names("listeners"), prefixes);
    assert_eq!(names("clusters"), prefixes);
    let mut once = prefixes.clone();
    once.dedup();
    assert_eq!(once, prefixes);
}
