//! The closed loop: each connection sends again when its answer is there, as tools do that omit the
//! requests which a stall keeps them from sending.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use bench::record::Summary;
use bench::seams::Endpoint;
use bench::summary::of_response_time;
use scenarios::load::LoadSpec;

use super::{PartError, Sender};
use crate::engine::{Job, Offer};
use crate::pace::SpinWindow;
use crate::requests::Mix;
use crate::transport::target::{Addresses, Keeping, Protocol, Route, Target};

/// The response time that a closed loop prints there, with the load's connections, request and
/// spans; its rate is whatever comes of it.
pub fn closed_loop(sender: &Sender, load: &LoadSpec, to: &Endpoint) -> Result<Summary, PartError> {
    let job = job(load, (to.address, &to.host), Offer::Closed, load.duration);
    // It never waits for a time, so there is nothing to spin for.
    let done = sender.send(&job, SpinWindow::NONE)?;
    Ok(of_response_time(&done.recorded.latencies))
}

/// A job over plain HTTP/1.1 with a load's connections, limits and request.
pub(super) fn job(
    load: &LoadSpec,
    (address, host): (SocketAddr, &str),
    offer: Offer,
    duration: Duration,
) -> Job {
    Job {
        target: Target {
            route: Route::Tcp(Addresses::new(vec![address])),
            authority: host.to_owned(),
            tunnel: None,
            tls: None,
            protocol: Protocol::Http1,
            keeping: Keeping::Alive,
        },
        mix: Arc::new(Mix::of_scenario(&load.request)),
        offer,
        warm_up: load.warm_up,
        duration,
        connections: load.connections,
        max_in_flight: load.max_in_flight,
        timeout: load.timeout,
    }
}
