//! Istio's `RequestAuthentication`: which tokens are verified. It demands none; what demands one
//! is an `AuthorizationPolicy`.

use std::collections::BTreeMap;

use crate::authorization::Text;
use crate::finding::Span;
use crate::manifest::{Manifest, texts};
use crate::source::Node;
use crate::{Origin, Workload};

/// Whose tokens are verified, and by which keys.
#[derive(Debug, Clone)]
pub struct JwtRule {
    /// Where.
    pub span: Span,
    /// `issuer`
    pub issuer: Option<Text>,
    /// Accepted audiences; none accepts every one.
    pub audiences: Vec<Text>,
    /// Where keys are fetched from.
    pub jwks_uri: Option<Text>,
    /// Keys that are written out.
    pub jwks: Option<Text>,
    /// Whether the token goes on to the workload.
    pub forwards_token: bool,
}

/// Tokens that are verified for some workloads.
#[derive(Debug, Clone)]
pub struct RequestAuthentication {
    /// Where it was read.
    pub origin: Origin,
    /// `metadata.namespace`
    pub namespace: String,
    /// Kind, namespace and name.
    pub title: String,
    /// Labels that select workloads; none selects every one.
    pub match_labels: BTreeMap<String, String>,
    /// Whether it names Gateways or Services instead of selecting workloads.
    pub targets: bool,
    /// The rules.
    pub rules: Vec<JwtRule>,
}

impl RequestAuthentication {
    /// Reads what the API server keeps of one.
    #[must_use]
    pub fn read(manifest: &Manifest) -> Option<Self> {
        let spec = manifest.specs.first()?;
        let rules = spec.member("jwtRules").map(Node::items).unwrap_or_default();
        Some(Self {
            origin: manifest.origin.clone(),
            namespace: manifest.namespace.clone(),
            title: manifest.title(),
            match_labels: texts(spec.path("selector.matchLabels")),
            targets: spec.member("targetRef").is_some() || spec.member("targetRefs").is_some(),
            rules: rules.iter().map(rule).collect(),
        })
    }

    /// Whether it is about a workload's sidecar. All that are hold together, unlike those of mTLS.
    #[must_use]
    pub fn applies(&self, root_namespace: &str, workload: &Workload) -> bool {
        let near = self.namespace == workload.namespace || self.namespace == root_namespace;
        near && workload.has(&self.match_labels) && !self.targets
    }
}

fn rule(node: &Node) -> JwtRule {
    let text = |node: &Node| Some(Text { text: node.text()?.to_owned(), span: node.into() });
    let field = |name: &str| node.member(name).and_then(text);
    let audiences = node.member("audiences").map(Node::items).unwrap_or_default();
    JwtRule {
        span: node.into(),
        issuer: field("issuer"),
        audiences: audiences.iter().filter_map(text).collect(),
        jwks_uri: field("jwksUri").or_else(|| field("jwks_uri")),
        jwks: field("jwks"),
        forwards_token: node.member("forwardOriginalToken").and_then(Node::boolean) == Some(true),
    }
}
