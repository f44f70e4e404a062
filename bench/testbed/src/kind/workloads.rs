//! What stands in a cluster: for each side of a comparison a generator and an origin, alike in all but
//! the mesh. Pure; applies nothing.

use super::objects::{
    Amounts, Capabilities, Container, ContainerPort, Deployment, Metadata, Nothing, Object, Pod,
    Resources, SecretSource, SecurityContext, Selector, Service, ServicePort, Template, Volume,
    VolumeMount, Words,
};
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

/// A side: the pods of one mesh release, or of none.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    /// e.g. `istio-1-24`, `no-mesh`.
    pub name: String,
    /// The revision whose sidecar is injected; `None` where none is.
    pub revision: Option<String>,
}

impl Side {
    /// The name of its generator or its origin.
    #[must_use]
    pub fn part(&self, part: &str) -> String {
        format!("{part}-{}", self.name)
    }

    /// Where its generator sends to.
    #[must_use]
    pub fn host(&self) -> String {
        format!("{}.{NAMESPACE}.svc.cluster.local:{ORIGIN_PORT}", self.part("server"))
    }
}

/// The namespaces. Neither is labelled for injection: a pod says itself whose sidecar it gets, so that
/// two revisions and none can stand side by side.
#[must_use]
pub(super) fn namespaces() -> String {
    let namespace = |name: &str| {
        yaml::document(&Object::<Nothing> {
            api_version: "v1",
            kind: "Namespace",
            metadata: Metadata { name: name.to_owned(), labels: made(), ..Metadata::default() },
            spec: None,
        })
    };
    yaml::documents(&[namespace(NAMESPACE), namespace(OUTSIDE)])
}

/// Everything of one side, and the accounts, which are those that the policies name.
#[must_use]
pub(super) fn side(side: &Side, image: &str) -> String {
    let server = Part { app: "server", role: "server", port: ("http", ORIGIN_PORT) };
    let client = Part { app: "client", role: "generator", port: ("tcp-agent", AGENT_PORT) };
    let serve = vec!["serve".to_owned(), format!("--listen=0.0.0.0:{ORIGIN_PORT}")];
    let agent = vec![
        "agent".to_owned(),
        format!("--listen=0.0.0.0:{AGENT_PORT}"),
        format!("--credentials={CREDENTIALS_FOLDER}/credentials"),
        "--any-target".to_owned(),
    ];
    yaml::documents(&[
        account("client"),
        account("server"),
        yaml::document(&service(side)),
        yaml::document(&deployment(side, &server, (image, serve))),
        yaml::document(&deployment(side, &client, (image, agent))),
    ])
}

/// What differs between the two parts of a side.
struct Part {
    app: &'static str,
    role: &'static str,
    port: (&'static str, u16),
}

fn made() -> Words {
    words(&[MADE_BY])
}

fn words(pairs: &[(&str, &str)]) -> Words {
    pairs.iter().map(|(key, value)| ((*key).to_owned(), (*value).to_owned())).collect()
}

fn metadata(name: String) -> Metadata {
    Metadata {
        name,
        namespace: Some(NAMESPACE.to_owned()),
        labels: made(),
        annotations: Words::new(),
    }
}

fn account(name: &str) -> String {
    yaml::document(&Object::<Nothing> {
        api_version: "v1",
        kind: "ServiceAccount",
        metadata: metadata(name.to_owned()),
        spec: None,
    })
}

fn service(side: &Side) -> Object<Service> {
    let port = ServicePort { name: "http".to_owned(), port: ORIGIN_PORT, target_port: ORIGIN_PORT };
    Object {
        api_version: "v1",
        kind: "Service",
        metadata: metadata(side.part("server")),
        spec: Some(Service {
            selector: words(&[("app", "server"), ("side", &side.name)]),
            ports: vec![port],
        }),
    }
}

fn deployment(side: &Side, part: &Part, (image, args): (&str, Vec<String>)) -> Object<Deployment> {
    let own = words(&[("app", part.app), ("side", &side.name)]);
    let generator = part.app == "client";
    let container = Container {
        name: "loadgen".to_owned(),
        image: image.to_owned(),
        // The image is loaded into the nodes; nothing is fetched while something is measured.
        image_pull_policy: "Never",
        args,
        ports: vec![ContainerPort { name: part.port.0.to_owned(), container_port: part.port.1 }],
        resources: exactly("1", "512Mi"),
        security_context: SecurityContext {
            run_as_non_root: true,
            read_only_root_filesystem: true,
            allow_privilege_escalation: false,
            capabilities: Capabilities { drop: vec!["ALL"] },
        },
        volume_mounts: if generator { vec![mount()] } else { Vec::new() },
    };
    let spec = Pod {
        service_account_name: part.app.to_owned(),
        node_selector: words(&[(ROLE, part.role)]),
        containers: vec![container],
        volumes: if generator { vec![credentials(side)] } else { Vec::new() },
    };
    let template = Template {
        metadata: Metadata {
            labels: pod_labels(side, &own),
            annotations: pod_annotations(side, part),
            ..Metadata::default()
        },
        spec,
    };
    Object {
        api_version: "apps/v1",
        kind: "Deployment",
        metadata: metadata(side.part(part.app)),
        spec: Some(Deployment { replicas: 1, selector: Selector { match_labels: own }, template }),
    }
}

fn pod_labels(side: &Side, own: &Words) -> Words {
    let mut labels = made();
    labels.extend(own.clone());
    match &side.revision {
        Some(revision) => labels.insert("istio.io/rev".to_owned(), revision.clone()),
        None => labels.insert("sidecar.istio.io/inject".to_owned(), "false".to_owned()),
    };
    labels
}

/// The coordinator's connection goes past the sidecar; and the sidecar is given as much as it may use,
/// so that no other pod's rest decides how fast it is.
fn pod_annotations(side: &Side, part: &Part) -> Words {
    if side.revision.is_none() {
        return Words::new();
    }
    let mut annotations = words(&[
        ("sidecar.istio.io/proxyCPU", "1"),
        ("sidecar.istio.io/proxyCPULimit", "1"),
        ("sidecar.istio.io/proxyMemory", "512Mi"),
        ("sidecar.istio.io/proxyMemoryLimit", "512Mi"),
    ]);
    if part.app == "client" {
        let port = AGENT_PORT.to_string();
        annotations.insert("traffic.sidecar.istio.io/excludeInboundPorts".to_owned(), port);
    }
    annotations
}

/// Requests that equal the limits: the pod is of the class that is throttled and evicted last.
fn exactly(cpu: &str, memory: &str) -> Resources {
    let amounts = Amounts { cpu: cpu.to_owned(), memory: memory.to_owned() };
    Resources { requests: amounts.clone(), limits: amounts }
}

fn credentials(side: &Side) -> Volume {
    Volume {
        name: "credentials".to_owned(),
        secret: SecretSource { secret_name: side.part("agent") },
    }
}

fn mount() -> VolumeMount {
    VolumeMount {
        name: "credentials".to_owned(),
        mount_path: CREDENTIALS_FOLDER.to_owned(),
        read_only: true,
    }
}
