//! What is spoken on a connection, over plaintext: one request at a time with HTTP/1.1, many with
//! HTTP/2. Knows no socket and no TLS.

use std::sync::Arc;

use bench::clock::Nanos;

use super::http1::answer::Method;
use super::http1::{Answer, AnswerReader};
use super::shared::Shared;
use super::{Event, Failure, Happening, Slot};
use crate::http2::ErrorCode;
use crate::http2::client::{self, Client, Settings};
use crate::requests::RequestId;

/// Which slots a connection has: with `of` connections, place p of connection c is slot
/// p · `of` + c, so that requests that are dealt over slots are dealt over connections.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Lane {
    pub connection: u32,
    pub of: u32,
}

impl Lane {
    /// The lane of a slot, and its place there.
    pub(super) fn of(slot: Slot, of: u32) -> (Self, u32) {
        (Self { connection: slot.0 % of, of }, slot.0 / of)
    }

    /// The connection, as an index.
    pub(super) fn index(self) -> usize {
        index(self.connection)
    }

    pub(super) fn slot(self, place: u32) -> Slot {
        Slot(place * self.of + self.connection)
    }
}

/// The protocol's state.
#[derive(Debug)]
pub(super) enum Wire {
    Http1(Exchange),
    Http2(Box<Streams>),
}

/// The one request in flight and its answer so far.
#[derive(Debug, Default)]
pub(super) struct Exchange {
    reader: AnswerReader,
    first_byte: Option<Nanos>,
    complete: Option<Complete>,
}

/// An answer that is complete, and when.
#[derive(Debug, Clone, Copy)]
struct Complete {
    answer: Answer,
    first_byte: Nanos,
    at: Nanos,
}

impl Exchange {
    pub(super) fn expect(&mut self, method: Method) {
        self.reader.expect(method);
        self.first_byte = None;
    }

    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        at: Nanos,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let first_byte = *self.first_byte.get_or_insert(at);
        match self.reader.feed(bytes, &mut shared.known) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) if self.complete.is_none() => {
                self.complete = Some(Complete { answer, first_byte, at });
                Ok(())
            }
            Ok(Some(_)) => Err(shared.fail(Failure::Malformed, || "a second answer".to_owned())),
            Err(error) => Err(shared.fail(Failure::Malformed, || error.to_string())),
        }
    }

    /// The peer closed in order: an answer that ends with its connection is complete.
    pub(super) fn end(&mut self, at: Nanos) {
        if self.complete.is_none()
            && let Some(answer) = self.reader.finish()
        {
            let first_byte = self.first_byte.unwrap_or(at);
            self.complete = Some(Complete { answer, first_byte, at });
        }
    }

    /// Tells the answer if it is complete. `intact`: whether the connection goes on, with all of
    /// the request written. Returns whether there was one.
    pub(super) fn conclude(&mut self, intact: bool, slot: Slot, shared: &mut Shared) -> bool {
        let Some(Complete { answer, first_byte, at }) = self.complete.take() else { return false };
        let Answer { status, bytes, reusable } = answer;
        let reusable = reusable && intact;
        let what = Happening::Answered { status, bytes, first_byte, reusable };
        shared.told.push(Event { slot, at, what });
        true
    }
}

/// The streams of an HTTP/2 connection.
#[derive(Debug)]
pub(super) struct Streams {
    client: Client,
    places: Vec<Place>,
    /// Whether the peer's settings are there.
    settled: bool,
    /// Whether a request timed out on it: it may be dead, and takes no more.
    suspect: bool,
    events: Vec<client::Event>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Closed,
    /// To be told when it is open.
    Wanted,
    Idle,
    Busy {
        first_byte: Option<Nanos>,
    },
}

impl Streams {
    pub(super) fn new(streams: u32) -> Self {
        let client = Client::new(Settings { streams, ..Settings::default() });
        let count = usize::try_from(streams).expect("usize has at least 32 bits here");
        Self {
            client,
            places: vec![Place::Closed; count],
            settled: false,
            suspect: false,
            events: Vec::with_capacity(64),
        }
    }

    /// Bytes to write; what was written is taken off the front.
    pub(super) fn output(&mut self) -> &mut Vec<u8> {
        self.client.output()
    }

    /// Whether it takes no further requests, while those in flight may go on.
    fn is_ending(&self) -> bool {
        self.suspect || self.client.is_used_up()
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_done(&self) -> bool {
        self.is_ending() && self.client.in_flight() == 0
    }

    /// A place is wanted open.
    pub(super) fn open(&mut self, place: u32, lane: Lane, shared: &mut Shared) {
        self.places[index(place)] = Place::Wanted;
        if self.settled && !self.is_ending() {
            self.grant(place, lane, shared);
        }
    }

    /// Opens a wanted place, if the peer allows as many.
    fn grant(&mut self, place: u32, lane: Lane, shared: &mut Shared) {
        let allowed = self.client.capacity() + self.client.in_flight();
        let (state, what) = if place < allowed {
            (Place::Idle, Happening::Opened)
        } else {
            (Place::Closed, Happening::Barred)
        };
        self.places[index(place)] = state;
        shared.tell(lane.slot(place), what);
    }

    /// Sends a request. Its bytes are in the output then.
    pub(super) fn ask(
        &mut self,
        place: u32,
        request: RequestId,
        shared: &mut Shared,
    ) -> Result<u64, Failure> {
        let (head, body) = shared.writer.http2(request)?;
        let bytes = u64::try_from(head.length() + body.len()).expect("usize has at most 64 bits");
        self.places[index(place)] = Place::Busy { first_byte: None };
        match self.client.request(place, &head, &body) {
            Ok(()) => Ok(bytes),
            Err(refused) => Err(shared.fail(Failure::NotProcessed, || refused.to_string())),
        }
    }

    /// A request could not be sent; its place is as it was.
    pub(super) fn unask(&mut self, place: u32) {
        self.places[index(place)] = Place::Idle;
    }

    /// Gives a place up. Where the request in it timed out the connection may be dead.
    pub(super) fn close(&mut self, place: u32) {
        if let Place::Busy { .. } = self.places[index(place)] {
            self.client.cancel(place);
            self.suspect = true;
        }
        self.places[index(place)] = Place::Closed;
    }

    pub(super) fn take(
        &mut self,
        bytes: &[u8],
        at: Nanos,
        lane: Lane,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let mut events = std::mem::take(&mut self.events);
        let fed = self.client.feed(bytes, &mut events);
        // The peer is alive: what timed out was a slow answer.
        self.suspect = false;
        for event in events.drain(..) {
            self.on(event, at, lane, shared);
        }
        self.events = events;
        match fed {
            Ok(()) => {}
            Err(error) => {
                self.client.goodbye(error.code);
                return Err(shared.fail(Failure::Malformed, || error.to_string()));
            }
        }
        if self.is_ending() {
            self.retire(lane, shared);
        }
        Ok(())
    }

    fn on(&mut self, event: client::Event, at: Nanos, lane: Lane, shared: &mut Shared) {
        match event {
            client::Event::Ready => {
                self.settled = true;
                for place in 0..u32::try_from(self.places.len()).expect("made from a u32") {
                    if self.places[index(place)] == Place::Wanted {
                        self.grant(place, lane, shared);
                    }
                }
            }
            client::Event::FirstByte { place } => {
                if let Place::Busy { first_byte } = &mut self.places[index(place)] {
                    *first_byte = Some(at);
                }
            }
            client::Event::Answered { place, answer } => {
                let first_byte = match self.places[index(place)] {
                    Place::Busy { first_byte } => first_byte.unwrap_or(at),
                    _ => return,
                };
                self.places[index(place)] = Place::Idle;
                let what = of_answer(answer, first_byte, shared.is_grpc());
                shared.told.push(Event { slot: lane.slot(place), at, what });
            }
            client::Event::Failed { place, why } => {
                self.places[index(place)] = Place::Idle;
                let failure = match why {
                    client::Failure::Reset(code) => shared
                        .fail(Failure::StreamReset, || format!("the peer reset a stream: {code}")),
                    client::Failure::NotProcessed => Failure::NotProcessed,
                    client::Failure::Malformed => Failure::Malformed,
                };
                let what = Happening::Failed(failure);
                shared.told.push(Event { slot: lane.slot(place), at, what });
            }
            client::Event::GoAway { code } => {
                if code != ErrorCode::NO_ERROR {
                    shared.fail(Failure::NotProcessed, || format!("the peer said GOAWAY: {code}"));
                }
            }
        }
    }

    /// Idle places of a connection that takes no more are gone, to be opened on the next one.
    fn retire(&mut self, lane: Lane, shared: &mut Shared) {
        for place in 0..u32::try_from(self.places.len()).expect("made from a u32") {
            if self.places[index(place)] == Place::Idle {
                self.places[index(place)] = Place::Closed;
                shared.tell(lane.slot(place), Happening::Broken(Failure::NotProcessed));
            }
        }
    }

    /// The connection is gone, and so is every place.
    pub(super) fn abandon(&mut self, failure: Failure, lane: Lane, shared: &mut Shared) {
        for place in 0..u32::try_from(self.places.len()).expect("made from a u32") {
            if self.places[index(place)] != Place::Closed {
                self.places[index(place)] = Place::Closed;
                shared.tell(lane.slot(place), Happening::Broken(failure));
            }
        }
    }
}

/// With gRPC the trailers decide, and an answer without their status is a failure of the call.
fn of_answer(answer: client::Answer, first_byte: Nanos, grpc: bool) -> Happening {
    let client::Answer { status, bytes, grpc_status } = answer;
    match grpc_status {
        _ if !grpc || status != 200 => {}
        Some(0) => {}
        // 2 is UNKNOWN.
        other => {
            let code = other.and_then(|code| u8::try_from(code).ok()).unwrap_or(2);
            return Happening::Failed(Failure::Grpc(code));
        }
    }
    Happening::Answered { status, bytes, first_byte, reusable: true }
}

fn index(place: u32) -> usize {
    usize::try_from(place).expect("usize has at least 32 bits here")
}

/// A request's head and body, ready to be sent on any stream.
pub(super) type Http2Request = (Arc<crate::http2::HeaderBlock>, Arc<[u8]>);
