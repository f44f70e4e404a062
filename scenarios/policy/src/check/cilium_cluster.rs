//! Checks of Cilium's policies against the cluster that they are for: its pods, its agents'
//! configuration, and Kubernetes' own policies.

use std::collections::BTreeMap;

use super::Findings;
use super::cilium_scope::{NAMESPACE, name_of};
use super::known::Known;
use super::outline::Outline;
use crate::endpoint::Pod;
use crate::inventory::{AgentConfig, Deployed, Enforcement};
use crate::judge::cidr::Range;
use crate::judge::cover::selects_all;
use crate::manifest::{Manifest, texts};
use crate::source::Node;

/// Policies of Cilium that are in force, by namespace; clusterwide ones are of none.
pub(super) struct Policies<'k> {
    by_namespace: BTreeMap<Option<&'k str>, Vec<(&'k Manifest, &'k Outline)>>,
}

impl<'k> Policies<'k> {
    pub(super) fn of(known: &Known<'k>) -> Self {
        let mut by_namespace: BTreeMap<_, Vec<_>> = BTreeMap::new();
        for of in known.manifests.iter().filter(|of| !of.refused) {
            let namespace = of.kind.namespaced.then_some(of.namespace.as_str());
            let outlines = of.outlines.iter().map(|outline| (of, outline));
            by_namespace.entry(namespace).or_default().extend(outlines);
        }
        Self { by_namespace }
    }

    /// Those that are certainly about a pod.
    pub(super) fn about(&self, pod: &Pod) -> Vec<(&'k Manifest, &'k Outline)> {
        let own = Some(pod.namespace.as_str());
        [own, None]
            .into_iter()
            .filter_map(|namespace| Some((namespace, self.by_namespace.get(&namespace)?)))
            .flat_map(|(namespace, list)| list.iter().map(move |pair| (namespace, pair)))
            .filter(|(namespace, (_, outline))| outline.selects(*namespace, pod))
            .map(|(_, pair)| *pair)
            .collect()
    }

    fn of_namespace<'a>(
        &'a self,
        name: &'a str,
    ) -> impl Iterator<Item = &'a (&'k Manifest, &'k Outline)> {
        self.by_namespace.get(&Some(name)).into_iter().flatten()
    }

    fn all(&self) -> impl Iterator<Item = &(&'k Manifest, &'k Outline)> {
        self.by_namespace.values().flatten()
    }
}

/// A workload as Cilium sees its pods.
pub(super) fn pod(of: &Deployed, known: &Known<'_>) -> Pod {
    Pod {
        namespace: of.head.namespace.clone(),
        account: Some(of.service_account.clone()),
        labels: Some(of.labels.clone()),
        namespace_labels: known.namespace(&of.head.namespace).map(|head| head.labels.clone()),
        cluster: AgentConfig::cluster_name(known.inventory.agent()).to_owned(),
    }
}

/// What policies and cluster say together.
pub(super) fn together(known: &Known<'_>, policies: &Policies<'_>, out: &mut Findings) {
    if let Some(agent) = known.inventory.agent() {
        switched_off(agent, out);
        pods_by_range(agent, policies, out);
    }
    labels(known.inventory.agent(), policies, out);
    if !known.has_cilium() {
        return;
    }
    for of in &known.inventory.workloads {
        if of.head.namespace != "kube-system" {
            covered(of, known, policies, out);
        }
    }
    unions(known, policies, out);
}

fn switched_off(agent: &AgentConfig, out: &mut Findings) {
    let mut say = |name: &str, message: &str| {
        let span = agent.setting(name).map_or(agent.head.span, |setting| setting.span);
        out.add("CN033", &agent.head, span, message.to_owned());
    };
    if agent.audits() {
        say("policy-audit-mode", "`policy-audit-mode` is on: policies are noted and not enforced");
    }
    if agent.enforcement() == Enforcement::Never {
        say("enable-policy", "`enable-policy: never`: no policy is enforced");
    }
    if !agent.has_l7_proxy() {
        say("enable-l7-proxy", "`enable-l7-proxy` is off: rules of HTTP and DNS are not enforced");
    }
}

/// Settings that say which ranges pods have.
const POD_RANGES: [&str; 2] = ["cluster-pool-ipv4-cidr", "cluster-pool-ipv6-cidr"];

fn pods_by_range(agent: &AgentConfig, policies: &Policies<'_>, out: &mut Findings) {
    let settings = POD_RANGES.iter().filter_map(|name| agent.setting(name));
    let texts = settings.flat_map(|setting| setting.text.split([' ', ',']));
    let pods: Vec<Range> = texts.filter_map(Range::parse).collect();
    for (of, outline) in policies.all() {
        for (range, span, text) in &outline.ranges {
            if pods.iter().any(|pods| pods.holds(*range)) {
                let message = format!("`{text}` is a range of pods, which no range selects");
                out.add("CN038", *of, *span, message);
            }
        }
    }
}

/// Labels that are no part of identities unless that is set otherwise.
const NEVER: [&str; 5] = [
    "controller-revision-hash",
    "pod-template-generation",
    "pod-template-hash",
    "statefulset.kubernetes.io/pod-name",
    "batch.kubernetes.io/controller-uid",
];

/// What a label's name must begin with to be part of identities whatever is included.
const ALWAYS: [&str; 4] =
    ["reserved", NAMESPACE, "io.cilium.k8s.namespace.labels", "io.cilium.k8s.policy"];

fn labels(agent: Option<&AgentConfig>, policies: &Policies<'_>, out: &mut Findings) {
    let filter = agent.and_then(|agent| agent.setting("labels"));
    let words = filter.iter().flat_map(|filter| filter.text.split_whitespace());
    let expression = |word: &str| regex::Regex::new(&format!("^(?:{})", name_of(word))).ok();
    let (mut kept, mut left_out) = (Vec::new(), Vec::new());
    for word in words {
        match word.strip_prefix('!') {
            Some(word) => left_out.extend(expression(word)),
            None => kept.extend(expression(word)),
        }
    }
    for (of, outline) in policies.all() {
        for (label, span) in &outline.labels {
            let always = ALWAYS.iter().any(|name| label.starts_with(name));
            let included = kept.is_empty() || kept.iter().any(|one| one.is_match(label));
            let excluded = left_out.iter().any(|one| one.is_match(label))
                || kept.is_empty() && NEVER.contains(&label.as_str());
            if !always && (excluded || !included) {
                let message =
                    format!("`{label}` is no part of identities: the selector matches nothing");
                out.add("CN020", *of, *span, message);
            }
        }
    }
}

/// Directions in which a workload may be reached or reach others whatever policies say.
fn covered(of: &Deployed, known: &Known<'_>, policies: &Policies<'_>, out: &mut Findings) {
    let pod = pod(of, known);
    let about = policies.about(&pod);
    if of.host_network {
        if let Some((policy, _)) = about.first() {
            let message = format!(
                "{} selects it, but a pod on the node's network is no endpoint",
                policy.title()
            );
            out.add("CN041", &of.head, of.head.span, message);
        }
        return;
    }
    let denied = |way: usize| {
        let by_kubernetes = known.inventory.network_policies.iter().any(|(head, spec)| {
            head.namespace == of.head.namespace && by_network_policy(spec, of, way)
        });
        by_kubernetes || about.iter().any(|(_, outline)| outline.ways[way].denies)
    };
    let open: Vec<&str> = [(0, "ingress"), (1, "egress")]
        .into_iter()
        .filter_map(|(way, word)| (!denied(way)).then_some(word))
        .collect();
    if !open.is_empty() {
        let message = format!("no policy is about its {}: it is open", open.join(" and its "));
        out.add("CN034", &of.head, of.head.span, message);
    }
}

/// Whether Kubernetes' own policy is about a workload in a direction.
fn by_network_policy(spec: &Node, of: &Deployed, way: usize) -> bool {
    let selector = spec.member("podSelector");
    let labels = texts(selector.and_then(|one| one.member("matchLabels")));
    let expressions = selector.and_then(|one| one.member("matchExpressions"));
    let selected = labels.iter().all(|(key, value)| of.labels.get(key) == Some(value))
        && expressions.is_none_or(|expressions| expressions.items().is_empty());
    let types = spec.member("policyTypes").map(Node::items).unwrap_or_default();
    let word = ["Ingress", "Egress"][way];
    let meant = match types.is_empty() {
        true => way == 0 || spec.member("egress").is_some(),
        false => types.iter().any(|one| one.text() == Some(word)),
    };
    selected && meant
}

/// Kubernetes' policies that allow everything where Cilium's allow little: both count.
fn unions(known: &Known<'_>, policies: &Policies<'_>, out: &mut Findings) {
    for (head, spec) in &known.inventory.network_policies {
        let labels = texts(spec.path("podSelector.matchLabels"));
        for (way, word) in ["ingress", "egress"].into_iter().enumerate() {
            let entries = spec.member(word).map(Node::items).unwrap_or_default();
            let Some(open) = entries.iter().find(|entry| entry.entries().is_empty()) else {
                continue;
            };
            let beside = policies.of_namespace(&head.namespace).find(|(_, outline)| {
                let own = outline.selector.as_ref().and_then(|one| one.member("matchLabels"));
                let own: BTreeMap<String, String> = texts(own)
                    .into_iter()
                    .map(|(key, value)| (name_of(&key).to_owned(), value))
                    .collect();
                // One of the two must hold the other; otherwise they may never meet.
                let meets = selects_all(&own, &labels) || selects_all(&labels, &own);
                meets && outline.ways[way].denies && outline.ways[way].open.is_none()
            });
            if let Some((of, _)) = beside {
                let message = format!("all {word} is allowed, which {} meant to limit", of.title());
                out.add("CN040", head, open.into(), message);
            }
        }
    }
    cilium_unions(policies, out);
}

/// The same among Cilium's own of one namespace and the same selector.
fn cilium_unions(policies: &Policies<'_>, out: &mut Findings) {
    let mut limits: BTreeMap<(String, usize), &Manifest> = BTreeMap::new();
    let key = |of: &Manifest, outline: &Outline, way: usize| {
        let selector = outline.selector.as_ref().map(crate::manifest::written).unwrap_or_default();
        (format!("{} {selector}", of.namespace), way)
    };
    for (of, outline) in policies.all() {
        for (way, one) in outline.ways.iter().enumerate() {
            if one.denies && one.open.is_none() {
                limits.entry(key(of, outline, way)).or_insert(of);
            }
        }
    }
    for (of, outline) in policies.all() {
        for (way, one) in outline.ways.iter().enumerate() {
            let Some(span) = one.open else { continue };
            let limit = limits.get(&key(of, outline, way));
            if let Some(limit) = limit.filter(|limit| limit.title() != of.title()) {
                let message =
                    format!("what {} leaves out is allowed here: both count", limit.title());
                out.add("CN040", *of, span, message);
            }
        }
    }
}
