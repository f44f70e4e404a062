//! The request, or the several requests, that were asked for.

use bench::plan::Seed;

use super::Mistakes;
use super::place::Parts;
use crate::cli::drive_args::DriveArgs;
use crate::requests::{Body, Feed, Kind, Mix, Statuses, Template};

/// Headers that frame a message or manage its connection: ours to write.
const OURS: [&str; 6] =
    ["content-length", "transfer-encoding", "connection", "keep-alive", "upgrade", "expect"];

/// What the server reads as its own name.
pub(super) fn authority(args: &DriveArgs, url: &Parts) -> String {
    let mut named = args.header.iter().filter_map(|header| header.split_once(':'));
    let host = named.rfind(|(name, _)| name.trim().eq_ignore_ascii_case("host"));
    host.map_or_else(|| url.authority.clone(), |(_, value)| value.trim().to_owned())
}

pub(super) fn mix(
    args: &DriveArgs,
    url_path: &str,
    seed: Seed,
    mistakes: &mut Mistakes,
) -> Option<Mix> {
    let feed = match &args.feed {
        Some(path) => mistakes.keep("--feed", Feed::read(path))?,
        None => Feed::default(),
    };
    let before = mistakes.0.len();
    let headers = headers(args, &feed, mistakes);
    let body = body(args, &feed, mistakes);
    let lines = lines(args, url_path, mistakes);
    let mut kinds = Vec::new();
    for line in lines {
        let path = mistakes.keep("path", Template::parse(&line.path, feed.columns()));
        let expected = mistakes.keep(line.option, Statuses::parse(&line.expect));
        if let (Some(path), Some(expected), Some(body)) = (path, expected, &body) {
            kinds.push(Kind {
                name: line.name,
                weight: line.weight,
                method: line.method,
                path,
                headers: headers.clone(),
                body: body.clone(),
                expected,
                answer: None,
            });
        }
    }
    if mistakes.0.len() > before {
        return None;
    }
    mistakes.keep("--request", Mix::new(kinds, feed, seed))
}

/// A request's first line and what counts as its answer.
struct Line {
    option: &'static str,
    name: String,
    weight: u32,
    method: String,
    path: String,
    expect: String,
}

fn lines(args: &DriveArgs, url_path: &str, mistakes: &mut Mistakes) -> Vec<Line> {
    let has_body = args.body.is_some() || args.body_file.is_some();
    if args.request.is_empty() {
        let usual = if has_body || args.grpc { "POST" } else { "GET" };
        let method = args.method.clone().unwrap_or_else(|| usual.to_owned());
        check_method("--method", &method, mistakes);
        return vec![Line {
            option: "--expect",
            name: "request".to_owned(),
            weight: 1,
            method,
            path: url_path.to_owned(),
            expect: args.expect.clone(),
        }];
    }
    if args.method.is_some() {
        mistakes.0.push("--method: each --request has its own".to_owned());
    }
    let mut lines: Vec<Line> = Vec::new();
    for text in &args.request {
        match line(text, &args.expect) {
            Ok(line) if lines.iter().any(|other| other.name == line.name) => {
                mistakes.0.push(format!("--request: two requests are called `{}`", line.name));
            }
            Ok(line) => {
                check_method("--request", &line.method, mistakes);
                lines.push(line);
            }
            Err(problem) => mistakes.0.push(format!("--request '{text}': {problem}")),
        }
    }
    lines
}

fn line(text: &str, expect: &str) -> Result<Line, String> {
    let form = "expected 'NAME WEIGHT METHOD PATH [STATUSES]', e.g. 'denied 2 GET /admin 403'";
    let words: Vec<&str> = text.split_whitespace().collect();
    let [name, weight, method, path, rest @ ..] = words.as_slice() else {
        return Err(format!("found {} words; {form}", words.len()));
    };
    let expect = match rest {
        [] => expect,
        [statuses] => statuses,
        _ => return Err(format!("found {} words; {form}", words.len())),
    };
    let weight = weight
        .parse()
        .map_err(|_| format!("`{weight}` is no weight, which is a whole number; {form}"))?;
    if !path.starts_with('/') {
        return Err(format!("`{path}` is no path, which begins with `/`; {form}"));
    }
    Ok(Line {
        option: "--request",
        name: (*name).to_owned(),
        weight,
        method: (*method).to_owned(),
        path: (*path).to_owned(),
        expect: expect.to_owned(),
    })
}

fn check_method(option: &str, method: &str, mistakes: &mut Mistakes) {
    let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
    if method.is_empty() || !method.bytes().all(token) {
        mistakes.0.push(format!("{option}: `{method}` is no HTTP method, such as GET"));
    } else if method == "CONNECT" {
        mistakes.0.push(format!("{option}: CONNECT opens a tunnel; use --proxy"));
    }
}

fn headers(args: &DriveArgs, feed: &Feed, mistakes: &mut Mistakes) -> Vec<(String, Template)> {
    let mut headers = Vec::new();
    for text in &args.header {
        let Some((name, value)) = text.split_once(':') else {
            mistakes.0.push(format!("--header '{text}': expected 'name: value'"));
            continue;
        };
        let (name, value) = (name.trim().to_ascii_lowercase(), value.trim());
        let token = |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
        if name.is_empty() || !name.bytes().all(token) {
            mistakes.0.push(format!("--header '{text}': `{name}` is no header name"));
        } else if value.chars().any(|letter| letter.is_control() && letter != '\t') {
            mistakes.0.push(format!("--header '{text}': the value holds a control character"));
        } else if OURS.contains(&name.as_str()) {
            let why = "frames the message or manages its connection, and is written by loadgen";
            mistakes.0.push(format!("--header '{text}': {name} {why}"));
        } else if name != "host"
            && let Some(value) = mistakes.keep("--header", Template::parse(value, feed.columns()))
        {
            headers.push((name, value));
        }
    }
    headers
}

fn body(args: &DriveArgs, feed: &Feed, mistakes: &mut Mistakes) -> Option<Body> {
    if let Some(path) = &args.body_file {
        let read = std::fs::read(path).map_err(|error| format!("{}: {error}", path.display()));
        let bytes = mistakes.keep("--body-file", read)?;
        // Places for values are looked for in text; other bytes are sent as they are.
        return match std::str::from_utf8(&bytes) {
            Ok(text) if args.feed.is_some() => {
                let template = Template::parse(text, feed.columns());
                mistakes.keep("--body-file", template).map(Body::Filled)
            }
            _ => Some(Body::Fixed(bytes)),
        };
    }
    let text = args.body.as_deref().unwrap_or_default();
    let template = mistakes.keep("--body", Template::parse(text, feed.columns()))?;
    Some(if template.is_fixed() { Body::Fixed(text.into()) } else { Body::Filled(template) })
}
