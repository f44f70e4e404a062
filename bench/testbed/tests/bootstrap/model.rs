//! The table, decided by the reference model.

use policy::cilium::Direction;
use policy::decide::{Call, Http, decide};
use policy::endpoint::{self, Content, Peer, Policies, Protocol, Target};
use policy::inventory::PathNormalization;
use policy::normalize::normalized;

use super::cases::{self, Case, Mesh, Outcome, Set};
use super::fixtures::{self, PORT, TRUST_DOMAIN, workload};
use super::real::SNI;

/// Cilium's decision for the server; whether a path is redirected is no matter of policies.
fn cilium(set: &Set, case: &Case) -> Outcome {
    let Some(path) = normalized(&case.target, PathNormalization::MergeSlashes) else {
        return Outcome::Bad;
    };
    let callers = fixtures::callers();
    let peer = callers.iter().find(|caller| caller.addresses.contains(&case.from.into()));
    let peer = match peer {
        Some(caller) => Peer::Pod(caller.pod.clone()),
        None => Peer::Outside { address: Some(case.from.into()), name: None },
    };
    let content = Content::Http(http(case, path));
    let target = Target { protocol: Protocol::Tcp, port: PORT, names: None };
    let policies = fixtures::read(&set.name, &set.resources).network_policies;
    let policies = Policies { list: &policies, agent: None };
    let call = endpoint::Call { peer, target, content };
    let decision = policies.decide(&fixtures::server(), Direction::Ingress, &call);
    match decision.allowed() {
        Some(true) => Outcome::Allow,
        Some(false) => Outcome::Deny,
        None => panic!("{}: {decision:?}", case.place),
    }
}

fn http(case: &Case, path: String) -> Http {
    Http {
        method: case.method.clone(),
        path,
        host: case.host.clone(),
        headers: case.headers.clone(),
        ..Http::default()
    }
}

fn istio(set: &Set, case: &Case) -> Outcome {
    let Some(path) = normalized(&case.target, set.normalization) else { return Outcome::Bad };
    let policies = fixtures::read(&set.name, &set.resources).authorization_policies;
    let principal = case
        .caller
        .as_ref()
        .map(|(namespace, account)| format!("{TRUST_DOMAIN}/ns/{namespace}/sa/{account}"));
    let forwarded = case.headers.get("x-forwarded-for").and_then(|all| all.rsplit(',').next());
    let forwarded = forwarded.map(|one| one.trim().parse().expect("an address"));
    let remote_ip = forwarded.unwrap_or_else(|| case.from.into());
    let call = Call {
        sni: principal.as_ref().map(|_| SNI.to_owned()).unwrap_or_default(),
        principal,
        source_ip: case.from.into(),
        remote_ip,
        destination_ip: [127, 0, 0, 1].into(),
        port: PORT,
        http: Some(http(case, path)),
    };
    match decide(&policies, "istio-system", &workload(), &call).allowed() {
        Some(true) => Outcome::Allow,
        Some(false) => Outcome::Deny,
        None => panic!("{}: a provider decides", case.place),
    }
}

#[test]
fn the_reference_model_decides_the_table() {
    let mut wrong = Vec::new();
    for set in &cases::all() {
        for case in &set.cases {
            let found = match set.mesh {
                Mesh::Istio => istio(set, case),
                Mesh::Cilium => cilium(set, case),
            };
            let expected = case.model.unwrap_or(case.expect);
            if found != expected {
                wrong.push(format!("{}: {found:?}, expected {expected:?}", case.place));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
