//! Fixed histograms and counters that requests are recorded into, without allocation in the
//! measured window. Knows no quantile and no file.

use std::sync::Arc;

use bench::histogram::Histogram;
use bench::trial::{LET_THROUGH, Latencies, OutcomeCounts, REFUSED};

use crate::burst::BurstMeter;
use crate::live::LiveWriter;
use crate::requests::KindIndex;
use crate::transport::{Failure, Resumed, SetUp};

/// Equal parts of the window that a median is kept for.
pub const SLICES: usize = 10;

/// Statuses that are counted each in a place of its own.
const STATUSES: usize = 1000;

/// The instants of a request on the engine's clock. `response = send lag + service`, by
/// construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// From the schedule.
    pub intended: u64,
    /// Read just before the write.
    pub sent: u64,
    /// Read when the answer's first byte was there.
    pub first_byte: u64,
    /// Read when the answer was complete.
    pub completed: u64,
}

impl Timeline {
    /// Sent − intended.
    #[must_use]
    pub fn send_lag(self) -> u64 {
        self.sent.saturating_sub(self.intended)
    }

    /// Completed − sent.
    #[must_use]
    pub fn service_time(self) -> u64 {
        self.completed.saturating_sub(self.sent)
    }

    /// Completed − intended.
    #[must_use]
    pub fn response_time(self) -> u64 {
        self.send_lag() + self.service_time()
    }
}

/// Why a request has no answer that counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// It or its connection failed.
    Failed(Failure),
    /// It was answered with a status that was not expected.
    Status(u16),
    /// It was served, and a policy had to refuse it.
    LetThrough(u16),
    /// It was refused as by a policy, and had to be served.
    Refused(u16),
    /// The trial was stopped while it was under way.
    Stopped,
    /// It was not answered in time.
    TimedOut,
    /// It was not sent, since too many were in flight.
    Shed,
}

/// Connections, over the whole of a trial or a drive, warm-up included.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct ConnectionFigures {
    /// Opened, repeats included.
    pub opened: u64,
    /// TCP (or Unix) set-up: from the call to connect until the socket was connected.
    pub connect: Histogram,
    /// TLS handshakes without resumption, until application data may be sent.
    pub tls_full: Histogram,
    /// Resumed ones.
    pub tls_resumed: Histogram,
}

impl ConnectionFigures {
    fn merge(&mut self, other: &Self) {
        self.opened += other.opened;
        self.connect.merge(&other.connect);
        self.tls_full.merge(&other.tls_full);
        self.tls_resumed.merge(&other.tls_resumed);
    }
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct KindRecorded {
    /// Outcomes.
    pub counts: OutcomeCounts,
    /// Response time of those answered as expected.
    pub response_time: Histogram,
}

/// Counters by what happened, without allocation.
#[derive(Debug)]
struct Tally {
    offered: u64,
    completed: u64,
    denied: u64,
    failed: u64,
    timed_out: u64,
    shed: u64,
    by_status: Vec<u64>,
    by_failure: Vec<(&'static str, u64)>,
}

impl Tally {
    fn new() -> Self {
        Self {
            offered: 0,
            completed: 0,
            denied: 0,
            failed: 0,
            timed_out: 0,
            shed: 0,
            by_status: vec![0; STATUSES],
            by_failure: Vec::with_capacity(32),
        }
    }

    fn status(&mut self, status: u16) {
        // HTTP has three digits (RFC 9110 §15), and the readers refuse more.
        if let Some(count) = self.by_status.get_mut(usize::from(status)) {
            *count += 1;
        }
    }

    fn failure(&mut self, key: &'static str) {
        self.failed += 1;
        match self.by_failure.iter_mut().find(|(known, _)| *known == key) {
            Some((_, count)) => *count += 1,
            None => self.by_failure.push((key, 1)),
        }
    }

    fn lost(&mut self, why: Lost) {
        match why {
            Lost::Failed(failure) => self.failure(failure.key()),
            Lost::Stopped => self.failure("stopped"),
            Lost::Status(status) => {
                self.failure("status");
                self.status(status);
            }
            Lost::LetThrough(status) => {
                self.failure(LET_THROUGH);
                self.status(status);
            }
            Lost::Refused(status) => {
                self.failure(REFUSED);
                self.status(status);
            }
            Lost::TimedOut => self.timed_out += 1,
            Lost::Shed => self.shed += 1,
        }
    }

    fn finish(&self) -> OutcomeCounts {
        let statuses = (0_u16..).zip(&self.by_status).filter(|(_, count)| **count > 0);
        OutcomeCounts {
            offered: self.offered,
            completed: self.completed,
            denied: self.denied,
            failed: self.failed,
            timed_out: self.timed_out,
            shed: self.shed,
            by_status: statuses.map(|(status, count)| (status, *count)).collect(),
            by_failure: self.by_failure.iter().map(|(key, n)| ((*key).to_owned(), *n)).collect(),
        }
    }
}

/// What a trial's requests are recorded into. Offsets are nanoseconds from the trial's start.
#[derive(Debug)]
pub struct Recorder {
    window: std::ops::Range<u64>,
    tally: Tally,
    latencies: Latencies,
    first_byte: Histogram,
    connections: ConnectionFigures,
    /// Apart only where there are several.
    kinds: Vec<(Tally, Histogram)>,
    slices: Vec<Histogram>,
    /// The length of a slice: known beforehand, so that a request costs one short division.
    slice_ns: u64,
    bytes_received: u64,
    bytes_sent: u64,
    warm_up_requests: u64,
    warm_up_answers: u64,
    warm_up_denied: u64,
    last_completion: u64,
    sends: BurstMeter,
    intended: BurstMeter,
    live: Option<Arc<LiveWriter>>,
}

impl Recorder {
    /// Records requests whose intended send time lies in the window, of so many kinds.
    #[must_use]
    pub fn new(window: std::ops::Range<u64>, kinds: usize, live: Option<Arc<LiveWriter>>) -> Self {
        let mut latencies = Latencies::default();
        let mut first_byte = Histogram::new();
        let mut slices = vec![Histogram::new(); SLICES];
        let mut kinds: Vec<(Tally, Histogram)> = (0..if kinds > 1 { kinds } else { 0 })
            .map(|_| (Tally::new(), Histogram::new()))
            .collect();
        // Touch every page now: a page fault in the window would be late requests.
        [
            &mut latencies.response_time,
            &mut latencies.service_time,
            &mut latencies.send_lag,
            &mut latencies.pacing_lag,
            &mut latencies.censored,
            &mut latencies.denied,
            &mut first_byte,
        ]
        .into_iter()
        .chain(&mut slices)
        .chain(kinds.iter_mut().map(|(_, histogram)| histogram))
        .for_each(Histogram::clear);
        let slice_ns = (window.end - window.start).div_ceil(SLICES as u64).max(1);
        Self {
            window,
            slice_ns,
            tally: Tally::new(),
            latencies,
            first_byte,
            connections: ConnectionFigures::default(),
            kinds,
            slices,
            bytes_received: 0,
            bytes_sent: 0,
            warm_up_requests: 0,
            warm_up_answers: 0,
            warm_up_denied: 0,
            last_completion: 0,
            sends: BurstMeter::new(),
            intended: BurstMeter::new(),
            live,
        }
    }

    /// A connection was made.
    pub fn connected(&mut self, set_up: SetUp) {
        self.connections.opened += 1;
        self.connections.connect.record(set_up.connect);
        match set_up.handshake {
            Some((nanos, Resumed::No)) => self.connections.tls_full.record(nanos),
            Some((nanos, Resumed::Yes)) => self.connections.tls_resumed.record(nanos),
            None => true,
        };
    }

    /// A request has come due, and the generator turned to it at `turned`.
    pub fn offered(&mut self, intended: u64, turned: u64, kind: KindIndex) {
        if let Some(live) = &self.live {
            live.due();
        }
        if self.window.contains(&intended) {
            self.tally.offered += 1;
            self.latencies.pacing_lag.record(turned.saturating_sub(intended));
            if let Some((tally, _)) = self.kinds.get_mut(kind.index()) {
                tally.offered += 1;
            }
        } else {
            self.warm_up_requests += 1;
        }
    }

    /// A request was written.
    pub fn sent(&mut self, intended: u64, sent: u64, bytes: u64) {
        if self.window.contains(&intended) {
            self.latencies.send_lag.record(sent.saturating_sub(intended));
            self.bytes_sent += bytes;
            self.sends.note(sent);
            self.intended.note(intended);
        }
    }

    /// A request was answered as expected.
    pub fn completed(&mut self, at: Timeline, kind: KindIndex, status: u16, bytes: u64) {
        if let Some(live) = &self.live {
            live.answered(at.response_time());
        }
        if !self.window.contains(&at.intended) {
            self.warm_up_answers += 1;
            return;
        }
        self.tally.completed += 1;
        self.tally.status(status);
        self.latencies.response_time.record(at.response_time());
        self.latencies.service_time.record(at.service_time());
        self.first_byte.record(at.first_byte.saturating_sub(at.sent));
        self.bytes_received += bytes;
        self.last_completion = self.last_completion.max(at.completed);
        let slice = self.slice_of(at.intended);
        self.slices[slice].record(at.response_time());
        if let Some((tally, histogram)) = self.kinds.get_mut(kind.index()) {
            tally.completed += 1;
            tally.status(status);
            histogram.record(at.response_time());
        }
    }

    /// A request was refused by a policy, as it had to be: its time stands apart.
    pub fn denied(&mut self, at: Timeline, kind: KindIndex, status: u16, bytes: u64) {
        if let Some(live) = &self.live {
            live.answered(at.response_time());
        }
        if !self.window.contains(&at.intended) {
            self.warm_up_answers += 1;
            self.warm_up_denied += 1;
            return;
        }
        self.tally.denied += 1;
        self.tally.status(status);
        self.latencies.denied.record(at.response_time());
        self.bytes_received += bytes;
        self.last_completion = self.last_completion.max(at.completed);
        if let Some((tally, histogram)) = self.kinds.get_mut(kind.index()) {
            tally.denied += 1;
            tally.status(status);
            histogram.record(at.response_time());
        }
    }

    /// A request has no answer that counts; it was given up at `at`.
    pub fn lost(&mut self, intended: u64, at: u64, kind: KindIndex, why: Lost) {
        if let Some(live) = &self.live {
            match why {
                Lost::Failed(_)
                | Lost::Status(_)
                | Lost::LetThrough(_)
                | Lost::Refused(_)
                | Lost::Stopped => live.failed(),
                Lost::TimedOut => live.timed_out(),
                Lost::Shed => live.shed(),
            }
        }
        if !self.window.contains(&intended) {
            return;
        }
        self.latencies.censored.record(at.saturating_sub(intended));
        self.tally.lost(why);
        if let Some((tally, _)) = self.kinds.get_mut(kind.index()) {
            tally.lost(why);
        }
    }

    fn slice_of(&self, intended: u64) -> usize {
        let slice = (intended - self.window.start) / self.slice_ns;
        usize::try_from(slice).map_or(SLICES - 1, |slice| slice.min(SLICES - 1))
    }

    /// What was recorded.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a trial's nanoseconds stay far below 2^52")]
    pub fn finish(self) -> Recorded {
        let counts = self.tally.finish();
        let mut kinds: Vec<KindRecorded> = self
            .kinds
            .into_iter()
            .map(|(tally, response_time)| KindRecorded { counts: tally.finish(), response_time })
            .collect();
        if kinds.is_empty() {
            let response_time = self.latencies.response_time.clone();
            kinds.push(KindRecorded { counts: counts.clone(), response_time });
        }
        Recorded {
            counts,
            latencies: self.latencies,
            first_byte: self.first_byte,
            connections: self.connections,
            kinds,
            slices: self.slices,
            bytes_received: self.bytes_received,
            bytes_sent: self.bytes_sent,
            warm_up_requests: self.warm_up_requests,
            warm_up_answers: self.warm_up_answers,
            warm_up_denied: self.warm_up_denied,
            window_s: self.last_completion.saturating_sub(self.window.start) as f64 / 1e9,
            burst_max: self.sends.largest(),
            burst_planned: self.intended.largest(),
        }
    }
}

/// What a recorder was told, summed up.
#[derive(Debug, Clone, PartialEq)]
pub struct Recorded {
    /// Outcomes.
    pub counts: OutcomeCounts,
    /// Histograms.
    pub latencies: Latencies,
    /// From the send until the answer's first byte, of completed requests.
    pub first_byte: Histogram,
    /// Connections.
    pub connections: ConnectionFigures,
    /// Each kind apart; one entry when there is one kind.
    pub kinds: Vec<KindRecorded>,
    /// The response times in each tenth of the window.
    pub slices: Vec<Histogram>,
    /// Bytes of answers in the window.
    pub bytes_received: u64,
    /// Bytes of requests in the window.
    pub bytes_sent: u64,
    /// Requests of the warm-up, sent and left out.
    pub warm_up_requests: u64,
    /// Answers received in the warm-up.
    pub warm_up_answers: u64,
    /// Refusals among them that had to be.
    pub warm_up_denied: u64,
    /// From the window's beginning to the last completion, in seconds.
    pub window_s: f64,
    /// Most sends within any millisecond.
    pub burst_max: u64,
    /// Most intended send times of the same requests within any millisecond.
    pub burst_planned: u64,
}

impl Recorded {
    /// Adds what another worker of the same trial recorded. Bursts add up to what they can be at
    /// most, since workers' sends may fall together.
    pub fn merge(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.latencies.merge(&other.latencies);
        self.first_byte.merge(&other.first_byte);
        self.connections.merge(&other.connections);
        for (ours, theirs) in self.kinds.iter_mut().zip(&other.kinds) {
            ours.counts.merge(&theirs.counts);
            ours.response_time.merge(&theirs.response_time);
        }
        for (ours, theirs) in self.slices.iter_mut().zip(&other.slices) {
            ours.merge(theirs);
        }
        self.bytes_received += other.bytes_received;
        self.bytes_sent += other.bytes_sent;
        self.warm_up_requests += other.warm_up_requests;
        self.warm_up_answers += other.warm_up_answers;
        self.warm_up_denied += other.warm_up_denied;
        self.window_s = self.window_s.max(other.window_s);
        self.burst_max += other.burst_max;
        self.burst_planned += other.burst_planned;
    }
}
