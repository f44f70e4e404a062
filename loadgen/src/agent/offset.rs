//! How far another machine's clock is ahead, from round trips. Pure: instants in, an estimate out.
//!
//! The other clock is read somewhere between the sending of a question at t₀ and the coming of the
//! answer at t₁, both on our clock. Its reading less the middle of the two is its offset, off by at
//! most half the round trip, whatever the two ways took (Cristian, *Probabilistic clock
//! synchronization*, Distributed Computing 3, 1989). Of several round trips the shortest is the one
//! that says most, and it alone counts, as in NTP's clock filter (RFC 5905, section 10).

/// One question and its answer, in nanoseconds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RoundTrip {
    /// When it was asked, on our clock.
    pub asked: u64,
    /// The other clock's reading.
    pub told: u64,
    /// When the answer was there, on our clock.
    pub heard: u64,
}

/// The other clock − ours.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Offset {
    /// Nanoseconds by which the other is ahead.
    pub ahead_ns: i64,
    /// It is so within ± this.
    pub within_ns: u64,
}

impl Offset {
    /// From the shortest of some round trips; `None` of none.
    #[must_use]
    pub fn of(trips: &[RoundTrip]) -> Option<Self> {
        let shortest = trips.iter().min_by_key(|trip| trip.heard.saturating_sub(trip.asked))?;
        let round = shortest.heard.saturating_sub(shortest.asked);
        let middle = shortest.asked + round / 2;
        let ahead = i128::from(shortest.told) - i128::from(middle);
        Some(Self {
            ahead_ns: i64::try_from(ahead).unwrap_or(if ahead < 0 { i64::MIN } else { i64::MAX }),
            // Half of an odd number of nanoseconds is rounded up, and the bound holds.
            within_ns: round.div_ceil(2),
        })
    }

    /// An instant of our clock on the other.
    #[must_use]
    pub fn theirs(self, ours: u64) -> u64 {
        ours.saturating_add_signed(self.ahead_ns)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn without_a_round_trip_nothing_is_known() {
        assert_eq!(Offset::of(&[]), None);
    }

    proptest! {
        #[test]
        fn the_true_offset_is_within_the_bound_whatever_the_ways_took(
            ahead in -1_000_000_000_i64..1_000_000_000_000,
            ways in proptest::collection::vec((0_u64..5_000_000, 0_u64..5_000_000), 1..30),
        ) {
            let mut now = 2_000_000_000;
            let trips: Vec<RoundTrip> = ways
                .iter()
                .map(|(there, back)| {
                    let asked = now;
                    now += there + back + 1_000;
                    let told = (asked + there).saturating_add_signed(ahead);
                    RoundTrip { asked, told, heard: asked + there + back }
                })
                .collect();
            let offset = Offset::of(&trips).expect("there are some");
            let off_by = (offset.ahead_ns - ahead).unsigned_abs();
            prop_assert!(off_by <= offset.within_ns, "{offset:?}");
            let shortest = ways.iter().map(|(there, back)| there + back).min();
            prop_assert_eq!(Some(offset.within_ns), shortest.map(|round| round.div_ceil(2)));
            let start = now + 50_000_000;
            let error = offset.theirs(start).abs_diff(start.saturating_add_signed(ahead));
            prop_assert!(error <= offset.within_ns);
        }
    }
}
