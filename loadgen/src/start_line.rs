//! Where the workers of a trial wait for one another, so that they count from one instant: as soon
//! as all are set up, or when they are told to, where other processes are to start with them.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use bench::clock::Nanos;

/// From the last worker's set-up to the first request, so that the first is not late.
const LEAD: Duration = Duration::from_millis(2);

/// One for all workers of a trial in this process.
#[derive(Debug)]
pub struct StartLine {
    workers: usize,
    there: Mutex<There>,
    changed: Condvar,
}

#[derive(Debug)]
struct There {
    ready: usize,
    failed: usize,
    latest: Nanos,
    word: Word,
}

/// When to start.
#[derive(Debug, Clone, Copy)]
enum Word {
    /// When all are ready.
    NotNeeded,
    /// When somebody says so.
    Awaited,
    /// Then.
    At(Nanos),
}

/// How far the workers are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Readiness {
    /// Some are still being set up.
    SettingUp,
    /// All are set up.
    Ready,
    /// One failed, so that nobody will start.
    Failed,
}

impl StartLine {
    /// For so many workers, who start when all are ready.
    #[must_use]
    pub fn new(workers: usize) -> Self {
        Self::with(workers, Word::NotNeeded)
    }

    /// For so many workers, who start when they are told to by [`Self::start_at`].
    #[must_use]
    pub fn on_word(workers: usize) -> Self {
        Self::with(workers, Word::Awaited)
    }

    fn with(workers: usize, word: Word) -> Self {
        let there = There { ready: 0, failed: 0, latest: Nanos::default(), word };
        Self { workers, there: Mutex::new(there), changed: Condvar::new() }
    }

    /// This worker is set up, at that instant of the common clock. Waits for the others and for the
    /// word, and returns the instant that all count from; `None` when one of them failed.
    pub fn ready(&self, now: Nanos) -> Option<Nanos> {
        let mut there = self.there();
        there.ready += 1;
        there.latest = there.latest.max(now);
        self.changed.notify_all();
        loop {
            let all = there.ready + there.failed >= self.workers;
            match there.word {
                _ if all && there.failed > 0 => return None,
                Word::NotNeeded if all => return Some(there.latest.plus(LEAD)),
                Word::At(at) if all => return Some(at),
                _ => there = self.changed.wait(there).unwrap_or_else(PoisonError::into_inner),
            }
        }
    }

    /// This worker will not start, so that nobody does.
    pub fn failed(&self) {
        self.there().failed += 1;
        self.changed.notify_all();
    }

    /// Waits at most that long for all workers to be set up, and says how far they are.
    pub fn readiness(&self, patience: Duration) -> Readiness {
        let there = self.there();
        let waiting = self
            .changed
            .wait_timeout_while(there, patience, |there| there.setting_up(self.workers));
        let (there, _) = waiting.unwrap_or_else(PoisonError::into_inner);
        match (there.failed, there.setting_up(self.workers)) {
            (1.., _) => Readiness::Failed,
            (0, true) => Readiness::SettingUp,
            (0, false) => Readiness::Ready,
        }
    }

    /// The word: all count from that instant of the common clock.
    pub fn start_at(&self, at: Nanos) {
        self.there().word = Word::At(at);
        self.changed.notify_all();
    }

    /// There will be no word, so that nobody starts. Says nothing to those who have started.
    pub fn call_off(&self) {
        self.failed();
    }

    fn there(&self) -> MutexGuard<'_, There> {
        self.there.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl There {
    /// Whether the workers are still being set up, and none failed.
    fn setting_up(&self, workers: usize) -> bool {
        self.failed == 0 && self.ready < workers
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What each of some workers is told, who are ready at these instants.
    fn starts(line: &StartLine, ready: &[u64]) -> Vec<Option<Nanos>> {
        std::thread::scope(|scope| {
            let threads: Vec<_> =
                ready.iter().map(|at| scope.spawn(|| line.ready(Nanos(*at)))).collect();
            threads.into_iter().map(|thread| thread.join().expect("no panic")).collect()
        })
    }

    #[test]
    fn all_start_at_one_instant_after_the_last_is_ready() {
        let line = StartLine::new(3);
        assert_eq!(starts(&line, &[5, 70, 20]), [Some(Nanos(70).plus(LEAD)); 3]);
    }

    #[test]
    fn nobody_starts_when_one_fails() {
        let line = StartLine::new(2);
        line.failed();
        assert_eq!(line.ready(Nanos(1)), None);
    }

    #[test]
    fn with_a_word_to_come_all_start_when_it_says() {
        let line = StartLine::on_word(2);
        let told = std::thread::scope(|scope| {
            let workers = scope.spawn(|| starts(&line, &[5, 70]));
            while line.readiness(Duration::from_secs(1)) == Readiness::SettingUp {}
            line.start_at(Nanos(1_000));
            workers.join().expect("no panic")
        });
        assert_eq!(told, [Some(Nanos(1_000)); 2]);
    }

    #[test]
    fn nobody_starts_when_it_is_called_off() {
        let line = StartLine::on_word(2);
        let told = std::thread::scope(|scope| {
            let workers = scope.spawn(|| starts(&line, &[5, 70]));
            while line.readiness(Duration::from_secs(1)) == Readiness::SettingUp {}
            line.call_off();
            assert_eq!(line.readiness(Duration::ZERO), Readiness::Failed);
            workers.join().expect("no panic")
        });
        assert_eq!(told, [None; 2]);
    }
}
