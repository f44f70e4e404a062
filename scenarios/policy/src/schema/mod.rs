//! The fields that a kind has in a release, and their limits: tables that are read once. It does
//! not know what a field means.

mod conform;
mod limit;

use std::collections::HashMap;
use std::sync::LazyLock;

pub use conform::{Deviation, Wrong, conform};
pub use limit::{Form, Limit};

use crate::version::{Minors, Version, Versions};

/// Whose kind it is, and thereby whose release decides.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Product {
    /// Istio.
    Istio,
    /// Cilium.
    Cilium,
}

impl Product {
    /// The release that is given for it.
    #[must_use]
    pub fn version(self, versions: Versions) -> Option<Version> {
        match self {
            Self::Istio => versions.istio,
            Self::Cilium => versions.cilium,
        }
    }

    /// Its name.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Istio => "Istio",
            Self::Cilium => "Cilium",
        }
    }
}

/// The type that a field must have.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Type {
    /// A mapping.
    Map,
    /// A sequence.
    List,
    /// A text.
    Text,
    /// A whole number.
    Integer,
    /// A number.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A whole number or a text.
    IntegerOrText,
    /// Anything.
    Any,
}

impl Type {
    fn of(word: &str) -> Option<Self> {
        Some(match word {
            "map" => Self::Map,
            "list" => Self::List,
            "text" => Self::Text,
            "integer" => Self::Integer,
            "number" => Self::Number,
            "boolean" => Self::Boolean,
            "integer-or-text" => Self::IntegerOrText,
            "any" => Self::Any,
            _ => return None,
        })
    }
}

/// A field in some releases.
#[derive(Debug)]
pub struct Row {
    /// What it must be.
    pub kind: Type,
    /// The releases that have it so.
    pub minors: Minors,
    /// What its value must keep to.
    pub limits: Vec<Limit>,
}

/// A field and those below it.
#[derive(Debug, Default)]
pub struct Place {
    /// One for each run of releases that have it alike; none where only fields below it are known.
    pub rows: Vec<Row>,
    /// By name; `*` is any key, and `[]` is each item.
    pub below: HashMap<String, Self>,
}

impl Place {
    /// The field as a release has it. Without a release the newest counts, and for a field that
    /// the newest has no more, the last.
    #[must_use]
    pub fn row(&self, version: Option<Version>) -> Option<&Row> {
        let row = self.rows.iter().find(|row| row.minors.include(version));
        if version.is_none() { row.or_else(|| self.rows.last()) } else { row }
    }
}

/// A kind whose fields are known.
#[derive(Debug)]
pub struct Kind {
    /// Its name.
    pub name: &'static str,
    /// Its API group.
    pub group: &'static str,
    /// Versions of its API, the one to use first.
    pub api_versions: &'static [&'static str],
    /// Whose it is.
    pub product: Product,
    /// Whether objects are in a namespace.
    pub namespaced: bool,
    /// The fields of `spec`.
    pub spec: Place,
}

impl Kind {
    /// A kind by its group and name.
    #[must_use]
    pub fn find(group: &str, name: &str) -> Option<&'static Self> {
        KINDS.iter().find(|kind| kind.group == group && kind.name == name)
    }
}

/// Every kind whose fields are known.
pub static KINDS: LazyLock<Vec<Kind>> = LazyLock::new(|| {
    let security = |name, table| Kind {
        name,
        group: "security.istio.io",
        api_versions: &["v1", "v1beta1"],
        product: Product::Istio,
        namespaced: true,
        spec: read(table),
    };
    let cilium = |name, namespaced| Kind {
        name,
        group: "cilium.io",
        api_versions: &["v2"],
        product: Product::Cilium,
        namespaced,
        spec: read(include_str!("../../schemas/ciliumnetworkpolicies.tsv")),
    };
    vec![
        security("PeerAuthentication", include_str!("../../schemas/peerauthentications.tsv")),
        security("AuthorizationPolicy", include_str!("../../schemas/authorizationpolicies.tsv")),
        security("RequestAuthentication", include_str!("../../schemas/requestauthentications.tsv")),
        Kind {
            name: "DestinationRule",
            group: "networking.istio.io",
            api_versions: &["v1", "v1beta1", "v1alpha3"],
            product: Product::Istio,
            namespaced: true,
            spec: read(include_str!("../../schemas/destinationrules.tsv")),
        },
        cilium("CiliumNetworkPolicy", true),
        cilium("CiliumClusterwideNetworkPolicy", false),
    ]
});

/// A table of fields.
///
/// # Panics
///
/// When a line is not as the tables' writer makes them; a test reads each of them.
fn read(table: &str) -> Place {
    let mut root = Place::default();
    for line in table.lines() {
        let mut columns = line.splitn(4, '\t');
        let mut column = || columns.next().unwrap_or_default();
        let (path, kind, minors, limits) = (column(), column(), column(), column());
        let row = Row {
            kind: Type::of(kind).expect("a type of the table"),
            minors: minors.parse().expect("a range of the table"),
            limits: Limit::all(limits),
        };
        let steps = path.replace("[]", ".[]");
        let place = steps
            .split('.')
            .skip(1)
            .fold(&mut root, |place, step| place.below.entry(step.to_owned()).or_default());
        place.rows.push(row);
    }
    root
}
