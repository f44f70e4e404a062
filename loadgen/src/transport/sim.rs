//! A simulated endpoint on virtual time: a queue with k servers, a service law and planned stalls.
//! Nothing here sleeps; the clock jumps to what happens next. Exact to the nanosecond.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use bench::clock::Nanos;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

use super::{Event, Failure, Happening, SetUp, Slot, Transport};
use crate::requests::RequestId;

/// How long an answer takes once a server turned to it, in nanoseconds.
#[derive(Debug, Clone)]
pub enum Service {
    /// Always this long.
    Fixed(u64),
    /// Exponential with this mean, drawn from the seed.
    Exponential {
        /// Mean.
        mean: f64,
        /// For the draws.
        rng: Box<ChaCha8Rng>,
    },
    /// Never.
    Never,
}

impl Service {
    /// Exponential with that mean in nanoseconds.
    #[must_use]
    pub fn exponential(mean: f64, seed: u64) -> Self {
        Self::Exponential { mean, rng: Box::new(ChaCha8Rng::seed_from_u64(seed)) }
    }

    #[expect(
        clippy::cast_precision_loss,
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "53 bits fit a double, and spans are positive"
    )]
    fn draw(&mut self) -> Option<u64> {
        match self {
            Self::Fixed(nanos) => Some(*nanos),
            Self::Exponential { mean, rng } => {
                let uniform = (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64;
                Some((-(-uniform).ln_1p() * *mean) as u64)
            }
            Self::Never => None,
        }
    }
}

/// During `[at, at + length)` nothing is answered: what would be, is at the end of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stall {
    /// The first one's start on the virtual clock.
    pub at: u64,
    /// Length.
    pub length: u64,
    /// From start to start; 0 for a single one.
    pub every: u64,
}

impl Stall {
    /// The earliest instant at or after `at` that lies in no stall.
    fn after(self, at: u64) -> u64 {
        if at < self.at {
            return at;
        }
        let phase = if self.every == 0 { at - self.at } else { (at - self.at) % self.every };
        if phase < self.length { at + self.length - phase } else { at }
    }
}

/// What is simulated.
#[derive(Debug, Clone)]
pub struct Setting {
    /// Servers behind one queue; `usize::MAX` for no queue at all.
    pub servers: usize,
    /// How long an answer takes.
    pub service: Service,
    /// Planned stalls.
    pub stall: Option<Stall>,
    /// Every wait for the clock ends this much late, as on a machine with poor timers.
    pub late: u64,
    /// The n-th requests, from 1, whose connection is reset instead of an answer.
    pub reset_every: Option<u64>,
    /// How long opening a connection takes.
    pub connect: u64,
    /// Connections that are refused before one is accepted.
    pub refuse_first: u32,
}

impl Setting {
    /// Immediate connections, no stall, no lateness, no faults.
    #[must_use]
    pub fn new(servers: usize, service: Service) -> Self {
        Self {
            servers,
            service,
            stall: None,
            late: 0,
            reset_every: None,
            connect: 0,
            refuse_first: 0,
        }
    }
}

/// The simulated endpoint.
#[derive(Debug)]
pub struct SimTransport {
    setting: Setting,
    now: u64,
    /// When each server is free again, soonest first.
    busy: BinaryHeap<Reverse<u64>>,
    /// What will happen: instant, order of entry, connection, its generation.
    coming: BinaryHeap<Reverse<(u64, u64, Slot, u64)>>,
    outcomes: HashMap<u64, Happening>,
    generations: HashMap<Slot, u64>,
    entries: u64,
    requests: u64,
    /// Instants at which requests arrived, for tests that judge the arrivals.
    pub arrivals: Vec<u64>,
}

impl SimTransport {
    /// At virtual time 0.
    #[must_use]
    pub fn new(setting: Setting) -> Self {
        Self {
            setting,
            now: 0,
            busy: BinaryHeap::new(),
            coming: BinaryHeap::new(),
            outcomes: HashMap::new(),
            generations: HashMap::new(),
            entries: 0,
            requests: 0,
            arrivals: Vec::new(),
        }
    }

    fn plan(&mut self, at: u64, slot: Slot, what: Happening) {
        let generation = self.generations.get(&slot).copied().unwrap_or(0);
        self.entries += 1;
        self.outcomes.insert(self.entries, what);
        self.coming.push(Reverse((at, self.entries, slot, generation)));
    }

    /// When the answer to a request that arrives now is complete; `None` for never.
    fn serve(&mut self) -> Option<u64> {
        let mut begin = self.now;
        if self.busy.len() >= self.setting.servers {
            let Reverse(free) = self.busy.pop().expect("as many as servers, at least one");
            begin = begin.max(free);
        }
        let mut end = begin + self.setting.service.draw()?;
        if let Some(stall) = self.setting.stall {
            end = stall.after(end);
        }
        if self.setting.servers != usize::MAX {
            self.busy.push(Reverse(end));
        }
        Some(end)
    }
}

impl Transport for SimTransport {
    fn now(&mut self) -> Nanos {
        Nanos(self.now)
    }

    fn open(&mut self, slot: Slot) {
        let at = self.now + self.setting.connect;
        if self.setting.refuse_first > 0 {
            self.setting.refuse_first -= 1;
            self.plan(at, slot, Happening::Broken(Failure::Refused));
        } else {
            let set_up = SetUp { connect: self.setting.connect, handshake: None };
            self.plan(at, slot, Happening::Connected(set_up));
            self.plan(at, slot, Happening::Opened);
        }
    }

    fn send(&mut self, slot: Slot, _: RequestId) -> (Nanos, u64) {
        self.arrivals.push(self.now);
        self.requests += 1;
        if self.setting.reset_every.is_some_and(|every| self.requests.is_multiple_of(every)) {
            self.plan(self.now, slot, Happening::Broken(Failure::Reset));
        } else if let Some(end) = self.serve() {
            let first_byte = Nanos(end);
            let what = Happening::Answered { status: 200, bytes: 100, first_byte, reusable: true };
            self.plan(end, slot, what);
        }
        (Nanos(self.now), 100)
    }

    fn close(&mut self, slot: Slot) {
        *self.generations.entry(slot).or_default() += 1;
    }

    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        while let Some(Reverse((at, entry, slot, generation))) = self.coming.peek().copied() {
            if at > until.0.max(self.now) {
                break;
            }
            self.coming.pop();
            let what = self.outcomes.remove(&entry).expect("planned with its outcome");
            if self.generations.get(&slot).copied().unwrap_or(0) != generation {
                continue;
            }
            self.now = self.now.max(at);
            happened.push(Event { slot, at: Nanos(self.now), what });
            return;
        }
        self.now = self.now.max(until.0 + self.setting.late);
    }
}
