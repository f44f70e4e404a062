//! The server's side of one connection: bytes as requests, answers as bytes. Knows no socket, no
//! time, and of a request only what an answer depends on.

use std::sync::Arc;

use super::error::{ConnectionError, ErrorCode};
use super::frame::{self, LARGEST, PREFACE, setting};
use super::hpack::{self, Blocks, Meaning};
use super::incoming::{Incoming, Reader};
use super::link::Link;
use super::message::{AnswerBlock, Length, is_name, is_of_a_connection};
use super::streams::{Streams, WhenSent};
use super::window::Granted;

/// A client may take back so many more requests than were answered before the connection is
/// ended: otherwise it could have work done as fast as it can write, and read nothing.
const MOST_TAKEN_BACK: u32 = 10_000;

/// `:status: 100`, by the static table's name.
const CONTINUE: [u8; 5] = [0x08, 0x03, b'1', b'0', b'0'];

/// What a server is like.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Settings {
    /// Requests that may be open at once; more are refused.
    pub max_concurrent_streams: u32,
    /// What the peer may send on a stream before it hears from us, in bytes. At most 2³¹ − 1.
    pub stream_window: u32,
    /// The same for all streams together; less than 65 535 counts as that.
    pub connection_window: u32,
}

impl Default for Settings {
    /// Windows that no request has to wait for.
    fn default() -> Self {
        Self { max_concurrent_streams: 1000, stream_window: 1 << 24, connection_window: 1 << 30 }
    }
}

/// What happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Event {
    /// A request is there with all of its body. [`Server::answer`] is to follow.
    Request {
        /// Its stream.
        stream: u32,
        /// What an answer depends on.
        asked: Asked,
    },
    /// The client no longer wants the answer to a request that was told of.
    Cancelled {
        /// Its stream.
        stream: u32,
    },
}

/// What an answer depends on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Asked {
    /// The method is HEAD: no body is sent, whatever is given.
    pub head: bool,
    /// The body is a gRPC message, and so has to be the answer's.
    pub grpc: bool,
}

/// The client took the request back, or it was answered before.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("nobody waits for that answer")]
pub struct Gone;

/// One connection. After an error it is of no more use; [`Self::goodbye`] tells the peer why.
#[derive(Debug, Clone)]
pub struct Server {
    /// Bytes of the client's preface that were there.
    preface: usize,
    reader: Reader,
    state: State,
}

#[derive(Debug, Clone)]
struct State {
    settings: Settings,
    link: Link,
    blocks: Blocks<RequestHead>,
    streams: Streams<Request>,
    /// Whether the client knows our settings.
    told: bool,
    /// The highest id that the client used.
    last_id: u32,
    /// Whether we said goodbye: streams above `last_id` are not looked at.
    closing: bool,
    taken_back: u32,
}

#[derive(Debug, Clone, Copy)]
struct Request {
    asked: Asked,
    length: Length,
    at: At,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum At {
    /// Its body is coming.
    Receiving,
    /// It was told of.
    Told,
    /// Its answer is going.
    Answering,
}

impl Server {
    /// A connection at its beginning: what the server has to say first waits in its output.
    ///
    /// # Panics
    ///
    /// When the settings have a window above 2³¹ − 1.
    #[must_use]
    pub fn new(settings: Settings) -> Self {
        assert!(settings.stream_window <= LARGEST, "{settings:?}");
        let told = [
            (setting::MAX_CONCURRENT_STREAMS, settings.max_concurrent_streams),
            (setting::INITIAL_WINDOW_SIZE, settings.stream_window),
        ];
        let state = State {
            settings,
            link: Link::new(&told, settings.connection_window),
            blocks: Blocks::new(hpack::DEFAULT_TABLE),
            streams: Streams::new(WhenSent::Remove),
            told: false,
            last_id: 0,
            closing: false,
            taken_back: 0,
        };
        Self { preface: 0, reader: Reader::default(), state }
    }

    /// The bytes to write. The caller removes from the front what was written. Bodies that wait
    /// are continued here, so this is asked again until it is empty.
    pub fn output(&mut self) -> &mut Vec<u8> {
        self.state.streams.pump(&mut self.state.link);
        self.state.link.output()
    }

    /// Requests that are not answered in full.
    #[must_use]
    pub fn in_flight(&self) -> u32 {
        u32::try_from(self.state.streams.open()).expect("no more than were announced")
    }

    /// Takes bytes from the client, in pieces of any size, and appends what they mean.
    ///
    /// # Errors
    ///
    /// When the client does not keep to HTTP/2.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        if self.preface < PREFACE.len() {
            let expected = &PREFACE[self.preface..];
            let now = expected.len().min(input.len());
            if input[..now] != expected[..now] {
                return Err(ConnectionError::protocol("the client's preface is not HTTP/2's"));
            }
            self.preface += now;
            input = &input[now..];
        }
        while !input.is_empty() {
            let (taken, incoming) = self.reader.next(input)?;
            input = &input[taken..];
            if let Some(incoming) = incoming {
                self.state.take(incoming, events)?;
            }
        }
        Ok(())
    }

    /// Answers a request, as far as the client's windows allow at once, and the rest later.
    ///
    /// # Errors
    ///
    /// When nobody waits for it: [`Event::Cancelled`] may stand right behind [`Event::Request`].
    pub fn answer(
        &mut self,
        stream: u32,
        answer: &AnswerBlock,
        body: &Arc<[u8]>,
    ) -> Result<(), Gone> {
        let State { link, streams, taken_back, .. } = &mut self.state;
        let request = &mut streams.get_mut(stream).ok_or(Gone)?.own;
        if request.at != At::Told {
            return Err(Gone);
        }
        request.at = At::Answering;
        *taken_back = taken_back.saturating_sub(1);
        let trailers = answer.trailers.as_ref().filter(|_| !request.asked.head);
        if !body.is_empty() && !request.asked.head {
            link.headers(stream, &answer.head, false);
            streams.send(stream, body, trailers, link);
            return Ok(());
        }
        link.headers(stream, &answer.head, trailers.is_none());
        if let Some(trailers) = trailers {
            link.headers(stream, trailers, true);
        }
        streams.remove(stream);
        Ok(())
    }

    /// Tells the client that the connection ends, and why. Requests that are there are answered;
    /// later ones are not looked at.
    pub fn goodbye(&mut self, code: ErrorCode) {
        self.state.closing = true;
        frame::go_away(self.state.last_id, code, &mut self.state.link.output);
    }
}

impl State {
    fn take(
        &mut self,
        incoming: Incoming<'_>,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        if !self.link.settled && !matches!(incoming, Incoming::Settings(_)) {
            return Err(ConnectionError::protocol("the first frame is not SETTINGS"));
        }
        match incoming {
            Incoming::Headers { stream, block, end } => self.headers(stream, block, end, events),
            Incoming::Data { stream, bytes, counted, end } => {
                self.link.received(counted)?;
                self.data(stream, (bytes, counted), end, events)
            }
            Incoming::Reset { stream, .. } => self.taken_back(stream, events),
            Incoming::Settings(payload) => {
                let settled = self.link.settings(payload)?;
                self.streams.shift_windows(settled.window_shift)
            }
            Incoming::Ping(opaque) => self.link.pinged(opaque),
            Incoming::WindowUpdate { stream: 0, increment } => self.link.grow(increment),
            Incoming::WindowUpdate { stream, increment } => {
                self.was_open(stream)?;
                match self.streams.grow(stream, increment) {
                    Ok(()) => Ok(()),
                    Err(code) => self.fail(stream, code, events),
                }
            }
            Incoming::SettingsAck => {
                self.told = true;
                Ok(())
            }
            // A client that says goodbye still wants its answers.
            Incoming::GoAway { .. } | Incoming::Nothing => Ok(()),
        }
    }

    fn headers(
        &mut self,
        id: u32,
        block: &[u8],
        end: bool,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        // The block of a stream that is over or refused is read too: it could change the table.
        let head = self.blocks.read(block).map_err(|_| {
            ConnectionError::new(ErrorCode::COMPRESSION_ERROR, "a field block does not decode")
        })?;
        if let Some(stream) = self.streams.get_mut(id) {
            if stream.own.at != At::Receiving {
                return self.fail(id, ErrorCode::STREAM_CLOSED, events);
            }
            // Trailers, which nothing follows.
            if !end || head.malformed || head.pseudo != 0 {
                return self.fail(id, ErrorCode::PROTOCOL_ERROR, events);
            }
            return self.complete(id, events);
        }
        if id <= self.last_id || self.closing {
            return self.came_late(id);
        }
        if id.is_multiple_of(2) {
            return Err(ConnectionError::protocol("a client's stream has an even id"));
        }
        self.last_id = id;
        let open = u32::try_from(self.streams.open()).unwrap_or(u32::MAX);
        if open >= self.settings.max_concurrent_streams {
            return self.link.refuse(id, ErrorCode::REFUSED_STREAM);
        }
        if !head.is_request() {
            return self.link.refuse(id, ErrorCode::PROTOCOL_ERROR);
        }
        let request = Request { asked: head.asked, length: head.length, at: At::Receiving };
        let window = self.settings.stream_window;
        let granted = if self.told { Granted::new(window) } else { Granted::not_known_yet(window) };
        self.streams.insert(id, &self.link, granted, request);
        if end {
            return self.complete(id, events);
        }
        if head.expects_continue {
            self.link.headers(id, &CONTINUE, false);
        }
        Ok(())
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
        if stream.own.at != At::Receiving {
            return self.fail(id, ErrorCode::STREAM_CLOSED, events);
        }
        if stream.own.length.receive(bytes).is_err() {
            return self.fail(id, ErrorCode::PROTOCOL_ERROR, events);
        }
        let Ok(update) = stream.granted.receive(counted) else {
            return self.fail(id, ErrorCode::FLOW_CONTROL_ERROR, events);
        };
        if end {
            return self.complete(id, events);
        }
        if let Some(update) = update {
            frame::window_update(id, update, &mut self.link.output);
        }
        Ok(())
    }

    fn complete(&mut self, id: u32, events: &mut Vec<Event>) -> Result<(), ConnectionError> {
        if let Some(stream) = self.streams.get_mut(id) {
            if !stream.own.length.is_reached() {
                return self.fail(id, ErrorCode::PROTOCOL_ERROR, events);
            }
            stream.own.at = At::Told;
            events.push(Event::Request { stream: id, asked: stream.own.asked });
        }
        Ok(())
    }

    fn taken_back(&mut self, id: u32, events: &mut Vec<Event>) -> Result<(), ConnectionError> {
        if !self.forget(id, events) {
            return self.was_open(id);
        }
        self.taken_back += 1;
        if self.taken_back > MOST_TAKEN_BACK {
            return Err(ConnectionError::new(
                ErrorCode::ENHANCE_YOUR_CALM,
                "the client takes back far more requests than it waits for",
            ));
        }
        Ok(())
    }

    /// Ends a stream on which the client did something that is not HTTP/2.
    fn fail(
        &mut self,
        id: u32,
        code: ErrorCode,
        events: &mut Vec<Event>,
    ) -> Result<(), ConnectionError> {
        if self.forget(id, events) { self.link.refuse(id, code) } else { Ok(()) }
    }

    /// Removes a stream; says so where someone was to answer. Returns whether it was there.
    fn forget(&mut self, id: u32, events: &mut Vec<Event>) -> bool {
        let Some(request) = self.streams.remove(id) else { return false };
        if request.at == At::Told {
            events.push(Event::Cancelled { stream: id });
        }
        true
    }

    /// Part of a request for a stream that is not open.
    fn came_late(&self, id: u32) -> Result<(), ConnectionError> {
        self.was_open(id)?;
        if self.closing { Ok(()) } else { self.link.came_late() }
    }

    /// The stream is open, or was, or is one of those that are not looked at.
    fn was_open(&self, id: u32) -> Result<(), ConnectionError> {
        if id.is_multiple_of(2) || (id > self.last_id && !self.closing) {
            return Err(ConnectionError::protocol("a frame for a stream that nobody opened"));
        }
        Ok(())
    }
}

/// What is wanted of a request's field block.
#[derive(Debug, Clone, Copy, Default)]
struct RequestHead {
    asked: Asked,
    expects_continue: bool,
    length: Length,
    connect: bool,
    /// Pseudo-fields seen, a bit each.
    pseudo: u8,
    fields_seen: bool,
    malformed: bool,
}

const METHOD: u8 = 1;
const SCHEME: u8 = 2;
const PATH: u8 = 4;
const AUTHORITY: u8 = 8;

impl RequestHead {
    /// RFC 9113 §8.3.1; CONNECT has neither scheme nor path.
    fn is_request(&self) -> bool {
        let needed = if self.connect { METHOD } else { METHOD | SCHEME | PATH };
        !self.malformed && self.pseudo & needed == needed
    }
}

impl Meaning for RequestHead {
    fn field(&mut self, name: &[u8], value: &[u8]) {
        if name.first() == Some(&b':') {
            let bit = match name {
                b":method" => METHOD,
                b":scheme" => SCHEME,
                b":path" => PATH,
                b":authority" => AUTHORITY,
                _ => 0,
            };
            self.malformed |= bit == 0 || self.pseudo & bit != 0 || self.fields_seen;
            self.malformed |= bit == PATH && value.is_empty();
            self.pseudo |= bit;
            if bit == METHOD {
                self.asked.head = value == b"HEAD";
                self.connect = value == b"CONNECT";
            }
            return;
        }
        self.fields_seen = true;
        self.malformed |= !is_name(name) || is_of_a_connection(name, value);
        match name {
            // `application/grpc+proto` and the like are meant as well.
            b"content-type" => self.asked.grpc = value.starts_with(b"application/grpc"),
            b"content-length" => self.malformed |= self.length.declare(value).is_err(),
            b"expect" => self.expects_continue = value.eq_ignore_ascii_case(b"100-continue"),
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests;
