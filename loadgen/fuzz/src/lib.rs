//! What holds of every reader of foreign bytes, whatever the bytes: it comes to an end without a
//! panic, and what they mean does not depend on the pieces in which they come. Each function takes
//! one input. libFuzzer looks for bytes that break it, and a test of the workspace replays those
//! that were of interest. Knows neither of the two.

use std::collections::BTreeMap;
use std::sync::Arc;

use loadgen::http2::client::{self, Client};
use loadgen::http2::server::{self, Server};
use loadgen::http2::{AnswerBlock, HeaderBlock, PREFACE, RequestLine};
use loadgen::serve::request::{RequestReader, Step};
use loadgen::transport::http1::answer::Method;
use loadgen::transport::http1::{Answer, AnswerReader, KnownHead, LONGEST_HEAD};
use policy::report;
use policy::schema::{KINDS, conform};
use policy::source::{Document, Limits, Mistakes, Node, Piece, documents_within, each_piece};
use policy::terms::Terms;
use policy::validate::{Settings, validate};
use policy::version::{Version, Versions};
use scenarios::file::{Folder, Unreadable};

/// The first byte of an input says in which pieces the others come: all at once, one by one, or so
/// many at a time.
fn split(input: &[u8]) -> Option<(u8, &[u8])> {
    let (first, rest) = input.split_first()?;
    // Beyond its limit a head is refused at once where it is incomplete, and not where it is whole.
    (rest.len() <= LONGEST_HEAD).then_some((*first, rest))
}

fn pieces(bytes: &[u8], how: u8) -> impl Iterator<Item = &[u8]> {
    bytes.chunks(usize::from(how % 32) + 1)
}

/// What comes of an answer in pieces: the answer, nothing yet, or a refusal.
fn answer<'a>(to: Method, pieces: impl Iterator<Item = &'a [u8]>) -> Result<Option<Answer>, ()> {
    let (mut reader, mut known) = (AnswerReader::default(), KnownHead::default());
    reader.expect(to);
    let mut answer = None;
    for piece in pieces {
        // As the transport has it, more than the answer is a failure.
        if answer.is_some() {
            return Err(());
        }
        answer = reader.feed(piece, &mut known).map_err(|_| ())?;
    }
    Ok(answer.or_else(|| reader.finish()))
}

/// Our reader of HTTP/1.1 answers.
pub fn http1_answer(input: &[u8]) {
    let Some((how, bytes)) = split(input) else { return };
    let to = [Method::Any, Method::Head, Method::Connect][usize::from(how >> 5) % 3];
    let whole = answer(to, std::iter::once(bytes).filter(|bytes| !bytes.is_empty()));
    let cut = answer(to, pieces(bytes, how));
    assert_eq!(whole, cut);
    if let Ok(Some(answer)) = whole {
        assert_eq!(answer.bytes, bytes.len() as u64);
        assert!((100..1000).contains(&answer.status));
    }
}

/// What comes of requests in pieces: the steps before a refusal, and whether there was one.
fn steps<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<Step>, bool) {
    let (mut reader, mut steps) = (RequestReader::default(), Vec::new());
    for mut piece in pieces {
        loop {
            match reader.next(&mut piece) {
                Ok(Some(step)) => steps.push(step),
                Ok(None) => break,
                Err(_) => return (steps, true),
            }
        }
        assert!(piece.is_empty(), "all is taken before more is asked for");
    }
    (steps, false)
}

/// The reader of HTTP/1.1 requests.
pub fn serve_request(input: &[u8]) {
    let Some((how, bytes)) = split(input) else { return };
    assert_eq!(steps(std::iter::once(bytes)), steps(pieces(bytes, how)));
}

/// What a client with so many requests in flight makes of bytes, and how many are still there.
fn client_events<'a>(
    requests: u8,
    pieces: impl Iterator<Item = &'a [u8]>,
) -> (Vec<client::Event>, bool, u32) {
    let line = RequestLine { method: "GET", scheme: "http", authority: "a", path: "/" };
    let head = HeaderBlock::request(line, []).expect("plain fields");
    let body: Arc<[u8]> = Arc::from(&b"0123456789"[..]);
    let mut client = Client::new(client::Settings { streams: 8, ..client::Settings::default() });
    let (mut events, mut sent, mut failed) = (Vec::new(), 0, false);
    for piece in pieces {
        if client.feed(piece, &mut events).is_err() {
            failed = true;
            break;
        }
    }
    // Then again with requests, so that both a greeting and answers are met.
    let ready = events.contains(&client::Event::Ready);
    for place in 0..u32::from(requests).min(client.capacity()) {
        let body = if place % 2 == 0 { &body } else { &Arc::from([]) };
        sent += u32::from(ready && client.request(place, &head, body).is_ok());
    }
    assert_eq!(client.in_flight(), sent);
    (events, failed, sent)
}

/// The client's side of HTTP/2.
pub fn http2_client(input: &[u8]) {
    let Some((how, bytes)) = split(input) else { return };
    let whole = client_events(how >> 5, std::iter::once(bytes));
    assert_eq!(whole, client_events(how >> 5, pieces(bytes, how)));
    answers_to_a_client(how, bytes);
}

/// Bytes after the peer's settings, with requests in flight: each has one end at most.
fn answers_to_a_client(how: u8, bytes: &[u8]) {
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    let line = RequestLine { method: "POST", scheme: "http", authority: "a", path: "/" };
    let head = HeaderBlock::request(line, []).expect("plain fields");
    let body: Arc<[u8]> = Arc::from(vec![b'x'; 100_000]);
    let run = |pieces: &[&[u8]]| {
        let settings = client::Settings { streams: 8, ..client::Settings::default() };
        let mut client = Client::new(settings);
        let mut events = Vec::new();
        client.feed(&SETTINGS, &mut events).expect("a greeting");
        let sent = u32::from(how >> 5) + 1;
        for place in 0..sent {
            client.request(place, &head, &body).expect("there is room");
        }
        let failed = pieces.iter().any(|piece| client.feed(piece, &mut events).is_err());
        let ended = events.iter().filter(|event| {
            matches!(event, client::Event::Answered { .. } | client::Event::Failed { .. })
        });
        let ended = u32::try_from(ended.count()).expect("few");
        assert_eq!(ended + client.in_flight(), sent, "none is lost and none ends twice");
        // Whatever the windows are now, the output has an end.
        let mut written = 0;
        while !client.output().is_empty() {
            written += client.output().len();
            client.output().clear();
            assert!(written < 64 << 20);
        }
        (events, failed)
    };
    let cut: Vec<&[u8]> = pieces(bytes, how).collect();
    assert_eq!(run(&[bytes]), run(&cut));
}

/// What a server makes of bytes behind the preface, answering at the end what is asked.
fn server_events<'a>(pieces: impl Iterator<Item = &'a [u8]>) -> (Vec<server::Event>, bool) {
    let settings = server::Settings { max_concurrent_streams: 8, ..server::Settings::default() };
    let (mut server, mut events) = (Server::new(settings), Vec::new());
    server.feed(PREFACE, &mut events).expect("the preface");
    let mut failed = false;
    for piece in pieces {
        failed = server.feed(piece, &mut events).is_err();
        if failed {
            break;
        }
        assert!(server.in_flight() <= 8, "no more than were announced");
    }
    let answer = AnswerBlock::new(200, [("name", "value")]).expect("plain fields");
    let body: Arc<[u8]> = Arc::from(vec![b'x'; 100_000]);
    for event in &events {
        if let server::Event::Request { stream, .. } = event {
            // Nobody waits where it was cancelled.
            let _ = server.answer(*stream, &answer, &body);
        }
    }
    let mut written = 0;
    while !server.output().is_empty() {
        written += server.output().len();
        server.output().clear();
        assert!(written < 64 << 20);
    }
    (events, failed)
}

/// The server's side of HTTP/2.
pub fn http2_server(input: &[u8]) {
    let Some((how, bytes)) = split(input) else { return };
    assert_eq!(server_events(std::iter::once(bytes)), server_events(pieces(bytes, how)));
}

/// A folder with a scenario and any policy that it may name.
struct Copy<'a>(&'a [u8]);

impl Folder for Copy<'_> {
    fn name(&self) -> &str {
        "strict-mtls"
    }

    fn path_of(&self, file: &str) -> String {
        file.to_owned()
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable> {
        if file == "scenario.yaml" { Ok(self.0.to_owned()) } else { Err(Unreadable::Missing) }
    }
}

/// The reader of scenarios: it reads one, or it says at least one thing that is wrong.
pub fn scenario(input: &[u8]) {
    if let Err(mistakes) = scenarios::file::read(&Copy(input)) {
        assert!(!mistakes.to_string().is_empty());
    }
}

/// The reader of YAML: piece by piece it reads what it reads as a whole, and every value is somewhere
/// in the text.
pub fn yaml(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (mut mistakes, mut mistakes_of_pieces) = (Mistakes::new("a"), Mistakes::new("a"));
    let whole = documents_within(Limits::MANIFESTS, text, &mut mistakes);
    let (mut documents, mut items) = (Vec::new(), 0);
    let read =
        each_piece(Limits::MANIFESTS, text, &mut mistakes_of_pieces, &mut |piece| match piece {
            Piece::Item(_) => items += 1,
            Piece::Whole(document) => documents.push(document),
        });
    assert_eq!(whole.is_some(), read.is_some());
    assert_eq!(mistakes, mistakes_of_pieces);
    let Some(whole) = whole else {
        assert!(!mistakes.is_empty(), "it says why");
        return;
    };
    assert_eq!(whole.len(), documents.len());
    let lines = text.lines().count() + 1;
    for document in &whole {
        assert_places(&document.root, lines);
    }
    if items == 0 {
        assert!(same(&whole, &documents));
    }
}

/// Numbers that are none differ from themselves.
fn same(one: &[Document], other: &[Document]) -> bool {
    format!("{one:?}") == format!("{other:?}")
}

fn assert_places(node: &Node, lines: usize) {
    assert!(node.at.line >= 1 && node.at.column >= 1 && node.at.line <= lines);
    for item in node.items() {
        assert_places(item, lines);
    }
    for entry in node.entries() {
        assert_places(&entry.value, lines);
    }
}

/// The releases that a byte stands for.
fn releases(which: u8) -> Versions {
    let version = |text: &str| text.parse::<Version>().ok();
    let istio = ["", "1.24.6", "1.25.5", "1.29.0"][usize::from(which & 3)];
    let cilium = ["", "1.16.3", "1.17.5", "1.18.0"][usize::from((which >> 2) & 3)];
    Versions { istio: version(istio), cilium: version(cilium) }
}

/// Fields held against those of a kind: what is kept deviates no more.
pub fn schema(input: &[u8]) {
    let Some((&which, bytes)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let documents = documents_within(Limits::MANIFESTS, text, &mut Mistakes::new("a"));
    let kind = &KINDS[usize::from(which >> 4) % KINDS.len()];
    let version = kind.product.version(releases(which));
    for document in documents.unwrap_or_default() {
        let (kept, _) = conform(&document.root, "spec", &kind.spec, version);
        let (again, deviations) = conform(&kept, "spec", &kind.spec, version);
        let dropped = |deviation: &policy::schema::Deviation| {
            !matches!(deviation.wrong, policy::schema::Wrong::Refused(_))
        };
        assert!(!deviations.iter().any(dropped), "{deviations:?}");
        assert_eq!(format!("{kept:?}"), format!("{again:?}"));
    }
}

/// The checks and all that shows what they find: the same every time, in order, each at a place in
/// the text.
pub fn checks(input: &[u8]) {
    let Some((&which, bytes)) = input.split_first() else { return };
    let Ok(text) = std::str::from_utf8(bytes) else { return };
    let settings = Settings { versions: releases(which), ..Settings::default() };
    let judged = || {
        let mut report = validate(&[("a.yaml", text)], &settings);
        let files = BTreeMap::from([("a.yaml".to_owned(), text.to_owned())]);
        Terms::default().judge(&mut report, &files);
        (report, files)
    };
    let ((report, files), (again, _)) = (judged(), judged());
    assert_eq!(report.findings, again.findings);
    assert!(report.findings.is_sorted_by_key(|finding| finding.span.at));
    let lines = text.lines().count() + 1;
    assert!(report.findings.iter().all(|finding| finding.span.at.line <= lines));
    let _ = report::text(&report, &files, false);
    for document in [report::json(&report), report::sarif(&report)] {
        serde_json::from_str::<serde_json::Value>(&document).expect("JSON");
    }
    let _ = (report::junit(&report), report::github(&report), report::markdown(&report));
    let _ = report::metrics(&report, policy::finding::Severity::High);
}
