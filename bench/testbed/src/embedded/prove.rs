//! Whether a variant's posture holds on its live ports: every kind of caller calls, and the origin
//! is asked whether anything arrived. An answer alone proves an acceptance, silence no refusal.

use std::net::SocketAddr;
use std::sync::Arc;

use bench::seams::{Probe, Proof};
use rustls::ClientConfig;
use scenarios::posture::Expected;
use scenarios::variant::Variant;
use sidecar::Role;

use super::processes::{Broken, Processes};
use super::route::{Route, address};
use crate::probe::{self, Observed};

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
    let entrance = if route.mode.is_some() { Role::Client } else { Role::Origin };
    let entrance_address = address_of(processes, entrance, route)?;
    let with_identity = variant.posture.measured_path_has_identity;
    let (probe, peer_identity) = measured_path(processes, route, entrance_address, with_identity)?;
    probes.push(probe);
    processes.look(route.key())?;
    // The probes' own handshakes and callers go.
    processes.take(route.key());
    processes.put_back(route.key(), work);
    Ok(Proof { variant: variant.name.original().0, block, probes, peer_identity })
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
    let observed = probe::ask(inbound, caller.tls.clone(), Some(probe::CLAIMED));
    let seen = processes.look(route.key())?;
    let arrived = seen.requests + seen.echoes > 0;
    let (word, holds) = match caller.expected {
        Expected::Refused => ("refused", observed.is_refusal() && !arrived),
        Expected::Accepted => {
            let identity = match &observed {
                Observed::Answered(echo) if echo.route == route.key() => probe::identity_of(echo),
                _ => Err("no echo of this route".to_owned()),
            };
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
    // Without a sidecar nothing would drop the claim.
    let claim = route.mode.map(|_| probe::CLAIMED);
    let observed = probe::ask(entrance, None, claim);
    let seen = processes.look(route.key())?;
    let told = match &observed {
        Observed::Answered(echo) if echo.route == route.key() => Some(probe::identity_of(echo)),
        _ => None,
    };
    let arrived = seen.echoes > 0;
    let expected = with_identity.then(|| processes.credentials.client_id.to_string());
    let holds = arrived && told == Some(Ok(expected));
    let claim = match (route.mode.is_some(), with_identity) {
        (true, true) => "the measured path reaches the origin with the client's identity",
        (true, false) => "the measured path reaches the origin without an identity",
        (false, true) => "the origin is reached directly, with the client's identity",
        (false, false) => "the origin is reached directly, without an identity",
    };
    let probe = Probe { claim: claim.to_owned(), observed: observed.to_string(), holds };
    Ok((probe, told.and_then(Result::ok).flatten()))
}
