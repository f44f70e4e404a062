//! Checks of who may call without an identity: `PeerAuthentication` and what goes with it.

use super::Check;
use crate::finding::Severity::{Critical, High, Info, Medium};

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
        id: "PA007",
        severity: Medium,
        title: "the port of a service, not of the workload",
        why: "modes by port are by the workload's own port; under a service's number the entry is \
              about nothing.",
        fix: "write the number of `targetPort`.",
        source: AUTHN,
        releases: EVERY,
        refuses: false,
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
        id: "PA010",
        severity: Medium,
        title: "a selector that selects nothing",
        why: "no workload of the namespace has the labels, so that the policy is about nothing.",
        fix: "write the labels of the pods.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0127/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA011",
        severity: High,
        title: "STRICT with nobody to hold to it",
        why: "a pod without sidecar and outside of ambient takes whatever comes.",
        fix: "label the namespace or the pod for one of the two.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0103/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA012",
        severity: High,
        title: "calls without the mesh's certificate",
        why: "a DestinationRule's own TLS mode wins over what the mesh does by itself: under \
              STRICT the calls are refused, otherwise they go in plaintext. Where no policy of \
              mTLS is given, or for a subset, whose pods may be outside of the mesh, it counts as \
              medium.",
        fix: "take `tls` out, or write ISTIO_MUTUAL.",
        source: "https://istio.io/latest/docs/tasks/security/authentication/authn-policy/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA013",
        severity: High,
        title: "traffic that is left out of the mesh",
        why: "what is left out at a pod comes in without mTLS and past every policy; calls that \
              are left out (medium) go out without.",
        fix: "take the annotation or the label out.",
        source: "https://istio.io/latest/docs/ops/best-practices/security/#understand-traffic-capture-limitations",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA014",
        severity: Medium,
        title: "a pod on the node's network",
        why: "its traffic is not caught, whatever the namespace says.",
        fix: "take `hostNetwork` out, or keep the pod in a namespace of its own.",
        source: "https://istio.io/latest/docs/ops/best-practices/security/#understand-traffic-capture-limitations",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA015",
        severity: Medium,
        title: "asked for sidecars and for ambient",
        why: "pods with a sidecar keep out of ambient, so that a namespace has both, with other \
              rules for each.",
        fix: "keep one of the labels.",
        source: "https://istio.io/latest/docs/ambient/usage/add-workloads/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA016",
        severity: Medium,
        title: "an exception without an end",
        why: "a weaker mode for some workloads or ports is meant to go away, and nothing says \
              when.",
        fix: "a waiver in the annotation `loadgen.dev/waive`, with owner, reason and last day.",
        source: PRACTICES,
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
    Check {
        id: "PA018",
        severity: Medium,
        title: "an application as the proxy's user",
        why: "what user 1337 sends is not caught, so that its calls go past the proxy.",
        fix: "run it as another user.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0144/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA019",
        severity: Medium,
        title: "a server that may be anybody",
        why: "with `insecureSkipVerify` nobody looks at the server's certificate; without \
              `caCertificates` every authority that the system knows is believed (low).",
        fix: "name `caCertificates` or `credentialName`, and take `insecureSkipVerify` out.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0128/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "PA020",
        severity: Medium,
        title: "a protocol that is guessed",
        why: "rules of HTTP hold only where the proxy finds HTTP; on ports of data stores, whose \
              servers often speak first, the guess is slow or wrong.",
        fix: "`appProtocol`, or a name such as `tcp-db` or `mysql-db`.",
        source: "https://istio.io/latest/docs/ops/configuration/traffic-management/protocol-selection/",
        releases: EVERY,
        refuses: false,
    },
];
