//! Cilium's network policies as rules of a node's proxy for one port of one endpoint. What a proxy on
//! this machine does not enforce is refused, each part by its place.

use policy::Workload;
use policy::cilium::{Direction, Entry, Policy, PortRule, Spec};
use policy::finding::Span;
use policy::source::{Node, Scalar, Value};

use super::check::whole;
use super::refusal::NotEnforced;
use super::rules::{Like, Part, Pattern, Rule, Rules, Test};

/// What the policies come to for calls of one peer to a port of one endpoint; nothing where they deny
/// nothing. The error has every part that is not enforced.
pub fn of_cilium(
    policies: &[Policy],
    endpoint: &Workload,
    peer: &Workload,
    port: u16,
) -> Result<Option<Rules>, Vec<NotEnforced>> {
    let mut reader = Reader { refused: Vec::new(), path: String::new() };
    let (mut denies, mut all, mut allow) = (false, false, Vec::new());
    for policy in policies {
        reader.path.clone_from(&policy.origin.path);
        let Some(namespace) = &policy.namespace else {
            let span = Span { at: policy.origin.at, until: policy.origin.at };
            reader.refuse(span, format!("{}: it is of the whole cluster", policy.title));
            continue;
        };
        if *namespace != endpoint.namespace {
            continue;
        }
        for spec in &policy.specs {
            if !reader.selects(spec, endpoint) {
                continue;
            }
            for entry in reader.ingress(spec) {
                denies = true;
                if reader.is_from(entry, peer, namespace) {
                    for rules in reader.ports(entry, port) {
                        match rules {
                            Some(rules) => allow.extend(rules),
                            None => all = true,
                        }
                    }
                }
            }
        }
    }
    if !reader.refused.is_empty() {
        return Err(reader.refused);
    }
    let rules = Rules { like: Like::Cilium, deny: Vec::new(), allow: Some(allow) };
    Ok((denies && !all).then_some(rules))
}

/// Labels of the namespace stand among those of the pod.
const NAMESPACE_LABEL: &str = "io.kubernetes.pod.namespace";

struct Reader {
    refused: Vec<NotEnforced>,
    path: String,
}

impl Reader {
    fn refuse(&mut self, span: Span, message: impl Into<String>) {
        let path = self.path.clone();
        self.refused.push(NotEnforced { path, span, message: message.into() });
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
    ) -> impl Iterator<Item = Option<Vec<Rule>>> + use<> {
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

    fn rule(&mut self, node: &Node) -> Rule {
        let mut tests = Vec::new();
        for entry in node.entries() {
            let (value, items) = (&entry.value, entry.value.items());
            match entry.key.as_str() {
                "path" => tests.extend(self.pattern(Part::Target, value)),
                "method" => tests.extend(self.pattern(Part::Method, value)),
                "host" => tests.extend(self.pattern(Part::Authority, value)),
                "headers" => tests.extend(items.iter().map(|item| header(written(item)))),
                "headerMatches" => {
                    tests.extend(items.iter().filter_map(|item| self.header_match(item)));
                }
                other => self.refuse(value.into(), format!("`{other}`")),
            }
        }
        Rule(if tests.is_empty() { Vec::new() } else { vec![vec![tests]] })
    }

    fn pattern(&mut self, of: Part, node: &Node) -> Option<Test> {
        let pattern = written(node);
        if pattern.is_empty() {
            return None;
        }
        if let Err(error) = whole(pattern) {
            let why = error.to_string();
            let why = why.lines().last().unwrap_or_default().to_owned();
            self.refuse(node.into(), format!("`{pattern}` is no pattern: {why}"));
        }
        Some(test(of, Pattern::Regex(pattern.to_owned())))
    }

    fn header_match(&mut self, item: &Node) -> Option<Test> {
        for entry in item.entries() {
            if !matches!(entry.key.as_str(), "name" | "value") {
                self.refuse((&entry.value).into(), format!("`headerMatches.{}`", entry.key));
            }
        }
        let name = item.member("name").map(written)?;
        let value = item.member("value").map(written).filter(|value| !value.is_empty());
        Some(named(name, value))
    }
}

fn test(of: Part, pattern: Pattern) -> Test {
    Test { of, any: vec![pattern], none: Vec::new() }
}

/// `X-Name: value`, or a name alone for one that must only be there.
fn header(text: &str) -> Test {
    match text.split_once(' ') {
        Some((name, value)) => named(name.trim_end_matches(':'), Some(value)),
        None => named(text, None),
    }
}

fn named(name: &str, value: Option<&str>) -> Test {
    let exact = |value: &str| Pattern::Exact(value.to_owned());
    test(Part::Header(name.to_ascii_lowercase()), value.map_or(Pattern::Present, exact))
}

fn written(node: &Node) -> &str {
    match &node.value {
        Value::Scalar(Scalar { text, .. }) => text,
        _ => "",
    }
}
