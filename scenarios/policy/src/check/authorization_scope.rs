//! Checks of which workloads policies of authorization are about, and which are left to nobody.

use std::collections::{BTreeMap, BTreeSet};

use super::Findings;
use super::authorization_habits::is_of_gateways;
use super::known::{Capture, Known, is_about};
use crate::authorization::{Action, AuthorizationPolicy, Rule};
use crate::judge::cover;
use crate::manifest::Manifest;

/// More rules of one namespace are not compared with one another.
const MOST_PAIRS: usize = 1_000_000;

/// What policies, namespaces and workloads say together.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    by_default(known, out);
    for (of, policy) in &known.authorization {
        selects_something(of, policy, known, out);
        mesh_wide(of, policy, known, out);
    }
    uncovered(known, out);
    let namespaces: BTreeSet<&str> =
        known.authorization.iter().map(|(of, _)| of.namespace.as_str()).collect();
    for namespace in namespaces {
        shadowed(namespace, known, out);
    }
}

/// Whether a policy is for a whole namespace and makes what nothing allows denied.
fn denies_the_rest(policy: &AuthorizationPolicy) -> bool {
    let whole = policy.match_labels.is_empty() && !policy.targets && !policy.dry_run;
    let all = |rule: &Rule| rule.from.is_empty() && rule.to.is_empty() && rule.when.is_empty();
    whole
        && match policy.action.0 {
            Action::Allow => !policy.rules.iter().any(all),
            Action::Deny => policy.rules.iter().any(all),
            Action::Audit | Action::Custom => false,
        }
}

fn by_default(known: &Known<'_>, out: &mut Findings) {
    let mut first: BTreeMap<&str, &Manifest> = BTreeMap::new();
    for (of, _) in &known.authorization {
        first.entry(&of.namespace).or_insert(of);
    }
    let mesh_wide = known.policies(known.root()).any(|(_, policy)| denies_the_rest(policy));
    for (namespace, of) in first.into_iter().filter(|(namespace, _)| *namespace != known.root()) {
        let whole = known.namespace(namespace).is_some() || !known.workloads(namespace).is_empty();
        if mesh_wide || known.policies(namespace).any(|(_, policy)| denies_the_rest(policy)) {
            continue;
        }
        if !whole {
            out.open("AP001", "neither the policy's namespace nor a workload of it is given");
        } else if !known.knows_root() {
            out.open("AP001", format!("nothing of the root namespace `{}` is given", known.root()));
        } else {
            let message = format!("what no policy of namespace {namespace} names is let through");
            out.add("AP001", of, of.span, message);
        }
    }
}

fn selects_something(
    of: &Manifest,
    policy: &AuthorizationPolicy,
    known: &Known<'_>,
    out: &mut Findings,
) {
    if policy.match_labels.is_empty() || known.inventory.workloads.is_empty() {
        return;
    }
    let everywhere = of.namespace == known.root();
    let has = |labels: &BTreeMap<String, String>| cover::selects_all(&policy.match_labels, labels);
    let found = match everywhere {
        true => known.inventory.workloads.iter().any(|one| has(&one.labels)),
        false => known.workloads(&of.namespace).iter().any(|one| has(&one.labels)),
    };
    if found {
        return;
    }
    if !everywhere && known.workloads(&of.namespace).is_empty() {
        out.open("AP018", "no workload of the policy's namespace is given");
    } else if !(everywhere && is_of_gateways(policy)) {
        let message = "no workload has these labels: the policy is about nothing".to_owned();
        out.add("AP018", of, policy.selector.unwrap_or(of.span), message);
    }
}

fn mesh_wide(of: &Manifest, policy: &AuthorizationPolicy, known: &Known<'_>, out: &mut Findings) {
    let whole = of.namespace == known.root() && policy.match_labels.is_empty() && !policy.targets;
    // To allow nothing for the whole mesh is what is asked for.
    if !whole || policy.rules.is_empty() {
        return;
    }
    let word = match policy.action.0 {
        Action::Allow => "allows",
        Action::Deny => "denies",
        Action::Audit => "logs",
        Action::Custom => "asks somebody else about",
    };
    let count = known.inventory.workloads.len();
    let seen = if count > 0 { format!(", {count} of them given here") } else { String::new() };
    let message = format!("it {word} calls of every workload of every namespace{seen}");
    out.add("AP026", of, of.span, message);
}

/// Workloads in the mesh that no policy is about.
fn uncovered(known: &Known<'_>, out: &mut Findings) {
    if known.authorization.is_empty() || !known.knows_root() {
        return;
    }
    for of in &known.inventory.workloads {
        let caught = matches!(known.capture(of), Some(Capture::Sidecar | Capture::Ambient));
        if !caught || of.head.namespace == known.root() {
            continue;
        }
        let workload = of.workload();
        let counts = |policy: &AuthorizationPolicy| {
            is_about(policy, &workload) && !policy.dry_run && policy.action.0 != Action::Audit
        };
        // A waypoint decides for workloads that it stands before, which files do not show.
        let targeted = known.policies(&of.head.namespace).any(|(_, policy)| policy.targets);
        let covered = known.policies_near(&of.head.namespace).any(|(_, policy)| counts(policy));
        if !covered && !targeted {
            let message = "no policy says who may call it, so that everybody may".to_owned();
            out.add("AP024", &of.head, of.head.span, message);
        }
    }
}

/// Rules that others make do nothing.
fn shadowed(namespace: &str, known: &Known<'_>, out: &mut Findings) {
    let counts = |policy: &AuthorizationPolicy| !policy.dry_run && !policy.targets;
    let near: Vec<_> =
        known.policies_near(namespace).filter(|(_, policy)| counts(policy)).collect();
    let of_action = |action: Action| {
        near.iter()
            .filter(move |(_, policy)| policy.action.0 == action)
            .flat_map(|(of, policy)| policy.rules.iter().map(move |rule| (*of, policy, rule)))
    };
    let denials: Vec<_> = of_action(Action::Deny).collect();
    let allowances: Vec<_> = of_action(Action::Allow).collect();
    let own = allowances.iter().filter(|(of, ..)| of.namespace == namespace).count();
    if own.saturating_mul(denials.len() + 1) > MOST_PAIRS {
        out.open("AP025", "a namespace has too many rules to compare each with each");
        return;
    }
    for (of, policy, rule) in allowances.iter().filter(|(of, ..)| of.namespace == namespace) {
        let denial = denials.iter().find(|(_, wide, denied)| {
            cover::selects_all(&wide.match_labels, &policy.match_labels)
                && cover::rule(denied, rule)
        });
        if let Some((wide, ..)) = denial {
            let message = format!("{} denies all that this rule allows", wide.title());
            out.add("AP025", of, rule.span, message);
        }
    }
    for (of, policy) in near.iter().filter(|(of, _)| of.namespace == namespace) {
        twice(of, policy, out);
    }
}

/// Rules of one policy that another rule of it makes superfluous.
fn twice(of: &Manifest, policy: &AuthorizationPolicy, out: &mut Findings) {
    // Lists are short; a policy has at most some hundreds of rules.
    for (index, rule) in policy.rules.iter().enumerate() {
        let earlier = policy.rules[..index].iter().take(512);
        if let Some(wide) = earlier.into_iter().find(|wide| cover::rule(wide, rule)) {
            let line = wide.span.at.line;
            let message = format!("the rule of line {line} matches all that this one matches");
            out.add("AP025", of, rule.span, message);
        }
    }
}
