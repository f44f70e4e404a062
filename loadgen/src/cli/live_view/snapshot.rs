//! A drive at one moment: everything that is drawn, and nothing that is not. Knows no terminal and
//! no clock.

use std::time::Duration;

use crate::live::LiveCounts;

/// A drive at one moment.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Snapshot {
    /// What is sent where, e.g. `GET http://…`.
    pub(super) title: String,
    /// How far it has come.
    pub(super) phase: Phase,
    /// Requests a second as asked for; `None` for a closed loop.
    pub(super) asked_rate: Option<f64>,
    /// Due without an end.
    pub(super) in_flight: u64,
    /// Since the first request, or since the end of the warm-up when that is over.
    pub(super) so_far: LiveCounts,
    /// `None` before the first second is over.
    pub(super) last_second: Option<Spell>,
    /// Whole seconds, the latest at the end, at most a minute of them.
    pub(super) last_minute: Vec<Spell>,
}

/// How far a drive has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Nothing has come due.
    Waiting,
    /// What is sent is in no figure.
    WarmingUp {
        /// Since the first request.
        elapsed: Duration,
        /// The whole of it.
        of: Duration,
    },
    /// The window.
    Measuring {
        /// Since it began.
        elapsed: Duration,
        /// The whole of it.
        of: Duration,
    },
    /// Nothing new comes due; the last answers are waited for.
    Draining,
}

/// What happened in about a second.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Spell {
    /// How long it was.
    pub(super) length: Duration,
    /// What was added in it.
    pub(super) counts: LiveCounts,
}

impl Spell {
    /// Requests a second that came due.
    pub(super) fn due_rate(&self) -> f64 {
        self.a_second(self.counts.due)
    }

    /// Requests a second that were answered.
    pub(super) fn answered_rate(&self) -> f64 {
        self.a_second(self.counts.answered())
    }

    fn a_second(&self, count: u64) -> f64 {
        count as f64 / self.length.as_secs_f64().max(f64::MIN_POSITIVE)
    }
}
