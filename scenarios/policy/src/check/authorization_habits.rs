//! Checks of what authorization policies rest on: headers, addresses and names that the caller
//! chooses, ports of the proxy itself, and fields that a release reads otherwise.

use super::Findings;
use crate::authorization::{Action, AuthorizationPolicy, Match, Rule};
use crate::finding::Severity;
use crate::judge::affected::{Affected, affected};
use crate::manifest::Manifest;
use crate::version::Versions;

/// What one policy alone says.
pub(super) fn alone(
    of: &Manifest,
    policy: &AuthorizationPolicy,
    versions: Versions,
    out: &mut Findings,
) {
    for rule in &policy.rules {
        hosts(of, policy.action.0, rule, out);
        headers(of, policy.action.0, rule, versions, out);
        accounts(of, rule, versions, out);
        if policy.action.0 == Action::Allow {
            addresses(of, policy, rule, out);
            own_ports(of, policy, rule, out);
        }
    }
}

/// Hosts by which something is let through unless they are named in full.
fn hosts(of: &Manifest, action: Action, rule: &Rule, out: &mut Findings) {
    for operation in rule.to.iter().flatten() {
        let hosts = &operation.hosts;
        let (list, severity) = match action {
            Action::Deny => (&hosts.values, Severity::Medium),
            Action::Allow if !hosts.not_values.is_empty() => (&hosts.not_values, Severity::Medium),
            Action::Allow => (&hosts.values, Severity::Low),
            Action::Audit | Action::Custom => continue,
        };
        for host in list {
            let text = host.text.as_str();
            let twin = |other: &str| {
                other
                    .strip_suffix('*')
                    .is_some_and(|prefix| prefix == text || prefix.strip_suffix(':') == Some(text))
            };
            if text.ends_with('*') || text.contains(':') || list.iter().any(|one| twin(&one.text)) {
                continue;
            }
            let message =
                format!("`{text}` is not `{text}:8080`, which a caller may write as well");
            out.add("AP012", of, host.span, message).severity = severity;
        }
    }
}

fn headers(of: &Manifest, action: Action, rule: &Rule, versions: Versions, out: &mut Findings) {
    for condition in &rule.when {
        let name = condition.key.strip_prefix("request.headers[");
        let Some(name) = name.and_then(|name| name.strip_suffix(']')) else { continue };
        let exact = |values: &[crate::authorization::Text]| {
            values.iter().any(|value| !value.text.contains('*'))
        };
        let Match { values, not_values } = &condition.matches;
        // Where a value must not be there, several headers of the name hide it.
        let hidden = match action {
            Action::Deny => exact(values),
            Action::Allow => exact(not_values),
            Action::Audit | Action::Custom => false,
        };
        let message = match action {
            Action::Deny if !values.is_empty() => {
                format!("a caller is not denied that leaves the header `{name}` out")
            }
            _ => format!("the header `{name}` is whatever the caller writes"),
        };
        let span = condition.matches.first().map_or(condition.span, |text| text.span);
        match affected("AP016", versions) {
            Affected::Yes(which) if hidden => {
                let message = format!("{message}; written twice it gets through ({which})");
                out.add("AP016", of, span, message).severity = Severity::High;
            }
            _ => {
                out.add("AP016", of, span, message);
            }
        }
    }
}

fn accounts(of: &Manifest, rule: &Rule, versions: Versions, out: &mut Findings) {
    let sources = rule.from.iter().flatten();
    let named = sources
        .flat_map(|source| &source.service_accounts.values)
        .find(|account| account.text.contains('.'));
    let Some(account) = named else { return };
    let name = &account.text;
    let (message, severity) = match affected("AP029", versions) {
        Affected::Yes(which) => {
            (format!("the dot of `{name}` stands for any letter here ({which})"), Severity::High)
        }
        Affected::No => return,
        Affected::Unknown => (
            format!("the dot of `{name}` stands for any letter before the repair"),
            Severity::Medium,
        ),
    };
    out.add("AP029", of, account.span, message).severity = severity;
}

/// Whether a policy is about gateways, whose callers have addresses only.
pub(super) fn is_of_gateways(policy: &AuthorizationPolicy) -> bool {
    let labels = policy.match_labels.iter();
    policy.targets
        || labels
            .into_iter()
            .any(|(key, value)| key.contains("gateway") || value.contains("gateway"))
}

/// Addresses as the only thing that is asked of a caller inside of the mesh.
fn addresses(of: &Manifest, policy: &AuthorizationPolicy, rule: &Rule, out: &mut Findings) {
    if is_of_gateways(policy) {
        return;
    }
    for source in rule.from.iter().flatten() {
        let identity = [
            &source.principals,
            &source.namespaces,
            &source.service_accounts,
            &source.request_principals,
        ];
        let first = source.ip_blocks.values.first();
        if let Some(first) = first.filter(|_| identity.iter().all(|matches| matches.is_empty())) {
            let message =
                format!("`{}` is an address, which another pod may have next", first.text);
            out.add("AP017", of, first.span, message);
        }
    }
}

/// Ports of sidecars and of istiod, and what they are.
const OWN_PORTS: [(&str, &str); 10] = [
    ("15000", "the proxy's administration"),
    ("15001", "the proxy's outbound listener"),
    ("15006", "the proxy's inbound listener"),
    ("15008", "the tunnel of ambient meshes"),
    ("15010", "istiod without TLS"),
    ("15012", "istiod"),
    ("15014", "istiod's own figures"),
    ("15020", "the agent's figures and probes"),
    ("15021", "the proxy's readiness"),
    ("15090", "the proxy's figures"),
];

fn own_ports(of: &Manifest, policy: &AuthorizationPolicy, rule: &Rule, out: &mut Findings) {
    // For istiod itself its ports are those of the workload.
    let of_istiod = policy.match_labels.values().any(|value| value == "istiod" || value == "pilot");
    for operation in rule.to.iter().flatten() {
        for port in &operation.ports.values {
            let known = OWN_PORTS.iter().find(|(number, _)| *number == port.text);
            let Some((number, what)) = known.filter(|_| !of_istiod) else { continue };
            out.add("AP027", of, port.span, format!("{number} is {what}, and no workload's"));
        }
    }
}
