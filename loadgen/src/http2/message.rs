//! Requests and answers as field blocks, encoded once and sent as often as one likes. Knows what
//! HTTP allows in a field (RFC 9113 §8.2), no stream and no connection.

use std::sync::Arc;

use super::hpack;

/// What a request asks for, besides its fields.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestLine<'a> {
    /// An HTTP method token, e.g. `GET`.
    pub method: &'a str,
    /// `http` or `https`.
    pub scheme: &'a str,
    /// Host, and port where it is not the scheme's own.
    pub authority: &'a str,
    /// An absolute path with an optional query.
    pub path: &'a str,
}

/// Fields that HTTP/2 cannot carry: every one, and why.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.join("; "))]
pub struct Unsendable(pub Vec<String>);

/// The head of a request. The same bytes for every stream, so that sending it is copying it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeaderBlock {
    pub(super) block: Vec<u8>,
    /// Whether the method is HEAD, whose answer has no body whatever its fields say.
    pub(super) to_head: bool,
}

impl HeaderBlock {
    /// Encodes a request. Names are put in lower case, as HTTP/2 wants them.
    ///
    /// # Errors
    ///
    /// Names and values that are not HTTP's, and fields that concern one connection of HTTP/1.1.
    pub fn request<'a>(
        line: RequestLine<'_>,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Unsendable> {
        let pseudo = [
            (":method", line.method),
            (":scheme", line.scheme),
            (":authority", line.authority),
            (":path", line.path),
        ];
        let block = block(&pseudo, fields)?;
        Ok(Self { block, to_head: line.method == "HEAD" })
    }

    /// Bytes of it, as they are sent.
    #[must_use]
    pub fn length(&self) -> usize {
        self.block.len()
    }
}

/// The head of an answer, and the trailers if there are any.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AnswerBlock {
    pub(super) head: Vec<u8>,
    pub(super) trailers: Option<Arc<[u8]>>,
}

impl AnswerBlock {
    /// Encodes an answer.
    ///
    /// # Errors
    ///
    /// As for [`HeaderBlock::request`]; also a status that is not final, 200 to 999.
    pub fn new<'a>(
        status: u16,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Unsendable> {
        if !(200..1000).contains(&status) {
            return Err(Unsendable(vec![format!("a status is 200 to 999, not {status}")]));
        }
        Ok(Self { head: block(&[(":status", &status.to_string())], fields)?, trailers: None })
    }

    /// Adds fields that follow the body.
    ///
    /// # Errors
    ///
    /// As for [`HeaderBlock::request`].
    pub fn with_trailers<'a>(
        self,
        fields: impl IntoIterator<Item = (&'a str, &'a str)>,
    ) -> Result<Self, Unsendable> {
        Ok(Self { trailers: Some(block(&[], fields)?.into()), ..self })
    }
}

fn block<'a>(
    pseudo: &[(&str, &str)],
    fields: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<u8>, Unsendable> {
    let mut block = Vec::new();
    let mut mistakes = Vec::new();
    for (name, value) in pseudo {
        if !is_value(value) {
            mistakes.push(format!("{name} has a control character in it: {value:?}"));
        }
        hpack::encode(name.as_bytes(), value.as_bytes(), &mut block);
    }
    for (name, value) in fields {
        let name = name.to_ascii_lowercase();
        // White space around a value is no part of it, and must not be sent.
        let value = value.trim_matches([' ', '\t']);
        match mistake(&name, value) {
            Some(mistake) => mistakes.push(mistake),
            None => hpack::encode(name.as_bytes(), value.as_bytes(), &mut block),
        }
    }
    if mistakes.is_empty() { Ok(block) } else { Err(Unsendable(mistakes)) }
}

/// What is wrong with a field. The name is in lower case.
fn mistake(name: &str, value: &str) -> Option<String> {
    if !is_name(name.as_bytes()) {
        return Some(format!("{name:?} is not the name of a field"));
    }
    if is_of_a_connection(name.as_bytes(), value.as_bytes()) {
        return Some(format!("`{name}: {value}` concerns a connection of HTTP/1.1; leave it out"));
    }
    if name == "host" {
        return Some("`host` is the request's authority here; leave it out".to_owned());
    }
    (!is_value(value)).then(|| format!("{name} has a control character in it: {value:?}"))
}

/// A token in lower case (RFC 9110 §5.1, RFC 9113 §8.2.1).
pub(super) fn is_name(name: &[u8]) -> bool {
    let token = |byte: &u8| {
        byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"!#$%&'*+-.^_`|~".contains(byte)
    };
    !name.is_empty() && name.iter().all(token)
}

/// Fields that make a message malformed (RFC 9113 §8.2.2).
pub(super) fn is_of_a_connection(name: &[u8], value: &[u8]) -> bool {
    match name {
        b"connection" | b"keep-alive" | b"proxy-connection" | b"transfer-encoding" | b"upgrade" => {
            true
        }
        b"te" => !value.eq_ignore_ascii_case(b"trailers"),
        _ => false,
    }
}

/// A decimal number of at most so many digits.
pub(super) fn decimal(text: &[u8], most_digits: usize) -> Option<u64> {
    if text.is_empty() || text.len() > most_digits {
        return None;
    }
    text.iter().try_fold(0, |number, digit| {
        digit.is_ascii_digit().then(|| number * 10 + u64::from(digit - b'0'))
    })
}

/// What `content-length` says of a body (RFC 9110 §8.6, RFC 9113 §8.1.1).
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(super) struct Length {
    left: Option<u64>,
}

/// The body and its length contradict each other.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Contradiction;

impl Length {
    /// Takes a field's value over. Two that differ, or one that is no number, contradict.
    pub(super) fn declare(&mut self, value: &[u8]) -> Result<(), Contradiction> {
        let length = decimal(value, 18).ok_or(Contradiction)?;
        if self.left.replace(length).is_some_and(|earlier| earlier != length) {
            return Err(Contradiction);
        }
        Ok(())
    }

    /// That much of the body came.
    pub(super) fn receive(&mut self, bytes: u32) -> Result<(), Contradiction> {
        if let Some(left) = &mut self.left {
            *left = left.checked_sub(u64::from(bytes)).ok_or(Contradiction)?;
        }
        Ok(())
    }

    /// Whether the body may end here.
    pub(super) fn is_reached(self) -> bool {
        self.left.is_none_or(|left| left == 0)
    }
}

fn is_value(value: &str) -> bool {
    value.bytes().all(|byte| byte == b'\t' || !byte.is_ascii_control())
}

#[cfg(test)]
mod tests {
    use super::*;

    const LINE: RequestLine<'_> =
        RequestLine { method: "GET", scheme: "http", authority: "a", path: "/" };

    #[test]
    fn a_plain_request_is_a_few_bytes() {
        let block = HeaderBlock::request(LINE, []).expect("sendable");
        assert_eq!(block.block, [0x82, 0x86, 0x01, 0x01, b'a', 0x84]);
    }

    #[test]
    fn every_field_that_cannot_be_sent_is_named() {
        let fields = [
            ("Connection", "close"),
            ("ok", " fine "),
            ("te", "gzip"),
            ("TE", "Trailers"),
            ("a b", "c"),
            ("x", "a\r\nb"),
            ("Host", "elsewhere"),
        ];
        let Unsendable(mistakes) = HeaderBlock::request(LINE, fields).unwrap_err();
        assert_eq!(mistakes.len(), 5, "{mistakes:?}");
        assert!(mistakes[2].contains("\"a b\""));
        let line = RequestLine { path: "/\n", ..LINE };
        assert_eq!(HeaderBlock::request(line, []).unwrap_err().0.len(), 1);
        assert_eq!(AnswerBlock::new(100, []).unwrap_err().0.len(), 1);
    }
}
