//! Where the workers of a trial wait for one another, so that they count from one instant.

use std::sync::{Condvar, Mutex, PoisonError};
use std::time::Duration;

use bench::clock::Nanos;

/// From the last worker's set-up to the first request, so that the first is not late.
const LEAD: Duration = Duration::from_millis(2);

/// One for all workers of a trial.
#[derive(Debug)]
pub struct StartLine {
    workers: usize,
    there: Mutex<There>,
    all_there: Condvar,
}

#[derive(Debug, Default)]
struct There {
    ready: usize,
    failed: usize,
    latest: Nanos,
}

impl StartLine {
    /// For so many workers.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self { workers, there: Mutex::default(), all_there: Condvar::new() }
    }

    /// This worker is set up, at that instant of the common clock. Waits for the others, and
    /// returns the instant that all count from; `None` when one of them failed.
    pub fn ready(&self, now: Nanos) -> Option<Nanos> {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.ready += 1;
        there.latest = there.latest.max(now);
        self.all_there.notify_all();
        while there.ready + there.failed < self.workers {
            there = self.all_there.wait(there).unwrap_or_else(PoisonError::into_inner);
        }
        (there.failed == 0).then(|| there.latest.plus(LEAD))
    }

    /// This worker will not start, so that nobody does.
    pub fn failed(&self) {
        let mut there = self.there.lock().unwrap_or_else(PoisonError::into_inner);
        there.failed += 1;
        self.all_there.notify_all();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_start_at_one_instant_after_the_last_is_ready() {
        let line = StartLine::new(3);
        let starts: Vec<_> = std::thread::scope(|scope| {
            let threads: Vec<_> = [5, 70, 20]
                .into_iter()
                .map(|at| {
                    scope.spawn({
                        let line = &line;
                        move || line.ready(Nanos(at))
                    })
                })
                .collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        });
        assert_eq!(starts, [Some(Nanos(70).plus(LEAD)); 3]);
    }

    #[test]
    fn nobody_starts_when_one_fails() {
        let line = StartLine::new(2);
        line.failed();
        assert_eq!(line.ready(Nanos(1)), None);
    }
}
