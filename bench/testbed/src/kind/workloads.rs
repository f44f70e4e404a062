//! What stands in a cluster: for each side of a comparison a generator and an origin, alike in all but
//! the mesh, and pods that only ask, for proofs from elsewhere. Pure; applies nothing.

use super::objects::{
    Affinity, Amounts, AntiAffinity, AwayFrom, Capabilities, Container, ContainerPort, Deployment,
    Metadata, Nothing, Object, Pod, Resources, SecretSource, SecurityContext, Selector, Service,
    ServicePort, Template, Volume, VolumeMount, Words,
};
use super::proof::Place;
use super::yaml;

/// The namespace that the scenarios' policies name.
pub const NAMESPACE: &str = "loadgen-bench";
/// Where probes without the mesh's identity come from.
pub const OUTSIDE: &str = "loadgen-outside";
/// The mark of everything that loadgen made, by which it finds it again and touches nothing else.
pub(super) const MADE_BY: (&str, &str) = ("app.kubernetes.io/managed-by", "loadgen");
/// The origin's port, which the scenarios' policies name.
pub(super) const ORIGIN_PORT: u16 = 8080;
/// The agent's port: beside the measured path.
pub(super) const AGENT_PORT: u16 = 7070;
/// The label of a worker, by which pods are pinned; `kind-configs/` has it.
pub(super) const ROLE: &str = "loadgen/role";

const CREDENTIALS_FOLDER: &str = "/etc/loadgen";
/// CPU and memory of what is measured, and of its sidecar.
const MEASURED: (&str, &str) = ("1", "512Mi");
/// The same of what only asks, a question at a time.
const ASKS: (&str, &str) = ("100m", "128Mi");

/// A side: the pods of one mesh release, or of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// e.g. `istio-1-24`, `no-mesh`.
    pub name: String,
    /// The revision whose sidecar is injected; `None` where none is.
    pub revision: Option<String>,
    /// Where its generator and its origin stand.
    pub namespace: String,
}

impl Side {
    /// In the namespace that the scenarios' policies name.
    pub(super) fn new(name: impl Into<String>, revision: Option<String>) -> Self {
        Self { name: name.into(), revision, namespace: NAMESPACE.to_owned() }
    }

    /// The name of its generator or its origin.
    #[must_use]
    pub fn part(&self, part: &str) -> String {
        format!("{part}-{}", self.name)
    }

    /// Where its generator sends to.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.{}.svc.cluster.local:{ORIGIN_PORT}", self.part("server"), self.namespace)
    }
}

/// The image of generator and origin, and how nodes come by it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Image<'a> {
    /// It is loaded into the nodes, which are labelled by what they are for.
    Loaded(&'a str),
    /// Nodes that nobody labelled for us pull it.
    Pulled(&'a str),
}

/// An agent in a pod, as others need to know it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct AgentIn {
    /// The namespace of pod and secret.
    pub namespace: String,
    /// Its deployment.
    pub deployment: String,
    /// Its secret, and the name that its certificate says.
    pub secret: String,
}

/// Where the agent of a side is that asks from that place.
#[must_use]
pub fn agent_in(side: &Side, place: &Place) -> AgentIn {
    let (namespace, app) = match place {
        Place::Client => {
            let (deployment, secret) = (side.part("client"), side.part("agent"));
            return AgentIn { namespace: side.namespace.clone(), deployment, secret };
        }
        Place::Outside => (moved(OUTSIDE, &side.namespace), "outside".to_owned()),
        Place::As { namespace, account } => {
            (moved(namespace, &side.namespace), format!("as-{account}"))
        }
    };
    let deployment = side.part(&app);
    AgentIn { namespace, secret: format!("agent-{deployment}"), deployment }
}

/// A text in which our usual namespaces are that one and its neighbour.
pub(super) fn moved(text: &str, to: &str) -> String {
    if to == NAMESPACE {
        return text.to_owned();
    }
    text.replace(OUTSIDE, &format!("{to}-outside")).replace(NAMESPACE, to)
}

/// Namespaces. None is labelled for injection: a pod says itself whose sidecar it gets, so that two
/// revisions and none can stand side by side.
#[must_use]
pub(super) fn namespaces<'n>(names: impl IntoIterator<Item = &'n str>) -> String {
    let namespace = |name: &str| {
        yaml::document(&Object::<Nothing> {
            api_version: "v1",
            kind: "Namespace",
            metadata: Metadata { name: name.to_owned(), labels: made(), ..Metadata::default() },
            spec: None,
        })
    };
    yaml::documents(&names.into_iter().map(namespace).collect::<Vec<_>>())
}

/// Everything of one side, and the accounts, which are those that the policies name.
#[must_use]
pub(super) fn side(side: &Side, image: Image<'_>) -> String {
    let server = Part {
        name: side.part("server"),
        namespace: NAMESPACE,
        app: "server",
        account: "server",
        role: "server",
        revision: side.revision.as_deref(),
        amounts: MEASURED,
        runs: Runs::Origin,
    };
    let client = Part {
        name: side.part("client"),
        app: "client",
        account: "client",
        role: "generator",
        runs: Runs::Agent { secret: side.part("agent") },
        ..server.clone()
    };
    yaml::documents(&[
        account(NAMESPACE, "client"),
        account(NAMESPACE, "server"),
        yaml::document(&service(side)),
        yaml::document(&deployment(side, &server, image)),
        yaml::document(&deployment(side, &client, image)),
    ])
}

/// A pod that asks from that place and sends no load, and its account.
#[must_use]
pub(super) fn asker(side: &Side, place: &Place, image: Image<'_>) -> String {
    let AgentIn { namespace, deployment: name, secret } = agent_in(side, place);
    let (own, app, revision) = match place {
        Place::Client => ("client", "client", side.revision.as_deref()),
        Place::Outside => ("outside", "outside", None),
        Place::As { account, .. } => (account.as_str(), "as", side.revision.as_deref()),
    };
    let part = Part {
        name,
        namespace: &namespace,
        app,
        account: own,
        role: "generator",
        revision,
        amounts: ASKS,
        runs: Runs::Agent { secret },
    };
    yaml::documents(&[account(&namespace, own), yaml::document(&deployment(side, &part, image))])
}

/// What pods of a side differ in.
#[derive(Clone)]
struct Part<'a> {
    name: String,
    namespace: &'a str,
    /// The label by which policies and services select.
    app: &'a str,
    account: &'a str,
    /// Whose worker it is.
    role: &'static str,
    revision: Option<&'a str>,
    amounts: (&'static str, &'static str),
    runs: Runs,
}

#[derive(Clone)]
enum Runs {
    Origin,
    /// With the credentials of that secret.
    Agent {
        secret: String,
    },
}

impl Runs {
    fn port(&self) -> (&'static str, u16) {
        match self {
            Self::Origin => ("http", ORIGIN_PORT),
            Self::Agent { .. } => ("tcp-agent", AGENT_PORT),
        }
    }

    fn args(&self) -> Vec<String> {
        match self {
            Self::Origin => {
                vec!["serve".to_owned(), format!("--listen=0.0.0.0:{ORIGIN_PORT}")]
            }
            Self::Agent { .. } => vec![
                "agent".to_owned(),
                format!("--listen=0.0.0.0:{AGENT_PORT}"),
                format!("--credentials={CREDENTIALS_FOLDER}/credentials"),
                "--any-target".to_owned(),
            ],
        }
    }
}

fn made() -> Words {
    words(&[MADE_BY])
}

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn metadata(namespace: &str, name: String) -> Metadata {
    Metadata {
        name,
        namespace: Some(namespace.to_owned()),
        labels: made(),
        annotations: Words::new(),
    }
}

fn account(namespace: &str, name: &str) -> String {
    yaml::document(&Object::<Nothing> {
        api_version: "v1",
        kind: "ServiceAccount",
        metadata: metadata(namespace, name.to_owned()),
        spec: None,
    })
}

fn service(side: &Side) -> Object<Service> {
    let port = ServicePort { name: "http".to_owned(), port: ORIGIN_PORT, target_port: ORIGIN_PORT };
    Object {
        api_version: "v1",
        kind: "Service",
        metadata: metadata(NAMESPACE, side.part("server")),
        spec: Some(Service {
            selector: words(&[("app", "server"), ("side", &side.name)]),
            ports: vec![port],
        }),
    }
}

fn deployment(side: &Side, part: &Part<'_>, image: Image<'_>) -> Object<Deployment> {
    let own = words(&[("app", part.app), ("side", &side.name)]);
    let (volume_mounts, volumes) = match &part.runs {
        Runs::Origin => (Vec::new(), Vec::new()),
        Runs::Agent { secret } => (vec![mount()], vec![credentials(secret)]),
    };
    let (port, container_port) = part.runs.port();
    let (image, image_pull_policy, node_selector, affinity) = match image {
        // Nothing is fetched while something is measured.
        Image::Loaded(image) => (image, "Never", words(&[(ROLE, part.role)]), None),
        Image::Pulled(image) => (image, "IfNotPresent", Words::new(), apart(part, side)),
    };
    let container = Container {
        name: "loadgen".to_owned(),
        image: image.to_owned(),
        image_pull_policy,
        args: part.runs.args(),
        ports: vec![ContainerPort { name: port.to_owned(), container_port }],
        resources: exactly(part.amounts),
        security_context: SecurityContext {
            run_as_non_root: true,
            read_only_root_filesystem: true,
            allow_privilege_escalation: false,
            capabilities: Capabilities { drop: vec!["ALL"] },
        },
        volume_mounts,
    };
    let spec = Pod {
        service_account_name: part.account.to_owned(),
        node_selector,
        affinity,
        containers: vec![container],
        volumes,
    };
    let template = Template {
        metadata: Metadata {
            labels: pod_labels(part, &own),
            annotations: pod_annotations(part),
            ..Metadata::default()
        },
        spec,
    };
    Object {
        api_version: "apps/v1",
        kind: "Deployment",
        metadata: metadata(part.namespace, part.name.clone()),
        spec: Some(Deployment { replicas: 1, selector: Selector { match_labels: own }, template }),
    }
}

/// The generator is on another node than its origin, where no label of nodes says so.
fn apart(part: &Part<'_>, side: &Side) -> Option<Affinity> {
    let origin = AwayFrom {
        label_selector: Selector {
            match_labels: words(&[("app", "server"), ("side", &side.name)]),
        },
        topology_key: "kubernetes.io/hostname",
    };
    (part.app == "client").then(|| Affinity {
        pod_anti_affinity: AntiAffinity {
            required_during_scheduling_ignored_during_execution: vec![origin],
        },
    })
}

fn pod_labels(part: &Part<'_>, own: &Words) -> Words {
    let mut labels = made();
    labels.extend(own.clone());
    match part.revision {
        Some(revision) => labels.insert("istio.io/rev".to_owned(), revision.to_owned()),
        None => labels.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned()),
    };
    labels
}

/// The coordinator's connection goes past the sidecar; and the sidecar is given as much as it may use,
/// so that no other pod's rest decides how fast it is.
fn pod_annotations(part: &Part<'_>) -> Words {
    if part.revision.is_none() {
        return Words::new();
    }
    let (cpu, memory) = part.amounts;
    let mut annotations = words(&[
        ("sidecar.istio.io/proxyCPU", cpu),
        ("sidecar.istio.io/proxyCPULimit", cpu),
        ("sidecar.istio.io/proxyMemory", memory),
        ("sidecar.istio.io/proxyMemoryLimit", memory),
    ]);
    if matches!(part.runs, Runs::Agent { .. }) {
        let port = AGENT_PORT.to_string();
        annotations.insert("traffic.sidecar.istio.io/excludeInboundPorts".to_owned(), port);
    }
    annotations
}

/// Requests that equal the limits: the pod is of the class that is throttled and evicted last.
fn exactly((cpu, memory): (&str, &str)) -> Resources {
    let amounts = Amounts { cpu: cpu.to_owned(), memory: memory.to_owned() };
    Resources { requests: amounts.clone(), limits: amounts }
}

fn credentials(secret: &str) -> Volume {
    Volume {
        name: "credentials".to_owned(),
        secret: SecretSource { secret_name: secret.to_owned() },
    }
}

fn mount() -> VolumeMount {
    VolumeMount {
        name: "credentials".to_owned(),
        mount_path: CREDENTIALS_FOLDER.to_owned(),
        read_only: true,
    }
}
