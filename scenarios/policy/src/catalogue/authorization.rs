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
        id: "AP001",
        severity: High,
        title: "what is not named is let through",
        why: "where no policy is for the whole namespace, workloads that no policy names take \
              every call.",
        fix: "an AuthorizationPolicy without selector and with an empty `spec` in the namespace \
              or the root namespace.",
        source: PRACTICES,
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
        title: "by what does not match",
        why: "an allowance by what does not match allows whatever nobody thought of: a path in \
              another spelling, or a caller without identity. A denial by paths (low) lets the \
              other spellings through.",
        fix: "name what is allowed; deny with `notPaths` and the like.",
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
        id: "AP008",
        severity: Medium,
        title: "HTTP where none is spoken",
        why: "an ALLOW rule with conditions of HTTP never matches on a port that its service \
              calls TCP or TLS, so that everybody is denied.",
        fix: "conditions of callers and ports only, or call the port's protocol what it is.",
        source: "https://istio.io/latest/docs/tasks/security/authorization/authz-tcp/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP009",
        severity: High,
        title: "identities that callers need not have",
        why: "where plaintext is let in, callers without identity get past a denial of identities \
              and past `not...` in an allowance; elsewhere they are denied (medium). Under \
              DISABLE nobody has an identity.",
        fix: "mode STRICT for the workloads.",
        source: "https://istio.io/latest/docs/concepts/security/#dependency-on-mutual-tls",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP010",
        severity: High,
        title: "a caller that is not there",
        why: "a trust domain that the mesh does not have, or (medium) a service account that no \
              workload given runs as, matches nobody.",
        fix: "write the domain of the mesh and the account of the caller.",
        source: "https://kiali.io/docs/features/validations/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP011",
        severity: High,
        title: "a namespace that is not there",
        why: "no caller is of it. It counts as medium unless it is nearly the name of one that is.",
        fix: "write the namespace of the caller.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0101/",
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
        fix: "write the method as it is, in capitals.",
        source: AUTHZ,
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP015",
        severity: High,
        title: "paths that are not normalised",
        why: "with `pathNormalization` NONE a caller writes `/a//b` or `/a/%2e/b` and gets past \
              rules about `/a/b`. Whether a workload takes slashes otherwise than BASE does, can \
              not be told from here.",
        fix: "BASE at least; MERGE_SLASHES or DECODE_AND_MERGE_SLASHES where the workload does \
              the same.",
        source: "https://istio.io/latest/docs/ops/best-practices/security/#customize-your-system-on-path-normalization",
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
        id: "AP018",
        severity: Medium,
        title: "a selector that selects nothing",
        why: "no workload has the labels, so that the policy is about nothing.",
        fix: "write the labels of the pods.",
        source: "https://istio.io/latest/docs/reference/config/analysis/ist0127/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP019",
        severity: High,
        title: "HTTP without anybody to read it",
        why: "in ambient only a waypoint reads HTTP. ztunnel leaves conditions of HTTP out of \
              denials, and allows nothing by a rule that has them (medium).",
        fix: "`targetRefs` to the service or the waypoint.",
        source: "https://istio.io/latest/docs/ambient/usage/l4-policy/",
        releases: "every release, in ambient meshes",
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
        id: "AP023",
        severity: High,
        title: "tokens that nothing verifies, or nothing asks for",
        why: "RequestAuthentication refuses bad tokens and lets requests without one through; \
              only a policy on `requestPrincipals` asks for one, and only where one is verified \
              is there any.",
        fix: "have both for the same workloads.",
        source: "https://istio.io/latest/docs/tasks/security/authentication/authn-policy/#require-a-valid-token",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP024",
        severity: High,
        title: "a workload that no policy is about",
        why: "without a policy every call is let through.",
        fix: "a policy for it, or one for its whole namespace that allows nothing.",
        source: "https://kiali.io/docs/features/validations/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP025",
        severity: Medium,
        title: "a rule that does nothing",
        why: "a denial of the same workloads has all that the rule allows, or an earlier rule of \
              the policy matches all that this one matches.",
        fix: "take it out, or narrow the other.",
        source: "https://istio.io/latest/docs/concepts/security/#implicit-enablement",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP026",
        severity: Medium,
        title: "a rule for the whole mesh",
        why: "a policy of the root namespace without selector is about every workload of every \
              namespace, those to come included.",
        fix: "put it into the namespaces that it is meant for; to deny by default, leave `rules` \
              out.",
        source: AUTHZ,
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
        why: "before the repair a dot stands for any letter, so that `a.b` allows `axb` as well. \
              Where the release is known to do so, it counts as high.",
        fix: "name the account in `principals`, or go to a release with the repair.",
        source: "https://osv.dev/vulnerability/CVE-2026-39350",
        releases: "Istio from 1.25.0 to before 1.27.9, 1.28.6 and 1.29.2",
        refuses: false,
    },
    Check {
        id: "AP030",
        severity: High,
        title: "a foreign service's callers are led away",
        why: "a VirtualService for the gateway `mesh` leads callers of every namespace, whoever \
              owns the service.",
        fix: "`exportTo: [\".\"]`, or put it into the service's namespace.",
        source: "https://istio.io/latest/news/security/istio-security-2026-002/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP031",
        severity: High,
        title: "an EnvoyFilter under the policies",
        why: "it changes what decides on, or feeds, policies of authorization and mTLS, in ways \
              that no other check sees.",
        fix: "use the API for it; otherwise test what is in force with every release.",
        source: "https://istio.io/latest/docs/reference/config/networking/envoy-filter/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP032",
        severity: Medium,
        title: "keys from where others can change them",
        why: "who can change the keys can make tokens: over plain HTTP, from addresses inside, or \
              with a private key that lies in the policy.",
        fix: "`https://` to the issuer's own host; public keys only.",
        source: "https://github.com/istio/istio/security/advisories/GHSA-fgw5-hp8f-xfhc",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP033",
        severity: Medium,
        title: "known keys where none can be fetched",
        why: "in these releases tokens that are made with a key that everybody knows are believed \
              while the keys of `jwksUri` can not be fetched.",
        fix: "write the keys into `jwks`, or go to a release with the repair.",
        source: "https://github.com/istio/istio/security/advisories/GHSA-v75c-crr9-733c",
        releases: "Istio before 1.27.8, 1.28.5 and 1.29.1",
        refuses: false,
    },
    Check {
        id: "AP034",
        severity: Medium,
        title: "a host under another's wildcard",
        why: "a connection that was let in for `*.a.example` may ask for `x.a.example` on the \
              same port, so that what is asked of the latter's callers is not.",
        fix: "the same TLS settings for both, or separate ports.",
        source: "https://istio.io/latest/docs/ops/best-practices/security/#gateways",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP035",
        severity: High,
        title: "a gateway that passes everything on",
        why: "with AUTO_PASSTHROUGH the name in SNI chooses the service. For hosts of `.local`, \
              between the clusters of one mesh, it counts as low.",
        fix: "PASSTHROUGH or a mode that ends TLS, with the hosts that are meant.",
        source: "https://istio.io/latest/news/security/istio-security-2021-006/",
        releases: EVERY,
        refuses: false,
    },
    Check {
        id: "AP036",
        severity: High,
        title: "a health check that is denied",
        why: "in a DENY policy a rule denies what it names: callers that are to ask for health, \
              by path, get 403.",
        fix: "an ALLOW policy with the same rule.",
        source: AUTHZ,
        releases: EVERY,
        refuses: false,
    },
];
