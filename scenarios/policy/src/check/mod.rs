//! Resources to findings, one module for each kind. It reads no file and shows nothing.

mod article;
mod authorization_callers;
mod authorization_habits;
mod authorization_http;
mod authorization_policy;
mod authorization_refusals;
mod authorization_scope;
mod capture;
mod cilium_cluster;
mod cilium_content;
mod cilium_istiod;
mod cilium_network_policy;
mod cilium_nodes;
mod cilium_reach;
mod cilium_refusals;
mod cilium_scope;
mod cross;
mod destination_rule;
mod general;
mod given;
mod known;
mod mtls_ports;
mod neighbours;
mod outline;
mod peer_authentication;
mod request_authentication;

use crate::catalogue::check;
use crate::finding::{Finding, Span};
use crate::inventory::Head;
use crate::manifest::Manifest;
use crate::version::Versions;

pub(crate) use article::of_the_article;
pub(crate) use general::{deviations, mesh_config, status, twice, version_of_api};
pub(crate) use known::Known;
pub(crate) use outline::Outline;

/// An object that a finding can be about.
pub(crate) trait Subject {
    /// The file.
    fn path(&self) -> &str;

    /// Kind, namespace and name.
    fn title(&self) -> String;
}

impl<S: Subject> Subject for &S {
    fn path(&self) -> &str {
        (**self).path()
    }

    fn title(&self) -> String {
        (**self).title()
    }
}

impl Subject for Manifest {
    fn path(&self) -> &str {
        &self.origin.path
    }

    fn title(&self) -> String {
        self.title()
    }
}

impl Subject for Head {
    fn path(&self) -> &str {
        &self.origin.path
    }

    fn title(&self) -> String {
        self.title()
    }
}

/// Findings as they are made.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    pub(crate) list: Vec<Finding>,
    /// Checks that could not be decided for something that is there, and what is missing.
    pub(crate) open: Vec<(&'static str, String)>,
    /// Whose known holes would matter, were the release given.
    pub(crate) undecided_holes: std::collections::BTreeSet<crate::schema::Product>,
}

impl Findings {
    /// Adds one with the check's own severity, which the case may change.
    pub(crate) fn add(
        &mut self,
        id: &str,
        of: &impl Subject,
        span: Span,
        message: String,
    ) -> &mut Finding {
        let finding = Finding::new(check(id), of.path().to_owned(), span, message);
        self.list.push(Finding { object: of.title(), ..finding });
        self.list.last_mut().expect("one was added")
    }

    /// Notes that a check could not be decided, once for each reason.
    pub(crate) fn open(&mut self, id: &str, missing: impl Into<String>) {
        let pair = (check(id).id, missing.into());
        if !self.open.contains(&pair) {
            self.open.push(pair);
        }
    }
}

/// The checks that one object alone decides.
pub(crate) fn alone(manifest: &Manifest, versions: Versions, out: &mut Findings) {
    match manifest.kind.name {
        "PeerAuthentication" => peer_authentication::alone(manifest, out),
        "AuthorizationPolicy" => authorization_policy::alone(manifest, versions, out),
        "RequestAuthentication" => request_authentication::alone(manifest, versions, out),
        "CiliumNetworkPolicy" | "CiliumClusterwideNetworkPolicy" => {
            for node in &manifest.specs {
                let spec = crate::cilium::Spec::read(node);
                cilium_refusals::alone(manifest, &spec, versions.cilium, out);
                cilium_network_policy::alone(manifest, &spec, versions.cilium, out);
                cilium_reach::alone(manifest, &spec, versions, out);
                cilium_nodes::alone(manifest, &spec, out);
                cilium_istiod::alone(manifest, &spec, out);
                cilium_content::alone(manifest, &spec, versions, out);
                cilium_scope::alone(manifest, &spec, node, out);
            }
        }
        _ => {}
    }
}

/// The checks that need all objects.
pub(crate) fn together(known: &Known<'_>, out: &mut Findings) {
    given::together(known, out);
    peer_authentication::together(known, out);
    mtls_ports::together(known, out);
    capture::together(known, out);
    destination_rule::together(known, out);
    authorization_scope::together(known, out);
    authorization_callers::together(known, out);
    authorization_http::together(known, out);
    neighbours::together(known.inventory, known.versions, out);
    let policies = cilium_cluster::Policies::of(known);
    cilium_cluster::together(known, &policies, out);
    cross::together(known, &policies, out);
}
