//! Checks of Cilium's policies: what lets through more than it says, or nothing that it should.

use super::Findings;
use crate::cilium::{Entry, PortRule, Spec, name};
use crate::finding::Severity;
use crate::manifest::{Manifest, written};
use crate::source::Node;
use crate::version::Version;

/// What one `spec` says.
pub(super) fn alone(of: &Manifest, spec: &Spec, cilium: Option<Version>, out: &mut Findings) {
    no_rule(of, spec, cilium, out);
    for (given, direction) in spec.default_deny.iter().zip(["ingress", "egress"]) {
        if let Some((false, span)) = given {
            let message = format!("{direction} is let through unless another policy denies it");
            out.add("CN016", of, *span, message);
        }
    }
    let fqdns = spec.entries.iter().any(|entry| entry.peer("toFQDNs").next().is_some());
    for entry in &spec.entries {
        if let Some(span) = entry.requires {
            out.add("CN022", of, span, "deprecated since 1.17".to_owned());
        }
        if entry.deny {
            continue;
        }
        world(of, entry, out);
        for rule in &entry.ports {
            dns(of, rule, fqdns, out);
            http(of, rule, out);
        }
    }
    names_without_dns(of, spec, out);
    undone(of, spec, out);
}

fn no_rule(of: &Manifest, spec: &Spec, cilium: Option<Version>, out: &mut Findings) {
    if !spec.entries.is_empty() {
        for (name, span) in &spec.empty {
            let covered = spec.entries.iter().any(|entry| name.starts_with(entry.direction.word()));
            if !covered {
                let message = format!("`{name}: []` denies nothing: that direction stays open");
                out.add("CN044", of, *span, message);
            }
        }
        return;
    }
    let what = match cilium.map(|version| version.minor < (1, 17)) {
        Some(true) => "this release accepts it and enforces nothing",
        Some(false) => "the agent rejects it and enforces nothing",
        None => "up to 1.16 it is accepted, from 1.17 rejected; nothing is enforced by any",
    };
    let span = spec.empty.first().map_or(spec.span, |(_, span)| *span);
    out.add("CN001", of, span, format!("the policy has no rule: {what}"));
}

fn world(of: &Manifest, entry: &Entry, out: &mut Findings) {
    let entities = entry.peer("fromEntities").chain(entry.peer("toEntities"));
    let open = entities.filter(|node| matches!(node.text(), Some("all" | "world")));
    for node in open {
        let message = format!("`{}` is every address outside", node.text().unwrap_or_default());
        out.add("CN003", of, node.into(), message);
    }
    for set in ["fromCIDR", "toCIDR"] {
        for node in entry.peer(set).filter(|node| is_everything(node)) {
            out.add("CN003", of, node.into(), "every address is allowed".to_owned());
        }
    }
    for set in ["fromCIDRSet", "toCIDRSet"] {
        for node in
            entry.peer(set).filter_map(|item| item.member("cidr")).filter(|n| is_everything(n))
        {
            out.add("CN003", of, node.into(), "every address but exceptions is allowed".to_owned());
        }
    }
}

fn is_everything(node: &Node) -> bool {
    matches!(node.text(), Some("0.0.0.0/0" | "::/0"))
}

fn dns(of: &Manifest, rule: &PortRule, fqdns: bool, out: &mut Findings) {
    for one in rule.dns.iter().flatten().filter(|one| one.pattern) {
        if one.text == "*" {
            let message = "`*` lets any name be asked for".to_owned();
            let finding = out.add("CN005", of, one.span, message);
            if fqdns {
                finding.severity = Severity::Low;
            }
        }
        if cannot_name_a_service(&one.text) {
            let message = format!("`{}` matches no name of a Service", one.text);
            out.add("CN006", of, one.span, message);
        }
    }
}

/// Whether a pattern ends like names of Services and has too few parts for one.
fn cannot_name_a_service(pattern: &str) -> bool {
    let pattern = pattern.trim_end_matches('.');
    let parts: Vec<&str> = pattern.split('.').collect();
    match parts.as_slice() {
        [.., "cluster", "local"] => {
            // Services have five parts, and pods that a Service names six.
            parts.len() < 5 && parts.first() == Some(&"*")
        }
        _ => false,
    }
}

/// Ports on which TLS is spoken by convention.
const TLS_PORTS: [&str; 4] = ["443", "8443", "https", "6443"];

fn http(of: &Manifest, rule: &PortRule, out: &mut Findings) {
    let Some(rules) = &rule.http else { return };
    let all = |http: &&Node| http.entries().is_empty();
    if let Some(first) = rules.iter().find(all) {
        out.add("CN009", of, first.into(), "a rule without conditions allows all".to_owned());
    }
    let tls = rule.ports.iter().find(|port| TLS_PORTS.contains(&port.port.as_str()));
    if let Some(port) = tls.filter(|_| !rule.terminating_tls) {
        let message = format!("port {} carries TLS, which rules of HTTP can not read", port.port);
        out.add("CN011", of, port.span, message);
    }
}

fn names_without_dns(of: &Manifest, spec: &Spec, out: &mut Findings) {
    let learns = spec
        .entries
        .iter()
        .flat_map(|entry| &entry.ports)
        .any(|rule| rule.dns.as_ref().is_some_and(|names| !names.is_empty()));
    // Another policy may learn them for the same pods; hence no more than medium.
    let first = spec.entries.iter().find_map(|entry| entry.peer("toFQDNs").next());
    if let Some(first) = first.filter(|_| !learns) {
        let message =
            format!("nothing here lets Cilium see the addresses of `{}`", name(first).text);
        out.add("CN007", of, first.into(), message);
    }
}

/// Where an entry allows a port without conditions that another allows under some.
fn undone(of: &Manifest, spec: &Spec, out: &mut Findings) {
    let rules: Vec<(&Entry, &PortRule)> = spec
        .entries
        .iter()
        .filter(|entry| !entry.deny)
        .flat_map(|entry| entry.ports.iter().map(move |rule| (entry, rule)))
        .collect();
    let narrow =
        rules.iter().filter(|(_, rule)| rule.http.as_ref().is_some_and(|rules| !rules.is_empty()));
    for (entry, rule) in narrow {
        let wide = rules.iter().find(|(other, open)| {
            open.http.is_none()
                && !open.has_l7()
                && open.listener.is_none()
                && other.direction == entry.direction
                && same_peers(other, entry)
                && open.ports.iter().any(|port| {
                    rule.ports.iter().any(|same| {
                        same.port == port.port && matches!(port.protocol.as_str(), "TCP" | "ANY")
                    })
                })
        });
        if let Some((_, open)) = wide {
            let line = rule.span.at.line;
            let message =
                format!("allows the port without conditions: those of line {line} do nothing");
            let span = open.ports.first().map_or(open.span, |port| port.span);
            out.add("CN010", of, span, message);
        }
    }
}

/// Whether two entries have the same peers. An entry without any is about every peer, which
/// includes those of the other.
fn same_peers(wide: &Entry, narrow: &Entry) -> bool {
    wide.peers.is_empty() || shape(&wide.peers) == shape(&narrow.peers)
}

fn shape(peers: &[(&str, Node)]) -> String {
    peers.iter().map(|(name, node)| format!("{name}={};", written(node))).collect()
}
