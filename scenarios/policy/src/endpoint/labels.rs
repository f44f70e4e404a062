//! Labels of endpoints as Cilium has them, and selectors of them. A label may be unknown, since
//! files rarely hold every pod.

use std::collections::BTreeMap;

use super::holds::Holds;
use crate::source::Node;

/// The label that says which namespace a pod is in.
const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// What the labels of the namespace begin with, on its pods.
const OF_NAMESPACE: &str = "io.cilium.k8s.namespace.labels.";
/// The label that every namespace has: its own name.
const NAME_OF_NAMESPACE: &str = "kubernetes.io/metadata.name";
/// The label that says which account a pod runs as.
const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";
/// The label that says which cluster a pod is of.
const CLUSTER: &str = "io.cilium.k8s.policy.cluster";

/// A pod, as far as it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pod {
    /// Its namespace.
    pub namespace: String,
    /// Its account, where that is known.
    pub account: Option<String>,
    /// Its own labels, where they are known.
    pub labels: Option<BTreeMap<String, String>>,
    /// The labels of its namespace, where they are known.
    pub namespace_labels: Option<BTreeMap<String, String>>,
    /// The cluster that it is of.
    pub cluster: String,
}

/// Where a label comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Source {
    /// From anywhere.
    Any,
    /// From Kubernetes.
    Kubernetes,
    /// From Cilium itself, for what is no pod.
    Reserved,
    /// From somewhere that is not known here.
    Other,
}

/// Source and name of a key such as `k8s:app`.
fn key(text: &str) -> (Source, &str) {
    match text.split_once(':') {
        None => (Source::Any, text),
        Some(("any", name)) => (Source::Any, name),
        Some(("k8s", name)) => (Source::Kubernetes, name),
        Some(("reserved", name)) => (Source::Reserved, name),
        Some((_, name)) => (Source::Other, name),
    }
}

/// A label that is looked for.
enum Label<'l> {
    Is(&'l str),
    Absent,
    Unknown(String),
}

/// Something that has labels.
#[derive(Debug, Clone, Copy)]
pub(super) enum Labelled<'l> {
    /// A pod.
    Pod(&'l Pod),
    /// What Cilium calls by reserved names alone.
    Reserved(&'l [&'static str]),
}

impl<'l> Labelled<'l> {
    fn label(self, text: &str) -> Label<'l> {
        let (source, name) = key(text);
        match self {
            Self::Reserved(names) => {
                let named =
                    matches!(source, Source::Any | Source::Reserved) && names.contains(&name);
                if named { Label::Is("") } else { Label::Absent }
            }
            Self::Pod(pod) => match source {
                Source::Any | Source::Kubernetes => pod.label(name),
                Source::Reserved => Label::Absent,
                Source::Other => Label::Unknown(format!("the label `{text}` of a pod")),
            },
        }
    }
}

impl Pod {
    fn label(&self, name: &str) -> Label<'_> {
        if name == NAMESPACE {
            return Label::Is(&self.namespace);
        }
        if name == CLUSTER {
            return Label::Is(&self.cluster);
        }
        if name == ACCOUNT {
            let missing = || Label::Unknown(format!("the account of a pod of {}", self.namespace));
            return self.account.as_deref().map_or_else(missing, Label::Is);
        }
        let (all, name, whose) = match name.strip_prefix(OF_NAMESPACE) {
            Some(NAME_OF_NAMESPACE) => return Label::Is(&self.namespace),
            Some(name) => (&self.namespace_labels, name, "the namespace"),
            None => (&self.labels, name, "a pod of"),
        };
        match all {
            Some(all) => all.get(name).map_or(Label::Absent, |value| Label::Is(value)),
            None => Label::Unknown(format!("the label `{name}` of {whose} {}", self.namespace)),
        }
    }
}

/// Whether a selector selects, as it is written, without anything being added to it.
pub(super) fn selects(selector: &Node, of: Labelled<'_>) -> Holds {
    let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.member("matchExpressions").map(Node::items).unwrap_or_default();
    let equal = labels
        .iter()
        .map(|entry| is_one_of(of.label(&entry.key), &[entry.value.text().unwrap_or_default()]));
    Holds::all(equal).and(Holds::all(expressions.iter().map(|node| expression(node, of))))
}

fn is_one_of(label: Label<'_>, values: &[&str]) -> Holds {
    match label {
        Label::Is(value) => values.contains(&value).into(),
        Label::Absent => Holds::No,
        Label::Unknown(missing) => Holds::unknown(missing),
    }
}

fn expression(node: &Node, of: Labelled<'_>) -> Holds {
    let label = of.label(node.member("key").and_then(Node::text).unwrap_or_default());
    let values = node.member("values").map(Node::items).unwrap_or_default();
    let values: Vec<&str> = values.iter().filter_map(Node::text).collect();
    let exists = |label| match label {
        Label::Is(_) => Holds::Yes,
        Label::Absent => Holds::No,
        Label::Unknown(missing) => Holds::unknown(missing),
    };
    match node.member("operator").and_then(Node::text) {
        Some("In") => is_one_of(label, &values),
        // Where there is no such label, it is none of the values.
        Some("NotIn") => !is_one_of(label, &values),
        Some("Exists") => exists(label),
        Some("DoesNotExist") => !exists(label),
        _ => Holds::unknown("an operator of a selector that is none of Kubernetes'"),
    }
}

fn keys(selector: &Node) -> impl Iterator<Item = (Source, &str)> {
    let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.member("matchExpressions").map(Node::items).unwrap_or_default();
    let expressions = expressions.iter().filter_map(|node| node.member("key")?.text());
    labels.iter().map(|entry| entry.key.as_str()).chain(expressions).map(key)
}

/// Where a selector stands, which decides what Cilium adds to it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Scope<'p> {
    /// The policy's namespace; none where it is clusterwide.
    pub(super) namespace: Option<&'p str>,
    /// Whether the policy is about pods that have no labels yet.
    pub(super) of_init: bool,
}

impl<'p> Scope<'p> {
    pub(super) fn of(namespace: Option<&'p str>, endpoint_selector: Option<&Node>) -> Self {
        let init = |key: (Source, &str)| key == (Source::Reserved, "init");
        Self { namespace, of_init: endpoint_selector.is_some_and(|node| keys(node).any(init)) }
    }

    /// Whether the policy is about a pod. Of a namespace it is about pods of that one alone,
    /// whatever else it says.
    pub(super) fn subject(self, selector: &Node, pod: &Pod) -> Holds {
        let own = self.namespace.is_none_or(|namespace| namespace == pod.namespace);
        Holds::from(own).and(selects(selector, Labelled::Pod(pod)))
    }

    /// Whether a selector of peers selects one. Where it names no namespace, it is about the
    /// policy's own, or about pods of any namespace where the policy is clusterwide.
    pub(super) fn peer(self, selector: &Node, of: Labelled<'_>) -> Holds {
        let reserved = keys(selector).any(|(source, _)| source == Source::Reserved);
        if reserved { selects(selector, of) } else { self.requirement(selector, of) }
    }

    /// The same for what is required of every peer, where reserved names are no exception.
    pub(super) fn requirement(self, selector: &Node, of: Labelled<'_>) -> Holds {
        let kubernetes = |(source, name): (Source, &'_ str)| {
            matches!(source, Source::Any | Source::Kubernetes).then(|| name.to_owned())
        };
        let named = |test: &dyn Fn(&str) -> bool| {
            keys(selector).filter_map(kubernetes).any(|name| test(&name))
        };
        let selected = selects(selector, of);
        if named(&|name| name == NAMESPACE) {
            return selected;
        }
        let namespace = match of {
            Labelled::Pod(pod) => Some(pod.namespace.as_str()),
            Labelled::Reserved(_) => None,
        };
        let added = match self.namespace {
            None => self.of_init || namespace.is_some(),
            Some(own) => named(&|name| name.starts_with(OF_NAMESPACE)) || namespace == Some(own),
        };
        selected.and(added.into())
    }
}
