//! Who is at the other end, and whether an entry of a policy means it.

use std::net::IpAddr;

use super::holds::Holds;
use super::labels::{Labelled, Pod, Scope};
use crate::cilium::{Direction, Entry, Name, name};
use crate::decide::{fits, in_block};
use crate::source::Node;

/// The other end of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Peer {
    /// A pod of the cluster.
    Pod(Pod),
    /// Something else of the cluster, by the name of the entity: `host`, `remote-node`, `ingress`.
    Entity(&'static str),
    /// Something outside the cluster.
    Outside {
        /// Its address, where it is known.
        address: Option<IpAddr>,
        /// The name by which it was looked up, where it is known.
        name: Option<String>,
    },
}

/// Entities of the cluster that are no pods and that a call can be from or to.
pub const ENTITIES: [&str; 7] =
    ["host", "remote-node", "kube-apiserver", "ingress", "health", "init", "unmanaged"];

impl Peer {
    fn labelled(&self) -> Labelled<'_> {
        match self {
            Self::Pod(pod) => Labelled::Pod(pod),
            Self::Outside { .. } => Labelled::Reserved(&["world"]),
            Self::Entity(name) => {
                let at = ENTITIES.iter().position(|known| known == name);
                Labelled::Reserved(at.map_or(&[], |at| &ENTITIES[at..=at]))
            }
        }
    }

    /// Whether it is one of those that an entity names.
    fn is(&self, entity: &str) -> Holds {
        match (entity, self) {
            ("all", _) => Holds::Yes,
            ("none", _) => Holds::No,
            ("world", peer) => matches!(peer, Self::Outside { .. }).into(),
            ("world-ipv4" | "world-ipv6", Self::Outside { address: None, .. }) => {
                Holds::unknown("the address outside the cluster")
            }
            ("world-ipv4", Self::Outside { address: Some(address), .. }) => {
                address.is_ipv4().into()
            }
            ("world-ipv6", Self::Outside { address: Some(address), .. }) => {
                address.is_ipv6().into()
            }
            ("cluster", peer) => (!matches!(peer, Self::Outside { .. })).into(),
            ("kube-apiserver", Self::Entity("host" | "remote-node") | Self::Outside { .. }) => {
                Holds::unknown("where the API server runs")
            }
            ("host" | "remote-node", Self::Entity("kube-apiserver")) => {
                Holds::unknown("where the API server runs")
            }
            (entity, Self::Entity(name)) => (entity == *name).into(),
            _ => Holds::No,
        }
    }

    /// Whether a range of addresses holds it. Ranges mean what is outside the cluster alone.
    fn is_in(&self, block: &str, except: &[&str]) -> Holds {
        match self {
            Self::Outside { address: Some(address), .. } => {
                let out = except.iter().any(|block| in_block(block, *address));
                (in_block(block, *address) && !out).into()
            }
            Self::Outside { address: None, .. } => {
                Holds::unknown("the address outside the cluster")
            }
            Self::Pod(_) | Self::Entity(_) => Holds::No,
        }
    }

    fn is_in_set(&self, node: &Node) -> Holds {
        let text = |name: &str| node.member(name).and_then(Node::text);
        let except = node.member("except").map(Node::items).unwrap_or_default();
        let except: Vec<&str> = except.iter().filter_map(Node::text).collect();
        match (text("cidr"), text("cidrGroupRef")) {
            (Some(block), _) => self.is_in(block, &except),
            (None, group) if matches!(self, Self::Outside { .. }) => {
                let group = group.unwrap_or("that is selected by labels");
                Holds::unknown(format!("the ranges of CiliumCIDRGroup {group}"))
            }
            (None, _) => Holds::No,
        }
    }

    fn is_called(&self, wanted: &Name) -> Holds {
        match self {
            Self::Outside { name: Some(name), .. } => is_name(wanted, name).into(),
            Self::Outside { name: None, .. } => {
                Holds::unknown("the name by which the address was looked up")
            }
            Self::Pod(_) | Self::Entity(_) => Holds::No,
        }
    }
}

/// Whether a name of DNS is meant, where `*` stands for letters of one part, and alone for any.
pub(super) fn is_name(wanted: &Name, found: &str) -> bool {
    let plain = |name: &str| name.trim_end_matches('.').to_ascii_lowercase();
    let (text, found) = (plain(&wanted.text), plain(found));
    if !wanted.pattern || text == "*" {
        return text == "*" && wanted.pattern || text == found;
    }
    let (wanted, found): (Vec<&str>, Vec<&str>) =
        (text.split('.').collect(), found.split('.').collect());
    wanted.len() == found.len()
        && wanted.iter().zip(found).all(|(wanted, found)| is_part(wanted, found))
}

fn is_part(wanted: &str, found: &str) -> bool {
    let letter = |letter: u8| letter.is_ascii_alphanumeric() || letter == b'-' || letter == b'_';
    let plain = wanted == found || found.bytes().all(letter);
    plain && fits(wanted.as_bytes(), found.as_bytes(), |letter| *letter == b'*', |a, b| a == b)
}

/// Whether an entry means a peer. `required` holds what `fromRequires` or `toRequires` of all
/// policies of the endpoint demand of peers that are selected by labels, each with its scope.
pub(super) fn is_meant(
    entry: &Entry,
    peer: &Peer,
    scope: Scope<'_>,
    required: &[(Scope<'_>, &Node)],
) -> Holds {
    if !entry.no_peers.is_empty() {
        return Holds::No;
    }
    if entry.peers.is_empty() {
        // Without a peer and without a port it only says that there is a policy.
        return (!entry.ports.is_empty() || entry.icmps.is_some()).into();
    }
    let requirement = || {
        let each = required.iter().map(|(of, node)| of.requirement(node, peer.labelled()));
        Holds::all(each)
    };
    let is_outside = matches!(peer, Peer::Outside { .. });
    let one = |field: &str, node: &Node| match field {
        "fromEndpoints" | "toEndpoints" => scope.peer(node, peer.labelled()).and(requirement()),
        "fromEntities" | "toEntities" => node.text().map_or(Holds::No, |word| peer.is(word)),
        "fromCIDR" | "toCIDR" => node.text().map_or(Holds::No, |block| peer.is_in(block, &[])),
        "fromCIDRSet" | "toCIDRSet" => peer.is_in_set(node),
        "toFQDNs" => peer.is_called(&name(node)),
        "fromNodes" | "toNodes" => match peer {
            Peer::Entity("host" | "remote-node" | "kube-apiserver") => {
                Holds::unknown("the labels of nodes")
            }
            _ => Holds::No,
        },
        "fromGroups" | "toGroups" if is_outside => {
            Holds::unknown("the addresses of a group of a cloud")
        }
        "toServices" => match entry.direction {
            Direction::Egress => Holds::unknown("the endpoints of the services of `toServices`"),
            Direction::Ingress => Holds::No,
        },
        _ => Holds::No,
    };
    Holds::any(
        entry
            .peers
            .iter()
            .flat_map(|(field, list)| list.items().iter().map(|node| one(field, node))),
    )
}
