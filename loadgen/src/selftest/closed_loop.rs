//! The closed loop: each connection sends again when its answer is there, as tools do that omit the
//! requests which a stall keeps them from sending.

use bench::record::Summary;
use bench::seams::Endpoint;
use bench::summary::of_response_time;
use scenarios::load::LoadSpec;

use super::{PartError, Sender};
use crate::engine::Offer;
use crate::generator::job;
use crate::pace::SpinWindow;

/// The response time that a closed loop prints there, with the load's connections, request and
/// spans; its rate is whatever comes of it.
pub fn closed_loop(sender: &Sender, load: &LoadSpec, to: &Endpoint) -> Result<Summary, PartError> {
    let job = job(load, to, Offer::Closed);
    // It never waits for a time, so there is nothing to spin for.
    let done = sender.send(&job, SpinWindow::NONE)?;
    Ok(of_response_time(&done.recorded.latencies))
}
