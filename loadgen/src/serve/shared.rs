//! What all connections of a server share, and the words in which a protocol tells its connection
//! how far it has come.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use bench::clock::Nanos;

use super::answer::Answers;
use super::script::Script;
use super::tally::Tally;

/// Everything that outlives a connection.
#[derive(Debug)]
pub(super) struct Shared {
    pub(super) answers: Answers,
    pub(super) script: Script,
    pub(super) tally: Tally,
    /// When which connection wants to be looked at again.
    pub(super) alarms: Alarms,
}

/// How far a protocol came with what it has to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Speech {
    /// Nothing is left.
    Idle,
    /// Nothing is due before.
    Waits(Nanos),
    /// The wire takes no more for now.
    Full,
    /// Nothing more will be said.
    Ends(Ending),
}

/// How a server's side of a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Ending {
    /// Both directions, at once.
    Close,
    /// This direction, and the other once the client has had time to read why.
    Linger,
    /// This direction alone.
    HalfClose,
    /// Without a word.
    Silence,
    /// By a reset.
    Reset,
}

/// Instants, the earliest first, each with the connection that set it.
#[derive(Debug, Default)]
pub(super) struct Alarms(BinaryHeap<Reverse<(Nanos, u64)>>);

impl Alarms {
    pub(super) fn set(&mut self, at: Nanos, key: u64) {
        self.0.push(Reverse((at, key)));
    }

    /// The earliest.
    pub(super) fn next(&self) -> Option<Nanos> {
        self.0.peek().map(|Reverse((at, _))| *at)
    }

    /// Takes the earliest that is due, with its instant.
    pub(super) fn take_due(&mut self, now: Nanos) -> Option<(Nanos, u64)> {
        if self.next()? > now {
            return None;
        }
        self.0.pop().map(|Reverse(alarm)| alarm)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn alarms_ring_in_their_order_and_not_before_their_time() {
        let mut alarms = Alarms::default();
        for (at, key) in [(30, 1), (10, 2), (20, 3), (10, 4)] {
            alarms.set(Nanos(at), key);
        }
        assert_eq!(alarms.next(), Some(Nanos(10)));
        let rung: Vec<u64> =
            std::iter::from_fn(|| alarms.take_due(Nanos(20))).map(|(_, key)| key).collect();
        assert_eq!(rung, [2, 4, 3]);
        assert_eq!(alarms.next(), Some(Nanos(30)));
    }
}
