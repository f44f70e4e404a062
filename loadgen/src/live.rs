//! What a person may see of a trial while it runs: a coarse histogram in atomics that the engine
//! writes and the display reads. Never a source of a reported figure.

use std::sync::atomic::{AtomicU64, Ordering};

/// Buckets for each doubling: the shown p99 is right to about 12 %.
const PER_DOUBLING: u32 = 8;
const BUCKETS: usize = 64 * PER_DOUBLING as usize;

/// Counts of one trial so far. One writer, any number of readers.
#[derive(Debug)]
pub struct LiveView {
    buckets: Vec<AtomicU64>,
    answered: AtomicU64,
    lost: AtomicU64,
}

impl Default for LiveView {
    fn default() -> Self {
        Self {
            buckets: (0..BUCKETS).map(|_| AtomicU64::new(0)).collect(),
            answered: AtomicU64::new(0),
            lost: AtomicU64::new(0),
        }
    }
}

impl LiveView {
    /// Starts a new trial.
    pub fn clear(&self) {
        for bucket in &self.buckets {
            bucket.store(0, Ordering::Relaxed);
        }
        self.answered.store(0, Ordering::Relaxed);
        self.lost.store(0, Ordering::Relaxed);
    }

    /// One more answer.
    pub fn answered(&self, nanos: u64) {
        // There is one writer, so a plain load and store is enough, and cheaper.
        add_one(&self.buckets[bucket_of(nanos)]);
        add_one(&self.answered);
    }

    /// One more request without an answer.
    pub fn lost(&self) {
        add_one(&self.lost);
    }

    /// Answers so far, and requests without one.
    #[must_use]
    pub fn counts(&self) -> (u64, u64) {
        (self.answered.load(Ordering::Relaxed), self.lost.load(Ordering::Relaxed))
    }

    /// About the 99th percentile of the response time so far, in nanoseconds.
    #[must_use]
    pub fn p99(&self) -> Option<u64> {
        let counts: Vec<u64> =
            self.buckets.iter().map(|bucket| bucket.load(Ordering::Relaxed)).collect();
        let rank = counts.iter().sum::<u64>() * 99 / 100;
        let mut below = 0;
        counts
            .iter()
            .position(|count| {
                below += count;
                below > rank
            })
            .map(lower_end)
    }
}

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

fn lower_end(bucket: usize) -> u64 {
    let per_doubling = PER_DOUBLING as usize;
    let doubling = u32::try_from(bucket / per_doubling).expect("less than 64");
    let within = u64::try_from(bucket % per_doubling).expect("less than 8");
    (u64::from(PER_DOUBLING) + within) << (doubling - PER_DOUBLING.ilog2())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_shown_p99_is_within_an_eighth() {
        for scale in [1_000_u64, 50_000, 3_000_000, 9_000_000_000] {
            let live = LiveView::default();
            for step in 1..=1000 {
                live.answered(scale * step / 1000);
            }
            let shown = live.p99().expect("not empty") as f64;
            let exact = scale as f64 * 0.99;
            assert!(shown <= exact * 1.01 && shown >= exact * 0.875, "{shown} for {exact}");
        }
    }
}
