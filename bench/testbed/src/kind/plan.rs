//! The steps of a run on kind, in order: which clusters there are, what is installed into each, what is
//! applied for each variant, and how it is taken back. Pure: a scenario and pins in, steps out.

use std::path::{Path, PathBuf};

use scenarios::scenario::Scenario;
use scenarios::variant::{MeshVersion, Product, Proxies, Variant, VariantName};
use sha2::{Digest, Sha256};

use super::pins::{Pins, Release};
use super::step::{Done, Input, Says, Step, Undo, words};
use super::workloads::{NAMESPACE, OUTSIDE, Side, namespaces, side};
use super::{Shape, values};

/// The image of generator and origin: built here, fetched from nowhere.
const IMAGE: &str = "localhost/loadgen:dev";
/// Where Istio's control planes live.
const ISTIO_NAMESPACE: &str = "istio-system";

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
                clusters.push(istio(&releases, shape, &around));
            }
        }
        if measured(Product::Cilium) {
            clusters.extend(of(Product::Cilium).map(|mesh| cilium(mesh, &around)));
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

/// Whether a variant is measured in a cluster of that product. One without a mesh is in every cluster,
/// so that each has its own baseline on its own nodes.
fn on(variant: &Variant, product: Product) -> bool {
    if variant.proxies == Proxies::None {
        true
    } else {
        (variant.proxies == Proxies::Sidecars) == (product == Product::Istio)
    }
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
fn named(id: &str) -> String {
    id.replace('.', "-")
}

/// Commands that talk to one cluster, whatever the user's own kubeconfig says.
struct Talk {
    name: String,
    kubeconfig: String,
}

impl Talk {
    fn with(name: &str, folder: &Path) -> Self {
        let kubeconfig = folder.join(format!("{name}.kubeconfig")).display().to_string();
        Self { name: name.to_owned(), kubeconfig }
    }

    fn kubectl(&self, rest: &str) -> Vec<String> {
        self.program("kubectl", rest)
    }

    fn helm(&self, rest: &str) -> Vec<String> {
        self.program("helm", rest)
    }

    /// The kubeconfig is a word of its own, since its path may hold spaces.
    fn program(&self, program: &str, rest: &str) -> Vec<String> {
        let mut command =
            vec![program.to_owned(), "--kubeconfig".to_owned(), self.kubeconfig.clone()];
        command.extend(words(rest));
        command
    }

    /// What went on in a namespace, the newest last.
    fn events(&self, namespace: &str) -> Vec<String> {
        self.kubectl(&format!("get events --namespace {namespace} --sort-by=.lastTimestamp"))
    }

    /// A server-side apply in which an unknown field is an error, not a warning.
    fn apply(&self, what: &str, (name, text): (String, String)) -> Step {
        let rest = "apply --server-side --field-manager=loadgen --validate=strict --filename=-";
        Step::new(format!("apply {what}"), self.kubectl(rest), 60)
            .reading(name, text)
            .hint("a field that this release does not know is refused: `loadgen validate` names it")
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
            .look(self.events(namespace))
            .hint("`kubectl get pods -A` and `kubectl describe pod` show what is not ready");
        if values.is_empty() {
            return step;
        }
        step.reading(format!("values of {release}"), values)
    }

    /// A manifest that stays as long as the cluster: not applied again when the API server says that
    /// nothing would change.
    fn stands(&self, what: &str, manifest: (String, String)) -> Step {
        let rest = "diff --server-side --field-manager=loadgen --filename=-";
        let mut step = self.apply(what, manifest);
        step.done = Some(Done { command: self.kubectl(rest), reads: true, says: Says::Well });
        step
    }

    fn ready(&self, side: &Side) -> Vec<Step> {
        let parts = ["server", "client"].map(|part| side.part(part));
        let rollout = |part: String, span: &str| {
            let line = format!("rollout status deployment/{part} --namespace {NAMESPACE}");
            self.kubectl(&format!("{line} --timeout {span}"))
        };
        let wait = |part: String| {
            Step::new(format!("await {part}"), rollout(part.clone(), "180s"), 200)
                .done(rollout(part, "1s"), Says::Well)
                .look(self.events(NAMESPACE))
                .hint("`kubectl describe pod` names what it waits for; without a sidecar, the injection")
        };
        parts.into_iter().map(wait).collect()
    }

    /// Accounts, service, origin, generator, in that order; the agents' credentials before them.
    fn workloads(&self, sides: &[Side]) -> Vec<Step> {
        let both = format!("delete namespace {NAMESPACE} {OUTSIDE} --ignore-not-found");
        let namespaces = self.stands("the namespaces", ("namespaces".to_owned(), namespaces()));
        let mut steps = vec![namespaces.undo(self.kubectl(&both))];
        for it in sides {
            let mut secret = self.apply(
                &format!("the agent's credentials of {}", it.name),
                (String::new(), String::new()),
            );
            let name = it.part("agent");
            secret.input = Some(Input::Secret {
                what: format!(
                    "Secret {name}: certificate and key of one agent, made for this run, never printed"
                ),
                name,
            });
            steps.push(secret);
            let name = format!("origin and generator of {}", it.name);
            steps.push(self.stands(&name, (name.clone(), side(it, IMAGE))));
        }
        steps.extend(sides.iter().flat_map(|side| self.ready(side)));
        steps
    }

    /// For the results: the images with their digests, the nodes, the proxies' builds.
    fn collect(&self, sides: &[Side], kinds: &str) -> Vec<Step> {
        let mut steps = vec![
            Step::new(
                "keep the pods with their digests",
                self.kubectl(&format!("get pods --namespace {NAMESPACE} --output json")),
                30,
            ),
            Step::new("keep the nodes", self.kubectl("get nodes --output json"), 30),
            Step::new(
                "keep the policies as the API server has them",
                self.kubectl(&format!(
                    "get {kinds} --namespace {NAMESPACE} --ignore-not-found --output yaml"
                )),
                30,
            ),
        ];
        for side in sides.iter().filter(|side| side.revision.is_some()) {
            let part = side.part("server");
            let line = format!(
                "exec deployment/{part} --namespace {NAMESPACE} --container istio-proxy -- \
                 pilot-agent request GET server_info"
            );
            steps.push(Step::new(format!("keep Envoy's build of {part}"), self.kubectl(&line), 30));
        }
        steps
    }

    fn down(&self) -> Vec<Step> {
        vec![Step::new(format!("delete the cluster {}", self.name), self.delete(), 180)]
    }
}

/// What a scenario's policies can be in a cluster with Istio.
const ISTIO_KINDS: &str =
    "peerauthentications.security.istio.io,authorizationpolicies.security.istio.io";
/// The same with Cilium.
const CILIUM_KINDS: &str = "ciliumnetworkpolicies.cilium.io";

fn istio(releases: &[&(&MeshVersion, &Release)], shape: Shape, around: &Around<'_>) -> Cluster {
    let talk = Talk::with("loadgen-istio", around.folder);
    let charts = &around.pins.istio_charts;
    let mut sides = vec![Side { name: "no-mesh".to_owned(), revision: None }];
    sides.extend(releases.iter().map(|(mesh, release)| Side {
        name: named(&mesh.id),
        revision: Some(named(&release.version)),
    }));
    // The definitions of the newest release serve the older control plane too; so does upstream's own
    // way of moving from one revision to the next. Its control plane also checks what is applied.
    let newest = releases.iter().max_by_key(|(_, release)| numbers(&release.version));
    let version = newest.map_or("", |(_, release)| release.version.as_str());
    let base = format!(
        "base --repo {charts} --version {version} --create-namespace --set defaultRevision={}",
        named(version)
    );
    let mut up = vec![
        talk.create(shape),
        talk.kubeconfig(),
        talk.load(),
        talk.install("istio-base", (ISTIO_NAMESPACE, &base), ""),
    ];
    for (_, release) in releases {
        let revision = named(&release.version);
        let chart = format!("istiod --repo {charts} --version {} --values -", release.version);
        let name = format!("istiod-{revision}");
        up.push(talk.install(&name, (ISTIO_NAMESPACE, &chart), &values::istiod(&revision)));
    }
    up.extend(talk.workloads(&sides));
    let rounds = rounds(&talk, Product::Istio, &sides, around);
    let (collect, down) = (talk.collect(&sides, ISTIO_KINDS), talk.down());
    let Talk { name, kubeconfig } = talk;
    Cluster { name, kubeconfig: kubeconfig.into(), shape, sides, up, rounds, collect, down }
}

/// `1.25.5` in the order of releases.
fn numbers(version: &str) -> Vec<u32> {
    version.split('.').map(|part| part.parse().unwrap_or(0)).collect()
}

/// A release of Cilium is the cluster's network, so that two of them need two clusters.
fn cilium((mesh, release): &(&MeshVersion, &Release), around: &Around<'_>) -> Cluster {
    let talk = Talk::with(&format!("loadgen-{}", named(&mesh.id)), around.folder);
    let sides = vec![Side { name: named(&mesh.id), revision: None }];
    let chart = format!(
        "cilium --repo {} --version {} --values -",
        around.pins.cilium_charts, release.version
    );
    let mut up = vec![
        talk.create(Shape::Cilium),
        talk.kubeconfig(),
        talk.load(),
        talk.install("cilium", ("kube-system", &chart), &values::cilium()),
        Step::new(
            "await the nodes",
            talk.kubectl("wait --for=condition=Ready node --all --timeout 180s"),
            200,
        )
        .done(talk.kubectl("wait --for=condition=Ready node --all --timeout 1s"), Says::Well)
        .hint("`kubectl --namespace kube-system logs daemonset/cilium` says what it lacks"),
    ];
    up.extend(talk.workloads(&sides));
    let rounds = rounds(&talk, Product::Cilium, &sides, around);
    let mut collect = talk.collect(&sides, CILIUM_KINDS);
    collect.push(Step::new(
        "keep the agents with their digests",
        talk.kubectl("get pods --namespace kube-system --output json"),
        30,
    ));
    let down = talk.down();
    let (shape, Talk { name, kubeconfig }) = (Shape::Cilium, talk);
    Cluster { name, kubeconfig: kubeconfig.into(), shape, sides, up, rounds, collect, down }
}

fn rounds(talk: &Talk, product: Product, sides: &[Side], around: &Around<'_>) -> Vec<Round> {
    let here = around.variants.iter().filter(|variant| on(variant, product));
    here.map(|variant| {
        let file = |path: &String| {
            let shown = format!("scenarios/{}/{path}", around.scenario.name);
            (shown, around.scenario.policies.get(path).cloned().unwrap_or_default())
        };
        let mut apply: Vec<Step> = variant
            .policies
            .iter()
            .map(|path| talk.apply(&format!("{path}, unchanged"), file(path)))
            .collect();
        if product == Product::Cilium && !variant.policies.is_empty() {
            let line = format!(
                "wait --for=condition=Valid ciliumnetworkpolicies.cilium.io --all \
                 --namespace {NAMESPACE} --timeout 60s"
            );
            apply.push(
                Step::new("await Valid=True of every policy", talk.kubectl(&line), 70)
                    .hint("`kubectl describe ciliumnetworkpolicy` gives the agent's reason"),
            );
        }
        let remove = variant.policies.iter().map(|path| {
            let line = format!("delete --namespace {NAMESPACE} --ignore-not-found --filename=-");
            let (name, text) = file(path);
            Step::new(format!("delete {path}"), talk.kubectl(&line), 60).reading(name, text)
        });
        // A sidecar is compared with the pods that have none, on the same nodes.
        let meshed = variant.proxies != Proxies::None && product == Product::Istio;
        let measured =
            |side: &&Side| product == Product::Cilium || side.revision.is_some() == meshed;
        Round {
            variant: variant.name.clone(),
            apply,
            sides: sides.iter().filter(measured).cloned().collect(),
            remove: remove.collect(),
        }
    })
    .collect()
}
