//! Cilium's network policies, as far as their meaning is judged, each field with its place. It
//! does not decide.

use crate::Origin;
use crate::finding::Span;
use crate::manifest::Manifest;
use crate::source::{Node, Scalar, Value};

/// Which way traffic goes, seen from the endpoints that a rule selects.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// To them.
    Ingress,
    /// From them.
    Egress,
}

impl Direction {
    /// As the field is named.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Ingress => "ingress",
            Self::Egress => "egress",
        }
    }
}

/// A port, or the first of a range.
#[derive(Debug, Clone, PartialEq)]
pub struct Port {
    /// Where.
    pub span: Span,
    /// A number or a name.
    pub port: String,
    /// The last of a range.
    pub end_port: Option<String>,
    /// In capitals; `ANY` where none is given.
    pub protocol: String,
}

impl Port {
    /// Whether it is more than one port.
    #[must_use]
    pub fn is_range(&self) -> bool {
        self.port == "0" || self.end_port.as_ref().is_some_and(|end| *end != self.port)
    }

    /// Whether a number of TCP is this port, or in its range. Names are of no number.
    #[must_use]
    pub fn has_tcp(&self, number: u16) -> bool {
        let of = |text: &str| text.parse::<u16>().ok();
        let Some(first) = of(&self.port) else { return false };
        let last = self.end_port.as_deref().and_then(of).unwrap_or(first);
        let tcp = matches!(self.protocol.as_str(), "TCP" | "ANY");
        tcp && (first == 0 || (first..=last.max(first)).contains(&number))
    }
}

/// How an entry opens a port.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Opens {
    /// By its number.
    Named(Span),
    /// With others, in a range or by 0, which is every one.
    Range(Span),
    /// No ports are written, which is every one.
    Every,
}

/// A name that a rule of DNS or of names lets through.
#[derive(Debug, Clone, PartialEq)]
pub struct Name {
    /// Where.
    pub span: Span,
    /// `matchPattern` or `matchName`.
    pub text: String,
    /// Whether `*` stands for anything in it.
    pub pattern: bool,
}

/// Ports and what may be said on them.
#[derive(Debug, Clone, PartialEq)]
pub struct PortRule {
    /// Where.
    pub span: Span,
    /// The ports; none is every one.
    pub ports: Vec<Port>,
    /// Rules of HTTP, where they are written.
    pub http: Option<Vec<Node>>,
    /// Names that may be asked for, where they are written.
    pub dns: Option<Vec<Name>>,
    /// Whether rules of Kafka are written.
    pub kafka: bool,
    /// Whether the parser of another protocol is named.
    pub l7proto: bool,
    /// Rules for that parser.
    pub l7: Vec<Node>,
    /// Whether TLS is ended before the rules are held against what is said.
    pub terminating_tls: bool,
    /// Names of SNI.
    pub server_names: Vec<String>,
    /// A listener of one's own.
    pub listener: Option<String>,
}

impl PortRule {
    /// Whether rules of a protocol above TCP and UDP are written, be they empty.
    #[must_use]
    pub fn has_l7(&self) -> bool {
        self.http.as_ref().is_some_and(|rules| !rules.is_empty())
            || self.dns.as_ref().is_some_and(|rules| !rules.is_empty())
            || self.kafka
            || self.l7proto
    }
}

/// One entry of `ingress`, `ingressDeny`, `egress` or `egressDeny`.
#[derive(Debug, Clone, PartialEq)]
pub struct Entry {
    /// Where.
    pub span: Span,
    /// Which way.
    pub direction: Direction,
    /// Whether it denies.
    pub deny: bool,
    /// The fields that say who the peer is, those alone that are not empty.
    pub peers: Vec<(&'static str, Node)>,
    /// Those of them that are written and empty, which no peer is one of.
    pub no_peers: Vec<&'static str>,
    /// `fromRequires` or `toRequires`, where it is written.
    pub requires: Option<Span>,
    /// Its selectors.
    pub required: Vec<Node>,
    /// `authentication.mode`, where it is written.
    pub authentication: Option<String>,
    /// Ports.
    pub ports: Vec<PortRule>,
    /// Types of ICMP, where they are written.
    pub icmps: Option<Node>,
}

impl Entry {
    /// The items of a field of the peer, such as `toEntities`, and their places.
    pub fn peer<'e>(&'e self, name: &str) -> impl Iterator<Item = &'e Node> + use<'e> {
        let name = name.to_owned();
        self.peers
            .iter()
            .filter(move |(field, _)| **field == *name)
            .flat_map(|(_, node)| node.items())
    }

    /// How a port of TCP is among those of the entry, by the narrowest that has it.
    #[must_use]
    pub fn opens(&self, number: u16) -> Option<Opens> {
        let ports = || self.ports.iter().flat_map(|rule| &rule.ports);
        let mut with = ports().filter(|port| port.has_tcp(number));
        let named = with.clone().find(|port| !port.is_range());
        match (named, with.next()) {
            (Some(port), _) => Some(Opens::Named(port.span)),
            (None, Some(port)) => Some(Opens::Range(port.span)),
            (None, None) => {
                let every = self.ports.is_empty() && self.icmps.is_none()
                    || self.ports.iter().any(|rule| rule.ports.is_empty());
                every.then_some(Opens::Every)
            }
        }
    }
}

/// One `spec`.
#[derive(Debug, Clone, PartialEq)]
pub struct Spec {
    /// Where.
    pub span: Span,
    /// Pods that it is about.
    pub endpoint_selector: Option<Node>,
    /// Nodes that it is about.
    pub node_selector: Option<Node>,
    /// All its entries.
    pub entries: Vec<Entry>,
    /// Fields of entries that are written and hold none.
    pub empty: Vec<(&'static str, Span)>,
    /// `enableDefaultDeny` by direction, where it is written.
    pub default_deny: [Option<(bool, Span)>; 2],
}

/// A policy, of one namespace or of the whole cluster.
#[derive(Debug, Clone, PartialEq)]
pub struct Policy {
    /// Where it was read.
    pub origin: Origin,
    /// Kind, namespace and name.
    pub title: String,
    /// The namespace; none where it is clusterwide.
    pub namespace: Option<String>,
    /// `spec`, and each of `specs`.
    pub specs: Vec<Spec>,
}

impl Policy {
    /// Reads what the API server keeps of one.
    #[must_use]
    pub fn read(manifest: &Manifest) -> Self {
        Self {
            origin: manifest.origin.clone(),
            title: manifest.title(),
            namespace: Some(manifest.namespace.clone()).filter(|_| manifest.kind.namespaced),
            specs: manifest.specs.iter().map(Spec::read).collect(),
        }
    }
}

/// Which fields say who the peer is, by direction.
const PEERS: [&[&str]; 2] = [
    &["fromEndpoints", "fromCIDR", "fromCIDRSet", "fromEntities", "fromNodes", "fromGroups"],
    &[
        "toEndpoints",
        "toCIDR",
        "toCIDRSet",
        "toEntities",
        "toServices",
        "toFQDNs",
        "toNodes",
        "toGroups",
    ],
];

const LISTS: [(&str, Direction, bool); 4] = [
    ("ingress", Direction::Ingress, false),
    ("ingressDeny", Direction::Ingress, true),
    ("egress", Direction::Egress, false),
    ("egressDeny", Direction::Egress, true),
];

impl Spec {
    /// Reads what the API server keeps of one.
    #[must_use]
    pub fn read(node: &Node) -> Self {
        let (mut entries, mut empty) = (Vec::new(), Vec::new());
        for (name, direction, deny) in LISTS {
            let Some(list) = node.member(name) else { continue };
            if list.items().is_empty() {
                empty.push((name, list.into()));
            }
            entries.extend(list.items().iter().map(|item| entry(item, direction, deny)));
        }
        let default_deny = ["ingress", "egress"].map(|direction| {
            let given = node.member("enableDefaultDeny")?.member(direction)?;
            Some((given.boolean()?, given.into()))
        });
        Self {
            span: node.into(),
            endpoint_selector: node.member("endpointSelector").cloned(),
            node_selector: node.member("nodeSelector").cloned(),
            entries,
            empty,
            default_deny,
        }
    }
}

fn entry(node: &Node, direction: Direction, deny: bool) -> Entry {
    let (peers, requires) = match direction {
        Direction::Ingress => (PEERS[0], "fromRequires"),
        Direction::Egress => (PEERS[1], "toRequires"),
    };
    let given = |name: &&'static str| {
        let value = node.member(name)?;
        (!value.items().is_empty()).then(|| (*name, value.clone()))
    };
    let is_empty = |name: &&&str| node.member(name).is_some_and(|list| list.items().is_empty());
    let ports = node.member("toPorts").map(Node::items).unwrap_or_default();
    Entry {
        span: node.into(),
        direction,
        deny,
        peers: peers.iter().filter_map(given).collect(),
        no_peers: peers.iter().filter(is_empty).copied().collect(),
        requires: node.member(requires).map(Span::from),
        required: node.member(requires).map(Node::items).unwrap_or_default().to_vec(),
        authentication: node.path("authentication.mode").and_then(written),
        ports: ports.iter().map(port_rule).collect(),
        icmps: node.member("icmps").filter(|icmps| !icmps.items().is_empty()).cloned(),
    }
}

/// A single value as it is written, be it a text or a number.
fn written(node: &Node) -> Option<String> {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => Some(text.clone()),
        _ => None,
    }
}

fn port_rule(node: &Node) -> PortRule {
    let rules = |name: &str| node.path(&format!("rules.{name}"));
    let port = |item: &Node| Port {
        span: item.into(),
        port: item.member("port").and_then(written).unwrap_or_default(),
        end_port: item.member("endPort").and_then(written),
        protocol: item.member("protocol").and_then(Node::text).unwrap_or("ANY").to_uppercase(),
    };
    let names = node.member("serverNames").map(Node::items).unwrap_or_default();
    PortRule {
        span: node.into(),
        ports: node.member("ports").map(Node::items).unwrap_or_default().iter().map(port).collect(),
        http: rules("http").map(|rules| rules.items().to_vec()),
        dns: rules("dns").map(|rules| rules.items().iter().map(name).collect()),
        kafka: rules("kafka").is_some_and(|rules| !rules.items().is_empty()),
        l7proto: rules("l7proto").is_some(),
        l7: rules("l7").map(Node::items).unwrap_or_default().to_vec(),
        terminating_tls: node.member("terminatingTLS").is_some(),
        server_names: names.iter().filter_map(written).collect(),
        listener: node.path("listener.name").and_then(written),
    }
}

/// A rule of DNS or of `toFQDNs`.
#[must_use]
pub fn name(node: &Node) -> Name {
    let pattern = node.member("matchPattern");
    let text = pattern.or_else(|| node.member("matchName")).and_then(written);
    Name { span: node.into(), text: text.unwrap_or_default(), pattern: pattern.is_some() }
}
