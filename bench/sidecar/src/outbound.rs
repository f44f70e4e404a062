//! The caller's sidecar: plain HTTP in, mTLS or plain HTTP out, as each route says. Istio's
//! automatic mTLS is the parent's affair.

use std::sync::Arc;

use crate::counters::Counters;
use crate::error::Error;
use crate::listen::{Listener, Service};
use crate::path::{self, Route, Upstream};
use crate::setup::{ClientRoute, ClientSetup};

pub(crate) fn start(setup: ClientSetup) -> Result<Service, Error> {
    let ClientSetup { cores, tls, routes } = setup;
    let listeners = routes
        .into_iter()
        .map(|ClientRoute { name, upstream, mtls_to }| {
            let tls = match (mtls_to, &tls) {
                (None, _) => None,
                (Some(server), Some(own)) => Some(identity::client_config(own, &server)?),
                (Some(_), None) => {
                    return Err(Error::Unusable(format!("route {name} has no certificate")));
                }
            };
            let upstream = Upstream { address: upstream, tls };
            let counters = Arc::default();
            Ok(listener(Route { name, upstream, counters, delay: None }))
        })
        .collect::<Result<_, _>>()?;
    Service::new(cores, listeners)
}

fn listener(route: Route) -> Listener {
    let name = route.name.clone();
    let counters: Arc<Counters> = Arc::clone(&route.counters);
    let route = Arc::new(route);
    let on_connection = move |stream| -> crate::listen::Served {
        route.counters.plaintext.one();
        Box::pin(path::serve(stream, Arc::clone(&route), None, None))
    };
    Listener { route: name, counters, on_connection: Box::new(on_connection) }
}
