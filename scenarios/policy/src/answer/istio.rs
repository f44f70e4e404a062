//! Istio's part of an answer: how the caller arrives, and what authorization policies say to that.

use std::collections::BTreeSet;
use std::net::{IpAddr, Ipv4Addr};

use serde::Serialize;

use super::capture::Capture;
use super::missing::{Open, asked_for, held};
use super::resolve::{Found, pod};
use crate::MtlsMode;
use crate::authorization::AuthorizationPolicy;
use crate::decide::{Call, Decision, Http, decide};
use crate::destination_rule::{DestinationRule, Tls, TlsMode};
use crate::endpoint::{Protocol, RuleAt};
use crate::inventory::{Deployed, MeshConfig};
use crate::normalize::normalized;
use crate::question::{Question, Source};
use crate::validate::InForce;

/// How a caller arrives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Caller {
    /// The identity of its mTLS; none in plaintext.
    pub(super) principal: Option<String>,
    /// Why it has one, or has none.
    pub(super) why: String,
}

/// What Istio makes of a call.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Verdict {
    /// A rule of an ALLOW policy matches.
    AllowedBy {
        /// The rule.
        rule: RuleAt,
    },
    /// No ALLOW policy is about the workload.
    AllowedByDefault,
    /// Nothing of Istio stands in front of the port.
    NotEnforced {
        /// Why.
        why: String,
    },
    /// The connection or the request is refused before policies are asked.
    Refused {
        /// Why.
        why: String,
    },
    /// A rule of a DENY policy matches.
    DeniedBy {
        /// The rule.
        rule: RuleAt,
    },
    /// ALLOW policies are about the workload, and no rule of theirs matches.
    DeniedByDefault {
        /// The first of them.
        policy: RuleAt,
    },
    /// It depends on what is not given.
    NotDecidable {
        /// What would have to be known.
        missing: BTreeSet<String>,
    },
}

impl Verdict {
    /// Whether the call goes through, where that can be told.
    #[must_use]
    pub fn allowed(&self) -> Option<bool> {
        match self {
            Self::AllowedBy { .. } | Self::AllowedByDefault | Self::NotEnforced { .. } => {
                Some(true)
            }
            Self::Refused { .. } | Self::DeniedBy { .. } | Self::DeniedByDefault { .. } => {
                Some(false)
            }
            Self::NotDecidable { .. } => None,
        }
    }
}

/// How the caller of a question arrives at a port of a mode.
pub(super) fn caller(
    in_force: &InForce,
    question: &Question,
    found: &Found<'_>,
    mode: MtlsMode,
) -> Caller {
    let plain = |why: &str| Caller { principal: None, why: why.to_owned() };
    let Source::Account { trust_domain, namespace, account, .. } = &question.source else {
        return plain("it is no pod of the mesh");
    };
    if question.plaintext {
        return plain("the question says so");
    }
    if mode == MtlsMode::Disable {
        return plain("the port takes plaintext only");
    }
    let mut of_account = in_force.inventory.workloads_of_account(namespace, account).peekable();
    let outside = |one: &Deployed| !in_the_mesh(in_force, one);
    if of_account.peek().is_some() && of_account.all(outside) {
        return plain("its pods have no sidecar");
    }
    if let Some((rule, tls)) = rule_of(in_force, namespace, found) {
        let place = format!("{} ({})", rule.title, rule.origin);
        match tls.mode {
            TlsMode::IstioMutual => {}
            TlsMode::Disable => return plain(&format!("{place} turns TLS off")),
            TlsMode::Simple | TlsMode::Mutual => {
                return plain(&format!("{place} makes it speak TLS that is not the mesh's"));
            }
        }
    } else if in_force.inventory.mesh().and_then(|mesh| mesh.auto_mtls).is_some_and(|it| !it.0) {
        return plain("`enableAutoMtls` is off and no DestinationRule asks for mTLS");
    }
    let own = || MeshConfig::trust_domains(in_force.inventory.mesh()).swap_remove(0);
    let domain = trust_domain.clone().unwrap_or_else(own);
    Caller {
        principal: Some(format!("{domain}/ns/{namespace}/sa/{account}")),
        why: "sidecars speak mTLS with one another".to_owned(),
    }
}

fn in_the_mesh(in_force: &InForce, of: &Deployed) -> bool {
    let inventory = &in_force.inventory;
    let (namespace, account) = (&of.head.namespace, Some(of.service_account.clone()));
    let found = Found {
        deployed: Some(of),
        workload: of.workload(),
        pod: pod(inventory, namespace, account, Some(of.labels.clone())),
        // No annotation keeps this port from a sidecar.
        port: 0,
        note: String::new(),
    };
    Capture::of(inventory, &found).is_there()
}

/// The rule by which a namespace speaks TLS to a workload's port, if one does: its own rules
/// first, then those of the workload, then those of the mesh.
fn rule_of<'i>(
    in_force: &'i InForce,
    client: &str,
    found: &Found<'_>,
) -> Option<(&'i DestinationRule, &'i Tls)> {
    let namespace = found.workload.namespace.as_str();
    let root = in_force.set.root_namespace.as_str();
    let is_exported = |rule: &DestinationRule| {
        let to =
            |name: &str| name == "*" || name == client || name == "." && rule.namespace == client;
        rule.export_to.is_empty() || rule.export_to.iter().any(|name| to(&name.text))
    };
    let services: Vec<_> =
        in_force.inventory.services_of(namespace, &found.workload.labels).collect();
    [client, namespace, root].into_iter().find_map(|of| {
        in_force
            .destination_rules
            .iter()
            .filter(|rule| {
                rule.namespace == of && rule.match_labels.is_empty() && is_exported(rule)
            })
            .find_map(|rule| {
                services.iter().find_map(|service| {
                    let named = rule.is_of_service(namespace, &service.head.name);
                    let leads = |port: &u16| match found.deployed {
                        Some(deployed) => service.target(*port, deployed) == Some(found.port),
                        None => *port == found.port,
                    };
                    let port = service.ports.iter().map(|port| port.port).find(leads);
                    Some((rule, rule.tls_of(port?)?)).filter(|_| named)
                })
            })
    })
}

/// What Istio makes of the call of a question to a workload.
pub(super) fn verdict(
    in_force: &InForce,
    question: &Question,
    found: &Found<'_>,
    (mode, caller, capture): (MtlsMode, &Caller, &Capture),
) -> Verdict {
    if let Capture::Nothing(why) = capture {
        return Verdict::NotEnforced { why: why.clone() };
    }
    let protocol = question.protocol.unwrap_or(Protocol::Tcp);
    if protocol != Protocol::Tcp {
        let why = format!("{} does not pass a sidecar", protocol.word());
        return Verdict::NotEnforced { why };
    }
    if mode == MtlsMode::Strict && caller.principal.is_none() {
        return Verdict::Refused {
            why: "the port is STRICT and the caller has no mTLS".to_owned(),
        };
    }
    let Ok(call) = call(in_force, question, found, caller) else {
        return Verdict::Refused { why: "the proxy answers 400 to such a path".to_owned() };
    };
    let domains = MeshConfig::trust_domains(in_force.inventory.mesh());
    let root = in_force.set.root_namespace.as_str();
    let policies: Vec<AuthorizationPolicy> = in_force
        .authorization_policies
        .iter()
        .filter(|policy| policy.is_for(root, &found.workload) && !policy.dry_run)
        .map(|policy| policy.in_trust_domains(&domains))
        .collect();
    let open = Open {
        request: question.request.is_none() && question.protocol.is_none() && !question.tls,
        host: question.request.is_some() && question.host.is_none(),
        address: address_of(question).is_none(),
        client: question.client.is_none(),
    };
    let missing: BTreeSet<&str> =
        policies.iter().flat_map(|policy| asked_for(policy, open)).collect();
    if matches!(capture, Capture::Ambient(_)) && policies.iter().any(reads_requests) {
        let missing = "what ztunnel makes of rules of HTTP, which only a waypoint enforces";
        return Verdict::NotDecidable { missing: BTreeSet::from([missing.to_owned()]) };
    }
    let strict = decide(&held(&policies, open, false), root, &found.workload, &call);
    let lenient = decide(&held(&policies, open, true), root, &found.workload, &call);
    if strict.allowed() != lenient.allowed() {
        let missing = missing.into_iter().map(str::to_owned).collect();
        return Verdict::NotDecidable { missing };
    }
    named(&strict, &policies)
}

fn reads_requests(policy: &AuthorizationPolicy) -> bool {
    policy.rules.iter().any(|rule| {
        let operation = |to: &crate::authorization::Operation| {
            !(to.hosts.is_empty() && to.methods.is_empty() && to.paths.is_empty())
        };
        rule.to.iter().flatten().any(operation)
            || rule.from.iter().flatten().any(|from| !from.request_principals.is_empty())
            || rule.when.iter().any(|condition| condition.key.starts_with("request."))
    })
}

/// The decision with the places of what decides.
fn named(decision: &Decision, policies: &[AuthorizationPolicy]) -> Verdict {
    let of = |title: &str| policies.iter().find(|policy| policy.title == title);
    let rule = |title: &str, index: usize| {
        let policy = of(title);
        let at = policy.and_then(|policy| policy.rules.get(index)).map(|rule| rule.span.at);
        let path = policy.map_or("", |policy| policy.origin.path.as_str());
        let (line, column) = at.map_or((1, 1), |at| (at.line, at.column));
        RuleAt {
            policy: title.to_owned(),
            rule: format!("rules[{index}]"),
            place: format!("{path}:{line}:{column}"),
        }
    };
    match decision {
        Decision::AllowedBy(title, index) => Verdict::AllowedBy { rule: rule(title, *index) },
        Decision::AllowedByDefault => Verdict::AllowedByDefault,
        Decision::DeniedBy(title, index) => Verdict::DeniedBy { rule: rule(title, *index) },
        Decision::DeniedByDefault => {
            let allow = |policy: &&AuthorizationPolicy| {
                policy.action.0 == crate::authorization::Action::Allow
            };
            let first =
                policies.iter().find(allow).expect("a denial by default has an ALLOW policy");
            let at = first.origin.at;
            let place = format!("{}:{}:{}", first.origin.path, at.line, at.column);
            let policy = RuleAt { policy: first.title.clone(), rule: "rules".to_owned(), place };
            Verdict::DeniedByDefault { policy }
        }
        Decision::AskedOf(title, then) => match then.allowed() {
            Some(false) => named(then, policies),
            _ => Verdict::NotDecidable {
                missing: BTreeSet::from([format!("what the provider of {title} answers")]),
            },
        },
    }
}

/// The address of the caller, where the question has it.
fn address_of(question: &Question) -> Option<IpAddr> {
    match question.source {
        Source::Address(address) => Some(question.address.unwrap_or(address)),
        _ => question.address,
    }
}

/// The call as the workload's sidecar sees it. What is open is filled with anything, since rules
/// that ask for it are held to match and not to.
fn call(
    in_force: &InForce,
    question: &Question,
    found: &Found<'_>,
    caller: &Caller,
) -> Result<Call, ()> {
    const NOWHERE: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);
    let how = MeshConfig::normalization(in_force.inventory.mesh());
    let http = question.request.as_ref().map(|(method, target)| {
        let path = normalized(target, how).ok_or(())?;
        Ok(Http { path, ..request_of(question, method, target) })
    });
    Ok(Call {
        principal: caller.principal.clone(),
        source_ip: address_of(question).unwrap_or(NOWHERE),
        remote_ip: question.client.unwrap_or(NOWHERE),
        destination_ip: NOWHERE,
        port: found.port,
        sni: question.sni.clone().unwrap_or_default(),
        http: http.transpose()?,
    })
}

/// A request as it is sent.
pub(super) fn request_of(question: &Question, method: &str, target: &str) -> Http {
    Http {
        method: method.to_owned(),
        path: target.to_owned(),
        host: question.host.clone().unwrap_or_default(),
        headers: question.headers.clone(),
        token: question.token.clone(),
        claims: question.claims.clone(),
    }
}
