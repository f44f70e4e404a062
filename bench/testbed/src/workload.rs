//! The server that variants protect, by the names with which resources select it, and what stands
//! behind every testbed's proxies: the same origin. Pure.

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use policy::authorization::AuthorizationPolicy;
use policy::{PolicySet, cilium};
use sidecar::{OriginRoute, OriginSetup, PlantedStall};

use crate::part::Ports;

/// Its service's name in the mesh.
pub(crate) const SERVICE: &str = "server.loadgen-bench.svc.cluster.local";
/// The body of the origin's answer.
const BODY_BYTES: u32 = 16;

/// Istio's policies about who may call what, which are all that sidecars enforce besides its mTLS; an
/// error that names one of Cilium's.
pub(crate) fn for_sidecars(set: &PolicySet) -> Result<&[AuthorizationPolicy], String> {
    // Named in full, so that a kind which `policy` comes to read does not go unenforced here.
    let PolicySet {
        root_namespace: _,
        peer_authentications: _,
        authorization_policies,
        cilium_network_policies,
    } = set;
    match cilium_network_policies.first() {
        None => Ok(authorization_policies),
        Some(policy) => {
            let (origin, title) = (&policy.origin, &policy.title);
            Err(format!("{origin}: {title}: sidecars enforce none of Cilium's"))
        }
    }
}

/// Cilium's policies, which are all that a node's proxy enforces; an error that names one of Istio's.
pub(crate) fn for_a_node(set: &PolicySet) -> Result<&[cilium::Policy], String> {
    let PolicySet {
        root_namespace: _,
        peer_authentications,
        authorization_policies,
        cilium_network_policies,
    } = set;
    let mut of_istio = peer_authentications
        .iter()
        .map(|policy| &policy.origin)
        .chain(authorization_policies.iter().map(|policy| &policy.origin));
    match of_istio.next() {
        None => Ok(cilium_network_policies),
        Some(origin) => Err(format!("{origin}: a node's proxy enforces nothing of Istio's")),
    }
}

/// The origin with a route for each of these names, and the stalls that were planted there, on the
/// loopback.
pub(crate) fn origin<'n>(
    routes: impl Iterator<Item = (&'n str, Option<PlantedStall>)>,
    cores: &[usize],
) -> OriginSetup {
    let routes = routes.map(|(name, stall)| OriginRoute { name: name.to_owned(), stall }).collect();
    let address = Ipv4Addr::LOCALHOST;
    OriginSetup { cores: cores.to_vec(), address, body_bytes: BODY_BYTES, routes }
}

pub(crate) fn stall(length: Duration, every: Duration) -> PlantedStall {
    let [length_us, every_us] = [length, every].map(micros);
    PlantedStall { length_us, every_us }
}

pub(crate) fn micros(span: Duration) -> u64 {
    u64::try_from(span.as_micros()).unwrap_or(u64::MAX)
}

/// The address of a route's port; an error when the process did not name one.
pub(crate) fn address(ports: &Ports, route: &str) -> Result<SocketAddr, String> {
    match ports.get(route) {
        Some(port) => Ok(SocketAddr::from((Ipv4Addr::LOCALHOST, *port))),
        None => Err(format!("it named no port for {route}")),
    }
}
