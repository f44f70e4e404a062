//! The fields read here against those of Istio's own CRDs, and Istio's own examples. The material
//! lies beside the repository and not in it; without it the tests say so and pass.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use policy::PolicySet;
use policy::istio::PEER_AUTHENTICATION_KEYS;
use policy::source::{Entry, Mistakes, Node, Value, documents};

const VERSIONS: [&str; 2] = ["istio-1.24.6", "istio-1.25.5"];

fn shared(path: &str) -> Option<PathBuf> {
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../../shared/data").join(path);
    beside.exists().then_some(beside)
}

fn entries(node: &Node) -> &[Entry] {
    match &node.value {
        Value::Map(entries) => entries,
        _ => &[],
    }
}

fn member<'n>(node: &'n Node, name: &str) -> &'n Node {
    let entry = entries(node).iter().find(|entry| entry.key == name);
    &entry.expect(name).value
}

fn items(node: &Node) -> &[Node] {
    match &node.value {
        Value::List(items) => items,
        _ => &[],
    }
}

fn text(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(scalar) => &scalar.text,
        _ => "",
    }
}

fn keys(node: &Node) -> BTreeSet<String> {
    entries(node).iter().map(|entry| entry.key.clone()).collect()
}

/// The schema of a path such as `spec.portLevelMtls.*`.
fn schema<'n>(root: &'n Node, path: &str) -> &'n Node {
    path.split('.').fold(root, |schema, part| match part {
        "*" => member(schema, "additionalProperties"),
        part => member(member(schema, "properties"), part),
    })
}

fn check_version(crds: &str) {
    let one = crds
        .split("\n---\n")
        .find(|text| text.contains("name: peerauthentications.security.istio.io"))
        .expect("the CRD is among them");
    let parsed = documents(one, &mut Mistakes::new("crd")).expect("it is YAML");
    let versions = items(member(member(&parsed[0].root, "spec"), "versions"));
    let served: BTreeSet<&str> = versions
        .iter()
        .filter(|version| text(member(version, "served")) == "true")
        .map(|version| text(member(version, "name")))
        .collect();
    assert_eq!(served, BTreeSet::from(["v1", "v1beta1"]));
    assert_eq!(versions.len(), 2);
    for version in versions {
        let root = member(member(version, "schema"), "openAPIV3Schema");
        for (path, known) in PEER_AUTHENTICATION_KEYS {
            if path == "metadata" {
                continue; // of Kubernetes and not of the CRD
            }
            let known: BTreeSet<String> = known.iter().map(|key| (*key).to_owned()).collect();
            assert_eq!(keys(member(schema(root, path), "properties")), known, "{path}");
        }
        for path in ["spec.mtls.mode", "spec.portLevelMtls.*.mode"] {
            let modes: BTreeSet<&str> =
                items(member(schema(root, path), "enum")).iter().map(text).collect();
            assert_eq!(modes, BTreeSet::from(["DISABLE", "PERMISSIVE", "STRICT", "UNSET"]));
        }
        let labels = schema(root, "spec.selector.matchLabels");
        assert_eq!(text(member(labels, "maxProperties")), "4096");
        assert_eq!(text(member(member(labels, "additionalProperties"), "maxLength")), "63");
        assert_eq!(text(member(schema(root, "spec.portLevelMtls"), "minProperties")), "1");
    }
}

#[test]
fn the_fields_and_limits_are_those_of_the_crds() {
    for version in VERSIONS {
        match shared(&format!("crds/{version}/crd-all.gen.yaml")) {
            Some(path) => check_version(&std::fs::read_to_string(path).unwrap()),
            None => println!("skipped: ../shared is not here"),
        }
    }
}

/// Istio's examples hold the expected error in a key that is no part of the resource.
fn without_expectation(text: &str) -> String {
    text.lines().filter(|line| !line.starts_with("_err:")).map(|line| format!("{line}\n")).collect()
}

#[test]
fn istio_s_own_examples_are_judged_as_istio_judges_them() {
    let folder = "fixtures/istio-1.25.5/pkg/config/validation/testdata/crds";
    let Some(folder) = shared(folder) else {
        println!("skipped: ../shared is not here");
        return;
    };
    for (file, valid) in [("peerauth-valid.yaml", true), ("peerauth-invalid.yaml", false)] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        for document in text.split("\n---\n") {
            let read = PolicySet::parse(&[(file, without_expectation(document))]);
            assert_eq!(read.is_ok(), valid, "{document}\n{read:?}");
        }
    }
}

#[test]
fn the_article_s_manifests_are_refused_by_field_and_by_kind() {
    let Some(folder) = shared("fixtures/article") else {
        println!("skipped: ../shared is not here");
        return;
    };
    for (file, expected) in [
        ("01-peerauthentication-prod.yaml", "unknown key"),
        ("03-ciliumnetworkpolicy-egress.yaml", "toPorts"),
    ] {
        let text = std::fs::read_to_string(folder.join(file)).unwrap();
        let mistakes = PolicySet::parse(&[(file, text)]).expect_err(file);
        assert!(mistakes.to_string().contains(expected), "{mistakes}");
    }
}
