//! What is kept of a Cilium policy once it was looked at alone, for the checks that compare
//! policies and workloads; a cluster's dump has too many to keep them whole.

use super::cilium_scope::keys;
use crate::cilium::{Direction, Entry, Spec};
use crate::endpoint::Pod;
use crate::finding::Span;
use crate::judge::cidr::Range;
use crate::source::Node;

/// One direction of one `spec`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Way {
    /// Whether it makes the direction one of denial.
    pub(crate) denies: bool,
    /// The first rule of HTTP for peers that may be in the mesh.
    pub(crate) http: Option<Span>,
    /// The first entry that allows every peer every port.
    pub(crate) open: Option<Span>,
}

/// One `spec`.
#[derive(Debug, Clone)]
pub(crate) struct Outline {
    /// Which pods it is about; none where it is about nodes.
    pub(crate) selector: Option<Node>,
    /// Ingress and egress.
    pub(crate) ways: [Way; 2],
    /// Ranges of peers, where each is, and as it is written.
    pub(crate) ranges: Vec<(Range, Span, String)>,
    /// Labels by which pods are selected, as subjects or as peers, and where.
    pub(crate) labels: Vec<(String, Span)>,
}

impl Outline {
    pub(crate) fn of(spec: &Spec) -> Self {
        let way = |direction: Direction, asked: Option<(bool, Span)>| {
            let own = || spec.entries.iter().filter(move |entry| entry.direction == direction);
            let allows = || own().filter(|entry| !entry.deny);
            Way {
                denies: own().next().is_some() && asked.is_none_or(|(asked, _)| asked),
                http: allows().find_map(http),
                open: allows().find(|entry| is_open(entry)).map(|entry| entry.span),
            }
        };
        let [ingress, egress] = spec.default_deny;
        let allows = || spec.entries.iter().filter(|entry| !entry.deny);
        let peers =
            allows().flat_map(|entry| entry.peer("fromEndpoints").chain(entry.peer("toEndpoints")));
        let selectors = spec.endpoint_selector.iter().chain(peers);
        let labels = selectors.flat_map(keys).map(|(key, span)| (key.to_owned(), span));
        Self {
            selector: spec.endpoint_selector.clone(),
            ways: [way(Direction::Ingress, ingress), way(Direction::Egress, egress)],
            labels: labels.collect(),
            ranges: allows().flat_map(ranges).collect(),
        }
    }

    /// Whether it is certainly about a pod.
    pub(crate) fn selects(&self, namespace: Option<&str>, pod: &Pod) -> bool {
        self.selector.as_ref().is_some_and(|selector| pod.is_subject(namespace, selector))
    }
}

/// The first rule of HTTP of an entry whose peers may be in the mesh.
fn http(entry: &Entry) -> Option<Span> {
    let outside = |(field, _): &(&str, Node)| {
        matches!(*field, "fromCIDR" | "fromCIDRSet" | "toCIDR" | "toCIDRSet" | "toFQDNs")
    };
    if !entry.peers.is_empty() && entry.peers.iter().all(outside) {
        return None;
    }
    let rules = entry.ports.iter().filter_map(|rule| rule.http.as_ref());
    rules.flatten().next().map(Span::from)
}

/// Whether an entry allows every endpoint of the own namespace, or more, every port.
fn is_open(entry: &Entry) -> bool {
    let all = |node: &Node| matches!(node.text(), Some("all" | "cluster" | "world"));
    let entities = || entry.peer("fromEntities").chain(entry.peer("toEntities"));
    let endpoints = || entry.peer("fromEndpoints").chain(entry.peer("toEndpoints"));
    let every = entities().any(all) || endpoints().any(|one| keys(one).next().is_none());
    every && entry.ports.is_empty() && entry.icmps.is_none()
}

fn ranges(entry: &Entry) -> Vec<(Range, Span, String)> {
    let plain = ["fromCIDR", "toCIDR"].into_iter().flat_map(|name| entry.peer(name));
    let sets = ["fromCIDRSet", "toCIDRSet"].into_iter().flat_map(|name| entry.peer(name));
    let nodes = plain.chain(sets.filter_map(|set| set.member("cidr")));
    let read =
        |node: &Node| Some((Range::parse(node.text()?)?, node.into(), node.text()?.to_owned()));
    nodes.filter_map(read).collect()
}
