//! Istio's `AuthorizationPolicy` resources as rules for one port of one workload. What a sidecar on
//! this machine can not know is refused, each part by its place.

use policy::Workload;
use policy::authorization::{
    Action, AuthorizationPolicy, Condition, Match, Operation, Rule as Given, Source, Text,
};
use policy::finding::Span;

use super::refusal::NotEnforced;
use super::rules::{Like, Part, Pattern, Rule, Rules, Test};

/// What the policies come to on a port of a workload; nothing where none is about it. The error has
/// every part that can not be enforced.
pub fn of_istio(
    policies: &[AuthorizationPolicy],
    root_namespace: &str,
    workload: &Workload,
    port: u16,
) -> Result<Option<Rules>, Vec<NotEnforced>> {
    let mut translation = Translation { port, path: "", namespace: "", refused: Vec::new() };
    let mut named: Vec<(String, Action, Rule)> = Vec::new();
    let mut allows = false;
    for policy in policies {
        translation.path = &policy.origin.path;
        translation.namespace = &policy.namespace;
        if translation.concerns(policy, root_namespace, workload) {
            allows |= policy.action.0 == Action::Allow;
            for (index, rule) in policy.rules.iter().enumerate() {
                let name = format!("{} rule[{index}]", policy.title);
                named.extend(translation.rule(rule).map(|rule| (name, policy.action.0, rule)));
            }
        }
    }
    if !translation.refused.is_empty() {
        return Err(translation.refused);
    }
    // Envoy keeps its policies by name, and walks them in that order.
    named.sort_by(|a, b| a.0.cmp(&b.0));
    let of = |wanted: Action| {
        let mine = named.iter().filter(move |(_, action, _)| *action == wanted);
        mine.map(|(_, _, rule)| rule.clone()).collect::<Vec<Rule>>()
    };
    let deny = of(Action::Deny);
    let none = deny.is_empty() && !allows;
    let allow = allows.then(|| of(Action::Allow));
    Ok((!none).then_some(Rules { like: Like::Istio, deny, allow }))
}

struct Translation<'p> {
    port: u16,
    path: &'p str,
    /// The policy's.
    namespace: &'p str,
    refused: Vec<NotEnforced>,
}

impl Translation<'_> {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        let path = self.path.to_owned();
        self.refused.push(NotEnforced { path, span, message: message.into() });
    }

    /// Whether a policy is enforced on the workload. One that is only tried is not.
    fn concerns(
        &mut self,
        policy: &AuthorizationPolicy,
        root_namespace: &str,
        workload: &Workload,
    ) -> bool {
        let here = [workload.namespace.as_str(), root_namespace].contains(&self.namespace);
        let mut labels = policy.match_labels.iter();
        if !here
            || policy.dry_run
            || labels.any(|(key, value)| workload.labels.get(key) != Some(value))
        {
            return false;
        }
        let (action, span) = policy.action;
        if policy.targets {
            self.refuse(span, "`targetRefs`: no gateway and no waypoint is here");
        }
        match action {
            Action::Allow | Action::Deny => {}
            Action::Custom => self.refuse(span, "`action: CUSTOM`: no provider is here to ask"),
            Action::Audit => self.refuse(span, "`action: AUDIT`: nothing here logs requests"),
        }
        !policy.targets
    }

    /// A rule; nothing for one that can not match on this port.
    fn rule(&mut self, rule: &Given) -> Option<Rule> {
        let mut groups = Vec::new();
        let from: Vec<Vec<Test>> =
            rule.from.iter().flatten().map(|source| self.source(source)).collect();
        let to: Vec<Option<Vec<Test>>> =
            rule.to.iter().flatten().map(|operation| self.operation(operation)).collect();
        if !rule.from.is_empty() {
            groups.push(from);
        }
        if !rule.to.is_empty() {
            groups.push(to.into_iter().flatten().collect());
        }
        for condition in &rule.when {
            let alternative = self.condition(condition)?;
            groups.push(vec![alternative]);
        }
        groups.retain(|group| !group.iter().any(Vec::is_empty));
        (!groups.iter().any(Vec::is_empty)).then_some(Rule(groups))
    }

    fn source(&mut self, source: &Source) -> Vec<Test> {
        let own = self.namespace.to_owned();
        let account = |text: &str| {
            let of = if text.contains('/') { text.to_owned() } else { format!("{own}/{text}") };
            Pattern::Exact(of)
        };
        let mut tests = Vec::new();
        put(&mut tests, Part::Principal, &source.principals, Pattern::of_text);
        put(&mut tests, Part::Namespace, &source.namespaces, glob);
        put(&mut tests, Part::Account, &source.service_accounts, account);
        self.unknowable("requestPrincipals", &source.request_principals, NO_TOKENS);
        self.unknowable("ipBlocks", &source.ip_blocks, NO_ADDRESSES);
        self.unknowable("remoteIpBlocks", &source.remote_ip_blocks, NO_ADDRESSES);
        self.unknowable("trustDomains", &source.trust_domains, NO_DOMAINS);
        tests
    }

    /// Nothing for one that can not match on this port.
    fn operation(&self, operation: &Operation) -> Option<Vec<Test>> {
        let mut tests = Vec::new();
        put(&mut tests, Part::Method, &operation.methods, Pattern::of_text);
        put(&mut tests, Part::Host, &operation.hosts, |text| {
            Pattern::of_text(&text.to_lowercase())
        });
        put(&mut tests, Part::Path, &operation.paths, Pattern::of_path);
        self.is_port(&operation.ports).then_some(tests)
    }

    /// The port is known beforehand.
    fn is_port(&self, ports: &Match) -> bool {
        let among = |values: &[Text]| values.iter().any(|one| one.text.parse() == Ok(self.port));
        (ports.values.is_empty() || among(&ports.values)) && !among(&ports.not_values)
    }

    fn condition(&mut self, condition: &Condition) -> Option<Vec<Test>> {
        let Condition { span, key, matches } = condition;
        let mut tests = Vec::new();
        let name = key.split_once('[').map(|(name, rest)| (name, rest.trim_end_matches(']')));
        match (key.as_str(), name) {
            ("destination.port", _) => return self.is_port(matches).then_some(tests),
            ("source.principal", _) => {
                put(&mut tests, Part::Principal, matches, Pattern::of_text);
            }
            ("source.namespace", _) => put(&mut tests, Part::Namespace, matches, glob),
            (_, Some(("request.headers", name))) => {
                let present = |text: &str| match text {
                    "*" => Pattern::Present,
                    text => Pattern::of_text(text),
                };
                put(&mut tests, Part::Header(name.to_ascii_lowercase()), matches, present);
            }
            ("source.ip" | "remote.ip" | "destination.ip", _) => {
                self.refuse(*span, format!("`{key}`: {NO_ADDRESSES}"));
            }
            ("connection.sni", _) => {
                self.refuse(*span, format!("`{key}`: sidecars here ask for no name in TLS"));
            }
            _ if key.starts_with("request.auth.") => {
                self.refuse(*span, format!("`{key}`: {NO_TOKENS}"));
            }
            _ => self.refuse(*span, format!("`{key}`: an attribute that nothing here knows")),
        }
        Some(tests)
    }

    fn unknowable(&mut self, name: &str, matches: &Match, why: &str) {
        if let Some(first) = matches.values.iter().chain(&matches.not_values).next() {
            self.refuse(first.span, format!("`{name}`: {why}"));
        }
    }
}

const NO_TOKENS: &str = "no token is verified here";
const NO_ADDRESSES: &str = "every caller on this machine has the same address";
const NO_DOMAINS: &str = "how Istio compares trust domains is not known here";

fn glob(text: &str) -> Pattern {
    if text.contains('*') {
        Pattern::Glob(text.to_owned())
    } else {
        Pattern::Exact(text.to_owned())
    }
}

fn put(tests: &mut Vec<Test>, of: Part, matches: &Match, pattern: impl Fn(&str) -> Pattern) {
    let all = |values: &[Text]| values.iter().map(|one| pattern(&one.text)).collect();
    if !matches.is_empty() {
        tests.push(Test { of, any: all(&matches.values), none: all(&matches.not_values) });
    }
}
