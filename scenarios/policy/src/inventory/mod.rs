//! What a cluster holds besides policies and what their meaning depends on: namespaces, workloads,
//! services, the mesh's own configuration and Cilium's. Each item knows where it was read. It
//! judges nothing.

mod agent;
mod mesh;
mod service;
mod workload;

use std::collections::BTreeMap;

pub use agent::{AgentConfig, Enforcement};
pub use mesh::{MeshConfig, PathNormalization};
pub use service::{Service, ServicePort, TargetPort};
pub use workload::{ContainerPort, Deployed};

use crate::finding::Span;
use crate::manifest::texts;
use crate::source::{Document, Node};
use crate::{DEFAULT_NAMESPACE, Origin, ROOT_NAMESPACE};

/// What stands at the head of an object.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Head {
    /// Where it was read.
    pub origin: Origin,
    /// Its kind.
    pub kind: String,
    /// Its name.
    pub name: String,
    /// Its namespace, or where it goes without one; empty where the kind has none.
    pub namespace: String,
    /// Its own labels.
    pub labels: BTreeMap<String, String>,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// Its name, or the whole where there is none.
    pub span: Span,
}

impl Head {
    /// Kind, namespace and name.
    #[must_use]
    pub fn title(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind, self.name)
        } else {
            format!("{} {}/{}", self.kind, self.namespace, self.name)
        }
    }

    fn read(path: &str, document: &Document, namespaced: bool) -> Self {
        let root = &document.root;
        let text = |name: &str| root.path(name).and_then(Node::text).map(str::to_owned);
        let namespace = text("metadata.namespace").unwrap_or_else(|| DEFAULT_NAMESPACE.to_owned());
        Self {
            origin: Origin { path: path.to_owned(), document: document.number, at: root.at },
            kind: text("kind").unwrap_or_default(),
            name: text("metadata.name").unwrap_or_default(),
            namespace: if namespaced { namespace } else { String::new() },
            labels: texts(root.path("metadata.labels")),
            annotations: texts(root.path("metadata.annotations")),
            span: root.path("metadata.name").unwrap_or(root).into(),
        }
    }
}

/// A namespace; what matters of one is in its labels.
#[derive(Debug, Clone)]
pub struct Namespace {
    /// Name and labels.
    pub head: Head,
}

/// All that was read of a cluster besides policies, in the order of the files.
#[derive(Debug, Clone, Default)]
pub struct Inventory {
    /// Namespaces.
    pub namespaces: Vec<Namespace>,
    /// Pods, and what makes them.
    pub workloads: Vec<Deployed>,
    /// Services.
    pub services: Vec<Service>,
    /// Configurations of the mesh; see [`Inventory::mesh`].
    pub meshes: Vec<MeshConfig>,
    /// Configurations of Cilium's agents; see [`Inventory::agent`].
    pub agents: Vec<AgentConfig>,
    /// Kubernetes' own network policies, which Cilium enforces too: heads and `spec`.
    pub network_policies: Vec<(Head, Node)>,
}

impl Inventory {
    /// Takes in a document of a file if it is of a kind that is kept; otherwise answers `false`.
    pub(crate) fn read(&mut self, path: &str, text: &str, document: &Document) -> bool {
        let root = &document.root;
        let word = |name: &str| root.member(name).and_then(Node::text).unwrap_or_default();
        let (api_version, kind) = (word("apiVersion"), word("kind"));
        let group = api_version.split_once('/').map_or("", |(group, _)| group);
        match (group, kind) {
            ("", "Namespace") => {
                self.namespaces.push(Namespace { head: Head::read(path, document, false) });
            }
            ("", "Service") => {
                self.services.push(Service::read(Head::read(path, document, true), root));
            }
            ("", "ConfigMap") => return self.config_map(path, text, document),
            ("install.istio.io", "IstioOperator") => {
                let Some(mesh) = root.path("spec.meshConfig") else { return false };
                let head = Head::read(path, document, true);
                self.meshes.push(MeshConfig::read(head, mesh.clone()));
            }
            ("networking.k8s.io", "NetworkPolicy") => {
                let Some(spec) = root.member("spec") else { return false };
                let head = Head::read(path, document, true);
                self.network_policies.push((head, spec.clone()));
            }
            // Values of a chart have no kind.
            ("", "") => {
                let Some(mesh) = root.member("meshConfig") else { return false };
                self.meshes.push(MeshConfig::read(Head::read(path, document, false), mesh.clone()));
            }
            _ => {
                let Some(template) = workload::template(group, kind) else { return false };
                let head = Head::read(path, document, true);
                self.workloads.push(Deployed::read(head, root, template));
            }
        }
        true
    }

    fn config_map(&mut self, path: &str, text: &str, document: &Document) -> bool {
        let root = &document.root;
        let head = Head::read(path, document, true);
        if head.name == agent::NAME {
            self.agents.push(AgentConfig::read(head, root));
            return true;
        }
        // A revision's is called `istio-` and the revision.
        let name = head.name == mesh::NAME || head.name.starts_with("istio-");
        let Some(written) = root.path("data.mesh").filter(|_| name) else { return false };
        let Some(mesh) = mesh::within(written, text) else { return false };
        self.meshes.push(MeshConfig::read(head, mesh));
        true
    }

    /// A namespace by its name.
    #[must_use]
    pub fn namespace(&self, name: &str) -> Option<&Namespace> {
        self.namespaces.iter().find(|namespace| namespace.head.name == name)
    }

    /// The mesh's configuration: what istiod runs with, or else what it is installed from.
    #[must_use]
    pub fn mesh(&self) -> Option<&MeshConfig> {
        let runs = |mesh: &&MeshConfig| mesh.head.kind == "ConfigMap";
        self.meshes.iter().find(runs).or_else(|| self.meshes.first())
    }

    /// The configuration of Cilium's agents.
    #[must_use]
    pub fn agent(&self) -> Option<&AgentConfig> {
        self.agents.first()
    }

    /// The namespace whose policies are mesh-wide, as the mesh is configured.
    #[must_use]
    pub fn root_namespace(&self) -> &str {
        let given = self.mesh().and_then(|mesh| mesh.root_namespace.as_ref());
        given.map_or(ROOT_NAMESPACE, |name| &name.text)
    }

    /// Workloads of a namespace by name: a pod's own, or that of what makes it.
    pub fn workloads_named<'i, 'n>(
        &'i self,
        namespace: &'n str,
        name: &'n str,
    ) -> impl Iterator<Item = &'i Deployed> + use<'i, 'n> {
        let wanted = move |of: &&Deployed| of.head.namespace == namespace && of.head.name == name;
        self.workloads.iter().filter(wanted)
    }

    /// Workloads that run as a service account.
    pub fn workloads_of_account<'i, 'n>(
        &'i self,
        namespace: &'n str,
        account: &'n str,
    ) -> impl Iterator<Item = &'i Deployed> + use<'i, 'n> {
        let wanted =
            move |of: &&Deployed| of.head.namespace == namespace && of.service_account == account;
        self.workloads.iter().filter(wanted)
    }

    /// Services that send to a workload with these labels.
    pub fn services_of<'i, 'n>(
        &'i self,
        namespace: &'n str,
        labels: &'n BTreeMap<String, String>,
    ) -> impl Iterator<Item = &'i Service> + use<'i, 'n> {
        self.services
            .iter()
            .filter(move |service| service.head.namespace == namespace && service.selects(labels))
    }
}
