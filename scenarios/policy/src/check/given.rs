//! Which checks could not be decided at all, since what they need was not given.

use super::{Findings, Known};
use crate::catalogue::{About, NEEDS, Need};

/// Notes each of them with the first thing that is missing.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    let is_of = |kind: &str| known.manifests.iter().any(|of| of.kind.name == kind);
    let kinds = (is_of("PeerAuthentication"), is_of("AuthorizationPolicy"));
    let (istio, cilium) = (known.has_istio(), known.has_cilium());
    let there = |about: About| match about {
        About::Any => !known.manifests.is_empty(),
        About::Istio => istio,
        About::PeerAuthentication => kinds.0,
        About::Authorization => kinds.1,
        About::Cilium => cilium,
        About::Both => istio && cilium,
    };
    for (id, _, needs) in NEEDS.iter().filter(|(_, about, _)| there(*about)) {
        if let Some(need) = needs.iter().find(|need| !is_given(**need, known)) {
            out.open(id, need.missing());
        }
    }
}

fn is_given(need: Need, known: &Known<'_>) -> bool {
    let inventory = known.inventory;
    match need {
        Need::Namespaces => !inventory.namespaces.is_empty(),
        Need::Workloads => !inventory.workloads.is_empty(),
        Need::Services => !inventory.services.is_empty(),
        Need::MeshConfig => inventory.mesh().is_some(),
        Need::CiliumConfig => inventory.agent().is_some(),
        Need::Status => {
            known.manifests.iter().any(|of| of.kind.group == "cilium.io" && of.has_status)
        }
        Need::Both => {
            let from_cluster = |of: &&crate::manifest::Manifest| of.created.is_some();
            let count = known.manifests.iter().filter(from_cluster).count();
            count > 0 && count < known.manifests.len()
        }
    }
}
