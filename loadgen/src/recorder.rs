//! Fixed histograms and counters that requests are recorded into, without allocation in the
//! measured window. Knows no quantile and no file.

use std::sync::Arc;

use bench::trial::{GeneratorReport, Latencies, OutcomeCounts, Slice};

use crate::live::LiveView;
use crate::transport::Failure;

/// Equal parts of the window that a median is kept for.
pub const SLICES: usize = 10;

/// Samples kept of each slice: their median is off by about 1.25/√2048 ≈ 3 % of their spread.
const SLICE_SAMPLES: usize = 2048;

/// The three instants of a request on the engine's clock. `response = send lag + service`, by
/// construction.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Timeline {
    /// From the schedule.
    pub intended: u64,
    /// Read just before the write.
    pub sent: u64,
    /// Read after the answer was complete.
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
    /// Its connection failed.
    Failed(Failure),
    /// It was answered with a status that was not expected.
    Status(u16),
    /// The trial was stopped while it was under way.
    Stopped,
    /// It was not answered in time.
    TimedOut,
    /// It was not sent, since too many were in flight.
    Shed,
}

/// What a trial's requests are recorded into. Offsets are nanoseconds from the trial's start.
#[derive(Debug)]
pub struct Recorder {
    window: std::ops::Range<u64>,
    counts: OutcomeCounts,
    latencies: Latencies,
    slices: Vec<SliceSampler>,
    bytes_received: u64,
    warm_up_requests: u64,
    warm_up_answers: u64,
    last_completion: u64,
    live: Option<Arc<LiveView>>,
}

impl Recorder {
    /// Records requests whose intended send time lies in the window; about `expected` of them.
    #[must_use]
    pub fn new(window: std::ops::Range<u64>, expected: u64, live: Option<Arc<LiveView>>) -> Self {
        let mut latencies = Latencies::default();
        // Touch every page now: a page fault in the window would be late requests.
        for histogram in [
            &mut latencies.response_time,
            &mut latencies.service_time,
            &mut latencies.send_lag,
            &mut latencies.pacing_lag,
            &mut latencies.censored,
        ] {
            histogram.clear();
        }
        let per_slice = usize::try_from(expected).unwrap_or(usize::MAX) / SLICES + 1;
        let slices = (0..SLICES).map(|_| SliceSampler::new(per_slice)).collect();
        Self {
            window,
            counts: OutcomeCounts::default(),
            latencies,
            slices,
            bytes_received: 0,
            warm_up_requests: 0,
            warm_up_answers: 0,
            last_completion: 0,
            live,
        }
    }

    /// A request has come due, and the generator turned to it at `turned`.
    pub fn offered(&mut self, intended: u64, turned: u64) {
        if self.window.contains(&intended) {
            self.counts.offered += 1;
            self.latencies.pacing_lag.record(turned.saturating_sub(intended));
        } else {
            self.warm_up_requests += 1;
        }
    }

    /// A request was written.
    pub fn sent(&mut self, intended: u64, sent: u64) {
        if self.window.contains(&intended) {
            self.latencies.send_lag.record(sent.saturating_sub(intended));
        }
    }

    /// A request was answered as expected.
    pub fn completed(&mut self, at: Timeline, status: u16, bytes: u64) {
        if let Some(live) = &self.live {
            live.answered(at.response_time());
        }
        if !self.window.contains(&at.intended) {
            self.warm_up_answers += 1;
            return;
        }
        self.counts.completed += 1;
        *self.counts.by_status.entry(status).or_default() += 1;
        self.latencies.response_time.record(at.response_time());
        self.latencies.service_time.record(at.service_time());
        self.bytes_received += bytes;
        self.last_completion = self.last_completion.max(at.completed);
        let slice = self.slice_of(at.intended);
        self.slices[slice].take(at.response_time());
    }

    /// A request has no answer that counts; it was given up at `at`.
    pub fn lost(&mut self, intended: u64, at: u64, why: Lost) {
        if let Some(live) = &self.live {
            live.lost();
        }
        if !self.window.contains(&intended) {
            return;
        }
        self.latencies.censored.record(at.saturating_sub(intended));
        let mut failed = |key: &str| {
            self.counts.failed += 1;
            *self.counts.by_failure.entry(key.to_owned()).or_default() += 1;
        };
        match why {
            Lost::Failed(failure) => failed(failure.key()),
            Lost::Stopped => failed("stopped"),
            Lost::Status(status) => {
                failed("status");
                *self.counts.by_status.entry(status).or_default() += 1;
            }
            Lost::TimedOut => self.counts.timed_out += 1,
            Lost::Shed => self.counts.shed += 1,
        }
    }

    fn slice_of(&self, intended: u64) -> usize {
        let offset = u128::from(intended - self.window.start);
        let length = u128::from(self.window.end - self.window.start);
        usize::try_from(offset * SLICES as u128 / length)
            .map_or(SLICES - 1, |slice| slice.min(SLICES - 1))
    }

    /// What was recorded. The report is filled in as far as the recorder knows.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a trial's nanoseconds stay far below 2^52")]
    pub fn finish(self) -> Recorded {
        let window_s = self.last_completion.saturating_sub(self.window.start) as f64 / 1e9;
        Recorded {
            counts: self.counts,
            latencies: self.latencies,
            slices: self.slices.into_iter().map(SliceSampler::finish).collect(),
            generator: GeneratorReport {
                warm_up_requests: self.warm_up_requests,
                warm_up_answers: self.warm_up_answers,
                bytes_received: self.bytes_received,
                window_s,
                ..GeneratorReport::default()
            },
        }
    }
}

/// What a recorder was told, summed up.
#[derive(Debug)]
pub struct Recorded {
    /// Outcomes.
    pub counts: OutcomeCounts,
    /// Histograms.
    pub latencies: Latencies,
    /// Tenths of the window.
    pub slices: Vec<Slice>,
    /// About the generator, as far as the recorder knows.
    pub generator: GeneratorReport,
}

/// Every n-th response time of a slice, for its median.
#[derive(Debug)]
struct SliceSampler {
    samples: Vec<u64>,
    every: usize,
    seen: usize,
}

impl SliceSampler {
    fn new(expected: usize) -> Self {
        let every = expected.div_ceil(SLICE_SAMPLES).max(1);
        Self { samples: Vec::with_capacity(SLICE_SAMPLES * 2), every, seen: 0 }
    }

    fn take(&mut self, nanos: u64) {
        if self.seen.is_multiple_of(self.every) && self.samples.len() < self.samples.capacity() {
            self.samples.push(nanos);
        }
        self.seen += 1;
    }

    #[expect(clippy::cast_precision_loss, reason = "response times stay far below 2^52 ns")]
    fn finish(mut self) -> Slice {
        self.samples.sort_unstable();
        let median = self.samples.get(self.samples.len().saturating_sub(1) / 2).copied();
        Slice {
            count: u64::try_from(self.seen).expect("usize has at most 64 bits here"),
            response_time_p50_us: median.unwrap_or(0) as f64 / 1e3,
        }
    }
}
