//! Cilium's network policies as one RBAC filter of a node proxy. Cilium's own filter is no part of
//! stock Envoy, and its data path is not here at all. Imitated are the rules of HTTP, with regular
//! expressions that must match the whole of `:path` with its query, and who may come to a port at
//! all; Cilium knows callers by identity, which comes to their addresses, and so it is done here.
//!
//! What differs, by design: a caller whom no entry is about gets 403 here and has its packets
//! dropped by Cilium, and denying entries, which Cilium enforces in the data path too, are refused.

mod address;
mod http;

use std::net::IpAddr;

use policy::cilium::{Direction, Entry, Policy, PortRule};
use policy::endpoint::{Holds, Pod, Policies, Selecting};
use policy::source::Node;
use serde_json::{Map, Value, json};

use super::expression::{self, Expression};
use super::untranslated::{Note, Object, Remarks, Untranslated};

/// A pod that policies can name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// What is known of it.
    pub pod: Pod,
    /// The addresses that it calls from.
    pub addresses: Vec<IpAddr>,
}

/// Whom policies are translated for.
#[derive(Debug, Clone, Copy)]
pub struct Workplace<'w> {
    /// The server.
    pub server: &'w Pod,
    /// Its port.
    pub port: u16,
    /// Every other pod there is.
    pub callers: &'w [Endpoint],
}

/// Who may call what, for one port.
#[derive(Debug, Clone, PartialEq)]
pub struct NodePolicy {
    /// `None` where no policy is about the workload: everything is allowed.
    policies: Option<Map<String, Value>>,
    /// Parts of policies that decide nothing here.
    pub notes: Vec<Note>,
}

impl NodePolicy {
    /// What a workload has that no policy selects.
    #[must_use]
    pub fn none() -> Self {
        Self { policies: None, notes: Vec::new() }
    }

    /// Whether any policy is about the workload, so that what none allows is refused.
    #[must_use]
    pub fn decides(&self) -> bool {
        self.policies.is_some()
    }

    /// Translates the policies that are in force. An error names every field that can not be told
    /// to Envoy.
    pub fn translate(policies: &[Policy], of: &Workplace<'_>) -> Result<Self, Untranslated> {
        let mut remarks = Remarks::default();
        let mut rules = None;
        let policies = Policies { list: policies, agent: None };
        for caller in of.callers {
            for one in policies.selecting(&caller.pod) {
                refuse_egress(&one, of.server, &mut remarks);
            }
        }
        for one in policies.selecting(of.server) {
            let object = object(&one);
            Translation { object, one, of, remarks: &mut remarks, rules: &mut rules }.spec();
        }
        let (policies, notes) = remarks.finish(rules)?;
        Ok(Self { policies, notes })
    }

    pub(super) fn filters(&self) -> Vec<Value> {
        let filter = self.policies.as_ref().map(|policies| {
            json!({
                "name": "envoy.filters.http.rbac",
                "typed_config": {
                    "@type": "type.googleapis.com/envoy.extensions.filters.http.rbac.v3.RBAC",
                    "rules": { "action": "ALLOW", "policies": policies },
                },
            })
        });
        filter.into_iter().collect()
    }
}

fn object<'p>(one: &Selecting<'p>) -> Object<'p> {
    Object { origin: &one.policy.origin, title: &one.policy.title }
}

/// What a caller may send is not enforced here, unless the caller is the server itself.
fn refuse_egress(one: &Selecting<'_>, server: &Pod, remarks: &mut Remarks) {
    let egress = one.spec.entries.iter().find(|entry| entry.direction == Direction::Egress);
    let policies = Policies { list: std::slice::from_ref(one.policy), agent: None };
    let of_server = policies.selecting(server).iter().any(|other| other.index() == one.index());
    if let Some(entry) = egress.filter(|_| !of_server) {
        let reason = "is about what a caller sends, and the proxy here is the server's";
        remarks.refuse(object(one), entry.span, "egress", reason);
    }
}

struct Translation<'t> {
    object: Object<'t>,
    /// The part of a policy that is translated.
    one: Selecting<'t>,
    of: &'t Workplace<'t>,
    remarks: &'t mut Remarks,
    rules: &'t mut Option<Map<String, Value>>,
}

impl Translation<'_> {
    fn spec(&mut self) {
        let spec = self.one.spec;
        if let Holds::Unknown(missing) = &self.one.selects {
            let span = spec.endpoint_selector.as_ref().map_or(spec.span, Into::into);
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            let reason = format!("not known here is {}", missing.join(", "));
            self.remarks.refuse(self.object, span, "endpointSelector", reason);
        }
        if spec.entries.iter().any(|entry| entry.direction == Direction::Egress) {
            self.remarks.note(self.object, "egress: the workload calls nobody here");
        }
        let [ingress, _] = spec.default_deny;
        if let Some((false, span)) = ingress {
            let reason = "what no entry is about would be let through by the data path";
            self.remarks.refuse(self.object, span, "enableDefaultDeny.ingress", reason);
        }
        let key = format!("{} spec[{}]", self.one.policy.title, self.one.index());
        let ingress = spec.entries.iter().filter(|entry| entry.direction == Direction::Ingress);
        for (index, entry) in ingress.enumerate() {
            self.rules.get_or_insert_default();
            self.entry(entry, &format!("{key} ingress[{index}]"));
        }
    }

    fn entry(&mut self, entry: &Entry, key: &str) {
        let mut refuse = |span, field: &str, reason: &str| {
            self.remarks.refuse(self.object, span, field, reason);
        };
        if entry.deny {
            refuse(entry.span, "ingressDeny", "denies in the data path, which is not here");
            return;
        }
        if let Some(span) = entry.requires {
            refuse(span, "ingress.fromRequires", "is enforced by the data path");
        }
        if entry.authentication.as_deref().is_some_and(|mode| mode != "disabled") {
            let reason = "mutual authentication happens out of band, and not here";
            refuse(entry.span, "ingress.authentication", reason);
        }
        if entry.icmps.is_some() {
            return; // Lets through ICMP alone.
        }
        let Some(peers) = self.peers(entry) else { return };
        if entry.ports.is_empty() {
            self.allow(key.to_owned(), Expression::Any, &peers);
        }
        for (index, rule) in entry.ports.iter().enumerate() {
            self.ports(rule, &format!("{key} toPorts[{index}]"), &peers);
        }
    }

    fn ports(&mut self, rule: &PortRule, key: &str, peers: &Expression) {
        if !self.is_about_port(rule) {
            return;
        }
        let mut refuse = |field: &str, reason: &str| {
            self.remarks.refuse(self.object, rule.span, format!("ingress.toPorts.{field}"), reason);
        };
        if rule.terminating_tls || !rule.server_names.is_empty() {
            refuse("terminatingTLS", "the node proxy here ends no TLS");
        }
        if rule.listener.is_some() {
            refuse("listener", "no listener of one's own is here");
        }
        if rule.kafka || rule.l7proto || rule.dns.as_ref().is_some_and(|dns| !dns.is_empty()) {
            refuse("rules", "only rules of HTTP can be told to stock Envoy");
        }
        match rule.http.as_deref() {
            None | Some([]) => self.allow(key.to_owned(), Expression::Any, peers),
            Some(rules) => {
                for (index, rule) in rules.iter().enumerate() {
                    let asked = http::rule(rule, self.object, self.remarks);
                    self.allow(format!("{key} http[{index}]"), asked, peers);
                }
            }
        }
    }

    /// Whether the workload's port is among those of a rule.
    fn is_about_port(&mut self, rule: &PortRule) -> bool {
        let own = self.of.port;
        let mut about = rule.ports.is_empty();
        for port in &rule.ports {
            if !matches!(port.protocol.as_str(), "ANY" | "TCP") {
                continue;
            }
            let last = port.end_port.as_deref().map_or(Ok(0), str::parse::<u16>);
            match (port.port.parse::<u16>(), last) {
                // 0 is every port.
                (Ok(0), _) => about = true,
                (Ok(first), Ok(last)) => about |= (first..=last.max(first)).contains(&own),
                (Err(_), _) | (_, Err(_)) => {
                    let field = format!("ingress.toPorts.ports `{}`", port.port);
                    let reason = "which number a name stands for is not known here";
                    self.remarks.refuse(self.object, port.span, field, reason);
                }
            }
        }
        about
    }

    fn allow(&mut self, key: String, asked: Expression, peers: &Expression) {
        let rules = self.rules.get_or_insert_default();
        rules.insert(key, expression::policy(&[asked], std::slice::from_ref(peers)));
    }

    /// Who may come; nothing where an entry names nobody.
    fn peers(&mut self, entry: &Entry) -> Option<Expression> {
        if entry.peers.is_empty() {
            return entry.no_peers.is_empty().then_some(Expression::Any);
        }
        let mut all = Vec::new();
        for (field, node) in &entry.peers {
            let each = node.items().iter().map(|item| self.peer(field, item));
            all.push(Expression::One(each.collect()));
        }
        Some(Expression::All(all))
    }

    fn peer(&mut self, field: &str, item: &Node) -> Expression {
        match (field, item.text()) {
            ("fromEndpoints", _) => self.endpoints(item),
            ("fromEntities", Some("all")) => Expression::Any,
            ("fromEntities", Some("world")) => address::of(self.of.callers).not(),
            ("fromCIDR" | "fromCIDRSet", _) => match address::range(item) {
                // Pods have an identity of their own, which ranges are not about.
                Some(range) => Expression::All(vec![range, address::of(self.of.callers).not()]),
                None => self.refuse_peer(item, field, "is no range of addresses"),
            },
            (_, text) => {
                let named = text.map(|text| format!("{field} `{text}`"));
                let named = named.unwrap_or_else(|| field.to_owned());
                self.refuse_peer(item, &named, "who that is can not be told from an address here")
            }
        }
    }

    fn endpoints(&mut self, selector: &Node) -> Expression {
        let mut named = Vec::new();
        for caller in self.of.callers {
            match self.one.means(selector, &caller.pod) {
                Holds::Yes => named.push(caller),
                Holds::No => {}
                Holds::Unknown(missing) => {
                    let missing: Vec<String> = missing.into_iter().collect();
                    let reason = format!("not known here is {}", missing.join(", "));
                    self.refuse_peer(selector, "fromEndpoints", &reason);
                }
            }
        }
        address::of(named)
    }

    fn refuse_peer(&mut self, item: &Node, field: &str, reason: &str) -> Expression {
        self.remarks.refuse(self.object, item.into(), format!("ingress.{field}"), reason);
        Expression::never()
    }
}
