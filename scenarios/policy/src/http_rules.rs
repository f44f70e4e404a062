//! Cilium's rules of HTTP as they come together on one port of one endpoint, and the reference
//! answer for one request. Slow and plain on purpose. It enforces nothing; what it does not
//! understand it refuses by name.

use regex::Regex;

use crate::Workload;
use crate::cilium::{Direction, Entry, Policy, PortRule, Spec};
use crate::decide::{Decision, Http};
use crate::finding::Span;
use crate::source::{Node, Scalar, Value};

/// One rule; every condition that is written must hold.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct HttpRule {
    /// A pattern for the whole path, with its query.
    pub path: Option<String>,
    /// A pattern for the whole method.
    pub method: Option<String>,
    /// A pattern for the whole host.
    pub host: Option<String>,
    /// Headers that must be there, and their values where those matter.
    pub headers: Vec<(String, Option<String>)>,
}

/// The rules of a policy on the port, with its title.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PortRules {
    /// Kind, namespace and name.
    pub title: String,
    /// Its rules; none lets every request through.
    pub rules: Option<Vec<HttpRule>>,
}

/// What is in force on a port for one peer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OnPort {
    /// Whether anything selects the endpoint, so that what is not allowed is denied.
    pub default_deny: bool,
    /// What each policy lets through.
    pub allows: Vec<PortRules>,
}

/// A part that is not understood here, and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NotUnderstood {
    /// The file.
    pub path: String,
    /// Where in it.
    pub span: Span,
    /// The field and why.
    pub message: String,
}

impl std::fmt::Display for NotUnderstood {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { path, span, message } = self;
        write!(f, "{path}:{}:{}: {message}", span.at.line, span.at.column)
    }
}

impl OnPort {
    /// What the policies come to for calls of one peer to a port of one endpoint. Every part that
    /// is not understood is named.
    pub fn of(
        policies: &[Policy],
        endpoint: &Workload,
        peer: &Workload,
        port: u16,
    ) -> Result<Self, Vec<NotUnderstood>> {
        let mut reader = Reader { not_understood: Vec::new(), path: String::new() };
        let mut on_port = Self { default_deny: false, allows: Vec::new() };
        for policy in policies.iter().filter(|policy| is_of(policy, endpoint)) {
            reader.path.clone_from(&policy.origin.path);
            for spec in &policy.specs {
                if !reader.selects(spec, endpoint) {
                    continue;
                }
                let ingress: Vec<&Entry> = reader.ingress(spec);
                on_port.default_deny |= !ingress.is_empty();
                for entry in ingress {
                    if reader.is_from(entry, peer, &endpoint.namespace) {
                        let title = &policy.title;
                        on_port.allows.extend(
                            reader
                                .ports(entry, port)
                                .map(|rules| PortRules { title: title.clone(), rules }),
                        );
                    }
                }
            }
        }
        if reader.not_understood.is_empty() { Ok(on_port) } else { Err(reader.not_understood) }
    }

    /// Whether any rule looks at requests, so that a proxy stands in the path.
    #[must_use]
    pub fn needs_proxy(&self) -> bool {
        self.allows.iter().any(|one| one.rules.is_some())
    }

    /// Decides a request, whose path is the whole target after normalisation.
    #[must_use]
    pub fn decide(&self, http: &Http) -> Decision {
        if !self.default_deny {
            return Decision::AllowedByDefault;
        }
        for PortRules { title, rules } in &self.allows {
            let Some(rules) = rules else { return Decision::AllowedBy(title.clone(), 0) };
            let escaped = has_escaped_slash(&http.path);
            if let Some(rule) = rules.iter().position(|rule| !escaped && rule.matches(http)) {
                return Decision::AllowedBy(title.clone(), rule);
            }
        }
        Decision::DeniedByDefault
    }
}

impl HttpRule {
    fn matches(&self, http: &Http) -> bool {
        let whole = |pattern: &Option<String>, found: &str| {
            pattern.as_ref().is_none_or(|pattern| whole_match(pattern, found))
        };
        whole(&self.path, &http.path)
            && whole(&self.method, &http.method)
            && whole(&self.host, &http.host)
            && self.headers.iter().all(|(name, value)| {
                let found = http.headers.get(&name.to_lowercase());
                found.is_some_and(|found| value.as_ref().is_none_or(|value| value == found))
            })
    }
}

/// A policy is about its own namespace, and one without about all of them.
fn is_of(policy: &Policy, endpoint: &Workload) -> bool {
    policy.namespace.as_ref().is_none_or(|namespace| *namespace == endpoint.namespace)
}

/// Whether a path has a slash or a backslash in an escape, which Cilium's proxy answers with a
/// redirect and never passes on.
#[must_use]
pub fn has_escaped_slash(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

/// The pattern as one for the whole of a text.
pub fn anchored(pattern: &str) -> Result<Regex, regex::Error> {
    Regex::new(&format!("^(?:{pattern})$"))
}

fn whole_match(pattern: &str, found: &str) -> bool {
    // The reader has refused patterns that do not compile.
    anchored(pattern).is_ok_and(|pattern| pattern.is_match(found))
}

/// Labels of the namespace stand among those of the pod.
const NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";

struct Reader {
    not_understood: Vec<NotUnderstood>,
    path: String,
}

impl Reader {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        let path = self.path.clone();
        self.not_understood.push(NotUnderstood { path, span, message: message.into() });
    }

    /// Whether a spec is about the endpoint.
    fn selects(&mut self, spec: &Spec, endpoint: &Workload) -> bool {
        if spec.node_selector.is_some() {
            self.refuse(spec.span, "`nodeSelector` is about nodes");
            return false;
        }
        let namespace = endpoint.namespace.clone();
        match &spec.endpoint_selector {
            Some(selector) => self.selector(selector, endpoint, &namespace),
            None => false,
        }
    }

    /// Whether a selector of labels means a workload.
    fn selector(&mut self, selector: &Node, workload: &Workload, default: &str) -> bool {
        for entry in selector.entries().iter().filter(|entry| entry.key != "matchLabels") {
            let span = Span { at: entry.key_at, until: entry.value.until };
            self.refuse(span, format!("`{}` in a selector", entry.key));
        }
        let labels = selector.member("matchLabels").map(Node::entries).unwrap_or_default();
        let mut namespace = default;
        let mut all = true;
        for label in labels {
            let value = written(&label.value);
            let key = label.key.strip_prefix("k8s:").unwrap_or(&label.key);
            let key = key.strip_prefix("any:").unwrap_or(key);
            if key == NAMESPACE_LABEL {
                namespace = value;
            } else {
                all &= workload.labels.get(key).map(String::as_str) == Some(value);
            }
        }
        all && workload.namespace == namespace
    }

    /// The entries of ingress. Of egress there is nothing to say on a server's port.
    fn ingress<'s>(&mut self, spec: &'s Spec) -> Vec<&'s Entry> {
        for (_, given) in spec.default_deny.iter().flatten() {
            self.refuse(*given, "`enableDefaultDeny`");
        }
        let ingress: Vec<&Entry> =
            spec.entries.iter().filter(|entry| entry.direction == Direction::Ingress).collect();
        for entry in &ingress {
            if entry.deny {
                self.refuse(entry.span, "`ingressDeny`");
            }
            if let Some(span) = entry.requires {
                self.refuse(span, "`fromRequires`");
            }
            if let Some(icmps) = &entry.icmps {
                self.refuse(icmps.into(), "`icmps`");
            }
        }
        ingress
    }

    fn is_from(&mut self, entry: &Entry, peer: &Workload, namespace: &str) -> bool {
        for (name, node) in entry.peers.iter().filter(|(name, _)| *name != "fromEndpoints") {
            self.refuse(node.into(), format!("`{name}`"));
        }
        let selectors: Vec<Node> = entry.peer("fromEndpoints").cloned().collect();
        let means = |selector: &Node| self.selector(selector, peer, namespace);
        let means: Vec<bool> = selectors.iter().map(means).collect();
        means.is_empty() || means.contains(&true)
    }

    /// What an entry lets through on the port: outer nothing where it is about other ports.
    fn ports(
        &mut self,
        entry: &Entry,
        port: u16,
    ) -> impl Iterator<Item = Option<Vec<HttpRule>>> + use<> {
        let mut found = Vec::new();
        if entry.ports.is_empty() {
            found.push(None);
        }
        for rule in &entry.ports {
            self.other_protocols(rule);
            if self.is_port(rule, port) {
                let http = rule.http.as_ref().filter(|rules| !rules.is_empty());
                let rules = http.map(|rules| rules.iter().map(|rule| self.rule(rule)).collect());
                found.push(rules);
            }
        }
        found.into_iter()
    }

    fn other_protocols(&mut self, rule: &PortRule) {
        let named = [
            ("rules.dns", rule.dns.is_some()),
            ("rules.kafka", rule.kafka),
            ("rules.l7proto", rule.l7proto || !rule.l7.is_empty()),
            ("terminatingTLS", rule.terminating_tls),
            ("serverNames", !rule.server_names.is_empty()),
            ("listener", rule.listener.is_some()),
        ];
        for (name, _) in named.iter().filter(|(_, given)| *given) {
            self.refuse(rule.span, format!("`{name}`"));
        }
    }

    fn is_port(&mut self, rule: &PortRule, port: u16) -> bool {
        let mut any = rule.ports.is_empty();
        for one in &rule.ports {
            if !matches!(one.protocol.as_str(), "TCP" | "ANY") {
                continue;
            }
            let last = one.end_port.as_ref().unwrap_or(&one.port);
            match (one.port.parse::<u16>(), last.parse::<u16>()) {
                (Ok(first), Ok(last)) => any |= (first..=last.max(first)).contains(&port),
                _ => self.refuse(one.span, "a port that is given by its name"),
            }
        }
        any
    }

    fn rule(&mut self, node: &Node) -> HttpRule {
        let mut rule = HttpRule::default();
        for entry in node.entries() {
            match entry.key.as_str() {
                "path" => rule.path = self.pattern(&entry.value),
                "method" => rule.method = self.pattern(&entry.value),
                "host" => rule.host = self.pattern(&entry.value),
                "headers" => rule
                    .headers
                    .extend(entry.value.items().iter().map(|item| header(written(item)))),
                "headerMatches" => {
                    for item in entry.value.items() {
                        rule.headers.extend(self.header_match(item));
                    }
                }
                other => self.refuse((&entry.value).into(), format!("`{other}`")),
            }
        }
        rule
    }

    fn pattern(&mut self, node: &Node) -> Option<String> {
        let pattern = written(node);
        if let Err(error) = anchored(pattern) {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().to_owned();
            self.refuse(node.into(), format!("`{pattern}` is no pattern: {why}"));
        }
        Some(pattern.to_owned())
    }

    fn header_match(&mut self, item: &Node) -> Option<(String, Option<String>)> {
        for entry in item.entries() {
            if !matches!(entry.key.as_str(), "name" | "value") {
                self.refuse((&entry.value).into(), format!("`headerMatches.{}`", entry.key));
            }
        }
        let name = item.member("name").map(written)?;
        Some((name.to_owned(), item.member("value").map(|value| written(value).to_owned())))
    }
}

/// `X-Name: value`, or a name alone for one that must only be there.
fn header(text: &str) -> (String, Option<String>) {
    match text.split_once(' ') {
        Some((name, value)) => (name.trim_end_matches(':').to_owned(), Some(value.to_owned())),
        None => (text.trim_end_matches(':').to_owned(), None),
    }
}

fn written(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => text,
        _ => "",
    }
}
