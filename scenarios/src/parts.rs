//! The parts of what is measured as a mesh names them: policies select them by these names, on every
//! testbed. Knows no process and no cluster.

use policy::Workload;
use policy::endpoint::Pod;

/// The namespace of everything.
pub const NAMESPACE: &str = "loadgen-bench";
/// The mesh's trust domain.
pub const TRUST_DOMAIN: &str = "cluster.local";
/// The service account, and the label `app`, of what calls.
pub const CLIENT: &str = "client";
/// The service account, and the label `app`, of what is called.
pub const SERVER: &str = "server";
/// The server's own port, which policies name.
pub const PORT: u16 = 8080;
/// The `Host` header of measured requests, as a client in the mesh would write it.
pub const HOST: &str = "server.loadgen-bench.svc.cluster.local:8080";

/// What policies see of the server.
#[must_use]
pub fn server() -> Workload {
    Workload::new(NAMESPACE, [("app", SERVER)])
}

/// What policies see of the client.
#[must_use]
pub fn client() -> Workload {
    Workload::new(NAMESPACE, [("app", CLIENT)])
}

/// What Cilium's policies see of the server.
#[must_use]
pub fn server_pod() -> Pod {
    pod(server(), SERVER)
}

/// What Cilium's policies see of the client.
#[must_use]
pub fn client_pod() -> Pod {
    pod(client(), CLIENT)
}

fn pod(workload: Workload, account: &str) -> Pod {
    Pod {
        namespace: workload.namespace,
        account: Some(account.to_owned()),
        labels: Some(workload.labels),
        namespace_labels: None,
        cluster: "default".to_owned(),
    }
}

/// The identity of a service account without `spiffe://`.
#[must_use]
pub fn principal(namespace: &str, account: &str) -> String {
    format!("{TRUST_DOMAIN}/ns/{namespace}/sa/{account}")
}
