//! HTTP/1.1 on the measured path: a request serialised once, and an incremental reader of answers
//! that keeps no body. Knows no socket and no time.

use scenarios::load::RequestSpec;

/// A longer head than this is refused.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// More header lines than this are refused.
const MOST_HEADERS: usize = 128;

/// The bytes of a request, serialised once for the whole trial.
#[must_use]
pub fn request_bytes(request: &RequestSpec, host: &str) -> Vec<u8> {
    let mut text = format!("{} {} HTTP/1.1\r\nhost: {host}\r\n", request.method, request.path);
    for (name, value) in &request.headers {
        text.push_str(name);
        text.push_str(": ");
        text.push_str(value);
        text.push_str("\r\n");
    }
    // A method that usually has a body says when it has none (RFC 9110 §8.6).
    let usually_has_body = matches!(request.method.as_str(), "POST" | "PUT" | "PATCH");
    if !request.body.is_empty() || usually_has_body {
        text.push_str(&format!("content-length: {}\r\n", request.body.len()));
    }
    text.push_str("\r\n");
    text.push_str(&request.body);
    text.into_bytes()
}

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

/// Reads answers from bytes as they come, in pieces of any size.
#[derive(Debug, Clone)]
pub struct AnswerReader {
    /// Whether the request was a HEAD, whose answer has no body whatever its head says.
    to_head: bool,
    /// An incomplete head, or an incomplete line between chunks.
    kept: Vec<u8>,
    bytes: u64,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Head,
    /// This many bytes of body are still to come.
    Length {
        status: u16,
        reusable: bool,
        left: u64,
    },
    /// Chunks are still to come.
    Chunked {
        status: u16,
        reusable: bool,
        part: ChunkPart,
    },
    /// The body ends with the connection.
    UntilClose {
        status: u16,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum ChunkPart {
    /// A line with the next chunk's size.
    Size,
    /// This many bytes of data, the line end after them included.
    Data { left: u64 },
    /// Trailer lines, up to an empty one.
    Trailer,
}

/// What a head says about the body.
enum Body {
    None,
    Length(u64),
    Chunked,
    UntilClose,
}

impl AnswerReader {
    /// A reader for answers to requests of that method.
    #[must_use]
    pub fn for_method(method: &str) -> Self {
        Self { to_head: method == "HEAD", kept: Vec::new(), bytes: 0, state: State::Head }
    }

    /// Forgets everything, for a new connection.
    pub fn reset(&mut self) {
        self.kept.clear();
        self.bytes = 0;
        self.state = State::Head;
    }

    /// Takes the next bytes. Returns the answer when they complete it; the reader is then ready
    /// for the next one.
    pub fn feed(&mut self, mut input: &[u8]) -> Result<Option<Answer>, Malformed> {
        while !input.is_empty() {
            let done = match self.state {
                State::Head => self.feed_head(&mut input)?,
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
    fn feed_head(&mut self, input: &mut &[u8]) -> Result<Option<(u16, bool)>, Malformed> {
        let before = self.kept.len();
        let parsed = if before == 0 {
            parse_head(input, self.to_head)?
        } else {
            self.kept.extend_from_slice(input);
            parse_head(&self.kept, self.to_head)?
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
            return Ok(Some(if left == 0 { ChunkPart::Size } else { ChunkPart::Data { left } }));
        }
        let Some(line) = self.take_line(input)? else { return Ok(Some(part)) };
        match part {
            ChunkPart::Trailer if line.is_empty() => Ok(None),
            ChunkPart::Trailer => Ok(Some(ChunkPart::Trailer)),
            _ => match chunk_size(&line)? {
                0 => Ok(Some(ChunkPart::Trailer)),
                // The data is followed by a line end of two bytes.
                size => Ok(Some(ChunkPart::Data { left: size + 2 })),
            },
        }
    }

    /// Takes a line up to CR LF, without them. `None` while it is incomplete.
    fn take_line(&mut self, input: &mut &[u8]) -> Result<Option<Vec<u8>>, Malformed> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        self.kept.extend_from_slice(&input[..taken]);
        self.skip(input, u64::try_from(taken).expect("usize has at most 64 bits here"));
        if self.kept.len() > LONGEST_HEAD {
            return Err(Malformed::Chunk);
        }
        if end.is_none() {
            return Ok(None);
        }
        let line = std::mem::take(&mut self.kept);
        line.strip_suffix(b"\r\n").map(|line| Some(line.to_vec())).ok_or(Malformed::Chunk)
    }
}

struct Head {
    status: u16,
    reusable: bool,
    /// A 1xx that another head follows.
    interim: bool,
    body: Body,
    /// Bytes of it.
    length: usize,
}

fn parse_head(bytes: &[u8], to_head: bool) -> Result<Option<Head>, Malformed> {
    let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
    let mut response = httparse::Response::new(&mut headers);
    let length = match response.parse(bytes) {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return Ok(None),
        Err(_) => return Err(Malformed::Head),
    };
    let status = response.code.ok_or(Malformed::Head)?;
    let http11 = response.version == Some(1);
    let framing = Framing::of(response.headers)?;
    let body = if to_head || status == 204 || status == 304 || (100..200).contains(&status) {
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
        reusable: (http11 && !framing.close) || (!http11 && framing.keep_alive),
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
    let digits = line.split(|byte| *byte == b';').next().unwrap_or_default().trim_ascii();
    let text = std::str::from_utf8(digits).map_err(|_| Malformed::Chunk)?;
    if text.is_empty() || !text.bytes().all(|byte| byte.is_ascii_hexdigit()) || text.len() > 13 {
        return Err(Malformed::Chunk);
    }
    u64::from_str_radix(text, 16).map_err(|_| Malformed::Chunk)
}

#[cfg(test)]
mod tests;
