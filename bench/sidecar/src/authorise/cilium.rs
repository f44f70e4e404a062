//! Cilium's rules of HTTP as rules of a node proxy. What they come to on a port is known already.

use policy::http_rules::{HttpRule, OnPort, PortRules};

use super::rules::{Like, Part, Pattern, Rule, Rules, Test};

/// The rules of a port; nothing where nothing is denied.
#[must_use]
pub fn of_cilium(on_port: &OnPort) -> Option<Rules> {
    let everything = on_port.allows.iter().any(|one| one.rules.is_none());
    if !on_port.default_deny || everything {
        return None;
    }
    let rules = on_port.allows.iter().filter_map(|PortRules { rules, .. }| rules.as_ref());
    let allow = rules.flatten().map(rule).collect();
    Some(Rules { like: Like::Cilium, deny: Vec::new(), allow: Some(allow) })
}

fn rule(rule: &HttpRule) -> Rule {
    let regex = |of: Part, pattern: &Option<String>| {
        let any = vec![Pattern::Regex(pattern.clone()?)];
        Some(Test { of, any, none: Vec::new() })
    };
    let header = |(name, value): &(String, Option<String>)| Test {
        of: Part::Header(name.to_ascii_lowercase()),
        any: vec![value.clone().map_or(Pattern::Present, Pattern::Exact)],
        none: Vec::new(),
    };
    let patterns = [
        regex(Part::Target, &rule.path),
        regex(Part::Method, &rule.method),
        regex(Part::Authority, &rule.host),
    ];
    let tests: Vec<Test> =
        patterns.into_iter().flatten().chain(rule.headers.iter().map(header)).collect();
    let groups = if tests.is_empty() { Vec::new() } else { vec![vec![tests]] };
    Rule(groups)
}
