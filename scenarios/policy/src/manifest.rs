//! A document as an object of a cluster: its kind, its name, and its fields as far as the API
//! server keeps them. It does not know what any of them means.

use std::collections::BTreeMap;

use crate::Origin;
use crate::finding::Span;
use crate::schema::Kind;
use crate::source::{Node, Value};

impl From<&Node> for Span {
    fn from(node: &Node) -> Self {
        Self { at: node.at, until: node.until }
    }
}

/// An object of a kind that is read.
#[derive(Debug, Clone)]
pub struct Manifest {
    /// Where it was read.
    pub origin: Origin,
    /// Its kind.
    pub kind: &'static Kind,
    /// The version of its API, such as `v1`.
    pub api_version: String,
    /// Its name.
    pub name: String,
    /// Its namespace, or where it goes without one; empty where the kind has none.
    pub namespace: String,
    /// Its annotations.
    pub annotations: BTreeMap<String, String>,
    /// `metadata.creationTimestamp`, which only what comes out of a cluster has.
    pub created: Option<String>,
    /// `metadata`, or the whole where there is none.
    pub span: Span,
    /// What is kept of `spec` and of each of `specs`.
    pub specs: Vec<Node>,
    /// Whether the API server or the controller refuses it, so that it is not in force.
    pub refused: bool,
}

impl Manifest {
    /// By what Istio sorts objects of one kind.
    pub(crate) fn age(&self) -> crate::istio::Age<'_> {
        crate::istio::age(self.created.as_deref(), &self.name, &self.namespace)
    }

    /// Kind, namespace and name.
    #[must_use]
    pub fn title(&self) -> String {
        if self.namespace.is_empty() {
            format!("{} {}", self.kind.name, self.name)
        } else {
            format!("{} {}/{}", self.kind.name, self.namespace, self.name)
        }
    }
}

/// The texts of a mapping, as labels are.
#[must_use]
pub(crate) fn texts(node: Option<&Node>) -> BTreeMap<String, String> {
    let entries = node.map(Node::entries).unwrap_or_default();
    let text = |value: &Node| match &value.value {
        Value::Scalar(scalar) => scalar.text.clone(),
        _ => String::new(),
    };
    entries.iter().map(|entry| (entry.key.clone(), text(&entry.value))).collect()
}
