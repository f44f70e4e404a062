//! What was read of a drive, look by look, and what a look adds up to. Knows no terminal; the time
//! is told to it.

use std::collections::VecDeque;
use std::time::Duration;

use super::snapshot::{Phase, Snapshot, Spell};
use crate::drive::measured::Asked;
use crate::live::LiveCounts;

/// The latest figures are of this time.
const SECOND: Duration = Duration::from_secs(1);

/// Seconds that are kept.
const KEPT: usize = 60;

/// Counts, and when they were read.
#[derive(Debug, Clone)]
struct Look {
    at: Duration,
    counts: LiveCounts,
}

impl Look {
    fn until(&self, later: &Self) -> Spell {
        Spell { length: later.at.saturating_sub(self.at), counts: later.counts.since(&self.counts) }
    }
}

/// All looks that still matter.
#[derive(Debug)]
pub(super) struct History {
    title: String,
    asked_rate: Option<f64>,
    warm_up: Duration,
    duration: Duration,
    /// The first that saw a request come due.
    begun: Option<Duration>,
    /// The first after the warm-up.
    warm: Option<LiveCounts>,
    /// Those of about the last second, the latest at the end.
    latest: VecDeque<Look>,
    /// Where the second began that goes on.
    second: Option<Look>,
    seconds: VecDeque<Spell>,
}

impl History {
    pub(super) fn new(asked: &Asked) -> Self {
        Self {
            title: format!("{} {}", asked.method, asked.url),
            asked_rate: asked.rate,
            warm_up: asked.warm_up,
            duration: asked.duration,
            begun: None,
            warm: None,
            latest: VecDeque::new(),
            second: None,
            seconds: VecDeque::with_capacity(KEPT),
        }
    }

    /// One more look, later than all before.
    pub(super) fn look(&mut self, at: Duration, counts: LiveCounts) -> Snapshot {
        let look = Look { at, counts };
        if self.begun.is_none() && look.counts.due > 0 {
            self.begun = Some(at);
        }
        let phase = self.phase(at);
        if self.begun.is_some() {
            self.keep(&look);
        }
        let past_warm_up = matches!(phase, Phase::Measuring { .. } | Phase::Draining);
        if self.warm.is_none() && past_warm_up && !self.warm_up.is_zero() {
            self.warm = Some(look.counts.clone());
        }
        let so_far = match &self.warm {
            Some(warm) => look.counts.since(warm),
            None => look.counts.clone(),
        };
        Snapshot {
            title: self.title.clone(),
            phase,
            asked_rate: self.asked_rate,
            in_flight: look.counts.in_flight(),
            so_far,
            last_second: self.last_second(&look),
            last_minute: self.seconds.iter().cloned().collect(),
        }
    }

    fn phase(&self, at: Duration) -> Phase {
        let Some(begun) = self.begun else { return Phase::Waiting };
        let elapsed = at.saturating_sub(begun);
        match elapsed.checked_sub(self.warm_up) {
            None => Phase::WarmingUp { elapsed, of: self.warm_up },
            Some(elapsed) if elapsed < self.duration => {
                Phase::Measuring { elapsed, of: self.duration }
            }
            Some(_) => Phase::Draining,
        }
    }

    fn keep(&mut self, look: &Look) {
        self.latest.push_back(look.clone());
        // The first that stays is a second old or more, as soon as there is one.
        while self.latest.get(1).is_some_and(|next| next.at + SECOND <= look.at) {
            self.latest.pop_front();
        }
        let second = self.second.get_or_insert_with(|| look.clone());
        if second.at + SECOND <= look.at {
            if self.seconds.len() == KEPT {
                self.seconds.pop_front();
            }
            self.seconds.push_back(second.until(look));
            *second = look.clone();
        }
    }

    fn last_second(&self, look: &Look) -> Option<Spell> {
        let earlier = self.latest.front()?;
        (earlier.at + SECOND <= look.at).then(|| earlier.until(look))
    }
}
