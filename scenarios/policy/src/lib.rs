//! Istio and Cilium resources: types, what is in force, reference decisions. Pure: resources come
//! as text, and it knows no cluster and no scenario.

pub mod authorization;
pub mod baseline;
pub mod catalogue;
mod check;
pub mod cilium;
mod cve;
pub mod decide;
mod effective;
pub mod finding;
pub mod istio;
pub mod manifest;
pub mod pattern;
pub mod profile;
pub mod report;
pub mod schema;
pub mod source;
pub mod terms;
pub mod validate;
pub mod version;
pub mod waiver;

use std::fmt;

use serde::Serialize;

pub use effective::{DecidedBy, Effective, Workload};
pub use istio::MtlsMode;

use istio::PeerAuthentication;
use source::{Document, Field, Mistakes, Position, ScalarKind, Value, Wrong, listed, nearest};

/// The namespace whose policies are mesh-wide, unless the mesh is configured otherwise.
pub const ROOT_NAMESPACE: &str = "istio-system";

/// Where `kubectl apply` puts an object that names no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// Kinds that are read.
const KINDS: [&str; 1] = ["PeerAuthentication"];

/// A document that a resource was read from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Origin {
    /// The file.
    pub path: String,
    /// 1 for the file's first document.
    pub document: usize,
    /// Where the document begins.
    #[serde(skip)]
    pub at: Position,
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.path, self.at.line)
    }
}

/// The resources that apply together, in the order of the files and of the documents in them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PolicySet {
    /// The namespace whose policies are mesh-wide.
    pub root_namespace: String,
    /// Istio's `PeerAuthentication` resources.
    pub peer_authentications: Vec<PeerAuthentication>,
}

impl Default for PolicySet {
    fn default() -> Self {
        Self { root_namespace: ROOT_NAMESPACE.to_owned(), peer_authentications: Vec::new() }
    }
}

impl PolicySet {
    /// Reads files given as path and text. Every mistake in every file is reported, and one
    /// mistake is enough for no set: a policy half understood would be taken for a whole one.
    pub fn parse<P: AsRef<str>, T: AsRef<str>>(files: &[(P, T)]) -> Result<Self, Mistakes> {
        let what = match files {
            [(path, _)] => path.as_ref().to_owned(),
            _ => format!("{} policy files", files.len()),
        };
        let mut all = Mistakes::new(what);
        let mut set = Self::default();
        for (path, text) in files {
            let mut mistakes = Mistakes::new(path.as_ref());
            let documents = source::documents(text.as_ref(), &mut mistakes).unwrap_or_default();
            for document in documents {
                set.read(&document, &mut mistakes);
            }
            all.absorb(mistakes);
        }
        all.into_result(Some(set))
    }

    /// The same resources in a mesh whose root namespace is another.
    #[must_use]
    pub fn with_root_namespace(mut self, namespace: impl Into<String>) -> Self {
        self.root_namespace = namespace.into();
        self
    }

    fn read(&mut self, document: &Document, mistakes: &mut Mistakes) {
        if is_empty(document) {
            return; // kubectl skips a document of comments, too
        }
        let field = Field::root(&document.root);
        if kind_of(&field, mistakes).is_none() {
            return;
        }
        let Some(read) = PeerAuthentication::read(document, mistakes) else {
            return;
        };
        let same = |other: &&PeerAuthentication| other.metadata.is_same_object(&read.metadata);
        if let Some(first) = self.peer_authentications.iter().find(same) {
            let message = format!(
                "PeerAuthentication `{}` of namespace `{}` is given twice, first at {}",
                read.metadata.name,
                read.metadata.namespace(),
                first.origin,
            );
            let help = Some("an apply would replace the first by the second; keep one".to_owned());
            mistakes.push(document.root.at, "", Wrong::Contradiction(message), help);
            return;
        }
        self.peer_authentications.push(read);
    }
}

fn is_empty(document: &Document) -> bool {
    matches!(&document.root.value, Value::Scalar(scalar) if scalar.kind == ScalarKind::Null)
}

/// The document's kind if it is one that is read. Other kinds are refused by name: a resource
/// that is skipped in silence would leave a policy out of what is then called in force.
fn kind_of(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<()> {
    let mut ignored = Mistakes::new("");
    let entries = field.entries("a Kubernetes resource", &mut ignored);
    let Some(entries) = entries else {
        field.expected("a Kubernetes resource", mistakes);
        return None;
    };
    let Some((_, kind)) = entries.into_iter().find(|(entry, _)| entry.key == "kind") else {
        let help = Some(format!("the kinds read are {}", listed(KINDS)));
        mistakes.push(field.at(), "", Wrong::MissingKey { name: "kind".to_owned() }, help);
        return None;
    };
    let name = kind.text("the name of a kind", mistakes)?;
    if KINDS.contains(&name) {
        return Some(());
    }
    let near = nearest(name, KINDS);
    let help = match near {
        Some(near) => format!("did you mean `{near}`?"),
        None => format!("the kinds read are {}; take it out of this file", listed(KINDS)),
    };
    let wrong = Wrong::UnknownName {
        what: "kind",
        name: name.to_owned(),
        nearest: near.map(str::to_owned),
    };
    mistakes.push(kind.at(), &kind.key, wrong, Some(help));
    None
}
