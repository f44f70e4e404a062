//! Reads HTTP/1.1 requests from bytes as they come, in pieces of any size, and keeps nothing of
//! them but what decides the answer. Knows no socket, no time and no answer.

use std::mem::MaybeUninit;

/// A longer head than this is refused.
pub const LONGEST_HEAD: usize = 64 * 1024;

/// More header lines than this are refused.
const MOST_HEADERS: usize = 100;

/// A longer line between chunks is refused.
const LONGEST_CHUNK_LINE: usize = 8 * 1024;

/// Why bytes are not a request.
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
}

/// A request that is whole, as far as it decides the form of its answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked {
    /// HEAD: an answer without its body.
    pub head_only: bool,
    /// HTTP/1.0: no chunks, and a connection that ends unless it is asked not to.
    pub old: bool,
    /// Whether another request may follow on the connection.
    pub keep_alive: bool,
}

/// What the bytes came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Step {
    /// The peer waits for a `100 Continue` before it sends the body.
    Continue,
    /// A request is whole, its body included.
    Request(Asked),
}

/// Reads the requests of one connection, one after the other.
#[derive(Debug, Clone, Default)]
pub struct RequestReader {
    /// An incomplete head, or an incomplete line between chunks.
    kept: Vec<u8>,
    state: State,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
enum State {
    #[default]
    Head,
    /// This many bytes of body are still to come.
    Length { asked: Asked, left: u64 },
    /// Chunks are still to come.
    Chunked { asked: Asked, part: ChunkPart },
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

impl RequestReader {
    /// Takes bytes from the front of `input` until something is to be done. `None` means that all
    /// were taken and more are needed. After an error the bytes that follow have no meaning.
    pub fn next(&mut self, input: &mut &[u8]) -> Result<Option<Step>, Malformed> {
        loop {
            let whole = match self.state {
                State::Head => match self.head(input)? {
                    None => return Ok(None),
                    Some(head) => match head.body {
                        Body::Length(0) => Some(head.asked),
                        body => {
                            self.state = match body {
                                Body::Length(left) => State::Length { asked: head.asked, left },
                                Body::Chunked => {
                                    State::Chunked { asked: head.asked, part: ChunkPart::Size }
                                }
                            };
                            if head.expects_continue {
                                return Ok(Some(Step::Continue));
                            }
                            None
                        }
                    },
                },
                State::Length { asked, left } => {
                    let left = left - skip(input, left);
                    self.state = State::Length { asked, left };
                    (left == 0).then_some(asked)
                }
                State::Chunked { asked, part } => match self.chunked(input, part)? {
                    Some(part) => {
                        self.state = State::Chunked { asked, part };
                        None
                    }
                    None => Some(asked),
                },
            };
            if let Some(asked) = whole {
                self.state = State::Head;
                return Ok(Some(Step::Request(asked)));
            }
            if input.is_empty() {
                return Ok(None);
            }
        }
    }

    /// Reads a head, from the input alone when it is whole there.
    fn head(&mut self, input: &mut &[u8]) -> Result<Option<Head>, Malformed> {
        let before = self.kept.len();
        let parsed = if before == 0 {
            parse_head(input)?
        } else {
            self.kept.extend_from_slice(input);
            parse_head(&self.kept)?
        };
        match parsed {
            Some(head) => {
                *input = &input[head.length - before..];
                self.kept.clear();
                Ok(Some(head))
            }
            None => {
                if before == 0 {
                    self.kept.extend_from_slice(input);
                }
                *input = &[];
                Ok(None)
            }
        }
    }

    /// Reads one part of a chunked body. Returns the part that follows, or `None` at the end.
    fn chunked(
        &mut self,
        input: &mut &[u8],
        part: ChunkPart,
    ) -> Result<Option<ChunkPart>, Malformed> {
        if let ChunkPart::Data { left } = part {
            let left = left - skip(input, left);
            return Ok(Some(if left == 0 { ChunkPart::DataEnd } else { ChunkPart::Data { left } }));
        }
        if !self.take_line(input)? {
            return Ok(Some(part));
        }
        let line = self.kept.strip_suffix(b"\r\n").ok_or(Malformed::Chunk)?;
        let next = match part {
            ChunkPart::Trailer if line.is_empty() => None,
            ChunkPart::Trailer => Some(ChunkPart::Trailer),
            ChunkPart::DataEnd if line.is_empty() => Some(ChunkPart::Size),
            ChunkPart::DataEnd => return Err(Malformed::Chunk),
            ChunkPart::Size | ChunkPart::Data { .. } => match chunk_size(line)? {
                0 => Some(ChunkPart::Trailer),
                left => Some(ChunkPart::Data { left }),
            },
        };
        self.kept.clear();
        Ok(next)
    }

    /// Moves bytes up to a line feed into `kept`. Returns whether the line is whole.
    fn take_line(&mut self, input: &mut &[u8]) -> Result<bool, Malformed> {
        let end = input.iter().position(|byte| *byte == b'\n');
        let taken = end.map_or(input.len(), |end| end + 1);
        if self.kept.len() + taken > LONGEST_CHUNK_LINE {
            return Err(Malformed::Chunk);
        }
        self.kept.extend_from_slice(&input[..taken]);
        *input = &input[taken..];
        Ok(end.is_some())
    }
}

/// Passes over at most `most` bytes; returns how many.
fn skip(input: &mut &[u8], most: u64) -> u64 {
    let taken = usize::try_from(most).unwrap_or(usize::MAX).min(input.len());
    *input = &input[taken..];
    u64::try_from(taken).expect("usize has at most 64 bits here")
}

/// What a head says about the body.
#[derive(Clone, Copy)]
enum Body {
    Length(u64),
    Chunked,
}

struct Head {
    asked: Asked,
    body: Body,
    expects_continue: bool,
    /// Bytes of it.
    length: usize,
}

/// Looks at whole lines only, and at no more than a head may have: so the same bytes come to the
/// same end however they are split.
fn parse_head(bytes: &[u8]) -> Result<Option<Head>, Malformed> {
    let window = &bytes[..bytes.len().min(LONGEST_HEAD)];
    let full = window.len() == LONGEST_HEAD;
    let unclear = if full { Err(Malformed::HeadTooLong) } else { Ok(None) };
    let Some(line_feed) = window.iter().rposition(|byte| *byte == b'\n') else { return unclear };
    let mut headers = [const { MaybeUninit::uninit() }; MOST_HEADERS];
    let mut request = httparse::Request::new(&mut []);
    let parsed = request.parse_with_uninit_headers(&window[..=line_feed], &mut headers);
    let length = match parsed {
        Ok(httparse::Status::Complete(length)) => length,
        Ok(httparse::Status::Partial) => return unclear,
        Err(_) => return Err(Malformed::Head),
    };
    let old = request.version == Some(0);
    let framing = Framing::of(request.headers)?;
    let keep_alive = if old { framing.keep_alive && !framing.close } else { !framing.close };
    let head_only = request.method == Some("HEAD");
    Ok(Some(Head {
        asked: Asked { head_only, old, keep_alive },
        body: if framing.chunked {
            Body::Chunked
        } else {
            Body::Length(framing.length.unwrap_or(0))
        },
        expects_continue: framing.expects_continue && !old,
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
    expects_continue: bool,
}

impl Framing {
    fn of(headers: &[httparse::Header<'_>]) -> Result<Self, Malformed> {
        let mut framing = Self::default();
        for header in headers {
            // Most names are told apart by their length alone.
            match header.name.len() {
                6 if header.name.eq_ignore_ascii_case("expect") => {
                    framing.expects_continue |=
                        header.value.trim_ascii().eq_ignore_ascii_case(b"100-continue");
                }
                10 if header.name.eq_ignore_ascii_case("connection") => {
                    for token in header.value.split(|byte| *byte == b',') {
                        let token = token.trim_ascii();
                        framing.close |= token.eq_ignore_ascii_case(b"close");
                        framing.keep_alive |= token.eq_ignore_ascii_case(b"keep-alive");
                    }
                }
                14 if header.name.eq_ignore_ascii_case("content-length") => {
                    let length = decimal(header.value).ok_or(Malformed::Length)?;
                    if framing.length.is_some_and(|earlier| earlier != length) {
                        return Err(Malformed::Length);
                    }
                    framing.length = Some(length);
                }
                17 if header.name.eq_ignore_ascii_case("transfer-encoding") => {
                    // A request whose body has any other coding has no end (RFC 9112 §6.3).
                    if !header.value.trim_ascii().eq_ignore_ascii_case(b"chunked") {
                        return Err(Malformed::Length);
                    }
                    framing.chunked = true;
                }
                _ => {}
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

/// The size before an optional extension, below 2⁵².
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
