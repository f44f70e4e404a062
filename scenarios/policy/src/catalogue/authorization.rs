//! Checks of who may call what: `AuthorizationPolicy` and what goes with it.

use super::Check;
use crate::finding::Severity::{Critical, High, Medium};

const PRACTICES: &str = "https://istio.io/latest/docs/ops/best-practices/security/";
const AUTHZ: &str = "https://istio.io/latest/docs/reference/config/security/authorization-policy/";
const VALIDATION: &str =
    "https://github.com/istio/istio/blob/1.25.5/pkg/config/validation/validation.go";
const MATCHER: &str =
    "https://github.com/istio/istio/blob/1.25.5/pilot/pkg/security/authz/matcher/string.go";
const EVERY: &str = "every release";

pub(super) const CHECKS: &[Check] = &[
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
        id: "AP012",
        severity: Medium,
        title: "a host without its ports",
        why: "`Host` may carry a port, and `a.example:8080` is another text than `a.example`: a \
              denial of the one lets the other through, and an allowance does not cover it.",
        fix: "name both `a.example` and `a.example:*`.",
        source: "https://istio.io/latest/news/security/istio-security-2021-008/",
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
        id: "AP016",
        severity: Medium,
        title: "a header as proof",
        why: "whoever calls writes the headers. In some releases a header that is written twice \
              gets past a rule about its value, which counts as high.",
        fix: "ask for an identity of mTLS or a claim of a token; let the gateway take such \
              headers off.",
        source: "https://istio.io/latest/news/security/istio-security-2026-001/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP017",
        severity: Medium,
        title: "an address as proof",
        why: "addresses of pods are handed on to others, and `remoteIpBlocks` believes \
              `X-Forwarded-For`, which anybody writes unless the number of trusted proxies is \
              set.",
        fix: "name principals or namespaces; for `remoteIpBlocks` set \
              `gatewayTopology.numTrustedProxies`.",
        source: "https://istio.io/latest/docs/ops/configuration/traffic-management/network-topologies/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP020",
        severity: High,
        title: "a selector beside targets",
        why: "a policy is about workloads or about what `targetRefs` names; with both it is \
              refused, and nothing of it is in force.",
        fix: "keep one.",
        source: VALIDATION,
        releases: EVERY,
        refuses: true,
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
        id: "AP027",
        severity: High,
        title: "the proxy's own ports",
        why: "15000 to 15090 belong to sidecars and to istiod: their administration, \
              configuration and figures.",
        fix: "name the workload's own ports.",
        source: "https://istio.io/latest/docs/ops/deployment/application-requirements/",
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
    Check {
        id: "AP029",
        severity: Medium,
        title: "a service account with a dot",
        why: "before the repair a dot stands for any letter, so that `a.b` allows `axb` as well.",
        fix: "name the account in `principals`, or go to a release with the repair.",
        source: "https://istio.io/latest/news/security/istio-security-2026-003/",
        releases: "Istio 1.25.0 to 1.28.5 and 1.29.1",
        refuses: false,
    },
];
