//! HTTP/2 on one connection: the same answers, delays and faults as in HTTP/1.1, but each stream by
//! itself, so that an answer that is held back holds up no other.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::io::{self, IoSlice};

use bench::clock::Nanos;

use super::answer::Text;
use super::fault::Fault;
use super::shared::{Ending, Shared, Speech};
use super::wire::Wire;
use crate::http2::server::{Asked, Event, Server, Settings};

/// With so many bytes unsent nothing more is read: a client that asks without reading is held up by
/// TCP, not by memory.
const MOST_UNSENT: usize = 1 << 20;

/// Streams and what is to come on them.
#[derive(Debug)]
pub(super) struct Http2 {
    server: Server,
    events: Vec<Event>,
    waiting: BinaryHeap<Reverse<Waiting>>,
    requests: u64,
    /// Bytes that the wire has not taken.
    unsent: usize,
    /// How it ends as soon as they are gone. No request is heard any more.
    ends: Option<Ending>,
}

/// A request whose answer is not due, in the order in which they are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Waiting {
    due: Nanos,
    number: u64,
    stream: u32,
    grpc: bool,
    fault: Option<Fault>,
}

impl Http2 {
    pub(super) fn new() -> Self {
        Self {
            server: Server::new(Settings::default()),
            events: Vec::new(),
            waiting: BinaryHeap::new(),
            requests: 0,
            unsent: 0,
            ends: None,
        }
    }

    /// Takes what was read at `now`.
    pub(super) fn hear(&mut self, bytes: &[u8], now: Nanos, shared: &mut Shared) {
        if self.ends.is_some() {
            return;
        }
        let fed = self.server.feed(bytes, &mut self.events);
        for index in 0..self.events.len() {
            match self.events[index] {
                Event::Request { stream, asked } => self.request(stream, asked, now, shared),
                // It stays among those that wait, and comes to nothing when it is due.
                Event::Cancelled { .. } => {}
            }
        }
        self.events.clear();
        if let Err(error) = fed {
            shared.tally.served.malformed += 1;
            self.server.goodbye(error.code);
            self.ends = Some(Ending::Linger);
        }
    }

    fn request(&mut self, stream: u32, asked: Asked, now: Nanos, shared: &mut Shared) {
        shared.tally.request(now);
        self.requests += 1;
        let turn = shared.script.next(now);
        shared.tally.served.faults += u64::from(turn.fault.is_some());
        let grpc = asked.grpc;
        let request =
            Waiting { due: turn.due, number: self.requests, stream, grpc, fault: turn.fault };
        if turn.due <= now {
            self.answer(request, shared);
        } else {
            self.waiting.push(Reverse(request));
        }
    }

    /// What is done for a request once it is due.
    fn answer(&mut self, request: Waiting, shared: &mut Shared) {
        if self.ends.is_some() {
            return;
        }
        let before = self.server.output().len();
        match request.fault {
            Some(Fault::Silent) => {}
            Some(Fault::Reset) => self.ends = Some(Ending::Reset),
            Some(Fault::Close) => self.ends = Some(Ending::Close),
            Some(Fault::Garbage) => {
                let all = 0..shared.answers.length(Text::Garbage);
                let garbage = shared.answers.bytes(Text::Garbage, all);
                self.server.output().extend_from_slice(garbage);
            }
            None | Some(Fault::Truncate | Fault::HalfClose) => {
                let (head, body) = shared.answers.in_http2(request.grpc);
                // Nobody waits for a request that was cancelled.
                let sent = self.server.answer(request.stream, head, body).is_ok();
                if request.fault == Some(Fault::Truncate) {
                    let length = self.server.output().len();
                    self.server.output().truncate(before + (length - before) / 2);
                    self.ends = Some(Ending::Close);
                } else {
                    shared.tally.served.answers += u64::from(sent);
                }
                if request.fault == Some(Fault::HalfClose) {
                    self.ends = Some(Ending::HalfClose);
                }
            }
        }
    }

    /// How many requests it has heard.
    pub(super) fn requests(&self) -> u64 {
        self.requests
    }

    /// Whether so much waits that nothing more should be read.
    pub(super) fn is_full(&self) -> bool {
        self.unsent > MOST_UNSENT
    }

    /// Sends what is due at `now`, as far as the wire takes it.
    pub(super) fn speak(
        &mut self,
        wire: &mut Wire,
        now: Nanos,
        shared: &mut Shared,
    ) -> io::Result<Speech> {
        while let Some(Reverse(request)) = self.waiting.peek().copied()
            && request.due <= now
        {
            self.waiting.pop();
            self.answer(request, shared);
        }
        if self.ends == Some(Ending::Reset) {
            return Ok(Speech::Ends(Ending::Reset));
        }
        loop {
            let output = self.server.output();
            if output.is_empty() {
                self.unsent = 0;
                break;
            }
            let written = wire.write(&[IoSlice::new(output)])?;
            shared.tally.served.bytes_out += u64::try_from(written).expect("64 bits");
            output.drain(..written);
            self.unsent = output.len();
            if self.unsent > 0 && !wire.writable() {
                return Ok(Speech::Full);
            }
        }
        Ok(match (self.ends, self.waiting.peek()) {
            (Some(ending), _) => Speech::Ends(ending),
            (None, Some(Reverse(request))) => Speech::Waits(request.due),
            (None, None) => Speech::Idle,
        })
    }
}
