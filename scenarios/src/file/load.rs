//! The `load` part of the file. It knows what HTTP/1.1 lets a sender write, and no schedule.

use policy::source::{Entry, Field, Map, Mistakes, Wrong};

use super::words;
use crate::load::{Arrivals, LoadSpec, RequestSpec};
use crate::units::RatePerSecond;

const KEYS: [&str; 8] = [
    "arrivals",
    "rate",
    "connections",
    "max-in-flight",
    "timeout",
    "warm-up",
    "duration",
    "request",
];

const ARRIVALS: [(&str, Arrivals); 2] =
    [("constant", Arrivals::Constant), ("poisson", Arrivals::Poisson)];

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

pub(super) fn read(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<LoadSpec> {
    let map = field.map(&KEYS, mistakes)?;
    let arrivals = map.required("arrivals", mistakes).and_then(|f| f.choice(&ARRIVALS, mistakes));
    let rate = map.required("rate", mistakes).and_then(|f| rate(&f, mistakes));
    let connections =
        map.required("connections", mistakes).and_then(|f| f.integer(1..=10_000, mistakes));
    let max_in_flight =
        map.required("max-in-flight", mistakes).and_then(|f| f.integer(1..=1_000_000, mistakes));
    let timeout =
        map.required("timeout", mistakes).and_then(|f| words::some_duration(&f, mistakes));
    let warm_up = map.required("warm-up", mistakes).and_then(|f| words::duration(&f, mistakes));
    let duration =
        map.required("duration", mistakes).and_then(|f| words::some_duration(&f, mistakes));
    let request = map.required("request", mistakes).and_then(|f| request(&f, mistakes));
    let load = LoadSpec {
        arrivals: arrivals?,
        rate: rate?,
        connections: connections?,
        max_in_flight: max_in_flight?,
        timeout: timeout?,
        warm_up: warm_up?,
        duration: duration?,
        request: request?,
    };
    check(&map, &load, mistakes);
    Some(load)
}

fn check(map: &Map<'_>, load: &LoadSpec, mistakes: &mut Mistakes) {
    if let Some(field) = map.optional("max-in-flight")
        && load.max_in_flight < load.connections
    {
        let message = format!(
            "max-in-flight {} is less than connections {}",
            load.max_in_flight, load.connections
        );
        let help = "some connections would never be used; raise it, or open fewer connections";
        field.contradicts(message, help, mistakes);
    }
    if let Some(field) = map.optional("duration")
        && load.rate.requests_in(load.duration) == 0
    {
        let rate = load.rate.per_second();
        let message = format!("the window holds no request at {rate} requests a second");
        field.contradicts(message, "make it longer, or raise the rate", mistakes);
    }
}

fn rate(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<RatePerSecond> {
    const EXPECTED: &str = "a rate from 0.1 to 1000000 requests a second";
    match RatePerSecond::new(field.number(EXPECTED, mistakes)?) {
        Ok(rate) => Some(rate),
        Err(error) => {
            field.expected(error.expected, mistakes);
            None
        }
    }
}

fn request(field: &Field<'_>, mistakes: &mut Mistakes) -> Option<RequestSpec> {
    let map = field.map(&["method", "path", "headers", "body"], mistakes)?;
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
    let mut taken = words::Taken::default();
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
