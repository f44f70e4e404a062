//! A settled drive is sent, and what came of it put together. Judges nothing and prints nothing.

use std::sync::Arc;
use std::sync::mpsc::{Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bench::seams::StopFlag;
use testbed::provenance::allowed_cores;

use super::measured::{ClientFigures, KindFigures, Measured};
use super::settle::Settled;
use crate::engine::{self, Crew, Done, Refused};
use crate::generator::{Pacing, spin_window};
use crate::live::LiveView;
use crate::machine::{largest_resident_bytes, online_cores, open_files};
use crate::pace::SpinWindow;
use crate::transport::target::Route;

/// What a drive is run with, besides what was asked.
#[derive(Debug, Clone)]
pub struct Around {
    /// How the workers wait.
    pub pacing: Pacing,
    /// How often the name is looked up again; never without.
    pub re_resolve: Option<Duration>,
    /// A wish to stop.
    pub stop: StopFlag,
    /// For a display.
    pub live: Option<Arc<LiveView>>,
    /// UTC in nanoseconds since the epoch, now.
    pub started_unix_ns: u64,
}

/// Where the workers stand.
#[derive(Debug, Clone)]
pub struct Stand {
    /// A core for each worker; empty when the kernel names none.
    pub cores: Vec<usize>,
    /// Whether there is a core less than there are workers.
    pub crowded: bool,
    /// Whether no core is left for a server on this machine.
    pub none_left: bool,
}

impl Stand {
    /// The last cores that this process may use, as the generator of a run has them. A process that
    /// was put on a part of the machine's cores leaves the others to a server.
    #[must_use]
    pub fn of(workers: u32) -> Self {
        let allowed = allowed_cores();
        let wanted = usize::try_from(workers).expect("usize has at least 32 bits here");
        let online = online_cores().max(allowed.len());
        // Round again where there are more workers than cores.
        let cores = allowed.iter().rev().cycle().take(if allowed.is_empty() { 0 } else { wanted });
        Self {
            cores: cores.copied().collect(),
            crowded: allowed.len() < wanted,
            none_left: online <= wanted,
        }
    }
}

/// Sends it, and waits for the last answer.
pub fn run(settled: Settled, around: &Around) -> Result<Measured, Refused> {
    let Settled { job, mut asked, named, local } = settled;
    let stand = Stand::of(asked.workers);
    let spin =
        spin_window(around.pacing, &stand.cores, stand.crowded || (local && stand.none_left));
    raise_open_files(asked.connections);
    let refresher = match (&job.target.route, named, around.re_resolve) {
        (Route::Tcp(addresses), Some(named), Some(every)) => {
            let (done, told) = channel();
            let addresses = Arc::clone(addresses);
            let thread = std::thread::spawn(move || named.refresh(every, &addresses, &told));
            Some(Refresher { done, thread })
        }
        _ => None,
    };
    let crew = Crew {
        cores: stand.cores.clone(),
        spin,
        stop: around.stop.clone(),
        live: around.live.clone(),
    };
    let sent = engine::run(&job, &crew);
    if let Some(refresher) = refresher {
        refresher.end();
    }
    let done = sent?;
    asked.pacing = done.waits.describe();
    asked.spins = done.waits.spin != SpinWindow::NONE;
    let addresses = match &job.target.route {
        Route::Tcp(addresses) => addresses.now().iter().map(ToString::to_string).collect(),
        Route::Unix(path) => vec![format!("unix:{}", path.display())],
    };
    let client = client(&done, &stand, local);
    let kinds = job
        .mix
        .kinds()
        .iter()
        .zip(done.recorded.kinds)
        .map(|(kind, recorded)| KindFigures {
            name: kind.name.clone(),
            expected: kind.expected.to_string(),
            counts: recorded.counts,
            response_time: recorded.response_time,
        })
        .collect();
    Ok(Measured {
        asked,
        started_unix_ns: around.started_unix_ns,
        counts: done.recorded.counts,
        latencies: done.recorded.latencies,
        connections: done.recorded.connections,
        first_byte: done.recorded.first_byte,
        kinds,
        bytes_received: done.recorded.bytes_received,
        bytes_sent: done.recorded.bytes_sent,
        window_s: done.recorded.window_s,
        in_flight_max: done.report.in_flight_max,
        tls: done.tls,
        protocol: job.target.protocol.label().to_owned(),
        addresses,
        client,
        stopped_early: done.report.stopped_early,
    })
}

/// The thread that looks a name up again.
struct Refresher {
    done: Sender<()>,
    thread: JoinHandle<()>,
}

impl Refresher {
    fn end(self) {
        drop(self.done);
        let _ = self.thread.join();
    }
}

/// Asks for as many open files as the connections need, as far as the kernel lets us.
fn raise_open_files(connections: u32) {
    let needed = u64::from(connections) + 64;
    if open_files().soft < needed {
        crate::machine::raise_open_files();
    }
}

fn client(done: &Done, stand: &Stand, local: bool) -> ClientFigures {
    let mut remarks = Vec::new();
    if done.report.barred > 0 {
        remarks.push(format!(
            "the server allows fewer streams a connection: {} of those asked for are not used",
            done.report.barred
        ));
    }
    if let Some(problem) = &done.problem {
        remarks.push(format!("the last failure was: {problem}"));
    }
    let by_failure = &done.recorded.counts.by_failure;
    let local_failures = ["no-descriptor-left", "no-port-left", "local"]
        .into_iter()
        .filter_map(|key| Some((key.to_owned(), *by_failure.get(key)?)))
        .collect();
    ClientFigures {
        cpu_s: done.usage.iter().map(|usage| usage.cpu.as_secs_f64()).sum(),
        busiest_worker_percent: done.usage.iter().map(|usage| usage.percent()).fold(0.0, f64::max),
        max_rss_bytes: largest_resident_bytes(),
        steal_percent: done.steal_percent,
        cores: u32::try_from(allowed_cores().len()).unwrap_or(u32::MAX),
        unoptimised_build: env!("LOADGEN_OPT_LEVEL") == "0",
        shares_core: stand.crowded || (local && stand.none_left),
        burst_max: done.recorded.burst_max,
        burst_planned: done.recorded.burst_planned,
        open_files_limit: open_files().soft,
        remarks,
        local_failures,
    }
}
