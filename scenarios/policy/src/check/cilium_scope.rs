//! Checks of whom Cilium's policies are about: selectors that are wider than they look, or that
//! rest on labels that do not count.

use super::Findings;
use crate::cilium::{Direction, Entry, Spec};
use crate::finding::Severity;
use crate::finding::Span;
use crate::manifest::Manifest;
use crate::source::{Node, Position};

/// What one `spec` says; `node` is what it was read from.
pub(super) fn alone(of: &Manifest, spec: &Spec, node: &Node, out: &mut Findings) {
    for entry in spec.entries.iter().filter(|entry| !entry.deny) {
        for selector in entry.peer("fromEndpoints").chain(entry.peer("toEndpoints")) {
            peer(of, selector, out);
        }
    }
    authentication(of, node, out);
    whole_cluster(of, spec, out);
    let described =
        node.member("description").and_then(Node::text).is_some_and(|text| !text.is_empty());
    let owned = of.annotations.keys().any(|key| {
        ["owner", "description", "contact", "maintainer"].iter().any(|word| key.contains(word))
    });
    if !described && !owned {
        out.add("CN043", of, of.span, "nothing says what it is for, or whose it is".to_owned());
    }
}

/// The label that says which namespace a pod is in.
pub(super) const NAMESPACE: &str = "io.kubernetes.pod.namespace";
/// What the labels of the namespace begin with, on its pods.
const OF_NAMESPACE: &str = "io.cilium.k8s.namespace.labels.";
/// The label that says which account a pod runs as.
const ACCOUNT: &str = "io.cilium.k8s.policy.serviceaccount";

/// A label's name without where it comes from.
pub(super) fn name_of(key: &str) -> &str {
    let known = ["k8s:", "any:", "k8s.", "any."];
    known.iter().find_map(|source| key.strip_prefix(source)).unwrap_or(key)
}

/// The names of the labels that a selector asks for, and where.
pub(super) fn keys(selector: &Node) -> impl Iterator<Item = (&str, Span)> {
    let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.member("matchExpressions").map(Node::items).unwrap_or_default();
    let of_label = |entry: &'_ crate::source::Entry| {
        let at = entry.key_at;
        let until = Position { column: at.column + entry.key.chars().count(), ..at };
        Span { at, until }
    };
    let labels = labels.iter().map(move |entry| (name_of(&entry.key), of_label(entry)));
    let expressions = expressions.iter().filter_map(|one| {
        let key = one.member("key")?;
        Some((name_of(key.text()?), key.into()))
    });
    labels.chain(expressions)
}

fn peer(of: &Manifest, selector: &Node, out: &mut Findings) {
    let mut known = keys(selector).peekable();
    if known.peek().is_none() && !of.kind.namespaced {
        let message = "an empty selector is every pod of every namespace here".to_owned();
        out.add("CN017", of, selector.into(), message);
        return;
    }
    let expressions = selector.member("matchExpressions").map(Node::items).unwrap_or_default();
    let open = expressions.iter().find(|one| {
        let text = |name: &str| one.member(name).and_then(Node::text).unwrap_or_default();
        let negative = matches!(text("operator"), "NotIn" | "DoesNotExist" | "Exists");
        name_of(text("key")) == NAMESPACE && negative
    });
    if let Some(open) = open {
        let message = "every namespace that is not named is a peer, those to come included";
        out.add("CN018", of, open.into(), message.to_owned());
    }
    let others = keys(selector).find(|(key, _)| *key == NAMESPACE || key.starts_with(OF_NAMESPACE));
    let by_account = keys(selector).any(|(key, _)| key == ACCOUNT);
    let by_label = keys(selector).find(|(key, _)| {
        *key != NAMESPACE && !key.starts_with(OF_NAMESPACE) && !key.starts_with("reserved")
    });
    // Within the own namespace whoever sets labels can set the policy as well.
    let foreign = others.is_some() && !names_only(selector, &of.namespace);
    if let (true, false, Some((label, span))) = (foreign, by_account, by_label) {
        let message = format!("whoever makes pods in that namespace can set `{label}`");
        out.add("CN021", of, span, message);
    }
}

/// Whether the namespace that a selector names is this one.
fn names_only(selector: &Node, namespace: &str) -> bool {
    let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
    labels
        .iter()
        .any(|entry| name_of(&entry.key) == NAMESPACE && entry.value.text() == Some(namespace))
}

fn authentication(of: &Manifest, spec: &Node, out: &mut Findings) {
    let lists = ["ingress", "egress"];
    let entries = lists.iter().filter_map(|name| spec.member(name)).flat_map(Node::items);
    for mode in entries.filter_map(|entry| entry.path("authentication.mode")) {
        match mode.text() {
            Some("test-always-fail") => {
                let message = "`test-always-fail` is for tests: nothing gets through".to_owned();
                out.add("CN030", of, mode.into(), message);
            }
            Some("disabled") => {
                let message = "both ends need not prove who they are".to_owned();
                out.add("CN030", of, mode.into(), message).severity = Severity::Low;
            }
            _ => {}
        }
    }
}

/// A clusterwide policy that is about all pods and makes a direction one of denial.
fn whole_cluster(of: &Manifest, spec: &Spec, out: &mut Findings) {
    let Some(selector) = &spec.endpoint_selector else { return };
    if of.kind.namespaced || keys(selector).next().is_some() {
        return;
    }
    for (index, direction) in [Direction::Ingress, Direction::Egress].into_iter().enumerate() {
        let own =
            || spec.entries.iter().filter(|entry| entry.direction == direction && !entry.deny);
        let switched_off = matches!(spec.default_deny[index], Some((false, _)));
        let Some(first) = own().next().filter(|_| !switched_off) else { continue };
        let all = |entry: &Entry| {
            entry.peers.is_empty() && entry.ports.is_empty() && entry.icmps.is_none()
        };
        let nothing = own().all(all);
        let word = direction.word();
        let message = format!(
            "{word} of kube-system, with DNS, is denied as well but for what is allowed here"
        );
        let finding = out.add("CN039", of, first.span, message);
        if !nothing {
            finding.severity = Severity::Medium;
        }
    }
}
