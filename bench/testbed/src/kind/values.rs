//! Helm values of the meshes: what is set away from the charts' defaults, and why. Everything that
//! takes time and is not asked about is off, in both releases of a pair alike. Pure.

use serde_json::{Value, json};

use super::yaml;

/// Of `istio/istiod`, for one revision.
///
/// One replica and no autoscaler: a control plane that grows in the middle of a run is another one.
/// Tracing and access logs cost the proxy time at every request. Two worker threads in every proxy, so
/// that it does not follow the node's cores.
#[must_use]
pub(super) fn istiod(revision: &str) -> String {
    yaml::document(&istiod_value(revision))
}

pub(super) fn istiod_value(revision: &str) -> Value {
    json!({
        "revision": revision,
        "autoscaleEnabled": false,
        "replicaCount": 1,
        "traceSampling": 0,
        "resources": {
            "requests": {"cpu": "500m", "memory": "1Gi"},
            "limits": {"cpu": "500m", "memory": "1Gi"},
        },
        "meshConfig": {
            "accessLogFile": "",
            "enableTracing": false,
            "defaultConfig": {"concurrency": 2},
        },
    })
}

/// Of `cilium/cilium`.
///
/// The proxy of L7 policies is a pod of its own on each node, which is the default from 1.16 on and said
/// here so that both releases of a pair have the same. Hubble and the metrics look at every packet.
#[must_use]
pub(super) fn cilium() -> String {
    yaml::document(&cilium_value())
}

pub(super) fn cilium_value() -> Value {
    json!({
        "image": {"pullPolicy": "IfNotPresent"},
        "ipam": {"mode": "kubernetes"},
        "l7Proxy": true,
        "envoy": {"enabled": true},
        "hubble": {"enabled": false},
        "prometheus": {"enabled": false},
        "operator": {"replicas": 1},
    })
}
