//! The mesh's own configuration, as far as the meaning of policies depends on it. It comes as a
//! text inside a ConfigMap, or in what Istio is installed from.

use super::Head;
use crate::authorization::Text;
use crate::finding::Span;
use crate::source::{Limits, Mistakes, Node, Position, Value, documents_within, nearest};

/// The ConfigMap that istiod reads.
pub(super) const NAME: &str = "istio";

/// The domain of a mesh that names none.
const TRUST_DOMAIN: &str = "cluster.local";

/// Fields of `MeshConfig` in the releases from 1.24 on.
const FIELDS: [&str; 46] = [
    "accessLogEncoding",
    "accessLogFile",
    "accessLogFormat",
    "ca",
    "caCertificates",
    "certificates",
    "configSources",
    "connectTimeout",
    "defaultConfig",
    "defaultDestinationRuleExportTo",
    "defaultHttpRetryPolicy",
    "defaultProviders",
    "defaultServiceExportTo",
    "defaultVirtualServiceExportTo",
    "disableEnvoyListenerLog",
    "discoverySelectors",
    "dnsRefreshRate",
    "enableAutoMtls",
    "enableEnvoyAccessLogService",
    "enablePrometheusMerge",
    "enableTracing",
    "extensionProviders",
    "h2UpgradePolicy",
    "inboundClusterStatName",
    "inboundTrafficPolicy",
    "ingressClass",
    "ingressControllerMode",
    "ingressSelector",
    "ingressService",
    "localityLbSetting",
    "meshMTLS",
    "outboundClusterStatName",
    "outboundTrafficPolicy",
    "pathNormalization",
    "protocolDetectionTimeout",
    "proxyHttpPort",
    "proxyInboundListenPort",
    "proxyListenPort",
    "rootNamespace",
    "serviceScopeConfigs",
    "tcpKeepalive",
    "thriftConfig",
    "tlsDefaults",
    "trustDomain",
    "trustDomainAliases",
    "verifyCertificateAtClient",
];

/// What is done to a path before policies are held against it; each does what those before it do.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum PathNormalization {
    /// Nothing.
    None,
    /// Dots are resolved, `\` becomes `/`, and what need not be encoded is decoded.
    Base,
    /// Slashes beside one another become one.
    MergeSlashes,
    /// Encoded slashes are decoded first.
    DecodeAndMergeSlashes,
}

impl PathNormalization {
    /// As the field is written.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::None => "NONE",
            Self::Base => "BASE",
            Self::MergeSlashes => "MERGE_SLASHES",
            Self::DecodeAndMergeSlashes => "DECODE_AND_MERGE_SLASHES",
        }
    }

    fn of(word: &str) -> Option<Self> {
        let all = [Self::None, Self::Base, Self::MergeSlashes, Self::DecodeAndMergeSlashes];
        all.into_iter().find(|one| one.word() == word || word == "DEFAULT" && *one == Self::Base)
    }
}

/// The mesh's configuration.
#[derive(Debug, Clone)]
pub struct MeshConfig {
    /// Where it was read.
    pub head: Head,
    /// `rootNamespace`
    pub root_namespace: Option<Text>,
    /// `trustDomain`
    pub trust_domain: Option<Text>,
    /// `trustDomainAliases`
    pub trust_domain_aliases: Vec<Text>,
    /// `pathNormalization.normalization`, where it is one of the known words.
    pub path_normalization: Option<(PathNormalization, Span)>,
    /// `enableAutoMtls`
    pub auto_mtls: Option<(bool, Span)>,
    /// `outboundTrafficPolicy.mode`
    pub outbound_traffic: Option<Text>,
    /// Names of `extensionProviders`, which CUSTOM policies ask.
    pub extension_providers: Vec<Text>,
    /// Fields that no release has, and the ones that were probably meant.
    pub unknown: Vec<(Text, &'static str)>,
    /// All of it, for what is not named above, such as `defaultConfig` and `meshMTLS`.
    pub root: Node,
}

impl MeshConfig {
    pub(super) fn read(head: Head, root: Node) -> Self {
        let field = |path: &str| root.path(path).and_then(text);
        let list = |name: &str| root.member(name).map(Node::items).unwrap_or_default();
        let normalization = root.path("pathNormalization.normalization");
        let auto = root.member("enableAutoMtls");
        let unknown = root.entries().iter().filter_map(|entry| {
            let known = FIELDS.contains(&entry.key.as_str());
            let meant = nearest(&entry.key, FIELDS).filter(|_| !known)?;
            let until = Position {
                column: entry.key_at.column + entry.key.chars().count(),
                ..entry.key_at
            };
            let span = Span { at: entry.key_at, until };
            Some((Text { text: entry.key.clone(), span }, meant))
        });
        Self {
            root_namespace: field("rootNamespace").filter(|name| !name.text.is_empty()),
            trust_domain: field("trustDomain").filter(|name| !name.text.is_empty()),
            trust_domain_aliases: list("trustDomainAliases").iter().filter_map(text).collect(),
            path_normalization: normalization
                .and_then(|node| Some((PathNormalization::of(node.text()?)?, node.into()))),
            auto_mtls: auto.and_then(|node| Some((node.boolean()?, node.into()))),
            outbound_traffic: field("outboundTrafficPolicy.mode"),
            extension_providers: list("extensionProviders")
                .iter()
                .filter_map(|provider| provider.member("name").and_then(text))
                .collect(),
            unknown: unknown.collect(),
            head,
            root,
        }
    }

    /// The trust domain and its aliases, which are one to policies.
    #[must_use]
    pub fn trust_domains(of: Option<&Self>) -> Vec<String> {
        let own = of.and_then(|mesh| mesh.trust_domain.as_ref());
        let own = own.map_or(TRUST_DOMAIN, |domain| &domain.text).to_owned();
        let aliases = of.map_or(&[][..], |mesh| &mesh.trust_domain_aliases);
        std::iter::once(own).chain(aliases.iter().map(|alias| alias.text.clone())).collect()
    }

    /// What is done to paths in a mesh, which is `BASE` unless something else is asked for.
    #[must_use]
    pub fn normalization(of: Option<&Self>) -> PathNormalization {
        of.and_then(|mesh| mesh.path_normalization).map_or(PathNormalization::Base, |given| given.0)
    }
}

fn text(node: &Node) -> Option<Text> {
    Some(Text { text: node.text()?.to_owned(), span: node.into() })
}

/// The configuration that is written as a text inside a document, its places those of the file.
/// What can not be read is none; istiod would not start with it.
pub(super) fn within(written: &Node, file: &str) -> Option<Node> {
    let inner = written.text()?;
    let documents = documents_within(Limits::MANIFESTS, inner, &mut Mistakes::new(""))?;
    let mut root = documents.into_iter().next()?.root;
    let first = |text: &str| text.lines().next().unwrap_or_default().trim_end().to_owned();
    // A block begins where its first letter stands; other texts are on one line with the key.
    let line = file.lines().nth(written.at.line - 1).unwrap_or_default();
    if line.trim() == first(inner).trim() {
        let indent = |line: &str| line.chars().take_while(|letter| *letter == ' ').count();
        let by = indent(line).saturating_sub(indent(&first(inner)));
        place(&mut root, &|at| Position {
            line: at.line + written.at.line - 1,
            column: at.column + by,
        });
    } else {
        place(&mut root, &|_| written.at);
    }
    Some(root)
}

fn place(node: &mut Node, at: &dyn Fn(Position) -> Position) {
    node.at = at(node.at);
    node.until = at(node.until);
    match &mut node.value {
        Value::List(items) => items.iter_mut().for_each(|item| place(item, at)),
        Value::Map(entries) => {
            for entry in entries {
                entry.key_at = at(entry.key_at);
                place(&mut entry.value, at);
            }
        }
        Value::Scalar(_) | Value::Refused => {}
    }
}
