//! The table, decided by the embedded sidecar's own code. What that can not know, such as tokens and
//! addresses, it refuses by name; such sets are counted, so that none is left out in silence.

use hyper::header::{HeaderMap, HeaderName, HeaderValue};
use policy::Workload;
use policy::inventory::PathNormalization;
use sidecar::authorise::{Caller, Check, Facts, NotEnforced, Rules, of_cilium, of_istio};

use super::cases::{self, Case, Mesh, Outcome, Set};
use super::fixtures::{self, PORT, TRUST_DOMAIN, workload};

/// Sets that are refused whole: each asks for what is not known there in one of its resources.
const REFUSED: [&str; 6] = [
    "istio-addresses",
    "istio-audit",
    "istio-conditions",
    "istio-not-fields",
    "cilium-callers",
    "cilium-callers-and-rules",
];

/// Rules for the caller of a case; nothing for one that is no pod, of whom a node's proxy on this
/// machine knows nothing.
fn rules(set: &Set, case: &Case) -> Option<Result<Option<Rules>, Vec<NotEnforced>>> {
    let in_force = fixtures::read(&set.name, &set.resources);
    match set.mesh {
        Mesh::Istio => {
            let policies = &in_force.authorization_policies;
            Some(of_istio(policies, "istio-system", &workload(), PORT))
        }
        Mesh::Cilium => {
            let callers = fixtures::callers();
            let peer =
                callers.iter().find(|caller| caller.addresses.contains(&case.from.into()))?;
            let labels = peer.pod.labels.clone().unwrap_or_default();
            let peer = Workload { namespace: peer.pod.namespace.clone(), labels };
            Some(of_cilium(&in_force.network_policies, &workload(), &peer, PORT))
        }
    }
}

fn decided(rules: Option<&Rules>, case: &Case) -> Outcome {
    let Some(rules) = rules else { return Outcome::Allow };
    let check = Check::new(rules).expect("patterns that compile");
    let caller = case.caller.as_ref().map(|(namespace, account)| {
        Caller::of(&format!("spiffe://{TRUST_DOMAIN}/ns/{namespace}/sa/{account}"))
    });
    let mut headers = HeaderMap::new();
    for (name, value) in &case.headers {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        headers.insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    let facts = Facts {
        caller: &caller.unwrap_or_default(),
        method: &case.method,
        host: &case.host,
        target: &case.target,
        headers: &headers,
    };
    if check.allows(&facts) { Outcome::Allow } else { Outcome::Deny }
}

#[test]
fn the_embedded_sidecar_decides_the_table_or_refuses_it_by_name() {
    let (mut wrong, mut judged, mut refused) = (Vec::new(), 0, Vec::new());
    let sets = cases::all();
    for set in &sets {
        // It normalises paths as Istio does by default, and Cilium's node as Cilium does.
        if set.mesh == Mesh::Istio && set.normalization != PathNormalization::Base {
            continue;
        }
        for case in &set.cases {
            match rules(set, case) {
                None => {}
                Some(Err(_)) => {
                    refused.push(set.name.as_str());
                    break;
                }
                Some(Ok(rules)) => {
                    judged += 1;
                    let found = decided(rules.as_ref(), case);
                    // What an Envoy does not take for a call at all, or redirects, is not let through.
                    let expected = match case.model.unwrap_or(case.expect) {
                        Outcome::Allow => Outcome::Allow,
                        Outcome::Deny | Outcome::Bad | Outcome::Redirect => Outcome::Deny,
                    };
                    if found != expected {
                        wrong.push(format!("{}: {found:?}, expected {expected:?}", case.place));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!(refused, REFUSED);
    assert!(judged >= 100, "{judged} cases were judged");
}
