//! Whether a variant's posture holds on its live ports: every kind of caller calls, and the origin
//! is asked whether anything arrived. An answer alone proves an acceptance, silence no refusal.

use std::net::SocketAddr;
use std::sync::Arc;

use bench::seams::{Probe, Proof};
use rustls::ClientConfig;
use scenarios::load::{Answer, RequestKind, RequestSpec};
use scenarios::posture::{CallClaim, Expected};
use scenarios::variant::{Proxies, Variant};
use sidecar::{ECHO_PATH, Role};

use super::processes::{Broken, Processes};
use super::route::{Route, address};
use crate::probe::{self, Observed, Question};

/// A kind of caller.
struct Caller {
    what: &'static str,
    expected: Expected,
    tls: Option<Arc<ClientConfig>>,
    /// The identity that the origin must see when the call is accepted.
    seen_as: Option<String>,
}

/// Asks all callers' questions. What the probes caused is not counted as the variant's work.
pub(super) fn prove(
    processes: &mut Processes,
    route: &Route,
    variant: &Variant,
    block: u32,
) -> Result<Proof, Broken> {
    processes.look(route.key())?;
    let work = processes.take(route.key());
    let mut probes = Vec::new();
    if route.mode.is_some() {
        let inbound = address_of(processes, Role::Server, route)?;
        for caller in callers(processes, variant) {
            probes.push(call(processes, route, inbound, &caller)?);
        }
    }
    let entrance = address_of(processes, route.entrance(), route)?;
    let with_identity = variant.posture.measured_path_has_identity;
    let (probe, peer_identity) = measured_path(processes, route, entrance, with_identity)?;
    probes.push(probe);
    let on_path = OnPath { entrance, identity: peer_identity.clone() };
    for claim in &variant.posture.calls {
        probes.push(claimed(processes, route, &on_path, claim)?);
    }
    for kind in route.requests.iter().skip(1) {
        probes.push(of_load(processes, route, &on_path, kind)?);
    }
    processes.look(route.key())?;
    // The probes' own handshakes and callers go.
    processes.take(route.key());
    processes.put_back(route.key(), work);
    Ok(Proof { variant: variant.name.original().0, block, probes, peer_identity })
}

/// The measured path, and the identity that the origin sees on it.
struct OnPath {
    entrance: SocketAddr,
    identity: Option<String>,
}

/// A call of the posture.
fn claimed(
    processes: &mut Processes,
    route: &Route,
    on_path: &OnPath,
    claim: &CallClaim,
) -> Result<Probe, Broken> {
    let (address, tls, identity) = match &claim.from {
        None => (on_path.entrance, None, on_path.identity.clone()),
        Some(caller) => {
            let signed = processes.credentials.of(caller);
            let step = format!("make a certificate for {caller}");
            let (tls, id) = signed.map_err(|error| Broken::at(&step, error))?;
            let inbound = address_of(processes, Role::Server, route)?;
            (inbound, Some(tls), Some(id.to_string()))
        }
    };
    let observed = probe::ask_for(address, tls, &question(route, &claim.request));
    let arrived = arrived(processes, route)?;
    let holds = match claim.expected {
        Expected::Refused => observed.is_refusal() && !arrived,
        Expected::Accepted => seen_as(&observed, route) == Some(Ok(identity)) && arrived,
    };
    let but = if observed.is_refusal() && arrived { ", but it reached the origin" } else { "" };
    Ok(Probe { claim: claim.to_string(), observed: format!("{observed}{but}"), holds })
}

/// A further kind of request of the load, which is served or refused by a rule.
fn of_load(
    processes: &mut Processes,
    route: &Route,
    on_path: &OnPath,
    kind: &RequestKind,
) -> Result<Probe, Broken> {
    let observed = probe::ask_for(on_path.entrance, None, &question(route, &kind.request));
    let arrived = arrived(processes, route)?;
    let (word, holds) = match kind.answer {
        Answer::Served => {
            let identity = on_path.identity.clone();
            ("served", seen_as(&observed, route) == Some(Ok(identity)) && arrived)
        }
        Answer::Denied => ("denied", matches!(observed, Observed::Denied(_)) && !arrived),
    };
    let RequestKind { name, request, .. } = kind;
    let claim = format!("the load's `{name}`, {} {}, is {word}", request.method, request.path);
    Ok(Probe { claim, observed: observed.to_string(), holds })
}

/// Without a proxy nothing would drop the claim.
fn question<'q>(route: &Route, request: &'q RequestSpec) -> Question<'q> {
    let claim = route.mode.map(|_| probe::CLAIMED);
    let RequestSpec { method, path, headers, body } = request;
    Question { method, path, headers, body, claim }
}

/// How callers are told apart where rules look at requests: by the request that is measured, since
/// rules may refuse any other; and otherwise by the echo's own.
fn measured<'q>(route: &'q Route) -> Question<'q> {
    match route.requests.first().filter(|_| route.rules.is_some()) {
        Some(kind) => question(route, &kind.request),
        None => {
            let claim = route.mode.map(|_| probe::CLAIMED);
            Question { method: "GET", path: ECHO_PATH, headers: &[], body: "", claim }
        }
    }
}

fn arrived(processes: &mut Processes, route: &Route) -> Result<bool, Broken> {
    let seen = processes.look(route.key())?;
    Ok(seen.requests + seen.echoes > 0)
}

/// The identity that the route's origin saw; nothing where it did not answer.
fn seen_as(observed: &Observed, route: &Route) -> Option<Result<Option<String>, String>> {
    match observed {
        Observed::Answered(echo) if echo.route == route.key() => Some(probe::identity_of(echo)),
        _ => None,
    }
}

/// The address of a route at one of the processes.
pub(super) fn address_of(
    processes: &Processes,
    role: Role,
    route: &Route,
) -> Result<SocketAddr, Broken> {
    let ports = processes.ports(role).ok_or_else(|| "no sidecar was started".to_owned());
    ports
        .and_then(|ports| address(ports, route.key()))
        .map_err(|problem| Broken::at(&format!("find the {}'s port", role.as_str()), problem))
}

/// Those that the posture makes a claim about; with sidecars that is all of them.
fn callers(processes: &Processes, variant: &Variant) -> Vec<Caller> {
    let own = &processes.credentials;
    let posture = &variant.posture;
    let client = Some(own.client_id.to_string());
    let over_tls = |what, expected: Option<Expected>, config, seen_as| {
        expected.map(|expected| Caller { what, expected, tls: Some(Arc::clone(config)), seen_as })
    };
    [
        Some(Caller { what: "plaintext", expected: posture.plaintext, tls: None, seen_as: None }),
        over_tls("mTLS with the mesh's identity", posture.mesh_identity, &own.mesh, client.clone()),
        over_tls(
            "mTLS with the same SPIFFE id from a foreign CA",
            posture.foreign_ca,
            &own.foreign_ca,
            client,
        ),
        over_tls(
            "mTLS with a certificate of the mesh's CA for another trust domain",
            posture.foreign_trust_domain,
            &own.foreign_trust_domain,
            None,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn call(
    processes: &mut Processes,
    route: &Route,
    inbound: SocketAddr,
    caller: &Caller,
) -> Result<Probe, Broken> {
    let observed = probe::ask_for(inbound, caller.tls.clone(), &measured(route));
    let arrived = arrived(processes, route)?;
    let (word, holds) = match caller.expected {
        Expected::Refused => ("refused", observed.is_refusal() && !arrived),
        Expected::Accepted => {
            let identity = seen_as(&observed, route);
            let identity = identity.unwrap_or_else(|| Err("no echo of this route".to_owned()));
            // Who has no expected name has a foreign one, which is a matter of the posture alone.
            let as_expected = match (&caller.tls, &caller.seen_as) {
                (Some(_), None) => identity.is_ok_and(|id| id.is_some()),
                (_, expected) => identity.as_ref() == Ok(expected),
            };
            ("accepted", as_expected && arrived)
        }
    };
    let but = match caller.expected {
        Expected::Refused if observed.is_refusal() && arrived => ", but it reached the origin",
        _ => "",
    };
    Ok(Probe {
        claim: format!("{} is {word}", caller.what),
        observed: format!("{observed}{but}"),
        holds,
    })
}

/// The path as the generator will use it: what the origin sees of the caller's identity.
fn measured_path(
    processes: &mut Processes,
    route: &Route,
    entrance: SocketAddr,
    with_identity: bool,
) -> Result<(Probe, Option<String>), Broken> {
    let observed = probe::ask_for(entrance, None, &measured(route));
    let arrived = processes.look(route.key())?.echoes > 0;
    let told = seen_as(&observed, route);
    let expected = with_identity.then(|| processes.credentials.client_id.to_string());
    let holds = arrived && told == Some(Ok(expected));
    let claim = match (route.proxies != Proxies::None, with_identity) {
        (true, true) => "the measured path reaches the origin with the client's identity",
        (true, false) => "the measured path reaches the origin without an identity",
        (false, true) => "the origin is reached directly, with the client's identity",
        (false, false) => "the origin is reached directly, without an identity",
    };
    let probe = Probe { claim: claim.to_owned(), observed: observed.to_string(), holds };
    Ok((probe, told.and_then(Result::ok).flatten()))
}
