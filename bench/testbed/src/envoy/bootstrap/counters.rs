//! The counters of a listener and its cluster by which work is proven: what Envoy is told to keep
//! and what is read afterwards come of one table. It reads none.

use serde_json::{Value, json};

/// A counter of a listener, of its HTTP or of its cluster.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Counter {
    /// Connections that were accepted.
    Connections,
    /// Connections that no filter chain was for: plaintext where mTLS is required.
    NoFilterChain,
    /// TLS handshakes with callers, full and resumed.
    Handshakes,
    /// Those of them that were resumed.
    SessionsReused,
    /// Handshakes that failed.
    TlsErrors,
    /// Callers whose certificate no root vouches for.
    UnknownCertificates,
    /// Callers without certificate.
    NoCertificates,
    /// Callers with an id that is not accepted.
    UnknownIds,
    /// Requests that were received.
    Requests,
    /// Answers from 200 to 299.
    Answers2xx,
    /// Answers from 400 to 499.
    Answers4xx,
    /// Answers from 500 to 599.
    Answers5xx,
    /// Requests that a filter of RBAC let through, once for each filter.
    RbacAllowed,
    /// Requests that a filter of RBAC answered.
    RbacDenied,
    /// Requests that were sent on, retries among them.
    RequestsSent,
    /// Those of them that are retries.
    Retries,
    /// Connections to the next hop.
    ConnectionsOpened,
    /// TLS handshakes with the next hop.
    UpstreamHandshakes,
    /// Those of them that were resumed.
    UpstreamSessionsReused,
    /// Next hops with a certificate that no root vouches for.
    UpstreamUnknownCertificates,
    /// Next hops with another id than the one expected.
    UpstreamUnknownIds,
}

/// Where a counter is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scope {
    Listener,
    Http,
    Cluster,
}

impl Scope {
    fn word(self) -> &'static str {
        match self {
            Self::Listener => "listener",
            Self::Http => "http",
            Self::Cluster => "cluster",
        }
    }
}

impl Counter {
    /// Every one.
    pub const ALL: [Self; 21] = [
        Self::Connections,
        Self::NoFilterChain,
        Self::Handshakes,
        Self::SessionsReused,
        Self::TlsErrors,
        Self::UnknownCertificates,
        Self::NoCertificates,
        Self::UnknownIds,
        Self::Requests,
        Self::Answers2xx,
        Self::Answers4xx,
        Self::Answers5xx,
        Self::RbacAllowed,
        Self::RbacDenied,
        Self::RequestsSent,
        Self::Retries,
        Self::ConnectionsOpened,
        Self::UpstreamHandshakes,
        Self::UpstreamSessionsReused,
        Self::UpstreamUnknownCertificates,
        Self::UpstreamUnknownIds,
    ];

    /// Its name among Envoy's statistics, for the listener with that prefix.
    #[must_use]
    pub fn name(self, prefix: &str) -> String {
        let (scope, suffix) = self.place();
        format!("{}.{prefix}.{suffix}", scope.word())
    }

    fn place(self) -> (Scope, &'static str) {
        match self {
            Self::Connections => (Scope::Listener, "downstream_cx_total"),
            Self::NoFilterChain => (Scope::Listener, "no_filter_chain_match"),
            Self::Handshakes => (Scope::Listener, "ssl.handshake"),
            Self::SessionsReused => (Scope::Listener, "ssl.session_reused"),
            Self::TlsErrors => (Scope::Listener, "ssl.connection_error"),
            Self::UnknownCertificates => (Scope::Listener, "ssl.fail_verify_error"),
            Self::NoCertificates => (Scope::Listener, "ssl.fail_verify_no_cert"),
            Self::UnknownIds => (Scope::Listener, "ssl.fail_verify_san"),
            Self::Requests => (Scope::Http, "downstream_rq_total"),
            Self::Answers2xx => (Scope::Http, "downstream_rq_2xx"),
            Self::Answers4xx => (Scope::Http, "downstream_rq_4xx"),
            Self::Answers5xx => (Scope::Http, "downstream_rq_5xx"),
            Self::RbacAllowed => (Scope::Http, "rbac.allowed"),
            Self::RbacDenied => (Scope::Http, "rbac.denied"),
            Self::RequestsSent => (Scope::Cluster, "upstream_rq_total"),
            Self::Retries => (Scope::Cluster, "upstream_rq_retry"),
            Self::ConnectionsOpened => (Scope::Cluster, "upstream_cx_total"),
            Self::UpstreamHandshakes => (Scope::Cluster, "ssl.handshake"),
            Self::UpstreamSessionsReused => (Scope::Cluster, "ssl.session_reused"),
            Self::UpstreamUnknownCertificates => (Scope::Cluster, "ssl.fail_verify_error"),
            Self::UpstreamUnknownIds => (Scope::Cluster, "ssl.fail_verify_san"),
        }
    }
}

/// Why a request got no answer of the origin's, as Envoy's access log has it in two or more
/// letters. Stock Envoy counts no flags; each of these has a counter that says the same.
const FLAGS: [(&str, Scope, &str); 8] = [
    ("UAEX", Scope::Http, "rbac.denied"),
    ("NR", Scope::Http, "no_route"),
    ("DC", Scope::Http, "downstream_cx_destroy_remote_active_rq"),
    ("UF", Scope::Cluster, "upstream_cx_connect_fail"),
    ("UC", Scope::Cluster, "upstream_cx_destroy_remote_with_active_rq"),
    ("UO", Scope::Cluster, "upstream_rq_pending_overflow"),
    ("UT", Scope::Cluster, "upstream_rq_timeout"),
    ("URX", Scope::Cluster, "upstream_rq_retry_limit_exceeded"),
];

/// Each response flag with the counter that stands for it.
pub fn response_flags(prefix: &str) -> impl Iterator<Item = (&'static str, String)> + use<'_> {
    FLAGS
        .iter()
        .map(move |(flag, scope, suffix)| (*flag, format!("{}.{prefix}.{suffix}", scope.word())))
}

/// Where TLS versions, ciphers and groups are counted, by what follows the prefix.
#[must_use]
pub fn negotiated(prefix: &str) -> [String; 3] {
    ["versions", "ciphers", "curves"].map(|what| format!("listener.{prefix}.ssl.{what}."))
}

/// What Envoy keeps at all. Istio keeps as little: each counter costs memory in every worker.
pub(super) fn inclusion_list() -> Value {
    let kept = ["cluster_manager.", "listener_manager.", "server."];
    let mut patterns: Vec<Value> = kept.iter().map(|prefix| json!({ "prefix": prefix })).collect();
    let counters = Counter::ALL.iter().map(|counter| counter.place().1);
    let flags = FLAGS.iter().map(|(_, _, suffix)| *suffix);
    let others =
        ["shadow_allowed", "shadow_denied", "downstream_cx_active", "downstream_rq_active"];
    let mut suffixes: Vec<&str> = counters.chain(flags).chain(others).collect();
    suffixes.sort_unstable();
    suffixes.dedup();
    patterns.extend(suffixes.iter().map(|suffix| json!({ "suffix": format!(".{suffix}") })));
    // With a prefix of its own, a dry run's counters end otherwise.
    patterns
        .extend(["_shadow_allowed", "_shadow_denied"].map(|suffix| json!({ "suffix": suffix })));
    let negotiated = [".ssl.versions.", ".ssl.ciphers.", ".ssl.curves."];
    patterns.extend(negotiated.iter().map(|part| json!({ "contains": part })));
    json!({ "patterns": patterns })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_named_as_envoy_names_it() {
        assert_eq!(Counter::Handshakes.name("inbound_a"), "listener.inbound_a.ssl.handshake");
        assert_eq!(Counter::RbacDenied.name("inbound_a"), "http.inbound_a.rbac.denied");
        assert_eq!(Counter::Retries.name("outbound_a"), "cluster.outbound_a.upstream_rq_retry");
    }

    #[test]
    fn what_is_read_is_kept() {
        let list = inclusion_list();
        let kept = |name: &str| {
            list["patterns"].as_array().into_iter().flatten().any(|pattern| {
                pattern["suffix"].as_str().is_some_and(|suffix| name.ends_with(suffix))
                    || pattern["contains"].as_str().is_some_and(|part| name.contains(part))
            })
        };
        for counter in Counter::ALL {
            assert!(kept(&counter.name("p")), "{counter:?}");
        }
        for (flag, name) in response_flags("p") {
            assert!(kept(&name), "{flag}");
        }
        for name in negotiated("p") {
            assert!(kept(&format!("{name}x")), "{name}");
        }
        assert!(!kept("http.p.downstream_rq_time"));
    }
}
