//! What the resources of a variant make of a call, by the reference of `policy`. Pure: it asks
//! nothing that is live, and enforces nothing.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use policy::cilium::{Direction, Policy};
use policy::decide::{Call, Decision, Http, decide};
use policy::endpoint::{self, Content, Peer, Policies, Protocol, Target};
use policy::inventory::PathNormalization;
use policy::normalize::normalized;
use policy::{MtlsMode, PolicySet};

use crate::load::RequestSpec;
use crate::parts::{self, HOST, PORT};
use crate::posture::{CallClaim, Caller, Expected};
use crate::scenario::Scenario;
use crate::variant::{Proxies, Variant};

/// The resources of one variant, ready to be asked.
#[derive(Debug, Clone, PartialEq)]
pub struct Model {
    enforced: Enforced,
}

#[derive(Debug, Clone, PartialEq)]
enum Enforced {
    /// No proxy is in the path.
    Nothing,
    /// A node's proxy asks Cilium's rules.
    Node(Vec<Policy>),
    /// The server's sidecar asks Istio's.
    Sidecar(MtlsMode, PolicySet),
}

/// What becomes of a call, and why.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Judged {
    /// What becomes of it.
    pub expected: Expected,
    /// The policy that decides, or what takes its place, in words.
    pub why: String,
}

impl Judged {
    fn new(expected: Expected, why: impl Into<String>) -> Self {
        Self { expected, why: why.into() }
    }
}

impl Model {
    /// The model of a variant. The error names what the reference does not understand.
    pub fn of(scenario: &Scenario, variant: &Variant) -> Result<Self, String> {
        let set = scenario.policy_set(variant)?;
        let istio = !set.peer_authentications.is_empty() || !set.authorization_policies.is_empty();
        let cilium = !set.cilium_network_policies.is_empty();
        let enforced = match variant.proxies {
            Proxies::Node if istio => {
                return Err("a node's proxy enforces Cilium's policies and none of Istio's".into());
            }
            Proxies::Sidecars if cilium => {
                return Err("sidecars enforce Istio's policies and none of Cilium's".into());
            }
            Proxies::None => Enforced::Nothing,
            Proxies::Node => Enforced::Node(set.cilium_network_policies),
            Proxies::Sidecars => {
                let mode = set.mtls_mode(&parts::server(), PORT).mode;
                Enforced::Sidecar(mode, set)
            }
        };
        Ok(Self { enforced })
    }

    /// A call of the posture.
    pub fn call(&self, claim: &CallClaim) -> Result<Judged, String> {
        self.judge(claim.from.as_ref(), &claim.request)
    }

    /// A request of the load, on the measured path.
    pub fn request(&self, request: &RequestSpec) -> Result<Judged, String> {
        self.judge(None, request)
    }

    fn judge(&self, from: Option<&Caller>, request: &RequestSpec) -> Result<Judged, String> {
        match &self.enforced {
            Enforced::Nothing => Ok(Judged::new(Expected::Accepted, "no proxy is in the path")),
            Enforced::Node(policies) => node(policies, request),
            Enforced::Sidecar(mode, set) => sidecar(*mode, set, from, request),
        }
    }
}

fn sidecar(
    mode: MtlsMode,
    set: &PolicySet,
    from: Option<&Caller>,
    request: &RequestSpec,
) -> Result<Judged, String> {
    let speaks_tls = mode != MtlsMode::Disable;
    let principal = match from {
        Some(_) if !speaks_tls => {
            return Ok(Judged::new(Expected::Refused, "the port takes no TLS"));
        }
        Some(Caller { namespace, account }) => Some(parts::principal(namespace, account)),
        // Automatic mTLS: the client's sidecar speaks it wherever the server's takes it.
        None => speaks_tls.then(|| parts::principal(parts::NAMESPACE, parts::CLIENT)),
    };
    let Some(http) = http(request, PathNormalization::Base) else { return Ok(no_path()) };
    let here = IpAddr::V4(Ipv4Addr::LOCALHOST);
    let call = Call {
        principal,
        source_ip: here,
        remote_ip: here,
        destination_ip: here,
        port: PORT,
        sni: String::new(),
        http: Some(http),
    };
    let policies = &set.authorization_policies;
    let decision = decide(policies, &set.root_namespace, &parts::server(), &call);
    told(&decision).ok_or_else(|| "a provider decides, which is not known here".to_owned())
}

fn node(policies: &[Policy], request: &RequestSpec) -> Result<Judged, String> {
    let Some(http) = http(request, PathNormalization::MergeSlashes) else { return Ok(no_path()) };
    if has_escaped_slash(&http.path) {
        return Ok(Judged::new(
            Expected::Refused,
            "the proxy redirects paths with escaped slashes",
        ));
    }
    let call = endpoint::Call {
        peer: Peer::Pod(parts::client_pod()),
        target: Target { protocol: Protocol::Tcp, port: PORT, names: None },
        content: Content::Http(http),
    };
    let policies = Policies { list: policies, agent: None };
    let decision = policies.decide(&parts::server_pod(), Direction::Ingress, &call);
    let why = match &decision {
        endpoint::Decision::AllowedBy { rule, .. } => format!("{rule} allows it"),
        endpoint::Decision::AllowedByDefault => "no policy limits it".to_owned(),
        endpoint::Decision::NotEnforced { why } => (*why).to_owned(),
        endpoint::Decision::DeniedBy { rule } => format!("{rule} denies it"),
        endpoint::Decision::DeniedByContent { rule } => format!("{rule} does not let it through"),
        endpoint::Decision::DeniedByDefault { .. } => {
            "policies allow other calls, and none allows it".to_owned()
        }
        endpoint::Decision::NotDecidable { missing } => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            return Err(format!("it depends on {}", missing.join(" and ")));
        }
    };
    let refused = decision.allowed() == Some(false);
    Ok(Judged::new(if refused { Expected::Refused } else { Expected::Accepted }, why))
}

/// Cilium's proxy answers these with a redirect and passes none on.
fn has_escaped_slash(target: &str) -> bool {
    let path = target.split(['?', '#']).next().unwrap_or_default().to_ascii_lowercase();
    path.contains("%2f") || path.contains("%5c")
}

fn told(decision: &Decision) -> Option<Judged> {
    let why = match decision {
        Decision::AllowedBy(policy, rule) => format!("{policy}, rule {rule}, allows it"),
        Decision::AllowedByDefault => "no policy limits it".to_owned(),
        Decision::DeniedBy(policy, rule) => format!("{policy}, rule {rule}, denies it"),
        Decision::DeniedByDefault => "policies allow other calls, and none allows it".to_owned(),
        Decision::AskedOf(policy, _) => format!("{policy} asks a provider"),
    };
    let expected = if decision.allowed()? { Expected::Accepted } else { Expected::Refused };
    Some(Judged::new(expected, why))
}

fn no_path() -> Judged {
    Judged::new(Expected::Refused, "a proxy refuses a path that does not begin with `/`")
}

fn http(request: &RequestSpec, how: PathNormalization) -> Option<Http> {
    let mut headers: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in &request.headers {
        headers.insert(name.to_ascii_lowercase(), value.clone());
    }
    Some(Http {
        method: request.method.clone(),
        path: normalized(&request.path, how)?,
        host: HOST.to_owned(),
        headers,
        ..Http::default()
    })
}
