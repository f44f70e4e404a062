//! Checks of what Cilium's policies open of what rules nodes and the cluster: the addresses that hand
//! out a node's credentials, the kubelet, etcd and the API server.

use super::Findings;
use super::cilium_reach::{Written, ranges};
use super::cilium_scope::keys;
use crate::cilium::{Direction, Entry, Opens, Spec, name};
use crate::finding::{Severity, Span};
use crate::judge::cidr::Range;
use crate::manifest::Manifest;
use crate::source::Node;

/// What one `spec` says.
pub(super) fn alone(of: &Manifest, spec: &Spec, out: &mut Findings) {
    for entry in spec.entries.iter().filter(|entry| !entry.deny) {
        match (entry.direction, spec.node_selector.is_some()) {
            (Direction::Egress, false) => {
                metadata(of, spec, entry, out);
                private_networks(of, entry, out);
                from_pods(of, spec, entry, out);
            }
            (Direction::Ingress, true) => to_nodes(of, entry, out),
            // Nodes rule each other, and what pods serve is their own.
            (Direction::Egress, true) | (Direction::Ingress, false) => {}
        }
    }
}

/// Where clouds hand out the credentials of a node, and the port.
const METADATA: [&str; 2] = ["169.254.169.254", "fd00:ec2::254"];
const METADATA_PORT: u16 = 80;
/// The name of the first of them in one cloud.
const METADATA_NAME: &str = "metadata.google.internal";

/// A range of this length is about little else.
const LINK_LOCAL_BITS: u32 = 16;

fn metadata(of: &Manifest, spec: &Spec, entry: &Entry, out: &mut Findings) {
    for Written { node, range: allowed, except } in ranges(entry) {
        let left = METADATA.iter().find(|address| {
            let address = address_of(address);
            allowed.holds(address)
                && !except.iter().any(|except| except.holds(address))
                && !is_denied(spec, address)
        });
        let Some(address) = left else { continue };
        let text = node.text().unwrap_or_default();
        if allowed.bits() >= LINK_LOCAL_BITS {
            let message = format!("`{text}` has {address}, which hands out the node's credentials");
            out.add("CN036", of, node.into(), message);
        } else if !except.is_empty() {
            let message = format!("the exceptions leave {address}, the node's credentials, open");
            out.add("CN004", of, node.into(), message);
        } else if entry.opens(METADATA_PORT).is_some() {
            with_the_rest(of, text, address, node.into(), out);
        }
    }
    for node in entry.peer("toEntities") {
        let entity = node.text().unwrap_or_default();
        let address = METADATA[0];
        let open = matches!(entity, "all" | "world" | "world-ipv4")
            && entry.opens(METADATA_PORT).is_some()
            && !is_denied(spec, address_of(address));
        if open {
            with_the_rest(of, entity, address, node.into(), out);
        }
    }
    for name in entry.peer("toFQDNs").map(name) {
        if name.text.trim_end_matches('.').eq_ignore_ascii_case(METADATA_NAME) {
            let message = format!("`{}` hands out the node's credentials", name.text);
            out.add("CN036", of, name.span, message);
        }
    }
}

/// Where it is open along with all the rest, which CN003 is about.
fn with_the_rest(of: &Manifest, what: &str, address: &str, span: Span, out: &mut Findings) {
    let message = format!("`{what}` has {address} too, which hands out the node's credentials");
    out.add("CN036", of, span, message).severity = Severity::Medium;
}

fn address_of(text: &str) -> Range {
    Range::parse(text).expect("the addresses that are named here are some")
}

/// Whether an entry of the same `spec` denies an address, on the port that matters.
fn is_denied(spec: &Spec, address: Range) -> bool {
    let denies = |entry: &&Entry| entry.deny && entry.direction == Direction::Egress;
    spec.entries.iter().filter(denies).any(|entry| {
        entry.opens(METADATA_PORT).is_some()
            && ranges(entry).any(|one| {
                one.range.holds(address) && !one.except.iter().any(|except| except.holds(address))
            })
    })
}

/// Networks that are nobody's in particular, in which clusters have their nodes and services.
const PRIVATE: [&str; 3] = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

/// Who leaves out one private network means that the inside is not to be reached.
fn private_networks(of: &Manifest, entry: &Entry, out: &mut Findings) {
    for Written { node, range: allowed, except } in ranges(entry) {
        let touched =
            |network: Range| except.iter().any(|one| one.holds(network) || network.holds(*one));
        let all = PRIVATE.iter().filter(|text| allowed.holds(address_of(text)));
        let (out_of_reach, open): (Vec<&str>, Vec<&str>) =
            all.copied().partition(|text| touched(address_of(text)));
        if out_of_reach.is_empty() || open.is_empty() {
            continue;
        }
        let networks = open.join(" and ");
        let message =
            format!("the exceptions leave {networks} open, where nodes and services may be");
        out.add("CN004", of, node.into(), message).severity = Severity::Medium;
    }
}

/// Ports by which nodes and the cluster's state are ruled.
const CONTROL: [(u16, &str); 4] = [
    (10250, "the kubelet, which runs commands in every pod of the node"),
    (10255, "the kubelet's port without authentication"),
    (2379, "etcd, which has every secret of the cluster"),
    (2380, "etcd's port for its own members"),
];
/// The one of the API server, where no balancer has another.
const API_SERVER: u16 = 6443;

/// Entities that have the network of nodes.
const OF_NODES: [&str; 4] = ["all", "cluster", "host", "remote-node"];

fn from_pods(of: &Manifest, spec: &Spec, entry: &Entry, out: &mut Findings) {
    api_server(of, spec, entry, out);
    // Pods may have an etcd of their own.
    let may_be_nodes = |(field, _): &(&str, Node)| {
        matches!(*field, "toCIDR" | "toCIDRSet" | "toEntities" | "toNodes")
    };
    if !entry.peers.is_empty() && !entry.peers.iter().any(may_be_nodes) {
        return;
    }
    for port in entry.ports.iter().flat_map(|rule| &rule.ports).filter(|port| !port.is_range()) {
        for (number, what) in CONTROL.iter().filter(|(number, _)| port.has_tcp(*number)) {
            out.add("CN036", of, port.span, format!("{number} on nodes is {what}"));
        }
    }
    let entity = entry.peer("toEntities").find(|node| is_one_of(node, &OF_NODES));
    let node = entity.or_else(|| entry.peer("toNodes").next());
    let wide = match (entry.opens(CONTROL[0].0), node) {
        (Some(Opens::Range(span)), _) if node.is_some() || entry.peers.is_empty() => Some(span),
        (Some(Opens::Every), Some(node)) => Some(node.into()),
        _ => None,
    };
    if let Some(span) = wide {
        let message = "the ports of nodes that are open have the kubelet's 10250 among them";
        out.add("CN036", of, span, message.to_owned()).severity = Severity::Medium;
    }
}

fn is_one_of(node: &Node, entities: &[&str]) -> bool {
    node.text().is_some_and(|text| entities.contains(&text))
}

/// The API server, open to whatever pod of the namespace, or by the port that it has on nodes.
fn api_server(of: &Manifest, spec: &Spec, entry: &Entry, out: &mut Findings) {
    let every_pod = spec.endpoint_selector.as_ref().is_some_and(|one| keys(one).next().is_none());
    let named = entry.peer("toEntities").find(|node| node.text() == Some("kube-apiserver"));
    let service = entry.peer("toServices").find(|service| {
        let text = |path: &str| service.path(path).and_then(Node::text);
        text("k8sService.serviceName") == Some("kubernetes")
            && text("k8sService.namespace") == Some("default")
    });
    if let Some(node) = named.or(service).filter(|_| every_pod) {
        let message = "every pod here may call the API server, not only those that need to";
        out.add("CN036", of, node.into(), message.to_owned()).severity = Severity::Medium;
    }
    let others = entry.peer("toEntities").find(|node| is_one_of(node, &OF_NODES));
    if others.is_none() && !entry.peers.is_empty() {
        return;
    }
    let explicit = entry.ports.iter().flat_map(|rule| &rule.ports);
    for port in explicit.filter(|port| !port.is_range() && port.has_tcp(API_SERVER)) {
        let message =
            format!("{API_SERVER} on nodes is the API server; its entity is kube-apiserver");
        out.add("CN036", of, port.span, message).severity = Severity::Medium;
    }
}

/// Entities that are everybody, whom no policy knows.
const EVERYBODY: [&str; 4] = ["all", "world", "world-ipv4", "world-ipv6"];

/// What a policy of nodes lets everybody reach on them.
fn to_nodes(of: &Manifest, entry: &Entry, out: &mut Findings) {
    let named = entry.peer("fromEntities").any(|node| is_one_of(node, &EVERYBODY))
        || ranges(entry).any(|one| one.range.bits() == 0);
    if !named && !entry.peers.is_empty() {
        return;
    }
    for port in entry.ports.iter().flat_map(|rule| &rule.ports) {
        for (number, what) in CONTROL.iter().filter(|(number, _)| port.has_tcp(*number)) {
            let message = format!("whoever reaches the node reaches {number}: {what}");
            let finding = out.add("CN036", of, port.span, message);
            // Without peers it may be meant for whoever the networks before let through.
            if !named {
                finding.severity = Severity::Medium;
            }
        }
    }
}
