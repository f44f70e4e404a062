//! Whether Istio stands in front of a workload's port at all: a sidecar, ztunnel, or nothing.

use std::collections::BTreeMap;

use super::resolve::Found;
use crate::inventory::Inventory;

/// The label and the annotation by which pods ask for a sidecar or refuse it.
const INJECT: &str = "sidecar.istio.io/inject";
/// The label by which pods and namespaces choose ambient mode.
const MODE: &str = "istio.io/dataplane-mode";

/// What stands in front of a port.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Capture {
    /// A sidecar, and what says so.
    Sidecar(String),
    /// ztunnel, and what says so.
    Ambient(String),
    /// Nothing, and why.
    Nothing(String),
    /// A sidecar, as is taken for granted because nothing says otherwise.
    Assumed,
}

impl Capture {
    pub(super) fn of(inventory: &Inventory, found: &Found<'_>) -> Self {
        by_pod(found).or_else(|| by_namespace(inventory, found)).unwrap_or(Self::Assumed)
    }

    /// Whether anything stands there.
    pub(super) fn is_there(&self) -> bool {
        !matches!(self, Self::Nothing(_))
    }
}

fn by_pod(found: &Found<'_>) -> Option<Capture> {
    let of = found.deployed?;
    let title = of.head.title();
    if of.host_network {
        return Some(Capture::Nothing(format!("{title} is on its node's network")));
    }
    if excludes(&of.annotations, found.port) {
        let why = format!("{title} keeps its port {} from the sidecar", found.port);
        return Some(Capture::Nothing(why));
    }
    if of.containers.iter().any(|name| name == "istio-proxy") {
        return Some(Capture::Sidecar(format!("{title} has one")));
    }
    let asked = of.labels.get(INJECT).or_else(|| of.annotations.get(INJECT));
    match (asked.map(String::as_str), of.labels.get(MODE).map(String::as_str)) {
        (Some("false"), _) => Some(Capture::Nothing(format!("{title} has `{INJECT}: false`"))),
        (Some("true"), _) => Some(Capture::Sidecar(format!("{title} has `{INJECT}: true`"))),
        (_, Some("ambient")) => Some(Capture::Ambient(format!("{title} has `{MODE}: ambient`"))),
        (_, Some("none")) => Some(Capture::Nothing(format!("{title} has `{MODE}: none`"))),
        _ => None,
    }
}

fn by_namespace(inventory: &Inventory, found: &Found<'_>) -> Option<Capture> {
    let namespace = inventory.namespace(&found.workload.namespace)?;
    let (labels, title) = (&namespace.head.labels, namespace.head.title());
    let label = |name: &str| labels.get(name).map(String::as_str);
    match (label("istio-injection"), label(MODE), label("istio.io/rev")) {
        (Some("enabled"), ..) => {
            Some(Capture::Sidecar(format!("{title} has `istio-injection: enabled`")))
        }
        (Some("disabled"), ..) => {
            Some(Capture::Nothing(format!("{title} has `istio-injection: disabled`")))
        }
        (_, Some("ambient"), _) => Some(Capture::Ambient(format!("{title} has `{MODE}: ambient`"))),
        (_, _, Some(revision)) => {
            Some(Capture::Sidecar(format!("{title} has `istio.io/rev: {revision}`")))
        }
        _ => None,
    }
}

/// Whether annotations keep a port from the sidecar.
fn excludes(annotations: &BTreeMap<String, String>, port: u16) -> bool {
    let lists = |name: &str| {
        let list = annotations.get(&format!("traffic.sidecar.istio.io/{name}"))?;
        Some(list.split(',').any(|one| one.trim() == "*" || one.trim().parse() == Ok(port)))
    };
    lists("excludeInboundPorts") == Some(true) || lists("includeInboundPorts") == Some(false)
}
