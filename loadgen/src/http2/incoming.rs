//! What the peer says, from bytes that come in pieces of any size: frames put together, their form
//! checked (RFC 9113 §4, §6), padding and continuations taken away. Knows no stream.

use super::error::{ConnectionError, ErrorCode};
use super::frame::{HEAD, LARGEST, LONGEST_PAYLOAD, flag, kind};

/// A field block of more bytes than this ends the connection; as much as HTTP/1.1's heads may have.
const LONGEST_BLOCK: usize = 64 * 1024;

/// More CONTINUATION frames than this for one block end the connection: a peer that does not pad
/// out its blocks needs four for the longest one.
const MOST_CONTINUATIONS: u32 = 64;

/// One thing that the peer says.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Incoming<'a> {
    /// A whole field block.
    Headers { stream: u32, block: &'a [u8], end: bool },
    /// Part of a body: `bytes` of it, and what it counts for in the windows.
    Data { stream: u32, bytes: u32, counted: u32, end: bool },
    /// The stream is over.
    Reset { stream: u32, code: ErrorCode },
    /// Settings, six bytes each.
    Settings(&'a [u8]),
    /// Our settings are in force.
    SettingsAck,
    /// Wants an answer.
    Ping([u8; 8]),
    /// The connection ends; streams above `last` were not looked at.
    GoAway { last: u32, code: ErrorCode },
    /// More window for a stream, or for the connection where the stream is 0.
    WindowUpdate { stream: u32, increment: u32 },
    /// Nothing that matters here: a PING's answer, a priority, an unknown kind.
    Nothing,
}

/// Takes bytes and gives what they say.
#[derive(Debug, Clone, Default)]
pub(super) struct Reader {
    cutter: Cutter,
    assembly: Assembly,
}

impl Reader {
    /// Takes some of the input; returns how many bytes, and what they complete, if anything. All
    /// of the input is taken when nothing is complete.
    pub(super) fn next<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Incoming<'a>>), ConnectionError> {
        let (taken, frame) = self.cutter.cut(input)?;
        let incoming = match frame {
            Some(frame) => Some(self.assembly.understand(frame)?),
            None => None,
        };
        Ok((taken, incoming))
    }
}

#[derive(Debug, Clone, Copy)]
struct Head {
    length: usize,
    kind: u8,
    flags: u8,
    stream: u32,
}

impl Head {
    fn parse(bytes: [u8; HEAD]) -> Self {
        let [high, middle, low, kind, flags, a, b, c, d] = bytes;
        let length = u32::from_be_bytes([0, high, middle, low]);
        Self {
            length: usize::try_from(length).expect("usize has at least 32 bits here"),
            kind,
            flags,
            // The highest bit is reserved, and ignored.
            stream: u32::from_be_bytes([a, b, c, d]) & LARGEST,
        }
    }

    fn is(self, flag: u8) -> bool {
        self.flags & flag != 0
    }
}

#[derive(Debug, Clone, Copy)]
struct Frame<'a> {
    head: Head,
    payload: &'a [u8],
}

/// Cuts bytes into frames. Bodies are not kept: a DATA frame that is not whole yet is given as
/// several, which mean the same.
#[derive(Debug, Clone, Default)]
struct Cutter {
    /// An incomplete frame, or the one that was given last.
    kept: Vec<u8>,
    /// Whether `kept` was given and is done with.
    spent: bool,
    /// A DATA frame of which more is to come.
    body: Option<Head>,
}

impl Cutter {
    fn cut<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Frame<'a>>), ConnectionError> {
        if self.spent {
            self.kept.clear();
            self.spent = false;
        }
        if let Some(head) = self.body {
            return Ok(self.cut_body(head, input, 0));
        }
        if !self.kept.is_empty() {
            return self.cut_kept(input);
        }
        let Some(head) = input.first_chunk() else {
            self.kept.extend_from_slice(input);
            return Ok((input.len(), None));
        };
        let head = checked(Head::parse(*head))?;
        if let Some(payload) = input[HEAD..].get(..head.length) {
            return Ok((HEAD + head.length, Some(Frame { head, payload })));
        }
        if is_unpadded_data(head) {
            return Ok(self.cut_body(head, &input[HEAD..], HEAD));
        }
        self.kept.extend_from_slice(input);
        Ok((input.len(), None))
    }

    /// Goes on with a frame whose beginning came before.
    fn cut_kept<'a>(
        &'a mut self,
        input: &'a [u8],
    ) -> Result<(usize, Option<Frame<'a>>), ConnectionError> {
        let mut taken = self.keep_up_to(HEAD, input);
        let Some(head) = self.kept.first_chunk() else { return Ok((taken, None)) };
        let head = checked(Head::parse(*head))?;
        if is_unpadded_data(head) {
            self.kept.clear();
            return Ok(self.cut_body(head, &input[taken..], taken));
        }
        let whole = HEAD + head.length;
        taken += self.keep_up_to(whole, &input[taken..]);
        if self.kept.len() < whole {
            return Ok((taken, None));
        }
        self.spent = true;
        Ok((taken, Some(Frame { head, payload: &self.kept[HEAD..] })))
    }

    /// Adds to what is kept until it has that length; returns how many bytes.
    fn keep_up_to(&mut self, length: usize, input: &[u8]) -> usize {
        let taken = length.saturating_sub(self.kept.len()).min(input.len());
        self.kept.extend_from_slice(&input[..taken]);
        taken
    }

    /// Gives as much of a body as there is; `before` bytes of the input were taken already.
    fn cut_body<'a>(
        &mut self,
        head: Head,
        input: &'a [u8],
        before: usize,
    ) -> (usize, Option<Frame<'a>>) {
        let payload = &input[..head.length.min(input.len())];
        let left = head.length - payload.len();
        self.body = (left > 0).then_some(Head { length: left, ..head });
        if payload.is_empty() && left > 0 {
            return (before, None);
        }
        let flags = if left > 0 { 0 } else { head.flags };
        let now = Head { length: payload.len(), flags, ..head };
        (before + payload.len(), Some(Frame { head: now, payload }))
    }
}

fn is_unpadded_data(head: Head) -> bool {
    head.kind == kind::DATA && !head.is(flag::PADDED)
}

/// What can be said of a frame before its payload is there: memory is bounded by this.
fn checked(head: Head) -> Result<Head, ConnectionError> {
    if head.length > LONGEST_PAYLOAD {
        return Err(frame_size("a frame is longer than 16 384 bytes"));
    }
    Ok(head)
}

const fn frame_size(why: &'static str) -> ConnectionError {
    ConnectionError::new(ErrorCode::FRAME_SIZE_ERROR, why)
}

/// Understands frames, and puts blocks together that come in several.
#[derive(Debug, Clone, Default)]
struct Assembly {
    open: Option<OpenBlock>,
    block: Vec<u8>,
}

#[derive(Debug, Clone, Copy)]
struct OpenBlock {
    stream: u32,
    end: bool,
    continuations: u32,
}

impl Assembly {
    fn understand<'a>(&'a mut self, frame: Frame<'a>) -> Result<Incoming<'a>, ConnectionError> {
        let Frame { head, payload } = frame;
        if self.open.is_some() || head.kind == kind::CONTINUATION {
            return self.continuation(frame);
        }
        match head.kind {
            kind::HEADERS => self.headers(frame),
            kind::DATA => {
                let stream = a_stream(head, "DATA on stream 0")?;
                let content = unpadded(head, payload)?;
                Ok(Incoming::Data {
                    stream,
                    bytes: length(content),
                    counted: length(payload),
                    end: head.is(flag::END_STREAM),
                })
            }
            kind::RST_STREAM => {
                let stream = a_stream(head, "RST_STREAM on stream 0")?;
                let code = word(payload, "RST_STREAM has not 4 bytes")?;
                Ok(Incoming::Reset { stream, code: ErrorCode(code) })
            }
            kind::PRIORITY => {
                a_stream(head, "PRIORITY on stream 0")?;
                let whole = payload.len() == 5;
                whole.then_some(Incoming::Nothing).ok_or(frame_size("PRIORITY has not 5 bytes"))
            }
            kind::SETTINGS => settings(head, payload),
            kind::PUSH_PROMISE => Err(ConnectionError::protocol("PUSH_PROMISE, which is off")),
            kind::PING => {
                the_connection(head, "PING on a stream")?;
                let opaque = payload.try_into();
                let opaque = opaque.map_err(|_| frame_size("PING has not 8 bytes"))?;
                let ack = head.is(flag::ACK);
                Ok(if ack { Incoming::Nothing } else { Incoming::Ping(opaque) })
            }
            kind::GOAWAY => {
                the_connection(head, "GOAWAY on a stream")?;
                let short = || frame_size("GOAWAY has fewer than 8 bytes");
                let (last, rest) = payload.split_first_chunk().ok_or_else(short)?;
                let code = rest.first_chunk().ok_or_else(short)?;
                let last = u32::from_be_bytes(*last) & LARGEST;
                Ok(Incoming::GoAway { last, code: ErrorCode(u32::from_be_bytes(*code)) })
            }
            kind::WINDOW_UPDATE => {
                let increment = word(payload, "WINDOW_UPDATE has not 4 bytes")? & LARGEST;
                Ok(Incoming::WindowUpdate { stream: head.stream, increment })
            }
            _ => Ok(Incoming::Nothing),
        }
    }

    fn headers<'a>(&'a mut self, frame: Frame<'a>) -> Result<Incoming<'a>, ConnectionError> {
        let Frame { head, payload } = frame;
        let stream = a_stream(head, "HEADERS on stream 0")?;
        let mut block = unpadded(head, payload)?;
        if head.is(flag::PRIORITY) {
            block = block.get(5..).ok_or(frame_size("HEADERS too short for its priority"))?;
        }
        let end = head.is(flag::END_STREAM);
        if head.is(flag::END_HEADERS) {
            return Ok(Incoming::Headers { stream, block, end });
        }
        self.open = Some(OpenBlock { stream, end, continuations: 0 });
        self.block.clear();
        self.block.extend_from_slice(block);
        Ok(Incoming::Nothing)
    }

    fn continuation<'a>(&'a mut self, frame: Frame<'a>) -> Result<Incoming<'a>, ConnectionError> {
        const MISPLACED: ConnectionError =
            ConnectionError::protocol("a field block is interrupted, or continued without one");
        let open = self.open.as_mut().ok_or(MISPLACED)?;
        if frame.head.kind != kind::CONTINUATION || frame.head.stream != open.stream {
            return Err(MISPLACED);
        }
        open.continuations += 1;
        let OpenBlock { stream, end, continuations } = *open;
        if continuations > MOST_CONTINUATIONS
            || self.block.len() + frame.payload.len() > LONGEST_BLOCK
        {
            return Err(ConnectionError::new(
                ErrorCode::ENHANCE_YOUR_CALM,
                "a field block is longer than 64 KiB or in more than 64 pieces",
            ));
        }
        self.block.extend_from_slice(frame.payload);
        if !frame.head.is(flag::END_HEADERS) {
            return Ok(Incoming::Nothing);
        }
        self.open = None;
        Ok(Incoming::Headers { stream, block: &self.block, end })
    }
}

fn settings(head: Head, payload: &[u8]) -> Result<Incoming<'_>, ConnectionError> {
    the_connection(head, "SETTINGS on a stream")?;
    if head.is(flag::ACK) {
        let empty = payload.is_empty();
        return empty.then_some(Incoming::SettingsAck).ok_or(frame_size("SETTINGS ACK has bytes"));
    }
    let whole = payload.len().is_multiple_of(6);
    whole.then_some(Incoming::Settings(payload)).ok_or(frame_size("SETTINGS is not in sixes"))
}

fn a_stream(head: Head, otherwise: &'static str) -> Result<u32, ConnectionError> {
    (head.stream != 0).then_some(head.stream).ok_or_else(|| ConnectionError::protocol(otherwise))
}

fn the_connection(head: Head, otherwise: &'static str) -> Result<(), ConnectionError> {
    (head.stream == 0).then_some(()).ok_or_else(|| ConnectionError::protocol(otherwise))
}

fn word(payload: &[u8], otherwise: &'static str) -> Result<u32, ConnectionError> {
    payload.try_into().map(u32::from_be_bytes).map_err(|_| frame_size(otherwise))
}

/// The payload without its padding.
fn unpadded(head: Head, payload: &[u8]) -> Result<&[u8], ConnectionError> {
    if !head.is(flag::PADDED) {
        return Ok(payload);
    }
    let (padding, rest) =
        payload.split_first().ok_or(frame_size("a padded frame without a length of padding"))?;
    let content = rest.len().checked_sub(usize::from(*padding));
    let content = content.ok_or(ConnectionError::protocol("more padding than payload"))?;
    Ok(&rest[..content])
}

fn length(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).expect("a payload is at most 16 384 bytes")
}
