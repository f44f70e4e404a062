//! Resources to findings, one module for each kind. It reads no file and shows nothing.

mod article;
mod authorization_policy;
mod cilium_network_policy;
mod cilium_refusals;
mod general;
mod peer_authentication;

use crate::catalogue::check;
use crate::finding::{Finding, Span};
use crate::manifest::Manifest;

pub(crate) use article::of_the_article;
pub(crate) use general::{deviations, twice, version_of_api};

/// Findings as they are made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Finding>,
    /// Whose known holes would matter, were the release given.
    pub(crate) undecided_holes: std::collections::BTreeSet<crate::schema::Product>,
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
        let finding = Finding::new(check(id), of.origin.path.clone(), span, message);
        self.list.push(Finding { object: of.title(), ..finding });
        self.list.last_mut().expect("one was added")
    }
}

/// The checks that one object alone decides.
pub(crate) fn alone(
    manifest: &Manifest,
    cilium: Option<crate::version::Version>,
    out: &mut Findings,
) {
    match manifest.kind.name {
        "PeerAuthentication" => peer_authentication::alone(manifest, out),
        "AuthorizationPolicy" => authorization_policy::alone(manifest, out),
        "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
            for spec in &manifest.specs {
                let spec = crate::cilium::Spec::read(spec);
                cilium_refusals::alone(manifest, &spec, cilium, out);
                cilium_network_policy::alone(manifest, &spec, cilium, out);
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
