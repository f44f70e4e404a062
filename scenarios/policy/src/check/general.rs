//! Checks of any kind: fields, versions of the API, and objects that are there twice.

use std::collections::BTreeMap;

use super::Findings;
use crate::catalogue::check;
use crate::finding::{Finding, Span};
use crate::inventory::Inventory;
use crate::manifest::Manifest;
use crate::schema::{Deviation, Wrong};
use crate::source::Node;

/// Deviations from the kind's fields, each as a finding that says what is left. `kept` is what the
/// API server keeps of the value that they are in.
pub(crate) fn deviations(of: &Manifest, kept: &Node, list: &[Deviation], out: &mut Findings) {
    for deviation in list {
        let Deviation { key, at, until, wrong } = deviation;
        let span = Span { at: *at, until: *until };
        let (id, message) = match wrong {
            Wrong::Unknown { nearest } => unknown(of, kept, key, nearest.as_deref()),
            Wrong::OtherRelease(minors) => {
                let product = of.kind.product.name();
                ("GN001", format!("`{key}` is a field of {product} {minors}, and not of this one"))
            }
            Wrong::Repeated(first) => {
                ("GN002", format!("`{key}` is written twice, first on line {}", first.line))
            }
            Wrong::Null => ("GN011", format!("`{key}` has no value and is dropped")),
            Wrong::Refused(wrong) => refused(of, key, wrong),
        };
        out.add(id, of, span, message);
        if key.ends_with("revocationCheck") || key.ends_with("certificateChainValidation") {
            let message = format!("`{key}` revokes nothing in any release of Istio");
            out.add("PA017", of, span, message);
        }
    }
}

/// The field and what the object means without it.
fn unknown(of: &Manifest, kept: &Node, key: &str, nearest: Option<&str>) -> (&'static str, String) {
    let denies = key.ends_with("].action") && of.kind.group == "cilium.io";
    if denies {
        let message = format!("`{key}` is no field: without it the entry allows its peers");
        return ("CN002", message);
    }
    let meant = match nearest {
        Some(nearest) => format!("; did you mean `{nearest}`?"),
        None => match of.kind.name {
            "PeerAuthentication" => {
                let mode = kept.path("mtls.mode").and_then(Node::text).unwrap_or("UNSET");
                format!("; without it the policy is one of mode {mode} and no more")
            }
            _ => "; it is refused, or dropped with all that is below it".to_owned(),
        },
    };
    ("GN001", format!("`{key}` is no field of {}{meant}", of.kind.name))
}

/// Some refusals have a check of their own.
fn refused(of: &Manifest, key: &str, wrong: &str) -> (&'static str, String) {
    let selectors = wrong.contains("`endpointSelector`") && of.kind.group == "cilium.io";
    let empty = wrong.contains("`ingressDeny`, `egress`");
    let id = match of.kind.name {
        _ if selectors => "CN015",
        "PeerAuthentication" if wrong.contains("only with members in `selector") => "PA006",
        "AuthorizationPolicy" if wrong.contains("`targetRef") => "AP020",
        // A header is a text, and an object of name and value is written as `headerMatches`.
        _ if key.contains(".http[") && key.contains(".headers[") => "CN013",
        _ => "GN010",
    };
    let message = match empty {
        true => format!("`{key}` has no rule at all"),
        false => format!("`{key}` {wrong}"),
    };
    (id, message)
}

/// Fields of the mesh's configuration that are near to ones that exist. istiod starts without a
/// word about them, and a path is then not normalised as somebody thinks it is.
pub(crate) fn mesh_config(inventory: &Inventory, out: &mut Findings) {
    for mesh in &inventory.meshes {
        for (field, meant) in &mesh.unknown {
            let check = check("GN001");
            out.list.push(Finding {
                check,
                severity: check.severity,
                path: mesh.head.origin.path.clone(),
                span: field.span,
                object: mesh.head.title(),
                message: format!(
                    "`{}` is no field of MeshConfig; did you mean `{meant}`?",
                    field.text
                ),
            });
        }
    }
}

/// An older version of the API.
pub(crate) fn version_of_api(of: &Manifest, out: &mut Findings) {
    let newest = of.kind.api_versions[0];
    if of.api_version != newest && of.kind.api_versions.contains(&of.api_version.as_str()) {
        let (group, old) = (of.kind.group, &of.api_version);
        let message = format!("{group}/{old} is older than {group}/{newest}, with the same fields");
        out.add("GN003", of, of.span, message);
    }
}

/// Objects of the same kind and name.
pub(crate) fn twice(manifests: &[Manifest], out: &mut Findings) {
    let mut first = BTreeMap::new();
    for manifest in manifests {
        let title = manifest.title();
        match first.get(&title) {
            Some(origin) => {
                let message = format!("it is given before, at {origin}");
                out.add("GN007", manifest, manifest.span, message);
            }
            None => drop(first.insert(title, manifest.origin.to_string())),
        }
    }
}
