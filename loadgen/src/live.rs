//! What a person may see of a trial while it runs: coarse histograms in atomics that the engine's
//! workers write and a display reads. Never a source of a reported figure; knows no display.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Buckets for each doubling: the middle of one is off by at most 1/16 of what fell into it.
const PER_DOUBLING: u32 = 8;
const BUCKETS: usize = 64 * PER_DOUBLING as usize;

/// Counts of one trial so far: any number of writers with a part each, and any number of readers.
#[derive(Debug, Default)]
pub struct LiveView {
    parts: Mutex<Vec<Arc<LiveWriter>>>,
}

impl LiveView {
    /// Starts a new trial: whoever wrote until now is no longer counted.
    pub fn clear(&self) {
        self.parts().clear();
    }

    /// A part for one more writer.
    #[must_use]
    pub fn writer(&self) -> Arc<LiveWriter> {
        let writer = Arc::new(LiveWriter::default());
        self.parts().push(Arc::clone(&writer));
        writer
    }

    /// The sum of all parts as they are now.
    #[must_use]
    pub fn read(&self) -> LiveCounts {
        let mut counts = LiveCounts::default();
        for part in self.parts().iter() {
            part.add_to(&mut counts);
        }
        counts
    }

    fn parts(&self) -> MutexGuard<'_, Vec<Arc<LiveWriter>>> {
        // A list of pointers is whole whatever became of a thread that held it.
        self.parts.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What one worker writes; to be called by one thread only. On cache lines of its own, so that no
/// worker waits for another's.
#[derive(Debug)]
#[repr(align(128))]
pub struct LiveWriter {
    due: AtomicU64,
    failed: AtomicU64,
    timed_out: AtomicU64,
    shed: AtomicU64,
    buckets: [AtomicU64; BUCKETS],
}

impl Default for LiveWriter {
    fn default() -> Self {
        Self {
            due: AtomicU64::new(0),
            failed: AtomicU64::new(0),
            timed_out: AtomicU64::new(0),
            shed: AtomicU64::new(0),
            buckets: [const { AtomicU64::new(0) }; BUCKETS],
        }
    }
}

impl LiveWriter {
    /// One more request has come due, whatever becomes of it.
    pub fn due(&self) {
        add_one(&self.due);
    }

    /// One more answer as expected, so many nanoseconds after it was due.
    pub fn answered(&self, nanos: u64) {
        add_one(&self.buckets[bucket_of(nanos)]);
    }

    /// One more request failed, or had an answer that was not expected.
    pub fn failed(&self) {
        add_one(&self.failed);
    }

    /// One more was given up.
    pub fn timed_out(&self) {
        add_one(&self.timed_out);
    }

    /// One more was not sent, since too many were in flight.
    pub fn shed(&self) {
        add_one(&self.shed);
    }

    /// Ends are read before what was due, so that nothing ends that did not begin.
    fn add_to(&self, counts: &mut LiveCounts) {
        for (sum, bucket) in counts.buckets.iter_mut().zip(&self.buckets) {
            *sum += bucket.load(Ordering::Relaxed);
        }
        counts.failed += self.failed.load(Ordering::Relaxed);
        counts.timed_out += self.timed_out.load(Ordering::Relaxed);
        counts.shed += self.shed.load(Ordering::Relaxed);
        counts.due += self.due.load(Ordering::Relaxed);
    }
}

/// What was counted until a moment, or between two.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LiveCounts {
    /// Came due.
    pub due: u64,
    /// Failed, or had an answer that was not expected.
    pub failed: u64,
    /// Were given up.
    pub timed_out: u64,
    /// Were not sent, since too many were in flight.
    pub shed: u64,
    /// Answers as expected by response time, [`BUCKETS`] of them.
    buckets: Vec<u64>,
}

impl Default for LiveCounts {
    fn default() -> Self {
        Self { due: 0, failed: 0, timed_out: 0, shed: 0, buckets: vec![0; BUCKETS] }
    }
}

impl LiveCounts {
    /// Answers as expected.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.buckets.iter().sum()
    }

    /// Requests that will never have an answer that counts.
    #[must_use]
    pub fn lost(&self) -> u64 {
        self.failed + self.timed_out + self.shed
    }

    /// Requests that came due and have neither an answer nor an end.
    #[must_use]
    pub fn in_flight(&self) -> u64 {
        self.due.saturating_sub(self.answered() + self.lost())
    }

    /// What was added after `earlier`, which was read before.
    #[must_use]
    pub fn since(&self, earlier: &Self) -> Self {
        let pairs = self.buckets.iter().zip(&earlier.buckets);
        Self {
            due: self.due.saturating_sub(earlier.due),
            failed: self.failed.saturating_sub(earlier.failed),
            timed_out: self.timed_out.saturating_sub(earlier.timed_out),
            shed: self.shed.saturating_sub(earlier.shed),
            buckets: pairs.map(|(now, before)| now.saturating_sub(*before)).collect(),
        }
    }

    /// About that quantile (0 to 1) of the response time in nanoseconds; 1 is the longest. `None`
    /// before the first answer.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "a share of a count"
    )]
    pub fn quantile(&self, quantile: f64) -> Option<u64> {
        let rank = ((self.answered() as f64 * quantile).ceil() as u64).max(1);
        let mut up_to = 0;
        let bucket = self.buckets.iter().position(|count| {
            up_to += count;
            up_to >= rank
        })?;
        Some(u64::midpoint(lower_end(bucket), lower_end(bucket + 1)))
    }

    /// The buckets from the first to the last that have an answer: where each begins in
    /// nanoseconds, and its answers.
    #[must_use]
    pub fn filled(&self) -> Vec<(u64, u64)> {
        let filled = |count: &u64| *count > 0;
        let Some(first) = self.buckets.iter().position(filled) else { return Vec::new() };
        let last = self.buckets.iter().rposition(filled).expect("there is a first");
        (first..=last).map(|bucket| (lower_end(bucket), self.buckets[bucket])).collect()
    }
}

/// There is one writer, so a plain load and store is enough, and cheaper than an atomic addition.
fn add_one(counter: &AtomicU64) {
    counter.store(counter.load(Ordering::Relaxed) + 1, Ordering::Relaxed);
}

/// The doubling, and the next three bits below the leading one.
fn bucket_of(nanos: u64) -> usize {
    let nanos = nanos.max(u64::from(PER_DOUBLING));
    let doubling = nanos.ilog2();
    let within = (nanos >> (doubling - PER_DOUBLING.ilog2())) & u64::from(PER_DOUBLING - 1);
    let doubling = usize::try_from(doubling).expect("less than 64");
    doubling * PER_DOUBLING as usize + usize::try_from(within).expect("less than 8")
}

/// Where a bucket begins; what is below 8 ns is in the first that is used.
fn lower_end(bucket: usize) -> u64 {
    let per_doubling = PER_DOUBLING as usize;
    let doubling = u32::try_from(bucket / per_doubling).expect("at most 64");
    let within = u64::try_from(bucket % per_doubling).expect("less than 8");
    match doubling {
        64.. => u64::MAX,
        _ => (u64::from(PER_DOUBLING) + within) << doubling.saturating_sub(PER_DOUBLING.ilog2()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_quantiles_are_within_an_eighth() {
        for scale in [1_000_u64, 50_000, 3_000_000, 9_000_000_000] {
            let live = LiveView::default();
            let writer = live.writer();
            for step in 1..=1000 {
                writer.answered(scale * step / 1000);
            }
            for quantile in [0.1, 0.5, 0.9, 0.99, 1.0] {
                let shown = live.read().quantile(quantile).expect("not empty") as f64;
                let exact = scale as f64 * quantile;
                assert!((shown / exact - 1.0).abs() < 0.12, "{shown} for {exact}");
            }
        }
    }

    #[test]
    fn the_ends_of_what_can_be_counted_have_a_place() {
        let live = LiveView::default();
        let writer = live.writer();
        writer.answered(0);
        writer.answered(u64::MAX);
        let counts = live.read();
        assert_eq!(counts.answered(), 2);
        assert_eq!(counts.filled().first(), Some(&(8, 1)));
        assert!(counts.quantile(1.0).is_some_and(|longest| longest > u64::MAX / 8 * 7));
    }

    #[test]
    fn workers_are_added_up_and_those_of_an_earlier_trial_are_not() {
        let live = LiveView::default();
        let earlier = live.writer();
        earlier.due();
        live.clear();
        earlier.failed();
        std::thread::scope(|scope| {
            for _ in 0..3 {
                scope.spawn(|| {
                    let writer = live.writer();
                    for nanos in 1..=1000 {
                        writer.due();
                        writer.due();
                        writer.answered(nanos);
                    }
                    writer.failed();
                    writer.timed_out();
                    writer.shed();
                });
            }
        });
        let counts = live.read();
        assert_eq!((counts.due, counts.answered(), counts.lost()), (6000, 3000, 9));
        assert_eq!(counts.in_flight(), 2991);
        assert_eq!(counts.since(&counts), LiveCounts::default());
    }

    #[test]
    fn nothing_has_no_quantile() {
        assert_eq!(LiveCounts::default().quantile(0.5), None);
        assert_eq!(LiveCounts::default().filled(), []);
    }
}
