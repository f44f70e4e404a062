//! What a run on kind would do, for every scenario that names it, and what a machine lacks for it.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use policy::source::{Mistakes, Node, documents};
use scenarios::library;
use scenarios::scenario::Scenario;

use super::tools::{Machine, needs, told};
use super::{ClusterRun, Input, Pins, Shape, Step, render, values};

fn scenario(name: &str) -> Scenario {
    library::find(name, Path::new("/")).unwrap().scenario
}

fn planned(scenario: &Scenario) -> ClusterRun {
    let variants = scenario.testbeds["kind"].variants.clone();
    let place = (Shape::Small, Path::new("results/.kind"));
    ClusterRun::of(scenario, &variants, &Pins::built_in(), place).unwrap()
}

/// Every scenario that is built in and names kind.
fn all() -> Vec<(Scenario, ClusterRun)> {
    let scenarios = library::names(Path::new("/")).into_iter().map(|name| scenario(&name));
    let named = scenarios.filter(|scenario| scenario.testbeds.contains_key("kind"));
    named.map(|scenario| (scenario.clone(), planned(&scenario))).collect()
}

fn steps(run: &ClusterRun) -> Vec<&Step> {
    let in_cluster = run.clusters.iter().flat_map(|cluster| {
        let rounds =
            cluster.rounds.iter().flat_map(|round| round.apply.iter().chain(&round.remove));
        cluster.up.iter().chain(rounds).chain(&cluster.collect).chain(&cluster.down)
    });
    run.first.iter().chain(in_cluster).collect()
}

/// The documents of a text that a step reads.
fn read(text: &str) -> Vec<Node> {
    let mut mistakes = Mistakes::new("a manifest");
    let found = documents(text, &mut mistakes).unwrap_or_else(|| panic!("{mistakes}\n{text}"));
    found.into_iter().map(|document| document.root).collect()
}

#[test]
fn the_plan_of_strict_mtls_is_as_committed() {
    insta::assert_snapshot!("strict_mtls", render(&planned(&scenario("strict-mtls"))));
}

#[test]
fn every_manifest_of_every_scenario_can_be_read_and_is_in_our_namespaces() {
    for (_, run) in all() {
        for step in steps(&run).iter().filter(|step| step.name.starts_with("apply ")) {
            let Some(Input::Text { name, text }) = &step.input else { continue };
            for root in read(text) {
                let namespace = root.path("metadata.namespace").and_then(Node::text);
                let own = root.path("metadata.name").and_then(Node::text).unwrap_or_default();
                let place = namespace.unwrap_or(own);
                assert!(place.starts_with("loadgen-"), "{name}: {place}");
                assert!(root.member("apiVersion").is_some() && root.member("kind").is_some());
            }
        }
    }
}

#[test]
fn policies_go_in_as_the_scenario_has_them() {
    for (scenario, run) in all() {
        for round in run.clusters.iter().flat_map(|cluster| &cluster.rounds) {
            let variant = scenario.variant(&round.variant).unwrap();
            let texts: Vec<&String> =
                variant.policies.iter().map(|path| &scenario.policies[path]).collect();
            let applied: Vec<&String> = round
                .apply
                .iter()
                .filter_map(|step| match &step.input {
                    Some(Input::Text { text, .. }) => Some(text),
                    _ => None,
                })
                .collect();
            assert_eq!(applied, texts, "{}", round.variant);
            assert_eq!(round.remove.len(), texts.len(), "{}", round.variant);
        }
    }
}

#[test]
fn the_two_sides_of_a_pair_differ_in_their_revision_and_in_nothing_else() {
    let run = planned(&scenario("strict-mtls"));
    let cluster = &run.clusters[0];
    let manifest = |side: &str| {
        let name = format!("apply origin and generator of {side}");
        let step = cluster.up.iter().find(|step| step.name == name).unwrap();
        let Some(Input::Text { text, .. }) = &step.input else { panic!("no manifest") };
        text.clone()
    };
    let one = manifest("istio-1-24").replace("1-24-6", "R").replace("istio-1-24", "S");
    let other = manifest("istio-1-25").replace("1-25-5", "R").replace("istio-1-25", "S");
    assert_eq!(one, other);
    // Generator and origin on workers of their own, with all that they may use set aside.
    for root in read(&manifest("istio-1-24")) {
        if root.member("kind").and_then(Node::text) != Some("Deployment") {
            continue;
        }
        let pod = root.path("spec.template.spec").unwrap();
        let role = pod.member("nodeSelector").unwrap().member("loadgen/role");
        let account = pod.member("serviceAccountName").and_then(Node::text).unwrap();
        let expected = if account == "client" { "generator" } else { "server" };
        assert_eq!(role.and_then(Node::text), Some(expected));
        let excluded = root.path("spec.template.metadata.annotations").unwrap();
        let excluded = excluded.member("traffic.sidecar.istio.io/excludeInboundPorts");
        assert_eq!(excluded.is_some(), account == "client");
    }
}

#[test]
fn every_step_ends_in_time_and_every_cluster_is_taken_back() {
    for (_, run) in all() {
        for step in steps(&run) {
            assert!(!step.deadline.is_zero() && !step.command.is_empty(), "{}", step.name);
        }
        for cluster in &run.clusters {
            let undo = cluster.up[0].undo.as_ref().expect("a cluster is deleted");
            assert!(undo.whole);
            assert_eq!(Some(&undo.command), cluster.down.last().map(|step| &step.command));
        }
    }
}

#[test]
fn a_release_without_a_pin_is_refused_by_name() {
    let mut pins = Pins::built_in();
    pins.releases.retain(|release| !release.version.starts_with("1.2"));
    let scenario = scenario("strict-mtls");
    let variants = scenario.testbeds["kind"].variants.clone();
    let place = (Shape::Small, Path::new("results/.kind"));
    let refused = ClusterRun::of(&scenario, &variants, &pins, place).unwrap_err().to_string();
    assert!(refused.contains("istio-1.24") && refused.contains("istio-1.25"), "{refused}");
}

#[test]
fn helm_values_are_ones_that_the_charts_have() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data/charts-values");
    if !folder.is_dir() {
        println!("skipped: ../shared is not here");
        return;
    }
    let sets = [
        ("istiod-1.24.6", values::istiod_value("r")),
        ("istiod-1.25.5", values::istiod_value("r")),
        ("cilium-1.16.19", values::cilium_value()),
        ("cilium-1.17.12", values::cilium_value()),
    ];
    for (chart, set) in sets {
        let path = folder.join(format!("{chart}.values.yaml"));
        let roots = read(&fs::read_to_string(&path).unwrap());
        let defaults = roots[0].member("_internal_defaults_do_not_set").unwrap_or(&roots[0]);
        for (key, value) in set.as_object().unwrap() {
            let known = defaults.member(key).unwrap_or_else(|| panic!("{chart}: {key}"));
            // What is below a mesh's own configuration and below amounts is not the chart's.
            let inner =
                value.as_object().filter(|_| !["meshConfig", "resources"].contains(&key.as_str()));
            for name in inner.into_iter().flat_map(|inner| inner.keys()) {
                assert!(known.member(name).is_some(), "{chart}: {key}.{name}");
            }
        }
    }
}

/// A machine with scripts in the place of the programs, which the tests declare as such.
fn machine(folder: &Path, scripts: &[(&str, &str)], watches: &str) -> Machine {
    let (bin, proc) = (folder.join("bin"), folder.join("proc"));
    let inotify = proc.join("sys/fs/inotify");
    [&bin, &inotify].iter().for_each(|it| fs::create_dir_all(it).unwrap());
    for (name, script) in scripts {
        let path: PathBuf = bin.join(name);
        fs::write(&path, format!("#!/bin/sh\n# A fake for a test.\n{script}\n")).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
    }
    fs::write(proc.join("meminfo"), "MemTotal: 99999999 kB\nMemAvailable: 1048576 kB\n").unwrap();
    fs::write(inotify.join("max_user_watches"), watches).unwrap();
    fs::write(inotify.join("max_user_instances"), "512\n").unwrap();
    Machine { path: bin.into_os_string(), proc, disk: Ok(64 << 30) }
}

#[test]
fn all_that_is_missing_is_said_together_with_what_was_found() {
    let folder = tempfile::tempdir().unwrap();
    let scripts = [
        ("docker", "echo 'Cannot connect to the Docker daemon' >&2; exit 1"),
        ("kind", "echo 'kind v0.29.0 go1.24.2 linux/amd64'"),
    ];
    let lacking = needs(&machine(folder.path(), &scripts, "8192\n"));
    let missing: BTreeSet<&str> =
        lacking.iter().filter(|it| it.found.is_err()).map(|it| it.name.as_str()).collect();
    for name in ["docker", "helm", "kubectl", "memory", "fs.inotify.max_user_watches"] {
        assert!(missing.contains(name), "{name}: {missing:?}");
    }
    let told = told(&lacking);
    for word in [
        "Cannot connect to the Docker daemon",
        "kind v0.29.0",
        "1.0 GiB free, 8.0 GiB are needed",
        "8192, at least 524288 are needed",
        "it is in no folder of PATH",
    ] {
        assert!(told.contains(word), "{word} in\n{told}");
    }

    // In the same test, since a script that is being written must not be started by another thread.
    let folder = tempfile::tempdir().unwrap();
    let scripts = [
        ("docker", "echo 28.2.2"),
        ("kind", "echo 'kind v0.29.0'"),
        ("helm", "echo v3.18.4"),
        ("kubectl", "echo 'Client Version: v1.30.13'"),
    ];
    let whole = needs(&machine(folder.path(), &scripts, "524288\n"));
    let found: Vec<&str> = whole[..4].iter().filter_map(|it| it.found.as_deref().ok()).collect();
    assert_eq!(found, ["28.2.2", "kind v0.29.0", "v3.18.4", "Client Version: v1.30.13"]);
}
