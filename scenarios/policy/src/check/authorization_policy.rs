//! Checks of `AuthorizationPolicy`: what istiod refuses, and what lets in more than it says.

use super::{Findings, authorization_habits, authorization_refusals};
use crate::authorization::{Action, AuthorizationPolicy, Condition, Match, Rule, Source};
use crate::finding::Severity;
use crate::manifest::Manifest;
use crate::source::nearest;
use crate::version::Versions;

/// What one policy alone says.
pub(super) fn alone(of: &Manifest, versions: Versions, out: &mut Findings) {
    let Some(policy) = AuthorizationPolicy::read(of) else { return };
    authorization_habits::alone(of, &policy, versions, out);
    action(of, &policy, out);
    for rule in &policy.rules {
        authorization_refusals::rule(of, rule, versions.istio, out);
        match policy.action.0 {
            Action::Allow => allow(of, rule, out),
            Action::Deny => deny(of, rule, out),
            Action::Custom => authorization_refusals::custom(of, rule, out),
            Action::Audit => {}
        }
        operations(of, rule, out);
    }
}

fn action(of: &Manifest, policy: &AuthorizationPolicy, out: &mut Findings) {
    let (action, span) = policy.action;
    let mut refuse = |message: &str| {
        out.add("AP021", of, span, message.to_owned());
    };
    match action {
        Action::Deny if !policy.rules_given => {
            refuse("DENY without `rules` never denies; for all requests write one rule `{}`");
        }
        Action::Custom if !policy.rules_given => {
            refuse("CUSTOM without `rules` never asks; for all requests write one rule `{}`");
        }
        Action::Custom if policy.provider.as_deref().unwrap_or_default().is_empty() => {
            refuse("CUSTOM without the name of a provider asks nobody");
        }
        Action::Allow | Action::Deny | Action::Audit if policy.provider_given => {
            refuse("only CUSTOM can have a `provider`");
        }
        _ => {}
    }
    let dry_run = of.annotations.get("istio.io/dry-run").map(String::as_str);
    match dry_run {
        None | Some("false" | "0" | "f" | "F" | "FALSE" | "False") => {}
        Some("true" | "1" | "t" | "T" | "TRUE" | "True")
            if matches!(action, Action::Allow | Action::Deny) =>
        {
            let message = "`istio.io/dry-run` is set: the policy is logged and not enforced";
            out.add("AP022", of, of.span, message.to_owned());
        }
        Some(other) => {
            let message = format!("`istio.io/dry-run: {other}` is refused for this action");
            out.add("AP021", of, of.span, message);
        }
    }
    if action == Action::Audit {
        out.add("AP022", of, span, "AUDIT logs requests and denies none".to_owned());
    }
}

/// Whether a rule says anything of who calls.
fn knows_caller(rule: &Rule) -> bool {
    let of_caller = |condition: &Condition| {
        ["source.", "remote.ip", "request.auth."]
            .iter()
            .any(|prefix| condition.key.starts_with(prefix))
    };
    !rule.from.is_empty() || rule.when.iter().any(of_caller)
}

fn allow(of: &Manifest, rule: &Rule, out: &mut Findings) {
    if rule.from.is_empty() && rule.to.is_empty() && rule.when.is_empty() {
        out.add(
            "AP002",
            of,
            rule.span,
            "this rule allows every request of every caller".to_owned(),
        );
    } else if !knows_caller(rule) {
        let message = "this rule allows callers without any identity".to_owned();
        out.add("AP003", of, rule.span, message);
    }
    for source in rule.from.iter().flatten() {
        any_identity(of, source, out);
        for (name, matches) in source.fields() {
            negative(of, name, matches, out);
        }
    }
    for operation in rule.to.iter().flatten() {
        for (name, matches) in operation.fields() {
            negative(of, name, matches, out);
        }
    }
}

fn any_identity(of: &Manifest, source: &Source, out: &mut Findings) {
    // A narrower condition beside it is ANDed and makes it harmless.
    let narrow =
        source.fields().iter().any(|(_, matches)| !matches.values.is_empty() && !has_star(matches));
    for (name, matches) in [("principals", &source.principals), ("namespaces", &source.namespaces)]
    {
        if let Some(star) =
            matches.values.iter().find(|value| value.text == "*").filter(|_| !narrow)
        {
            let message = format!("`*` in `{name}` allows every caller that has an identity");
            out.add("AP004", of, star.span, message);
        }
    }
}

fn has_star(matches: &Match) -> bool {
    matches.values.iter().any(|value| value.text == "*")
}

fn negative(of: &Manifest, name: &str, matches: &Match, out: &mut Findings) {
    // Beside positive values of the same field it only narrows them.
    if let (Some(first), true) = (matches.not_values.first(), matches.values.is_empty()) {
        let message = format!("all is allowed but some `{name}`");
        out.add("AP006", of, first.span, message);
    }
}

fn deny(of: &Manifest, rule: &Rule, out: &mut Findings) {
    for source in rule.from.iter().flatten() {
        for (name, matches) in
            [("principals", &source.principals), ("namespaces", &source.namespaces)]
        {
            if let Some(star) = matches.values.iter().find(|value| value.text == "*") {
                let message = format!(
                    "`*` in `{name}` matches only callers with an identity: who calls in \
                     plaintext is not denied"
                );
                out.add("AP005", of, star.span, message);
            }
        }
    }
    positive(of, rule, out);
    let tcp_from = |source: &Source| {
        let [_, _, namespaces, accounts, ip, remote, _] = source.fields();
        [&source.principals, namespaces.1, accounts.1, ip.1, remote.1]
            .iter()
            .any(|matches| !matches.is_empty())
    };
    let from: Vec<&Source> = rule.from.iter().flatten().collect();
    let to: Vec<_> = rule.to.iter().flatten().collect();
    let from_only = !from.is_empty() && to.is_empty() && !from.iter().any(|from| tcp_from(from));
    let to_only = !to.is_empty() && to.iter().all(|to| to.ports.is_empty());
    if from_only || to_only {
        let message = "without ports this rule denies all traffic to TCP ports as well".to_owned();
        out.add("AP007", of, rule.span, message);
    }
}

/// The last part of paths by which health is asked for.
const HEALTH: [&str; 9] = [
    "health",
    "healthz",
    "healthcheck",
    "live",
    "livez",
    "liveness",
    "ready",
    "readyz",
    "readiness",
];

/// What a denial names, and what it names by mistake.
fn positive(of: &Manifest, rule: &Rule, out: &mut Findings) {
    let callers = rule.from.iter().flatten().any(|source| {
        [&source.principals, &source.namespaces, &source.service_accounts]
            .iter()
            .any(|matches| matches.values.iter().any(|value| value.text != "*"))
    });
    for operation in rule.to.iter().flatten() {
        let is_health =
            |path: &str| path.rsplit('/').next().is_some_and(|last| HEALTH.contains(&last));
        let health = operation.paths.values.iter().find(|path| is_health(&path.text));
        if let Some(path) = health.filter(|_| callers) {
            let message =
                format!("`{}` is denied to the very callers that the rule names", path.text);
            out.add("AP036", of, path.span, message);
        } else if let Some(path) = operation.paths.values.first().filter(|path| path.text != "*") {
            let message = format!("whoever spells `{}` otherwise is not denied", path.text);
            out.add("AP006", of, path.span, message).severity = Severity::Low;
        }
    }
}

const METHODS: [&str; 9] =
    ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "CONNECT", "TRACE"];

/// The method that was probably meant. There are more than ours, and patterns are of none.
fn misspelt(method: &str) -> Option<&'static str> {
    let is_word = method.chars().all(|letter| letter.is_ascii_uppercase());
    let unknown = is_word && !METHODS.contains(&method);
    unknown.then(|| nearest(method, METHODS)).flatten()
}

fn operations(of: &Manifest, rule: &Rule, out: &mut Findings) {
    for operation in rule.to.iter().flatten() {
        for method in operation.methods.values.iter().chain(&operation.methods.not_values) {
            let upper = method.text.to_uppercase();
            if METHODS.contains(&upper.as_str()) && method.text != upper {
                let message = format!("`{}` never matches; the method is `{upper}`", method.text);
                out.add("AP014", of, method.span, message);
            } else if let Some(meant) = misspelt(&upper) {
                let message = format!("`{}` is no method; did you mean `{meant}`?", method.text);
                out.add("AP014", of, method.span, message);
            }
        }
        for path in &operation.paths.values {
            let prefix = path.text.strip_suffix('*').filter(|prefix| !prefix.contains(['*', '{']));
            if let Some(prefix) = prefix.filter(|prefix| prefix.len() > 1 && !prefix.ends_with('/'))
            {
                let message =
                    format!("`{prefix}*` also matches `{prefix}x`, not only `{prefix}/…`");
                out.add("AP013", of, path.span, message);
            }
        }
    }
}
