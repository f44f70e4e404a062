//! What is in force on a port of a workload, and which documents say so.

use serde::Serialize;

use super::capture::Capture;
use super::{Mtls, captured, has_istio, left_out, resolve};
use crate::authorization::{Action, AuthorizationPolicy};
use crate::endpoint::{Holds, Policies, RuleAt};
use crate::inventory::{AgentConfig, Enforcement, MeshConfig};
use crate::question::Subject;
use crate::validate::InForce;
use crate::{Overruled, cilium};

/// An authorization policy that is about the workload.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct AuthorizationAt {
    /// `CUSTOM`, `DENY`, `ALLOW` or `AUDIT`.
    pub action: &'static str,
    /// Kind, namespace and name.
    pub title: String,
    /// Where it was read.
    pub document: String,
    /// How many rules it has.
    pub rules: usize,
    /// Whether it is only tried.
    pub dry_run: bool,
}

/// One direction of a workload, as Cilium enforces it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Direction {
    /// `ingress` or `egress`.
    pub direction: &'static str,
    /// Whether what no rule allows is denied; none where that can not be told.
    pub default_deny: Option<bool>,
    /// What makes it so, or what would have to be known.
    pub because: String,
    /// Policies with rules of the direction that are about the workload, or may be.
    pub policies: Vec<String>,
}

/// What is in force on a port.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Explanation {
    /// The workload and the port, as asked for.
    pub subject: String,
    /// How it was understood.
    pub read_as: String,
    /// What of Istio stands in front of it.
    pub captured: String,
    /// The mode of mTLS; none where nothing stands there.
    pub mtls: Option<Mtls>,
    /// Policies of mTLS that are about the workload and do not decide.
    pub overruled: Vec<Overruled>,
    /// Which tokens are verified: titles and places.
    pub tokens: Vec<String>,
    /// What is done to paths before policies are held against them.
    pub path_normalization: &'static str,
    /// Authorization policies in the order in which they are asked.
    pub authorization: Vec<AuthorizationAt>,
    /// What becomes of a call that no policy denies.
    pub otherwise: &'static str,
    /// Both directions by Cilium, where anything of it is among the files.
    pub cilium: Vec<Direction>,
    /// Parts of Cilium's policies that are about the workload and have no rule.
    pub inert: Vec<String>,
    /// How traffic between nodes is encrypted, where Cilium's configuration says that it is.
    pub encryption: Option<&'static str>,
    /// What is worth knowing besides.
    pub notes: Vec<String>,
}

/// Says what is in force on a port; where the files do not hold the workload, what is missing.
pub fn explain(in_force: &InForce, text: &str, subject: &Subject) -> Result<Explanation, String> {
    let inventory = &in_force.inventory;
    let found = resolve::workload(inventory, subject)?;
    let mut capture = Capture::of(inventory, &found);
    if capture == Capture::Assumed && !has_istio(in_force) {
        capture = Capture::Nothing("nothing of Istio is among the files".to_owned());
    }
    let (workload, root) = (&found.workload, in_force.set.root_namespace.as_str());
    let tokens = in_force.request_authentications.iter().filter(|of| of.applies(root, workload));
    let authorization = authorization(in_force, workload);
    let enforced = |word: &str| authorization.iter().any(|of| of.action == word && !of.dry_run);
    let policies = Policies { list: &in_force.network_policies, agent: inventory.agent() };
    let has_cilium = !policies.list.is_empty() || policies.agent.is_some();
    let directions = [cilium::Direction::Ingress, cilium::Direction::Egress];
    let explained = directions.into_iter().filter(|_| has_cilium);
    let network = inventory.network_policies.iter().map(|(head, _)| head);
    let notes = network
        .filter(|head| head.namespace == workload.namespace)
        .map(|head| format!("{} ({}) is not judged", head.title(), head.origin));
    Ok(Explanation {
        subject: text.to_owned(),
        read_as: found.note.clone(),
        captured: captured(&capture),
        mtls: capture.is_there().then(|| Mtls::of(in_force, workload, found.port)),
        overruled: in_force.set.overruled(workload, found.port),
        tokens: tokens.map(|of| format!("{} ({})", of.title, of.origin)).collect(),
        path_normalization: MeshConfig::normalization(inventory.mesh()).word(),
        otherwise: if enforced("ALLOW") { "denied unless a rule allows it" } else { "allowed" },
        authorization,
        cilium: explained.map(|direction| one_direction(&policies, &found, direction)).collect(),
        inert: inert(&policies, &found),
        encryption: inventory.agent().and_then(AgentConfig::encryption),
        notes: in_force.left_out.iter().map(left_out).chain(notes).collect(),
    })
}

/// The policies that are about the workload, in the order in which the proxy asks them.
fn authorization(in_force: &InForce, workload: &crate::Workload) -> Vec<AuthorizationAt> {
    let near = |of: &&AuthorizationPolicy| {
        let own = of.namespace == workload.namespace;
        let near = own || of.namespace == in_force.set.root_namespace;
        near && workload.has(&of.match_labels) && !of.targets
    };
    let order = [
        (Action::Custom, "CUSTOM"),
        (Action::Deny, "DENY"),
        (Action::Allow, "ALLOW"),
        (Action::Audit, "AUDIT"),
    ];
    let of_action = |(action, word): (Action, &'static str)| {
        in_force
            .authorization_policies
            .iter()
            .filter(near)
            .filter(move |of| of.action.0 == action)
            .map(move |of| AuthorizationAt {
                action: word,
                title: of.title.clone(),
                document: of.origin.to_string(),
                rules: of.rules.len(),
                dry_run: of.dry_run,
            })
    };
    order.into_iter().flat_map(of_action).collect()
}

fn one_direction(
    policies: &Policies<'_>,
    found: &resolve::Found<'_>,
    direction: cilium::Direction,
) -> Direction {
    let enforcement = policies.agent.map_or(Enforcement::Default, AgentConfig::enforcement);
    let audits = policies.agent.is_some_and(AgentConfig::audits);
    let (holds, by) = policies.default_deny(&found.pod, direction);
    let (default_deny, because) = match (&holds, enforcement) {
        (_, Enforcement::Never) => {
            (Some(false), "`enable-policy` is `never` in cilium-config".to_owned())
        }
        _ if audits => (
            Some(false),
            "`policy-audit-mode` is on in cilium-config: denials are noted only".to_owned(),
        ),
        (Holds::Yes, _) => {
            let by = by.as_ref().map(RuleAt::to_string);
            (
                Some(true),
                by.unwrap_or_else(|| "`enable-policy` is `always` in cilium-config".to_owned()),
            )
        }
        (Holds::No, _) => (Some(false), "no policy with a rule of it makes it so".to_owned()),
        (Holds::Unknown(missing), _) => {
            let missing: Vec<&str> = missing.iter().map(String::as_str).collect();
            (None, format!("it depends on {}", missing.join(", ")))
        }
    };
    let selecting = policies.selecting(&found.pod);
    let with_rules = selecting.iter().filter_map(|one| {
        let rules = one.spec.entries.iter().filter(|entry| entry.direction == direction).count();
        let may = if one.selects == Holds::Yes { "" } else { ", where it selects the workload" };
        let opens = if one.denies_by_default(direction) { "" } else { ", without default deny" };
        let origin = &one.policy.origin;
        let noun = if rules == 1 { "rule" } else { "rules" };
        (rules > 0).then(|| {
            format!(
                "{} ({}:{}), {rules} {noun}{opens}{may}",
                one.policy.title, origin.path, one.spec.span.at.line
            )
        })
    });
    Direction { direction: direction.word(), default_deny, because, policies: with_rules.collect() }
}

/// Parts of policies with a list of rules that is empty: 1.16 takes such a policy and does nothing,
/// 1.17 rejects it where there is no other rule, and in neither is it a denial.
fn inert(policies: &Policies<'_>, found: &resolve::Found<'_>) -> Vec<String> {
    let selecting = policies.selecting(&found.pod);
    let empty = selecting.iter().flat_map(|one| {
        one.spec.empty.iter().map(move |(field, span)| {
            let (path, line) = (&one.policy.origin.path, span.at.line);
            format!(
                "{} ({path}:{line}): `{field}: []` is no rule and denies nothing",
                one.policy.title
            )
        })
    });
    empty.collect()
}
