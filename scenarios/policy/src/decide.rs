//! The reference answer for one call: whether Istio's authorization policies let it through, and
//! which of them decides. Slow and plain on purpose. It enforces nothing and reads no file.

use std::collections::BTreeMap;
use std::net::IpAddr;

use crate::Workload;
use crate::authorization::{
    Action, AuthorizationPolicy, Condition, Match, Operation, Rule, Source,
};

/// What HTTP says of a call; a call of another protocol has none of it.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Http {
    /// As sent.
    pub method: String,
    /// After normalisation; what follows `?` or `#` is not compared.
    pub path: String,
    /// The `Host` header, or `:authority`.
    pub host: String,
    /// By name in small letters.
    pub headers: BTreeMap<String, String>,
    /// Issuer and subject of a token that was verified.
    pub token: Option<(String, String)>,
    /// Claims of that token, such as `aud` and `azp`, by the names in the brackets.
    pub claims: BTreeMap<String, Vec<String>>,
}

/// A call, as the server's sidecar sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The caller's identity of mTLS without `spiffe://`; none in plaintext.
    pub principal: Option<String>,
    /// The address of the peer.
    pub source_ip: IpAddr,
    /// The address of the client, as the headers that are believed have it.
    pub remote_ip: IpAddr,
    /// The address that is called.
    pub destination_ip: IpAddr,
    /// The workload's own port.
    pub port: u16,
    /// The name that TLS was asked for.
    pub sni: String,
    /// What HTTP says of it.
    pub http: Option<Http>,
}

/// What becomes of a call.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Decision {
    /// A rule of an ALLOW policy matches: its title, and the rule, counted from 0.
    AllowedBy(String, usize),
    /// No ALLOW policy is there for the workload.
    AllowedByDefault,
    /// A rule of a DENY policy matches.
    DeniedBy(String, usize),
    /// ALLOW policies are there, and none of their rules matches.
    DeniedByDefault,
    /// A rule of a CUSTOM policy matches, and its provider denies or the others decide.
    AskedOf(String, Box<Self>),
}

impl Decision {
    /// Whether the call goes through; nothing where a provider decides.
    #[must_use]
    pub fn allowed(&self) -> Option<bool> {
        match self {
            Self::AllowedBy(..) | Self::AllowedByDefault => Some(true),
            Self::DeniedBy(..) | Self::DeniedByDefault => Some(false),
            // Whatever the provider says, what is denied afterwards is denied.
            Self::AskedOf(_, then) => then.allowed().filter(|allowed| !allowed),
        }
    }
}

/// Decides a call to a workload by the policies that are in force.
#[must_use]
pub fn decide(
    policies: &[AuthorizationPolicy],
    root_namespace: &str,
    workload: &Workload,
    call: &Call,
) -> Decision {
    let of = |action: Action| {
        policies.iter().filter(move |policy| {
            let in_force = !policy.dry_run && policy.is_for(root_namespace, workload);
            policy.action.0 == action && in_force
        })
    };
    let first = |action: Action| {
        of(action).find_map(|policy| {
            let rule = policy.rules.iter().position(|rule| matches(rule, policy, call))?;
            Some((policy, rule))
        })
    };
    let then = if let Some((policy, rule)) = first(Action::Deny) {
        Decision::DeniedBy(policy.title.clone(), rule)
    } else if of(Action::Allow).next().is_none() {
        Decision::AllowedByDefault
    } else if let Some((policy, rule)) = first(Action::Allow) {
        Decision::AllowedBy(policy.title.clone(), rule)
    } else {
        Decision::DeniedByDefault
    };
    match first(Action::Custom) {
        Some((policy, _)) => Decision::AskedOf(policy.title.clone(), Box::new(then)),
        None => then,
    }
}

fn matches(rule: &Rule, policy: &AuthorizationPolicy, call: &Call) -> bool {
    let judge =
        Judge { call, namespace: &policy.namespace, allow: policy.action.0 == Action::Allow };
    let mut from = rule.from.iter().flatten();
    let mut to = rule.to.iter().flatten();
    (rule.from.is_empty() || from.any(|source| judge.source(source)))
        && (rule.to.is_empty() || to.any(|operation| judge.operation(operation)))
        && rule.when.iter().all(|condition| judge.condition(condition))
}

struct Judge<'c> {
    call: &'c Call,
    /// Of the policy: where service accounts are without one of their own.
    namespace: &'c str,
    allow: bool,
}

impl Judge<'_> {
    fn source(&self, source: &Source) -> bool {
        let principal = self.call.principal.as_deref().unwrap_or_default();
        keeps(&source.principals, |value| text(value, principal))
            && keeps(&source.namespaces, |value| in_namespace(value, principal))
            && keeps(&source.service_accounts, |value| is_account(value, self.namespace, principal))
            && keeps(&source.ip_blocks, |value| in_block(value, self.call.source_ip))
            && keeps(&source.remote_ip_blocks, |value| in_block(value, self.call.remote_ip))
            && self.http(&source.request_principals, |value, http| {
                http.token.as_ref().is_some_and(|token| is_token(value, token))
            })
    }

    fn operation(&self, operation: &Operation) -> bool {
        keeps(&operation.ports, |value| value.parse() == Ok(self.call.port))
            && self.http(&operation.methods, |value, http| text(value, &http.method))
            && self.http(&operation.hosts, |value, http| {
                text(&value.to_lowercase(), &http.host.to_lowercase())
            })
            && self.http(&operation.paths, |value, http| path(value, &http.path))
    }

    /// Conditions of HTTP. Where the call is none, an ALLOW rule that has one does not match, and
    /// other rules are without it.
    fn http(&self, matches: &Match, one: impl Fn(&str, &Http) -> bool) -> bool {
        match &self.call.http {
            Some(http) => keeps(matches, |value| one(value, http)),
            None => matches.is_empty() || !self.allow,
        }
    }

    fn condition(&self, condition: &Condition) -> bool {
        let Condition { key, matches, .. } = condition;
        let principal = self.call.principal.as_deref().unwrap_or_default();
        let claim = |name: &str| {
            self.http(matches, |value, http| {
                http.claims.get(name).is_some_and(|all| all.iter().any(|one| text(value, one)))
            })
        };
        match key.as_str() {
            "source.ip" => keeps(matches, |value| in_block(value, self.call.source_ip)),
            "remote.ip" => keeps(matches, |value| in_block(value, self.call.remote_ip)),
            "destination.ip" => keeps(matches, |value| in_block(value, self.call.destination_ip)),
            "destination.port" => keeps(matches, |value| value.parse() == Ok(self.call.port)),
            "source.namespace" => keeps(matches, |value| in_namespace(value, principal)),
            "source.principal" => keeps(matches, |value| text(value, principal)),
            "connection.sni" => keeps(matches, |value| text(value, &self.call.sni)),
            "request.auth.principal" => self.http(matches, |value, http| {
                http.token.as_ref().is_some_and(|token| is_token(value, token))
            }),
            "request.auth.audiences" => claim("aud"),
            "request.auth.presenter" => claim("azp"),
            other => {
                match other.split_once('[').map(|(name, rest)| (name, rest.trim_end_matches(']'))) {
                    Some(("request.auth.claims", name)) => claim(name),
                    Some(("request.headers", name)) => self.http(matches, |value, http| {
                        let name = name.to_lowercase();
                        http.headers
                            .get(&name)
                            .is_some_and(|header| value == "*" || text(value, header))
                    }),
                    // What a filter wrote is not known here: it is taken for not matching.
                    _ => false,
                }
            }
        }
    }
}

/// One of the values, where there are some, and none of those that must not match.
fn keeps(matches: &Match, one: impl Fn(&str) -> bool) -> bool {
    let any = |values: &[crate::authorization::Text]| values.iter().any(|value| one(&value.text));
    (matches.values.is_empty() || any(&matches.values)) && !any(&matches.not_values)
}

/// `*` is anything but nothing; a `*` at one end is a suffix or a prefix.
fn text(pattern: &str, found: &str) -> bool {
    if pattern == "*" {
        !found.is_empty()
    } else if let Some(suffix) = pattern.strip_prefix('*') {
        found.ends_with(suffix)
    } else if let Some(prefix) = pattern.strip_suffix('*') {
        found.starts_with(prefix)
    } else {
        pattern == found
    }
}

fn path(pattern: &str, found: &str) -> bool {
    let found = found.split(['?', '#']).next().unwrap_or_default();
    if !(pattern.contains("{*}") || pattern.contains("{**}")) {
        return text(pattern, found);
    }
    // `{*}` is one part of a path that is not empty, and `{**}` any number of parts.
    let (pattern, found): (Vec<&str>, Vec<&str>) =
        (pattern.split('/').collect(), found.split('/').collect());
    let one = |part: &&str, found: &&str| match *part {
        "{*}" => !found.is_empty(),
        part => part == *found,
    };
    fits(&pattern, &found, |part| *part == "{**}", one)
}

/// Whether a list fits a pattern, in which some items stand for any number of others. It takes
/// time with the product of the lengths, whatever is written.
pub(crate) fn fits<P, F>(
    pattern: &[P],
    found: &[F],
    any: impl Fn(&P) -> bool,
    one: impl Fn(&P, &F) -> bool,
) -> bool {
    let (mut at, mut next, mut back) = (0, 0, None);
    while next < found.len() {
        match pattern.get(at) {
            Some(item) if any(item) => {
                back = Some((at + 1, next));
                at += 1;
            }
            Some(item) if one(item, &found[next]) => (at, next) = (at + 1, next + 1),
            _ => {
                let Some((after, from)) = back else { return false };
                back = Some((after, from + 1));
                (at, next) = (after, from + 1);
            }
        }
    }
    pattern[at..].iter().all(any)
}

/// The namespace and the service account of an identity of the mesh.
fn account(principal: &str) -> Option<(&str, &str)> {
    let (_, rest) = principal.split_once("/ns/")?;
    let (namespace, account) = rest.split_once("/sa/")?;
    Some((namespace, account.split('/').next().unwrap_or_default()))
}

fn in_namespace(pattern: &str, principal: &str) -> bool {
    account(principal).is_some_and(|(namespace, _)| wild(pattern, namespace))
}

/// `*` anywhere is any number of letters.
fn wild(pattern: &str, found: &str) -> bool {
    fits(pattern.as_bytes(), found.as_bytes(), |letter| *letter == b'*', |a, b| a == b)
}

fn is_account(value: &str, own_namespace: &str, principal: &str) -> bool {
    let wanted = value.split_once('/').unwrap_or((own_namespace, value));
    account(principal) == Some(wanted)
}

/// Whether a range holds an address; an address alone is a range of one.
pub(crate) fn in_block(block: &str, address: IpAddr) -> bool {
    let (network, bits) = match block.split_once('/') {
        Some((network, bits)) => (network, bits.parse().ok()),
        None => (block, None),
    };
    let (network, address, width): (u128, u128, u32) = match (network.parse(), address) {
        (Ok(IpAddr::V4(network)), IpAddr::V4(address)) => {
            (u32::from(network).into(), u32::from(address).into(), 32)
        }
        (Ok(IpAddr::V6(network)), IpAddr::V6(address)) => (network.into(), address.into(), 128),
        _ => return false,
    };
    let free = width.saturating_sub(bits.unwrap_or(width));
    network.checked_shr(free).unwrap_or(0) == address.checked_shr(free).unwrap_or(0)
}

/// Issuer and subject are compared apart from one another, at the last slash.
fn is_token(pattern: &str, (issuer, subject): &(String, String)) -> bool {
    match pattern.rsplit_once('/') {
        _ if pattern == "*" => !issuer.is_empty() && !subject.is_empty(),
        Some((of_issuer, of_subject)) if pattern.starts_with('*') => {
            text(of_issuer, issuer) && subject == of_subject
        }
        Some((of_issuer, of_subject)) => of_issuer == issuer && text(of_subject, subject),
        None if pattern.starts_with('*') => !issuer.is_empty() && text(pattern, subject),
        None if pattern.ends_with('*') => text(pattern, issuer) && !subject.is_empty(),
        None => pattern == issuer && subject.is_empty(),
    }
}
