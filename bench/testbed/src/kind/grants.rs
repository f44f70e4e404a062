//! The roles by which somebody who may nothing else can conduct a plan on a cluster: what its commands
//! need, written as manifests for whoever may grant it. Pure; grants nothing.

use std::collections::{BTreeMap, BTreeSet};

use super::objects::{Binding, Metadata, Role, RoleRef, Rule, Subject, Words};
use super::rights::Rights;
use super::workloads::{MADE_BY, namespaces};
use super::yaml;

const API: &str = "rbac.authorization.k8s.io/v1";
const GROUP: &str = "rbac.authorization.k8s.io";
/// Of roles and bindings.
const NAME: &str = "loadgen";

/// The namespaces that a plan writes into, with its mark; and for that user a role in each of them, in
/// those that it only looks into, and for what has no namespace.
#[must_use]
pub(super) fn grants<'n>(
    rights: &Rights,
    own: impl IntoIterator<Item = &'n str>,
    user: &str,
) -> String {
    let mut scopes: BTreeMap<Option<&str>, Rights> = BTreeMap::new();
    for (resource, verbs) in rights {
        let scope = scopes.entry(resource.namespace.as_deref()).or_default();
        scope.insert(resource.clone(), verbs.clone());
    }
    let mut documents = vec![namespaces(own)];
    for (namespace, rights) in &scopes {
        let (role, binding) = match namespace {
            Some(_) => ("Role", "RoleBinding"),
            None => ("ClusterRole", "ClusterRoleBinding"),
        };
        documents.push(yaml::document(&Role {
            api_version: API,
            kind: role,
            metadata: metadata(*namespace),
            rules: rules(rights),
        }));
        documents.push(yaml::document(&Binding {
            api_version: API,
            kind: binding,
            metadata: metadata(*namespace),
            role_ref: RoleRef { api_group: GROUP, kind: role, name: NAME.to_owned() },
            subjects: vec![Subject { api_group: GROUP, kind: "User", name: user.to_owned() }],
        }));
    }
    yaml::documents(&documents)
}

/// Resources of one API with the same verbs stand together.
fn rules(rights: &Rights) -> Vec<Rule> {
    let mut alike: BTreeMap<(&str, &BTreeSet<&'static str>), Vec<String>> = BTreeMap::new();
    for (resource, verbs) in rights {
        alike.entry((&resource.group, verbs)).or_default().push(resource.name.clone());
    }
    alike
        .into_iter()
        .map(|((group, verbs), resources)| Rule {
            api_groups: vec![group.to_owned()],
            resources,
            verbs: verbs.iter().copied().collect(),
        })
        .collect()
}

fn metadata(namespace: Option<&str>) -> Metadata {
    Metadata {
        name: NAME.to_owned(),
        namespace: namespace.map(str::to_owned),
        labels: Words::from([(MADE_BY.0.to_owned(), MADE_BY.1.to_owned())]),
        annotations: Words::new(),
    }
}
