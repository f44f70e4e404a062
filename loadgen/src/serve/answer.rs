//! Answers, serialised once for the whole life of a server. Knows no socket and no time.

use std::ops::Range;

use super::request::Asked;

/// A chunk of a chunked answer has at most this many bytes.
const CHUNK: usize = 16 * 1024;

/// What every request is answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerSpec {
    /// 200 to 599.
    pub status: u16,
    /// Further headers, in this order.
    pub headers: Vec<(String, String)>,
    /// Bytes of the body.
    pub body_bytes: usize,
    /// Whether an HTTP/1.1 body is sent in chunks instead of with its length.
    pub chunked: bool,
}

impl Default for AnswerSpec {
    fn default() -> Self {
        Self { status: 200, headers: Vec::new(), body_bytes: 64, chunked: false }
    }
}

impl AnswerSpec {
    /// What can not be answered so, in words; all of it.
    #[must_use]
    pub fn mistakes(&self) -> Vec<String> {
        let mut mistakes = Vec::new();
        if !(200..=599).contains(&self.status) {
            mistakes.push(format!("expected a final status, 200 to 599, found {}", self.status));
        }
        if self.bodyless() && self.body_bytes > 0 {
            mistakes.push(format!(
                "an answer with status {} has no body, found {} bytes of it; say --body-bytes 0",
                self.status, self.body_bytes
            ));
        }
        mistakes
    }

    fn bodyless(&self) -> bool {
        matches!(self.status, 204 | 304)
    }
}

/// A header as it is typed, `name: value`. Those that frame the answer are not free to choose.
pub fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text
        .split_once(':')
        .ok_or_else(|| format!("expected `name: value`, found `{text}` without a colon"))?;
    let value = value.trim();
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if name.is_empty() || !name.bytes().all(token) {
        return Err(format!("`{name}` is no header name (RFC 9110 §5.1)"));
    }
    if value.bytes().any(|byte| byte < b' ' && byte != b'\t' || byte == 0x7f) {
        return Err(format!("the value of `{name}` has control characters"));
    }
    let name = name.to_ascii_lowercase();
    if ["content-length", "transfer-encoding", "connection"].contains(&name.as_str()) {
        return Err(format!("`{name}` follows from --body-bytes, --chunked and the request"));
    }
    Ok((name, value.to_owned()))
}

/// One of the texts that a server may send.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Text {
    /// To HTTP/1.1, and another request may follow.
    Keep,
    /// To HTTP/1.1, the last one.
    Close,
    /// To HTTP/1.0, and another request may follow.
    OldKeep,
    /// To HTTP/1.0, the last one.
    OldClose,
    /// The interim answer to `expect: 100-continue`.
    Continue,
    /// To what is no request.
    Malformed,
    /// No HTTP at all.
    Garbage,
}

const TEXTS: usize = 7;

/// All texts of one server.
#[derive(Debug)]
pub(super) struct Answers {
    texts: [(Vec<u8>, usize); TEXTS],
}

impl Answers {
    pub(super) fn new(spec: &AnswerSpec) -> Self {
        let whole = |text: &[u8]| (text.to_vec(), text.len());
        Self {
            texts: [
                serialise(spec, spec.chunked, None),
                serialise(spec, spec.chunked, Some("close")),
                serialise(spec, false, Some("keep-alive")),
                serialise(spec, false, Some("close")),
                whole(b"HTTP/1.1 100 Continue\r\n\r\n"),
                whole(
                    b"HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
                ),
                whole(b"\x16\x03\x01 this is no answer \x00\xff\r\n\r\n"),
            ],
        }
    }

    pub(super) fn bytes(&self, text: Text, range: Range<usize>) -> &[u8] {
        &self.texts[text as usize].0[range]
    }

    /// How many bytes the text has.
    pub(super) fn length(&self, text: Text) -> usize {
        self.texts[text as usize].0.len()
    }

    /// The text for a request, and how many bytes of it.
    pub(super) fn to(&self, asked: Asked) -> (Text, usize) {
        let text = match (asked.old, asked.keep_alive) {
            (false, true) => Text::Keep,
            (false, false) => Text::Close,
            (true, true) => Text::OldKeep,
            (true, false) => Text::OldClose,
        };
        let (bytes, head) = &self.texts[text as usize];
        (text, if asked.head_only { *head } else { bytes.len() })
    }
}

/// The text, and how many bytes of it are the head.
fn serialise(spec: &AnswerSpec, chunked: bool, connection: Option<&str>) -> (Vec<u8>, usize) {
    let mut head = format!("HTTP/1.1 {} {}\r\n", spec.status, reason(spec.status));
    for (name, value) in &spec.headers {
        head.push_str(&format!("{name}: {value}\r\n"));
    }
    if let Some(connection) = connection {
        head.push_str(&format!("connection: {connection}\r\n"));
    }
    // 204 must not say a length (RFC 9110 §8.6), and 304 need not.
    if !spec.bodyless() {
        head.push_str(&if chunked {
            "transfer-encoding: chunked\r\n".to_owned()
        } else {
            format!("content-length: {}\r\n", spec.body_bytes)
        });
    }
    head.push_str("\r\n");
    let length = head.len();
    let mut text = head.into_bytes();
    let body = body(spec);
    if chunked && !spec.bodyless() {
        for chunk in body.chunks(CHUNK) {
            text.extend_from_slice(format!("{:x}\r\n", chunk.len()).as_bytes());
            text.extend_from_slice(chunk);
            text.extend_from_slice(b"\r\n");
        }
        text.extend_from_slice(b"0\r\n\r\n");
    } else {
        text.extend_from_slice(&body);
    }
    (text, length)
}

/// Printable, and not the same byte all over, so that a lost or doubled piece shows.
fn body(spec: &AnswerSpec) -> Vec<u8> {
    (b'a'..=b'z').cycle().take(spec.body_bytes).collect()
}

/// The usual phrase of the usual ones; clients ignore it (RFC 9112 §4), and it may be empty.
fn reason(status: u16) -> &'static str {
    match status {
        200 => "OK",
        204 => "No Content",
        304 => "Not Modified",
        403 => "Forbidden",
        404 => "Not Found",
        429 => "Too Many Requests",
        500 => "Internal Server Error",
        503 => "Service Unavailable",
        _ => "",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(spec: &AnswerSpec, asked: Asked) -> String {
        let answers = Answers::new(spec);
        let (text, length) = answers.to(asked);
        String::from_utf8(answers.bytes(text, 0..length).to_vec()).unwrap()
    }

    const ASKED: Asked = Asked { head_only: false, old: false, keep_alive: true };

    #[test]
    fn an_answer_is_framed_as_the_request_can_take_it() {
        let spec = AnswerSpec { body_bytes: 3, chunked: true, ..AnswerSpec::default() };
        let chunks = "transfer-encoding: chunked\r\n\r\n";
        assert_eq!(text(&spec, ASKED), format!("HTTP/1.1 200 OK\r\n{chunks}3\r\nabc\r\n0\r\n\r\n"));
        assert_eq!(
            text(&spec, Asked { head_only: true, ..ASKED }),
            format!("HTTP/1.1 200 OK\r\n{chunks}")
        );
        assert_eq!(
            text(&spec, Asked { old: true, keep_alive: false, head_only: false }),
            "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc"
        );
        assert_eq!(
            text(&spec, Asked { old: true, ..ASKED }),
            "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc"
        );
    }

    #[test]
    fn statuses_without_a_body_have_none() {
        let spec =
            AnswerSpec { status: 204, body_bytes: 0, chunked: true, ..AnswerSpec::default() };
        assert_eq!(text(&spec, ASKED), "HTTP/1.1 204 No Content\r\n\r\n");
        assert_eq!(AnswerSpec { status: 204, ..AnswerSpec::default() }.mistakes().len(), 1);
        assert_eq!(AnswerSpec { status: 99, ..AnswerSpec::default() }.mistakes().len(), 1);
    }

    #[test]
    fn a_long_chunked_body_has_several_chunks() {
        let spec = AnswerSpec { body_bytes: CHUNK + 1, chunked: true, ..AnswerSpec::default() };
        assert!(text(&spec, ASKED).ends_with("\r\n1\r\nk\r\n0\r\n\r\n"));
    }

    #[test]
    fn headers_that_frame_the_answer_are_not_free_to_choose() {
        assert_eq!(header("X-Y:  z "), Ok(("x-y".to_owned(), "z".to_owned())));
        for wrong in
            ["x", ": y", "a b: c", "a: b\r\nc: d", "Content-Length: 3", "connection: close"]
        {
            assert!(header(wrong).is_err(), "{wrong:?}");
        }
    }
}
