//! Checks of `PeerAuthentication`. What is in force comes from `effective`.

use std::collections::BTreeMap;

use super::{Findings, Known};
use crate::finding::Span;
use crate::manifest::{Manifest, texts};
use crate::source::Node;
use crate::{MtlsMode, PolicySet};

const NAME: &str = "PeerAuthentication";

/// What one policy alone says.
pub(super) fn alone(of: &Manifest, out: &mut Findings) {
    let Some(spec) = of.specs.first() else { return };
    let mode = spec.path("mtls.mode");
    let base = mode.and_then(Node::text);
    let span = mode.map_or(of.span, Span::from);
    match base {
        Some("PERMISSIVE") => {
            let message = "PERMISSIVE: callers without mTLS are let in".to_owned();
            out.add("PA002", of, span, message);
        }
        Some("DISABLE") => {
            out.add("PA003", of, span, "DISABLE: no caller is authenticated".to_owned());
        }
        _ => {}
    }
    for port in spec.member("portLevelMtls").map(Node::entries).unwrap_or_default() {
        let Some(mode) = port.value.member("mode") else { continue };
        let weaker = match mode.text() {
            Some("DISABLE") => base != Some("DISABLE"),
            Some("PERMISSIVE") => !matches!(base, Some("PERMISSIVE" | "DISABLE")),
            _ => false,
        };
        if weaker {
            let (mode_word, base) = (mode.text().unwrap_or_default(), base.unwrap_or("UNSET"));
            let message = format!("port {} is {mode_word} where the workload is {base}", port.key);
            out.add("PA005", of, mode.into(), message);
        }
    }
}

/// Which workloads a policy is about, so that two can be compared.
fn width(of: &Manifest) -> (String, BTreeMap<String, String>) {
    let labels = texts(of.specs.first().and_then(|spec| spec.path("selector.matchLabels")));
    (of.namespace.clone(), labels)
}

/// What policies say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    let (manifests, set) = (known.manifests, known.set);
    let policies: Vec<&Manifest> =
        manifests.iter().filter(|of| of.kind.name == NAME && !of.refused).collect();
    let mut first: BTreeMap<_, &Manifest> = BTreeMap::new();
    for of in &policies {
        let (namespace, labels) = width(of);
        if namespace == set.root_namespace && !labels.is_empty() {
            let message = format!("Istio ignores it: `{namespace}` is the root namespace");
            let selector = of.specs.first().and_then(|spec| spec.member("selector"));
            out.add("PA008", of, selector.map_or(of.span, Span::from), message);
            continue;
        }
        match first.get(&(namespace.clone(), labels.clone())) {
            // The same object again is another check's.
            Some(other) if other.name != of.name => one_too_many(of, other, out),
            Some(_) => {}
            None => drop(first.insert((namespace, labels), of)),
        }
    }
    mesh_wide(&policies, set, out);
}

/// Of two that are about the same workloads the older counts, as far as files know which that is.
fn one_too_many(of: &Manifest, other: &Manifest, out: &mut Findings) {
    let (younger, older) = match (&of.created, &other.created) {
        (Some(own), Some(others)) if own < others => (other, of),
        _ => (of, other),
    };
    let known = of.created.is_some() && other.created.is_some() && of.created != other.created;
    let title = older.title();
    let message = match known {
        true => format!("{title} is about the same workloads and older: this one is ignored"),
        false => format!("{title} is about the same workloads: the younger of the two is ignored"),
    };
    out.add("PA009", younger, younger.span, message);
}

fn mesh_wide(policies: &[&Manifest], set: &PolicySet, out: &mut Findings) {
    let root = &set.root_namespace;
    let Some(mesh) = policies.iter().find(|of| of.namespace == *root) else {
        if !policies.is_empty() {
            let missing = format!("no PeerAuthentication of the root namespace `{root}` is given");
            out.open("PA001", missing.as_str());
            out.open("PA004", missing);
        }
        return;
    };
    let mode = |of: &Manifest| of.specs.first().and_then(|spec| spec.path("mtls.mode").cloned());
    let workload = crate::Workload::new("", []);
    let in_force = set.mtls_mode(&workload, 0);
    if in_force.mode != MtlsMode::Strict {
        let message = format!("the mesh is {} where no namespace says otherwise", in_force.mode);
        out.add("PA001", mesh, mesh.span, message);
    }
    for of in policies.iter().filter(|of| of.namespace != *root) {
        let written = mode(of);
        let unset = written.as_ref().and_then(Node::text).is_none_or(|mode| mode == "UNSET");
        let (namespace, labels) = width(of);
        let labels = labels.iter().map(|(key, value)| (key.as_str(), value.as_str()));
        let in_force = set.mtls_mode(&crate::Workload::new(namespace, labels), 0);
        if unset && in_force.mode != MtlsMode::Strict {
            let span = written.as_ref().map_or(of.span, Span::from);
            let from = in_force
                .decided_by
                .document()
                .map_or_else(|| "Istio's default".to_owned(), ToString::to_string);
            let message = format!("sets no mode and comes to {}, by {from}", in_force.mode);
            out.add("PA004", of, span, message);
        }
    }
}
