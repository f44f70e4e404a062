//! All that was given of a cluster, in the form in which checks compare it: by namespace and by
//! kind. It makes no finding.

use std::collections::{HashMap, HashSet};

use crate::authorization::AuthorizationPolicy;
use crate::destination_rule::DestinationRule;
use crate::inventory::{Deployed, Head, Inventory, Service};
use crate::manifest::Manifest;
use crate::request_authentication::RequestAuthentication;
use crate::version::Versions;
use crate::{Effective, PolicySet, Workload};

/// Namespaces that are there without anybody writing them down.
const SYSTEM: [&str; 4] = ["default", "kube-node-lease", "kube-public", "kube-system"];

/// How traffic of a pod gets into the mesh.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Capture {
    /// Through a sidecar.
    Sidecar,
    /// Through the node's ztunnel.
    Ambient,
    /// Not at all.
    Neither,
}

/// Whether an object of a kind is in force, and as what it was read.
type Read<'k, T> = Vec<(&'k Manifest, T)>;

/// What is known.
pub(crate) struct Known<'k> {
    pub(crate) manifests: &'k [Manifest],
    pub(crate) set: &'k PolicySet,
    pub(crate) inventory: &'k Inventory,
    pub(crate) versions: Versions,
    pub(crate) authorization: Read<'k, AuthorizationPolicy>,
    pub(crate) requests: Read<'k, RequestAuthentication>,
    pub(crate) rules: Read<'k, DestinationRule>,
    workloads: HashMap<&'k str, Vec<&'k Deployed>>,
    services: HashMap<&'k str, Vec<&'k Service>>,
    namespaces: HashMap<&'k str, &'k Head>,
    /// Namespaces that anything is in.
    used: HashSet<&'k str>,
    policies: HashMap<&'k str, Vec<usize>>,
}

impl<'k> Known<'k> {
    pub(crate) fn of(
        manifests: &'k mut [Manifest],
        set: &'k PolicySet,
        inventory: &'k Inventory,
        versions: Versions,
    ) -> Self {
        let read_authorization = typed(manifests);
        let manifests: &'k [Manifest] = manifests;
        let authorization = manifests.iter().zip(read_authorization);
        let mut known = Self {
            manifests,
            set,
            inventory,
            versions,
            authorization: authorization.filter_map(|(of, read)| Some((of, read?))).collect(),
            requests: read(manifests, "RequestAuthentication", RequestAuthentication::read),
            rules: read(manifests, "DestinationRule", DestinationRule::read),
            workloads: HashMap::new(),
            services: HashMap::new(),
            namespaces: HashMap::new(),
            used: manifests.iter().map(|of| of.namespace.as_str()).collect(),
            policies: HashMap::new(),
        };
        for of in &inventory.workloads {
            known.used.insert(&of.head.namespace);
            known.workloads.entry(&of.head.namespace).or_default().push(of);
        }
        for of in &inventory.services {
            known.used.insert(&of.head.namespace);
            known.services.entry(&of.head.namespace).or_default().push(of);
        }
        known.used.extend(inventory.meshes.iter().map(|mesh| mesh.head.namespace.as_str()));
        let named = inventory.namespaces.iter().map(|of| (of.head.name.as_str(), &of.head));
        known.namespaces.extend(named);
        for (index, (of, _)) in known.authorization.iter().enumerate() {
            known.policies.entry(&of.namespace).or_default().push(index);
        }
        known
    }

    /// The namespace whose policies are mesh-wide.
    pub(crate) fn root(&self) -> &'k str {
        &self.set.root_namespace
    }

    /// Whether anything of the root namespace is given.
    pub(crate) fn knows_root(&self) -> bool {
        self.used.contains(self.root())
    }

    /// Whether a namespace is there.
    pub(crate) fn has_namespace(&self, name: &str) -> bool {
        self.namespaces.contains_key(name) || self.used.contains(name) || SYSTEM.contains(&name)
    }

    pub(crate) fn namespace(&self, name: &str) -> Option<&'k Head> {
        self.namespaces.get(name).copied()
    }

    pub(crate) fn workloads(&self, namespace: &str) -> &[&'k Deployed] {
        self.workloads.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    pub(crate) fn services(&self, namespace: &str) -> &[&'k Service] {
        self.services.get(namespace).map(Vec::as_slice).unwrap_or_default()
    }

    /// Policies of authorization that are of a namespace.
    pub(crate) fn policies(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = &(&'k Manifest, AuthorizationPolicy)> {
        let indices = self.policies.get(namespace).map(Vec::as_slice).unwrap_or_default();
        indices.iter().map(|index| &self.authorization[*index])
    }

    /// Policies of authorization that are about a workload, or are of its namespace or mesh-wide.
    pub(crate) fn policies_near(
        &self,
        namespace: &str,
    ) -> impl Iterator<Item = &(&'k Manifest, AuthorizationPolicy)> {
        let root = (namespace != self.root()).then(|| self.policies(self.root()));
        self.policies(namespace).chain(root.into_iter().flatten())
    }

    /// The mTLS mode on a workload as a whole.
    pub(crate) fn mode(&self, workload: &Workload) -> Effective {
        self.set.mtls_mode(workload, 0)
    }

    /// Whether any of the mesh's kinds is given.
    pub(crate) fn has_istio(&self) -> bool {
        let of_istio = |of: &Manifest| of.kind.group != "cilium.io";
        self.manifests.iter().any(of_istio) || !self.inventory.meshes.is_empty()
    }

    /// Whether any of Cilium's policies is given.
    pub(crate) fn has_cilium(&self) -> bool {
        self.manifests.iter().any(|of| of.kind.group == "cilium.io")
    }

    /// How a pod gets into the mesh; nothing where neither it nor its namespace says so.
    pub(crate) fn capture(&self, of: &Deployed) -> Option<Capture> {
        let label = |name: &str| of.labels.get(name).map(String::as_str);
        let annotation = |name: &str| of.annotations.get(name).map(String::as_str);
        if of.host_network {
            return Some(Capture::Neither);
        }
        if of.containers.iter().any(|name| name == "istio-proxy") {
            return Some(Capture::Sidecar);
        }
        let inject =
            label("sidecar.istio.io/inject").or_else(|| annotation("sidecar.istio.io/inject"));
        let namespace = self.namespace(&of.head.namespace);
        let of_namespace =
            |name: &str| namespace.and_then(|of| of.labels.get(name)).map(String::as_str);
        let ambient =
            label("istio.io/dataplane-mode").or_else(|| of_namespace("istio.io/dataplane-mode"));
        match (inject, label("istio.io/rev")) {
            (Some("true"), _) | (None, Some(_)) => return Some(Capture::Sidecar),
            (Some("false"), _) if ambient != Some("ambient") => return Some(Capture::Neither),
            _ => {}
        }
        if ambient == Some("ambient") {
            return Some(Capture::Ambient);
        }
        namespace?;
        match (of_namespace("istio-injection"), of_namespace("istio.io/rev")) {
            (Some("enabled"), _) | (None, Some(_)) => Some(Capture::Sidecar),
            _ => Some(Capture::Neither),
        }
    }
}

/// Policies of authorization, each in the place of what it was read from: a cluster's dump has too
/// many to keep both.
fn typed(manifests: &mut [Manifest]) -> Vec<Option<AuthorizationPolicy>> {
    let one = |of: &mut Manifest| {
        let is_read = of.kind.name == "AuthorizationPolicy" && !of.refused;
        let policy = if is_read { AuthorizationPolicy::read(of) } else { None };
        if is_read {
            of.specs = Vec::new();
        }
        policy
    };
    manifests.iter_mut().map(one).collect()
}

fn read<'k, T>(
    manifests: &'k [Manifest],
    kind: &str,
    read: impl Fn(&'k Manifest) -> Option<T>,
) -> Read<'k, T> {
    let of_kind = manifests.iter().filter(|of| of.kind.name == kind && !of.refused);
    of_kind.filter_map(|of| Some((of, read(of)?))).collect()
}

/// Whether a policy of authorization is about a workload.
pub(crate) fn is_about(policy: &AuthorizationPolicy, workload: &Workload) -> bool {
    !policy.targets && workload.has(&policy.match_labels)
}
