//! Checks of HTTP conditions in policies of authorization where nobody reads HTTP, or reads it
//! otherwise than the workload does.

use super::Findings;
use super::known::{Capture, Known, is_about};
use super::mtls_ports::protocol;
use crate::authorization::{Action, AuthorizationPolicy, Rule};
use crate::finding::{Severity, Span};
use crate::inventory::{Deployed, MeshConfig, PathNormalization, TargetPort};
use crate::manifest::Manifest;

/// What policies, workloads, services and the mesh's configuration say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    let normalization = known.inventory.mesh().map(|mesh| MeshConfig::normalization(Some(mesh)));
    for (of, policy) in &known.authorization {
        if normalization == Some(PathNormalization::None) {
            paths(of, policy, out);
        }
        if policy.targets || !policy.rules.iter().any(|rule| http(rule).is_some()) {
            continue;
        }
        let there = match of.namespace == known.root() {
            true => &known.inventory.workloads.iter().collect::<Vec<_>>()[..],
            false => known.workloads(&of.namespace),
        };
        let selected: Vec<&Deployed> =
            there.iter().copied().filter(|one| is_about(policy, &one.workload())).collect();
        without_waypoint(of, policy, &selected, known, out);
        if policy.action.0 == Action::Allow {
            on_tcp(of, policy, &selected, known, out);
        }
    }
}

/// The first condition that only HTTP has.
fn http(rule: &Rule) -> Option<Span> {
    let operations =
        rule.to.iter().flatten().find(|to| {
            [&to.hosts, &to.methods, &to.paths].iter().any(|matches| !matches.is_empty())
        });
    let sources = rule
        .from
        .iter()
        .flatten()
        .find(|from| !from.request_principals.is_empty() || !from.remote_ip_blocks.is_empty());
    let conditions = rule.when.iter().find(|one| one.key.starts_with("request."));
    operations
        .map(|to| to.span)
        .or_else(|| sources.map(|from| from.span))
        .or_else(|| conditions.map(|condition| condition.span))
}

fn paths(of: &Manifest, policy: &AuthorizationPolicy, out: &mut Findings) {
    let operations = policy.rules.iter().flat_map(|rule| rule.to.iter().flatten());
    let first = operations.into_iter().find_map(|to| to.paths.first());
    if let Some(path) = first {
        let message = format!("paths are not normalised: `{}` has other spellings", path.text);
        out.add("AP015", of, path.span, message);
    }
}

/// ztunnel reads no HTTP.
fn without_waypoint(
    of: &Manifest,
    policy: &AuthorizationPolicy,
    selected: &[&Deployed],
    known: &Known<'_>,
    out: &mut Findings,
) {
    let ambient_namespace = known.namespace(&of.namespace).is_some_and(|namespace| {
        namespace.labels.get("istio.io/dataplane-mode").is_some_and(|mode| mode == "ambient")
    });
    let ambient = match selected.is_empty() {
        true => ambient_namespace,
        // A waypoint is selected by its own labels, and it does read HTTP.
        false => selected.iter().any(|one| {
            known.capture(one) == Some(Capture::Ambient)
                && !one.labels.contains_key("gateway.networking.k8s.io/gateway-name")
        }),
    };
    if !ambient {
        return;
    }
    for rule in &policy.rules {
        let Some(span) = http(rule) else { continue };
        let (message, severity) = match policy.action.0 {
            Action::Allow => ("ztunnel reads no HTTP: the rule allows nothing", Severity::Medium),
            _ => ("ztunnel reads no HTTP: what the rule asks of it is not held to", Severity::High),
        };
        out.add("AP019", of, span, message.to_owned()).severity = severity;
    }
}

/// Ports on which something else than HTTP is spoken, as their services say.
fn on_tcp(
    of: &Manifest,
    policy: &AuthorizationPolicy,
    selected: &[&Deployed],
    known: &Known<'_>,
    out: &mut Findings,
) {
    let services = known.services(&of.namespace).iter().filter(|service| {
        selected.iter().any(|one| service.selects(&one.labels))
            || !policy.match_labels.is_empty() && service.selects(&policy.match_labels)
    });
    // A port is by the workload's own number, and HTTP if any service says so.
    let mut spoken = std::collections::BTreeMap::<String, bool>::new();
    for port in services.flat_map(|service| &service.ports) {
        let number = match &port.target {
            TargetPort::Number(number) => Some(*number),
            TargetPort::Name(name) => selected.iter().find_map(|one| one.port_named(name)),
        };
        let other = protocol(port).is_some_and(|word| {
            matches!(word.as_str(), "tcp" | "tls" | "https" | "mongo" | "mysql" | "redis")
        });
        if let Some(number) = number.filter(|_| port.protocol == "TCP") {
            *spoken.entry(number.to_string()).or_insert(true) &= other;
        }
    }
    for rule in &policy.rules {
        let Some(span) = http(rule) else { continue };
        let ports = || rule.to.iter().flatten().flat_map(|to| &to.ports.values);
        let named = ports().find(|port| spoken.get(&port.text) == Some(&true));
        let message = "no HTTP is spoken there, so that the rule never matches";
        match named {
            Some(port) => {
                out.add("AP008", of, port.span, format!("port {}: {message}", port.text));
            }
            None if ports().next().is_none()
                && !spoken.is_empty()
                && spoken.values().all(|other| *other) =>
            {
                out.add("AP008", of, span, format!("all ports of the service are TCP: {message}"));
            }
            None => {}
        }
    }
}
