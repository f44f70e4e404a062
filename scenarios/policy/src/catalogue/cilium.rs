//! Checks of Cilium's resources.

use super::Check;
use crate::finding::Severity::{Critical, High, Medium};

const SANITIZE: &str =
    "https://github.com/cilium/cilium/blob/v1.17.5/pkg/policy/api/rule_validation.go";
const LAYER3: &str = "https://docs.cilium.io/en/v1.17/security/policy/language/#layer-3-examples";
const LAYER7: &str = "https://docs.cilium.io/en/v1.17/security/policy/language/#layer-7-examples";
const EVERY: &str = "every release";

pub(super) const CHECKS: &[Check] = &[
    Check {
        id: "CN001",
        severity: Critical,
        title: "no rule, so nothing is denied",
        why: "an empty list is no default-deny: the policy does not apply in that direction. Up \
              to 1.16 it is accepted and does nothing; from 1.17 the agent rejects it, while \
              kubectl says that it was created.",
        fix: "to deny all, one entry without peers: `egress: [{}]`.",
        source: SANITIZE,
        releases: "every release; refused from 1.17",
        refuses: false,
    },
    Check {
        id: "CN002",
        severity: Critical,
        title: "`action` that is dropped, so that the entry allows",
        why: "no release has `action` here. Where it is dropped, the entry is an allow for the \
              very peers that it was to deny.",
        fix: "put the entry into `egressDeny` or `ingressDeny`.",
        source: "https://docs.cilium.io/en/v1.17/security/policy/language/#deny-policies",
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "CN003",
        severity: Medium,
        title: "allows the whole world",
        why: "every address outside of the cluster, or everything there is, is a peer.",
        fix: "name the ranges or the names that are meant.",
        source: LAYER3,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN005",
        severity: Medium,
        title: "any name may be asked for",
        why: "data leaves the cluster in names that are asked for. With `toFQDNs` in the same \
              policy it is the documented way to learn addresses, and counts as low.",
        fix: "name the names that are needed.",
        source: LAYER7,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN006",
        severity: Medium,
        title: "a pattern that matches no name of a Service",
        why: "`*` stands for letters, digits, `-` and `_` and never for a dot; the names of \
              Services have five parts, such as `pay.shop.svc.cluster.local`.",
        fix: "`*.*.svc.cluster.local`, or the namespace's name in the second place.",
        source: "https://github.com/cilium/cilium/blob/v1.17.5/pkg/fqdn/matchpattern/matchpattern.go",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN007",
        severity: Medium,
        title: "names without a rule to learn their addresses",
        why: "`toFQDNs` lets traffic through to addresses that the DNS proxy saw in answers; \
              without a rule of DNS in this or another policy of the endpoint it sees none.",
        fix: "an entry to the resolver on port 53 with `rules.dns`.",
        source: "https://docs.cilium.io/en/v1.17/security/policy/language/#dns-based",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN009",
        severity: Medium,
        title: "a rule of HTTP that allows all requests",
        why: "a rule without conditions makes requests visible and denies none.",
        fix: "name method and path, or say in a waiver that only sight is wanted.",
        source: LAYER7,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN010",
        severity: Critical,
        title: "a rule of ports that undoes a rule of HTTP",
        why: "allows are added up: where one entry allows the port to the same peer without \
              conditions, the other's conditions have no effect.",
        fix: "take out the entry without conditions.",
        source: LAYER7,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN011",
        severity: High,
        title: "rules of HTTP on TLS",
        why: "the proxy sees ciphertext, no request matches, and the connection fails.",
        fix: "`terminatingTLS` and `originatingTLS`, or conditions of SNI in `serverNames`.",
        source: "https://docs.cilium.io/en/v1.17/security/tls-visibility/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN015",
        severity: High,
        title: "not exactly one of endpointSelector and nodeSelector",
        why: "the policy is refused and nothing of it is in force.",
        fix: "keep one.",
        source: SANITIZE,
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "CN016",
        severity: Medium,
        title: "default-deny is switched off",
        why: "what no entry allows is let through as well, as far as this policy is concerned.",
        fix: "take `enableDefaultDeny` out, unless another policy denies.",
        source: "https://docs.cilium.io/en/v1.17/security/policy/intro/",
        releases: "Cilium 1.16 and newer",
        refuses: false,
    },
    Check {
        id: "CN022",
        severity: Medium,
        title: "fromRequires and toRequires are deprecated",
        why: "releases after 1.18 do not have them, and an entry that relied on them is wider.",
        fix: "put the condition into each selector of the peers.",
        source: LAYER3,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN023",
        severity: High,
        title: "peers that can not go together",
        why: "the agent refuses the policy, and nothing of it is in force.",
        fix: "an entry of its own for each kind of peer.",
        source: SANITIZE,
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "CN024",
        severity: High,
        title: "ports or rules that can not go together",
        why: "the agent refuses the policy, and nothing of it is in force.",
        fix: "write ports and rules as the agent's validation asks for them.",
        source: SANITIZE,
        releases: "every release; ranges with HTTP from 1.17",
        refuses: true,
    },
    Check {
        id: "CN026",
        severity: High,
        title: "what this kind of policy can not have",
        why: "the agent refuses the policy, and nothing of it is in force.",
        fix: "rules of HTTP belong into policies of endpoints, ICMP into entries without ports, \
              and init endpoints into clusterwide policies.",
        source: SANITIZE,
        releases: EVERY,
        refuses: true,
    },
    Check {
        id: "CN037",
        severity: High,
        title: "istiod's plaintext port",
        why: "15010 hands out the mesh's configuration to whoever asks, without TLS; sidecars \
              need 15012 only.",
        fix: "allow 15012 and not 15010.",
        source: "https://istio.io/latest/news/security/istio-security-2026-001/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "CN044",
        severity: High,
        title: "an empty list beside others",
        why: "an empty list is no default-deny: that direction stays open.",
        fix: "to deny all in that direction, one entry without peers: `ingress: [{}]`.",
        source: SANITIZE,
        releases: EVERY,
        refuses: false,
    },
];
