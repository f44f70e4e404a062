//! Ports and types of ICMP: which rules of an entry a call falls under.

use std::collections::BTreeMap;

use super::holds::Holds;
use crate::cilium::{Entry, Port, PortRule};
use crate::source::{Node, Scalar, Value};

/// The protocol of a call.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// TCP
    Tcp,
    /// UDP
    Udp,
    /// SCTP
    Sctp,
    /// ICMP by its type.
    Icmp {
        /// Whether it is that of IPv6.
        v6: bool,
        /// The type.
        kind: u8,
    },
}

impl Protocol {
    /// As policies write it.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
            Self::Sctp => "SCTP",
            Self::Icmp { v6: false, .. } => "ICMP",
            Self::Icmp { v6: true, .. } => "ICMPv6",
        }
    }
}

/// Which port of which protocol is called.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target {
    /// The protocol.
    pub protocol: Protocol,
    /// The port; 0 for ICMP.
    pub port: u16,
    /// Ports of the pod by name, where the pod is known.
    pub names: Option<BTreeMap<String, u16>>,
}

/// What of an entry a call falls under.
#[derive(Debug)]
pub(super) enum Under<'e> {
    /// All that the entry's peers do.
    Whole,
    /// A port, with what may be said on it.
    Port(usize, &'e PortRule),
    /// A type of ICMP.
    Icmp,
}

/// The parts of an entry that a call falls under, or may.
pub(super) fn parts<'e>(entry: &'e Entry, target: &Target) -> Vec<(Under<'e>, Holds)> {
    if entry.ports.is_empty() && entry.icmps.is_none() {
        return vec![(Under::Whole, Holds::Yes)];
    }
    let on_port = |(index, rule): (usize, &'e PortRule)| {
        let holds = Holds::any(rule.ports.iter().map(|port| covers(port, target)));
        (Under::Port(index, rule), holds)
    };
    let icmps = entry.icmps.iter().flat_map(Node::items);
    let icmp = Holds::any(icmps.map(|node| of_type(node, target.protocol)));
    let mut parts: Vec<_> = entry.ports.iter().enumerate().map(on_port).collect();
    parts.push((Under::Icmp, icmp));
    parts.retain(|(_, holds)| *holds != Holds::No);
    parts
}

/// Whether a port of a policy is the one that is called. Port 0 is every one.
fn covers(port: &Port, target: &Target) -> Holds {
    let above_ip = !matches!(target.protocol, Protocol::Icmp { .. });
    let protocol = match port.protocol.as_str() {
        "ANY" => above_ip,
        word => above_ip && word == target.protocol.word(),
    };
    if !protocol {
        return Holds::No;
    }
    let Ok(first) = port.port.parse::<u16>() else {
        return match &target.names {
            // Names are compared without regard to case.
            Some(names) => names
                .iter()
                .any(|(name, number)| {
                    name.eq_ignore_ascii_case(&port.port) && *number == target.port
                })
                .into(),
            None => Holds::unknown(format!("which port is called `{}`", port.port)),
        };
    };
    let last = port.end_port.as_deref().and_then(|last| last.parse::<u16>().ok());
    let last = last.filter(|last| *last > first).unwrap_or(first);
    (first == 0 || (first..=last).contains(&target.port)).into()
}

fn of_type(rule: &Node, protocol: Protocol) -> Holds {
    let Protocol::Icmp { v6, kind } = protocol else { return Holds::No };
    let fields = rule.member("fields").map(Node::items).unwrap_or_default();
    Holds::any(fields.iter().map(|field| {
        let family = field.member("family").and_then(Node::text).unwrap_or("IPv4");
        if (family == "IPv6") != v6 {
            return Holds::No;
        }
        let written = match field.member("type").map(|node| &node.value) {
            Some(Value::Scalar(Scalar { text, .. })) => text.as_str(),
            _ => return Holds::No,
        };
        match written.parse::<u8>().ok().or_else(|| number(written, v6)) {
            Some(number) => (number == kind).into(),
            None => Holds::unknown(format!("the number of the ICMP type {written}")),
        }
    }))
}

/// Types by name, those that people filter.
fn number(name: &str, v6: bool) -> Option<u8> {
    const V4: [(&str, u8); 6] = [
        ("EchoReply", 0),
        ("DestinationUnreachable", 3),
        ("Redirect", 5),
        ("EchoRequest", 8),
        ("TimeExceeded", 11),
        ("ParameterProblem", 12),
    ];
    const V6: [(&str, u8); 9] = [
        ("DestinationUnreachable", 1),
        ("PacketTooBig", 2),
        ("TimeExceeded", 3),
        ("ParameterProblem", 4),
        ("EchoRequest", 128),
        ("EchoReply", 129),
        ("RouterSolicitation", 133),
        ("RouterAdvertisement", 134),
        ("NeighborSolicitation", 135),
    ];
    let known: &[(&str, u8)] = if v6 { &V6 } else { &V4 };
    known.iter().find(|(known, _)| *known == name).map(|(_, number)| *number)
}
