//! Lets a worker go before the other threads of its core, where the kernel allows it. The kernel's
//! own threads and whatever else runs on the machine take a core for milliseconds at a time; a
//! real-time thread (sched(7)) takes it back the moment its timer fires. Knows no schedule.
//!
//! Only for a worker that sleeps most of the time. The kernel stops a real-time thread that does
//! not: for 50 ms of each second by default (`sched_rt_runtime_us`), which is worse than what it
//! was to cure.

use std::time::Duration;

use bench::clock::Nanos;
use rustix::process::getpriority_process;
use thread_priority::{
    NormalThreadSchedulePolicy, RealtimeThreadSchedulePolicy, ThreadPriority, ThreadPriorityValue,
    ThreadSchedulePolicy, set_thread_priority_and_policy, thread_native_id,
};

use crate::machine::thread_cpu_time;

/// Looked at so often. Four times this, all of it busy, is what the kernel's guard allows a second.
const EVERY: Duration = Duration::from_millis(200);

/// A worker that is busier than this, in percent, goes back among the others for good. Well below
/// the kernel's 95, and above what hybrid pacing needs where it can sleep between sends at all.
const BUSIEST_PERCENT: u32 = 80;

/// Whether this thread goes before others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Precedence {
    /// It does.
    Held(Looked),
    /// It did, and was too busy to keep it.
    GivenUp,
    /// The kernel did not allow it: it takes CAP_SYS_NICE or a limit (`ulimit -r`).
    Refused,
    /// It was not wanted.
    NotWanted,
}

/// When the thread was last looked at, and what CPU time it had used by then.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Looked {
    at: Nanos,
    used: Duration,
    /// What the thread goes back to.
    niceness: i32,
}

/// The policy of all ordinary threads.
const ORDINARY: ThreadSchedulePolicy =
    ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Other);

impl Precedence {
    /// Asks the kernel to let this thread go before others.
    #[must_use]
    pub fn take(now: Nanos) -> Self {
        // The lowest of the real-time priorities: whatever is more urgent on this machine stays so.
        let fifo = ThreadSchedulePolicy::Realtime(RealtimeThreadSchedulePolicy::Fifo);
        let niceness = getpriority_process(None).unwrap_or(0);
        match set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, fifo) {
            Ok(()) => Self::Held(Looked { at: now, used: thread_cpu_time(), niceness }),
            Err(_) => Self::Refused,
        }
    }

    /// Gives it back where this thread has turned out to be too busy. Nearly free: it reads the
    /// thread's CPU time five times a second.
    pub fn watch(&mut self, now: Nanos) {
        let Self::Held(last) = *self else { return };
        if Duration::from_nanos(now.since(last.at)) < EVERY {
            return;
        }
        match last.and_now(Looked { at: now, used: thread_cpu_time(), ..last }) {
            Self::GivenUp => self.give_up(last.niceness),
            kept => *self = kept,
        }
    }

    fn give_up(&mut self, niceness: i32) {
        // Never refused: it asks for less than the thread has, and for the niceness that it had.
        let priority = ordinary_priority(niceness);
        let _ = set_thread_priority_and_policy(thread_native_id(), priority, ORDINARY);
        *self = Self::GivenUp;
    }

    /// In words, for the provenance; nothing where it was not wanted.
    #[must_use]
    pub fn describe(self) -> &'static str {
        match self {
            Self::Held(_) => "; goes before other threads (real-time)",
            Self::GivenUp => "; too busy to go before other threads",
            Self::Refused => "; not allowed to go before other threads",
            Self::NotWanted => "",
        }
    }
}

/// What the crate calls a niceness, of which it knows the lowest by name and the others by where
/// they lie between 0, for the lowest, and 99.
fn ordinary_priority(niceness: i32) -> ThreadPriority {
    let place = 99 - (99 * (2 * niceness + 41) + 39) / 78;
    u8::try_from(place)
        .ok()
        .filter(|_| niceness < 19)
        .and_then(|place| ThreadPriorityValue::try_from(place).ok())
        .map_or(ThreadPriority::Min, ThreadPriority::Crossplatform)
}

impl Looked {
    /// What follows from what was used since.
    fn and_now(self, now: Self) -> Precedence {
        let used = now.used.saturating_sub(self.used);
        let passed = Duration::from_nanos(now.at.since(self.at));
        if used * 100 > passed * BUSIEST_PERCENT {
            Precedence::GivenUp
        } else {
            Precedence::Held(now)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn looked(at_ms: u64, used_ms: u64) -> Looked {
        Looked { at: Nanos(at_ms * 1_000_000), used: Duration::from_millis(used_ms), niceness: 0 }
    }

    #[test]
    fn a_worker_that_sleeps_a_quarter_of_the_time_keeps_it() {
        assert_eq!(looked(0, 7).and_now(looked(200, 157)), Precedence::Held(looked(200, 157)));
        assert_eq!(looked(0, 7).and_now(looked(200, 177)), Precedence::GivenUp);
    }

    #[test]
    fn a_niceness_is_the_same_in_the_words_of_the_crate() {
        for niceness in -20..=19 {
            let priority = ordinary_priority(niceness).to_posix(ORDINARY).expect("in range");
            assert_eq!(priority, niceness);
        }
    }

    fn is_real_time() -> bool {
        let policy = thread_priority::thread_schedule_policy().expect("of this thread");
        matches!(policy, ThreadSchedulePolicy::Realtime(_))
    }

    #[test]
    fn whoever_is_too_busy_goes_back_among_the_others() {
        std::thread::spawn(|| {
            // The tests may be run niced.
            let niceness = getpriority_process(None).expect("of this thread");
            let mut precedence = Precedence::take(Nanos(0));
            if precedence == Precedence::Refused {
                eprintln!("skipped: no thread may go before others here (CAP_SYS_NICE)");
                return;
            }
            assert!(is_real_time());
            precedence.watch(Nanos(EVERY.as_nanos().try_into().expect("small")));
            assert!(is_real_time(), "nothing of 200 ms was used");
            precedence.give_up(niceness);
            assert!(!is_real_time());
            assert_eq!(getpriority_process(None), Ok(niceness), "as nice as before");
        })
        .join()
        .expect("the thread ends well");
    }
}
