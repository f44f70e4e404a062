//! What Cilium's agent refuses in a policy that the API server took. The API server's own limits
//! are in `schema`.

use super::Findings;
use crate::cilium::{Direction, Entry, Port, PortRule, Spec};
use crate::finding::Span;
use crate::manifest::Manifest;
use crate::source::Node;
use crate::version::Version;

/// The agent's limit on the ports of one rule, and on the types of ICMP of one.
const MOST_PORTS: usize = 40;

/// Refusals of one `spec`.
pub(super) fn alone(of: &Manifest, spec: &Spec, cilium: Option<Version>, out: &mut Findings) {
    let before_1_17 = cilium.is_some_and(|version| version.minor < (1, 17));
    if of.kind.namespaced && spec.node_selector.is_some() {
        let message = "only clusterwide policies can select nodes".to_owned();
        out.add("CN026", of, spec.span, message);
    }
    init_endpoints(of, spec, out);
    for entry in &spec.entries {
        peers(of, entry, before_1_17, out);
        if entry.icmps.is_some() && !entry.ports.is_empty() {
            let message = "ICMP and ports can not be in one entry".to_owned();
            out.add("CN026", of, entry.span, message);
        }
        let fields = entry.icmps.as_ref().map(Node::items).unwrap_or_default();
        for icmp in fields {
            let count = icmp.member("fields").map(|fields| fields.items().len());
            if count.is_some_and(|count| count > MOST_PORTS) {
                out.add("CN024", of, icmp.into(), format!("more than {MOST_PORTS} types of ICMP"));
            }
        }
        for rule in &entry.ports {
            let host = spec.node_selector.is_some();
            let dns_out = rule.dns.is_some() && entry.direction == Direction::Egress;
            if host && rule.has_l7() && (before_1_17 || !dns_out) {
                let message = "policies of nodes can have no rules above ports".to_owned();
                out.add("CN026", of, rule.span, message);
            }
            ports(of, entry.direction, rule, before_1_17, out);
        }
    }
}

/// Policies of a namespace must not name the identity of endpoints that are being set up.
fn init_endpoints(of: &Manifest, spec: &Spec, out: &mut Findings) {
    let Some(selector) = spec.endpoint_selector.as_ref().filter(|_| of.kind.namespaced) else {
        return;
    };
    let is_init = |key: &str| matches!(key, "reserved:init" | "reserved.init");
    let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
    let expressions = selector.member("matchExpressions").map(Node::items).unwrap_or_default();
    let named = labels.iter().any(|entry| is_init(&entry.key))
        || expressions
            .iter()
            .any(|one| one.member("key").and_then(Node::text).is_some_and(is_init));
    if named {
        let message = "`reserved:init` can be selected by clusterwide policies only".to_owned();
        out.add("CN026", of, selector.into(), message);
    }
}

fn peers(of: &Manifest, entry: &Entry, before_1_17: bool, out: &mut Findings) {
    // Before 1.17 entries that deny were not looked at by the agent.
    if entry.deny && before_1_17 {
        return;
    }
    if let [(first, _), (second, _), ..] = entry.peers.as_slice() {
        let message = format!("`{first}` and `{second}` can not be in one entry");
        out.add("CN023", of, entry.span, message);
    }
    let services = entry.peers.iter().any(|(name, _)| *name == "toServices");
    if services && !entry.ports.is_empty() && before_1_17 {
        let message = "before 1.17 `toServices` can have no `toPorts`".to_owned();
        out.add("CN023", of, entry.span, message);
    }
}

fn ports(of: &Manifest, way: Direction, rule: &PortRule, before_1_17: bool, out: &mut Findings) {
    let mut refuse = |span: Span, message: &str| {
        out.add("CN024", of, span, message.to_owned());
    };
    let dns = rule.dns.as_ref().is_some_and(|names| !names.is_empty());
    if dns && way == Direction::Ingress {
        refuse(rule.span, "rules of DNS can be in `egress` only");
    }
    if rule.has_l7() && !rule.server_names.is_empty() && !rule.terminating_tls {
        refuse(rule.span, "`serverNames` beside rules needs `terminatingTLS`");
    }
    if rule.server_names.iter().any(String::is_empty) {
        refuse(rule.span, "an empty name in `serverNames`");
    }
    if rule.ports.len() > MOST_PORTS {
        refuse(rule.span, "more than 40 ports in one rule");
    }
    if rule.listener.is_some() && way == Direction::Ingress {
        refuse(rule.span, "a listener can be in `egress` only");
    }
    if rule.listener.is_some() && rule.has_l7() {
        refuse(rule.span, "a listener can not be beside rules");
    }
    if dns && rule.ports.is_empty() {
        refuse(rule.span, "rules of DNS need port 53");
    }
    for port in &rule.ports {
        one_port(port, rule, dns, before_1_17, &mut refuse);
    }
    if !rule.l7.is_empty() && !rule.l7proto {
        refuse(rule.span, "`l7` needs `l7proto`");
    }
    for l7 in rule.l7.iter().filter(|l7| l7.entries().iter().any(|entry| entry.key.is_empty())) {
        refuse(l7.into(), "an empty key in a rule of `l7`");
    }
    for http in rule.http.iter().flatten() {
        for field in ["path", "method"] {
            let Some(pattern) = http.member(field) else { continue };
            let text = pattern.text().unwrap_or_default();
            if regex::Regex::new(text).is_err() {
                refuse(pattern.into(), &format!("`{text}` is no regular expression"));
            }
        }
    }
}

fn one_port(
    port: &Port,
    rule: &PortRule,
    dns: bool,
    before_1_17: bool,
    refuse: &mut impl FnMut(Span, &str),
) {
    let zero = port.port.parse::<u16>() == Ok(0);
    if port.port.is_empty() {
        refuse(port.span, "an entry of `ports` has no `port`");
    }
    if rule.has_l7() && zero {
        refuse(port.span, "rules above ports can not be on port 0");
    }
    if rule.has_l7() && !dns && port.protocol != "TCP" {
        let message = format!("rules above ports must be on TCP, and this is {}", port.protocol);
        refuse(port.span, &message);
    }
    let ranged = port.end_port.as_ref().is_some_and(|end| {
        end.parse::<u32>().unwrap_or(0) > port.port.parse::<u32>().unwrap_or(u32::MAX)
    });
    if ranged && dns {
        refuse(port.span, "rules of DNS can not be on a range of ports");
    } else if ranged && rule.has_l7() && before_1_17 {
        refuse(port.span, "before 1.17 rules above ports can not be on a range of ports");
    }
}
