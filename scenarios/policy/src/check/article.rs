//! The four points of the article's own program, as it has them: what it overlooks is overlooked
//! here, too. The other checks judge what the same objects mean.

use super::Findings;
use crate::cilium::{Direction, Spec};
use crate::finding::{Finding, Span};
use crate::manifest::Manifest;
use crate::source::Node;

/// What the program looks at, `root` being the object before the API server drops anything.
pub(crate) fn of_the_article(of: &Manifest, root: &Node) -> Vec<Finding> {
    let mut out = Findings::default();
    match of.kind.name {
        "PeerAuthentication" => peer_authentication(of, root, &mut out),
        "CiliumNetworkPolicy" => {
            for spec in &of.specs {
                network_policy(of, &Spec::read(spec), &mut out);
            }
        }
        _ => {}
    }
    out.list
}

fn peer_authentication(of: &Manifest, root: &Node, out: &mut Findings) {
    let mode = root.path("spec.mtls.mode");
    if mode.and_then(Node::text) != Some("STRICT") {
        let span = mode.map_or(of.span, Span::from);
        out.add("AR001", of, span, "the mode of `mtls` is not STRICT".to_owned());
    }
    // Where the program looks for it. It is no field there either, which is another check's.
    let asked = root.path("spec.mtls.certificateChainValidation.revocationCheck");
    if asked.and_then(Node::boolean) != Some(true) {
        let message = "`revocationCheck` is asked for and not there; no release of Istio has that \
                       field, and 1.24 and 1.25 can not revoke";
        out.add("AR002", of, of.span, message.to_owned());
    }
}

fn network_policy(of: &Manifest, spec: &Spec, out: &mut Findings) {
    if !spec.entries.iter().any(|entry| !entry.deny) {
        let message = "neither `ingress` nor `egress` has a rule".to_owned();
        out.add("AR003", of, spec.span, message);
    }
    let egress =
        spec.entries.iter().filter(|entry| entry.direction == Direction::Egress && !entry.deny);
    let names = egress.flat_map(|entry| &entry.ports).flat_map(|rule| rule.dns.iter().flatten());
    for name in names.filter(|name| name.pattern && name.text == "*") {
        out.add("AR004", of, name.span, "`matchPattern: \"*\"` for DNS".to_owned());
    }
}
