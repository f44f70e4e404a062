//! Requests as bytes: serialised once where they are always the same, else filled in for each.

use std::io::Write;
use std::sync::Arc;

use crate::requests::{Body, Kind, Mix, RequestId, Row, Template};

/// Serialises the requests of a mix for one authority.
#[derive(Debug, Clone)]
pub struct RequestWriter {
    mix: Arc<Mix>,
    forms: Vec<Form>,
}

#[derive(Debug, Clone)]
enum Form {
    /// The whole request.
    Fixed(Vec<u8>),
    /// With values of the feed.
    Filled {
        /// `GET `
        method: Vec<u8>,
        path: Template,
        /// From ` HTTP/1.1` to the end of the headers that are always the same.
        middle: Vec<u8>,
        /// Names with `: `, and values.
        headers: Vec<(Vec<u8>, Template)>,
        body: Body,
        /// Whether a length is said even when it is 0.
        says_length: bool,
    },
}

impl RequestWriter {
    /// `closes`: whether each request says that its connection is not used again.
    #[must_use]
    pub fn new(mix: Arc<Mix>, authority: &str, closes: bool) -> Self {
        let forms = mix.kinds().iter().map(|kind| form(kind, authority, closes)).collect();
        Self { mix, forms }
    }

    /// The bytes of a request. `scratch` is overwritten where they have to be put together.
    #[must_use]
    pub fn bytes<'a>(&'a self, request: RequestId, scratch: &'a mut Vec<u8>) -> &'a [u8] {
        match &self.forms[request.kind.index()] {
            Form::Fixed(bytes) => bytes,
            filled @ Form::Filled { .. } => {
                scratch.clear();
                filled.write(self.mix.row(request), scratch);
                scratch
            }
        }
    }

    /// Whether the answer to a request has no body whatever its head says.
    #[must_use]
    pub fn is_head(&self, request: RequestId) -> bool {
        self.mix.kind(request.kind).method == "HEAD"
    }
}

fn form(kind: &Kind, authority: &str, closes: bool) -> Form {
    let mut middle = format!(" HTTP/1.1\r\nhost: {authority}\r\n").into_bytes();
    if closes {
        middle.extend_from_slice(b"connection: close\r\n");
    }
    let fixed = kind.path.is_fixed()
        && kind.body.is_fixed()
        && kind.headers.iter().all(|(_, value)| value.is_fixed());
    let filled = Form::Filled {
        method: format!("{} ", kind.method).into_bytes(),
        path: kind.path.clone(),
        middle,
        headers: kind
            .headers
            .iter()
            .map(|(name, value)| (format!("{name}: ").into_bytes(), value.clone()))
            .collect(),
        body: kind.body.clone(),
        // A method that usually has a body says when it has none (RFC 9110 §8.6).
        says_length: matches!(kind.method.as_str(), "POST" | "PUT" | "PATCH"),
    };
    if !fixed {
        return filled;
    }
    let mut bytes = Vec::new();
    filled.write(&[], &mut bytes);
    Form::Fixed(bytes)
}

impl Form {
    fn write(&self, row: Row<'_>, to: &mut Vec<u8>) {
        let (method, path, middle, headers, body, says_length) = match self {
            Self::Fixed(bytes) => return to.extend_from_slice(bytes),
            Self::Filled { method, path, middle, headers, body, says_length } => {
                (method, path, middle, headers, body, says_length)
            }
        };
        to.extend_from_slice(method);
        path.write(row, to);
        to.extend_from_slice(middle);
        for (name, value) in headers {
            to.extend_from_slice(name);
            value.write(row, to);
            to.extend_from_slice(b"\r\n");
        }
        let length = body.length(row);
        if length > 0 || *says_length {
            write!(to, "content-length: {length}\r\n").expect("memory takes what it is given");
        }
        to.extend_from_slice(b"\r\n");
        body.write(row, to);
    }
}
