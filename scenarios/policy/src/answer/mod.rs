//! Answers about what is in force: whether a call goes through, by each mesh apart and by both
//! together, and what holds for a port. It reads no file and prints nothing.

mod capture;
mod explain;
mod istio;
mod missing;
mod resolve;

use std::collections::BTreeSet;

use serde::Serialize;

pub use explain::{AuthorizationAt, Direction as ExplainedDirection, Explanation, explain};
pub use istio::Verdict;

use crate::cilium::Direction;
use crate::endpoint::{self, Content, Decision, Peer, Pod, Policies, Protocol, Target};
use crate::question::{Destination, Question, Source, Subject};
use crate::validate::InForce;
use crate::{DecidedBy, MtlsMode, Workload};
use capture::Capture;
use istio::Caller;
use resolve::Found;

/// The mode of mTLS on a port, and what decides on it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Mtls {
    /// The mode.
    pub mode: MtlsMode,
    /// How wide what decides is: `mesh`, `namespace`, `workload`, `port` or `default`.
    pub level: &'static str,
    /// The policy and its place; none where no policy sets a mode.
    pub policy: Option<String>,
}

impl Mtls {
    fn of(in_force: &InForce, workload: &Workload, port: u16) -> Self {
        let effective = in_force.set.mtls_mode(workload, port);
        let level = match effective.decided_by {
            DecidedBy::Default => "default",
            DecidedBy::Mesh(_) => "mesh",
            DecidedBy::Namespace(_) => "namespace",
            DecidedBy::Workload(_) => "workload",
            DecidedBy::Port(_) => "port",
        };
        let policy = effective.decided_by.document().map(|document| {
            let mut all = in_force.set.peer_authentications.iter();
            let of = all.find(|of| of.origin == *document).expect("the document was read");
            format!("{} ({document})", of.title())
        });
        Self { mode: effective.mode, level, policy }
    }
}

/// Istio's part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByIstio {
    /// What becomes of the call.
    #[serde(flatten)]
    pub verdict: Verdict,
    /// What stands in front of the port, and what says so.
    pub captured: String,
    /// The mode of its mTLS; none where nothing stands there.
    pub mtls: Option<Mtls>,
    /// The identity of the caller; none in plaintext.
    pub principal: Option<String>,
    /// Why it has one, or has none.
    pub principal_because: String,
}

/// One direction of Cilium's part of an answer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ByCilium {
    /// The endpoint whose policies are asked.
    pub endpoint: String,
    /// What becomes of the call.
    #[serde(flatten)]
    pub decision: Decision,
}

/// An answer to a question.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Answer {
    /// The question.
    pub question: String,
    /// Whether the call goes through; none where that can not be told.
    pub allowed: Option<bool>,
    /// What would have to be known to tell.
    pub missing: BTreeSet<String>,
    /// How the names of the question were understood.
    pub read_as: Vec<String>,
    /// By Istio, where a workload is called.
    pub istio: Option<ByIstio>,
    /// By the caller's own policies of Cilium, where the caller is a pod.
    pub cilium_egress: Option<ByCilium>,
    /// By those of the workload, where one is called.
    pub cilium_ingress: Option<ByCilium>,
    /// What is worth knowing besides.
    pub notes: Vec<String>,
}

/// Whether a call goes through.
#[must_use]
pub fn answer(in_force: &InForce, text: &str, question: &Question) -> Answer {
    let mut answer = Answer {
        question: text.to_owned(),
        allowed: None,
        missing: BTreeSet::new(),
        read_as: Vec::new(),
        istio: None,
        cilium_egress: None,
        cilium_ingress: None,
        notes: Vec::new(),
    };
    let found = match &question.destination {
        Destination::Workload(subject) => match resolve::workload(&in_force.inventory, subject) {
            Ok(found) => Some(found),
            Err(missing) => {
                answer.missing.insert(missing);
                return answer;
            }
        },
        Destination::Address(..) | Destination::Name(..) => None,
    };
    if let Some(found) = &found {
        answer.read_as.push(found.note.clone());
        answer.istio = Some(by_istio(in_force, question, found));
    }
    by_cilium(in_force, question, found.as_ref(), &mut answer);
    notes(in_force, found.as_ref(), &mut answer);
    together(&mut answer);
    answer
}

/// One layer that denies is enough, and all must allow.
fn together(answer: &mut Answer) {
    let cilium = [&answer.cilium_egress, &answer.cilium_ingress].into_iter().flatten();
    let mut all: Vec<Option<bool>> = cilium.clone().map(|layer| layer.decision.allowed()).collect();
    all.extend(answer.istio.iter().map(|layer| layer.verdict.allowed()));
    answer.allowed = if all.contains(&Some(false)) {
        Some(false)
    } else if all.contains(&None) {
        for layer in cilium {
            if let Decision::NotDecidable { missing } = &layer.decision {
                answer.missing.extend(missing.iter().cloned());
            }
        }
        if let Some(Verdict::NotDecidable { missing }) =
            answer.istio.as_ref().map(|layer| &layer.verdict)
        {
            answer.missing.extend(missing.iter().cloned());
        }
        None
    } else {
        Some(true)
    };
}

/// Whether anything of Istio is among the files.
fn has_istio(in_force: &InForce) -> bool {
    !(in_force.set.peer_authentications.is_empty()
        && in_force.authorization_policies.is_empty()
        && in_force.request_authentications.is_empty()
        && in_force.destination_rules.is_empty()
        && in_force.inventory.meshes.is_empty())
}

fn by_istio(in_force: &InForce, question: &Question, found: &Found<'_>) -> ByIstio {
    let mut capture = Capture::of(&in_force.inventory, found);
    if capture == Capture::Assumed && !has_istio(in_force) {
        capture = Capture::Nothing("nothing of Istio is among the files".to_owned());
    }
    let mtls = Mtls::of(in_force, &found.workload, found.port);
    let caller = if capture.is_there() {
        istio::caller(in_force, question, found, mtls.mode)
    } else {
        Caller { principal: None, why: "nothing ends mTLS at the workload".to_owned() }
    };
    let verdict = istio::verdict(in_force, question, found, (mtls.mode, &caller, &capture));
    ByIstio {
        verdict,
        captured: captured(&capture),
        mtls: capture.is_there().then_some(mtls),
        principal: caller.principal,
        principal_because: caller.why,
    }
}

fn captured(capture: &Capture) -> String {
    match capture {
        Capture::Sidecar(why) => format!("a sidecar: {why}"),
        Capture::Ambient(why) => format!("ztunnel: {why}"),
        Capture::Nothing(why) => format!("nothing: {why}"),
        Capture::Assumed => "a sidecar, as is taken for granted: nothing says otherwise".to_owned(),
    }
}

fn by_cilium(
    in_force: &InForce,
    question: &Question,
    found: Option<&Found<'_>>,
    answer: &mut Answer,
) {
    let inventory = &in_force.inventory;
    let policies = Policies { list: &in_force.network_policies, agent: inventory.agent() };
    if policies.list.is_empty() && policies.agent.is_none() {
        return;
    }
    let mutual = answer.istio.as_ref().is_some_and(|istio| istio.principal.is_some());
    let content = content(question, mutual);
    let (port, names) = match (found, &question.destination) {
        (Some(found), _) => {
            let ports = found.deployed.map(|deployed| deployed.ports.iter());
            let named = ports.map(|ports| {
                ports.filter_map(|port| Some((port.name.clone()?, port.port))).collect()
            });
            (found.port, named)
        }
        (None, Destination::Address(_, port) | Destination::Name(_, port)) => (*port, None),
        (None, Destination::Workload(subject)) => (subject.port, None),
    };
    let target = Target { protocol: question.protocol.unwrap_or(Protocol::Tcp), port, names };
    let callers = callers(in_force, question);
    if let Source::Account { namespace, account, .. } = &question.source {
        let peer = other_end(question, found);
        let call = endpoint::Call { peer, target: target.clone(), content: content.clone() };
        let each = callers
            .iter()
            .map(|(note, pod)| (note.clone(), policies.decide(pod, Direction::Egress, &call)));
        let endpoint = format!("{namespace}/{account}");
        answer.cilium_egress = Some(ByCilium { endpoint, decision: agreed(each.collect()) });
    }
    let Some(found) = found else { return };
    let peers: Vec<(String, Peer)> = match &question.source {
        Source::Account { .. } => {
            callers.into_iter().map(|(note, pod)| (note, Peer::Pod(pod))).collect()
        }
        Source::Entity(name) => vec![((*name).to_owned(), Peer::Entity(name))],
        Source::Address(address) => {
            let peer = Peer::Outside { address: Some(*address), name: None };
            vec![(address.to_string(), peer)]
        }
        Source::World => {
            vec![("world".to_owned(), Peer::Outside { address: question.address, name: None })]
        }
    };
    let each = peers.into_iter().map(|(note, peer)| {
        let call = endpoint::Call { peer, target: target.clone(), content: content.clone() };
        (note, policies.decide(&found.pod, Direction::Ingress, &call))
    });
    let decision = agreed(each.collect());
    let endpoint = match &question.destination {
        Destination::Workload(Subject { namespace, name, .. }) => format!("{namespace}/{name}"),
        _ => found.workload.namespace.clone(),
    };
    if mutual && let Decision::DeniedByContent { .. } = decision {
        let note = "the sidecars' mTLS hides the request from Cilium's rules of HTTP: use one of \
                    the two for requests";
        answer.notes.push(note.to_owned());
    }
    answer.cilium_ingress = Some(ByCilium { endpoint, decision });
}

/// What Cilium's proxy can read of the call.
fn content(question: &Question, mutual: bool) -> Content {
    if let Some(name) = &question.dns {
        return Content::Dns(name.clone());
    }
    if mutual {
        return Content::Tls { server_name: None };
    }
    if question.tls {
        return Content::Tls { server_name: question.sni.clone() };
    }
    match &question.request {
        Some((method, target)) => Content::Http(istio::request_of(question, method, target)),
        None => Content::Unsaid,
    }
}

/// The pods that the caller may be, and where they were read.
fn callers(in_force: &InForce, question: &Question) -> Vec<(String, Pod)> {
    let Source::Account { namespace, account, labels, .. } = &question.source else {
        return Vec::new();
    };
    let inventory = &in_force.inventory;
    let pod = |labels| resolve::pod(inventory, namespace, Some(account.clone()), labels);
    if let Some(labels) = labels {
        return vec![(format!("{namespace}/{account}"), pod(Some(labels.clone())))];
    }
    let of_account = inventory.workloads_of_account(namespace, account);
    let mut all: Vec<(String, Pod)> = of_account
        .map(|one| {
            let note = format!("{} ({})", one.head.title(), one.head.origin);
            (note, pod(Some(one.labels.clone())))
        })
        .collect();
    if all.is_empty() {
        all.push((
            format!("{namespace}/{account}, which no workload of the files runs as"),
            pod(None),
        ));
    }
    all
}

/// What the caller calls, as its own policies see it.
fn other_end(question: &Question, found: Option<&Found<'_>>) -> Peer {
    match (&question.destination, found) {
        (_, Some(found)) => Peer::Pod(found.pod.clone()),
        (Destination::Address(address, _), None) => {
            Peer::Outside { address: Some(*address), name: None }
        }
        (Destination::Name(name, _), None) => {
            Peer::Outside { address: None, name: Some(name.clone()) }
        }
        (Destination::Workload(_), None) => Peer::Outside { address: None, name: None },
    }
}

/// The decision for several callers, where it is the same for all.
fn agreed(each: Vec<(String, Decision)>) -> Decision {
    let mut missing = BTreeSet::new();
    let first = each.first().map(|(_, decision)| decision.allowed());
    if each.iter().all(|(_, decision)| Some(decision.allowed()) == first) {
        let mut each = each.into_iter().map(|(_, decision)| decision);
        let mut first = each.next().expect("there is always a caller");
        if let Decision::NotDecidable { missing } = &mut first {
            for other in each {
                if let Decision::NotDecidable { missing: more } = other {
                    missing.extend(more);
                }
            }
        }
        return first;
    }
    for (note, decision) in each {
        let word = match decision.allowed() {
            Some(true) => "is let through",
            Some(false) => "is not",
            None => "can not be told",
        };
        missing.insert(format!("which pods call: {note} {word}"));
    }
    Decision::NotDecidable { missing }
}

/// What the answer does not take into account, though it may count.
fn notes(in_force: &InForce, found: Option<&Found<'_>>, answer: &mut Answer) {
    answer.notes.extend(in_force.left_out.iter().map(left_out));
    let Some(found) = found else { return };
    for (head, _) in &in_force.inventory.network_policies {
        if head.namespace == found.workload.namespace {
            answer.notes.push(format!("{} ({}) is not judged", head.title(), head.origin));
        }
    }
    for of in &in_force.request_authentications {
        let applies = of.applies(&in_force.set.root_namespace, &found.workload);
        if applies && answer.istio.as_ref().is_some_and(|istio| istio.mtls.is_some()) {
            answer.notes.push(format!(
                "{} ({}) refuses a request with a token that it can not verify",
                of.title, of.origin
            ));
        }
    }
}

/// What is among the files and counts for nothing.
fn left_out(what: &String) -> String {
    format!("{what} and does not count here")
}
