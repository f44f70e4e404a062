//! An incremental reader of HTTP/1.1 answers. It keeps no body, and allocates only for a head that
//! comes in pieces.

use std::mem::MaybeUninit;

/// A longer head than this is refused.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// More header lines than this are refused.
const MOST_HEADERS: usize = 100;

/// Why bytes are not an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// The head does not parse.
    #[error("the head is not HTTP/1.1")]
    Head,
    /// The head has no end.
    #[error("the head is longer than {LONGEST_HEAD} bytes")]
    HeadTooLong,
    /// `content-length` and `transfer-encoding` contradict each other or themselves.
    #[error("the length of the body is not clear")]
    Length,
    /// The chunks do not parse.
    #[error("the chunks are not HTTP/1.1")]
    Chunk,
    /// Bytes came that nobody asked for.
    #[error("bytes follow the answer")]
    Surplus,
}

/// An answer that is complete.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Answer {
    /// The HTTP status.
    pub status: u16,
    /// Bytes of head and body, interim answers included.
    pub bytes: u64,
    /// Whether another request may follow on the connection.
    pub reusable: bool,
}

/// The last head that was read, and what it said. A server's heads mostly are the same bytes from
/// one second's `date` to the next, and equal bytes need not be parsed again. One for all
/// connections of a worker.
#[derive(Debug, Default)]
pub struct KnownHead {
    bytes: Vec<u8>,
    to: Method,
    head: Option<Head>,
}

impl KnownHead {
    /// Longer heads are parsed each time.
    const LONGEST: usize = 4096;

    /// The head at the beginning of these bytes; `None` while it is incomplete.
    fn parse(&mut self, bytes: &[u8], to: Method) -> Result<Option<Head>, Malformed> {
        if let Some(head) = self.head
            && self.to == to
            && bytes.starts_with(&self.bytes)
        {
            return Ok(Some(head));
        }
        let parsed = parse_head(bytes, to)?;
        self.head = parsed.filter(|head| head.length <= Self::LONGEST);
        if let Some(head) = self.head {
            self.bytes.clear();
            self.bytes.extend_from_slice(&bytes[..head.length]);
            self.to = to;
        }
        Ok(parsed)
    }
}

/// What was asked, as far as it decides how the answer ends (RFC 9112 §6.3).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Method {
    /// The answer has a body unless its status or its head say otherwise.
    #[default]
    Any,
    /// No body, whatever the head says.
    Head,
    /// A 2xx has no body: what follows is the tunnel.
    Connect,
}

/// Reads answers from bytes as they come, in pieces of any size.
#[derive(Debug, Clone, Default)]
pub struct AnswerReader {
    to: Method,
    /// An incomplete head, or an incomplete line between chunks.
    kept: Vec<u8>,
    bytes: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Head,
    /// This many bytes of body are still to come.
    Length { status: u16, reusable: bool, left: u64 },
    /// Chunks are still to come.
    Chunked { status: u16, reusable: bool, part: ChunkPart },
    /// The body ends with the connection.
    UntilClose { status: u16 },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkPart {
    /// A line with the next chunk's size.
    Size,
    /// This many bytes of data.
    Data { left: u64 },
    /// The line end after data.
    DataEnd,
    /// Trailer lines, up to an empty one.
    Trailer,
}

/// What a head says about the body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl AnswerReader {
    /// The next answer is to a request of that method.
    pub fn expect(&mut self, to: Method) {
        self.to = to;
    }

    /// Whether nothing of an answer has come yet.
    #[must_use]
    pub fn is_fresh(&self) -> bool {
        self.bytes == 0 && self.kept.is_empty()
    }

    /// Forgets everything, for a new connection.
    pub fn reset(&mut self) {
        self.kept.clear();
        self.bytes = 0;
        self.state = State::Head;
    }

    /// Takes the next bytes. Returns the answer when they complete it; the reader is then ready
    /// for the next one.
    pub fn feed(
        &mut self,
        mut input: &[u8],
        known: &mut KnownHead,
    ) -> Result<Option<Answer>, Malformed> {
        while !input.is_empty() {
            let done = match self.state {
                State::Head => self.feed_head(&mut input, known)?,
                State::Length { status, reusable, left } => {
                    let left = left - self.skip(&mut input, left);
                    self.state = State::Length { status, reusable, left };
                    (left == 0).then_some((status, reusable))
                }
                State::Chunked { status, reusable, part } => {
                    match self.feed_chunked(&mut input, part)? {
                        Some(part) => {
                            self.state = State::Chunked { status, reusable, part };
                            None
                        }
                        None => Some((status, reusable)),
                    }
                }
                State::UntilClose { .. } => {
                    self.skip(&mut input, u64::MAX);
                    None
                }
            };
            if let Some((status, reusable)) = done {
                let answer = Answer { status, bytes: self.bytes, reusable };
                self.reset();
                // One request is in flight at most: nothing may follow its answer.
                return if input.is_empty() { Ok(Some(answer)) } else { Err(Malformed::Surplus) };
            }
        }
        Ok(None)
    }

    /// The connection was closed by the peer: an answer that ends with the connection is complete.
    pub fn finish(&mut self) -> Option<Answer> {
        let State::UntilClose { status } = self.state else { return None };
        let answer = Answer { status, bytes: self.bytes, reusable: false };
        self.reset();
        Some(answer)
    }

    /// Passes over at most `most` bytes; returns how many.
    fn skip(&mut self, input: &mut &[u8], most: u64) -> u64 {
        let taken = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
        *input = &input[taken..];
        let taken = u64::try_from(taken).expect("usize has at most 64 bits here");
        self.bytes += taken;
        taken
    }

    /// Reads a head, from the input alone when it is whole there. Returns status and reusability
    /// when no body follows.
    fn feed_head(
        &mut self,
        input: &mut &[u8],
        known: &mut KnownHead,
    ) -> Result<Option<(u16, bool)>, Malformed> {
        let before = self.kept.len();
        let parsed = if before == 0 {
            known.parse(input, self.to)?
        } else {
            self.kept.extend_from_slice(input);
            known.parse(&self.kept, self.to)?
        };
        let Some(head) = parsed else {
            if before == 0 {
                self.kept.extend_from_slice(input);
            }
            *input = &[];
            return if self.kept.len() > LONGEST_HEAD {
                Err(Malformed::HeadTooLong)
            } else {
                Ok(None)
            };
        };
        *input = &input[head.length - before..];
        self.kept.clear();
        self.bytes += u64::try_from(head.length).expect("usize has at most 64 bits here");
        if head.interim {
            return Ok(None);
        }
        let Head { status, reusable, .. } = head;
        self.state = match head.body {
            Body::None | Body::Length(0) => return Ok(Some((status, reusable))),
            Body::Length(left) => State::Length { status, reusable, left },
            Body::Chunked => State::Chunked { status, reusable, part: ChunkPart::Size },
            Body::UntilClose => State::UntilClose { status },
        };
        Ok(None)
    }

    /// Reads one part of a chunked body. Returns the part that follows, or `None` at the end.
    fn feed_chunked(
        &mut self,
        input: &mut &[u8],
        part: ChunkPart,
    ) -> Result<Option<ChunkPart>, Malformed> {
        if let ChunkPart::Data { left } = part {
            let left = left - self.skip(input, left);
            return Ok(Some(if left == 0 { ChunkPart::DataEnd } else { ChunkPart::Data { left } }));
        }
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        // A line that is whole here is read in place.
        let in_pieces = end.is_none() || !self.kept.is_empty();
        if in_pieces {
            self.kept.extend_from_slice(&input[..taken]);
        }
        let line = if in_pieces { self.kept.as_slice() } else { &input[..taken] };
        if line.len() > LONGEST_HEAD {
            return Err(Malformed::Chunk);
        }
        let next = if end.is_some() { behind_line(line, part)? } else { Some(part) };
        self.skip(input, u64::try_from(taken).expect("usize has at most 64 bits here"));
        if end.is_some() {
            self.kept.clear();
        }
        Ok(next)
    }
}

/// What follows a line between chunks or of the trailer; `None` for the end.
fn behind_line(line: &[u8], part: ChunkPart) -> Result<Option<ChunkPart>, Malformed> {
    let line = line.strip_suffix(b"\r\n").ok_or(Malformed::Chunk)?;
    match part {
        ChunkPart::Trailer if line.is_empty() => Ok(None),
        ChunkPart::Trailer if is_field(line) => Ok(Some(ChunkPart::Trailer)),
        ChunkPart::DataEnd if line.is_empty() => Ok(Some(ChunkPart::Size)),
        ChunkPart::Trailer | ChunkPart::DataEnd => Err(Malformed::Chunk),
        ChunkPart::Size | ChunkPart::Data { .. } => match chunk_size(line)? {
            0 => Ok(Some(ChunkPart::Trailer)),
            left => Ok(Some(ChunkPart::Data { left })),
        },
    }
}

/// Whether a line of the trailer is `name: value` (RFC 9112 §5).
fn is_field(line: &[u8]) -> bool {
    let token = |byte: &u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(byte);
    let text = |byte: &u8| *byte == b'\t' || !byte.is_ascii_control();
    line.iter().position(|byte| *byte == b':').is_some_and(|colon| {
        let (name, value) = line.split_at(colon);
        !name.is_empty() && name.iter().all(token) && value.iter().all(text)
    })
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Head {
    status: u16,
    reusable: bool,
    /// A 1xx that another head follows.
    interim: bool,
    body: Body,
    /// Bytes of it.
    length: usize,
}

fn parse_head(bytes: &[u8], to: Method) -> Result<Option<Head>, Malformed> {
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut []);
    let parser = httparse::ParserConfig::default();
    let length = match parser.parse_response_with_uninit_headers(&mut response, bytes, &mut headers)
    {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed::Head),
    };
    let status = response.code.filter(|status| *status >= 100).ok_or(Malformed::Head)?;
    let http11 = response.version == Some(1);
    let framing = Framing::of(response.headers)?;
    // HTTP/1.0 has no chunks: whoever says so is not to be believed (RFC 9112 §6.1).
    if framing.chunked && !http11 {
        return Err(Malformed::Length);
    }
    let none = match to {
        Method::Head => true,
        Method::Connect => (200..300).contains(&status),
        Method::Any => false,
    };
    let body = if none || status == 204 || status == 304 || (100..200).contains(&status) {
        Body::None
    } else if framing.chunked {
        Body::Chunked
    } else {
        framing.length.map_or(Body::UntilClose, Body::Length)
    };
    // 101 ends HTTP on this connection; nobody here asks for it.
    if status == 101 {
        return Err(Malformed::Head);
    }
    Ok(Some(Head {
        status,
        reusable: !framing.close && (http11 || framing.keep_alive),
        interim: (100..200).contains(&status),
        body,
        length,
    }))
}

/// What the headers say about length and reuse (RFC 9112 §6.3, §9.3).
#[derive(Default)]
struct Framing {
    length: Option<u64>,
    chunked: bool,
    close: bool,
    keep_alive: bool,
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, Malformed> {
        let mut framing = Self::default();
        for header in headers {
            if header.name.eq_ignore_ascii_case("content-length") {
                let length = decimal(header.value).ok_or(Malformed::Length)?;
                if framing.length.is_some_and(|earlier| earlier != length) {
                    return Err(Malformed::Length);
                }
                framing.length = Some(length);
            } else if header.name.eq_ignore_ascii_case("transfer-encoding") {
                // Only a final `chunked` frames a body that can be followed by another answer.
                if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                    return Err(Malformed::Length);
                }
                framing.chunked = true;
            } else if header.name.eq_ignore_ascii_case("connection") {
                for token in header.value.split(|byte| *byte == b',') {
                    framing.close |= token.trim_ascii().eq_ignore_ascii_case(b"close");
                    framing.keep_alive |= token.trim_ascii().eq_ignore_ascii_case(b"keep-alive");
                }
            }
        }
        if framing.chunked && framing.length.is_some() {
            return Err(Malformed::Length);
        }
        Ok(framing)
    }
}

fn decimal(bytes: &[u8]) -> Option<u64> {
    let text = std::str::from_utf8(bytes.trim_ascii()).ok()?;
    // `parse` would accept a plus sign.
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

/// The size before an optional extension, at most 2⁵³.
fn chunk_size(line: &[u8]) -> Result<u64, Malformed> {
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii_end();
    if line.contains(&b'\r') {
        return Err(Malformed::Chunk);
    }
    let text = std::str::from_utf8(digits).map_err(|_| Malformed::Chunk)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || text.len() > 13 {
        return Err(Malformed::Chunk);
    }
    u64::from_str_radix(text, 16).map_err(|_| Malformed::Chunk)
}
