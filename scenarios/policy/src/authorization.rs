//! Istio's `AuthorizationPolicy`, field for field, each with its place. It does not decide.

use std::collections::BTreeMap;

use crate::finding::Span;
use crate::manifest::{Manifest, texts};
use crate::source::Node;
use crate::{Origin, Workload};

/// What becomes of a request that a rule matches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// It is allowed, and what no rule matches is not.
    Allow,
    /// It is denied.
    Deny,
    /// It is logged.
    Audit,
    /// Somebody else decides.
    Custom,
}

/// A value and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Text {
    /// As written.
    pub text: String,
    /// Where.
    pub span: Span,
}

/// Values, any of which matches. None at all is no condition.
pub type Values = Vec<Text>;

/// Values and those that must not match.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Match {
    /// One of these.
    pub values: Values,
    /// None of these.
    pub not_values: Values,
}

impl Match {
    /// Whether nothing is asked for.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.values.is_empty() && self.not_values.is_empty()
    }

    fn read(node: &Node, name: &str) -> Self {
        let mut capital = name.to_owned();
        capital[..1].make_ascii_uppercase();
        Self {
            values: list(node.member(name)),
            not_values: list(node.member(&format!("not{capital}"))),
        }
    }
}

/// A caller. All that is asked for must match.
#[derive(Debug, Clone, PartialEq)]
pub struct Source {
    /// Where.
    pub span: Span,
    /// Identities of mTLS, without `spiffe://`.
    pub principals: Match,
    /// Identities of tokens, issuer and subject.
    pub request_principals: Match,
    /// Namespaces of identities of mTLS.
    pub namespaces: Match,
    /// Service accounts of identities of mTLS.
    pub service_accounts: Match,
    /// Addresses of the peer.
    pub ip_blocks: Match,
    /// Addresses of the client, as the headers have it.
    pub remote_ip_blocks: Match,
}

impl Source {
    /// What must match, by the field's name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &Match); 6] {
        [
            ("principals", &self.principals),
            ("requestPrincipals", &self.request_principals),
            ("namespaces", &self.namespaces),
            ("serviceAccounts", &self.service_accounts),
            ("ipBlocks", &self.ip_blocks),
            ("remoteIpBlocks", &self.remote_ip_blocks),
        ]
    }
}

/// What is asked. All that is asked for must match.
#[derive(Debug, Clone, PartialEq)]
pub struct Operation {
    /// Where.
    pub span: Span,
    /// Of the `Host` header.
    pub hosts: Match,
    /// The workload's own ports.
    pub ports: Match,
    /// Methods.
    pub methods: Match,
    /// Paths, after normalisation.
    pub paths: Match,
}

impl Operation {
    /// What must match, by the field's name.
    #[must_use]
    pub fn fields(&self) -> [(&'static str, &Match); 4] {
        [
            ("hosts", &self.hosts),
            ("ports", &self.ports),
            ("methods", &self.methods),
            ("paths", &self.paths),
        ]
    }
}

/// A further condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// Where.
    pub span: Span,
    /// An attribute, such as `request.headers[x-token]`.
    pub key: String,
    /// What it must be.
    pub matches: Match,
}

/// A rule matches when one of the callers, one of the operations and all conditions do. What is
/// not given is no condition.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// Where.
    pub span: Span,
    /// Whether `from` is written, be it empty.
    pub from_given: bool,
    /// Callers; nothing where `source` is missing.
    pub from: Vec<Option<Source>>,
    /// Whether `to` is written, be it empty.
    pub to_given: bool,
    /// Operations; nothing where `operation` is missing.
    pub to: Vec<Option<Operation>>,
    /// Conditions.
    pub when: Vec<Condition>,
}

/// Who may call what.
#[derive(Debug, Clone, PartialEq)]
pub struct AuthorizationPolicy {
    /// Where it was read.
    pub origin: Origin,
    /// `metadata.namespace`
    pub namespace: String,
    /// `metadata.name`
    pub name: String,
    /// Kind, namespace and name.
    pub title: String,
    /// Labels that select workloads; none selects every one.
    pub match_labels: BTreeMap<String, String>,
    /// Whether it names Gateways or Services instead of selecting workloads.
    pub targets: bool,
    /// What becomes of what matches, and where that is said.
    pub action: (Action, Span),
    /// The rules.
    pub rules: Vec<Rule>,
    /// Whether a rule is written.
    pub rules_given: bool,
    /// `provider.name`
    pub provider: Option<String>,
    /// Whether `provider` is written.
    pub provider_given: bool,
    /// Whether it is only tried, and nothing is enforced.
    pub dry_run: bool,
}

impl AuthorizationPolicy {
    /// Reads what the API server keeps of one.
    #[must_use]
    pub fn read(manifest: &Manifest) -> Option<Self> {
        let spec = manifest.specs.first()?;
        let action = match spec.member("action").and_then(Node::text) {
            Some("DENY") => Action::Deny,
            Some("AUDIT") => Action::Audit,
            Some("CUSTOM") => Action::Custom,
            _ => Action::Allow,
        };
        let action_at = spec.member("action").map_or(manifest.span, Span::from);
        let rules = spec.member("rules");
        let provider = spec.member("provider");
        let dry_run = manifest.annotations.get("istio.io/dry-run").map(String::as_str);
        Some(Self {
            origin: manifest.origin.clone(),
            namespace: manifest.namespace.clone(),
            name: manifest.name.clone(),
            title: manifest.title(),
            match_labels: texts(spec.path("selector.matchLabels")),
            targets: spec.member("targetRef").is_some() || spec.member("targetRefs").is_some(),
            action: (action, action_at),
            rules: rules.map(Node::items).unwrap_or_default().iter().map(rule).collect(),
            rules_given: rules.is_some_and(|rules| !rules.items().is_empty()),
            provider: provider
                .and_then(|provider| provider.member("name"))
                .and_then(Node::text)
                .map(str::to_owned),
            provider_given: provider.is_some(),
            dry_run: dry_run == Some("true"),
        })
    }

    /// Whether it is about a workload's sidecar, be it enforced or only tried. A policy of the root
    /// namespace is about every namespace, with a selector too.
    #[must_use]
    pub fn is_for(&self, root_namespace: &str, workload: &Workload) -> bool {
        let near = self.namespace == workload.namespace || self.namespace == root_namespace;
        near && workload.has(&self.match_labels) && !self.targets
    }
}

fn list(node: Option<&Node>) -> Values {
    let items = node.map(Node::items).unwrap_or_default();
    let text = |item: &Node| Some(Text { text: item.text()?.to_owned(), span: item.into() });
    items.iter().filter_map(text).collect()
}

fn rule(node: &Node) -> Rule {
    let items = |name: &str| node.member(name).map(Node::items).unwrap_or_default();
    Rule {
        span: node.into(),
        from_given: node.member("from").is_some(),
        from: items("from").iter().map(|from| from.member("source").map(source)).collect(),
        to_given: node.member("to").is_some(),
        to: items("to").iter().map(|to| to.member("operation").map(operation)).collect(),
        when: items("when").iter().map(condition).collect(),
    }
}

fn source(node: &Node) -> Source {
    Source {
        span: node.into(),
        principals: Match::read(node, "principals"),
        request_principals: Match::read(node, "requestPrincipals"),
        namespaces: Match::read(node, "namespaces"),
        service_accounts: Match::read(node, "serviceAccounts"),
        ip_blocks: Match::read(node, "ipBlocks"),
        remote_ip_blocks: Match::read(node, "remoteIpBlocks"),
    }
}

fn operation(node: &Node) -> Operation {
    Operation {
        span: node.into(),
        hosts: Match::read(node, "hosts"),
        ports: Match::read(node, "ports"),
        methods: Match::read(node, "methods"),
        paths: Match::read(node, "paths"),
    }
}

fn condition(node: &Node) -> Condition {
    let key = node.member("key").and_then(Node::text).unwrap_or_default().to_owned();
    Condition { span: node.into(), key, matches: Match::read(node, "values") }
}
