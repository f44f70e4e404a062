//! The article's own program as checks, for the profile `article-2026`.

use super::Check;
use crate::finding::Severity::High;

const ARTICLE: &str = "https://istio.io/latest/docs/reference/config/security/peer_authentication/";
const CILIUM: &str = "https://docs.cilium.io/en/stable/security/policy/";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "AR001",
        severity: High,
        title: "the article's list: STRICT in every PeerAuthentication",
        why: "the article's program asks for it. It does not look at `portLevelMtls`, nor at what \
              UNSET inherits: PA002 to PA005 do.",
        fix: "write `mtls: {mode: STRICT}`, or judge by `--profile hardened`.",
        source: ARTICLE,
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "AR002",
        severity: High,
        title: "the article's list: `revocationCheck` in every PeerAuthentication",
        why: "the article's program asks for it. No release of Istio has the field, so it is refused \
              or dropped, and this point can not be met by an object that the API server takes. \
              Istio 1.24 and 1.25 can not revoke certificates of workloads at all; from 1.27 a list \
              of revoked certificates can be given, with a CA that is plugged in.",
        fix: "keep certificates short-lived, and leave this point out: `--profile hardened`.",
        source: ARTICLE,
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "AR003",
        severity: High,
        title: "the article's list: a rule of `ingress` or `egress`",
        why: "the article's program asks for it. It does not look at `specs`, nor at rules that deny: \
              CN001 does.",
        fix: "write the rule that is meant; `- {}` in a list denies that direction by default.",
        source: CILIUM,
        releases: "every release",
        refuses: false,
    },
    Check {
        id: "AR004",
        severity: High,
        title: "the article's list: no `*` in rules of DNS",
        why: "the article's program asks for it. It does not look at `matchPattern: \"*.*\"` and the \
              like, nor whether the rule is there so that names can be learnt: CN005 does.",
        fix: "name what may be asked for.",
        source: CILIUM,
        releases: "every release",
        refuses: false,
    },
];
