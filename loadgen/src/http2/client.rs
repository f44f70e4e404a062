//! The client's side of one connection: requests as bytes, bytes as answers. Knows no socket, no
//! time, and of an answer only what is counted.
//!
//! Requests use no table of the peer's, so that a head is encoded once for all its streams; our own
//! table has no room, so that answers' heads do not depend on each other.

use std::sync::Arc;

use super::error::{ConnectionError, ErrorCode};
use super::frame::{self, LARGEST, PREFACE, setting};
use super::hpack::{Blocks, Meaning};
use super::incoming::{Incoming, Reader};
use super::link::Link;
use super::message::{HeaderBlock, Length, decimal, is_name};
use super::streams::{Streams, WhenSent};
use super::window::Granted;

/// What a client is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Requests that may be in flight at once, whatever more the peer allows. At least 1.
    pub streams: u32,
    /// What the peer may send on a stream before it hears from us, in bytes. At most 2³¹ − 1.
    pub stream_window: u32,
    /// The same for all streams together; less than 65 535 counts as that.
    pub connection_window: u32,
}

impl Default for Settings {
    /// Windows that no answer has to wait for.
    fn default() -> Self {
        Self { streams: 100, stream_window: 1 << 30, connection_window: 1 << 30 }
    }
}

/// What happened. A `place` is the one that the request was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// The peer's settings are there: from now on [`Client::capacity`] is what it allows.
    Ready,
    /// The first bytes of an answer.
    FirstByte {
        /// Whose.
        place: u32,
    },
    /// A request was answered in full; its place is free again.
    Answered {
        /// Which.
        place: u32,
        /// With what.
        answer: Answer,
    },
    /// A request has no answer and gets none; its place is free again.
    Failed {
        /// Which.
        place: u32,
        /// Why.
        why: Failure,
    },
    /// The peer takes no further requests on this connection. Those that it did not look at have
    /// failed as [`Failure::NotProcessed`]; the others go on.
    GoAway {
        /// The peer's reason.
        code: ErrorCode,
    },
}

/// An answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Bytes of field blocks and body, interim answers and trailers included, frames' heads and
    /// padding not.
    pub bytes: u64,
    /// gRPC's own status, where there is one.
    pub grpc_status: Option<u32>,
}

/// Why a request has no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Failure {
    /// The peer reset the stream.
    Reset(ErrorCode),
    /// The peer says that it did nothing for the request.
    NotProcessed,
    /// The answer was not HTTP, and the stream was reset for it.
    Malformed,
}

/// Why a request was not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// As many requests are in flight as may be.
    #[error("no further stream may be opened now")]
    Full,
    /// No further request may be sent on this connection.
    #[error("the connection takes no further requests")]
    UsedUp,
    /// A request is in flight there, or there is no such place.
    #[error("the place is taken, or not below the number of streams")]
    Place,
}

/// One connection. After an error it is of no more use; [`Self::goodbye`] tells the peer why.
#[derive(Debug, Clone)]
pub struct Client {
    reader: Reader,
    state: State,
}

#[derive(Debug, Clone)]
struct State {
    settings: Settings,
    link: Link,
    blocks: Blocks<AnswerHead>,
    streams: Streams<Exchange>,
    /// The stream in each place, 0 for none.
    places: Vec<u32>,
    /// Above `LARGEST` when all ids are used.
    next_id: u32,
    /// Whether either side has said goodbye.
    closing: bool,
}

/// What is known of an answer so far.
#[derive(Debug, Clone, Copy)]
struct Exchange {
    place: u32,
    began: bool,
    /// 0 before the final head.
    status: u16,
    grpc_status: Option<u32>,
    bytes: u64,
    to_head: bool,
    length: Length,
}

impl Exchange {
    fn new(place: u32, to_head: bool) -> Self {
        let (grpc_status, length) = (None, Length::default());
        Self { place, began: false, status: 0, grpc_status, bytes: 0, to_head, length }
    }
}

impl Client {
    /// A connection at its beginning: what the client has to say first waits in its output.
    ///
    /// # Panics
    ///
    /// When the settings have no stream, or a window above 2³¹ − 1.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        assert!(settings.streams > 0 && settings.stream_window <= LARGEST, "{settings:?}");
        let told = [
            (setting::HEADER_TABLE_SIZE, 0),
            (setting::ENABLE_PUSH, 0),
            (setting::INITIAL_WINDOW_SIZE, settings.stream_window),
        ];
        let mut link = Link::new(&told, settings.connection_window);
        link.output.splice(..0, *PREFACE);
        let places = usize::try_from(settings.streams).expect("usize has at least 32 bits here");
        let state = State {
            settings,
            link,
            blocks: Blocks::new(0),
            streams: Streams::new(WhenSent::Keep),
            places: vec![0; places],
            next_id: 1,
            closing: false,
        };
        Self { reader: Reader::default(), state }
    }

    /// The bytes to write. The caller removes from the front what was written. Bodies that wait
    /// are continued here, so this is asked again until it is empty.
    pub fn output(&mut self) -> &mut Vec<u8> {
        self.state.streams.pump(&mut self.state.link);
        self.state.link.output()
    }

    /// How many more requests may be sent now. Until the peer's settings are there it is one at
    /// most, which no peer refuses.
    #[must_use]
    pub fn capacity(&self) -> u32 {
        let State { settings, link, .. } = &self.state;
        if self.is_used_up() {
            return 0;
        }
        let limit = if link.settled { link.max_concurrent_streams } else { 1 };
        limit.min(settings.streams).saturating_sub(self.in_flight())
    }

    /// Requests without an answer.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.state.streams.open()).expect("no more than there are places")
    }

    /// Whether no further request can ever be sent: one side said goodbye, or the ids are used up.
    /// Requests in flight go on.
    #[must_use]
    pub fn is_used_up(&self) -> bool {
        self.state.closing || self.state.next_id > LARGEST
    }

    /// Sends a request; events name it by its place, which is below [`Settings::streams`].
    ///
    /// # Errors
    ///
    /// When it may not be sent, now or ever.
    pub fn request(
        &mut self,
        place: u32,
        head: &HeaderBlock,
        body: &Arc<[u8]>,
    ) -> Result<(), Refused> {
        if self.is_used_up() {
            return Err(Refused::UsedUp);
        }
        if self.capacity() == 0 {
            return Err(Refused::Full);
        }
        let State { settings, link, streams, places, next_id, .. } = &mut self.state;
        let free = places.get_mut(index(place)).filter(|id| **id == 0);
        let id = *next_id;
        *free.ok_or(Refused::Place)? = id;
        *next_id += 2;
        let exchange = Exchange::new(place, head.to_head);
        streams.insert(id, link, Granted::new(settings.stream_window), exchange);
        link.headers(id, &head.block, body.is_empty());
        if !body.is_empty() {
            streams.send(id, body, None, link);
        }
        Ok(())
    }

    /// Gives a request up; its place is free again, and nothing follows for it. Nothing happens
    /// when no request is there.
    pub fn cancel(&mut self, place: u32) {
        let Some(id) = self.state.places.get(index(place)).copied().filter(|id| *id != 0) else {
            return;
        };
        self.state.forget(id);
        self.state.link.reset(id, ErrorCode::CANCEL);
    }

    /// Takes bytes from the peer, in pieces of any size, and appends what they mean.
    ///
    /// # Errors
    ///
    /// When the peer does not keep to HTTP/2; what is in flight then has no answer.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        while !input.is_empty() {
            let settled = self.state.link.settled;
            let (taken, incoming) = self
                .reader
                .next(input)
                .map_err(|error| if settled { error } else { NOT_HTTP_2 })?;
            input = &input[taken..];
            if let Some(incoming) = incoming {
                self.state.take(incoming, events)?;
            }
        }
        Ok(())
    }

    /// Tells the peer that the connection ends, and why. No request may follow.
    pub fn goodbye(&mut self, code: ErrorCode) {
        self.state.closing = true;
        // The last stream of the peer's is meant; it has none.
        frame::go_away(0, code, &mut self.state.link.output);
    }
}

const NOT_HTTP_2: ConnectionError =
    ConnectionError::protocol("the first frame is not SETTINGS: the peer may not speak HTTP/2");

impl State {
    fn take(
        &mut self,
        incoming: Incoming<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        if !self.link.settled && !matches!(incoming, Incoming::Settings(_)) {
            return Err(NOT_HTTP_2);
        }
        match incoming {
            Incoming::Headers { stream, block, end } => self.headers(stream, block, end, events),
            Incoming::Data { stream, bytes, counted, end } => {
                self.link.received(counted)?;
                self.data(stream, (bytes, counted), end, events)
            }
            Incoming::Reset { stream, code } => {
                let refused = code == ErrorCode::REFUSED_STREAM;
                let why = if refused { Failure::NotProcessed } else { Failure::Reset(code) };
                match self.forget(stream) {
                    Some(Exchange { place, .. }) => events.push(Event::Failed { place, why }),
                    None => self.was_open(stream)?,
                }
                Ok(())
            }
            Incoming::Settings(payload) => {
                let settled = self.link.settings(payload)?;
                self.streams.shift_windows(settled.window_shift)?;
                if settled.first {
                    events.push(Event::Ready);
                }
                Ok(())
            }
            Incoming::Ping(opaque) => self.link.pinged(opaque),
            Incoming::GoAway { last, code } => {
                self.went_away(last, code, events);
                Ok(())
            }
            Incoming::WindowUpdate { stream: 0, increment } => self.link.grow(increment),
            Incoming::WindowUpdate { stream, increment } => {
                self.was_open(stream)?;
                match self.streams.grow(stream, increment) {
                    Ok(()) => Ok(()),
                    Err(code) => self.fail(stream, code, events),
                }
            }
            Incoming::SettingsAck | Incoming::Nothing => Ok(()),
        }
    }

    fn headers(
        &mut self,
        id: u32,
        block: &[u8],
        end: bool,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        // The block of a stream that is over is read too: it could change the table.
        let head = self.blocks.read(block).map_err(|_| MALFORMED_BLOCK)?;
        let Some(stream) = self.streams.get_mut(id) else { return self.came_late(id) };
        let exchange = &mut stream.own;
        exchange.bytes += u64::try_from(block.len()).expect("usize has at most 64 bits here");
        if !exchange.began {
            exchange.began = true;
            events.push(Event::FirstByte { place: exchange.place });
        }
        let before = exchange.status;
        match head.status {
            _ if head.malformed => return self.fail(id, ErrorCode::PROTOCOL_ERROR, events),
            // An interim head, which another follows. 101 is not HTTP/2's.
            Some(100 | 102..200) if before == 0 && !end => return Ok(()),
            Some(status @ 200..) if before == 0 => {
                exchange.status = status;
                // To HEAD and in 304, the length is that of a body that does not come.
                if !exchange.to_head && status != 304 {
                    exchange.length = head.length;
                }
            }
            // Trailers, which nothing follows.
            None if before != 0 && end => {}
            _ => return self.fail(id, ErrorCode::PROTOCOL_ERROR, events),
        }
        exchange.grpc_status = head.grpc_status.or(exchange.grpc_status);
        if end { self.answered(id, events) } else { Ok(()) }
    }

    /// `bytes` are those of the body, and what they count for in the stream's window.
    fn data(
        &mut self,
        id: u32,
        (bytes, counted): (u32, u32),
        end: bool,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        let Some(stream) = self.streams.get_mut(id) else { return self.came_late(id) };
        if stream.own.status == 0 || stream.own.length.receive(bytes).is_err() {
            return self.fail(id, ErrorCode::PROTOCOL_ERROR, events);
        }
        stream.own.bytes += u64::from(bytes);
        let Ok(update) = stream.granted.receive(counted) else {
            return self.fail(id, ErrorCode::FLOW_CONTROL_ERROR, events);
        };
        if end {
            return self.answered(id, events);
        }
        if let Some(update) = update {
            frame::window_update(id, update, &mut self.link.output);
        }
        Ok(())
    }

    fn answered(&mut self, id: u32, events: &mut Vec<Event>) -> Result<(), ConnectionError> {
        if self.streams.get_mut(id).is_some_and(|stream| !stream.own.length.is_reached()) {
            return self.fail(id, ErrorCode::PROTOCOL_ERROR, events);
        }
        if !self.streams.is_sent(id) {
            // The peer does not need the rest of the body (RFC 9113 §8.1).
            self.link.reset(id, ErrorCode::CANCEL);
        }
        if let Some(Exchange { place, status, grpc_status, bytes, .. }) = self.forget(id) {
            let answer = Answer { status, bytes, grpc_status };
            events.push(Event::Answered { place, answer });
        }
        Ok(())
    }

    /// Ends a stream on which the peer did something that is not HTTP/2.
    fn fail(
        &mut self,
        id: u32,
        code: ErrorCode,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        if let Some(Exchange { place, .. }) = self.forget(id) {
            events.push(Event::Failed { place, why: Failure::Malformed });
            self.link.refuse(id, code)?;
        }
        Ok(())
    }

    fn went_away(&mut self, last: u32, code: ErrorCode, events: &mut Vec<Event>) {
        self.closing = true;
        let mut lost: Vec<u32> =
            self.streams.iter().map(|(id, _)| id).filter(|id| *id > last).collect();
        lost.sort_unstable();
        for id in lost {
            if let Some(Exchange { place, .. }) = self.forget(id) {
                events.push(Event::Failed { place, why: Failure::NotProcessed });
            }
        }
        events.push(Event::GoAway { code });
    }

    fn forget(&mut self, id: u32) -> Option<Exchange> {
        let exchange = self.streams.remove(id)?;
        self.places[index(exchange.place)] = 0;
        Some(exchange)
    }

    /// Part of an answer for a stream that is not open.
    fn came_late(&self, id: u32) -> Result<(), ConnectionError> {
        self.was_open(id)?;
        // What the peer said it would not look at, it may answer all the same.
        if self.closing { Ok(()) } else { self.link.came_late() }
    }

    /// The stream is open, or was.
    fn was_open(&self, id: u32) -> Result<(), ConnectionError> {
        if id.is_multiple_of(2) || id >= self.next_id {
            return Err(ConnectionError::protocol("a frame for a stream that nobody opened"));
        }
        Ok(())
    }
}

const MALFORMED_BLOCK: ConnectionError =
    ConnectionError::new(ErrorCode::COMPRESSION_ERROR, "a field block does not decode");

fn index(place: u32) -> usize {
    usize::try_from(place).expect("usize has at least 32 bits here")
}

/// What is wanted of an answer's field block.
#[derive(Debug, Clone, Copy, Default)]
struct AnswerHead {
    status: Option<u16>,
    grpc_status: Option<u32>,
    length: Length,
    fields_seen: bool,
    malformed: bool,
}

impl Meaning for AnswerHead {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if name.first() == Some(&b':') {
            let status = decimal(value, 3).and_then(|status| u16::try_from(status).ok());
            let fits = name == b":status" && value.len() == 3 && status >= Some(100);
            self.malformed |= !fits || self.fields_seen || self.status.is_some();
            self.status = status;
            return;
        }
        self.fields_seen = true;
        self.malformed |= !is_name(name);
        match name {
            b"grpc-status" => {
                self.grpc_status = decimal(value, 9).and_then(|status| status.try_into().ok());
            }
            b"content-length" => self.malformed |= self.length.declare(value).is_err(),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
