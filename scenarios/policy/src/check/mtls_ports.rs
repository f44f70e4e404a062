//! Checks of which workloads and ports a `PeerAuthentication` is really about.

use std::collections::BTreeMap;

use super::Findings;
use super::known::Known;
use crate::inventory::{Deployed, Service, ServicePort, TargetPort};
use crate::judge::cover::selects_all;
use crate::manifest::{Manifest, texts};
use crate::source::Node;

/// What policies and workloads say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    for of in known.manifests.iter().filter(|of| of.kind.name == "PeerAuthentication") {
        let Some(spec) = of.specs.first().filter(|_| !of.refused) else { continue };
        let labels = texts(spec.path("selector.matchLabels"));
        exception(of, spec, &labels, out);
        if labels.is_empty() || of.namespace == known.root() {
            continue;
        }
        let there = known.workloads(&of.namespace);
        let selected: Vec<&Deployed> =
            there.iter().copied().filter(|one| selects_all(&labels, &one.labels)).collect();
        let selector = spec.path("selector.matchLabels").map_or(of.span, Into::into);
        if selected.is_empty() && !there.is_empty() {
            let message = "no workload of the namespace has these labels".to_owned();
            out.add("PA010", of, selector, message);
        } else if there.is_empty() && !known.inventory.workloads.is_empty() {
            out.open("PA010", "no workload of the policy's namespace is given");
        }
        let services = known.services(&of.namespace);
        let leading = services.iter().copied().filter(|service| {
            !service.selector.is_empty() && selects_all(&labels, &service.selector)
                || selected.iter().any(|one| service.selects(&one.labels))
        });
        let leading: Vec<&Service> = leading.collect();
        for port in spec.member("portLevelMtls").map(Node::entries).unwrap_or_default() {
            inert(of, port, &leading, &selected, out);
        }
    }
    protocols(known, out);
}

/// A mode that lets plaintext in for some workloads or ports, and does not say until when.
fn exception(of: &Manifest, spec: &Node, labels: &BTreeMap<String, String>, out: &mut Findings) {
    if of.annotations.contains_key(crate::waiver::ANNOTATION) {
        return;
    }
    let weak =
        |mode: Option<&Node>| matches!(mode.and_then(Node::text), Some("PERMISSIVE" | "DISABLE"));
    let whole = spec.path("mtls.mode").filter(|_| !labels.is_empty());
    let ports = spec.member("portLevelMtls").map(Node::entries).unwrap_or_default();
    let of_ports = ports.iter().filter_map(|port| port.value.member("mode"));
    let first = whole.into_iter().chain(of_ports).find(|mode| weak(Some(mode)));
    if let Some(mode) = first {
        let message = "nothing says until when this exception is wanted, or who answers for it";
        out.add("PA016", of, mode.into(), message.to_owned());
    }
}

/// A port of a service, where the workload's own is another one.
fn inert(
    of: &Manifest,
    port: &crate::source::Entry,
    services: &[&Service],
    selected: &[&Deployed],
    out: &mut Findings,
) {
    let Ok(number) = port.key.parse::<u16>() else { return };
    let listened = selected.iter().any(|one| one.ports.iter().any(|own| own.port == number));
    let all = || {
        services.iter().flat_map(|service| service.ports.iter().map(move |port| (service, port)))
    };
    let leads_here = |(_, port): &(&&Service, &ServicePort)| match &port.target {
        TargetPort::Number(target) => *target == number,
        TargetPort::Name(name) => selected.iter().any(|one| one.port_named(name) == Some(number)),
    };
    if listened || all().any(|pair| leads_here(&pair)) {
        return;
    }
    if let Some((service, own)) = all().find(|(_, own)| own.port == number) {
        let target = match &own.target {
            TargetPort::Number(target) => target.to_string(),
            TargetPort::Name(name) => format!("`{name}`"),
        };
        let span = crate::finding::Span { at: port.key_at, until: port.value.at };
        let message = format!(
            "{number} is the port of {}; the workload's own is {target}",
            service.head.title()
        );
        out.add("PA007", of, span, message);
    }
}

/// Protocols that Istio reads from the beginning of a port's name.
const PROTOCOLS: [&str; 13] = [
    "grpc",
    "grpc-web",
    "http",
    "http2",
    "https",
    "kubernetes",
    "mongo",
    "mysql",
    "redis",
    "tcp",
    "tls",
    "udp",
    "auto",
];

/// What is said on a port of a service, as far as it says so.
pub(super) fn protocol(port: &ServicePort) -> Option<String> {
    if let Some(given) = &port.app_protocol {
        return Some(given.to_lowercase());
    }
    let name = port.name.as_deref()?.to_lowercase();
    let known = |candidate: &&&str| {
        name == **candidate
            || name.strip_prefix(**candidate).is_some_and(|rest| rest.starts_with('-'))
    };
    // The longest that fits: `grpc-web` is not `grpc`.
    PROTOCOLS.iter().filter(known).max_by_key(|name| name.len()).map(|name| (*name).to_owned())
}

/// Ports whose servers speak first or that hold what is worth most.
const SENSITIVE: [(u16, &str); 10] = [
    (1433, "SQL Server"),
    (1521, "Oracle"),
    (3306, "MySQL"),
    (5432, "PostgreSQL"),
    (5672, "AMQP"),
    (6379, "Redis"),
    (9042, "Cassandra"),
    (9092, "Kafka"),
    (11211, "memcached"),
    (27017, "MongoDB"),
];

fn protocols(known: &Known<'_>, out: &mut Findings) {
    if !known.has_istio() {
        return;
    }
    for service in known.inventory.services.iter().filter(|of| of.external_name.is_none()) {
        for port in service.ports.iter().filter(|port| port.protocol == "TCP") {
            let sensitive = SENSITIVE.iter().find(|(number, _)| {
                port.port == *number || port.target == TargetPort::Number(*number)
            });
            let Some((number, name)) = sensitive.filter(|_| protocol(port).is_none()) else {
                continue;
            };
            let message =
                format!("nothing says what is spoken on {number}, so the proxy guesses at {name}");
            out.add("PA020", &service.head, port.span, message);
        }
    }
}
