//! Which mTLS mode is in force on one port of one workload, composed from mesh, namespace and
//! workload policies as Istio does it. It renders nothing and judges nothing.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::istio::PeerAuthentication;
use crate::{MtlsMode, Origin, PolicySet};

/// What a policy can apply to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Workload {
    /// The namespace of its pods.
    pub namespace: String,
    /// The labels of its pods.
    pub labels: BTreeMap<String, String>,
}

impl Workload {
    /// A workload with these labels.
    pub fn new<'l>(
        namespace: impl Into<String>,
        labels: impl IntoIterator<Item = (&'l str, &'l str)>,
    ) -> Self {
        let owned = |(key, value): (&str, &str)| (key.to_owned(), value.to_owned());
        Self { namespace: namespace.into(), labels: labels.into_iter().map(owned).collect() }
    }
}

/// What decided, and the document that says so.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "level", content = "document", rename_all = "kebab-case")]
pub enum DecidedBy {
    /// No policy sets a mode: Istio's own default.
    Default,
    /// A policy of the root namespace without selector.
    Mesh(Origin),
    /// A policy of the workload's namespace without selector.
    Namespace(Origin),
    /// A policy whose selector matches the workload.
    Workload(Origin),
    /// The port's own entry in such a policy.
    Port(Origin),
}

impl DecidedBy {
    /// The document, unless it is the default.
    #[must_use]
    pub fn document(&self) -> Option<&Origin> {
        match self {
            Self::Default => None,
            Self::Mesh(origin)
            | Self::Namespace(origin)
            | Self::Workload(origin)
            | Self::Port(origin) => Some(origin),
        }
    }
}

/// The mode in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Effective {
    /// Never `UNSET`: the chain of inheritance ends at PERMISSIVE.
    pub mode: MtlsMode,
    /// Why.
    pub decided_by: DecidedBy,
}

impl PolicySet {
    /// The mode in force on a port of a workload, the port being the workload's own.
    ///
    /// A narrower policy that sets a mode wins: port, workload, namespace, mesh, and in the end
    /// PERMISSIVE. Of two policies of the same width Istio takes the oldest and ignores the
    /// other altogether. Files have no age, so the first in document order is taken for it, as
    /// `kubectl apply` creates them in that order.
    #[must_use]
    pub fn mtls_mode(&self, workload: &Workload, port: u16) -> Effective {
        let chosen = Chosen::of(self, workload);
        let steps = [
            chosen.workload.and_then(|policy| {
                let mode = policy.port_level_mtls.get(&port).copied().flatten()?;
                Some((mode, DecidedBy::Port(policy.origin.clone())))
            }),
            step(chosen.workload, DecidedBy::Workload),
            step(chosen.namespace, DecidedBy::Namespace),
            step(chosen.mesh, DecidedBy::Mesh),
        ];
        let decided = steps.into_iter().flatten().next();
        let (mode, decided_by) = decided.unwrap_or((MtlsMode::Permissive, DecidedBy::Default));
        Effective { mode, decided_by }
    }
}

fn step(
    policy: Option<&PeerAuthentication>,
    by: impl FnOnce(Origin) -> DecidedBy,
) -> Option<(MtlsMode, DecidedBy)> {
    let policy = policy?;
    Some((policy.mtls?, by(policy.origin.clone())))
}

/// The one policy of each width that counts for a workload.
#[derive(Default)]
struct Chosen<'p> {
    mesh: Option<&'p PeerAuthentication>,
    namespace: Option<&'p PeerAuthentication>,
    workload: Option<&'p PeerAuthentication>,
}

impl<'p> Chosen<'p> {
    fn of(set: &'p PolicySet, workload: &Workload) -> Self {
        let mut chosen = Self::default();
        for policy in &set.peer_authentications {
            let namespace = policy.metadata.namespace();
            let in_root = namespace == set.root_namespace;
            let everywhere = policy.match_labels.is_empty();
            let width = if in_root && everywhere {
                &mut chosen.mesh
            } else if in_root {
                continue; // Istio ignores a selector in the root namespace
            } else if namespace != workload.namespace {
                continue;
            } else if everywhere {
                &mut chosen.namespace
            } else if selects(policy, workload) {
                &mut chosen.workload
            } else {
                continue;
            };
            width.get_or_insert(policy);
        }
        chosen
    }
}

fn selects(policy: &PeerAuthentication, workload: &Workload) -> bool {
    policy.match_labels.iter().all(|(key, value)| workload.labels.get(key) == Some(value))
}
