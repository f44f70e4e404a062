use proptest::prelude::*;

use super::super::frame::{flag, kind};
use super::*;

/// What a client writes after its preface.
#[derive(Clone)]
struct Script(Vec<u8>);

impl Script {
    fn new() -> Self {
        let mut bytes = PREFACE.to_vec();
        frame::settings(&[], &mut bytes);
        Self(bytes)
    }

    fn frame(mut self, kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Self {
        frame::head(kind, flags, stream, payload.len(), &mut self.0);
        self.0.extend_from_slice(payload);
        self
    }

    fn headers(mut self, stream: u32, block: &[u8], end: bool) -> Self {
        frame::headers(stream, &[], block, end, &mut self.0);
        self
    }

    fn data(mut self, stream: u32, part: &[u8], end: bool) -> Self {
        frame::data(stream, part, end, &mut self.0);
        self
    }
}

/// GET, http, /.
const GET: &[u8] = &[0x82, 0x86, 0x84];

fn feed(server: &mut Server, script: &Script) -> Result<Vec<Event>, ConnectionError> {
    let mut events = Vec::new();
    server.feed(&script.0, &mut events).map(|()| events)
}

fn new() -> Server {
    Server::new(Settings::default())
}

fn request(stream: u32) -> Event {
    Event::Request { stream, asked: Asked::default() }
}

/// Kind, flags, stream and payload of each frame.
fn frames(mut bytes: &[u8]) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let mut frames = Vec::new();
    while let Some((head, rest)) = bytes.split_first_chunk::<9>() {
        let [a, b, c, kind, flags, stream @ ..] = *head;
        let (payload, rest) = rest.split_at(u32::from_be_bytes([0, a, b, c]) as usize);
        frames.push((kind, flags, u32::from_be_bytes(stream), payload.to_vec()));
        bytes = rest;
    }
    frames
}

/// What the server wrote, its settings, its window and its acknowledgement left out.
fn written(server: &mut Server) -> Vec<(u8, u8, u32, Vec<u8>)> {
    let all = frames(server.output()).into_iter();
    let rest = all.filter(|frame| frame.0 != kind::SETTINGS && frame.0 != kind::WINDOW_UPDATE);
    let rest = rest.collect();
    server.output().clear();
    rest
}

fn reset(stream: u32, code: ErrorCode) -> (u8, u8, u32, Vec<u8>) {
    (kind::RST_STREAM, 0, stream, code.0.to_be_bytes().to_vec())
}

#[test]
fn a_request_is_told_of_when_it_is_complete() {
    let mut server = new();
    let script = Script::new().headers(1, GET, true).headers(3, GET, false).headers(5, GET, false);
    assert_eq!(feed(&mut server, &script), Ok(vec![request(1)]));
    let mut rest = Script(Vec::new()).data(3, b"body", true);
    // Trailers end a request as well.
    rest = rest.headers(5, b"\x00\x01a\x01b", true);
    assert_eq!(feed(&mut server, &rest), Ok(vec![request(3), request(5)]));
}

#[test]
fn what_an_answer_depends_on_is_read_through_the_table() {
    let mut block = vec![0x86, 0x84];
    // :method HEAD and content-type application/grpc, both kept in the table.
    block.extend_from_slice(b"\x42\x04HEAD\x5f\x10application/grpc");
    let script = Script::new().headers(1, &block, true).headers(3, &[0x86, 0x84, 0xbf, 0xbe], true);
    let asked = Asked { head: true, grpc: true };
    let expected = [1, 3].map(|stream| Event::Request { stream, asked });
    assert_eq!(feed(&mut new(), &script), Ok(expected.to_vec()));
}

#[test]
fn a_head_request_gets_no_body() {
    let mut server = new();
    feed(&mut server, &Script::new().headers(1, b"\x42\x04HEAD\x86\x84", true)).unwrap();
    let answer = AnswerBlock::new(200, []).unwrap().with_trailers([("a", "b")]).unwrap();
    server.answer(1, &answer, &b"body"[..].into()).expect("waited for");
    let end = flag::END_HEADERS | flag::END_STREAM;
    assert_eq!(written(&mut server), [(kind::HEADERS, end, 1, vec![0x88])]);
    assert_eq!(server.answer(1, &answer, &Arc::default()), Err(Gone));
}

#[test]
fn who_expects_to_be_asked_for_the_body_is_asked() {
    let mut server = new();
    let mut block = GET.to_vec();
    hpack::encode(b"expect", b"100-continue", &mut block);
    assert_eq!(feed(&mut server, &Script::new().headers(1, &block, false)), Ok(vec![]));
    let expected = (kind::HEADERS, flag::END_HEADERS, 1, CONTINUE.to_vec());
    assert_eq!(written(&mut server), [expected]);
}

#[test]
fn a_body_goes_as_the_windows_open() {
    let mut server = new();
    let mut script = Script(PREFACE.to_vec());
    frame::settings(&[(setting::INITIAL_WINDOW_SIZE, 3)], &mut script.0);
    feed(&mut server, &script.headers(1, GET, true)).unwrap();
    let answer = AnswerBlock::new(200, []).unwrap();
    server.answer(1, &answer, &b"0123456789"[..].into()).expect("waited for");
    let part = |end, part: &[u8]| vec![(kind::DATA, end, 1, part.to_vec())];
    assert_eq!(written(&mut server)[1..], part(0, b"012"));
    let window = |by: u8| Script(Vec::new()).frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, by]);
    feed(&mut server, &window(2)).unwrap();
    assert_eq!(written(&mut server), part(0, b"34"));
    // A setting takes back, then gives.
    for (size, expected) in [(1, vec![]), (3, vec![]), (4, part(0, b"5"))] {
        let mut script = Script(Vec::new());
        frame::settings(&[(setting::INITIAL_WINDOW_SIZE, size)], &mut script.0);
        feed(&mut server, &script).unwrap();
        assert_eq!(written(&mut server), expected, "{size}");
    }
    feed(&mut server, &window(200)).unwrap();
    assert_eq!(written(&mut server), part(flag::END_STREAM, b"6789"));
    assert_eq!(server.in_flight(), 0);
}

#[test]
fn more_streams_than_announced_are_refused() {
    let mut server = Server::new(Settings { max_concurrent_streams: 1, ..Settings::default() });
    let script = Script::new().headers(1, GET, true).headers(3, GET, true);
    assert_eq!(feed(&mut server, &script), Ok(vec![request(1)]));
    assert_eq!(written(&mut server), [reset(3, ErrorCode::REFUSED_STREAM)]);
    server.answer(1, &AnswerBlock::new(200, []).unwrap(), &Arc::default()).unwrap();
    assert_eq!(feed(&mut server, &Script(vec![]).headers(5, GET, true)), Ok(vec![request(5)]));
}

#[test]
fn what_is_not_a_request_is_refused_alone() {
    let blocks: [&[u8]; 11] = [
        &[0x82, 0x86],
        &[0x82, 0x84],
        &[0x86, 0x84],
        &[0x82, 0x82, 0x86, 0x84],
        &[0x82, 0x86, 0x84, 0x88],
        b"\x82\x86\x00\x01a\x01b\x84",
        b"\x82\x86\x84\x00\x01A\x01b",
        b"\x82\x86\x84\x00\x0aconnection\x05close",
        b"\x82\x86\x84\x00\x02te\x04gzip",
        b"\x82\x86\x04\x00",
        b"\x82\x86\x84\x0f\x0d\x012",
    ];
    for block in blocks {
        let mut server = new();
        let script = Script::new().headers(1, block, true).headers(3, GET, true);
        assert_eq!(feed(&mut server, &script), Ok(vec![request(3)]), "{block:x?}");
        assert_eq!(written(&mut server), [reset(1, ErrorCode::PROTOCOL_ERROR)]);
    }
    let block = b"\x83\x86\x84\x0f\x0d\x012";
    for bodies in [&[&b"a"[..]][..], &[b"abc"], &[b"a", b"bc"]] {
        let mut script = Script::new().headers(1, block, false);
        for (nth, body) in bodies.iter().enumerate() {
            script = script.data(1, body, nth + 1 == bodies.len());
        }
        let mut server = new();
        assert_eq!(feed(&mut server, &script), Ok(vec![]));
        assert_eq!(written(&mut server), [reset(1, ErrorCode::PROTOCOL_ERROR)]);
    }
    let whole = || Script::new().headers(1, GET, true);
    for late in [whole().data(1, b"x", true), whole().headers(1, GET, true)] {
        let mut server = new();
        let expected = vec![request(1), Event::Cancelled { stream: 1 }];
        assert_eq!(feed(&mut server, &late), Ok(expected));
        assert_eq!(written(&mut server), [reset(1, ErrorCode::STREAM_CLOSED)]);
    }
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let p = ErrorCode::PROTOCOL_ERROR;
    let frame = |kind, flags, stream, payload| Script::new().frame(kind, flags, stream, payload);
    let mut no_settings = Script(PREFACE.to_vec());
    no_settings = no_settings.headers(1, GET, true);
    let cases = [
        (Script(b"GET / HTTP/1.1\r\n\r\n".to_vec()), p),
        (no_settings, p),
        (Script::new().headers(2, GET, true), p),
        (Script::new().headers(1, &[0xbe], true), ErrorCode::COMPRESSION_ERROR),
        (frame(kind::DATA, 0, 1, b"x"), p),
        (frame(kind::RST_STREAM, 0, 1, &[0; 4]), p),
        (frame(kind::WINDOW_UPDATE, 0, 1, &[0, 0, 0, 1]), p),
        (frame(kind::PUSH_PROMISE, 0, 1, &[0; 4]), p),
        (Script::new().headers(5, GET, true).headers(3, GET, true), ErrorCode::STREAM_CLOSED),
    ];
    for (nth, (script, code)) in cases.iter().enumerate() {
        let error = feed(&mut new(), script).expect_err("not HTTP/2");
        assert_eq!(error.code, *code, "case {nth}: {error}");
    }
}

#[test]
fn a_client_that_only_takes_back_is_shown_out() {
    let mut script = Script::new();
    for nth in 0..10_001 {
        let stream = 2 * nth + 1;
        script = script.headers(stream, GET, true);
        script = script.frame(kind::RST_STREAM, 0, stream, &ErrorCode::CANCEL.0.to_be_bytes());
    }
    let error = feed(&mut new(), &script).expect_err("a flood");
    assert_eq!(error.code, ErrorCode::ENHANCE_YOUR_CALM);
}

#[test]
fn after_goodbye_what_is_there_is_answered_and_the_rest_not_looked_at() {
    let mut server = new();
    feed(&mut server, &Script::new().headers(1, GET, true)).unwrap();
    server.goodbye(ErrorCode::NO_ERROR);
    let later = Script(vec![]).headers(3, GET, false).data(3, b"x", true);
    assert_eq!(feed(&mut server, &later), Ok(vec![]));
    server.answer(1, &AnswerBlock::new(404, []).unwrap(), &Arc::default()).unwrap();
    let go_away = (kind::GOAWAY, 0, 0, vec![0, 0, 0, 1, 0, 0, 0, 0]);
    let answer = (kind::HEADERS, flag::END_HEADERS | flag::END_STREAM, 1, vec![0x8d]);
    assert_eq!(written(&mut server), [go_away, answer]);
}

fn any_frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (
        prop_oneof![Just(1_u8), 0_u8..12, any::<u8>()],
        prop_oneof![Just(0_u8), Just(4), Just(5), any::<u8>()],
        0_u32..9,
        prop_oneof![
            Just(GET.to_vec()),
            Just(vec![0; 4]),
            proptest::collection::vec(any::<u8>(), 0..40)
        ],
    );
    proptest::collection::vec(frame, 0..12).prop_map(|frames| {
        let script = frames.iter().fold(Script::new(), |script, (kind, flags, stream, payload)| {
            script.frame(*kind, *flags, *stream, payload)
        });
        script.0
    })
}

fn fed_in_pieces(bytes: &[u8], piece: usize) -> (Vec<Event>, Option<ConnectionError>) {
    let (mut server, mut events) = (new(), Vec::new());
    let error = bytes.chunks(piece).find_map(|piece| server.feed(piece, &mut events).err());
    (events, error)
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        let mut script = Script::new();
        script.0.extend_from_slice(&bytes);
        fed_in_pieces(&script.0, 7);
    }

    #[test]
    fn frames_mean_the_same_however_they_are_cut(bytes in any_frames(), piece in 1_usize..40) {
        prop_assert_eq!(fed_in_pieces(&bytes, piece), fed_in_pieces(&bytes, usize::MAX));
    }
}
