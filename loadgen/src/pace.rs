//! The clock of the engine, and how to wait on it: sleep to shortly before, then spin. Knows no
//! schedule. The only `Instant::now` of this package.

use std::num::NonZeroU64;
use std::time::{Duration, Instant};

use bench::clock::{Nanos, nanos_of};
use rustix::time::{ClockId, clock_gettime};

use crate::precedence::Precedence;

/// A clock that never steps: nanoseconds since it was made, or since the machine's start.
#[derive(Debug, Clone, Copy)]
pub struct MonotonicClock {
    origin: Instant,
}

impl MonotonicClock {
    /// Starts at 0.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the engine's one door to the clock")]
    pub fn start() -> Self {
        Self { origin: Instant::now() }
    }

    /// Counts from the machine's start (CLOCK_MONOTONIC), so that such clocks of one machine's
    /// processes agree to about a microsecond; those of two machines have nothing in common.
    #[must_use]
    pub fn since_boot() -> Self {
        /// Readings, of which the least interrupted counts.
        const READINGS: usize = 16;
        let reading = |_| {
            let clock = Self::start();
            let up = Duration::try_from(clock_gettime(ClockId::Monotonic)).unwrap_or_default();
            (clock.now(), clock.ahead_by(up))
        };
        let clocks = (0..READINGS).map(reading);
        let (_, clock) = clocks.min_by_key(|(took, _)| *took).expect("there are some");
        clock
    }

    /// The same clock, ahead by so much; without a change where there is no instant so early.
    #[must_use]
    pub fn ahead_by(self, span: Duration) -> Self {
        Self { origin: self.origin.checked_sub(span).unwrap_or(self.origin) }
    }

    /// Now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the engine's one door to the clock")]
    pub fn now(&self) -> Nanos {
        Nanos(nanos_of(Instant::now().duration_since(self.origin)))
    }
}

/// By which the window shrinks with each wake-up that it covers: from its longest to its shortest in
/// some thousand wake-ups.
const STEP: Duration = Duration::from_nanos(100);

/// How long before the wanted instant to stop sleeping and to start spinning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpinWindow(Duration);

impl SpinWindow {
    /// Never spin: for machines without a core to spare.
    pub const NONE: Self = Self(Duration::ZERO);

    /// Never sleep: a core at 100 %, and no wake-up that could be late. On a virtual machine a core
    /// that sleeps is given to others, and comes back hundreds of microseconds late.
    pub const ALWAYS: Self = Self(Duration::MAX);

    /// Longer windows cost more CPU and buy nothing: a sleep that is later than this has lost its
    /// core, and a spinner would have lost it too.
    const LONGEST: Duration = Duration::from_micros(120);

    /// Below this a wake-up is never on time, on any machine that was looked at.
    const SHORTEST: Duration = Duration::from_micros(30);

    /// The window that covers nine of ten measured wake-ups and half as much again.
    #[must_use]
    pub fn covering(mut lateness: Vec<Duration>) -> Self {
        if lateness.is_empty() {
            return Self(Self::LONGEST);
        }
        lateness.sort_unstable();
        let nine_tenths = lateness[(lateness.len() - 1) * 9 / 10];
        Self((nine_tenths * 3 / 2).clamp(Self::SHORTEST, Self::LONGEST))
    }

    /// How long to sleep when `remaining` nanoseconds are left; zero means spin.
    #[must_use]
    pub fn sleep_for(self, remaining: u64) -> Duration {
        Duration::from_nanos(remaining).saturating_sub(self.0)
    }

    /// Takes note of a wake-up that was so much late. Nine of ten steps down to one up hold the
    /// window where nine of ten wake-ups, and half as much again, fit into it (Robbins and Monro
    /// 1951, for the quantile), as the machine changes under a run.
    pub fn learn(&mut self, late: Duration) {
        if *self == Self::ALWAYS || *self == Self::NONE {
            return;
        }
        let covers = late.saturating_mul(3) / 2 <= self.0;
        let moved = if covers { self.0.saturating_sub(STEP) } else { self.0 + STEP * 9 };
        self.0 = moved.clamp(Self::SHORTEST, Self::LONGEST);
    }

    fn describe(self) -> String {
        match self {
            Self::ALWAYS => "spins always".to_owned(),
            Self::NONE => "sleeps always".to_owned(),
            Self(window) => {
                format!("sleeps, and spins for the last {:.0} µs", window.as_secs_f64() * 1e6)
            }
        }
    }
}

/// How a worker waits, and whether it goes before others when it has waited.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Wait {
    /// When to stop sleeping.
    pub spin: SpinWindow,
    /// Whom to go before.
    pub precedence: Precedence,
}

impl Wait {
    /// Among all other threads.
    #[must_use]
    pub fn among_others(spin: SpinWindow) -> Self {
        Self { spin, precedence: Precedence::NotWanted }
    }

    /// Before other threads, where this is allowed and the pacing ever sleeps.
    #[must_use]
    pub fn before_others(spin: SpinWindow, now: Nanos) -> Self {
        match spin {
            SpinWindow::ALWAYS => Self::among_others(spin),
            _ => Self { spin, precedence: Precedence::take(now) },
        }
    }

    /// In words, for the provenance.
    #[must_use]
    pub fn describe(self) -> String {
        self.spin.describe() + self.precedence.describe()
    }
}

/// Asks the kernel to wake this thread's timers within 1 ns instead of the default 50 µs. Refusal
/// is not an error: the spin window covers it.
pub fn sharpen_timers() {
    let _ = rustix::thread::set_current_timer_slack(NonZeroU64::new(1));
}

/// Measures how late this thread wakes up from sleeps of about half a millisecond, and covers it.
#[must_use]
pub fn calibrate(clock: &MonotonicClock) -> SpinWindow {
    const SLEEPS: u32 = 60;
    let asked = Duration::from_micros(500);
    let lateness = (0..SLEEPS)
        .map(|_| {
            let before = clock.now();
            std::thread::sleep(asked);
            Duration::from_nanos(clock.now().since(before)).saturating_sub(asked)
        })
        .collect();
    SpinWindow::covering(lateness)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_window_covers_nine_of_ten_wake_ups_and_half_as_much_again() {
        let lateness = (1..=10).map(|step| Duration::from_micros(step * 8)).collect();
        assert_eq!(SpinWindow::covering(lateness).0, Duration::from_micros(108));
    }

    #[test]
    fn the_window_follows_the_machine() {
        let mut window = SpinWindow::covering(vec![Duration::from_micros(40); 20]);
        // One wake-up in twenty is late: the window shrinks to what the others need.
        for turn in 0..20_000 {
            let late = if turn % 20 == 0 { 500 } else { 30 };
            window.learn(Duration::from_micros(late));
        }
        assert!(window.0 < Duration::from_micros(50), "{window:?}");
        // One in five is late: it grows.
        for turn in 0..20_000 {
            let late = if turn % 5 == 0 { 60 } else { 30 };
            window.learn(Duration::from_micros(late));
        }
        assert!(window.0 > Duration::from_micros(85), "{window:?}");
        let mut always = SpinWindow::ALWAYS;
        always.learn(Duration::ZERO);
        assert_eq!(always, SpinWindow::ALWAYS);
    }

    #[test]
    fn one_very_late_wake_up_does_not_widen_the_window() {
        let mut lateness = vec![Duration::from_micros(40); 20];
        lateness.push(Duration::from_millis(3));
        assert_eq!(SpinWindow::covering(lateness).0, Duration::from_micros(60));
    }

    #[test]
    fn without_a_window_the_whole_time_is_slept() {
        assert_eq!(SpinWindow::NONE.sleep_for(1_000_000), Duration::from_millis(1));
    }

    #[test]
    fn with_an_endless_window_nothing_is_slept() {
        assert_eq!(SpinWindow::ALWAYS.sleep_for(u64::MAX), Duration::ZERO);
    }

    #[test]
    fn inside_the_window_nothing_is_slept() {
        let window = SpinWindow::covering(vec![Duration::from_micros(40); 20]);
        assert_eq!(window.sleep_for(59_000), Duration::ZERO);
        assert_eq!(window.sleep_for(100_000), Duration::from_micros(40));
    }
}
