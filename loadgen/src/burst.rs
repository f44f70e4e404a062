//! The most of some ascending instants that lie within any millisecond. Knows nothing of what
//! happened at them.

use std::collections::VecDeque;

/// The width of the window, in nanoseconds.
const WIDTH: u64 = 1_000_000;

/// Kept at most; a burst beyond it is said to be this large.
const MOST: usize = 1 << 16;

/// Counts instants in a window that slides with them.
#[derive(Debug)]
pub struct BurstMeter {
    within: VecDeque<u64>,
    largest: usize,
}

impl BurstMeter {
    /// Nothing happened yet.
    #[must_use]
    pub fn new() -> Self {
        Self { within: VecDeque::with_capacity(1024), largest: 0 }
    }

    /// It happened at that instant, not before the last one.
    pub fn note(&mut self, at: u64) {
        while let Some(first) = self.within.front()
            && at.saturating_sub(*first) >= WIDTH
        {
            self.within.pop_front();
        }
        if self.within.len() < MOST {
            self.within.push_back(at);
        }
        self.largest = self.largest.max(self.within.len());
    }

    /// The most within any millisecond.
    #[must_use]
    pub fn largest(&self) -> u64 {
        u64::try_from(self.largest).expect("usize has at most 64 bits here")
    }
}

impl Default for BurstMeter {
    fn default() -> Self {
        Self::new()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_largest_burst_is_found_wherever_it_is() {
        let mut meter = BurstMeter::new();
        for at in [0, 500_000, 999_999, 1_000_000, 5_000_000, 5_000_000, 5_000_000, 9_000_000] {
            meter.note(at);
        }
        assert_eq!(meter.largest(), 3);
    }
}
