//! What a question does not say and a policy asks for. A rule that asks for it is held to match
//! once and not to match once; where both come to the same, the answer does not depend on it.

use std::collections::BTreeSet;

use crate::authorization::{
    Action, AuthorizationPolicy, Condition, Match, Operation, Rule, Source,
};

/// Attributes of a call that the question leaves open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Open {
    /// The request, where the call may have one.
    pub(super) request: bool,
    /// The `Host` header.
    pub(super) host: bool,
    /// The address of the peer.
    pub(super) address: bool,
    /// The address of the client.
    pub(super) client: bool,
}

impl Open {
    fn operation(self, field: &str) -> Option<&'static str> {
        match field {
            "hosts" if self.request || self.host => Some("the `Host` header (`host NAME`)"),
            "methods" | "paths" if self.request => {
                Some("the request (`METHOD /path`, or `tcp` where there is none)")
            }
            _ => None,
        }
    }

    fn source(self, field: &str) -> Option<&'static str> {
        match field {
            "ipBlocks" if self.address => Some("the caller's address (`address ADDRESS`)"),
            "remoteIpBlocks" if self.client => Some("the client's address (`client ADDRESS`)"),
            "requestPrincipals" if self.request => {
                Some("the request (`METHOD /path`, or `tcp` where there is none)")
            }
            _ => None,
        }
    }

    fn condition(self, key: &str) -> Option<&'static str> {
        match key {
            "source.ip" => self.source("ipBlocks"),
            "remote.ip" => self.source("remoteIpBlocks"),
            "destination.ip" => Some("the address of the workload"),
            "destination.port" | "source.namespace" | "source.principal" | "connection.sni" => None,
            key if key.starts_with("request.") => self.source("requestPrincipals"),
            _ => Some("what filters write about a connection"),
        }
    }
}

/// What a policy asks for and the question leaves open.
pub(super) fn asked_for(policy: &AuthorizationPolicy, open: Open) -> BTreeSet<&'static str> {
    let given = |matches: &Match| !matches.is_empty();
    let sources = policy.rules.iter().flat_map(|rule| rule.from.iter().flatten());
    let operations = policy.rules.iter().flat_map(|rule| rule.to.iter().flatten());
    let conditions = policy.rules.iter().flat_map(|rule| &rule.when);
    let by_source = sources
        .flat_map(|source| source.fields().into_iter().filter(move |(_, matches)| given(matches)));
    let by_operation = operations.flat_map(|operation| {
        operation.fields().into_iter().filter(move |(_, matches)| given(matches))
    });
    by_source
        .filter_map(|(field, _)| open.source(field))
        .chain(by_operation.filter_map(|(field, _)| open.operation(field)))
        .chain(conditions.filter_map(|condition| open.condition(&condition.key)))
        .collect()
}

/// The policies with what is open held to match where that allows more, or where it allows less.
pub(super) fn held(
    policies: &[AuthorizationPolicy],
    open: Open,
    allowing: bool,
) -> Vec<AuthorizationPolicy> {
    let one = |policy: &AuthorizationPolicy| {
        let matching = (policy.action.0 == Action::Deny) != allowing;
        let mut policy = policy.clone();
        for rule in &mut policy.rules {
            hold(rule, open, matching);
        }
        policy
    };
    policies.iter().map(one).collect()
}

fn hold(rule: &mut Rule, open: Open, matching: bool) {
    let mut never = false;
    for from in &mut rule.from {
        if from.as_mut().is_some_and(|source| hold_source(source, open, matching)) {
            *from = None;
        }
    }
    for to in &mut rule.to {
        if to.as_mut().is_some_and(|operation| hold_operation(operation, open, matching)) {
            *to = None;
        }
    }
    let is_open = |condition: &Condition| open.condition(&condition.key).is_some();
    if rule.when.iter().any(is_open) {
        never = !matching;
        rule.when.retain(|condition| !is_open(condition));
    }
    if never {
        // A caller that nobody is.
        rule.from = vec![None];
    }
}

/// Whether the source can not match.
fn hold_source(source: &mut Source, open: Open, matching: bool) -> bool {
    let fields = [
        ("ipBlocks", &mut source.ip_blocks),
        ("remoteIpBlocks", &mut source.remote_ip_blocks),
        ("requestPrincipals", &mut source.request_principals),
    ];
    hold_fields(fields, |field| open.source(field).is_some(), matching)
}

/// Whether the operation can not match.
fn hold_operation(operation: &mut Operation, open: Open, matching: bool) -> bool {
    let fields = [
        ("hosts", &mut operation.hosts),
        ("methods", &mut operation.methods),
        ("paths", &mut operation.paths),
    ];
    hold_fields(fields, |field| open.operation(field).is_some(), matching)
}

fn hold_fields(
    fields: [(&str, &mut Match); 3],
    is_open: impl Fn(&str) -> bool,
    matching: bool,
) -> bool {
    let mut held = false;
    for (field, matches) in fields {
        if is_open(field) && !matches.is_empty() {
            *matches = Match::default();
            held = true;
        }
    }
    held && !matching
}
