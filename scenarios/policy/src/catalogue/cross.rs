//! Checks of Istio and Cilium together.

use super::Check;
use crate::finding::Severity::{Critical, High, Medium};

const PRACTICES: &str = "https://istio.io/latest/docs/ops/best-practices/security/";
const EVERY: &str = "every release";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "XR001",
        severity: Critical,
        title: "a workload between two readers of HTTP",
        why: "Istio encrypts what Cilium is to read. It says of each workload what CN014 says of \
              policies.",
        fix: "rules of HTTP in Istio's AuthorizationPolicy, and of ports in Cilium's.",
        source: "https://docs.cilium.io/en/v1.17/network/servicemesh/istio/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "XR002",
        severity: High,
        title: "layers that are missing",
        why: "STRICT mTLS, a default-deny of authorization, and default-denies of ingress and \
              egress each stop what the others let through. One that is missing counts as medium.",
        fix: "add what the message names.",
        source: PRACTICES,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "XR003",
        severity: High,
        title: "REGISTRY_ONLY as a boundary",
        why: "it binds only who goes through the proxy, which an attacker in the pod need not.",
        fix: "a policy of Cilium or Kubernetes that denies egress but to the gateway.",
        source: "https://istio.io/latest/docs/tasks/traffic-management/egress/egress-gateway/#additional-security-considerations",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "XR004",
        severity: Medium,
        title: "Cilium in Istio's way",
        why: "without these settings calls of services go past the proxy, or Istio's CNI plugin \
              is moved away.",
        fix: "`socketLB.hostNamespaceOnly: true` and `cni.exclusive: false` in Cilium's values.",
        source: "https://docs.cilium.io/en/v1.17/network/servicemesh/istio/",
        releases: EVERY,
        refuses: false,
    },
];
