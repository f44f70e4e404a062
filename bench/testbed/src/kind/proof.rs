//! How a posture is proven in a cluster: which call is made from which place, what of its answer is
//! proof, and which claims no place in a cluster can put to the test. Pure; asks nobody.

use bench::seams::Probe;
use scenarios::load::{Answer, RequestKind, RequestSpec};
use scenarios::parts::{CLIENT, NAMESPACE, principal};
use scenarios::posture::{CallClaim, Caller, Expected};
use scenarios::variant::{Proxies, Variant};

use super::workloads::moved;
use crate::probe::{Observed, identity_of};

/// A service account beside the client's, for whom no policy has a word of its own.
const OTHER: &str = "other";

/// Where a call is made from.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Place {
    /// The generator's own pod: in the mesh, where its side has one.
    Client,
    /// A pod without a sidecar, in a namespace that no policy names.
    Outside,
    /// A pod of the mesh under another service account.
    As {
        /// Its namespace.
        namespace: String,
        /// Its service account.
        account: String,
    },
}

/// What must become of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Becomes {
    /// The origin answers it, and was told that caller, or none.
    Served(Option<String>),
    /// The other side ends it, in whichever way, and nothing arrives.
    Refused,
    /// A rule refuses it with 403, and nothing arrives.
    Denied,
}

/// One call and the claim that it proves.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// From where.
    pub from: Place,
    /// What is asked.
    pub request: RequestSpec,
    /// Whether it claims in a header to be somebody, which must not reach the origin.
    pub claims: bool,
    /// The SPIFFE id of a certificate by a CA that the mesh does not know; `None` in plain text.
    pub impostor: Option<String>,
    /// What must become of it.
    pub becomes: Becomes,
    /// In words.
    pub claim: String,
}

/// All that is asked of a variant.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Asked {
    /// Each once.
    pub calls: Vec<Call>,
    /// Claims of the posture that are not put to the test, and why not.
    pub unasked: Vec<String>,
}

/// What is asked of a variant whose load it answers so, where what the scenario puts into its usual
/// namespace stands in that one. Places are told in the scenario's words.
#[must_use]
pub fn asked(variant: &Variant, requests: &[RequestKind], within: &str) -> Asked {
    let mut asked = Asked::default();
    let Some(first) = requests.first() else { return asked };
    let client = id(within, NAMESPACE, CLIENT);
    let on = On { variant, request: &first.request, within, client };
    if variant.proxies != Proxies::None {
        on.callers(&mut asked);
    }
    asked.calls.push(on.measured_path());
    asked.calls.extend(variant.posture.calls.iter().map(|claim| on.claimed(claim)));
    // The first is the measured path's own.
    asked.calls.extend(requests.iter().skip(1).map(|kind| on.of_load(kind)));
    asked
}

/// Whether a call's answer proves its claim. Whether it arrived is for the origin to say: an answer
/// alone proves an acceptance, silence no refusal.
#[must_use]
pub fn judge(call: &Call, observed: &Observed, arrived: bool) -> Probe {
    let mut told = format!("from {}: {observed}", call.from);
    let holds = match &call.becomes {
        Becomes::Served(identity) => match observed {
            Observed::Answered(echo) => arrived && identity_of(echo).as_ref() == Ok(identity),
            _ => false,
        },
        Becomes::Refused => observed.is_refusal() && !arrived,
        Becomes::Denied => matches!(observed, Observed::Denied(_)) && !arrived,
    };
    if arrived && !matches!(call.becomes, Becomes::Served(_)) {
        told.push_str(", but it reached the origin");
    }
    Probe { claim: call.claim.clone(), observed: told, holds }
}

/// The identity of an account of a scenario's namespace.
fn id(within: &str, namespace: &str, account: &str) -> String {
    format!("spiffe://{}", principal(&moved(namespace, within), account))
}

/// What the calls of one variant have in common.
struct On<'v> {
    variant: &'v Variant,
    /// The measured one: rules may refuse any other.
    request: &'v RequestSpec,
    within: &'v str,
    client: String,
}

impl On<'_> {
    /// Kinds of callers at the server's port.
    fn callers(&self, asked: &mut Asked) {
        let posture = &self.variant.posture;
        // A node's proxy knows callers by their pods, and those outside are nobody to its rules.
        let outside = match self.variant.proxies {
            Proxies::Sidecars => Place::Outside,
            Proxies::Node | Proxies::None => Place::Client,
        };
        asked.calls.push(self.call(outside, posture.plaintext, None, "plaintext"));
        if let Some(expected) = posture.foreign_ca {
            let what = "mTLS with the same SPIFFE id from a foreign CA";
            let impostor = Some(self.client.clone());
            asked.calls.push(Call {
                // What a sidecar's peer may claim is not the question where it must not get in.
                claims: false,
                impostor,
                ..self.call(Place::Outside, expected, Some(self.client.clone()), what)
            });
        }
        match posture.mesh_identity {
            Some(expected @ Expected::Accepted) if posture.measured_path_has_identity => {
                let what = "mTLS with the mesh's identity";
                let client = Some(self.client.clone());
                asked.calls.push(self.call(Place::Client, expected, client, what));
                // What tells identities apart says by calls of its own what becomes of them.
                if posture.calls.is_empty() {
                    let other = Some(id(self.within, NAMESPACE, OTHER));
                    let what = "mTLS with another identity of the mesh";
                    asked.calls.push(self.call(Place::other(), expected, other, what));
                }
            }
            Some(_) => asked.unasked.push(
                "mTLS with the mesh's identity: a sidecar of the mesh speaks it only where it expects it, and nobody else has the identity".to_owned(),
            ),
            None => {}
        }
        if posture.foreign_trust_domain.is_some() {
            asked.unasked.push(
                "mTLS with a certificate of the mesh's CA for another trust domain: the CA of a cluster signs none".to_owned(),
            );
        }
    }

    fn call(&self, from: Place, expected: Expected, identity: Option<String>, what: &str) -> Call {
        let (becomes, word) = match expected {
            Expected::Accepted => (Becomes::Served(identity), "accepted"),
            Expected::Refused => (Becomes::Refused, "refused"),
        };
        Call { claim: format!("{what} is {word}"), ..self.plain(from, self.request, becomes) }
    }

    /// As a program says it; a sidecar, where there is one, drops what is claimed.
    fn plain(&self, from: Place, request: &RequestSpec, becomes: Becomes) -> Call {
        Call {
            from,
            request: request.clone(),
            claims: self.variant.proxies != Proxies::None,
            impostor: None,
            becomes,
            claim: String::new(),
        }
    }

    fn identity(&self) -> Option<String> {
        self.variant.posture.measured_path_has_identity.then(|| self.client.clone())
    }

    fn measured_path(&self) -> Call {
        let identity = self.identity();
        let with = if identity.is_some() { "with the client's identity" } else { "without one" };
        Call {
            claim: format!("the measured path reaches the origin {with}"),
            ..self.plain(Place::Client, self.request, Becomes::Served(identity))
        }
    }

    fn claimed(&self, claim: &CallClaim) -> Call {
        let (from, identity) = match &claim.from {
            None => (Place::Client, self.identity()),
            Some(caller) => {
                (Place::of(caller), Some(id(self.within, &caller.namespace, &caller.account)))
            }
        };
        let becomes = match claim.expected {
            Expected::Accepted => Becomes::Served(identity),
            Expected::Refused => Becomes::Refused,
        };
        Call { claim: claim.to_string(), ..self.plain(from, &claim.request, becomes) }
    }

    fn of_load(&self, kind: &RequestKind) -> Call {
        let (becomes, word) = match kind.answer {
            Answer::Served => (Becomes::Served(self.identity()), "served"),
            Answer::Denied => (Becomes::Denied, "denied"),
        };
        let RequestKind { name, request, .. } = kind;
        let claim = format!("the load's `{name}`, {} {}, is {word}", request.method, request.path);
        Call { claim, ..self.plain(Place::Client, request, becomes) }
    }
}

impl Place {
    /// A pod of the mesh that is not the client.
    fn other() -> Self {
        Self::As { namespace: NAMESPACE.to_owned(), account: OTHER.to_owned() }
    }

    /// The pod that calls as that service account.
    fn of(caller: &Caller) -> Self {
        let Caller { namespace, account } = caller.clone();
        if namespace == NAMESPACE && account == CLIENT {
            Self::Client
        } else {
            Self::As { namespace, account }
        }
    }
}

impl std::fmt::Display for Place {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Client => f.write_str("the generator's pod"),
            Self::Outside => f.write_str("a pod without a sidecar"),
            Self::As { namespace, account } => write!(f, "a pod as {namespace}/{account}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use scenarios::library;
    use sidecar::{Echo, XFCC};

    use super::*;

    /// Every variant of every scenario that names kind.
    fn variants() -> Vec<(Variant, Vec<RequestKind>)> {
        let found = library::names(Path::new("/")).into_iter();
        let found = found.map(|name| library::find(&name, Path::new("/")).unwrap().scenario);
        found
            .filter_map(|scenario| {
                let named = scenario.testbeds.get("kind")?.variants.clone();
                let named = named.into_iter().filter_map(move |name| {
                    let variant = scenario.variant(&name)?;
                    Some((variant.clone(), scenario.load_of(variant).unwrap().requests))
                });
                Some(named.collect::<Vec<_>>())
            })
            .flatten()
            .collect()
    }

    #[test]
    fn every_claim_of_a_posture_is_asked_or_said_to_be_not() {
        for (variant, requests) in variants() {
            let Asked { calls, unasked } = asked(&variant, &requests, NAMESPACE);
            let posture = &variant.posture;
            let tls = [posture.mesh_identity, posture.foreign_ca, posture.foreign_trust_domain];
            let at_port = match variant.proxies {
                Proxies::None => 0,
                _ => 1 + tls.iter().flatten().count(),
            };
            let accepted = posture.mesh_identity == Some(Expected::Accepted);
            let other = accepted && posture.calls.is_empty();
            // The load's first request is the measured path's.
            let claims = at_port + usize::from(other) + requests.len() + posture.calls.len();
            assert_eq!(calls.len() + unasked.len(), claims, "{}", variant.name);
            for call in &calls {
                assert!(!call.claim.is_empty());
                let meshed = variant.proxies == Proxies::Sidecars;
                assert!(meshed || call.from == Place::Client, "{}: {call:?}", variant.name);
                assert!(call.impostor.is_none() || call.from == Place::Outside, "{call:?}");
            }
        }
    }

    #[test]
    fn strict_is_asked_from_all_its_places() {
        let scenario = library::find("strict-mtls", Path::new("/")).unwrap().scenario;
        let named = scenario.variants.iter().find(|variant| variant.name.as_str() == "strict");
        let (strict, requests) = (named.unwrap().clone(), scenario.load.requests.clone());
        let Asked { calls, unasked } = asked(&strict, &requests, NAMESPACE);
        let told: Vec<String> =
            calls.iter().map(|call| format!("{}: {}", call.from, call.claim)).collect();
        assert_eq!(
            told,
            [
                "a pod without a sidecar: plaintext is refused",
                "a pod without a sidecar: mTLS with the same SPIFFE id from a foreign CA is refused",
                "the generator's pod: mTLS with the mesh's identity is accepted",
                "a pod as loadgen-bench/other: mTLS with another identity of the mesh is accepted",
                "the generator's pod: the measured path reaches the origin with the client's identity",
            ]
        );
        assert_eq!(unasked.len(), 1, "{unasked:?}");
        let elsewhere = asked(&strict, &requests, "bench-7").calls;
        let served = |call: &&Call| matches!(call.becomes, Becomes::Served(Some(_)));
        for call in elsewhere.iter().filter(served) {
            let told = format!("{:?}", call.becomes);
            assert!(told.contains("spiffe://cluster.local/ns/bench-7/sa/"), "{told}");
        }
    }

    #[test]
    fn an_answer_proves_only_what_it_says_and_what_the_origin_saw() {
        let echo = |id: Option<&str>| {
            let headers = id.map(|id| (XFCC.to_owned(), vec![format!("By=x;URI={id}")]));
            Observed::Answered(Echo {
                route: "r".to_owned(),
                headers: headers.into_iter().collect(),
            })
        };
        let call = |becomes| Call {
            from: Place::Outside,
            request: RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            },
            claims: true,
            impostor: None,
            becomes,
            claim: "a claim".to_owned(),
        };
        let served = call(Becomes::Served(Some("spiffe://d/ns/n/sa/a".to_owned())));
        let nameless = call(Becomes::Served(None));
        let (refused, denied) = (call(Becomes::Refused), call(Becomes::Denied));
        let of_rule = Observed::Denied("RBAC: access denied".to_owned());
        for (call, observed, arrived, holds) in [
            (&served, echo(Some("spiffe://d/ns/n/sa/a")), true, true),
            (&served, echo(Some("spiffe://d/ns/n/sa/a")), false, false),
            (&served, echo(Some("spiffe://d/ns/n/sa/b")), true, false),
            (&served, echo(None), true, false),
            (&served, Observed::OtherAnswer(200), true, false),
            (&nameless, echo(None), true, true),
            (&nameless, echo(Some("spiffe://d/ns/n/sa/a")), true, false),
            (&refused, Observed::Reset, false, true),
            (&refused, Observed::Reset, true, false),
            (&refused, of_rule.clone(), false, true),
            (&refused, Observed::Silent, false, false),
            (&refused, Observed::OtherAnswer(503), false, false),
            (&denied, of_rule.clone(), false, true),
            (&denied, of_rule, true, false),
            (&denied, Observed::Closed, false, false),
        ] {
            let probe = judge(call, &observed, arrived);
            assert_eq!(probe.holds, holds, "{call:?} {observed} {arrived}");
        }
        let told = judge(&refused, &Observed::Reset, true).observed;
        assert!(told.contains("a pod without a sidecar") && told.contains("reached the origin"));
    }
}
