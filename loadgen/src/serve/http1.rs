//! HTTP/1.1 on one connection: requests in, answers out in their order, each when it is due. What is
//! still to be sent is a row of places in the texts that are there anyway, so that neither a slow
//! reader nor a large body costs memory, and a request costs no allocation.

use std::collections::VecDeque;
use std::io::{self, IoSlice};

use bench::clock::Nanos;

use super::answer::Text;
use super::fault::Fault;
use super::request::{Asked, RequestReader, Step};
use super::shared::{Ending, Shared, Speech};
use super::wire::Wire;

/// While so many answers wait nothing more is read: a client that pipelines without reading is held
/// up by TCP, not by memory.
const MOST_WAITING: usize = 1024;

/// Texts that one call to the kernel takes.
const GATHERED: usize = 16;

/// Answers waited for, and what is to come.
#[derive(Debug, Default)]
pub(super) struct Http1 {
    reader: RequestReader,
    queue: VecDeque<Piece>,
    requests: u64,
    /// No request after this one is heard.
    over: bool,
}

/// A part of a text that is to be sent.
#[derive(Debug, Clone, Copy)]
struct Piece {
    due: Nanos,
    text: Text,
    sent: usize,
    end: usize,
    /// A whole answer, as far as the account goes.
    counts: bool,
    /// What follows it.
    then: Option<Ending>,
}

impl Http1 {
    /// Takes what was read at `now`.
    pub(super) fn hear(&mut self, mut bytes: &[u8], now: Nanos, shared: &mut Shared) {
        while !self.over {
            match self.reader.next(&mut bytes) {
                Ok(None) => return,
                Ok(Some(Step::Continue)) => self.say(Text::Continue, now, None, shared),
                Ok(Some(Step::Request(asked))) => self.answer(asked, now, shared),
                Err(_) => {
                    shared.tally.served.malformed += 1;
                    self.over = true;
                    self.say(Text::Malformed, now, Some(Ending::Linger), shared);
                }
            }
        }
    }

    /// A text of its own, after all that waits already.
    fn say(&mut self, text: Text, due: Nanos, then: Option<Ending>, shared: &Shared) {
        let end = shared.answers.length(text);
        self.queue.push_back(Piece { due, text, sent: 0, end, counts: false, then });
    }

    fn answer(&mut self, asked: Asked, now: Nanos, shared: &mut Shared) {
        shared.tally.request(now);
        self.requests += 1;
        let turn = shared.script.next(now);
        let (text, end) = shared.answers.to(asked);
        let whole = Piece {
            due: turn.due,
            text,
            sent: 0,
            end,
            counts: true,
            then: (!asked.keep_alive).then_some(Ending::Close),
        };
        let instead = |end, then| Piece { end, counts: false, then: Some(then), ..whole };
        let piece = match turn.fault {
            None => whole,
            Some(Fault::Reset) => instead(0, Ending::Reset),
            Some(Fault::Truncate) => instead(end / 2, Ending::Close),
            Some(Fault::Close) => instead(0, Ending::Close),
            Some(Fault::Silent) => instead(0, Ending::Silence),
            Some(Fault::HalfClose) => Piece { then: Some(Ending::HalfClose), ..whole },
            Some(Fault::Garbage) => {
                let end = shared.answers.length(Text::Garbage);
                Piece { text: Text::Garbage, end, counts: false, then: None, ..whole }
            }
        };
        shared.tally.served.faults += u64::from(turn.fault.is_some());
        self.over = piece.then.is_some();
        self.queue.push_back(piece);
    }

    /// How many requests it has heard.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Whether so much waits that nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.queue.len() >= MOST_WAITING
    }

    /// Sends what is due at `now`, as far as the wire takes it.
    pub(super) fn speak(
        &mut self,
        wire: &mut Wire,
        now: Nanos,
        shared: &mut Shared,
    ) -> io::Result<Speech> {
        loop {
            match self.queue.front() {
                None => return Ok(Speech::Idle),
                Some(piece) if piece.due > now => return Ok(Speech::Waits(piece.due)),
                Some(_) => {}
            }
            let mut written = self.write_due(wire, now, shared)?;
            shared.tally.served.bytes_out += u64::try_from(written).expect("64 bits");
            while let Some(piece) = self.queue.front_mut().filter(|piece| piece.due <= now) {
                let taken = written.min(piece.end - piece.sent);
                piece.sent += taken;
                written -= taken;
                if piece.sent < piece.end {
                    // Either the wire is full, or there were more pieces than one call takes.
                    break;
                }
                shared.tally.served.answers += u64::from(piece.counts);
                let then = piece.then;
                self.queue.pop_front();
                if let Some(ending) = then {
                    return Ok(Speech::Ends(ending));
                }
            }
            if !wire.writable() {
                return Ok(Speech::Full);
            }
        }
    }

    /// One call to the kernel with what is due.
    fn write_due(&self, wire: &mut Wire, now: Nanos, shared: &Shared) -> io::Result<usize> {
        let mut parts = [IoSlice::new(&[]); GATHERED];
        let mut count = 0;
        for piece in self.queue.iter().take_while(|piece| piece.due <= now).take(GATHERED) {
            if piece.sent < piece.end {
                parts[count] =
                    IoSlice::new(shared.answers.bytes(piece.text, piece.sent..piece.end));
                count += 1;
            }
            if piece.then.is_some() {
                break;
            }
        }
        if count == 0 { Ok(0) } else { wire.write(&parts[..count]) }
    }
}
