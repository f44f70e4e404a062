//! Checks of Istio's resources.

use super::Check;
use crate::finding::Severity::{Critical, High, Info, Medium};

const PRACTICES: &str = "https://istio.io/latest/docs/ops/best-practices/security/";
const AUTHN: &str = "https://istio.io/latest/docs/reference/config/security/peer_authentication/";
const AUTHZ: &str = "https://istio.io/latest/docs/reference/config/security/authorization-policy/";
const APPLIER: &str =
    "https://github.com/istio/istio/blob/1.25.5/pilot/pkg/security/authn/policy_applier.go";
const VALIDATION: &str =
    "https://github.com/istio/istio/blob/1.25.5/pkg/config/validation/validation.go";
const MATCHER: &str =
    "https://github.com/istio/istio/blob/1.25.5/pilot/pkg/security/authz/matcher/string.go";
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
    Check {
        id: "AP002",
        severity: High,
        title: "allows everything",
        why: "an ALLOW rule without conditions matches every request of every caller.",
        fix: "name callers in `from`; to allow nothing, leave `rules` out altogether.",
        source: AUTHZ,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP003",
        severity: Medium,
        title: "allows any caller",
        why: "an ALLOW rule without `from` or a condition on the caller matches callers without \
              identity too.",
        fix: "name callers in `from`.",
        source: AUTHZ,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP004",
        severity: Medium,
        title: "allows whoever has an identity",
        why: "`*` matches every identity that is not empty, of every namespace and trust domain \
              that the mesh believes.",
        fix: "name the principals or namespaces that are meant.",
        source: MATCHER,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP005",
        severity: Critical,
        title: "DENY that lets callers without identity through",
        why: "`principals: [\"*\"]` matches only who has an identity of mTLS. A caller in \
              plaintext has none, the rule does not match it, and it is not denied.",
        fix: "to deny who has no identity: a DENY rule with `notPrincipals: [\"*\"]`.",
        source: "https://istio.io/latest/news/security/istio-security-2021-004/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP006",
        severity: Medium,
        title: "ALLOW by what does not match",
        why: "whatever nobody thought of is allowed: a path in another spelling, or a caller \
              without identity.",
        fix: "name what is allowed; put exceptions into a DENY policy.",
        source: PRACTICES,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP007",
        severity: Medium,
        title: "a DENY of HTTP that denies TCP as well",
        why: "on a port that is not HTTP the HTTP conditions can not be matched and are left out, \
              which makes the rule wider.",
        fix: "name the ports in `to.operation.ports`.",
        source: VALIDATION,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP013",
        severity: Medium,
        title: "a prefix of a path that does not end at a slash",
        why: "`/public*` is a prefix of characters: it matches `/publications` too.",
        fix: "`/public` and `/public/*`.",
        source: MATCHER,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP014",
        severity: Medium,
        title: "no method of HTTP",
        why: "methods are compared as they are written, in capitals, so that the rule never \
              matches.",
        fix: "write the method in capitals.",
        source: AUTHZ,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP021",
        severity: High,
        title: "an action without what it needs",
        why: "istiod refuses DENY and CUSTOM without rules, CUSTOM without a provider or with \
              conditions on identities, and a provider with another action.",
        fix: "add what is missing, or take out what the action can not have.",
        source: VALIDATION,
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "AP022",
        severity: High,
        title: "nothing is enforced",
        why: "with `istio.io/dry-run` or the action AUDIT a policy is only logged.",
        fix: "take the annotation out, or write ALLOW or DENY, once the trial is over.",
        source: "https://istio.io/latest/docs/tasks/security/authorization/authz-dry-run/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP028",
        severity: High,
        title: "a rule that istiod refuses",
        why: "the whole policy is refused, and nothing of it is in force.",
        fix: "write the part as istiod's validation asks for it.",
        source: VALIDATION,
        releases: EVERY,
        refuses: true,
    },
];
