//! The reference answer of Cilium for one direction of one call: whether the policies of an
//! endpoint let it through, and which of them decides. Slow and plain on purpose. It enforces
//! nothing and reads no file.

mod content;
mod holds;
mod labels;
mod peer;
mod port;

use std::collections::BTreeSet;

use serde::Serialize;

pub use content::Content;
pub use holds::Holds;
pub use labels::Pod;
pub use peer::{ENTITIES, Peer};
pub use port::{Protocol, Target};

use crate::Origin;
use crate::cilium::{Direction, Entry, Policy, Spec};
use crate::inventory::{AgentConfig, Enforcement};
use crate::source::Node;
use labels::{Labelled, Scope};
use port::Under;

/// A call, seen from one of its ends.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Call {
    /// The other end.
    pub peer: Peer,
    /// What is called.
    pub target: Target,
    /// What is said.
    pub content: Content,
}

/// A rule of a policy, and its place.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct RuleAt {
    /// The policy's kind, namespace and name.
    pub policy: String,
    /// The rule in it, e.g. `ingress[0].toPorts[1]`.
    pub rule: String,
    /// Where the rule is.
    pub place: String,
}

impl std::fmt::Display for RuleAt {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {} ({})", self.policy, self.rule, self.place)
    }
}

/// What becomes of a call in one direction.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
#[serde(tag = "decision", rename_all = "kebab-case")]
pub enum Decision {
    /// A rule allows it.
    AllowedBy {
        /// The rule.
        rule: RuleAt,
        /// What the rule demands of both ends first: `required`, where it demands it.
        authentication: Option<String>,
    },
    /// No policy makes this direction one of denial.
    AllowedByDefault,
    /// Policies are not enforced here, and why.
    NotEnforced {
        /// Why.
        why: &'static str,
    },
    /// A rule denies it.
    DeniedBy {
        /// The rule.
        rule: RuleAt,
    },
    /// Rules of HTTP, DNS or TLS take the connection and do not let through what is said.
    DeniedByContent {
        /// One of the rules.
        rule: RuleAt,
    },
    /// A policy makes this direction one of denial, and no rule allows the call.
    DeniedByDefault {
        /// One such policy and its place; none where the agents are set to enforce always.
        policy: Option<RuleAt>,
    },
    /// It depends on what is not given.
    NotDecidable {
        /// What would have to be known.
        missing: BTreeSet<String>,
    },
}

impl Decision {
    /// Whether the call goes through, where that can be told.
    #[must_use]
    pub fn allowed(&self) -> Option<bool> {
        match self {
            Self::AllowedBy { .. } | Self::AllowedByDefault | Self::NotEnforced { .. } => {
                Some(true)
            }
            Self::DeniedBy { .. } | Self::DeniedByContent { .. } | Self::DeniedByDefault { .. } => {
                Some(false)
            }
            Self::NotDecidable { .. } => None,
        }
    }
}

/// Policies that apply together, and how the agents are set up.
#[derive(Debug, Clone, Copy)]
pub struct Policies<'p> {
    /// All of them, of every namespace.
    pub list: &'p [Policy],
    /// The agents' configuration, where it is given.
    pub agent: Option<&'p AgentConfig>,
}

/// A part of a policy that is about an endpoint, or may be.
#[derive(Debug)]
pub struct Selecting<'p> {
    /// The policy.
    pub policy: &'p Policy,
    /// The part.
    pub spec: &'p Spec,
    /// Whether it is about the endpoint.
    pub selects: Holds,
}

impl Selecting<'_> {
    /// Whether it makes a direction one of denial: it has a rule of that direction, be it an empty
    /// one or a denial, and does not ask for the opposite. An empty list is no rule.
    #[must_use]
    pub fn denies_by_default(&self, direction: Direction) -> bool {
        let rules = self.spec.entries.iter().any(|entry| entry.direction == direction);
        let asked = self.spec.default_deny[match direction {
            Direction::Ingress => 0,
            Direction::Egress => 1,
        }];
        rules && asked.is_none_or(|(asked, _)| asked)
    }

    /// Where the part is in its policy: 0 for the first of `specs`, and for `spec`.
    #[must_use]
    pub fn index(&self) -> usize {
        let found = self.policy.specs.iter().position(|spec| std::ptr::eq(spec, self.spec));
        found.unwrap_or_default()
    }

    /// Whether a selector of peers, such as one of `fromEndpoints`, selects a pod.
    #[must_use]
    pub fn means(&self, selector: &Node, pod: &Pod) -> Holds {
        self.scope().peer(selector, Labelled::Pod(pod))
    }

    fn scope(&self) -> Scope<'_> {
        Scope::of(self.policy.namespace.as_deref(), self.spec.endpoint_selector.as_ref())
    }

    /// The entries of a direction, each with its number in its list.
    fn entries(&self, direction: Direction, deny: bool) -> impl Iterator<Item = (usize, &Entry)> {
        let wanted = move |entry: &&Entry| entry.direction == direction && entry.deny == deny;
        self.spec.entries.iter().filter(wanted).enumerate()
    }

    fn at(&self, rule: String, span: crate::finding::Span) -> RuleAt {
        let Origin { path, .. } = &self.policy.origin;
        RuleAt {
            policy: self.policy.title.clone(),
            rule,
            place: format!("{path}:{}:{}", span.at.line, span.at.column),
        }
    }
}

/// A rule that a call falls under, or may.
struct Candidate<'p> {
    at: RuleAt,
    entry: &'p Entry,
    /// Whether the call falls under it by peer and port.
    falls: Holds,
    /// Whether what is said may be said by it.
    said: Holds,
    /// Whether it looks at that at all.
    reads: bool,
}

impl<'p> Policies<'p> {
    /// The policies that are about an endpoint, or may be.
    #[must_use]
    pub fn selecting(&self, endpoint: &Pod) -> Vec<Selecting<'p>> {
        let specs =
            self.list.iter().flat_map(|policy| policy.specs.iter().map(move |spec| (policy, spec)));
        let about = |(policy, spec): (&'p Policy, &'p Spec)| {
            // Those with a selector of nodes are about no pod.
            let selector = spec.endpoint_selector.as_ref()?;
            let scope = Scope::of(policy.namespace.as_deref(), Some(selector));
            let selects = scope.subject(selector, endpoint);
            (selects != Holds::No).then_some(Selecting { policy, spec, selects })
        };
        specs.filter_map(about).collect()
    }

    /// Whether a direction of an endpoint is one of denial, and by which policy.
    #[must_use]
    pub fn default_deny(&self, endpoint: &Pod, direction: Direction) -> (Holds, Option<RuleAt>) {
        by_default(&self.selecting(endpoint), self.agent, direction)
    }

    /// Decides one direction of a call: `Ingress` for the endpoint that is called, `Egress` for
    /// the one that calls.
    #[must_use]
    pub fn decide(&self, endpoint: &Pod, direction: Direction, call: &Call) -> Decision {
        let enforcement = self.agent.map_or(Enforcement::Default, AgentConfig::enforcement);
        if enforcement == Enforcement::Never {
            return Decision::NotEnforced { why: "`enable-policy` is `never` in cilium-config" };
        }
        let selecting = self.selecting(endpoint);
        let denials = candidates(&selecting, (direction, true), call);
        let allowances = candidates(&selecting, (direction, false), call);
        let by_default = by_default(&selecting, self.agent, direction);
        let own_node = direction == Direction::Ingress
            && call.peer == Peer::Entity("host")
            && self.agent.is_none_or(AgentConfig::allows_own_node);
        let decision = weigh(&denials, &allowances, by_default, own_node);
        let audited = self.agent.is_some_and(AgentConfig::audits);
        match decision {
            Decision::DeniedBy { .. } | Decision::DeniedByDefault { .. } if audited => {
                Decision::NotEnforced { why: "`policy-audit-mode` is on in cilium-config" }
            }
            Decision::DeniedByContent { .. } | Decision::AllowedBy { .. }
                if self.needs_proxy(&allowances) =>
            {
                let missing =
                    "what an agent without `enable-l7-proxy` makes of rules of HTTP and DNS";
                Decision::NotDecidable { missing: BTreeSet::from([missing.to_owned()]) }
            }
            decision => decision,
        }
    }

    /// Whether a rule counts that the agents have no proxy for.
    fn needs_proxy(&self, allowances: &[Candidate<'_>]) -> bool {
        let proxy = self.agent.is_none_or(AgentConfig::has_l7_proxy);
        !proxy && allowances.iter().any(|one| one.reads)
    }
}

fn by_default(
    selecting: &[Selecting<'_>],
    agent: Option<&AgentConfig>,
    direction: Direction,
) -> (Holds, Option<RuleAt>) {
    if agent.is_some_and(|agent| agent.enforcement() == Enforcement::Always) {
        return (Holds::Yes, None);
    }
    let denying = || selecting.iter().filter(|one| one.denies_by_default(direction));
    let holds = Holds::any(denying().map(|one| one.selects.clone()));
    let first = denying().find(|one| one.selects == holds);
    let at = first.and_then(|one| {
        let entry = one.spec.entries.iter().find(|entry| entry.direction == direction)?;
        Some(one.at(list_of(direction, entry.deny), entry.span))
    });
    (holds, at)
}

/// The field that entries are in.
fn list_of(direction: Direction, deny: bool) -> String {
    format!("{}{}", direction.word(), if deny { "Deny" } else { "" })
}

/// The rules of a direction that the call falls under, or may.
fn candidates<'s>(
    selecting: &'s [Selecting<'_>],
    (direction, deny): (Direction, bool),
    call: &Call,
) -> Vec<Candidate<'s>> {
    // What one policy requires of peers holds for the rules of all of them.
    let required: Vec<_> = selecting
        .iter()
        .filter(|one| one.selects == Holds::Yes)
        .flat_map(|one| {
            let required = one.entries(direction, deny).flat_map(|(_, entry)| &entry.required);
            required.map(|node| (one.scope(), node))
        })
        .collect();
    let list = list_of(direction, deny);
    let mut all = Vec::new();
    for one in selecting {
        for (index, entry) in one.entries(direction, deny) {
            let meant = peer::is_meant(entry, &call.peer, one.scope(), &required);
            let meant = one.selects.clone().and(meant);
            if meant == Holds::No {
                continue;
            }
            for (under, covered) in port::parts(entry, &call.target) {
                let name = format!("{list}[{index}]");
                let (rule, span, said, reads) = match under {
                    Under::Whole => (name, entry.span, Holds::Yes, false),
                    Under::Icmp => (format!("{name}.icmps"), entry.span, Holds::Yes, false),
                    Under::Port(number, rule) => (
                        format!("{name}.toPorts[{number}]"),
                        rule.span,
                        content::allows(rule, &call.content),
                        content::reads(rule),
                    ),
                };
                let (at, falls) = (one.at(rule, span), meant.clone().and(covered));
                all.push(Candidate { at, entry, falls, said, reads });
            }
        }
    }
    all
}

/// Denials before allowances, and what neither is said of by default.
fn weigh(
    denials: &[Candidate<'_>],
    allowances: &[Candidate<'_>],
    (default, at): (Holds, Option<RuleAt>),
    own_node: bool,
) -> Decision {
    if let Some(by) = denials.iter().find(|one| one.falls == Holds::Yes) {
        return Decision::DeniedBy { rule: by.at.clone() };
    }
    let denied = Holds::any(denials.iter().map(|one| one.falls.clone()));
    let lets = |one: &Candidate<'_>| one.falls.clone().and(one.said.clone());
    let allowed = Holds::any(allowances.iter().map(lets));
    // A connection that rules of HTTP take is theirs to judge, whatever the default is.
    let taken = Holds::any(allowances.iter().filter(|one| one.reads).map(|one| one.falls.clone()));
    let through = if own_node { Holds::Yes } else { allowed.or(!default.or(taken)) };
    match ((!denied).and(through), own_node) {
        (Holds::Unknown(missing), _) => Decision::NotDecidable { missing },
        (Holds::Yes, true) => Decision::NotEnforced { why: "a pod's own node may always call it" },
        (Holds::Yes, false) => match allowances.iter().find(|one| lets(one) == Holds::Yes) {
            Some(by) => allowed_by(by, allowances),
            None => Decision::AllowedByDefault,
        },
        (Holds::No, _) => {
            let taking = allowances.iter().find(|one| one.falls == Holds::Yes);
            match taking {
                Some(by) => Decision::DeniedByContent { rule: by.at.clone() },
                None => Decision::DeniedByDefault { policy: at },
            }
        }
    }
}

/// Of rules that demand authentication of the same connection, one is enough.
fn allowed_by(by: &Candidate<'_>, allowances: &[Candidate<'_>]) -> Decision {
    let counting = allowances.iter().filter(|one| one.falls == Holds::Yes);
    let modes =
        || counting.clone().filter_map(|one| Some((one, one.entry.authentication.as_deref()?)));
    if let Some((failing, _)) = modes().find(|(_, mode)| *mode == "test-always-fail") {
        return Decision::DeniedBy { rule: failing.at.clone() };
    }
    let required = modes().any(|(_, mode)| mode == "required");
    Decision::AllowedBy {
        rule: by.at.clone(),
        authentication: required.then(|| "required".to_owned()),
    }
}
