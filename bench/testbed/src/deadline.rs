//! The testbed's one door to the clocks: how long something may still take, and the date for
//! certificates. Nothing here is a measurement.

use std::time::{Duration, Instant};

use rustls::pki_types::UnixTime;

/// A moment after which nothing is waited for any more.
#[derive(Debug, Clone, Copy)]
pub struct Deadline(Instant);

impl Deadline {
    /// That long from now.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn after(span: Duration) -> Self {
        Self(Instant::now() + span)
    }

    /// What is left; zero when it has passed.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "this is the door")]
    pub fn left(self) -> Duration {
        self.0.saturating_duration_since(Instant::now())
    }

    /// Whether nothing is left.
    #[must_use]
    pub fn has_passed(self) -> bool {
        self.left().is_zero()
    }
}

/// The date, for the validity of certificates, which their verifiers compare with it.
#[must_use]
pub fn today() -> UnixTime {
    UnixTime::now()
}
