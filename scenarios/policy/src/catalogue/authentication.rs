//! Checks of who may call without an identity: `PeerAuthentication` and what goes with it.

use super::Check;
use crate::finding::Severity::{Critical, High, Info};

const PRACTICES: &str = "https://istio.io/latest/docs/ops/best-practices/security/";
const AUTHN: &str = "https://istio.io/latest/docs/reference/config/security/peer_authentication/";
const APPLIER: &str =
    "https://github.com/istio/istio/blob/1.25.5/pilot/pkg/security/authn/policy_applier.go";
const VALIDATION: &str =
    "https://github.com/istio/istio/blob/1.25.5/pkg/config/validation/validation.go";
const EVERY: &str = "every release";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "PA001",
        severity: High,
        title: "no mesh-wide STRICT",
        why: "without a policy in the root namespace the mesh is PERMISSIVE, so that a namespace \
              without one of its own takes plaintext.",
        fix: "a PeerAuthentication in the root namespace, without selector, with mode STRICT.",
        source: PRACTICES,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA002",
        severity: High,
        title: "PERMISSIVE takes plaintext",
        why: "whoever reaches the pod can call it without an identity, and rules that name \
              identities see none.",
        fix: "mode STRICT; while workloads are moved, a waiver with an end.",
        source: PRACTICES,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA003",
        severity: Critical,
        title: "DISABLE takes plaintext only",
        why: "nothing on the way is encrypted and no caller has an identity.",
        fix: "mode STRICT.",
        source: AUTHN,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA004",
        severity: High,
        title: "inherits PERMISSIVE",
        why: "no mode, or UNSET, takes the mode of the namespace and then of the mesh, and where \
              neither sets one it is PERMISSIVE.",
        fix: "write mode STRICT here or in a policy above.",
        source: APPLIER,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA005",
        severity: High,
        title: "a port that is weaker than its workload",
        why: "the port's own mode wins, so that plaintext is taken on it whatever the rest says.",
        fix: "take the port's entry out, or write STRICT.",
        source: AUTHN,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA006",
        severity: High,
        title: "ports without a selector",
        why: "a mode by port needs a selector that names labels; without one the policy is \
              refused, and nothing of it is in force.",
        fix: "add the selector of the workloads, or take `portLevelMtls` out.",
        source: VALIDATION,
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "PA008",
        severity: Critical,
        title: "a selector in the root namespace",
        why: "Istio ignores a policy of the root namespace that has a selector, altogether.",
        fix: "put it into the namespace of the workloads, or take the selector out to make it \
              mesh-wide.",
        source: APPLIER,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA009",
        severity: High,
        title: "two policies of the same width",
        why: "the oldest of two counts and the others are ignored, whatever they say.",
        fix: "keep one.",
        source: "https://github.com/istio/istio/blob/1.25.5/pilot/pkg/model/authentication.go",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA017",
        severity: Info,
        title: "revocation that no release has here",
        why: "no release has a field for it. Istio 1.27 is the first whose sidecars can revoke, \
              1.29 the first whose ztunnel can, by a `ca-crl.pem` beside a plugged-in CA; before, \
              a certificate is good until it expires.",
        fix: "short lifetimes, or a release that can, with a CA of one's own.",
        source: "https://github.com/istio/istio/blob/1.27.0/releasenotes/notes/56529.yaml",
        releases: EVERY,
        refuses: false,
    },
];
