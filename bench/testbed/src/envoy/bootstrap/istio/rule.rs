//! One rule of an authorization policy as one policy of RBAC: `from` and conditions on the caller
//! become principals, `to` and conditions on what is called become permissions. It does not know
//! which other rules there are.

use policy::authorization::{
    Action, AuthorizationPolicy, Condition, Match, Operation, Rule, Source, Text,
};
use policy::finding::Span;
use serde_json::{Value, json};

use super::{Destination, Protocol, Target};
use crate::envoy::bootstrap::expression::{self, Expression};
use crate::envoy::bootstrap::matching;
use crate::envoy::bootstrap::untranslated::{Object, Remarks};

/// What ids look like in a certificate.
const SPIFFE: &str = "spiffe://";
const NO_TOKENS: &str = "no filter is here that verifies tokens";

/// The policy of RBAC, or nothing where the rule can match no call of this protocol.
pub(super) fn translate(
    rule: &Rule,
    policy: &AuthorizationPolicy,
    target: &Target<'_>,
    remarks: &mut Remarks,
) -> Option<Value> {
    let object = Object { origin: &policy.origin, title: &policy.title };
    let mut translation = Translation { object, policy, target, remarks, matches_nothing: false };
    let (mut asked, mut asking) = (Vec::new(), Vec::new());
    for condition in &rule.when {
        translation.condition(condition, &mut asked, &mut asking);
    }
    let mut permissions = Vec::new();
    for operation in &rule.to {
        let mut all = match operation {
            Some(operation) => translation.operation(operation),
            None => translation.missing(rule.span, "to.operation"),
        };
        all.extend(asked.iter().cloned());
        permissions.push(Expression::All(all));
    }
    let mut principals = Vec::new();
    for source in &rule.from {
        let mut all = match source {
            Some(source) => translation.source(source),
            None => translation.missing(rule.span, "from.source"),
        };
        all.extend(asking.iter().cloned());
        principals.push(Expression::All(all));
    }
    if permissions.is_empty() {
        permissions.push(Expression::All(asked));
    }
    if principals.is_empty() {
        principals.push(Expression::All(asking));
    }
    let matches_nothing = translation.matches_nothing;
    (!matches_nothing).then(|| expression::policy(&permissions, &principals))
}

struct Translation<'t> {
    object: Object<'t>,
    policy: &'t AuthorizationPolicy,
    target: &'t Target<'t>,
    remarks: &'t mut Remarks,
    /// Whether an ALLOW rule asks for HTTP where none is spoken.
    matches_nothing: bool,
}

impl Translation<'_> {
    fn source(&mut self, source: &Source) -> Vec<Expression> {
        let Source { principals, request_principals, namespaces, service_accounts, .. } = source;
        let mut all = both(principals, |value| Some(principal(value)));
        self.refuse_any("source.requestPrincipals", request_principals, NO_TOKENS);
        let namespace = self.policy.namespace.clone();
        all.extend(both(service_accounts, |value| Some(service_account(&namespace, value))));
        all.extend(both(namespaces, |value| Some(in_namespace(value))));
        let remote = |value: &str| matching::block("remote_ip", value);
        all.extend(self.parsed("source.remoteIpBlocks", &source.remote_ip_blocks, remote));
        let direct = |value: &str| matching::block("direct_remote_ip", value);
        all.extend(self.parsed("source.ipBlocks", &source.ip_blocks, direct));
        all
    }

    fn operation(&mut self, operation: &Operation) -> Vec<Expression> {
        let mut all = Vec::new();
        if self.speaks_http(&operation.hosts, "operation.hosts") {
            all.extend(both(&operation.hosts, |value| Some(matching::host(value))));
        }
        if self.speaks_http(&operation.methods, "operation.methods") {
            let method = |value: &str| Some(matching::header(":method", value));
            all.extend(both(&operation.methods, method));
        }
        if self.speaks_http(&operation.paths, "operation.paths") {
            all.extend(both(&operation.paths, |value| Some(matching::path(value))));
        }
        all.extend(self.ports("operation.ports", &operation.ports));
        all
    }

    /// A further condition, on the side where Istio has it.
    fn condition(
        &mut self,
        condition: &Condition,
        asked: &mut Vec<Expression>,
        asking: &mut Vec<Expression>,
    ) {
        let Condition { span, key, matches } = condition;
        let block = |field: &'static str| move |value: &str| matching::block(field, value);
        let sni = |value: &str| Some(json!({ "requested_server_name": matching::text(value) }));
        let field = &format!("when.{key}");
        match key.as_str() {
            "destination.port" => asked.extend(self.ports(field, matches)),
            "destination.ip" => {
                asked.extend(self.parsed(field, matches, block("destination_ip")));
            }
            "connection.sni" => asked.extend(both(matches, sni)),
            "source.ip" => asking.extend(self.parsed(field, matches, block("direct_remote_ip"))),
            "remote.ip" => asking.extend(self.parsed(field, matches, block("remote_ip"))),
            "source.namespace" => {
                asking.extend(both(matches, |value| Some(in_namespace(value))));
            }
            "source.principal" => asking.extend(both(matches, |value| Some(principal(value)))),
            other => {
                let name = other.strip_prefix("request.headers[");
                match name.and_then(|name| name.strip_suffix(']')) {
                    Some(name) if self.speaks_http(matches, field) => {
                        let header = |value: &str| Some(matching::header(name, value));
                        asking.extend(both(matches, header));
                    }
                    Some(_) => {}
                    None => self.refuse_key(*span, field, key),
                }
            }
        }
    }

    fn refuse_key(&mut self, span: Span, field: &str, key: &str) {
        let reason = if key.starts_with("request.auth.") {
            NO_TOKENS
        } else if key.starts_with("experimental.envoy.filters.") {
            "what other filters write down is not known here"
        } else {
            "no attribute of Istio's"
        };
        self.remarks.refuse(self.object, span, field, reason);
    }

    fn missing(&mut self, span: Span, field: &str) -> Vec<Expression> {
        self.remarks.refuse(self.object, span, field, "is missing, which istiod refuses");
        Vec::new()
    }

    fn refuse_any(&mut self, field: &str, matches: &Match, reason: &str) {
        for (field, value) in named(field, matches) {
            self.remarks.refuse(self.object, value.span, field, reason);
        }
    }

    /// Whether conditions of HTTP are to be written, if there are some.
    fn speaks_http(&mut self, matches: &Match, field: &str) -> bool {
        if self.target.protocol == Protocol::Http || matches.is_empty() {
            return true;
        }
        let is_allow = self.policy.action.0 == Action::Allow;
        self.matches_nothing |= is_allow;
        let comes_to = if is_allow {
            "no HTTP is spoken here, so that its rule allows nothing"
        } else {
            "no HTTP is spoken here, so that its rule denies whatever else it is about"
        };
        self.remarks.note(self.object, format!("{field}: {comes_to}"));
        false
    }

    /// Conditions whose values must be of a form.
    fn parsed(
        &mut self,
        field: &str,
        matches: &Match,
        one: impl Fn(&str) -> Option<Value>,
    ) -> Vec<Expression> {
        for (field, value) in named(field, matches) {
            if one(&value.text).is_none() {
                let reason = "is neither an address nor a range of them";
                self.remarks.refuse(self.object, value.span, field, reason);
            }
        }
        both(matches, one)
    }

    fn ports(&mut self, field: &str, matches: &Match) -> Vec<Expression> {
        for (field, value) in named(field, matches) {
            if value.text.parse::<u16>().is_err() {
                self.remarks.refuse(self.object, value.span, field, "is no port");
            }
        }
        let port = |value: &str| match (value.parse::<u16>(), self.target.destination) {
            (Ok(port), Destination::Called) => {
                Some(Expression::Matcher(json!({ "destination_port": port })))
            }
            (Ok(port), Destination::Settled(own)) if port == own => Some(Expression::Any),
            (Ok(_), Destination::Settled(_)) => Some(Expression::never()),
            (Err(_), _) => None,
        };
        of(matches, port)
    }
}

/// Every value with the field that it stands in.
fn named<'m>(field: &str, matches: &'m Match) -> impl Iterator<Item = (String, &'m Text)> {
    let negative = match field.split_once('.') {
        Some((part @ ("source" | "operation"), name)) => {
            format!("{part}.not{}{}", name[..1].to_uppercase(), &name[1..])
        }
        _ => field.to_owned(),
    };
    let each = |field: String| move |value: &'m Text| (format!("{field} `{}`", value.text), value);
    let not_values = matches.not_values.iter().map(each(negative));
    matches.values.iter().map(each(field.to_owned())).chain(not_values)
}

/// One of the values, where there are some, and none of those that must not match.
fn of(matches: &Match, one: impl Fn(&str) -> Option<Expression>) -> Vec<Expression> {
    let each = |values: &[Text]| {
        Expression::One(values.iter().filter_map(|value| one(&value.text)).collect())
    };
    let mut all = Vec::new();
    if !matches.values.is_empty() {
        all.push(each(&matches.values));
    }
    if !matches.not_values.is_empty() {
        all.push(each(&matches.not_values).not());
    }
    all
}

fn both(matches: &Match, one: impl Fn(&str) -> Option<Value>) -> Vec<Expression> {
    of(matches, |value| one(value).map(Expression::Matcher))
}

fn authenticated(matcher: Value) -> Value {
    json!({ "authenticated": { "principal_name": matcher } })
}

fn principal(pattern: &str) -> Value {
    authenticated(match (pattern, pattern.strip_prefix('*')) {
        ("*", _) => matching::regex(".+"),
        // Envoy has no suffix after a prefix.
        (_, Some(suffix)) => matching::regex(&format!("{SPIFFE}.*{}", matching::literal(suffix))),
        (_, None) => matching::text(&format!("{SPIFFE}{pattern}")),
    })
}

fn in_namespace(pattern: &str) -> Value {
    let parts: Vec<String> = pattern.split('*').map(matching::literal).collect();
    authenticated(matching::regex(&format!(".*/ns/{}/.*", parts.join(".*"))))
}

/// Istio left dots in names of accounts unescaped, so that they matched any letter, until it
/// repaired CVE-2026-39350; here a name is itself.
fn service_account(own_namespace: &str, value: &str) -> Value {
    let (namespace, account) = value.split_once('/').unwrap_or((own_namespace, value));
    let (namespace, account) = (matching::literal(namespace), matching::literal(account));
    authenticated(matching::regex(&format!("{SPIFFE}.+/ns/{namespace}/(.+/|)sa/{account}(/.+)?")))
}
