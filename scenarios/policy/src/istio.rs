//! Istio's `PeerAuthentication`, field for field as 1.24 and 1.25 serve it; any other field is a
//! mistake. It does not know which of several resources is in force.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::source::{Document, Entry, Field, Map, Mistakes, Wrong};
use crate::{DEFAULT_NAMESPACE, Origin};

/// The versions of the API that 1.24 and 1.25 serve; the fields are the same in both.
const API_VERSIONS: [(&str, ApiVersion); 2] =
    [("security.istio.io/v1", ApiVersion::V1), ("security.istio.io/v1beta1", ApiVersion::V1Beta1)];

/// As in the CRD's enum. `UNSET` inherits, exactly as no mode at all does.
const MODES: [(&str, Option<MtlsMode>); 4] = [
    ("DISABLE", Some(MtlsMode::Disable)),
    ("PERMISSIVE", Some(MtlsMode::Permissive)),
    ("STRICT", Some(MtlsMode::Strict)),
    ("UNSET", None),
];

/// Known keys of each mapping, by the path in the CRD. The test of the CRDs reads it as well.
pub const PEER_AUTHENTICATION_KEYS: [(&str, &[&str]); 5] = [
    ("spec", &["selector", "mtls", "portLevelMtls"]),
    ("spec.selector", &["matchLabels"]),
    ("spec.mtls", &["mode"]),
    ("spec.portLevelMtls.*", &["mode"]),
    ("metadata", &["name", "namespace", "labels", "annotations"]),
];

/// The CRD's limits on a selector.
const MAX_LABEL_VALUE: usize = 63;
const MAX_LABELS: usize = 4096;

/// What the server side of a port demands of its callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "SCREAMING-KEBAB-CASE")]
pub enum MtlsMode {
    /// Plaintext; TLS is not terminated.
    Disable,
    /// Plaintext or mTLS.
    Permissive,
    /// mTLS only.
    Strict,
}

impl std::fmt::Display for MtlsMode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(match self {
            Self::Disable => "DISABLE",
            Self::Permissive => "PERMISSIVE",
            Self::Strict => "STRICT",
        })
    }
}

/// Of the resource's API group.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub enum ApiVersion {
    /// `security.istio.io/v1`
    V1,
    /// `security.istio.io/v1beta1`
    V1Beta1,
}

/// What names an object, and what people attach to it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Metadata {
    /// Unique in its namespace for one kind.
    pub name: String,
    /// As written; see [`Metadata::namespace`].
    pub namespace: Option<String>,
    /// Labels of the object itself, not of the workloads it is about.
    pub labels: BTreeMap<String, String>,
    /// Read by tools and not by Istio's security.
    pub annotations: BTreeMap<String, String>,
}

impl Metadata {
    /// Where the object goes: without a namespace to where `kubectl apply` puts it by default.
    #[must_use]
    pub fn namespace(&self) -> &str {
        self.namespace.as_deref().unwrap_or(DEFAULT_NAMESPACE)
    }

    pub(crate) fn is_same_object(&self, other: &Self) -> bool {
        self.name == other.name && self.namespace() == other.namespace()
    }
}

/// Which mTLS mode the workloads of a mesh, a namespace or a selector accept.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PeerAuthentication {
    /// Where it was read.
    pub origin: Origin,
    /// `apiVersion`
    pub api_version: ApiVersion,
    /// `metadata`
    pub metadata: Metadata,
    /// `metadata.creationTimestamp`, which only what comes out of a cluster has.
    pub created: Option<String>,
    /// `spec.selector.matchLabels`; empty selects the whole namespace, as no selector does.
    pub match_labels: BTreeMap<String, String>,
    /// `spec.mtls.mode`; none when absent or `UNSET`, which inherit.
    pub mtls: Option<MtlsMode>,
    /// `spec.portLevelMtls` by the workload's own port, not the service's. None is `UNSET`.
    pub port_level_mtls: BTreeMap<u16, Option<MtlsMode>>,
}

impl PeerAuthentication {
    /// Reads a document whose kind is known to be this one.
    pub(crate) fn read(document: &Document, mistakes: &mut Mistakes) -> Option<Self> {
        let field = Field::root(&document.root);
        let map = field.map(&["apiVersion", "kind", "metadata", "spec"], mistakes)?;
        let api_version = map
            .required("apiVersion", mistakes)
            .and_then(|field| field.choice(&API_VERSIONS, mistakes));
        let metadata =
            map.required("metadata", mistakes).and_then(|field| read_metadata(&field, mistakes));
        let spec = match map.optional("spec") {
            Some(spec) => Spec::read(&spec, mistakes),
            None => Some(Spec::default()),
        };
        let (api_version, metadata, spec) = (api_version?, metadata?, spec?);
        let origin =
            Origin { path: mistakes.path.clone(), document: document.number, at: document.root.at };
        Some(Self {
            origin,
            api_version,
            metadata,
            created: None,
            match_labels: spec.match_labels,
            mtls: spec.mtls,
            port_level_mtls: spec.port_level_mtls,
        })
    }
}

impl PeerAuthentication {
    /// Kind, namespace and name.
    #[must_use]
    pub fn title(&self) -> String {
        format!("PeerAuthentication {}/{}", self.metadata.namespace(), self.metadata.name)
    }

    /// By what Istio sorts policies: those of a cluster are older than what is yet to be applied.
    pub(crate) fn age(&self) -> Age<'_> {
        age(self.created.as_deref(), &self.metadata.name, self.metadata.namespace())
    }
}

/// Whether it is yet to be made, when it was made, name and namespace: how Istio sorts objects of
/// one kind.
pub(crate) type Age<'o> = (bool, Option<&'o str>, &'o str, &'o str);

/// Times are written with the year first and in UTC, so that texts compare as they do.
pub(crate) fn age<'o>(created: Option<&'o str>, name: &'o str, namespace: &'o str) -> Age<'o> {
    (created.is_none(), created, name, namespace)
}

#[derive(Default)]
struct Spec {
    match_labels: BTreeMap<String, String>,
    mtls: Option<MtlsMode>,
    port_level_mtls: BTreeMap<u16, Option<MtlsMode>>,
}

impl Spec {
    fn read(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Self> {
        let map = field.map(keys("spec"), mistakes)?;
        let match_labels = match map.optional("selector") {
            Some(selector) => read_selector(&selector, mistakes),
            None => Some(BTreeMap::new()),
        };
        let mtls = match map.optional("mtls") {
            Some(mtls) => read_mode(&mtls, keys("spec.mtls"), mistakes),
            None => Some(None),
        };
        let port_level_mtls = match map.optional("portLevelMtls") {
            Some(ports) => {
                require_selector(&ports, match_labels.as_ref(), &map, mistakes);
                read_ports(&ports, mistakes)
            }
            None => Some(BTreeMap::new()),
        };
        Some(Self { match_labels: match_labels?, mtls: mtls?, port_level_mtls: port_level_mtls? })
    }
}

fn keys(path: &str) -> &'static [&'static str] {
    PEER_AUTHENTICATION_KEYS.iter().find(|(known, _)| *known == path).map_or(&[], |(_, keys)| *keys)
}

fn read_metadata(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Metadata> {
    let map = field.map(keys("metadata"), mistakes)?;
    let name = map.required("name", mistakes).and_then(|field| read_name(&field, mistakes));
    let namespace = map.optional("namespace").map(|field| read_name(&field, mistakes));
    let labels = read_texts(&map, "labels", mistakes);
    let annotations = read_texts(&map, "annotations", mistakes);
    Some(Metadata {
        name: name?,
        namespace: match namespace {
            Some(namespace) => Some(namespace?),
            None => None,
        },
        labels: labels?,
        annotations: annotations?,
    })
}

fn read_name(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a Kubernetes name of lower-case letters, digits, `-` and `.`";
    let name = field.text(EXPECTED, mistakes)?;
    let edge = |letter: Option<char>| {
        letter.is_some_and(|letter| letter.is_ascii_lowercase() || letter.is_ascii_digit())
    };
    let inside = |letter: char| edge(Some(letter)) || letter == '-' || letter == '.';
    let well_formed = edge(name.chars().next())
        && edge(name.chars().last())
        && name.chars().all(inside)
        && name.len() <= 253;
    if !well_formed {
        field.expected(EXPECTED, mistakes);
        return None;
    }
    Some(name.to_owned())
}

fn read_texts(
    map: &Map<'_>,
    name: &str,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<String, String>> {
    let Some(field) = map.optional(name) else {
        return Some(BTreeMap::new());
    };
    let entries = field.entries("a mapping of texts", mistakes)?;
    texts(entries, mistakes)
}

fn texts(
    entries: Vec<(&Entry, Field<'_>)>,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<String, String>> {
    let read: Vec<_> = entries
        .into_iter()
        .map(|(entry, value)| Some((entry.key.clone(), value.text("text", mistakes)?.to_owned())))
        .collect();
    read.into_iter().collect()
}

fn read_selector(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<BTreeMap<String, String>> {
    let map = field.map(keys("spec.selector"), mistakes)?;
    let Some(labels) = map.optional("matchLabels") else {
        return Some(BTreeMap::new());
    };
    let entries = labels.entries("a mapping of labels", mistakes)?;
    if entries.len() > MAX_LABELS {
        labels.expected(&format!("at most {MAX_LABELS} labels"), mistakes);
    }
    for (entry, value) in &entries {
        if entry.key.is_empty() || entry.key.contains('*') {
            let message = "a label's key must not be empty or hold a `*`".to_owned();
            let help = Some("Istio matches whole labels and no patterns".to_owned());
            mistakes.push(entry.key_at, &value.key, Wrong::Contradiction(message), help);
        }
    }
    let labels = texts(entries.clone(), mistakes)?;
    for (entry, value) in &entries {
        let text = &labels[&entry.key];
        if text.contains('*') || text.chars().count() > MAX_LABEL_VALUE {
            let help = "Istio matches whole labels and no patterns".to_owned();
            let expected = format!("a label of at most {MAX_LABEL_VALUE} characters without `*`");
            value.expected_with_help(&expected, help, mistakes);
        }
    }
    Some(labels)
}

/// The outer option is whether it could be read, the inner one whether a mode is set.
fn read_mode(
    field: &Field<'_>,
    known: &[&'static str],
    mistakes: &mut Mistakes,
) -> Option<Option<MtlsMode>> {
    match field.map(known, mistakes)?.optional("mode") {
        Some(mode) => mode.choice(&MODES, mistakes),
        None => Some(None),
    }
}

fn require_selector(
    ports: &Field<'_>,
    match_labels: Option<&BTreeMap<String, String>>,
    spec: &Map<'_>,
    mistakes: &mut Mistakes,
) {
    if match_labels.is_some_and(BTreeMap::is_empty) {
        let message = if spec.optional("selector").is_some() {
            "ports can be set only with labels in `selector.matchLabels`, which has none"
        } else {
            "ports can be set only with a `selector`, which is missing"
        };
        let help = "Istio refuses a mesh-wide or namespace-wide policy with ports";
        ports.contradicts(message, help, mistakes);
    }
}

fn read_ports(
    field: &Field<'_>,
    mistakes: &mut Mistakes,
) -> Option<BTreeMap<u16, Option<MtlsMode>>> {
    let entries = field.entries("a mapping of ports", mistakes)?;
    if entries.is_empty() {
        field.expected("at least one port", mistakes);
        return None;
    }
    let read: Vec<_> = entries
        .into_iter()
        .map(|(entry, value)| {
            let port = read_port(entry, &value, mistakes);
            let mode = read_mode(&value, keys("spec.portLevelMtls.*"), mistakes);
            Some((port?, mode?))
        })
        .collect();
    read.into_iter().collect()
}

fn read_port(entry: &Entry, value: &Field<'_>, mistakes: &mut Mistakes) -> Option<u16> {
    // A leading zero would be octal to some readers of YAML and decimal to others.
    let digits = entry.key.bytes().all(|byte| byte.is_ascii_digit());
    let port = entry.key.parse::<u16>().ok().filter(|port| *port > 0);
    if !digits || port.is_none() || entry.key.starts_with('0') {
        let wrong = Wrong::Expected {
            expected: "a port from 1 to 65535".to_owned(),
            found: format!("`{}`", entry.key.escape_debug()),
        };
        let help = "the key is a port of the workload, not of the service".to_owned();
        mistakes.push(entry.key_at, &value.key, wrong, Some(help));
        return None;
    }
    port
}
