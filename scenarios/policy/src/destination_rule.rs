//! The part of Istio's `DestinationRule` that says how callers speak TLS to a host. It routes
//! nothing.

use std::collections::BTreeMap;

use crate::Origin;
use crate::authorization::Text;
use crate::finding::Span;
use crate::manifest::{Manifest, texts};
use crate::source::{Node, Scalar, ScalarKind, Value};

/// How TLS is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum TlsMode {
    /// Not at all.
    Disable,
    /// Without a certificate of the caller.
    Simple,
    /// With a certificate of one's own.
    Mutual,
    /// With the certificate of the mesh.
    IstioMutual,
}

/// TLS settings, and where they are.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Where `mode` is, or the settings where it is not.
    pub span: Span,
    /// The port that they are for; none for every one.
    pub port: Option<u16>,
    /// The subset that they are for; none for every one.
    pub subset: Option<String>,
    /// `mode`, `DISABLE` where none is given.
    pub mode: TlsMode,
    /// Whether the server's certificate is checked against an authority that is named.
    pub has_ca: bool,
    /// `insecureSkipVerify`
    pub skips_verification: bool,
    /// `sni`
    pub sni: Option<Text>,
}

/// How callers speak to a host.
#[derive(Debug, Clone)]
pub struct DestinationRule {
    /// Where it was read.
    pub origin: Origin,
    /// `metadata.namespace`
    pub namespace: String,
    /// Kind, namespace and name.
    pub title: String,
    /// The host; a short name is one of the rule's own namespace.
    pub host: Text,
    /// `exportTo`; none is every namespace.
    pub export_to: Vec<Text>,
    /// Labels of the callers that it is for; none is every one.
    pub match_labels: BTreeMap<String, String>,
    /// TLS settings, those for the whole host first.
    pub tls: Vec<Tls>,
}

impl DestinationRule {
    /// Reads what the API server keeps of one.
    #[must_use]
    pub fn read(manifest: &Manifest) -> Option<Self> {
        let spec = manifest.specs.first()?;
        let host = spec.member("host")?;
        let export_to = spec.member("exportTo").map(Node::items).unwrap_or_default();
        let mut tls = Vec::new();
        policy(spec.member("trafficPolicy"), None, &mut tls);
        for subset in spec.member("subsets").map(Node::items).unwrap_or_default() {
            let name = subset.member("name").and_then(Node::text);
            policy(subset.member("trafficPolicy"), name, &mut tls);
        }
        Some(Self {
            origin: manifest.origin.clone(),
            namespace: manifest.namespace.clone(),
            title: manifest.title(),
            host: text(host)?,
            export_to: export_to.iter().filter_map(text).collect(),
            match_labels: texts(spec.path("workloadSelector.matchLabels")),
            tls,
        })
    }

    /// Whether its host is a service's, `*` being any number of letters at the beginning.
    #[must_use]
    pub fn is_of_service(&self, namespace: &str, service: &str) -> bool {
        let full = format!("{service}.{namespace}.svc.cluster.local");
        let host = self.host.text.as_str();
        if let Some(suffix) = host.strip_prefix('*') {
            return full.ends_with(suffix);
        }
        let own = if host.contains('.') {
            host == full
        } else {
            host == service && self.namespace == namespace
        };
        own || host == format!("{service}.{namespace}")
            || host == format!("{service}.{namespace}.svc")
    }

    /// The settings that callers use on a port of the whole host, the service's own port.
    #[must_use]
    pub fn tls_of(&self, port: u16) -> Option<&Tls> {
        let whole = || self.tls.iter().filter(|tls| tls.subset.is_none());
        whole()
            .find(|tls| tls.port == Some(port))
            .or_else(|| whole().find(|tls| tls.port.is_none()))
    }
}

fn text(node: &Node) -> Option<Text> {
    Some(Text { text: node.text()?.to_owned(), span: node.into() })
}

fn policy(node: Option<&Node>, subset: Option<&str>, all: &mut Vec<Tls>) {
    let Some(node) = node else { return };
    all.extend(node.member("tls").map(|tls| settings(tls, None, subset)));
    for of_port in node.member("portLevelSettings").map(Node::items).unwrap_or_default() {
        let port = of_port.path("port.number").and_then(|node| match node.value {
            Value::Scalar(Scalar { kind: ScalarKind::Integer(port), .. }) => {
                u16::try_from(port).ok()
            }
            _ => None,
        });
        all.extend(of_port.member("tls").map(|tls| settings(tls, port, subset)));
    }
}

fn settings(node: &Node, port: Option<u16>, subset: Option<&str>) -> Tls {
    let mode = node.member("mode");
    let written =
        |name: &str| node.member(name).and_then(Node::text).is_some_and(|value| !value.is_empty());
    Tls {
        span: mode.map_or_else(|| node.into(), Span::from),
        port,
        subset: subset.map(str::to_owned),
        mode: match mode.and_then(Node::text) {
            Some("SIMPLE") => TlsMode::Simple,
            Some("MUTUAL") => TlsMode::Mutual,
            Some("ISTIO_MUTUAL") => TlsMode::IstioMutual,
            _ => TlsMode::Disable,
        },
        has_ca: written("caCertificates") || written("credentialName"),
        skips_verification: node.member("insecureSkipVerify").and_then(Node::boolean) == Some(true),
        sni: node.member("sni").and_then(text),
    }
}
