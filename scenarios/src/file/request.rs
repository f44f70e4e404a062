//! One request in the file. It knows what HTTP/1.1 lets a sender write.

use policy::source::{Entry, Field, Map, Mistakes, Wrong};

use super::words::Taken;
use crate::load::RequestSpec;

/// The keys of a request.
pub(super) const REQUEST_KEYS: [&str; 4] = ["method", "path", "headers", "body"];

/// The sender writes these itself: they frame a message or manage a connection, and a second copy
/// would make the request ambiguous or end the connection that is being measured.
const SENDERS_OWN: [&str; 10] = [
    "connection",
    "content-length",
    "expect",
    "host",
    "keep-alive",
    "proxy-connection",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
];

/// Reads a mapping that has at least these keys.
pub(super) fn read(map: &Map<'_>, mistakes: &mut Mistakes) -> Option<RequestSpec> {
    let method = map.required("method", mistakes).and_then(|f| method(&f, mistakes));
    let path = map.required("path", mistakes).and_then(|f| path(&f, mistakes));
    let headers = match map.optional("headers") {
        Some(field) => headers(&field, mistakes),
        None => Some(Vec::new()),
    };
    let body = match map.optional("body") {
        Some(field) => field.text("the body as text", mistakes).map(str::to_owned),
        None => Some(String::new()),
    };
    Some(RequestSpec { method: method?, path: path?, headers: headers?, body: body? })
}

fn method(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "an HTTP method such as `GET`";
    let method = field.text(EXPECTED, mistakes)?;
    let upper = method.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'-');
    if method.is_empty() || !upper {
        let help = method.to_ascii_uppercase();
        let help = format!("methods are in capital letters: `{help}`");
        field.expected_with_help(EXPECTED, help, mistakes);
        return None;
    }
    if method == "CONNECT" {
        let help = "CONNECT turns the connection into a tunnel, on which no request is measured";
        field.contradicts("the method `CONNECT` can not be sent", help, mistakes);
        return None;
    }
    Some(method.to_owned())
}

fn path(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a path that starts with `/`, without spaces, `#` or control characters";
    let path = field.text(EXPECTED, mistakes)?;
    let sendable = path.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'#');
    if path.starts_with('/') && sendable {
        return Some(path.to_owned());
    }
    if path.contains("://") {
        let help = "leave out scheme and host: the testbed decides where requests go".to_owned();
        field.expected_with_help(EXPECTED, help, mistakes);
    } else {
        field.expected(EXPECTED, mistakes);
    }
    None
}

fn headers(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<Vec<(String, String)>> {
    let entries = field.entries("a mapping of header names to values", mistakes)?;
    let mut taken = Taken::default();
    let mut headers = Vec::new();
    let mut whole = true;
    for (entry, value) in entries {
        taken.take(&entry.key.to_ascii_lowercase(), "header", &value, mistakes);
        let name = header_name(entry, &value, mistakes);
        let value = header_value(&value, mistakes);
        match name.zip(value) {
            Some(header) => headers.push(header),
            None => whole = false,
        }
    }
    whole.then_some(headers)
}

fn header_name(entry: &Entry, value: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    let (message, help) = if entry.key.is_empty() || !entry.key.bytes().all(token) {
        let help = "a header's name has letters, digits and `-`, and no spaces or colons";
        (format!("{:?} is no header name", entry.key), help)
    } else if SENDERS_OWN.contains(&entry.key.to_ascii_lowercase().as_str()) {
        let help = "leave it out: it follows from the body and the connection";
        (format!("the header `{}` is the sender's own", entry.key), help)
    } else {
        return Some(entry.key.clone());
    };
    let wrong = Wrong::Contradiction(message);
    mistakes.push(entry.key_at, &value.key, wrong, Some(help.to_owned()));
    None
}

fn header_value(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<String> {
    const EXPECTED: &str = "a header value: printable ASCII on one line";
    let value = field.text(EXPECTED, mistakes)?;
    let printable = value.bytes().all(|byte| byte.is_ascii_graphic() || byte == b' ');
    if printable && value.trim() == value {
        return Some(value.to_owned());
    }
    if value.contains(['\r', '\n']) {
        let help = "a line break would end the header and begin another".to_owned();
        field.expected_with_help(EXPECTED, help, mistakes);
    } else {
        let help = "spaces at either end are not sent either".to_owned();
        field.expected_with_help(EXPECTED, help, mistakes);
    }
    None
}
