//! Whether a variant's posture holds on its live ports: every kind of caller calls, and the origin
//! is asked whether anything arrived. An answer alone proves an acceptance, silence no refusal.

use std::net::SocketAddr;
use std::sync::Arc;

use bench::seams::{Probe, Proof, WorkSeen};
use rustls::ClientConfig;
use scenarios::load::{Answer, RequestKind, RequestSpec};
use scenarios::parts::HOST;
use scenarios::posture::{CallClaim, Expected};
use scenarios::variant::{Proxies, Variant};
use sidecar::{ECHO_PATH, RouteStats};

use crate::credentials::Credentials;
use crate::namespace::Namespace;
use crate::part::Broken;
use crate::probe::{self, Observed, Question};

/// A variant's way through a place.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Path<'p> {
    /// Its name at the origin.
    pub(crate) route: &'p str,
    /// What stands in it.
    pub(crate) proxies: Proxies,
    /// Whether that has rules about requests.
    pub(crate) ruled: bool,
    /// The load's requests, as the variant answers them.
    pub(crate) requests: &'p [RequestKind],
}

impl Path<'_> {
    fn has_proxy(&self) -> bool {
        self.proxies != Proxies::None
    }
}

/// The processes of one block, as a proof sees them.
pub(crate) trait Live {
    fn credentials(&self) -> &Credentials;
    /// The proxy before the server.
    fn inbound(&self, path: &Path<'_>) -> Result<SocketAddr, Broken>;
    /// Where the generator sends.
    fn entrance(&self, path: &Path<'_>) -> Result<SocketAddr, Broken>;
    /// What a route's origin saw since the last look; everything else seen is kept for later.
    fn look(&mut self, route: &str) -> Result<RouteStats, Broken>;
    /// What was counted for a route, which starts from zero again.
    fn take(&mut self, route: &str) -> WorkSeen;
    /// The other way round: what was counted for a route before something that is not its work.
    fn put_back(&mut self, route: &str, work: WorkSeen);
    /// From where callers call the proxy before the server so that nothing of the client's is in
    /// their way: past its sidecar, straight to the server's own port. `None` where every place is
    /// as good.
    fn outside(&self, _path: &Path<'_>) -> Option<&Namespace> {
        None
    }
    /// Whether a caller under TLS may claim to speak for another, as Istio lets members of the mesh
    /// do. Who calls in plaintext may not anywhere.
    fn forwards_claims(&self) -> bool {
        false
    }
    /// By which of its own counters the server's sidecar refused that call, as seen by the last
    /// look: in words, an error when it is not the one that such a call must meet. `None` where it
    /// counts nothing.
    fn refused_by(&self, _route: &str, _means: Means) -> Option<Result<String, String>> {
        None
    }
}

/// Kinds of callers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Plaintext,
    Mesh,
    ForeignCa,
    ForeignTrustDomain,
}

impl Kind {
    fn what(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Mesh => "mTLS with the mesh's identity",
            Self::ForeignCa => "mTLS with the same SPIFFE id from a foreign CA",
            Self::ForeignTrustDomain => {
                "mTLS with a certificate of the mesh's CA for another trust domain"
            }
        }
    }
}

/// By what a proxy refuses.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Means {
    /// The port is for callers under TLS only.
    TlsOnly,
    /// The port speaks no TLS.
    NoTls,
    /// No root vouches for the certificate.
    Certificate,
    /// The certificate's identity is not of the mesh.
    Identity,
    /// A rule about requests.
    Rule,
}

impl Kind {
    /// The means by which such a caller must be refused. A rule is none for a foreign one, whom no
    /// rule may ever get to see.
    fn refused_by(self, observed: &Observed) -> Means {
        match (self, observed) {
            (Self::Plaintext | Self::Mesh, Observed::Denied(_)) => Means::Rule,
            (Self::Plaintext, _) => Means::TlsOnly,
            (Self::Mesh, _) | (_, Observed::NoTls) => Means::NoTls,
            (Self::ForeignCa, _) => Means::Certificate,
            (Self::ForeignTrustDomain, _) => Means::Identity,
        }
    }
}

/// One of them, and what must become of its call.
struct Caller {
    kind: Kind,
    expected: Expected,
    tls: Option<Arc<ClientConfig>>,
    /// The identity that the origin must see when the call is accepted.
    seen_as: Option<String>,
}

/// Asks all callers' questions. What the probes caused is not counted as the variant's work.
pub(crate) fn prove(
    live: &mut impl Live,
    path: &Path<'_>,
    variant: &Variant,
    block: u32,
) -> Result<Proof, Broken> {
    live.look(path.route)?;
    let work = live.take(path.route);
    let mut probes = Vec::new();
    if path.has_proxy() {
        for caller in callers(live, variant) {
            probes.push(call(live, path, &caller)?);
        }
    }
    let with_identity = variant.posture.measured_path_has_identity;
    let (probe, peer_identity) = measured_path(live, path, with_identity)?;
    probes.push(probe);
    let on_path = OnPath { path, identity: peer_identity.clone() };
    for claim in &variant.posture.calls {
        probes.push(claimed(live, &on_path, claim)?);
    }
    // The first is the measured path's own.
    for kind in path.requests.iter().skip(1) {
        probes.push(of_load(live, &on_path, kind)?);
    }
    live.look(path.route)?;
    // The probes' own handshakes and callers go.
    live.take(path.route);
    live.put_back(path.route, work);
    Ok(Proof { variant: variant.name.original().0, block, probes, peer_identity })
}

/// Those that the posture makes a claim about; with sidecars that is all of them.
fn callers(live: &impl Live, variant: &Variant) -> Vec<Caller> {
    let own = live.credentials();
    let posture = &variant.posture;
    let client = Some(own.client_id.to_string());
    let over_tls = |kind, expected: Option<Expected>, config, seen_as| {
        expected.map(|expected| Caller { kind, expected, tls: Some(Arc::clone(config)), seen_as })
    };
    let plaintext =
        Caller { kind: Kind::Plaintext, expected: posture.plaintext, tls: None, seen_as: None };
    [
        Some(plaintext),
        over_tls(Kind::Mesh, posture.mesh_identity, &own.mesh, client.clone()),
        over_tls(Kind::ForeignCa, posture.foreign_ca, &own.foreign_ca, client),
        over_tls(
            Kind::ForeignTrustDomain,
            posture.foreign_trust_domain,
            &own.foreign_trust_domain,
            None,
        ),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn call(live: &mut impl Live, path: &Path<'_>, caller: &Caller) -> Result<Probe, Broken> {
    let claim = may_claim(live, caller.tls.is_some());
    let observed = from_outside(live, path, caller.tls.clone(), &measured(path, claim))?;
    let arrived = arrived(live, path)?;
    let mut told = observed.to_string();
    let (word, holds) = match caller.expected {
        Expected::Refused => {
            let by = live.refused_by(path.route, caller.kind.refused_by(&observed));
            let as_expected = !matches!(by, Some(Err(_)));
            match by {
                Some(Ok(counted)) => told.push_str(&format!("; the proxy counted {counted}")),
                Some(Err(counted)) => told.push_str(&format!("; but the proxy counted {counted}")),
                None => {}
            }
            if observed.is_refusal() && arrived {
                told.push_str(", but it reached the origin");
            }
            ("refused", observed.is_refusal() && !arrived && as_expected)
        }
        Expected::Accepted => {
            let identity = seen_as(&observed, path);
            let identity = identity.unwrap_or_else(|| Err("no echo of this route".to_owned()));
            // Who has no expected name has a foreign one, which is a matter of the posture alone.
            let as_expected = match (&caller.tls, &caller.seen_as) {
                (Some(_), None) => identity.is_ok_and(|id| id.is_some()),
                (_, expected) => identity.as_ref() == Ok(expected),
            };
            ("accepted", as_expected && arrived)
        }
    };
    let past = live.outside(path).map_or("", |_| " straight to the server's own port");
    let claim = format!("{}{past} is {word}", caller.kind.what());
    Ok(Probe { claim, observed: told, holds })
}

/// Asks the proxy before the server.
fn from_outside(
    live: &impl Live,
    path: &Path<'_>,
    tls: Option<Arc<ClientConfig>>,
    question: &Question<'_>,
) -> Result<Observed, Broken> {
    let address = live.inbound(path)?;
    let ask = || probe::ask(address, tls, question);
    match live.outside(path) {
        None => Ok(ask()),
        Some(outside) => {
            outside.within(ask).map_err(|error| Broken::at("call from another pod", error))
        }
    }
}

/// The path as the generator will use it: what the origin sees of the caller's identity.
fn measured_path(
    live: &mut impl Live,
    path: &Path<'_>,
    with_identity: bool,
) -> Result<(Probe, Option<String>), Broken> {
    let question = measured(path, without_tls(path));
    let observed = probe::ask(live.entrance(path)?, None, &question);
    let arrived = live.look(path.route)?.echoes > 0;
    let told = seen_as(&observed, path);
    let expected = with_identity.then(|| live.credentials().client_id.to_string());
    let holds = arrived && told == Some(Ok(expected));
    let claim = match (path.has_proxy(), with_identity) {
        (true, true) => "the measured path reaches the origin with the client's identity",
        (true, false) => "the measured path reaches the origin without an identity",
        (false, true) => "the origin is reached directly, with the client's identity",
        (false, false) => "the origin is reached directly, without an identity",
    };
    let probe = Probe { claim: claim.to_owned(), observed: observed.to_string(), holds };
    Ok((probe, told.and_then(Result::ok).flatten()))
}

/// The measured path, and the identity that the origin sees on it.
struct OnPath<'p> {
    path: &'p Path<'p>,
    identity: Option<String>,
}

/// A call of the posture.
fn claimed(live: &mut impl Live, on_path: &OnPath<'_>, claim: &CallClaim) -> Result<Probe, Broken> {
    let path = on_path.path;
    let (observed, identity) = match &claim.from {
        None => {
            let question = question(&claim.request, without_tls(path));
            (probe::ask(live.entrance(path)?, None, &question), on_path.identity.clone())
        }
        Some(caller) => {
            let signed = live.credentials().of(caller);
            let step = format!("make a certificate for {caller}");
            let (tls, id) = signed.map_err(|error| Broken::at(&step, error))?;
            let question = question(&claim.request, may_claim(live, true));
            (from_outside(live, path, Some(tls), &question)?, Some(id.to_string()))
        }
    };
    let arrived = arrived(live, path)?;
    let ruled = by_rule(live, path, &observed);
    let holds = match claim.expected {
        Expected::Refused => observed.is_refusal() && !arrived && ruled,
        Expected::Accepted => seen_as(&observed, path) == Some(Ok(identity)) && arrived,
    };
    let but = if observed.is_refusal() && arrived { ", but it reached the origin" } else { "" };
    Ok(Probe { claim: claim.to_string(), observed: format!("{observed}{but}"), holds })
}

/// A further kind of request of the load, which is served or refused by a rule.
fn of_load(
    live: &mut impl Live,
    on_path: &OnPath<'_>,
    kind: &RequestKind,
) -> Result<Probe, Broken> {
    let path = on_path.path;
    let question = question(&kind.request, without_tls(path));
    let observed = probe::ask(live.entrance(path)?, None, &question);
    let arrived = arrived(live, path)?;
    let (word, holds) = match kind.answer {
        Answer::Served => {
            let identity = on_path.identity.clone();
            ("served", seen_as(&observed, path) == Some(Ok(identity)) && arrived)
        }
        Answer::Denied => {
            let ruled = by_rule(live, path, &observed);
            ("denied", matches!(observed, Observed::Denied(_)) && !arrived && ruled)
        }
    };
    let RequestKind { name, request, .. } = kind;
    let claim = format!("the load's `{name}`, {} {}, is {word}", request.method, request.path);
    Ok(Probe { claim, observed: observed.to_string(), holds })
}

/// Whether an answer that looks like a rule's was one, as far as the proxy counts that.
fn by_rule(live: &impl Live, path: &Path<'_>, observed: &Observed) -> bool {
    let denied = matches!(observed, Observed::Denied(_));
    !denied || !matches!(live.refused_by(path.route, Means::Rule), Some(Err(_)))
}

/// What a caller claims to be. Where callers under TLS may claim it, they do not.
fn may_claim(live: &impl Live, tls: bool) -> Option<&'static str> {
    (!tls || !live.forwards_claims()).then_some(probe::CLAIMED)
}

/// The same on the measured path. Without a proxy nothing would drop the claim.
fn without_tls(path: &Path<'_>) -> Option<&'static str> {
    path.has_proxy().then_some(probe::CLAIMED)
}

fn question<'q>(request: &'q RequestSpec, claim: Option<&'q str>) -> Question<'q> {
    let RequestSpec { method, path, headers, body } = request;
    Question { host: HOST, method, path, headers, body, claim }
}

/// How callers are told apart where rules look at requests: by the request that is measured, since
/// rules may refuse any other; and otherwise by the echo's own.
fn measured<'q>(path: &Path<'q>, claim: Option<&'q str>) -> Question<'q> {
    match path.requests.first().filter(|_| path.ruled) {
        Some(kind) => question(&kind.request, claim),
        None => {
            Question { host: HOST, method: "GET", path: ECHO_PATH, headers: &[], body: "", claim }
        }
    }
}

fn arrived(live: &mut impl Live, path: &Path<'_>) -> Result<bool, Broken> {
    let seen = live.look(path.route)?;
    Ok(seen.requests + seen.echoes > 0)
}

/// The identity that the route's origin saw; nothing where it did not answer.
fn seen_as(observed: &Observed, path: &Path<'_>) -> Option<Result<Option<String>, String>> {
    match observed {
        Observed::Answered(echo) if echo.route == path.route => Some(probe::identity_of(echo)),
        _ => None,
    }
}
