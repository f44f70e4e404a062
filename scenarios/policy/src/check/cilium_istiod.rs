//! Checks of what Cilium's policies open of istiod besides the port that asks for a certificate.

use std::collections::BTreeMap;

use super::Findings;
use super::cilium_scope::{NAMESPACE, keys, name_of};
use crate::ROOT_NAMESPACE;
use crate::cilium::{Direction, Entry, Opens, Spec};
use crate::finding::{Severity, Span};
use crate::manifest::{Manifest, texts};
use crate::source::Node;

/// The port of istiod that hands out configuration without TLS: no other server has it.
const XDS: u16 = 15010;
/// Ports that others may have as well, which count where istiod is named.
const OTHERS: [(u16, &str, Severity); 2] = [
    (8080, "istiod's old port for debugging, without TLS", Severity::High),
    (15014, "istiod's figures and what it answers for debugging, without TLS", Severity::Medium),
];

/// What one `spec` says.
pub(super) fn alone(of: &Manifest, spec: &Spec, out: &mut Findings) {
    let about_istiod = spec.endpoint_selector.as_ref().is_some_and(is_istiod);
    for entry in spec.entries.iter().filter(|entry| !entry.deny) {
        let peers = match entry.direction {
            Direction::Egress => called(entry),
            Direction::Ingress if about_istiod => calling(entry),
            Direction::Ingress => continue,
        };
        opened(of, entry, &peers, out);
    }
}

/// How much an entry has to do with istiod.
struct Peers {
    /// Whether the other end is certainly istiod.
    istiod: bool,
    /// Where ports that are open without being named are told; none where they are meant.
    wide: Option<Span>,
    /// Whether figures are open to more than somebody who is named.
    figures: bool,
}

/// Pods that call.
fn called(entry: &Entry) -> Peers {
    let service = |node: &&Node| {
        let name = node.path("k8sService.serviceName").and_then(Node::text);
        name.is_some_and(|name| name == "istiod" || name.starts_with("istiod-"))
    };
    let by_labels = entry.peer("toEndpoints").find(|one| is_istiod(one) || is_its_namespace(one));
    let by_name = entry.peer("toServices").find(service);
    let everything =
        entry.peer("toEntities").find(|node| matches!(node.text(), Some("all" | "cluster")));
    let wide = by_labels.or(by_name);
    Peers { istiod: wide.is_some(), wide: wide.or(everything).map(Span::from), figures: true }
}

/// Who calls istiod itself.
fn calling(entry: &Entry) -> Peers {
    let all = |node: &&Node| matches!(node.text(), Some("all" | "cluster" | "world"));
    let entity = entry.peer("fromEntities").find(all);
    let empty = entry.peer("fromEndpoints").find(|one| keys(one).next().is_none());
    let wide = entity.or(empty).map(Span::from);
    let everybody = wide.or_else(|| entry.peers.is_empty().then_some(entry.span));
    Peers { istiod: true, wide: everybody, figures: everybody.is_some() }
}

fn opened(of: &Manifest, entry: &Entry, peers: &Peers, out: &mut Findings) {
    let mut told = None;
    match (entry.opens(XDS), peers.wide) {
        (Some(Opens::Named(span)), _) => {
            out.add("CN037", of, span, "15010 is istiod without TLS".to_owned());
        }
        (Some(Opens::Range(span)), Some(_)) => {
            let message = "the range has 15010, which is istiod without TLS".to_owned();
            let finding = out.add("CN037", of, span, message);
            if !peers.istiod {
                finding.severity = Severity::Medium;
            }
            told = Some(span);
        }
        // Of everything, ports are the least; CN003 and CN019 are about it.
        (Some(Opens::Every), Some(span)) if peers.istiod => {
            let message = "every port of istiod is open, 15010 without TLS among them".to_owned();
            out.add("CN037", of, span, message).severity = Severity::Medium;
            return;
        }
        _ => {}
    }
    for (number, what, severity) in OTHERS.iter().filter(|_| peers.istiod) {
        let meant = *number == 15014 && !peers.figures;
        if let Some(Opens::Named(span) | Opens::Range(span)) = entry.opens(*number)
            && !meant
            && told != Some(span)
        {
            out.add("CN037", of, span, format!("{number} is {what}")).severity = *severity;
        }
    }
}

/// The labels that a selector asks for, without where they come from.
fn labels(selector: &Node) -> BTreeMap<String, String> {
    let all = texts(selector.member("matchLabels")).into_iter();
    all.map(|(key, value)| (name_of(&key).to_owned(), value)).collect()
}

/// Whether a selector selects istiod by the labels that its charts give it.
fn is_istiod(selector: &Node) -> bool {
    labels(selector).iter().any(|(key, value)| {
        matches!(
            (key.as_str(), value.as_str()),
            ("app" | "app.kubernetes.io/name", "istiod") | ("istio", "pilot")
        )
    })
}

/// Whether a selector is all of the namespace that istiod is in by default.
fn is_its_namespace(selector: &Node) -> bool {
    let labels = labels(selector);
    labels.len() == 1
        && keys(selector).count() == 1
        && labels.get(NAMESPACE).is_some_and(|name| name == ROOT_NAMESPACE)
}
