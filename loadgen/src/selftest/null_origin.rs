//! An origin that does nothing but answer and stamp: what arrives there, how soon its answer is back,
//! and what a request costs the generator.

use std::net::{Ipv4Addr, SocketAddr};

use bench::record::{Placement, Summary};
use bench::seams::Endpoint;
use bench::selftest::{CostPart, PacingPart, Stamped, pacing};
use bench::summary::{of_histogram, of_response_time};
use scenarios::load::{Arrivals, LoadSpec};

use super::{PartError, Sender};
use crate::engine::Offer;
use crate::generator::{job, open_loop};
use crate::pace::SpinWindow;
use crate::serve::listen::Address;
use crate::serve::{Running, Server, ServerSpec};

/// The smallest overhead that anybody asked for: the least of the planted delays.
const SMALLEST_OVERHEAD_US: f64 = 50.0;

/// The origin, on the subject's first core. Dropped, it stops.
#[derive(Debug)]
struct NullOrigin {
    running: Running,
    endpoint: Endpoint,
}

impl NullOrigin {
    /// Starts it, with room for so many stamps. On a core of its own it never sleeps, so that its
    /// stamps are those of the arrivals and not of its wake-ups.
    fn start(placement: &Placement, most_stamps: usize) -> Result<Self, PartError> {
        let spec = ServerSpec {
            core: placement.subject.first().copied(),
            spin: !placement.shared,
            most_stamps,
            ..ServerSpec::default()
        };
        let anywhere = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
        let server = Server::bind(&Address::Tcp(anywhere), spec)?;
        let Address::Tcp(address) = *server.address() else {
            unreachable!("it was bound to a TCP address")
        };
        let endpoint = Endpoint { address, host: address.to_string() };
        Ok(Self { running: server.start()?, endpoint })
    }
}

/// Arrivals of one kind at a fresh origin, and the response time from it.
fn arrive(sender: &Sender, load: &LoadSpec, seed: u64) -> Result<(PacingPart, Summary), PartError> {
    let span_s = (load.warm_up + load.duration).as_secs_f64();
    let expected = load.rate.per_second() * span_s;
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a rate of at most 10^6 over minutes; a Poisson count is not twice its mean"
    )]
    let origin = NullOrigin::start(&sender.placement, 2 * expected as usize + 1000)?;
    let job = job(load, &origin.endpoint, open_loop(load, seed));
    let done = sender.send(&job, sender.punctual)?;
    let served = origin.running.stop()?;
    let warm_up = usize::try_from(done.recorded.warm_up_requests).unwrap_or(usize::MAX);
    let stamps = served.stamps.get(warm_up..).unwrap_or_default().to_vec();
    let seen = stamps.len();
    let part = pacing(&Stamped {
        arrivals: load.arrivals,
        rate: load.rate.per_second(),
        stamps,
        send_lag_us: of_histogram(&done.recorded.latencies.send_lag),
        burst_planned: done.recorded.burst_planned,
        steal_percent: done.steal_percent,
    });
    let floor = of_response_time(&done.recorded.latencies);
    Ok((part.ok_or(PartError::Silent(seen))?, floor))
}

/// Both kinds of arrivals: the parts, and the response time of the constant ones.
pub fn arrivals(
    sender: &Sender,
    load: &LoadSpec,
    seed: u64,
) -> Result<(Vec<PacingPart>, Summary), PartError> {
    let of = |arrivals: Arrivals| LoadSpec { arrivals, ..load.clone() };
    let (constant, floor) = arrive(sender, &of(Arrivals::Constant), seed)?;
    let (poisson, _) = arrive(sender, &of(Arrivals::Poisson), seed)?;
    Ok((vec![constant, poisson], floor))
}

/// What a request costs the generator: its CPU time over the requests of a closed loop, in which it
/// is never idle but for the waits that the kernel counts to nobody.
pub fn cost(sender: &Sender, load: &LoadSpec, floor_us: Summary) -> Result<CostPart, PartError> {
    let origin = NullOrigin::start(&sender.placement, 0)?;
    let job = job(load, &origin.endpoint, Offer::Closed);
    let done = sender.send(&job, SpinWindow::NONE)?;
    origin.running.stop()?;
    let recorded = &done.recorded;
    let cpu_s: f64 = done.usage.iter().map(|usage| usage.cpu.as_secs_f64()).sum();
    #[expect(clippy::cast_precision_loss, reason = "requests of seconds stay far below 2^52")]
    let (all, completed) = (
        (recorded.warm_up_requests + recorded.counts.offered).max(1) as f64,
        recorded.counts.completed as f64,
    );
    let cpu_us_per_request = cpu_s * 1e6 / all;
    Ok(CostPart {
        cpu_us_per_request,
        rate_reached: completed / load.duration.as_secs_f64(),
        floor_us,
        smallest_overhead_us: SMALLEST_OVERHEAD_US,
        share_percent: 100.0 * cpu_us_per_request / SMALLEST_OVERHEAD_US,
    })
}
