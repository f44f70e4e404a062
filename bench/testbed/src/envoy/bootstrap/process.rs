//! One Envoy process and its listeners, rendered. It does not start it.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::net::SocketAddr;
use std::num::NonZeroU16;
use std::path::{Path, PathBuf};

use identity::SpiffeId;
use policy::MtlsMode;
use policy::inventory::PathNormalization;
use serde_json::{Value, json};

use super::cilium::NodePolicy;
use super::counters;
use super::http::{self, Manager, Paths};
use super::istio::{AuthorizationFilters, Protocol};
use super::tls::{self, Tls};

/// One Envoy.
#[derive(Debug, Clone)]
pub struct Process {
    /// Its `node.id`, by which it is told from an Envoy that somebody else left behind.
    pub id: String,
    /// The socket of its admin interface, a file that only its owner may use. The system's limit
    /// for such a path is 107 bytes.
    pub admin: PathBuf,
    /// Its worker threads; Envoy's own default would be one for each core.
    pub workers: NonZeroU16,
    /// Listeners by name; see [`Listener::prefix`].
    pub listeners: BTreeMap<String, Listener>,
    /// `Some` where its listeners bind no port, and connections are brought to it by the kernel.
    pub capture: Option<Capture>,
    /// The file in which it is told its listeners, and watches for others; without one it has them
    /// from its start to its end.
    pub told_in: Option<PathBuf>,
}

/// How captured connections come to a process and are told from its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Capture {
    /// Where they arrive. Each is handed to the listener of the port that it was made to; one that
    /// no listener is for is closed.
    pub address: SocketAddr,
    /// What its own connections are marked with, so that they are not captured in turn.
    pub mark: u32,
}

/// The name of the listener at which captured connections arrive, and of the cluster of those that
/// are for nobody. No other has one without an underscore.
const CAPTURED: &str = "captured";

/// A port, and where its calls go.
#[derive(Debug, Clone)]
pub struct Listener {
    /// Where it listens. Port 0 is any free one: `/listeners` of the admin interface says which.
    pub address: SocketAddr,
    /// The next hop.
    pub upstream: SocketAddr,
    /// Whose it is.
    pub kind: Kind,
}

/// What stands at a port.
#[derive(Debug, Clone)]
pub enum Kind {
    /// The server's sidecar, before its workload.
    Inbound(Inbound),
    /// The client's sidecar, which calls the server's.
    Outbound(Outbound),
    /// Cilium's node proxy.
    Node(Node),
}

/// The server's sidecar.
#[derive(Debug, Clone)]
pub struct Inbound {
    /// The mode in force on the port.
    pub mode: MtlsMode,
    /// Not used where the mode is DISABLE.
    pub tls: Tls,
    /// How paths are made comparable before any policy sees them.
    pub normalization: PathNormalization,
    /// Who may call what.
    pub authorization: AuthorizationFilters,
}

/// The client's sidecar.
#[derive(Debug, Clone)]
pub struct Outbound {
    /// The service's name in the mesh, without port.
    pub host: String,
    /// The service's port.
    pub port: u16,
    /// The client's certificate and the only id that it takes for the server's; plaintext without.
    pub mtls: Option<(Tls, SpiffeId)>,
    /// How paths are made comparable; Istio does it on this side too.
    pub normalization: PathNormalization,
}

/// Cilium's node proxy: plaintext, paths always normalised in Cilium's own way.
#[derive(Debug, Clone)]
pub struct Node {
    /// Who may call what.
    pub policy: NodePolicy,
}

impl Process {
    /// The bootstrap, which Envoy reads as JSON.
    #[must_use]
    pub fn bootstrap(&self) -> Value {
        let mark = self.capture.map(|capture| capture.mark);
        let mut listeners = if self.told_in.is_some() { Vec::new() } else { self.rendered() };
        let mut clusters: Vec<Value> =
            self.listeners.iter().map(|(name, listener)| listener.cluster(name, mark)).collect();
        if let Some(capture) = &self.capture {
            listeners.push(capture.listener());
            clusters.push(http::cluster_of_nobody(CAPTURED));
        }
        let connections = "type.googleapis.com/envoy.extensions.resource_monitors.\
                           downstream_connections.v3.DownstreamConnectionsConfig";
        let mut bootstrap = json!({
            "node": { "id": self.id, "cluster": self.id },
            "admin": { "address": { "pipe": {
                "path": self.admin.display().to_string(),
                "mode": 0o600,
            } } },
            "stats_config": {
                "use_all_default_tags": false,
                "stats_matcher": { "inclusion_list": counters::inclusion_list() },
            },
            "layered_runtime": { "layers": [
                { "name": "global config", "static_layer": {
                    "re2.max_program_size.error_level": 32768,
                    "envoy.reloadable_features.http_reject_path_with_fragment": false,
                } },
                { "name": "admin", "admin_layer": {} },
            ] },
            "overload_manager": { "resource_monitors": [{
                "name": "envoy.resource_monitors.global_downstream_max_connections",
                "typed_config": {
                    "@type": connections,
                    "max_active_downstream_connections": i32::MAX,
                },
            }] },
            "static_resources": { "listeners": listeners, "clusters": clusters },
        });
        if let Some(file) = &self.told_in {
            bootstrap["dynamic_resources"] = json!({ "lds_config": {
                "resource_api_version": "V3",
                "path_config_source": { "path": file.display().to_string() },
            } });
        }
        bootstrap
    }

    /// What the file says from which it is told its listeners. In JSON: what a parser of YAML leaves
    /// behind would be read as the policies' own memory.
    #[must_use]
    pub fn discovery(&self, version: u32) -> Value {
        let kind = "type.googleapis.com/envoy.config.listener.v3.Listener";
        let mut resources = self.rendered();
        for listener in &mut resources {
            listener["@type"] = kind.into();
        }
        json!({ "version_info": version.to_string(), "resources": resources })
    }

    fn rendered(&self) -> Vec<Value> {
        let captured = self.capture.is_some();
        self.listeners.iter().map(|(name, listener)| listener.render(name, captured)).collect()
    }

    /// The arguments of the process whose bootstrap is that file.
    #[must_use]
    pub fn arguments(&self, bootstrap: &Path) -> Vec<OsString> {
        let workers = self.workers.to_string();
        let words = ["--concurrency", &workers, "--disable-hot-restart"];
        // As Istio has it; a shorter time only because nothing is waited for that long.
        let drain = ["--drain-strategy", "immediate", "--drain-time-s", "1"];
        let log = ["--log-level", "warning", "--file-flush-interval-msec", "1000"];
        let mut all: Vec<OsString> =
            words.iter().chain(&drain).chain(&log).map(OsString::from).collect();
        all.extend(["-c".into(), bootstrap.as_os_str().to_owned()]);
        all
    }
}

impl Capture {
    fn listener(&self) -> Value {
        json!({
            "name": CAPTURED,
            "stat_prefix": CAPTURED,
            "address": http::address(self.address),
            "enable_reuse_port": false,
            "use_original_dst": true,
            "filter_chains": [{ "name": "nobody", "filters": [http::tcp_proxy(CAPTURED)] }],
        })
    }
}

impl Listener {
    /// What the listener, its counters and its cluster are called; `name` is its name in the
    /// process.
    #[must_use]
    pub fn prefix(&self, name: &str) -> String {
        let role = match &self.kind {
            Kind::Inbound(_) => "inbound",
            Kind::Outbound(_) => "outbound",
            Kind::Node(_) => "node",
        };
        // Envoy writes `_` for it in its counters.
        format!("{role}_{}", name.replace(':', "_"))
    }

    fn render(&self, name: &str, captured: bool) -> Value {
        let prefix = self.prefix(name);
        let (direction, inspects, chains) = match &self.kind {
            Kind::Inbound(inbound) => {
                ("INBOUND", inbound.mode != MtlsMode::Disable, inbound.chains(&prefix))
            }
            Kind::Outbound(outbound) => ("OUTBOUND", false, vec![outbound.chain(&prefix)]),
            Kind::Node(node) => ("INBOUND", false, vec![node.chain(&prefix)]),
        };
        let mut listener = json!({
            "name": prefix,
            "stat_prefix": prefix,
            "address": http::address(self.address),
            // Otherwise a second Envoy could take half of the calls without a word.
            "enable_reuse_port": false,
            "traffic_direction": direction,
            "filter_chains": chains,
        });
        if captured {
            listener["bind_to_port"] = false.into();
        }
        if inspects {
            let kind = "type.googleapis.com/\
                        envoy.extensions.filters.listener.tls_inspector.v3.TlsInspector";
            listener["listener_filters"] = json!([{
                "name": "envoy.filters.listener.tls_inspector",
                "typed_config": { "@type": kind, "initial_read_buffer_size": 512 },
            }]);
            listener["listener_filters_timeout"] = "0s".into();
            listener["continue_on_listener_filters_timeout"] = true.into();
        }
        listener
    }

    fn cluster(&self, name: &str, mark: Option<u32>) -> Value {
        let transport = match &self.kind {
            Kind::Outbound(Outbound { host, port, mtls: Some((tls, server)), .. }) => {
                Some(tls::upstream(tls, server, &format!("outbound_.{port}_._.{host}")))
            }
            Kind::Outbound(_) | Kind::Inbound(_) | Kind::Node(_) => None,
        };
        let mut cluster = http::cluster(&self.prefix(name), self.upstream, transport);
        if let Some(mark) = mark {
            cluster["upstream_bind_config"] = http::marked(mark);
        }
        cluster
    }
}

impl Inbound {
    fn chains(&self, prefix: &str) -> Vec<Value> {
        let filters = self.filters(prefix);
        let chain = |name: &str, matching: Value| json!({ "name": name, "filter_chain_match": matching, "filters": filters });
        let plaintext =
            || chain("inbound-plaintext", json!({ "transport_protocol": "raw_buffer" }));
        let mtls = |matching: Value| {
            let mut chain = chain("inbound-mtls", matching);
            chain["transport_socket"] = tls::downstream(&self.tls);
            chain
        };
        match self.mode {
            MtlsMode::Disable => vec![plaintext()],
            MtlsMode::Strict => vec![mtls(json!({ "transport_protocol": "tls" }))],
            MtlsMode::Permissive => {
                let of_mesh = json!({
                    "transport_protocol": "tls",
                    "application_protocols": tls::MESH_ALPN,
                });
                vec![mtls(of_mesh), plaintext()]
            }
        }
    }

    fn filters(&self, prefix: &str) -> Vec<Value> {
        let AuthorizationFilters { protocol, filters, .. } = &self.authorization;
        let mut filters = filters.clone();
        match protocol {
            Protocol::Http => {
                let paths = Paths::Istio(self.normalization);
                vec![Manager { prefix, paths, filters, retries: None }.inbound()]
            }
            Protocol::Tcp => {
                for filter in &mut filters {
                    filter["typed_config"]["stat_prefix"] = format!("tcp.{prefix}.").into();
                }
                filters.push(http::tcp_proxy(prefix));
                filters
            }
        }
    }
}

impl Outbound {
    fn chain(&self, prefix: &str) -> Value {
        let manager = Manager {
            prefix,
            paths: Paths::Istio(self.normalization),
            filters: Vec::new(),
            retries: Some(http::sidecar_retries()),
        };
        json!({ "name": "outbound", "filters": [manager.outbound()] })
    }
}

impl Node {
    fn chain(&self, prefix: &str) -> Value {
        let manager = Manager {
            prefix,
            paths: Paths::Cilium,
            filters: self.policy.filters(),
            retries: Some(http::node_retries()),
        };
        json!({ "name": "node", "filters": [manager.node()] })
    }
}
