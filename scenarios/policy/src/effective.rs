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

    /// Whether it has all of these labels, as it has when there are none.
    #[must_use]
    pub fn has(&self, labels: &BTreeMap<String, String>) -> bool {
        labels.iter().all(|(key, value)| self.labels.get(key) == Some(value))
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

/// Why a policy that is about a workload does not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "reason", content = "by", rename_all = "kebab-case")]
pub enum Why {
    /// A narrower policy sets a mode; its title.
    Narrower(String),
    /// One of the same width is older, or is the first by name where neither has an age.
    Older(String),
    /// It sets no mode, so that the next wider one counts.
    Unset,
    /// It has a selector and is in the root namespace, where Istio ignores it.
    SelectorInRoot,
}

impl std::fmt::Display for Why {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Narrower(by) => write!(f, "{by} is narrower"),
            Self::Older(by) => write!(f, "{by} is as wide, and older or the first by name"),
            Self::Unset => f.write_str("it sets no mode here"),
            Self::SelectorInRoot => f.write_str("Istio ignores a selector in the root namespace"),
        }
    }
}

/// A policy that is about a workload and does not decide.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Overruled {
    /// Kind, namespace and name.
    pub title: String,
    /// Where it was read.
    pub document: Origin,
    /// Why.
    pub why: Why,
}

impl PolicySet {
    /// The mode in force on a port of a workload, the port being the workload's own.
    ///
    /// A narrower policy that sets a mode wins: port, workload, namespace, mesh, and in the end
    /// PERMISSIVE. Of two policies of the same width Istio takes the oldest and ignores the
    /// other altogether; of those made in the same second, and of files, which have no age, the
    /// first by name.
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

    /// The policies that are about a workload and do not decide on its port, each with the reason,
    /// in the order in which they were read.
    #[must_use]
    pub fn overruled(&self, workload: &Workload, port: u16) -> Vec<Overruled> {
        let chosen = Chosen::of(self, workload);
        let decides = self.mtls_mode(workload, port).decided_by;
        let why = |policy: &PeerAuthentication| {
            let kept = match self.width(policy, workload) {
                Width::Elsewhere => return None,
                Width::Ignored => return Some(Why::SelectorInRoot),
                Width::Mesh => chosen.mesh,
                Width::Namespace => chosen.namespace,
                Width::Workload => chosen.workload,
            };
            let kept = kept.expect("one of each width that occurs is kept");
            if !std::ptr::eq(kept, policy) {
                return Some(Why::Older(kept.title()));
            }
            if decides.document() == Some(&policy.origin) {
                return None;
            }
            let of_port = policy.port_level_mtls.get(&port).copied().flatten();
            if policy.mtls.is_none() && of_port.is_none() {
                return Some(Why::Unset);
            }
            let narrower = [chosen.workload, chosen.namespace].into_iter().flatten();
            let by = narrower.into_iter().find(|by| decides.document() == Some(&by.origin));
            by.map(|by| Why::Narrower(by.title()))
        };
        let overruled = |policy: &PeerAuthentication| {
            let why = why(policy)?;
            Some(Overruled { title: policy.title(), document: policy.origin.clone(), why })
        };
        self.peer_authentications.iter().filter_map(overruled).collect()
    }

    fn width(&self, policy: &PeerAuthentication, workload: &Workload) -> Width {
        let namespace = policy.metadata.namespace();
        let selected = workload.has(&policy.match_labels);
        if namespace == self.root_namespace {
            return match (policy.match_labels.is_empty(), selected) {
                (true, _) => Width::Mesh,
                (false, true) => Width::Ignored,
                (false, false) => Width::Elsewhere,
            };
        }
        match (namespace == workload.namespace && selected, policy.match_labels.is_empty()) {
            (false, _) => Width::Elsewhere,
            (true, true) => Width::Namespace,
            (true, false) => Width::Workload,
        }
    }
}

fn step(
    policy: Option<&PeerAuthentication>,
    by: impl FnOnce(Origin) -> DecidedBy,
) -> Option<(MtlsMode, DecidedBy)> {
    let policy = policy?;
    Some((policy.mtls?, by(policy.origin.clone())))
}

/// How wide a policy is, seen from a workload.
enum Width {
    Mesh,
    Namespace,
    Workload,
    /// It selects the workload from the root namespace, which Istio does not heed.
    Ignored,
    /// It is about others.
    Elsewhere,
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
            let kept = match set.width(policy, workload) {
                Width::Mesh => &mut chosen.mesh,
                Width::Namespace => &mut chosen.namespace,
                Width::Workload => &mut chosen.workload,
                Width::Ignored | Width::Elsewhere => continue,
            };
            if kept.is_none_or(|kept| policy.age() < kept.age()) {
                *kept = Some(policy);
            }
        }
        chosen
    }
}
