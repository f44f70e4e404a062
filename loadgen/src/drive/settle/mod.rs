//! What was typed becomes what is sent: every mistake at once, nothing started. Reads the files
//! that were named and looks up the host; sends nothing.

mod place;
mod request;
mod tls;

use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use bench::histogram::LONGEST_NS;
use bench::plan::Seed;
use scenarios::load::Arrivals;
use scenarios::units::RatePerSecond;

use super::measured::Asked;
use crate::cli::args::ArrivalsChoice;
use crate::cli::drive_args::{ConnectionChoice, DriveArgs, HttpChoice};
use crate::engine::{Job, Offer};
use crate::schedule::Profile;
use crate::transport::target::{Keeping, Protocol, Target};

pub use place::{Named, lookup};

/// Requests that may be under way when nothing else is said.
const MAX_IN_FLIGHT: u32 = 10_000;

const DURATION: Duration = Duration::from_secs(10);
const RATE: f64 = 1000.0;
const STREAMS: u32 = 10;

/// Everything that is decided before anything is sent.
#[derive(Debug, Clone)]
pub struct Settled {
    /// What is sent.
    pub job: Job,
    /// The same in words; how the workers wait is not decided yet.
    pub asked: Asked,
    /// The name that was looked up, to look it up again.
    pub named: Option<Named>,
    /// Whether the target is on this machine.
    pub local: bool,
}

/// All that is wrong with what was typed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("\n"))]
pub struct Mistakes(pub Vec<String>);

impl Mistakes {
    /// Keeps what is wrong, and goes on to the next.
    fn keep<T>(&mut self, option: &str, result: Result<T, impl ToString>) -> Option<T> {
        match result {
            Ok(value) => Some(value),
            Err(error) => {
                self.0.push(format!("{option}: {}", error.to_string()));
                None
            }
        }
    }
}

/// Settles it, with a seed for when none was given.
pub fn settle(args: &DriveArgs, drawn_seed: u64) -> Result<Settled, Mistakes> {
    let mut mistakes = Mistakes(Vec::new());
    let seed = args.seed.unwrap_or(drawn_seed);
    let load = load(args, seed, &mut mistakes);
    let url = mistakes.keep("URL", place::url(&args.url));
    let mix = url.as_ref().and_then(|url| request::mix(args, &url.path, Seed(seed), &mut mistakes));
    let protocol = protocol(args, &mut mistakes);
    let tls = url.as_ref().and_then(|url| tls::tls(args, url, protocol, &mut mistakes));
    let route = url.as_ref().and_then(|url| place::route(args, url, &mut mistakes));
    let authority = url.as_ref().map(|url| request::authority(args, url));
    let (Some(load), Some(mix), Some(tls), Some(route), Some(authority)) =
        (load, mix, tls, route, authority)
    else {
        return Err(mistakes);
    };
    if !mistakes.0.is_empty() {
        return Err(mistakes);
    }
    let keeping = match args.connection {
        ConnectionChoice::KeepAlive => Keeping::Alive,
        ConnectionChoice::PerRequest | ConnectionChoice::PerRequestResumed => Keeping::EachRequest,
    };
    let slots = args.connections.saturating_mul(protocol.streams());
    let asked = asked(args, &load, (seed, slots), protocol, &mix);
    let target =
        Target { route: route.route, authority, tunnel: route.tunnel, tls, protocol, keeping };
    let job = Job {
        target,
        mix: Arc::new(mix),
        offer: load.offer,
        warm_up: args.warm_up,
        duration: load.duration,
        connections: args.connections,
        max_in_flight: asked.max_in_flight,
        timeout: args.timeout,
    };
    Ok(Settled { job, asked, named: route.named, local: route.local })
}

/// When requests are due.
struct Load {
    offer: Offer,
    duration: Duration,
    rate: Option<f64>,
    arrivals: String,
}

fn load(args: &DriveArgs, seed: u64, mistakes: &mut Mistakes) -> Option<Load> {
    let ways = [
        // With --find-max it says where the search begins.
        ("--rate", args.rate.is_some() && !args.find_max),
        ("--profile", args.profile.is_some()),
        ("--trace", args.trace.is_some()),
        ("--max-rate", args.max_rate),
        ("--find-max", args.find_max),
    ];
    let given: Vec<&str> = ways.iter().filter(|(_, given)| *given).map(|(name, _)| *name).collect();
    if given.len() > 1 {
        mistakes.0.push(format!(
            "{}: expected one of these, they exclude one another",
            given.join(" and ")
        ));
    }
    if args.find_max && args.slo.is_empty() {
        mistakes.0.push("--find-max: expected a --slo to hold, e.g. --slo 'p99<5ms'".to_owned());
    }
    if !args.slo.is_empty() && !args.find_max {
        mistakes
            .0
            .push("--slo: only --find-max looks at it; to fail a drive use --fail-if".to_owned());
    }
    if args.timeout.is_zero() || args.timeout > Duration::from_nanos(LONGEST_NS) {
        mistakes.0.push("--timeout: expected more than nothing and at most 10m".to_owned());
    }
    let duration = args.duration.unwrap_or(DURATION);
    if duration.is_zero() {
        mistakes.0.push("--duration: expected more than nothing".to_owned());
        return None;
    }
    if args.max_rate {
        let arrivals = "closed loop".to_owned();
        return Some(Load { offer: Offer::Closed, duration, rate: None, arrivals });
    }
    if let Some(path) = &args.trace {
        let offsets = mistakes.keep("--trace", trace(path, args.warm_up))?;
        return Some(of_trace(&offsets, args));
    }
    along(args, seed, duration, mistakes)
}

fn along(args: &DriveArgs, seed: u64, duration: Duration, mistakes: &mut Mistakes) -> Option<Load> {
    let profile = match &args.profile {
        Some(text) => {
            if args.duration.is_some() {
                mistakes.0.push("--duration: the --profile says how long it takes".to_owned());
            }
            mistakes.keep("--profile", Profile::parse(text))?
        }
        None => {
            let rate = RatePerSecond::new(args.rate.unwrap_or(RATE));
            Profile::steady(mistakes.keep("--rate", rate)?, duration)
        }
    };
    let duration = profile.span();
    let rate = profile.requests() / duration.as_secs_f64();
    if profile.requests() < 1.0 {
        mistakes.0.push(format!(
            "a window of {duration:?} at {rate} requests a second holds no request; raise --duration or --rate"
        ));
    }
    let (arrivals, word) = match args.arrivals {
        ArrivalsChoice::Constant => (Arrivals::Constant, "constant"),
        ArrivalsChoice::Poisson => (Arrivals::Poisson, "poisson"),
    };
    let arrivals_text = match &args.profile {
        Some(text) => format!("{word} along {text}"),
        None => word.to_owned(),
    };
    let profile = profile.after_warm_up(args.warm_up);
    let offer = Offer::Along { arrivals, profile, seed };
    Some(Load { offer, duration, rate: Some(rate), arrivals: arrivals_text })
}

#[expect(clippy::cast_precision_loss, reason = "a trace has far fewer than 2^52 requests")]
fn of_trace(offsets: &Arc<[u64]>, args: &DriveArgs) -> Load {
    let last = Duration::from_nanos(offsets.last().copied().unwrap_or(0));
    // The window holds the last request, however short the trace is.
    let whole = last.saturating_sub(args.warm_up) + Duration::from_millis(1);
    let duration = args.duration.map_or(whole, |asked| asked.min(whole));
    let within = (args.warm_up, args.warm_up + duration);
    let count = offsets
        .iter()
        .filter(|at| (within.0..within.1).contains(&Duration::from_nanos(**at)))
        .count();
    Load {
        offer: Offer::Trace(Arc::clone(offsets)),
        duration,
        rate: Some(count as f64 / duration.as_secs_f64()),
        arrivals: "trace".to_owned(),
    }
}

/// Reads send times: seconds, one a line, ascending; empty lines and lines with `#` are passed over.
/// The first of them are the warm-up's.
fn trace(path: &Path, warm_up: Duration) -> Result<Arc<[u64]>, String> {
    let text =
        std::fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let mut offsets: Vec<u64> = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        let line = line.trim();
        if line.is_empty() || line.starts_with('#') {
            continue;
        }
        let at = line
            .parse::<f64>()
            .ok()
            .filter(|seconds| (0.0..=86_400.0).contains(seconds))
            .map(|seconds| bench::clock::nanos_of(Duration::from_secs_f64(seconds)))
            .ok_or_else(|| {
                format!(
                    "{}:{number}: expected seconds from 0 to 86400, found `{line}`",
                    path.display()
                )
            })?;
        if offsets.last().is_some_and(|last| at < *last) {
            return Err(format!(
                "{}:{number}: expected a time not before the last",
                path.display()
            ));
        }
        offsets.push(at);
    }
    match offsets.last() {
        Some(last) if Duration::from_nanos(*last) >= warm_up => Ok(offsets.into()),
        Some(_) => Err(format!("{}: ends within the warm-up; see --warm-up", path.display())),
        None => Err(format!("{}: expected at least one send time", path.display())),
    }
}

fn protocol(args: &DriveArgs, mistakes: &mut Mistakes) -> Protocol {
    let http2 = args.http == HttpChoice::Http2 || args.grpc;
    if let (false, Some(streams)) = (http2, args.streams) {
        mistakes.0.push(format!(
            "--streams {streams}: HTTP/1.1 has one request at a time on a connection; add --http 2"
        ));
    }
    if !http2 {
        return Protocol::Http1;
    }
    let each = args.connection != ConnectionChoice::KeepAlive;
    if each && args.streams.is_some_and(|streams| streams > 1) {
        mistakes.0.push("--streams: a connection for each request has one stream".to_owned());
    }
    let streams = if each { 1 } else { args.streams.unwrap_or(STREAMS) };
    if args.connections.saturating_mul(streams) > 1_000_000 {
        mistakes.0.push("--connections × --streams: expected at most 1000000 in all".to_owned());
    }
    Protocol::Http2 { streams, grpc: args.grpc }
}

fn asked(
    args: &DriveArgs,
    load: &Load,
    (seed, slots): (u64, u32),
    protocol: Protocol,
    mix: &crate::requests::Mix,
) -> Asked {
    let tls = args.url.starts_with("https");
    let connection_mode = match args.connection {
        ConnectionChoice::KeepAlive => "keep-alive",
        ConnectionChoice::PerRequest if tls => "new for each request, full handshake",
        ConnectionChoice::PerRequestResumed if tls => "new for each request, resumed handshake",
        ConnectionChoice::PerRequest | ConnectionChoice::PerRequestResumed => {
            "new for each request"
        }
    };
    Asked {
        url: args.url.clone(),
        rate: load.rate,
        arrivals: load.arrivals.clone(),
        duration: load.duration,
        warm_up: args.warm_up,
        connections: args.connections,
        streams: protocol.streams(),
        workers: args.workers,
        max_in_flight: args.max_in_flight.unwrap_or_else(|| MAX_IN_FLIGHT.max(slots)),
        timeout: args.timeout,
        seed,
        pacing: String::new(),
        spins: false,
        connection_mode: connection_mode.to_owned(),
        keep_alive: args.connection == ConnectionChoice::KeepAlive,
        resumption: args.connection == ConnectionChoice::PerRequestResumed,
        insecure: args.insecure,
        client_certificate: args.cert.is_some(),
        method: mix.kinds().first().map(|kind| kind.method.clone()).unwrap_or_default(),
    }
}
