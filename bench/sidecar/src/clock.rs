//! The subject's one clock: CLOCK_MONOTONIC, read through the system call itself since the timers
//! of [`crate::delay`] are set to its absolute values, which `Instant` does not show.

use std::time::Duration;

use rustix::time::{ClockId, Timespec, clock_gettime};

const NANOS_PER_SECOND: u64 = 1_000_000_000;

/// An instant: nanoseconds of CLOCK_MONOTONIC, never 0 on a running machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Moment(pub u64);

impl Moment {
    /// Later by that much, at most `u64::MAX` (584 years).
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos(span)))
    }

    /// Earlier by that much, at least 0.
    #[must_use]
    pub fn minus(self, span: Duration) -> Self {
        Self(self.0.saturating_sub(nanos(span)))
    }

    pub(crate) fn timespec(self) -> Timespec {
        let seconds = i64::try_from(self.0 / NANOS_PER_SECOND).expect("u64::MAX ns is 2^34 s");
        let rest = self.0 % NANOS_PER_SECOND;
        Timespec { tv_sec: seconds, tv_nsec: rest.try_into().expect("less than 10^9") }
    }
}

/// Now.
#[must_use]
pub fn now() -> Moment {
    let time = clock_gettime(ClockId::Monotonic);
    let seconds = u64::try_from(time.tv_sec).expect("the monotonic clock starts at 0");
    let nanos = u64::try_from(time.tv_nsec).expect("from 0 to 10^9");
    Moment(seconds.saturating_mul(NANOS_PER_SECOND).saturating_add(nanos))
}

pub(crate) fn nanos(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
