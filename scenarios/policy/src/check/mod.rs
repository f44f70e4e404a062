//! Resources to findings, one module for each kind. It reads no file and shows nothing.

mod authorization_habits;
mod authorization_policy;
mod cilium_content;
mod cilium_network_policy;
mod cilium_reach;
mod cilium_refusals;
mod cilium_scope;
mod general;
mod peer_authentication;

use std::collections::BTreeSet;

use crate::catalogue::check;
use crate::finding::{Finding, Span};
use crate::manifest::Manifest;
use crate::version::Versions;

pub(crate) use general::{deviations, mesh_config, twice, version_of_api};

/// Findings as they are made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Finding>,
    /// Checks that could not be decided for something that is there, and what is missing.
    pub(crate) open: BTreeSet<(&'static str, String)>,
}

impl Findings {
    /// Adds one with the check's own severity, which the case may change.
    pub(crate) fn add(
        &mut self,
        id: &str,
        of: &Manifest,
        span: Span,
        message: String,
    ) -> &mut Finding {
        let check = check(id);
        let (path, object) = (of.origin.path.clone(), of.title());
        let severity = check.severity;
        self.list.push(Finding { check, severity, path, span, object, message });
        self.list.last_mut().expect("one was added")
    }

    /// Notes that a check could not be decided, once for each reason.
    pub(crate) fn open(&mut self, id: &str, missing: impl Into<String>) {
        self.open.insert((check(id).id, missing.into()));
    }
}

/// The checks that one object alone decides.
pub(crate) fn alone(manifest: &Manifest, versions: Versions, out: &mut Findings) {
    match manifest.kind.name {
        "PeerAuthentication" => peer_authentication::alone(manifest, out),
        "AuthorizationPolicy" => authorization_policy::alone(manifest, versions, out),
        "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
            for node in &manifest.specs {
                let spec = crate::cilium::Spec::read(node);
                cilium_refusals::alone(manifest, &spec, versions.cilium, out);
                cilium_network_policy::alone(manifest, &spec, versions.cilium, out);
                cilium_reach::alone(manifest, &spec, versions, out);
                cilium_content::alone(manifest, &spec, versions, out);
                cilium_scope::alone(manifest, &spec, node, out);
            }
        }
        _ => {}
    }
}

/// The checks that need all objects; those that could not be decided are named.
pub(crate) fn together(
    manifests: &[Manifest],
    set: &crate::PolicySet,
    out: &mut Findings,
) -> Vec<(&'static str, String)> {
    peer_authentication::together(manifests, set, out)
}
