//! Instants and spans in nanoseconds. Whose clock they come from is not known here.

use std::time::Duration;

/// An instant: nanoseconds since some origin that one clock keeps for its whole life.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Nanos(pub u64);

impl Nanos {
    /// The later instant, at most `u64::MAX` (584 years).
    #[must_use]
    pub fn plus(self, span: Duration) -> Self {
        Self(self.0.saturating_add(nanos_of(span)))
    }

    /// Nanoseconds from `earlier` to this instant; 0 when it is not earlier.
    #[must_use]
    pub fn since(self, earlier: Self) -> u64 {
        self.0.saturating_sub(earlier.0)
    }
}

/// A span in whole nanoseconds, at most `u64::MAX`.
#[must_use]
pub fn nanos_of(span: Duration) -> u64 {
    u64::try_from(span.as_nanos()).unwrap_or(u64::MAX)
}
