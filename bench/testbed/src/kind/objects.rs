//! The few kinds of Kubernetes objects that a run makes, as types: a field that Kubernetes does not
//! have can not be written. Knows no mesh, and not what they are for.

use std::collections::BTreeMap;

use serde::Serialize;

/// Labels and annotations.
pub(super) type Words = BTreeMap<String, String>;

/// An object of the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Object<S> {
    /// e.g. `apps/v1`.
    pub(super) api_version: &'static str,
    /// e.g. `Deployment`.
    pub(super) kind: &'static str,
    /// What it is called and where.
    pub(super) metadata: Metadata,
    /// What it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) spec: Option<S>,
}

/// What an object is called.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize)]
pub(super) struct Metadata {
    /// Empty for the pods of a template.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub(super) name: String,
    /// `None` for what has no namespace.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) namespace: Option<String>,
    /// For selecting.
    #[serde(skip_serializing_if = "Words::is_empty")]
    pub(super) labels: Words,
    /// For everything else.
    #[serde(skip_serializing_if = "Words::is_empty")]
    pub(super) annotations: Words,
}

/// What has no specification: a namespace, an account.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Nothing {}

/// A deployment.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Deployment {
    /// Pods.
    pub(super) replicas: u32,
    /// Which pods are its own.
    pub(super) selector: Selector,
    /// How each is made.
    pub(super) template: Template,
}

/// Which pods.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Selector {
    /// All of these.
    pub(super) match_labels: Words,
}

/// How a pod is made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Template {
    /// Labels and annotations.
    pub(super) metadata: Metadata,
    /// What runs in it.
    pub(super) spec: Pod,
}

/// A pod.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Pod {
    /// Who it is.
    pub(super) service_account_name: String,
    /// Where it may run; empty for anywhere.
    #[serde(skip_serializing_if = "Words::is_empty")]
    pub(super) node_selector: Words,
    /// Whom it keeps away from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) affinity: Option<Affinity>,
    /// What runs in it.
    pub(super) containers: Vec<Container>,
    /// Files that its containers see.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) volumes: Vec<Volume>,
}

/// Whom a pod keeps away from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Affinity {
    /// Other pods.
    pub(super) pod_anti_affinity: AntiAffinity,
}

/// Pods that are kept away from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AntiAffinity {
    /// It rather does not run at all.
    pub(super) required_during_scheduling_ignored_during_execution: Vec<AwayFrom>,
}

/// Pods of the same namespace that do not run where this one does.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct AwayFrom {
    /// Which ones.
    pub(super) label_selector: Selector,
    /// The label of nodes that they must not have in common.
    pub(super) topology_key: &'static str,
}

/// A container.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Container {
    /// Unique in the pod.
    pub(super) name: String,
    /// What is run.
    pub(super) image: String,
    /// When it is fetched.
    pub(super) image_pull_policy: &'static str,
    /// Arguments of the image's program.
    pub(super) args: Vec<String>,
    /// Where it listens.
    pub(super) ports: Vec<ContainerPort>,
    /// What it gets, and no more.
    pub(super) resources: Resources,
    /// What it must not do.
    pub(super) security_context: SecurityContext,
    /// Where its files are.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) volume_mounts: Vec<VolumeMount>,
}

/// Where a container listens.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ContainerPort {
    /// Its protocol's name, by which meshes choose a filter.
    pub(super) name: String,
    /// 1 to 65535.
    pub(super) container_port: u16,
}

/// Requests and limits.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Resources {
    /// Set aside.
    pub(super) requests: Amounts,
    /// At most.
    pub(super) limits: Amounts,
}

/// CPU and memory in Kubernetes's own units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Amounts {
    /// e.g. `500m`.
    pub(super) cpu: String,
    /// e.g. `256Mi`.
    pub(super) memory: String,
}

/// What a container must not do.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecurityContext {
    /// Not as root.
    pub(super) run_as_non_root: bool,
    /// No writes to its image.
    pub(super) read_only_root_filesystem: bool,
    /// No more rights than it began with.
    pub(super) allow_privilege_escalation: bool,
    /// Rights of root.
    pub(super) capabilities: Capabilities,
}

/// Rights of root, one by one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Capabilities {
    /// Taken away.
    pub(super) drop: Vec<&'static str>,
}

/// Files from somewhere.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Volume {
    /// Unique in the pod.
    pub(super) name: String,
    /// Where they come from.
    pub(super) secret: SecretSource,
}

/// A secret as files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct SecretSource {
    /// The secret.
    pub(super) secret_name: String,
}

/// Where a container sees a volume.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct VolumeMount {
    /// Of the volume.
    pub(super) name: String,
    /// In the container.
    pub(super) mount_path: String,
    /// No writes.
    pub(super) read_only: bool,
}

/// What may be done in a namespace, or in all of a cluster.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Role {
    /// `rbac.authorization.k8s.io/v1`.
    pub(super) api_version: &'static str,
    /// `Role` or `ClusterRole`.
    pub(super) kind: &'static str,
    /// What it is called and where.
    pub(super) metadata: Metadata,
    /// All that it allows.
    pub(super) rules: Vec<Rule>,
}

/// Verbs that are allowed.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Rule {
    /// Of which API.
    pub(super) api_groups: Vec<String>,
    /// On what.
    pub(super) resources: Vec<String>,
    /// e.g. `get`.
    pub(super) verbs: Vec<&'static str>,
}

/// Who may do what a role says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Binding {
    /// `rbac.authorization.k8s.io/v1`.
    pub(super) api_version: &'static str,
    /// `RoleBinding` or `ClusterRoleBinding`.
    pub(super) kind: &'static str,
    /// What it is called and where.
    pub(super) metadata: Metadata,
    /// What they may do.
    pub(super) role_ref: RoleRef,
    /// Who they are.
    pub(super) subjects: Vec<Subject>,
}

/// A role by its name.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct RoleRef {
    /// `rbac.authorization.k8s.io`.
    pub(super) api_group: &'static str,
    /// `Role` or `ClusterRole`.
    pub(super) kind: &'static str,
    /// Its name.
    pub(super) name: String,
}

/// Somebody who calls the API.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Subject {
    /// `rbac.authorization.k8s.io`.
    pub(super) api_group: &'static str,
    /// `User`.
    pub(super) kind: &'static str,
    /// As the API server knows it.
    pub(super) name: String,
}

/// A service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub(super) struct Service {
    /// The pods behind it.
    pub(super) selector: Words,
    /// Its ports.
    pub(super) ports: Vec<ServicePort>,
}

/// A port of a service.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ServicePort {
    /// Its protocol's name, by which meshes choose a filter.
    pub(super) name: String,
    /// 1 to 65535.
    pub(super) port: u16,
    /// The container's.
    pub(super) target_port: u16,
}
