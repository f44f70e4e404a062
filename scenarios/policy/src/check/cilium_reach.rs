//! Checks of what Cilium's policies let endpoints reach and be reached by: entities, names,
//! addresses and ports that mean more than they look.

use super::Findings;
use crate::cilium::{Direction, Entry, PortRule, Spec, name};
use crate::finding::Severity;
use crate::judge::affected::{Affected, affected};
use crate::judge::cidr::Range;
use crate::manifest::Manifest;
use crate::source::Node;
use crate::version::Versions;

/// What one `spec` says.
pub(super) fn alone(of: &Manifest, spec: &Spec, versions: Versions, out: &mut Findings) {
    for entry in spec.entries.iter().filter(|entry| !entry.deny) {
        entities(of, entry, out);
        names(of, entry, out);
        peers_of_releases(of, entry, versions, out);
        if entry.direction == Direction::Egress {
            for rule in &entry.ports {
                resolver(of, rule, out);
            }
        }
    }
    dead_allows(of, spec, versions, out);
}

fn entities(of: &Manifest, entry: &Entry, out: &mut Findings) {
    for node in entry.peer("fromEntities").chain(entry.peer("toEntities")) {
        let entity = node.text().unwrap_or_default();
        let (means, severity) = match entity {
            "cluster" => {
                ("every endpoint of every namespace, the nodes included", Severity::Medium)
            }
            "unmanaged" => ("every endpoint that Cilium does not manage", Severity::Medium),
            "init" => {
                ("endpoints that have no identity yet, whatever they will be", Severity::Medium)
            }
            "remote-node" => ("every other node, and what runs on its network", Severity::Medium),
            "host" => ("the own node, and what runs on its network", Severity::Low),
            "kube-apiserver" => {
                ("the API server, which takes what the token allows", Severity::Low)
            }
            _ => continue,
        };
        let message = format!("`{entity}` is {means}");
        out.add("CN019", of, node.into(), message).severity = severity;
    }
}

/// Suffixes under which whoever pays may have a name.
const SHARED: [&str; 14] = [
    "amazonaws.com",
    "appspot.com",
    "azurewebsites.net",
    "blob.core.windows.net",
    "cloudapp.azure.com",
    "cloudfront.net",
    "github.io",
    "herokuapp.com",
    "ngrok.io",
    "pages.dev",
    "run.app",
    "storage.googleapis.com",
    "vercel.app",
    "workers.dev",
];

/// Second parts of names under a country that are as public as the country's own.
const PUBLIC_SECOND: [&str; 6] = ["ac", "co", "com", "gov", "net", "org"];

fn names(of: &Manifest, entry: &Entry, out: &mut Findings) {
    for node in entry.peer("toFQDNs") {
        let name = name(node);
        let pattern = name.text.trim_end_matches('.').to_lowercase();
        let Some(suffix) = pattern.trim_start_matches('*').strip_prefix('.') else {
            if name.pattern && pattern.chars().all(|letter| matches!(letter, '*' | '.')) {
                let message = format!("`{}` is every name", name.text);
                out.add("CN008", of, name.span, message);
            }
            continue;
        };
        let parts: Vec<&str> = suffix.split('.').collect();
        let public = match parts[..] {
            [one] => !one.is_empty() && one != "local" && one != "internal",
            [second, country] => country.len() == 2 && PUBLIC_SECOND.contains(&second),
            _ => false,
        };
        if public {
            let message = format!("`{}` is every name under a public suffix", name.text);
            out.add("CN008", of, name.span, message);
        } else if name.pattern && SHARED.contains(&suffix) {
            let message = format!("whoever pays can have a name under `{}`", name.text);
            out.add("CN008", of, name.span, message).severity = Severity::Medium;
        }
    }
}

fn peers_of_releases(of: &Manifest, entry: &Entry, versions: Versions, out: &mut Findings) {
    let of_nodes = entry.peer("fromNodes").chain(entry.peer("toNodes")).next();
    let of_groups = entry.peer("fromGroups").chain(entry.peer("toGroups")).next();
    for (id, node, what) in [
        ("CN027", of_nodes, "a pod with the same labels counts as the node"),
        ("CN028", of_groups, "a group that is empty allows every address"),
    ] {
        let Some(node) = node else { continue };
        match affected(id, versions) {
            Affected::Yes(which) => {
                out.add(id, of, node.into(), format!("{what} in this release ({which})"));
            }
            Affected::No => {}
            Affected::Unknown => out.open(id, "Cilium's release is not given"),
        }
    }
}

fn resolver(of: &Manifest, rule: &PortRule, out: &mut Findings) {
    let port = rule.ports.iter().find(|port| matches!(port.port.as_str(), "53" | "dns"));
    if let (Some(port), None) = (port, &rule.dns) {
        let message = "any name may be asked for: no rule of DNS limits it".to_owned();
        out.add("CN035", of, port.span, message);
    }
}

/// A range of an entry, its place, and what is left out of it.
pub(super) struct Written<'e> {
    pub(super) node: &'e Node,
    pub(super) range: Range,
    pub(super) except: Vec<Range>,
}

pub(super) fn ranges(entry: &Entry) -> impl Iterator<Item = Written<'_>> {
    let plain = ["fromCIDR", "toCIDR"].into_iter().flat_map(|name| entry.peer(name));
    let sets = ["fromCIDRSet", "toCIDRSet"].into_iter().flat_map(|name| entry.peer(name));
    let sets = sets.filter_map(|set| {
        let except = set.member("except").map(Node::items).unwrap_or_default();
        Some((set.member("cidr")?, except))
    });
    let range = |node: &Node| Range::parse(node.text()?);
    plain.map(|node| (node, &[][..])).chain(sets).filter_map(move |(node, except)| {
        let except = except.iter().filter_map(range).collect();
        Some(Written { node, range: range(node)?, except })
    })
}

/// Allows inside of what is denied altogether.
fn dead_allows(of: &Manifest, spec: &Spec, versions: Versions, out: &mut Findings) {
    let denied: Vec<_> = spec
        .entries
        .iter()
        .filter(|entry| entry.deny && entry.ports.is_empty() && entry.icmps.is_none())
        .flat_map(|entry| ranges(entry).map(move |denied| (entry.direction, denied)))
        .collect();
    for entry in spec.entries.iter().filter(|entry| !entry.deny && !denied.is_empty()) {
        for Written { node, range, .. } in ranges(entry) {
            let wide = denied.iter().find(|(direction, wide)| {
                let left_out = |one: &Range| one.holds(range) || range.holds(*one);
                *direction == entry.direction
                    && wide.range.holds(range)
                    && !wide.except.iter().any(left_out)
            });
            let Some((_, wide)) = wide else { continue };
            let (text, line) = (node.text().unwrap_or_default(), wide.node.at.line);
            match affected("CN029", versions) {
                Affected::Yes(which) => {
                    let message = format!(
                        "`{text}` gets past the denial of line {line} in this release ({which})"
                    );
                    out.add("CN029", of, node.into(), message);
                }
                Affected::No | Affected::Unknown => {
                    let message = format!("`{text}` stays denied by line {line}: denials win");
                    out.add("CN029", of, node.into(), message).severity = Severity::Low;
                }
            }
        }
    }
}
