//! Everything that a drive measured and was asked, as data: what the summary, the document and
//! every saved file are rendered from. Renders nothing, judges nothing.

use std::collections::BTreeMap;
use std::time::Duration;

use bench::histogram::Histogram;
use bench::trial::{Latencies, OutcomeCounts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

pub use crate::recorder::ConnectionFigures;
pub use crate::transport::TlsFigures;

/// One drive, from the first planned request to the last answer.
#[derive(Debug, Clone, PartialEq)]
pub struct Measured {
    /// What was asked.
    pub asked: Asked,
    /// UTC, in nanoseconds since the epoch; the beginning of the measured window.
    pub started_unix_ns: u64,
    /// What became of the requests of the measured window.
    pub counts: OutcomeCounts,
    /// How long they took.
    pub latencies: Latencies,
    /// Connections, over the whole drive.
    pub connections: ConnectionFigures,
    /// From the send until the first byte of the answer, of completed requests.
    pub first_byte: Histogram,
    /// Each kind of request apart, in the order given; one entry when there is one kind.
    pub kinds: Vec<KindFigures>,
    /// Bytes of answers in the measured window, head and body: what
    /// HTTP carried, whatever TLS added.
    pub bytes_received: u64,
    /// Bytes of requests in the measured window, head and body.
    pub bytes_sent: u64,
    /// From the first intended send time of the window to the last completion, in seconds.
    pub window_s: f64,
    /// Most requests in flight or waiting for a connection at once.
    pub in_flight_max: u64,
    /// TLS as negotiated; `None` without TLS.
    pub tls: Option<TlsFigures>,
    /// The protocol that was spoken: `HTTP/1.1` or `HTTP/2`.
    pub protocol: String,
    /// The addresses that answered, each once.
    pub addresses: Vec<String>,
    /// What the generator used and how punctual it was.
    pub client: ClientFigures,
    /// Whether the drive was ended before its end.
    pub stopped_early: bool,
}

impl Measured {
    /// The length of the measured window in seconds: as asked, or until the last answer when the
    /// drive was stopped before.
    #[must_use]
    pub fn duration_s(&self) -> f64 {
        let asked = self.asked.duration.as_secs_f64();
        if self.stopped_early { asked.min(self.window_s) } else { asked }
    }

    /// From the window's beginning to the last answer, and at least the window, in seconds.
    #[must_use]
    pub fn elapsed_s(&self) -> f64 {
        self.duration_s().max(self.window_s)
    }

    /// Requests a second that the schedule held, over the window; 0 for an empty window.
    #[must_use]
    pub fn offered_rate(&self) -> f64 {
        per_second(self.counts.offered, self.duration_s())
    }

    /// Requests a second that were completed. Answers that came after the window do not count as
    /// if they had come within it.
    #[must_use]
    pub fn achieved_rate(&self) -> f64 {
        per_second(self.counts.completed, self.elapsed_s())
    }
}

#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn per_second(count: u64, seconds: f64) -> f64 {
    if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
}

/// What was asked, as settled from the command line.
#[derive(Debug, Clone, PartialEq)]
pub struct Asked {
    /// As typed.
    pub url: String,
    /// Offered requests a second, on average over the window; `None` for a closed loop, which
    /// sends as fast as answers come.
    pub rate: Option<f64>,
    /// In words: `constant`, `poisson`, `trace`, `closed loop`.
    pub arrivals: String,
    /// The measured window.
    pub duration: Duration,
    /// Sent before it, and left out of every figure.
    pub warm_up: Duration,
    /// Connections over all workers.
    pub connections: u32,
    /// Requests at once on each connection; 1 with HTTP/1.1.
    pub streams: u32,
    /// Threads that send.
    pub workers: u32,
    /// Requests sent and unanswered, or due and waiting; one more is shed.
    pub max_in_flight: u32,
    /// From its intended send time until a request is given up.
    pub timeout: Duration,
    /// What the random choices were drawn from.
    pub seed: u64,
    /// In words, e.g. `sleeps, and spins for the last 80 µs`.
    pub pacing: String,
    /// Whether a worker spins before a send: its CPU time then says nothing of how busy it is.
    pub spins: bool,
    /// In words: `keep-alive`, `new for each request, full handshake`, …
    pub connection_mode: String,
    /// Whether connections are kept from request to request.
    pub keep_alive: bool,
    /// Whether TLS sessions are to be resumed.
    pub resumption: bool,
    /// Whether the server's certificate was not verified.
    pub insecure: bool,
    /// Whether a client certificate was offered.
    pub client_certificate: bool,
    /// Method of the (first) request.
    pub method: String,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq)]
pub struct KindFigures {
    /// Its name, e.g. `allowed` or `denied`.
    pub name: String,
    /// In words, e.g. `2xx` or `403`.
    pub expected: String,
    /// Outcomes.
    pub counts: OutcomeCounts,
    /// Response time of those answered as expected.
    pub response_time: Histogram,
}

/// What the generator used and how punctual it was.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientFigures {
    /// CPU seconds of all workers, from the first connection to the last answer.
    pub cpu_s: f64,
    /// The same as a share of the time, in percent of one core, of the busiest worker.
    pub busiest_worker_percent: f64,
    /// The process's largest resident set, in bytes.
    pub max_rss_bytes: u64,
    /// Time that the hypervisor took from all cores, as a share, 0 to 100.
    pub steal_percent: f64,
    /// Whether this loadgen was built without optimisation, and is slower than it should be.
    pub unoptimised_build: bool,
    /// Cores that the process may use.
    pub cores: u32,
    /// Whether a worker had to share its core: with another worker, or with the server when that is
    /// on this machine and there is no second core.
    pub shares_core: bool,
    /// Most sends within any millisecond.
    pub burst_max: u64,
    /// Most intended send times of the same requests within any millisecond.
    pub burst_planned: u64,
    /// The soft limit of open files.
    pub open_files_limit: u64,
    /// Anything that the generator noticed, in sentences.
    pub remarks: Vec<String>,
    /// Failures by worker-side cause, e.g. `too many open files`, for the verdict.
    pub local_failures: BTreeMap<String, u64>,
}
