//! Faults of known size: waiting that is exact to microseconds, and which requests wait. Knows
//! nothing of HTTP.
//!
//! tokio's timers have steps of 1 ms, too coarse for a truth of 100 µs. [`Sleeper`] sleeps on a
//! timerfd until shortly before the deadline and then yields in a loop until it: other connections
//! go on, and the core is busy for that last stretch. `cargo run -p sidecar --example
//! delay_precision` prints what that gives on a machine.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use rustix::time::{
    Itimerspec, TimerfdClockId, TimerfdFlags, TimerfdTimerFlags, Timespec, timerfd_create,
    timerfd_settime,
};
use tokio::io::unix::AsyncFd;

use crate::clock::{self, Moment};
use crate::setup::{PlantedDelay, PlantedStall};

/// How long before a deadline the sleep ends and the yielding begins: more than a virtual machine's
/// usual wake-up from an idle core (some 50 µs), little enough not to cost the core.
const WAKE_EARLY: Duration = Duration::from_micros(100);
const WHOLE: u64 = 1_000_000;

/// Sleeps on one timer, made when first needed and then kept. Not for two tasks at once.
#[derive(Debug, Default)]
pub struct Sleeper {
    timer: Option<AsyncFd<OwnedFd>>,
}

impl Sleeper {
    /// Returns at the deadline or within microseconds of it, on an idle core. Without a timer,
    /// which is the error, it yields all the way: the wait is what was asked for in any case.
    pub async fn until(&mut self, deadline: Moment) -> io::Result<()> {
        let wake = deadline.minus(WAKE_EARLY);
        let dozed = if clock::now() < wake { self.doze(wake).await } else { Ok(()) };
        while clock::now() < deadline {
            tokio::task::yield_now().await;
        }
        dozed
    }

    async fn doze(&mut self, wake: Moment) -> io::Result<()> {
        let timer = match &mut self.timer {
            Some(timer) => timer,
            empty @ None => empty.insert(new_timer()?),
        };
        let once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let at = Itimerspec { it_interval: once, it_value: wake.timespec() };
        timerfd_settime(timer.get_ref(), TimerfdTimerFlags::ABSTIME, &at)?;
        loop {
            let mut ready = timer.readable().await?;
            // A readiness left over from a sleep that was given up ends in `WouldBlock` here.
            let read = ready.try_io(|fd| Ok(rustix::io::read(fd.get_ref(), &mut [0_u8; 8])?));
            if let Ok(result) = read {
                return result.map(|_| ());
            }
        }
    }
}

#[expect(
    deprecated,
    reason = "its successor is `unsafe` for the sake of types that can change their descriptor; an \
              `OwnedFd` keeps the one it has until it is dropped"
)]
fn new_timer() -> io::Result<AsyncFd<OwnedFd>> {
    let flags = TimerfdFlags::NONBLOCK | TimerfdFlags::CLOEXEC;
    AsyncFd::new(timerfd_create(TimerfdClockId::Monotonic, flags)?)
}

/// Decides which requests are held back: evenly, by carrying the remainder from one to the next.
#[derive(Debug)]
pub(crate) struct Share {
    ppm: u64,
    carried: AtomicU64,
}

impl Share {
    pub(crate) fn new(delay: PlantedDelay) -> Self {
        Self { ppm: u64::from(delay.share_ppm).min(WHOLE), carried: AtomicU64::new(0) }
    }

    /// Whether the next request is one of them.
    pub(crate) fn next(&self) -> bool {
        // The subject serves on one thread: load and store need no more than that.
        let carried = self.carried.load(Ordering::Relaxed) + self.ppm;
        let chosen = carried >= WHOLE;
        self.carried.store(if chosen { carried - WHOLE } else { carried }, Ordering::Relaxed);
        chosen
    }
}

/// Periods with a silent beginning. See [`PlantedStall`].
#[derive(Debug)]
pub(crate) struct Stall {
    length: u64,
    every: u64,
    /// When the first period began; 0 when it has not.
    began: AtomicU64,
}

impl Stall {
    pub(crate) fn new(planted: PlantedStall) -> Result<Self, String> {
        let PlantedStall { length_us, every_us } = planted;
        if length_us == 0 || length_us >= every_us {
            return Err(format!("a stall of {length_us} µs in every {every_us} µs"));
        }
        let [length, every] = [length_us, every_us].map(|us| us.saturating_mul(1000));
        Ok(Self { length, every, began: AtomicU64::new(0) })
    }

    /// The next request begins a new first period.
    pub(crate) fn anchor(&self) {
        self.began.store(0, Ordering::Relaxed);
    }

    /// Until when a request that arrives now gets no answer.
    pub(crate) fn silent_until(&self, now: Moment) -> Option<Moment> {
        let began = self.began.compare_exchange(0, now.0, Ordering::Relaxed, Ordering::Relaxed);
        let began = began.map_or_else(|already| already, |_| now.0);
        let into_period = now.0.saturating_sub(began) % self.every;
        let left = self.length.checked_sub(into_period).filter(|left| *left > 0)?;
        Some(now.plus(Duration::from_nanos(left)))
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn of_the_first_n_requests_exactly_the_share_rounded_down_is_held_back(
            share_ppm in 0_u32..=1_000_000, n in 0_u64..5000,
        ) {
            let share = Share::new(PlantedDelay { delay_us: 1, share_ppm });
            let mut held = 0_u64;
            for _ in 0..n {
                held += u64::from(share.next());
            }
            prop_assert_eq!(held, n * u64::from(share_ppm) / 1_000_000);
        }
    }

    #[test]
    fn a_tenth_is_every_tenth() {
        let share = Share::new(PlantedDelay { delay_us: 1, share_ppm: 100_000 });
        let held: Vec<usize> = (1..=30).filter(|_| share.next()).collect();
        assert_eq!(held, [10, 20, 30]);
    }

    #[test]
    fn stalls_are_counted_from_the_first_request_after_an_anchor() {
        let stall = Stall::new(PlantedStall { length_us: 2, every_us: 10 }).unwrap();
        let at = |us: u64| stall.silent_until(Moment(us * 1000)).map(|until| until.0 / 1000);
        assert_eq!(at(105), Some(107), "the first request begins a period");
        assert_eq!(at(106), Some(107));
        assert_eq!(at(107), None);
        assert_eq!(at(114), None);
        assert_eq!(at(115), Some(117), "the second period");
        stall.anchor();
        assert_eq!(at(119), Some(121), "a new first period");
    }

    #[test]
    fn a_stall_that_never_ends_is_refused() {
        assert!(Stall::new(PlantedStall { length_us: 10, every_us: 10 }).is_err());
        assert!(Stall::new(PlantedStall { length_us: 0, every_us: 10 }).is_err());
    }

    #[tokio::test]
    async fn a_sleep_does_not_end_before_its_deadline_and_the_timer_can_be_used_again() {
        let mut sleeper = Sleeper::default();
        for micros in [0, 50, 300, 2000] {
            let deadline = clock::now().plus(Duration::from_micros(micros));
            sleeper.until(deadline).await.unwrap();
            assert!(clock::now() >= deadline);
        }
    }

    #[tokio::test]
    async fn a_sleep_that_was_given_up_does_not_shorten_the_next() {
        let mut sleeper = Sleeper::default();
        let far = clock::now().plus(Duration::from_secs(3600));
        let given_up = tokio::time::timeout(Duration::from_millis(5), sleeper.until(far)).await;
        assert!(given_up.is_err());
        let deadline = clock::now().plus(Duration::from_millis(3));
        sleeper.until(deadline).await.unwrap();
        assert!(clock::now() >= deadline);
    }
}
