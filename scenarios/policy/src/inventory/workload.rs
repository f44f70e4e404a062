//! Pods, and the controllers that make them: labels, account, ports. It does not know which
//! policy selects what.

use std::collections::BTreeMap;

use super::Head;
use crate::finding::Span;
use crate::manifest::texts;
use crate::source::{Node, Scalar, ScalarKind, Value};

/// The account of a pod that names none.
const DEFAULT_ACCOUNT: &str = "default";

/// Groups, kinds, and where each keeps its pods' metadata and `spec`.
const KINDS: [(&str, &str, &str); 7] = [
    ("", "Pod", ""),
    ("apps", "Deployment", "spec.template"),
    ("apps", "StatefulSet", "spec.template"),
    ("apps", "DaemonSet", "spec.template"),
    ("apps", "ReplicaSet", "spec.template"),
    ("batch", "Job", "spec.template"),
    ("batch", "CronJob", "spec.jobTemplate.spec.template"),
];

/// Where a kind keeps the template of its pods; empty for the pod itself.
pub(super) fn template(group: &str, kind: &str) -> Option<&'static str> {
    let known = |row: &&(&str, &str, &str)| row.0 == group && row.1 == kind;
    KINDS.iter().find(known).map(|row| row.2)
}

/// A port that a container says it listens on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ContainerPort {
    /// Where.
    pub span: Span,
    /// The number.
    pub port: u16,
    /// The name by which services and policies may call it.
    pub name: Option<String>,
    /// `TCP` where none is given.
    pub protocol: String,
}

/// A pod, or the pods that a controller makes.
#[derive(Debug, Clone)]
pub struct Deployed {
    /// Its own name and place.
    pub head: Head,
    /// Labels of the pods.
    pub labels: BTreeMap<String, String>,
    /// Annotations of the pods, which is where the sidecar's are.
    pub annotations: BTreeMap<String, String>,
    /// `serviceAccountName`
    pub service_account: String,
    /// Ports of all containers.
    pub ports: Vec<ContainerPort>,
    /// Names of containers, those that run first included.
    pub containers: Vec<String>,
    /// Whether the pods are on the node's network.
    pub host_network: bool,
    /// Users that `runAsUser` names, for the pod or for a container, and where.
    pub users: Vec<(i64, Span)>,
}

impl Deployed {
    pub(super) fn read(head: Head, root: &Node, template: &str) -> Self {
        let pod = if template.is_empty() { Some(root) } else { root.path(template) };
        let at = |path: &str| pod.and_then(|pod| pod.path(path));
        let items = |path: &str| at(path).map(Node::items).unwrap_or_default();
        let (first, main) = (items("spec.initContainers"), items("spec.containers"));
        let all = || first.iter().chain(main);
        let user = |of: &Node| {
            let user = of.path("securityContext.runAsUser")?;
            Some((integer(user)?, user.into()))
        };
        let account = at("spec.serviceAccountName").or_else(|| at("spec.serviceAccount"));
        let account = account.and_then(Node::text).filter(|account| !account.is_empty());
        let users = at("spec").and_then(user).into_iter().chain(all().filter_map(user));
        Self {
            labels: texts(at("metadata.labels")),
            annotations: texts(at("metadata.annotations")),
            service_account: account.unwrap_or(DEFAULT_ACCOUNT).to_owned(),
            ports: all().flat_map(ports).collect(),
            containers: all()
                .filter_map(|container| container.member("name")?.text())
                .map(str::to_owned)
                .collect(),
            host_network: at("spec.hostNetwork").and_then(Node::boolean) == Some(true),
            users: users.collect(),
            head,
        }
    }

    /// As Istio's policies see it.
    #[must_use]
    pub fn workload(&self) -> crate::Workload {
        crate::Workload { namespace: self.head.namespace.clone(), labels: self.labels.clone() }
    }

    /// The number of a port by its name.
    #[must_use]
    pub fn port_named(&self, name: &str) -> Option<u16> {
        self.ports.iter().find(|port| port.name.as_deref() == Some(name)).map(|port| port.port)
    }
}

fn ports(container: &Node) -> Vec<ContainerPort> {
    let one = |node: &Node| {
        let number = node.member("containerPort").and_then(integer)?;
        Some(ContainerPort {
            span: node.into(),
            port: u16::try_from(number).ok().filter(|port| *port > 0)?,
            name: node.member("name").and_then(Node::text).map(str::to_owned),
            protocol: node.member("protocol").and_then(Node::text).unwrap_or("TCP").to_uppercase(),
        })
    };
    container.member("ports").map(Node::items).unwrap_or_default().iter().filter_map(one).collect()
}

/// A whole number.
pub(super) fn integer(node: &Node) -> Option<i64> {
    match node.value {
        Value::Scalar(Scalar { kind: ScalarKind::Integer(value), .. }) => Some(value),
        _ => None,
    }
}
