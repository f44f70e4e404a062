//! One connection from its acceptance to its end: when to read, when to write, when to let go.
//! Knows the wire and the protocol, and neither the kernel's readiness calls nor the clock.

use std::io;

use bench::clock::Nanos;

use super::http1::Http1;
use super::shared::{Ending, Shared, Speech};
use super::wire::{Received, Wire};

/// Reads in a row, after which other connections have their turn.
const READS_IN_A_ROW: u32 = 16;

/// How long a client that sent nonsense has to read why, in nanoseconds.
const LINGER_NS: u64 = 1_000_000_000;

/// A client, and what is between it and us.
#[derive(Debug)]
pub(super) struct Connection {
    wire: Wire,
    http: Http1,
    /// Tells this connection from all others, earlier ones in its place included.
    key: u64,
    /// The alarm for the next answer, so that it is set once.
    alarm: Option<Nanos>,
    phase: Phase,
    /// This direction ends as soon as TLS has handed over its last words.
    shuts: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Phase {
    /// Requests in, answers out.
    Open,
    /// The client sends no more and still gets its answers.
    Finished,
    /// By a planted fault: answers go out, and nothing is read.
    Numb,
    /// What comes is read and means nothing, at most until then.
    Deaf { until: Option<Nanos> },
    /// Over as soon as the last words have left.
    Leaving,
}

/// What becomes of a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Fate {
    /// It waits for an edge or an alarm.
    Stays,
    /// It is let go.
    Closes,
    /// It is let go with a reset.
    Resets,
}

impl Connection {
    pub(super) fn new(wire: Wire, key: u64) -> Self {
        Self { wire, http: Http1::default(), key, alarm: None, phase: Phase::Open, shuts: false }
    }

    pub(super) fn key(&self) -> u64 {
        self.key
    }

    pub(super) fn wire(&mut self) -> &mut Wire {
        &mut self.wire
    }

    pub(super) fn into_wire(self) -> Wire {
        self.wire
    }

    /// An alarm of this connection rang.
    pub(super) fn wake(&mut self, alarm: Nanos) {
        if self.alarm == Some(alarm) {
            self.alarm = None;
        }
    }

    /// Does all that can be done at `now`.
    pub(super) fn advance(&mut self, now: Nanos, shared: &mut Shared, buffer: &mut [u8]) -> Fate {
        let result = self.try_advance(now, shared, buffer);
        if let Some(handshake) = self.wire.take_handshake() {
            let served = &mut shared.tally.served;
            *if handshake.resumed {
                &mut served.handshakes_resumed
            } else {
                &mut served.handshakes_full
            } += 1;
            *if handshake.tls_1_2 { &mut served.tls_1_2 } else { &mut served.tls_1_3 } += 1;
        }
        let fate = result.unwrap_or(Fate::Closes);
        if fate != Fate::Stays && self.wire.is_handshaking() {
            shared.tally.served.handshakes_failed += 1;
        }
        fate
    }

    fn try_advance(
        &mut self,
        now: Nanos,
        shared: &mut Shared,
        buffer: &mut [u8],
    ) -> io::Result<Fate> {
        let mut reads = 0;
        loop {
            if let Some(fate) = self.speak(now, shared)? {
                return Ok(fate);
            }
            if !self.may_read() {
                return Ok(Fate::Stays);
            }
            if reads == READS_IN_A_ROW {
                shared.alarms.set(Nanos(now.0 + 1), self.key);
                return Ok(Fate::Stays);
            }
            reads += 1;
            match self.wire.read(buffer)? {
                Received::Nothing => {}
                Received::Bytes(count) => {
                    if self.phase == Phase::Open {
                        shared.tally.served.bytes_in += u64::try_from(count).expect("64 bits");
                        self.http.hear(&buffer[..count], now, shared);
                        let most = shared.script.most_read();
                        if most.is_some_and(|most| self.http.requests() >= most) {
                            self.phase = Phase::Numb;
                        }
                    }
                }
                Received::End if self.phase == Phase::Open => self.phase = Phase::Finished,
                Received::End => return Ok(Fate::Closes),
            }
        }
    }

    fn may_read(&self) -> bool {
        match self.phase {
            Phase::Open => self.wire.readable() && !self.http.is_full(),
            Phase::Deaf { .. } => self.wire.readable(),
            Phase::Finished | Phase::Numb | Phase::Leaving => false,
        }
    }

    /// Says what is due. Returns a fate when there is nothing to wait for.
    fn speak(&mut self, now: Nanos, shared: &mut Shared) -> io::Result<Option<Fate>> {
        if matches!(self.phase, Phase::Open | Phase::Finished | Phase::Numb) {
            match self.http.speak(&mut self.wire, now, shared)? {
                Speech::Idle if self.phase == Phase::Finished => self.leave(),
                Speech::Idle if self.phase == Phase::Numb && self.wire.ending() => self.leave(),
                Speech::Idle | Speech::Full => {}
                Speech::Waits(due) => {
                    if self.alarm != Some(due) {
                        self.alarm = Some(due);
                        shared.alarms.set(due, self.key);
                    }
                }
                Speech::Ends(Ending::Reset) => return Ok(Some(Fate::Resets)),
                Speech::Ends(ending) => self.end(ending, now, shared),
            }
        }
        let flushed = self.wire.flush()?;
        if self.shuts && flushed {
            self.shuts = false;
            self.wire.shutdown();
        }
        Ok(match self.phase {
            Phase::Leaving if flushed => Some(Fate::Closes),
            Phase::Deaf { until: Some(until) } if until <= now => Some(Fate::Closes),
            _ => None,
        })
    }

    fn end(&mut self, ending: Ending, now: Nanos, shared: &mut Shared) {
        // Bytes that nobody reads would turn the end into a reset, and cost the client the answer.
        let unread = self.phase == Phase::Open && self.wire.readable();
        match ending {
            Ending::Close if !unread => self.leave(),
            Ending::Close | Ending::Linger => {
                let until = Nanos(now.0.saturating_add(LINGER_NS));
                shared.alarms.set(until, self.key);
                self.grow_deaf(Some(until));
            }
            Ending::HalfClose => self.grow_deaf(None),
            Ending::Silence | Ending::Reset => self.phase = Phase::Deaf { until: None },
        }
    }

    fn leave(&mut self) {
        self.wire.say_goodbye();
        self.phase = Phase::Leaving;
    }

    fn grow_deaf(&mut self, until: Option<Nanos>) {
        self.wire.say_goodbye();
        self.shuts = true;
        self.phase = Phase::Deaf { until };
    }
}
