//! The steps of a run on kind, in order: which clusters there are, what is installed into each, what is
//! applied for each variant, and how it is taken back. Pure: a scenario and pins in, steps out.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use scenarios::scenario::Scenario;
use scenarios::variant::{MeshVersion, Product, Proxies, Variant, VariantName};
use sha2::{Digest, Sha256};

use super::pins::{Pins, Release};
use super::proof::Place;
use super::step::{Says, Step, Undo, words};
use super::talk::{CILIUM_KINDS, ISTIO_KINDS, Stands, Talk, namespaces_of, on, places};
use super::workloads::{Image, Side, namespaces};
use super::{Shape, values};

/// The image of generator and origin: built here, fetched from nowhere.
const IMAGE: &str = "localhost/loadgen:dev";
/// Where Istio's control planes live.
pub(super) const ISTIO_NAMESPACE: &str = "istio-system";

/// The length of the digest by which two plans are told apart, in hexadecimal digits.
const DIGEST: usize = 16;

/// Everything that a run on kind does.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClusterRun {
    /// Once, before any cluster.
    pub first: Vec<Step>,
    /// One for Istio, one for each release of Cilium.
    pub clusters: Vec<Cluster>,
}

/// A cluster and what is done with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cluster {
    /// As kind knows it.
    pub name: String,
    /// The kubeconfig by which every step talks to it, relative to where the steps are run.
    pub kubeconfig: PathBuf,
    /// Its nodes.
    pub shape: Shape,
    /// What is compared in it, the baseline without a mesh first.
    pub sides: Vec<Side>,
    /// From nothing until everything is ready; first of all the cluster itself is made.
    pub up: Vec<Step>,
    /// What makes a variant be in force, for each variant.
    pub rounds: Vec<Round>,
    /// What is kept of it in the run folder.
    pub collect: Vec<Step>,
    /// Back to nothing.
    pub down: Vec<Step>,
}

/// A variant in a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Round {
    /// Which one.
    pub variant: VariantName,
    /// Its policies come into force.
    pub apply: Vec<Step>,
    /// Who is measured under it.
    pub sides: Vec<Side>,
    /// Its policies go.
    pub remove: Vec<Step>,
}

/// Why there is no plan: everything that is wrong.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct PlanError(pub Vec<String>);

impl ClusterRun {
    /// The plan for these variants of a scenario. Kubeconfigs go below `folder`, so that nobody's own
    /// is touched.
    pub fn of(
        scenario: &Scenario,
        variants: &[VariantName],
        pins: &Pins,
        (shape, folder): (Shape, &Path),
    ) -> Result<Self, PlanError> {
        let meshes = meshes(scenario, pins)?;
        let variants: Vec<&Variant> =
            variants.iter().filter_map(|name| scenario.variant(name)).collect();
        let of = |product| meshes.iter().filter(move |(mesh, _)| mesh.product == product);
        let measured = |product| {
            variants.iter().any(|variant| on(variant, product) && variant.proxies != Proxies::None)
        };
        let around = Around { scenario, variants: &variants, pins, folder };
        let mut clusters = Vec::new();
        if measured(Product::Istio) {
            let releases: Vec<_> = of(Product::Istio).collect();
            if !releases.is_empty() {
                clusters.push(istio(&releases, shape, &around)?);
            }
        }
        if measured(Product::Cilium) {
            for mesh in of(Product::Cilium) {
                clusters.push(cilium(mesh, &around)?);
            }
        }
        if clusters.is_empty() {
            let why =
                "no variant that was asked for has a mesh, so that there is no cluster to make";
            return Err(PlanError(vec![format!("scenario {}: {why}", scenario.name)]));
        }
        Ok(Self { first: vec![build()], clusters })
    }
}

/// What all clusters of a run have in common.
struct Around<'a> {
    scenario: &'a Scenario,
    variants: &'a [&'a Variant],
    pins: &'a Pins,
    folder: &'a Path,
}

impl Around<'_> {
    /// Where the proofs of the variants in a cluster of that product ask from.
    fn places(&self, product: Product) -> Result<BTreeSet<Place>, PlanError> {
        let here = self.variants.iter().copied().filter(|variant| on(variant, product));
        places(self.scenario, here)
    }
}

/// The scenario's meshes with their pins; one without a pin is a mistake, all of them told.
fn meshes<'a>(
    scenario: &'a Scenario,
    pins: &'a Pins,
) -> Result<Vec<(&'a MeshVersion, &'a Release)>, PlanError> {
    let Some(scope) = scenario.testbeds.get("kind") else {
        let known: Vec<&str> = scenario.testbeds.keys().map(String::as_str).collect();
        return Err(PlanError(vec![format!(
            "scenario {} does not run on kind; it runs on: {}",
            scenario.name,
            known.join(", ")
        )]));
    };
    let named = scenario.meshes.iter().filter(|mesh| scope.meshes.contains(&mesh.id));
    let (found, lost): (Vec<_>, Vec<_>) = named
        .map(|mesh| (mesh, pins.release(mesh.product, &mesh.version)))
        .partition(|(_, release)| release.is_some());
    if lost.is_empty() {
        return Ok(found
            .into_iter()
            .filter_map(|(mesh, release)| Some((mesh, release?)))
            .collect());
    }
    let lost = lost.iter().map(|(mesh, _)| {
        format!("{}: version {} has no line in kind-configs/versions.yaml", mesh.id, mesh.version)
    });
    Err(PlanError(lost.collect()))
}

/// Not asked whether it is done: an image of that name may be of another day's sources, and docker
/// knows by itself which layers are still right.
fn build() -> Step {
    let command = words(&format!("docker build --tag {IMAGE} ."));
    Step::new("build the image", command, 3600).hint(
        "it is built from loadgen's own repository, so stand there; its base images come from docker.io and gcr.io: is there a way to them?",
    )
}

/// What a text is, in a word.
fn digest(text: &str) -> String {
    let digits: String = Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect();
    digits[..DIGEST].to_owned()
}

/// `istio-1.24` as a part of a name in Kubernetes.
pub(super) fn named(id: &str) -> String {
    id.replace('.', "-")
}

/// A cluster of our own, and the way to it, whatever the user's own kubeconfig says.
struct Ours {
    name: String,
    kubeconfig: String,
    talk: Talk,
}

impl Ours {
    fn with(name: &str, folder: &Path) -> Self {
        let kubeconfig = folder.join(format!("{name}.kubeconfig")).display().to_string();
        let talk = Talk { by: ["--kubeconfig".to_owned(), kubeconfig.clone()] };
        Self { name: name.to_owned(), kubeconfig, talk }
    }

    fn helm(&self, rest: &str) -> Vec<String> {
        self.talk.program("helm", rest)
    }

    fn create(&self, shape: Shape) -> Step {
        let mut command = words(&format!("kind create cluster --name {} --config -", self.name));
        command.extend(["--kubeconfig".to_owned(), self.kubeconfig.clone()]);
        // Without a network the nodes are not ready before Cilium is there.
        if shape != Shape::Cilium {
            command.extend(words("--wait 180s"));
        }
        let mut step = Step::new(format!("create the cluster {}", self.name), command, 900)
            .reading(shape.path(), shape.config())
            .hint("`docker ps` and `kind export logs` show what the nodes say; often it is memory or inotify");
        step.undo = Some(Undo { command: self.delete(), whole: true });
        step.done(words("kind get clusters"), Says::Line(self.name.clone()))
    }

    /// A cluster that was made before may have lost its kubeconfig.
    fn kubeconfig(&self) -> Step {
        let mut command = words(&format!("kind export kubeconfig --name {}", self.name));
        command.extend(["--kubeconfig".to_owned(), self.kubeconfig.clone()]);
        Step::new(format!("write the kubeconfig of {}", self.name), command, 30).hint(
            "a cluster without nodes has none: `loadgen cluster down` deletes what is left of it",
        )
    }

    fn delete(&self) -> Vec<String> {
        let mut command = words(&format!("kind delete cluster --name {}", self.name));
        command.extend(["--kubeconfig".to_owned(), self.kubeconfig.clone()]);
        command
    }

    /// Not asked whether it is done: kind itself passes over nodes that have the image.
    fn load(&self) -> Step {
        let line = format!("kind load docker-image {IMAGE} --name {}", self.name);
        Step::new("load the image into the nodes", words(&line), 300)
            .hint("`docker images localhost/loadgen` shows whether it was built; every node needs room for it")
    }

    /// The release says by its description what it was made of: helm writes it when all of it is
    /// ready, and something else when not.
    fn install(&self, release: &str, (namespace, chart): (&str, &str), values: &str) -> Step {
        let line = format!("{chart} --namespace {namespace}");
        let made_of = format!("as-planned:{}", digest(&format!("{line}\n{values}")));
        let command = format!(
            "upgrade --install {release} {line} --description {made_of} --wait --timeout 5m"
        );
        let status = format!("status {release} --namespace {namespace} --output json");
        let back = format!(
            "uninstall {release} --namespace {namespace} --ignore-not-found --wait --timeout 2m"
        );
        let step = Step::new(format!("install {release}"), self.helm(&command), 360)
            .done(self.helm(&status), Says::Field("/info/description", made_of))
            .undo(self.helm(&back))
            .look(self.talk.events(namespace))
            .hint("`kubectl get pods -A` and `kubectl describe pod` show what is not ready");
        if values.is_empty() {
            return step;
        }
        step.reading(format!("values of {release}"), values)
    }

    /// Namespaces, then all that stands in them.
    fn workloads(&self, sides: &[Side], places: &BTreeSet<Place>) -> Vec<Step> {
        let own = namespaces_of(places);
        let all = format!("delete namespace {} --ignore-not-found", own.join(" "));
        let texts = ("namespaces".to_owned(), namespaces(own.iter().map(String::as_str)));
        let namespaces = self.talk.stands("the namespaces", texts);
        let mut steps = vec![namespaces.undo(self.talk.kubectl(&all))];
        let image = Image::Loaded(IMAGE);
        steps.extend(self.talk.workloads(&Stands { sides, places, image }));
        steps
    }

    fn down(&self) -> Vec<Step> {
        vec![Step::new(format!("delete the cluster {}", self.name), self.delete(), 180)]
    }
}

fn istio(
    releases: &[&(&MeshVersion, &Release)],
    shape: Shape,
    around: &Around<'_>,
) -> Result<Cluster, PlanError> {
    let ours = Ours::with("loadgen-istio", around.folder);
    let charts = &around.pins.istio_charts;
    let mut sides = vec![Side::new("no-mesh", None)];
    sides.extend(
        releases
            .iter()
            .map(|(mesh, release)| Side::new(named(&mesh.id), Some(named(&release.version)))),
    );
    // The definitions of the newest release serve the older control plane too; so does upstream's own
    // way of moving from one revision to the next. Its control plane also checks what is applied.
    let newest = releases.iter().max_by_key(|(_, release)| numbers(&release.version));
    let version = newest.map_or("", |(_, release)| release.version.as_str());
    let base = format!(
        "base --repo {charts} --version {version} --create-namespace --set defaultRevision={}",
        named(version)
    );
    let mut up = vec![
        ours.create(shape),
        ours.kubeconfig(),
        ours.load(),
        ours.install("istio-base", (ISTIO_NAMESPACE, &base), ""),
    ];
    for (_, release) in releases {
        let revision = named(&release.version);
        let chart = format!("istiod --repo {charts} --version {} --values -", release.version);
        let name = format!("istiod-{revision}");
        up.push(ours.install(&name, (ISTIO_NAMESPACE, &chart), &values::istiod(&revision)));
    }
    up.extend(ours.workloads(&sides, &around.places(Product::Istio)?));
    let rounds = ours.talk.rounds(Product::Istio, &sides, (around.scenario, around.variants));
    let (collect, down) = (ours.talk.collect(&sides, ISTIO_KINDS), ours.down());
    let Ours { name, kubeconfig, .. } = ours;
    let kubeconfig = kubeconfig.into();
    Ok(Cluster { name, kubeconfig, shape, sides, up, rounds, collect, down })
}

/// `1.25.5` in the order of releases.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// A release of Cilium is the cluster's network, so that two of them need two clusters.
fn cilium(
    (mesh, release): &(&MeshVersion, &Release),
    around: &Around<'_>,
) -> Result<Cluster, PlanError> {
    let ours = Ours::with(&format!("loadgen-{}", named(&mesh.id)), around.folder);
    let sides = vec![Side::new(named(&mesh.id), None)];
    let chart = format!(
        "cilium --repo {} --version {} --values -",
        around.pins.cilium_charts, release.version
    );
    let mut up = vec![
        ours.create(Shape::Cilium),
        ours.kubeconfig(),
        ours.load(),
        ours.install("cilium", ("kube-system", &chart), &values::cilium()),
        Step::new(
            "await the nodes",
            ours.talk.kubectl("wait --for=condition=Ready node --all --timeout 180s"),
            200,
        )
        .done(ours.talk.kubectl("wait --for=condition=Ready node --all --timeout 1s"), Says::Well)
        .hint("`kubectl --namespace kube-system logs daemonset/cilium` says what it lacks"),
    ];
    up.extend(ours.workloads(&sides, &around.places(Product::Cilium)?));
    let rounds = ours.talk.rounds(Product::Cilium, &sides, (around.scenario, around.variants));
    let mut collect = ours.talk.collect(&sides, CILIUM_KINDS);
    collect.push(Step::new(
        "keep the agents with their digests",
        ours.talk.kubectl("get pods --namespace kube-system --output json"),
        30,
    ));
    let down = ours.down();
    let (shape, Ours { name, kubeconfig, .. }) = (Shape::Cilium, ours);
    let kubeconfig = kubeconfig.into();
    Ok(Cluster { name, kubeconfig, shape, sides, up, rounds, collect, down })
}
