//! Checks of Istio and Cilium together: where one undoes the other, and what neither covers.

use super::Findings;
use super::cilium_cluster::{Policies, pod};
use super::known::{Capture, Known, is_about};
use crate::authorization::Action;
use crate::finding::Severity;
use crate::inventory::Deployed;
use crate::{MtlsMode, Workload};

/// What both say together.
pub(super) fn together(known: &Known<'_>, policies: &Policies<'_>, out: &mut Findings) {
    if known.has_istio() && known.has_cilium() {
        http_under_mtls(known, out);
        for of in &known.inventory.workloads {
            let caught = matches!(known.capture(of), Some(Capture::Sidecar | Capture::Ambient));
            if caught && of.head.namespace != known.root() {
                one_workload(of, known, policies, out);
            }
        }
    }
    egress(known, out);
    agents(known, out);
}

/// Rules of HTTP in policies of namespaces whose traffic is encrypted when Cilium sees it.
fn http_under_mtls(known: &Known<'_>, out: &mut Findings) {
    for of in known.manifests.iter().filter(|of| !of.refused && of.kind.namespaced) {
        let in_mesh = known.namespace(&of.namespace).is_some_and(|namespace| {
            let label = |name: &str| namespace.labels.get(name).map(String::as_str);
            label("istio-injection") == Some("enabled")
                || label("istio.io/rev").is_some()
                || label("istio.io/dataplane-mode") == Some("ambient")
        });
        for outline in &of.outlines {
            let first = outline.ways.iter().find_map(|way| way.http);
            let Some(span) = first else { continue };
            let labels = outline.selector.as_ref().and_then(|one| one.member("matchLabels"));
            let labels = crate::manifest::texts(labels);
            let own = labels
                .into_iter()
                .map(|(key, value)| (super::cilium_scope::name_of(&key).to_owned(), value));
            let workload = Workload { namespace: of.namespace.clone(), labels: own.collect() };
            let mode = known.mode(&workload);
            // Without a policy of mTLS only the namespace's label says that there is a mesh.
            let decided = mode.decided_by.document().is_some();
            if mode.mode == MtlsMode::Disable || !decided && !in_mesh {
                continue;
            }
            let message = format!(
                "mTLS is {} here: Cilium's proxy sees ciphertext, and calls end in 503",
                mode.mode
            );
            out.add("CN014", of, span, message);
        }
    }
}

/// What is held against calls of one workload, and the holes.
fn one_workload(of: &Deployed, known: &Known<'_>, policies: &Policies<'_>, out: &mut Findings) {
    let workload = of.workload();
    let mode = known.mode(&workload).mode;
    let about = policies.about(&pod(of, known));
    if mode != MtlsMode::Disable
        && let Some((policy, _)) =
            about.iter().find(|(_, outline)| outline.ways.iter().any(|way| way.http.is_some()))
    {
        let message = format!(
            "mTLS is {mode} and {} has rules of HTTP: the two do not go together",
            policy.title()
        );
        out.add("XR001", &of.head, of.head.span, message);
    }
    let authorized = known.policies_near(&of.head.namespace).any(|(_, policy)| {
        is_about(policy, &workload) && !policy.dry_run && policy.action.0 == Action::Allow
    });
    let denies = |way: usize| about.iter().any(|(_, outline)| outline.ways[way].denies);
    let holes: Vec<&str> = [
        (mode == MtlsMode::Strict, "STRICT mTLS"),
        (authorized, "a default-deny of authorization"),
        (denies(0), "a default-deny of ingress"),
        (denies(1), "a default-deny of egress"),
    ]
    .into_iter()
    .filter_map(|(there, what)| (!there).then_some(what))
    .collect();
    if holes.is_empty() {
        return;
    }
    let message = format!("{} of 4 layers: without {}", 4 - holes.len(), holes.join(", "));
    let finding = out.add("XR002", &of.head, of.head.span, message);
    if holes.len() == 1 {
        finding.severity = Severity::Medium;
    }
}

/// A mesh that lets out only what it knows, which binds only who goes through the proxy.
fn egress(known: &Known<'_>, out: &mut Findings) {
    let Some(mesh) = known.inventory.mesh() else { return };
    let Some(mode) = mesh.outbound_traffic.as_ref().filter(|mode| mode.text == "REGISTRY_ONLY")
    else {
        return;
    };
    let by_cilium = known
        .manifests
        .iter()
        .any(|of| !of.refused && of.outlines.iter().any(|outline| outline.ways[1].denies));
    let by_kubernetes = known.inventory.network_policies.iter().any(|(_, spec)| {
        let types = spec.member("policyTypes").map(crate::source::Node::items).unwrap_or_default();
        types.iter().any(|one| one.text() == Some("Egress")) || spec.member("egress").is_some()
    });
    if !by_cilium && !by_kubernetes {
        let message =
            "REGISTRY_ONLY is no boundary: no policy of Cilium or Kubernetes limits egress";
        out.add("XR003", &mesh.head, mode.span, message.to_owned());
    }
}

/// Settings of Cilium without which it and Istio are in each other's way.
fn agents(known: &Known<'_>, out: &mut Findings) {
    let Some(agent) = known.inventory.agent().filter(|_| known.has_istio()) else { return };
    let replaces = agent.setting("kube-proxy-replacement");
    let replaces = replaces.is_some_and(|one| matches!(one.text.as_str(), "true" | "strict"));
    if replaces && !agent.is_on("bpf-lb-sock-hostns-only", false) {
        let span = agent.setting("bpf-lb-sock-hostns-only").map_or(agent.head.span, |one| one.span);
        let message = "`bpf-lb-sock-hostns-only` is not `true`: services are resolved before the proxy sees them";
        out.add("XR004", &agent.head, span, message.to_owned());
    }
    if agent.is_on("cni-exclusive", true) {
        let span = agent.setting("cni-exclusive").map_or(agent.head.span, |one| one.span);
        let message = "`cni-exclusive` is not `false`: Cilium moves Istio's own CNI plugin away";
        out.add("XR004", &agent.head, span, message.to_owned());
    }
}
