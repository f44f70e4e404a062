//! Checks of the callers that policies of authorization name: whether they can be known, and
//! whether they are there.

use std::collections::BTreeSet;

use super::Findings;
use super::authorization_habits::is_of_gateways;
use super::known::Known;
use crate::authorization::{Action, AuthorizationPolicy, Match, Rule, Source, Text};
use crate::finding::{Severity, Span};
use crate::inventory::MeshConfig;
use crate::judge::cover::selects_all;
use crate::manifest::Manifest;
use crate::source::nearest;
use crate::{DecidedBy, MtlsMode, Workload};

/// What policies and all that they rest on say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    let domains = MeshConfig::trust_domains(known.inventory.mesh());
    for (of, policy) in &known.authorization {
        identity(of, policy, known, out);
        tokens(of, policy, known, out);
        for rule in &policy.rules {
            for source in rule.from.iter().flatten() {
                principals(of, source, known, &domains, out);
                namespaces(of, source, known, out);
                believed_addresses(of, source, known, out);
            }
        }
    }
    unasked(known, out);
}

/// The first value by which a rule asks for an identity of mTLS, and whether it is one that
/// callers without identity get past.
fn first_identity(rule: &Rule, action: Action) -> Option<(Span, bool)> {
    let mut found: Option<(Span, bool)> = None;
    let mut see = |matches: &Match| {
        let gets_past = match action {
            Action::Deny => matches.values.first().filter(|_| matches.not_values.is_empty()),
            _ => matches.not_values.first().filter(|_| matches.values.is_empty()),
        };
        let any = matches.first();
        match (found, gets_past, any) {
            (Some((_, true)), ..) => {}
            (_, Some(text), _) => found = Some((text.span, true)),
            (None, None, Some(text)) => found = Some((text.span, false)),
            _ => {}
        }
    };
    for source in rule.from.iter().flatten() {
        see(&source.principals);
        see(&source.namespaces);
        see(&source.service_accounts);
    }
    for condition in &rule.when {
        if matches!(condition.key.as_str(), "source.principal" | "source.namespace") {
            see(&condition.matches);
        }
    }
    found
}

fn identity(of: &Manifest, policy: &AuthorizationPolicy, known: &Known<'_>, out: &mut Findings) {
    if policy.targets || is_of_gateways(policy) || policy.action.0 == Action::Audit {
        return;
    }
    let asked = policy.rules.iter().filter_map(|rule| first_identity(rule, policy.action.0));
    let Some((span, gets_past)) = asked.max_by_key(|(_, gets_past)| *gets_past) else { return };
    let workload =
        Workload { namespace: of.namespace.clone(), labels: policy.match_labels.clone() };
    let mode = known.mode(&workload);
    if mode.decided_by == DecidedBy::Default && !known.knows_root() {
        let missing = format!("nothing of the root namespace `{}` is given", known.root());
        out.open("AP009", missing);
        return;
    }
    let (message, severity) = match (mode.mode, gets_past) {
        (MtlsMode::Strict, _) => return,
        (MtlsMode::Disable, _) => ("no caller has an identity: mTLS is off here", Severity::High),
        (MtlsMode::Permissive, true) => (
            "a caller in plaintext has no identity and gets past this: it is PERMISSIVE",
            Severity::High,
        ),
        (MtlsMode::Permissive, false) => {
            ("callers in plaintext, who are let in here, have no identity", Severity::Medium)
        }
    };
    out.add("AP009", of, span, message.to_owned()).severity = severity;
}

fn principals(
    of: &Manifest,
    source: &Source,
    known: &Known<'_>,
    domains: &[String],
    out: &mut Findings,
) {
    for value in source.principals.values.iter().chain(&source.principals.not_values) {
        let Some((domain, rest)) = value.text.split_once("/ns/") else { continue };
        // `cluster.local` stands for the mesh's own, whatever that is called.
        let foreign = !domain.contains('*')
            && domain != "cluster.local"
            && !domains.iter().any(|known| known == domain);
        if foreign && known.inventory.mesh().is_some() {
            let message =
                format!("`{domain}` is neither the mesh's trust domain nor an alias of it");
            out.add("AP010", of, value.span, message);
            continue;
        }
        let Some((namespace, account)) = rest.split_once("/sa/") else { continue };
        if !account.contains('*') && !namespace.contains('*') {
            runs(of, value, (namespace, account), known, out);
        }
    }
    for value in &source.service_accounts.values {
        let (namespace, account) =
            value.text.split_once('/').unwrap_or((of.namespace.as_str(), value.text.as_str()));
        runs(of, value, (namespace, account), known, out);
    }
}

/// Whether anything runs as an account, as far as the namespace's workloads are given.
fn runs(
    of: &Manifest,
    value: &Text,
    (namespace, account): (&str, &str),
    known: &Known<'_>,
    out: &mut Findings,
) {
    let there = known.workloads(namespace);
    if there.is_empty() || there.iter().any(|one| one.service_account == account) {
        return;
    }
    let accounts: BTreeSet<&str> = there.iter().map(|one| one.service_account.as_str()).collect();
    let meant = nearest(account, accounts.iter().copied());
    let hint = meant.map(|meant| format!("; did you mean `{meant}`?")).unwrap_or_default();
    let message = format!("no workload of namespace {namespace} runs as `{account}`{hint}");
    out.add("AP010", of, value.span, message).severity = Severity::Medium;
}

fn namespaces(of: &Manifest, source: &Source, known: &Known<'_>, out: &mut Findings) {
    if known.inventory.namespaces.is_empty() {
        return;
    }
    for value in source.namespaces.values.iter().chain(&source.namespaces.not_values) {
        let name = value.text.as_str();
        if name.contains('*') || known.has_namespace(name) {
            continue;
        }
        let names = known.inventory.namespaces.iter().map(|of| of.head.name.as_str());
        let message = match nearest(name, names) {
            Some(meant) => format!("there is no namespace `{name}`; did you mean `{meant}`?"),
            None => format!("there is no namespace `{name}` among those given"),
        };
        let sure = message.contains("did you mean");
        let finding = out.add("AP011", of, value.span, message);
        if !sure {
            finding.severity = Severity::Medium;
        }
    }
}

fn believed_addresses(of: &Manifest, source: &Source, known: &Known<'_>, out: &mut Findings) {
    let Some(first) = source.remote_ip_blocks.first() else { return };
    let Some(mesh) = known.inventory.mesh() else {
        out.open("AP017", "the mesh's configuration is not given");
        return;
    };
    let topology = mesh.root.path("defaultConfig.gatewayTopology");
    let trusts = topology.is_some_and(|topology| {
        topology.member("numTrustedProxies").is_some() || topology.member("proxyProtocol").is_some()
    });
    if !trusts {
        let message = "no number of trusted proxies is set: the address is what the caller writes";
        out.add("AP017", of, first.span, message.to_owned());
    }
}

/// The first value by which a policy asks for a token.
fn first_token(policy: &AuthorizationPolicy) -> Option<Span> {
    let first = |matches: &Match| matches.first().map(|text| text.span);
    policy.rules.iter().find_map(|rule| {
        let of_source = rule.from.iter().flatten().find_map(|one| first(&one.request_principals));
        of_source.or_else(|| {
            let of_token = rule.when.iter().find(|one| one.key.starts_with("request.auth."));
            of_token.map(|condition| first(&condition.matches).unwrap_or(condition.span))
        })
    })
}

/// Whether two sets of labels can be of one workload.
fn may_meet(
    a: &std::collections::BTreeMap<String, String>,
    b: &std::collections::BTreeMap<String, String>,
) -> bool {
    a.iter().all(|(key, value)| b.get(key).is_none_or(|other| other == value))
}

fn tokens(of: &Manifest, policy: &AuthorizationPolicy, known: &Known<'_>, out: &mut Findings) {
    let Some(span) = first_token(policy).filter(|_| !policy.targets) else { return };
    if known.requests.is_empty() {
        out.open("AP023", "no RequestAuthentication is given");
        return;
    }
    let verified = known.requests.iter().any(|(request, read)| {
        let near = request.namespace == of.namespace
            || request.namespace == known.root()
            || of.namespace == known.root();
        near && (read.targets || may_meet(&read.match_labels, &policy.match_labels))
    });
    if !verified {
        let message =
            "no RequestAuthentication verifies tokens of these workloads, so none has one";
        out.add("AP023", of, span, message.to_owned());
    }
}

/// Tokens that are verified where they are there, and that nothing asks for.
fn unasked(known: &Known<'_>, out: &mut Findings) {
    for (of, read) in &known.requests {
        if read.rules.is_empty() || read.targets {
            continue;
        }
        if known.authorization.is_empty() {
            out.open("AP023", "no AuthorizationPolicy is given");
            continue;
        }
        let asks = |policy: &AuthorizationPolicy| {
            (policy.targets
                || selects_all(&policy.match_labels, &read.match_labels)
                || selects_all(&read.match_labels, &policy.match_labels))
                && first_token(policy).is_some()
        };
        let everywhere = of.namespace == known.root();
        let asked = match everywhere {
            true => known.authorization.iter().any(|(_, policy)| asks(policy)),
            false => known.policies_near(&of.namespace).any(|(_, policy)| asks(policy)),
        };
        if !asked {
            let message = "no policy asks for a token, so that a request without one gets through";
            out.add("AP023", of, of.span, message.to_owned());
        }
    }
}
