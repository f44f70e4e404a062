//! Checks of what Cilium's policies let be said: expressions of HTTP that are wider than they
//! look, headers as credentials, Kafka, and rules that a release does not hold to.

use super::Findings;
use crate::cilium::{Entry, PortRule, Spec};
use crate::finding::Severity;
use crate::judge::affected::{Affected, affected};
use crate::judge::breadth::{Breadth, breadth};
use crate::manifest::Manifest;
use crate::source::{Node, Scalar, Value};
use crate::version::Versions;

/// What one `spec` says.
pub(super) fn alone(of: &Manifest, spec: &Spec, versions: Versions, out: &mut Findings) {
    for rule in spec.entries.iter().filter(|entry| !entry.deny).flat_map(|entry| &entry.ports) {
        for http in rule.http.iter().flatten() {
            expressions(of, http, out);
            credentials(of, http, out);
        }
        if rule.kafka {
            let message = "rules of Kafka are deprecated, and newer releases drop them".to_owned();
            out.add("CN031", of, rule.span, message);
        }
    }
    wide_ports(of, spec, versions, out);
}

fn expressions(of: &Manifest, http: &Node, out: &mut Findings) {
    for field in ["path", "method"] {
        let Some(node) = http.member(field) else { continue };
        let text = node.text().unwrap_or_default();
        // An empty expression is no condition.
        let Some(found) = breadth(text).filter(|_| !text.is_empty()) else { continue };
        let (message, severity) = match found {
            Breadth::Everything => {
                (format!("`{field}: {text}` matches everything"), Severity::Medium)
            }
            Breadth::Prefix(prefix) => (
                format!("`{text}` also matches `{prefix}x`, not only `{prefix}/…`"),
                Severity::Medium,
            ),
            Breadth::Dot(part) => {
                (format!("the dot of `{part}` stands for any letter"), Severity::Low)
            }
        };
        out.add("CN012", of, node.into(), message).severity = severity;
    }
}

/// Parts of names of headers that carry credentials or claim an identity.
const CREDENTIALS: [&str; 8] =
    ["auth", "token", "api-key", "apikey", "secret", "password", "x-user", "forwarded-for"];

fn credentials(of: &Manifest, http: &Node, out: &mut Findings) {
    let plain = http.member("headers").map(Node::items).unwrap_or_default();
    let plain = plain.iter().filter_map(|node| {
        let Value::Scalar(Scalar { text, .. }) = &node.value else { return None };
        Some((node, text.split([':', ' ']).next().unwrap_or_default()))
    });
    let matches = http.member("headerMatches").map(Node::items).unwrap_or_default();
    let matches = matches.iter().filter_map(|node| {
        // A value out of a Secret is what such a header should be held against.
        let from_secret = node.member("secret").is_some();
        let name = node.member("name")?;
        (!from_secret).then(|| (name, name.text().unwrap_or_default()))
    });
    for (node, name) in plain.chain(matches) {
        let lower = name.to_lowercase();
        if CREDENTIALS.iter().any(|part| lower.contains(part)) {
            let message = format!("`{name}` is what the caller says, and its value is in the file");
            out.add("CN045", of, node.into(), message);
        }
    }
}

/// Rules above ports beside an entry that allows all ports or a range that the port is in.
fn wide_ports(of: &Manifest, spec: &Spec, versions: Versions, out: &mut Findings) {
    let rules: Vec<(&Entry, &PortRule)> = spec
        .entries
        .iter()
        .filter(|entry| !entry.deny)
        .flat_map(|entry| entry.ports.iter().map(move |rule| (entry, rule)))
        .collect();
    let wide = |rule: &PortRule, port: u32| {
        rule.ports.iter().any(|wide| {
            let first: u32 = wide.port.parse().unwrap_or(u32::MAX);
            let last = wide.end_port.as_ref().and_then(|end| end.parse().ok()).unwrap_or(first);
            first == 0 || first < last && (first..=last).contains(&port)
        })
    };
    for (entry, rule) in rules.iter().filter(|(_, rule)| rule.has_l7()) {
        let numbers = || rule.ports.iter().filter_map(|port| port.port.parse::<u32>().ok());
        let beside = rules.iter().find(|(other, open)| {
            other.direction == entry.direction
                && !open.has_l7()
                && numbers().any(|port| wide(open, port))
        });
        let Some((_, open)) = beside else { continue };
        match affected("CN025", versions) {
            Affected::Yes(which) => {
                let line = open.span.at.line;
                let message =
                    format!("the wide ports of line {line} undo the rules here ({which})");
                out.add("CN025", of, rule.span, message);
            }
            Affected::No => {}
            Affected::Unknown => out.open("CN025", "Cilium's release is not given"),
        }
    }
}
