//! Every document that a plan hands to kubectl and kind, held against the kind that it says it is:
//! Kubernetes' own objects read as their types and compared with what is left of them, the meshes'
//! against the fields that each release of a cluster has. Knows no step but by what it reads.

use std::collections::BTreeMap;
use std::path::Path;

use k8s_openapi::api::apps::v1::Deployment;
use k8s_openapi::api::core::v1::{Namespace, Secret, Service, ServiceAccount};
use k8s_openapi::api::rbac::v1::{ClusterRole, ClusterRoleBinding, Role, RoleBinding};
use policy::schema::{Kind, conform};
use policy::source::{Mistakes, Node, ScalarKind, Value as Yaml, documents};
use policy::version::Version;
use scenarios::library;
use scenarios::scenario::Scenario;
use scenarios::variant::Product;
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::{ClusterRun, Input, Pins, Shape, Step};

/// Every scenario that names kind, and its plan with each of its variants alone and with all of them.
fn plans() -> Vec<(Scenario, ClusterRun)> {
    let scenarios = library::names(Path::new("/")).into_iter();
    let scenarios = scenarios.map(|name| library::find(&name, Path::new("/")).unwrap().scenario);
    let mut plans = Vec::new();
    for scenario in scenarios.filter(|it| it.testbeds.contains_key("kind")) {
        let all = scenario.testbeds["kind"].variants.clone();
        let alone = all.iter().map(|name| vec![name.clone()]);
        for variants in alone.chain([all.clone()]) {
            let place = (Shape::Small, Path::new("results/.kind"));
            // A variant without a mesh makes no cluster by itself, and says so.
            if let Ok(run) = ClusterRun::of(&scenario, &variants, &Pins::built_in(), place) {
                plans.push((scenario.clone(), run));
            }
        }
    }
    assert!(!plans.is_empty());
    plans
}

/// Every step of a plan.
fn steps(run: &ClusterRun) -> impl Iterator<Item = &Step> {
    let in_cluster = run.clusters.iter().flat_map(|cluster| {
        let rounds =
            cluster.rounds.iter().flat_map(|round| round.apply.iter().chain(&round.remove));
        cluster.up.iter().chain(rounds).chain(&cluster.collect).chain(&cluster.down)
    });
    run.first.iter().chain(in_cluster)
}

/// The documents that a step with such a program reads, with what they are called.
fn read_by<'r>(run: &'r ClusterRun, program: &'r str) -> impl Iterator<Item = (String, Node)> + 'r {
    let its = move |step: &&Step| step.command.first().is_some_and(|word| word == program);
    steps(run).filter(its).flat_map(|step| match &step.input {
        Some(Input::Text { name, text }) => {
            let named = |root| (name.clone(), root);
            roots(text).into_iter().map(named).collect::<Vec<_>>()
        }
        _ => Vec::new(),
    })
}

pub(super) fn roots(text: &str) -> Vec<Node> {
    let mut mistakes = Mistakes::new("a document");
    let found = documents(text, &mut mistakes).unwrap_or_else(|| panic!("{mistakes}\n{text}"));
    assert!(mistakes.into_result(Some(())).is_ok(), "{text}");
    found.into_iter().map(|document| document.root).collect()
}

/// The same as JSON, as the API server has it.
pub(super) fn json(node: &Node) -> Value {
    match &node.value {
        Yaml::Map(entries) => {
            let members = entries.iter().map(|entry| (entry.key.clone(), json(&entry.value)));
            Value::Object(members.collect::<Map<_, _>>())
        }
        Yaml::List(items) => Value::Array(items.iter().map(json).collect()),
        Yaml::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => Value::Null,
            ScalarKind::Boolean(truth) => truth.into(),
            ScalarKind::Integer(number) => number.into(),
            ScalarKind::Float(number) => number.into(),
            ScalarKind::Text => scalar.text.clone().into(),
        },
        Yaml::Refused => panic!("a value that is not accepted"),
    }
}

/// What a type of the API keeps of a document; a value of another type is an error.
fn kept<T: DeserializeOwned + Serialize>(document: &Value) -> Result<Value, String> {
    let typed: T = serde_json::from_value(document.clone()).map_err(|error| error.to_string())?;
    serde_json::to_value(typed).map_err(|error| error.to_string())
}

/// An error where a document of Kubernetes' own is not what it says it is; `None` for another's.
pub(super) fn of_kubernetes(document: &Value) -> Option<Result<(), String>> {
    let word = |key| document.get(key).and_then(Value::as_str).unwrap_or_default();
    let kept = match (word("apiVersion"), word("kind")) {
        ("v1", "Namespace") => kept::<Namespace>(document),
        ("v1", "ServiceAccount") => kept::<ServiceAccount>(document),
        ("v1", "Service") => kept::<Service>(document),
        ("v1", "Secret") => kept::<Secret>(document),
        ("apps/v1", "Deployment") => kept::<Deployment>(document),
        ("rbac.authorization.k8s.io/v1", "Role") => kept::<Role>(document),
        ("rbac.authorization.k8s.io/v1", "RoleBinding") => kept::<RoleBinding>(document),
        ("rbac.authorization.k8s.io/v1", "ClusterRole") => kept::<ClusterRole>(document),
        ("rbac.authorization.k8s.io/v1", "ClusterRoleBinding") => {
            kept::<ClusterRoleBinding>(document)
        }
        _ => return None,
    };
    Some(kept.and_then(|kept| match dropped(document, &kept, "") {
        lost if lost.is_empty() => Ok(()),
        lost => Err(format!("the API has no {}", lost.join(", "))),
    }))
}

/// The paths of what was written and is not read.
fn dropped(written: &Value, kept: &Value, path: &str) -> Vec<String> {
    match (written, kept) {
        (Value::Object(written), Value::Object(kept)) => written
            .iter()
            .flat_map(|(key, value)| {
                let path = format!("{path}.{key}");
                let kept = kept.get(key);
                kept.map_or_else(|| vec![path.clone()], |kept| dropped(value, kept, &path))
            })
            .collect(),
        (Value::Array(written), Value::Array(kept)) if written.len() == kept.len() => {
            let each = written.iter().zip(kept).enumerate();
            each.flat_map(|(at, (one, other))| dropped(one, other, &format!("{path}[{at}]")))
                .collect()
        }
        _ if written == kept => Vec::new(),
        _ => vec![path.to_owned()],
    }
}

/// An error where a mesh's resource has a field that a release lacks, or a value that it refuses.
pub(super) fn of_mesh(document: &Node, releases: &[(Product, Version)]) -> Result<(), String> {
    let word = |key| document.member(key).and_then(Node::text).unwrap_or_default();
    let (group, version) = word("apiVersion").split_once('/').unwrap_or_default();
    let kind = Kind::find(group, word("kind"));
    let kind = kind.ok_or_else(|| format!("{} is no kind that is known", word("kind")))?;
    if !kind.api_versions.contains(&version) {
        return Err(format!("{} has no version {version}", kind.name));
    }
    let product = match kind.product {
        policy::schema::Product::Istio => Product::Istio,
        policy::schema::Product::Cilium => Product::Cilium,
    };
    let spec = document.member("spec").ok_or("it has no spec")?;
    let mut held = 0;
    for (_, release) in releases.iter().filter(|(of, _)| *of == product) {
        let (_, deviations) = conform(spec, "spec", &kind.spec, Some(*release));
        if !deviations.is_empty() {
            return Err(format!("{} in {release}: {deviations:?}", kind.name));
        }
        held += 1;
    }
    if held == 0 { Err(format!("{} in a cluster without its mesh", kind.name)) } else { Ok(()) }
}

/// The releases that a scenario names for a testbed.
pub(super) fn releases(scenario: &Scenario, testbed: &str) -> Vec<(Product, Version)> {
    let named = &scenario.testbeds[testbed].meshes;
    let meshes = scenario.meshes.iter().filter(|mesh| named.contains(&mesh.id));
    meshes.map(|mesh| (mesh.product, mesh.version.parse().unwrap())).collect()
}

#[test]
fn every_manifest_is_of_its_kind_in_every_release_of_its_cluster() {
    let mut counted: BTreeMap<String, u32> = BTreeMap::new();
    for (scenario, run) in plans() {
        let releases = releases(&scenario, "kind");
        for (name, root) in read_by(&run, "kubectl") {
            let document = json(&root);
            let held = of_kubernetes(&document).unwrap_or_else(|| of_mesh(&root, &releases));
            assert_eq!(held, Ok(()), "{}, {name}:\n{document:#}", scenario.name);
            let kind = document["kind"].as_str().unwrap().to_owned();
            *counted.entry(kind).or_default() += 1;
        }
    }
    for kind in ["Namespace", "ServiceAccount", "Service", "Deployment", "PeerAuthentication"] {
        assert!(counted.contains_key(kind), "{kind}: {counted:?}");
    }
}

/// Every change of one word to another in the manifests of a side must be seen.
#[test]
fn a_field_that_the_api_does_not_have_is_found_wherever_it_stands() {
    let (_, run) = plans().pop().unwrap();
    let (_, deployment) = read_by(&run, "kubectl")
        .find(|(_, root)| root.member("kind").and_then(Node::text) == Some("Deployment"))
        .unwrap();
    let whole = json(&deployment);
    assert_eq!(of_kubernetes(&whole), Some(Ok(())));
    let text = whole.to_string();
    for (field, other) in [
        ("nodeSelector", "nodeSelecter"),
        ("matchLabels", "matchLabel"),
        ("readOnlyRootFilesystem", "readonlyRootFilesystem"),
        ("containerPort", "containerport"),
        ("replicas", "replica"),
    ] {
        let altered = serde_json::from_str(&text.replace(field, other)).unwrap();
        let held = of_kubernetes(&altered).unwrap();
        assert!(held.is_err_and(|why| why.contains(other) || why.contains(field)), "{other}");
    }
    let altered = serde_json::from_str(&text.replace("\"replicas\":1", "\"replicas\":\"1\""));
    assert!(of_kubernetes(&altered.unwrap()).unwrap().is_err());
}

#[test]
fn a_field_that_a_release_of_a_mesh_does_not_have_is_found() {
    let istio = [(Product::Istio, "1.25.5".parse().unwrap())];
    let text = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                metadata: {name: a}\nspec: {mtls: {mode: STRICT}}\n";
    let held = |text: &str, releases: &[_]| of_mesh(&roots(text)[0], releases);
    assert_eq!(held(text, &istio), Ok(()));
    let cilium = [(Product::Cilium, "1.17.12".parse().unwrap())];
    for (altered, releases) in [
        (text.replace("mode", "modus"), &istio),
        (text.replace("STRICT", "STRIKT"), &istio),
        (text.replace("io/v1", "io/v9"), &istio),
        (text.replace("PeerAuth", "PierAuth"), &istio),
        (text.to_owned(), &cilium),
    ] {
        assert!(held(&altered, releases).is_err(), "{altered}");
    }
}

/// What kind reads (`kind.x-k8s.io/v1alpha4`), as far as the shapes use it.
#[derive(Debug, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
struct KindCluster {
    kind: String,
    api_version: String,
    nodes: Vec<KindNode>,
    #[serde(default)]
    networking: KindNetworking,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindNode {
    role: KindRole,
    image: String,
    #[serde(default)]
    labels: BTreeMap<String, String>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum KindRole {
    ControlPlane,
    Worker,
}

#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
struct KindNetworking {
    #[serde(default, rename = "disableDefaultCNI")]
    disable_default_cni: bool,
}

#[test]
fn every_shape_is_a_cluster_of_kind_with_a_worker_for_each_role() {
    let read = |text: &str| {
        let [root] = roots(text).try_into().expect("one document");
        serde_json::from_value::<KindCluster>(json(&root))
    };
    for shape in Shape::ALL {
        let cluster = read(shape.config()).unwrap();
        let head = (cluster.kind.as_str(), cluster.api_version.as_str());
        assert_eq!(head, ("Cluster", "kind.x-k8s.io/v1alpha4"));
        assert_eq!(cluster.networking.disable_default_cni, shape == Shape::Cilium);
        let (planes, workers): (Vec<_>, Vec<_>) =
            cluster.nodes.iter().partition(|node| node.role == KindRole::ControlPlane);
        assert_eq!(planes.len(), 1);
        assert!(cluster.nodes.iter().all(|node| node.image == Pins::built_in().node_image));
        for role in ["generator", "server"] {
            let has =
                |node: &&&KindNode| node.labels.get("loadgen/role").is_some_and(|it| it == role);
            assert!(workers.iter().any(|node| has(&node)), "{shape:?}: {role}");
        }
    }
    for (run, file) in plans().iter().flat_map(|(_, run)| read_by(run, "kind")).map(|(n, r)| (r, n))
    {
        assert!(serde_json::from_value::<KindCluster>(json(&run)).is_ok(), "{file}");
    }
    let misspelt = Shape::Small.config().replace("role: worker", "rule: worker");
    assert!(read(&misspelt).is_err());
}
