//! HTTP connection managers and clusters: what a sidecar or a node proxy does with a request
//! besides deciding on it. Knows no policy and no TLS.

use std::net::SocketAddr;

use policy::inventory::PathNormalization;
use serde_json::{Value, json};

/// Istio sets every limit of its circuit breakers to the largest number there is.
const NO_LIMIT: u32 = u32::MAX;
/// As Linux numbers them on x86-64 and on ARM.
const SOL_SOCKET: u32 = 1;
const SO_MARK: u32 = 36;

/// How paths are made comparable before any filter sees them.
#[derive(Debug, Clone, Copy)]
pub(super) enum Paths {
    /// As the mesh is configured.
    Istio(PathNormalization),
    /// Always merged, and who sends `%2F` or `%5C` is redirected to the path without them.
    Cilium,
}

impl Paths {
    /// Whether paths are normalised, slashes merged, and what becomes of escaped slashes.
    fn settings(self) -> (bool, bool, &'static str) {
        match self {
            Self::Istio(PathNormalization::None) => (false, false, "KEEP_UNCHANGED"),
            Self::Istio(PathNormalization::Base) => (true, false, "KEEP_UNCHANGED"),
            Self::Istio(PathNormalization::MergeSlashes) => (true, true, "KEEP_UNCHANGED"),
            Self::Istio(PathNormalization::DecodeAndMergeSlashes) => {
                (true, true, "UNESCAPE_AND_FORWARD")
            }
            Self::Cilium => (true, true, "UNESCAPE_AND_REDIRECT"),
        }
    }
}

/// One connection manager: one route to one cluster.
pub(super) struct Manager<'m> {
    /// Of its counters, and the name of its cluster.
    pub(super) prefix: &'m str,
    pub(super) paths: Paths,
    /// Filters before the router.
    pub(super) filters: Vec<Value>,
    pub(super) retries: Option<Value>,
}

impl Manager<'_> {
    /// A sidecar towards its workload.
    pub(super) fn inbound(self) -> Value {
        let mut config = self.base(sidecar_filters());
        config["server_name"] = "istio-envoy".into();
        config["forward_client_cert_details"] = "APPEND_FORWARD".into();
        config["set_current_client_cert_details"] =
            json!({ "subject": true, "dns": true, "uri": true });
        filter(config)
    }

    /// A sidecar towards the mesh.
    pub(super) fn outbound(self) -> Value {
        let mut config = self.base(sidecar_filters());
        config["route_config"]["virtual_hosts"][0]["include_request_attempt_count"] = true.into();
        filter(config)
    }

    /// Cilium's node proxy, which answers what no rule allows with a body of its own.
    pub(super) fn node(self) -> Value {
        let mut config = self.base(Vec::new());
        config["use_remote_address"] = true.into();
        config["skip_xff_append"] = true.into();
        let denied = json!({ "comparison": {
            "op": "EQ",
            "value": { "default_value": 403, "runtime_key": "loadgen.denied_status" },
        } });
        // Only answers that Envoy makes itself are rewritten, so that an origin's 403 stays.
        config["local_reply_config"] = json!({ "mappers": [{
            "filter": { "status_code_filter": denied },
            "body_format_override": {
                "text_format_source": { "inline_string": "Access denied\r\n" },
            },
        }] });
        filter(config)
    }

    fn base(self, own: Vec<Value>) -> Value {
        let Self { prefix, paths, mut filters, retries } = self;
        filters.extend(own);
        filters.push(http_filter(
            "envoy.filters.http.router",
            "envoy.extensions.filters.http.router.v3.Router",
        ));
        let mut route = json!({
            "cluster": prefix,
            "timeout": "0s",
            "max_stream_duration": {
                "max_stream_duration": "0s",
                "grpc_timeout_header_max": "0s",
            },
        });
        if let Some(retries) = retries {
            route["retry_policy"] = retries;
        }
        let mut config = json!({
            "stat_prefix": prefix,
            "codec_type": "AUTO",
            "use_remote_address": false,
            "stream_idle_timeout": "0s",
            "upgrade_configs": [{ "upgrade_type": "websocket" }],
            "route_config": {
                "name": prefix,
                "validate_clusters": false,
                "virtual_hosts": [{
                    "name": prefix,
                    "domains": ["*"],
                    "routes": [{ "name": "default", "match": { "prefix": "/" }, "route": route }],
                }],
            },
            "http_filters": filters,
        });
        let (normalize, merge, escaped) = paths.settings();
        config["normalize_path"] = normalize.into();
        config["merge_slashes"] = merge.into();
        config["path_with_escaped_slashes_action"] = escaped.into();
        config
    }
}

fn filter(mut config: Value) -> Value {
    let kind = "envoy.extensions.filters.network.http_connection_manager.v3.HttpConnectionManager";
    config["@type"] = format!("type.googleapis.com/{kind}").into();
    json!({ "name": "envoy.filters.network.http_connection_manager", "typed_config": config })
}

fn http_filter(name: &str, kind: &str) -> Value {
    json!({ "name": name, "typed_config": { "@type": format!("type.googleapis.com/{kind}") } })
}

/// What a sidecar has besides authorization, as far as stock Envoy has it.
fn sidecar_filters() -> Vec<Value> {
    let mut grpc_stats = http_filter(
        "envoy.filters.http.grpc_stats",
        "envoy.extensions.filters.http.grpc_stats.v3.FilterConfig",
    );
    grpc_stats["typed_config"]["emit_filter_state"] = true.into();
    grpc_stats["typed_config"]["stats_for_all_methods"] = false.into();
    vec![
        grpc_stats,
        http_filter("envoy.filters.http.fault", "envoy.extensions.filters.http.fault.v3.HTTPFault"),
        http_filter("envoy.filters.http.cors", "envoy.extensions.filters.http.cors.v3.Cors"),
    ]
}

/// Istio's retries, which a client's sidecar makes unless it is told otherwise.
pub(super) fn sidecar_retries() -> Value {
    let predicate =
        "type.googleapis.com/envoy.extensions.retry.host.previous_hosts.v3.PreviousHostsPredicate";
    json!({
        "retry_on": "connect-failure,refused-stream,unavailable,cancelled,retriable-status-codes",
        "num_retries": 2,
        "retriable_status_codes": [503],
        "host_selection_retry_max_attempts": 5,
        "retry_host_predicate": [{
            "name": "envoy.retry_host_predicates.previous_hosts",
            "typed_config": { "@type": predicate },
        }],
    })
}

/// Cilium's retries.
pub(super) fn node_retries() -> Value {
    json!({ "retry_on": "5xx", "num_retries": 3 })
}

/// A connection handed on as it is, to the cluster of that name.
pub(super) fn tcp_proxy(prefix: &str) -> Value {
    let kind = "type.googleapis.com/envoy.extensions.filters.network.tcp_proxy.v3.TcpProxy";
    json!({
        "name": "envoy.filters.network.tcp_proxy",
        "typed_config": { "@type": kind, "stat_prefix": prefix, "cluster": prefix },
    })
}

/// A cluster of one address.
pub(super) fn cluster(prefix: &str, upstream: SocketAddr, transport: Option<Value>) -> Value {
    let mut cluster = json!({
        "name": prefix,
        "type": "STATIC",
        "connect_timeout": "10s",
        "circuit_breakers": { "thresholds": [{
            "max_connections": NO_LIMIT,
            "max_pending_requests": NO_LIMIT,
            "max_requests": NO_LIMIT,
            "max_retries": NO_LIMIT,
            "track_remaining": true,
        }] },
        "load_assignment": {
            "cluster_name": prefix,
            "endpoints": [{ "lb_endpoints": [{ "endpoint": { "address": address(upstream) } }] }],
        },
    });
    if let Some(transport) = transport {
        cluster["transport_socket"] = transport;
    }
    cluster
}

/// A cluster without any address, for connections that are to be closed.
pub(super) fn cluster_of_nobody(name: &str) -> Value {
    json!({ "name": name, "type": "STATIC", "connect_timeout": "10s" })
}

/// How connections to a next hop are marked for the kernel.
pub(super) fn marked(mark: u32) -> Value {
    json!({ "socket_options": [{
        "description": "SO_MARK",
        "level": SOL_SOCKET,
        "name": SO_MARK,
        "int_value": mark,
        "state": "STATE_PREBIND",
    }] })
}

pub(super) fn address(address: SocketAddr) -> Value {
    json!({ "socket_address": {
        "address": address.ip().to_string(),
        "port_value": address.port(),
    } })
}
