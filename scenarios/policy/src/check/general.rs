//! Checks of any kind: fields, versions of the API, and objects that are there twice.

use std::collections::BTreeMap;

use super::Findings;
use crate::finding::Span;
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
            let message =
                format!("`{}` is no field of MeshConfig; did you mean `{meant}`?", field.text);
            out.add("GN001", &mesh.head, field.span, message);
        }
    }
}

/// An older version of the API.
pub(crate) fn version_of_api(of: &Manifest, root: &Node, out: &mut Findings) {
    let newest = of.kind.api_versions[0];
    if of.api_version != newest && of.kind.api_versions.contains(&of.api_version.as_str()) {
        let (group, old) = (of.kind.group, &of.api_version);
        let message = format!("{group}/{old} is older than {group}/{newest}, with the same fields");
        let written = root.member("apiVersion").map_or(of.span, Span::from);
        out.add("GN003", of, written, message);
    }
}

/// Objects of the same kind and name: twice in files, or in a file and otherwise in the cluster.
pub(crate) fn twice(manifests: &[Manifest], out: &mut Findings) {
    let mut first: BTreeMap<String, &Manifest> = BTreeMap::new();
    for manifest in manifests {
        let Some(other) = first.get(&manifest.title()) else {
            first.insert(manifest.title(), manifest);
            continue;
        };
        if manifest.created.is_some() == other.created.is_some() {
            let message = format!("it is given before, at {}", other.origin);
            out.add("GN007", manifest, manifest.span, message);
        } else if manifest.digest != other.digest {
            let (file, cluster) =
                if manifest.created.is_some() { (*other, manifest) } else { (manifest, *other) };
            let message = format!("the cluster has something else, at {}", cluster.origin);
            out.add("GN008", file, file.span, message);
        }
    }
}

/// What the agents say of a policy in its own status.
pub(crate) fn status(of: &Manifest, root: &Node, out: &mut Findings) {
    let conditions = root.path("status.conditions").map(Node::items).unwrap_or_default();
    for condition in conditions.iter().filter(|_| of.kind.group == "cilium.io") {
        let text = |name: &str| condition.member(name).and_then(Node::text).unwrap_or_default();
        // The word is a text in quotes, and a boolean where they are left out.
        let status = condition.member("status");
        let refused = status.is_some_and(|status| {
            status.boolean() == Some(false) || status.text() == Some("False")
        });
        if text("type") == "Valid" && refused {
            let message = match text("message") {
                "" => "the agents did not take it".to_owned(),
                why => format!("the agents did not take it: {why}"),
            };
            out.add("CN032", of, status.map_or(of.span, Span::from), message);
        }
    }
}
