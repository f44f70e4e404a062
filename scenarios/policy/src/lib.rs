//! Istio and Cilium resources: types, what is in force, reference decisions. Pure: resources come
//! as text, and it knows no cluster and no scenario.

pub mod answer;
pub mod authorization;
pub mod catalogue;
mod check;
pub mod cilium;
pub mod decide;
pub mod destination_rule;
mod effective;
pub mod endpoint;
pub mod finding;
pub mod http_rules;
pub mod inventory;
pub mod istio;
mod judge;
pub mod manifest;
pub mod normalize;
pub mod question;
pub mod report;
pub mod request_authentication;
pub mod schema;
pub mod source;
mod trust_domain;
pub mod validate;
pub mod version;

use std::fmt;

use serde::Serialize;

pub use effective::{DecidedBy, Effective, Overruled, Why, Workload};
pub use istio::MtlsMode;

use authorization::AuthorizationPolicy;
use istio::PeerAuthentication;
use source::{Document, Field, Mistakes, Position, ScalarKind, Value, Wrong, listed, nearest};

/// The namespace whose policies are mesh-wide, unless the mesh is configured otherwise.
pub const ROOT_NAMESPACE: &str = "istio-system";

/// Where `kubectl apply` puts an object that names no namespace.
const DEFAULT_NAMESPACE: &str = "default";

/// Kinds that are read.
const KINDS: [&str; 3] = ["PeerAuthentication", "AuthorizationPolicy", "CiliumNetworkPolicy"];

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
#[derive(Debug, Clone, PartialEq)]
pub struct PolicySet {
    /// The namespace whose policies are mesh-wide.
    pub root_namespace: String,
    /// Istio's `PeerAuthentication` resources.
    pub peer_authentications: Vec<PeerAuthentication>,
    /// Istio's `AuthorizationPolicy` resources.
    pub authorization_policies: Vec<AuthorizationPolicy>,
    /// Cilium's `CiliumNetworkPolicy` resources.
    pub cilium_network_policies: Vec<cilium::Policy>,
}

impl Default for PolicySet {
    fn default() -> Self {
        Self {
            root_namespace: ROOT_NAMESPACE.to_owned(),
            peer_authentications: Vec::new(),
            authorization_policies: Vec::new(),
            cilium_network_policies: Vec::new(),
        }
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
        match kind_of(&field, mistakes) {
            Some("PeerAuthentication") => self.peer_authentication(document, mistakes),
            Some(_) => self.of_schema(document, mistakes),
            None => {}
        }
    }

    /// A kind whose fields are known from a table.
    fn of_schema(&mut self, document: &Document, mistakes: &mut Mistakes) {
        let Some(manifest) = validate::strictly(document, mistakes) else { return };
        let title = manifest.title();
        let taken = |known: &str, at: &Origin| (known == title).then(|| at.clone());
        let authorization = &self.authorization_policies;
        let of_istio = authorization.iter().find_map(|one| taken(&one.title, &one.origin));
        let network = &self.cilium_network_policies;
        let of_cilium = network.iter().find_map(|one| taken(&one.title, &one.origin));
        if let Some(first) = of_istio.or(of_cilium) {
            given_twice(document, &title, &first, mistakes);
        } else if manifest.kind.name == "AuthorizationPolicy" {
            self.authorization_policies.extend(AuthorizationPolicy::read(&manifest));
        } else {
            let policy = cilium::Policy::read(&manifest);
            self.cilium_network_policies.push(policy);
        }
    }

    fn peer_authentication(&mut self, document: &Document, mistakes: &mut Mistakes) {
        let Some(read) = PeerAuthentication::read(document, mistakes) else {
            return;
        };
        let same = |other: &&PeerAuthentication| other.metadata.is_same_object(&read.metadata);
        if let Some(first) = self.peer_authentications.iter().find(same) {
            let metadata = &read.metadata;
            let title = format!(
                "PeerAuthentication `{}` of namespace `{}`",
                metadata.name,
                metadata.namespace()
            );
            given_twice(document, &title, &first.origin, mistakes);
            return;
        }
        self.peer_authentications.push(read);
    }
}

fn given_twice(document: &Document, title: &str, first: &Origin, mistakes: &mut Mistakes) {
    let message = format!("{title} is given twice, first at {first}");
    let help = Some("an apply would replace the first by the second; keep one".to_owned());
    mistakes.push(document.root.at, "", Wrong::Contradiction(message), help);
}

fn is_empty(document: &Document) -> bool {
    matches!(&document.root.value, Value::Scalar(scalar) if scalar.kind == ScalarKind::Null)
}

/// The document's kind if it is one that is read. Other kinds are refused by name: a resource
/// that is skipped in silence would leave a policy out of what is then called in force.
fn kind_of<'n>(field: &Field<'n>, mistakes: &mut Mistakes) -> Option<&'n str> {
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
        return Some(name);
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
