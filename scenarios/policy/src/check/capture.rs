//! Checks of whether traffic gets into the mesh at all, without which no policy of it is in force.

use super::Findings;
use super::known::{Capture, Known};
use crate::MtlsMode;
use crate::finding::Severity;
use crate::inventory::{Deployed, Head};

/// The user as which the proxy runs; what it sends is not caught.
const PROXY_USER: i64 = 1337;

/// What workloads and namespaces say.
pub(super) fn together(known: &Known<'_>, out: &mut Findings) {
    if !known.has_istio() {
        return;
    }
    for namespace in &known.inventory.namespaces {
        both(&namespace.head, out);
    }
    for of in &known.inventory.workloads {
        let strict = known.mode(&of.workload()).mode == MtlsMode::Strict;
        if strict && of.head.namespace != known.root() {
            not_caught(of, known, out);
        }
        if strict {
            holes(of, out);
        }
        if let Some((_, span)) = of.users.iter().find(|(user, _)| *user == PROXY_USER) {
            let message = "as user 1337 a container's traffic goes past the proxy".to_owned();
            out.add("PA018", &of.head, *span, message);
        }
    }
}

/// A namespace that asks for sidecars and for ambient.
fn both(of: &Head, out: &mut Findings) {
    let label = |name: &str| of.labels.get(name).map(String::as_str);
    let sidecars = label("istio-injection") == Some("enabled") || label("istio.io/rev").is_some();
    if sidecars && label("istio.io/dataplane-mode") == Some("ambient") {
        let message =
            "labels ask for sidecars and for ambient; pods with a sidecar keep out of ambient";
        out.add("PA015", of, of.span, message.to_owned());
    }
}

fn not_caught(of: &Deployed, known: &Known<'_>, out: &mut Findings) {
    let in_mesh = known.namespace(&of.head.namespace).is_some_and(|namespace| {
        let label = |name: &str| namespace.labels.get(name).map(String::as_str);
        label("istio-injection") == Some("enabled")
            || label("istio.io/rev").is_some()
            || label("istio.io/dataplane-mode") == Some("ambient")
    });
    if of.host_network {
        if in_mesh {
            let message = "on the node's network no traffic of the pod gets into the mesh";
            out.add("PA014", &of.head, of.head.span, message.to_owned());
        }
        return;
    }
    // A choice of the pod's own is another check's.
    let own_choice = of.labels.contains_key("sidecar.istio.io/inject")
        || of.annotations.contains_key("sidecar.istio.io/inject");
    if known.capture(of) == Some(Capture::Neither) && !own_choice {
        let message =
            "STRICT is asked for, and neither a sidecar nor ambient is there to hold to it";
        out.add("PA011", &of.head, of.head.span, message.to_owned());
    }
}

/// Annotations that leave traffic out, and which way.
const LEAVING_OUT: [(&str, &str, Severity); 4] = [
    ("traffic.sidecar.istio.io/excludeInboundPorts", "plaintext gets in at ports", Severity::High),
    (
        "traffic.sidecar.istio.io/excludeOutboundPorts",
        "calls go past the proxy to ports",
        Severity::Medium,
    ),
    (
        "traffic.sidecar.istio.io/excludeOutboundIPRanges",
        "calls go past the proxy to",
        Severity::Medium,
    ),
    ("traffic.sidecar.istio.io/excludeInterfaces", "nothing is caught on", Severity::High),
];

fn holes(of: &Deployed, out: &mut Findings) {
    let annotation = |name: &str| of.annotations.get(name).map(String::as_str);
    for (name, what, severity) in LEAVING_OUT {
        if let Some(value) = annotation(name).filter(|value| !value.is_empty()) {
            let message = format!("{what} {value}, by `{name}`");
            out.add("PA013", &of.head, of.head.span, message).severity = severity;
        }
    }
    let caught = annotation("traffic.sidecar.istio.io/includeInboundPorts");
    if let Some(ports) = caught.filter(|ports| *ports != "*") {
        let message = format!("plaintext gets in at all ports but {ports}");
        out.add("PA013", &of.head, of.head.span, message);
    }
    let inject = of.labels.get("sidecar.istio.io/inject").map(String::as_str);
    if inject.or_else(|| annotation("sidecar.istio.io/inject")) == Some("false") {
        let message =
            "`sidecar.istio.io/inject: \"false\"` leaves the pod out of the mesh".to_owned();
        out.add("PA013", &of.head, of.head.span, message);
    }
    if annotation("sidecar.istio.io/interceptionMode") == Some("NONE") {
        let message = "with the interception mode NONE nothing is caught".to_owned();
        out.add("PA013", &of.head, of.head.span, message);
    }
}
