//! Checks of what istiod's validation refuses in rules of `AuthorizationPolicy`, value by value. The
//! limits of the schema are checked elsewhere.

use std::net::IpAddr;

use super::Findings;
use crate::authorization::{Condition, Match, Rule};
use crate::finding::Span;
use crate::manifest::Manifest;
use crate::version::Version;

/// What istiod's validation refuses in any rule.
pub(super) fn rule(of: &Manifest, rule: &Rule, istio: Option<Version>, out: &mut Findings) {
    let mut refuse = |span: Span, message: String| {
        out.add("AP028", of, span, message);
    };
    for (name, given, items) in
        [("from", rule.from_given, rule.from.len()), ("to", rule.to_given, rule.to.len())]
    {
        if given && items == 0 {
            refuse(rule.span, format!("`{name}` is empty"));
        }
    }
    for source in &rule.from {
        let Some(source) = source else {
            refuse(rule.span, "an entry of `from` has no `source`".to_owned());
            continue;
        };
        let fields = source.fields();
        if fields.iter().all(|(_, matches)| matches.is_empty()) {
            refuse(source.span, "`source` is empty".to_owned());
        }
        for (name, matches) in fields {
            values(name, matches, &mut refuse);
        }
    }
    for operation in &rule.to {
        let Some(operation) = operation else {
            refuse(rule.span, "an entry of `to` has no `operation`".to_owned());
            continue;
        };
        let fields = operation.fields();
        if fields.iter().all(|(_, matches)| matches.is_empty()) {
            refuse(operation.span, "`operation` is empty".to_owned());
        }
        for (name, matches) in fields {
            values(name, matches, &mut refuse);
        }
    }
    for condition in &rule.when {
        conditions(condition, istio, &mut refuse);
    }
}

fn values(name: &str, matches: &Match, refuse: &mut impl FnMut(Span, String)) {
    for value in matches.values.iter().chain(&matches.not_values) {
        let text = value.text.as_str();
        let wrong = match name {
            _ if text.is_empty() => Some("an empty value"),
            "ipBlocks" | "remoteIpBlocks" if !is_block(text) => Some("no address or range"),
            "ports" if !is_number(text, 65_535) => Some("no port"),
            "paths" if is_bad_template(text) => Some("no template of a path that is supported"),
            "serviceAccounts" if !is_account(text) => Some("neither ACCOUNT nor NAMESPACE/ACCOUNT"),
            "trustDomains" if !is_domain(text) => {
                Some("no trust domain, nor one with a `*` at either end")
            }
            _ => None,
        };
        if let Some(wrong) = wrong {
            refuse(value.span, format!("`{text}` in `{name}` is {wrong}"));
        }
    }
}

/// A number as istiod reads one: digits and nothing else.
fn is_number(text: &str, most: u32) -> bool {
    let digits = !text.is_empty() && text.chars().all(|letter| letter.is_ascii_digit());
    digits && text.parse::<u32>().is_ok_and(|number| number <= most)
}

fn is_block(text: &str) -> bool {
    let Some((address, bits)) = text.split_once('/') else {
        // An address alone may name a zone, which none of a range can.
        let address = text.split_once('%').filter(|(_, zone)| !zone.is_empty());
        return match address {
            Some((address, _)) => address.parse::<std::net::Ipv6Addr>().is_ok(),
            None => text.parse::<IpAddr>().is_ok(),
        };
    };
    let most = match address.parse() {
        Ok(IpAddr::V4(_)) => 32,
        Ok(IpAddr::V6(_)) => 128,
        Err(_) => return false,
    };
    is_number(bits, most) && (bits == "0" || !bits.starts_with('0'))
}

fn is_account(text: &str) -> bool {
    !text.contains('*')
        && text.split('/').count() <= 2
        && text.split('/').all(|part| !part.is_empty())
}

fn is_domain(text: &str) -> bool {
    let stars = text.matches('*').count();
    let at_an_end = text.starts_with('*') || text.ends_with('*');
    !text.contains('/') && (stars == 0 || stars == 1 && at_an_end)
}

/// Templates know `{*}` and `{**}`, each a whole part of the path; nothing may come out of their order,
/// and beside them are only letters that a path may have as they are.
fn is_bad_template(path: &str) -> bool {
    let template = path.contains("{*}") || path.contains("{**}");
    let literal = |part: &str| {
        let plain =
            |letter: char| letter.is_ascii_alphanumeric() || "-._~%!$&'()+,;:@=".contains(letter);
        !part.is_empty() && part.chars().all(plain)
    };
    let mut rest = false;
    path.trim_matches('/').split('/').any(|part| match part {
        "{*}" | "{**}" if rest => true,
        "{**}" => {
            rest = true;
            false
        }
        "{*}" => false,
        _ => part.contains(['{', '}']) || template && !literal(part),
    })
}

const ATTRIBUTES: [&str; 10] = [
    "connection.sni",
    "source.ip",
    "remote.ip",
    "source.namespace",
    "source.principal",
    "request.auth.principal",
    "request.auth.audiences",
    "request.auth.presenter",
    "destination.ip",
    "destination.port",
];
/// Attributes that came later, and with which minor release.
const LATER: [(&str, (u16, u16)); 2] =
    [("source.serviceAccount", (1, 25)), ("source.trustDomain", (1, 30))];
/// Attributes that need a name in brackets.
const NAMED: [&str; 3] = ["request.headers", "request.auth.claims", "experimental.envoy.filters."];

fn conditions(
    condition: &Condition,
    istio: Option<Version>,
    refuse: &mut impl FnMut(Span, String),
) {
    let Condition { span, key, matches } = condition;
    if key.is_empty() {
        refuse(*span, "a condition has no `key`".to_owned());
    } else if matches.is_empty() {
        refuse(*span, format!("the condition on `{key}` has neither `values` nor `notValues`"));
    } else if NAMED.iter().any(|name| key.starts_with(name)) {
        let open = key.find('[');
        if !(key.ends_with(']') && open.is_some_and(|open| open > 0 && open + 2 < key.len())) {
            refuse(*span, format!("`{key}` must be followed by a name in brackets"));
        }
    } else if let Some((_, since)) = LATER.iter().find(|(later, _)| later == key) {
        if istio.is_some_and(|version| version.minor < *since) {
            let (major, minor) = since;
            refuse(*span, format!("`{key}` is an attribute since Istio {major}.{minor} only"));
        }
    } else if !ATTRIBUTES.contains(&key.as_str()) {
        refuse(*span, format!("`{key}` is no attribute that istiod knows"));
    }
    let name = match key.as_str() {
        "source.ip" | "remote.ip" | "destination.ip" => "ipBlocks",
        "destination.port" => "ports",
        "source.serviceAccount" => "serviceAccounts",
        "source.trustDomain" => "trustDomains",
        _ => "values",
    };
    values(name, matches, refuse);
}

/// What CUSTOM can not be asked by: identities, which are known only after it.
pub(super) fn custom(of: &Manifest, rule: &Rule, out: &mut Findings) {
    let mut refuse = |span: Span, name: &str| {
        out.add("AP021", of, span, format!("`{name}` is not supported with CUSTOM"));
    };
    for source in rule.from.iter().flatten() {
        for (name, matches) in &source.fields() {
            if !matches.is_empty() && !matches!(*name, "ipBlocks" | "remoteIpBlocks") {
                refuse(source.span, name);
            }
        }
    }
    for condition in &rule.when {
        let key = condition.key.as_str();
        let identity =
            ["source.namespace", "source.serviceAccount", "source.trustDomain", "source.principal"];
        if identity.contains(&key) || key.starts_with("request.auth.") {
            refuse(condition.span, key);
        }
    }
}
