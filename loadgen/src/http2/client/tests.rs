use proptest::prelude::*;

use super::super::frame::kind;
use super::super::message::RequestLine;
use super::*;

/// What a server writes: frames, one after the other.
#[derive(Default)]
struct Script(Vec<u8>);

impl Script {
    fn new() -> Self {
        Self::default().settings(&[])
    }

    fn settings(mut self, values: &[(u16, u32)]) -> Self {
        frame::settings(values, &mut self.0);
        self
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

const OK: &[u8] = &[0x88];

fn head() -> HeaderBlock {
    let line = RequestLine { method: "GET", scheme: "http", authority: "a", path: "/" };
    HeaderBlock::request(line, []).expect("sendable")
}

/// A client with so many requests in flight, places and streams in order.
fn waiting(requests: u32) -> Client {
    let mut client = Client::new(Settings::default());
    client.feed(&Script::new().0, &mut Vec::new()).expect("settings");
    for place in 0..requests {
        client.request(place, &head(), &Arc::default()).expect("capacity");
    }
    client.output().clear();
    client
}

fn told(client: &mut Client, script: Script) -> Vec<Event> {
    let mut events = Vec::new();
    client.feed(&script.0, &mut events).expect("HTTP/2");
    events
}

fn error(client: &mut Client, script: Script) -> ErrorCode {
    client.feed(&script.0, &mut Vec::new()).expect_err("not HTTP/2").code
}

fn answered(place: u32, status: u16, bytes: u64) -> Event {
    Event::Answered { place, answer: Answer { status, bytes, grpc_status: None } }
}

fn malformed(place: u32) -> Event {
    Event::Failed { place, why: Failure::Malformed }
}

#[test]
fn the_preface_comes_first_and_the_windows_with_it() {
    let mut client = Client::new(Settings { connection_window: 100_000, ..Settings::default() });
    let output = client.output();
    assert!(output.starts_with(PREFACE));
    assert_eq!(output[PREFACE.len()..][..9], [0, 0, 18, kind::SETTINGS, 0, 0, 0, 0, 0]);
    let update = &output[PREFACE.len() + 27..];
    assert_eq!(update, [0, 0, 4, kind::WINDOW_UPDATE, 0, 0, 0, 0, 0, 0, 0, 0x86, 0xa1]);
}

#[test]
fn one_request_may_go_before_the_settings_and_then_as_many_as_they_say() {
    let mut client = Client::new(Settings { streams: 10, ..Settings::default() });
    assert_eq!(client.capacity(), 1);
    let settings = Script::default().settings(&[(setting::MAX_CONCURRENT_STREAMS, 3)]);
    assert_eq!(told(&mut client, settings), [Event::Ready]);
    assert_eq!(client.capacity(), 3);
    for place in 0..3 {
        client.request(place, &head(), &Arc::default()).expect("capacity");
    }
    assert_eq!(client.request(3, &head(), &Arc::default()), Err(Refused::Full));
    let fewer = Script::default().settings(&[(setting::MAX_CONCURRENT_STREAMS, 1)]);
    assert_eq!(told(&mut client, fewer.headers(1, OK, true)).len(), 2);
    assert_eq!(client.capacity(), 0);
    let more = Script::default().settings(&[(setting::MAX_CONCURRENT_STREAMS, 100)]);
    told(&mut client, more);
    assert_eq!(client.capacity(), 8);
    assert_eq!(client.request(1, &head(), &Arc::default()), Err(Refused::Place));
    assert_eq!(client.request(10, &head(), &Arc::default()), Err(Refused::Place));
}

#[test]
fn an_answer_is_its_status_and_its_bytes() {
    let mut client = waiting(3);
    let script = Script::new()
        .headers(3, OK, false)
        .headers(1, &[0x8d], true)
        .data(3, b"hello", false)
        .frame(kind::DATA, flag_padded_end(), 3, &[4, b'!', 0, 0, 0, 0])
        // 503, its value Huffman-coded, and after another field.
        .headers(5, &[0x48, 0x83, 0x6c, 0x0c, 0xff], true);
    let events = told(&mut client, script);
    let expected = [
        Event::FirstByte { place: 1 },
        Event::FirstByte { place: 0 },
        answered(0, 404, 1),
        answered(1, 200, 7),
        Event::FirstByte { place: 2 },
        answered(2, 503, 5),
    ];
    assert_eq!(events, expected);
}

fn flag_padded_end() -> u8 {
    frame::flag::PADDED | frame::flag::END_STREAM
}

#[test]
fn priority_padding_and_continuations_are_taken_away() {
    let mut client = waiting(1);
    let flags = frame::flag::PADDED | frame::flag::PRIORITY | frame::flag::END_STREAM;
    let script = Script::new()
        .frame(0xfa, 0xff, 77, b"unknown")
        .frame(kind::PRIORITY, 0, 9, &[0; 5])
        .frame(kind::HEADERS, flags, 1, &[2, 0, 0, 0, 0, 9, 0x48, 0, 0])
        .frame(kind::CONTINUATION, 0, 1, &[0x03])
        .frame(kind::CONTINUATION, 0, 1, &[])
        .frame(kind::CONTINUATION, frame::flag::END_HEADERS, 1, b"302");
    assert_eq!(told(&mut client, script), [Event::FirstByte { place: 0 }, answered(0, 302, 5)]);
}

#[test]
fn interim_answers_precede_and_trailers_follow() {
    let mut client = waiting(1);
    let mut trailers = Vec::new();
    super::super::hpack::encode(b"grpc-status", b"14", &mut trailers);
    let script = Script::new()
        .headers(1, b"\x08\x03103", false)
        .headers(1, OK, false)
        .data(1, b"x", false)
        .headers(1, &trailers, true);
    let bytes = 5 + 1 + 1 + u64::try_from(trailers.len()).unwrap();
    let answer = Answer { status: 200, bytes, grpc_status: Some(14) };
    let expected = [Event::FirstByte { place: 0 }, Event::Answered { place: 0, answer }];
    assert_eq!(told(&mut client, script), expected);
}

#[test]
fn what_is_not_an_answer_fails_its_stream_alone() {
    let no_status = b"\x00\x01a\x01b";
    let scripts = [
        Script::new().data(1, b"x", true),
        Script::new().headers(1, no_status, true),
        Script::new().headers(1, b"\x08\x03103", true),
        Script::new().headers(1, b"\x08\x03101", false),
        Script::new().headers(1, b"\x08\x0220", true),
        Script::new().headers(1, b"\x88\x88", true),
        Script::new().headers(1, b"\x00\x01a\x01b\x88", true),
        Script::new().headers(1, b"\x88\x00\x01A\x01b", true),
        Script::new().headers(1, b"\x88\x04\x01/", true),
        Script::new().headers(1, OK, false).headers(1, OK, true),
        // content-length: 2, with another, with none of it, with less, with more.
        Script::new().headers(1, b"\x88\x0f\x0d\x012\x0f\x0d\x013", true),
        Script::new().headers(1, b"\x88\x0f\x0d\x012", true),
        Script::new().headers(1, b"\x88\x0f\x0d\x012", false).data(1, b"a", true),
        Script::new().headers(1, b"\x88\x0f\x0d\x012", false).data(1, b"abc", true),
        Script::new().headers(1, b"\x88\x0f\x0d\x01x", true),
        Script::new().headers(1, OK, false).headers(1, no_status, false),
        Script::new().frame(kind::WINDOW_UPDATE, 0, 1, &[0; 4]),
        Script::new().frame(kind::WINDOW_UPDATE, 0, 1, &[0x7f, 0xff, 0xff, 0xff]),
    ];
    for (nth, script) in scripts.into_iter().enumerate() {
        let mut client = waiting(2);
        let events = told(&mut client, script.headers(3, OK, true));
        let events: Vec<_> =
            events.into_iter().filter(|e| !matches!(e, Event::FirstByte { .. })).collect();
        assert_eq!(events, [malformed(0), answered(1, 200, 1)], "script {nth}");
        assert!(client.output().windows(5).any(|bytes| bytes == [0, 0, 4, kind::RST_STREAM, 0]));
    }
}

#[test]
fn a_length_is_kept_to_except_where_no_body_comes() {
    let mut client = waiting(2);
    let line = RequestLine { method: "HEAD", scheme: "http", authority: "a", path: "/" };
    let head = HeaderBlock::request(line, []).expect("sendable");
    client.request(2, &head, &Arc::default()).expect("capacity");
    let script = Script::new()
        .headers(1, b"\x88\x0f\x0d\x012", false)
        .data(1, b"a", false)
        .data(1, b"b", true)
        .headers(3, b"\x8b\x0f\x0d\x012", true)
        .headers(5, b"\x88\x0f\x0d\x012", true);
    let mut events = told(&mut client, script);
    events.retain(|event| !matches!(event, Event::FirstByte { .. }));
    assert_eq!(events, [answered(0, 200, 7), answered(1, 304, 5), answered(2, 200, 5)]);
}

#[test]
fn what_follows_an_end_is_let_pass_only_once_we_have_ended_a_stream_ourselves() {
    let mut client = waiting(2);
    let late = || Script(Vec::new()).data(1, b"late", true);
    told(&mut client, Script::new().headers(1, OK, true));
    assert_eq!(error(&mut client.clone(), late()), ErrorCode::STREAM_CLOSED);
    client.cancel(1);
    assert_eq!(told(&mut client, late().headers(3, OK, true)), []);
}

#[test]
fn a_reset_or_refused_stream_frees_its_place() {
    let mut client = waiting(2);
    let script = Script::new()
        .frame(kind::RST_STREAM, 0, 1, &2_u32.to_be_bytes())
        .frame(kind::RST_STREAM, 0, 3, &7_u32.to_be_bytes())
        .frame(kind::RST_STREAM, 0, 3, &7_u32.to_be_bytes());
    let expected = [
        Event::Failed { place: 0, why: Failure::Reset(ErrorCode::INTERNAL_ERROR) },
        Event::Failed { place: 1, why: Failure::NotProcessed },
    ];
    assert_eq!(told(&mut client, script), expected);
    client.request(0, &head(), &Arc::default()).expect("a free place");
}

#[test]
fn streams_above_the_last_one_were_not_processed() {
    let mut client = waiting(4);
    let script = Script::new()
        .frame(kind::GOAWAY, 0, 0, &[0, 0, 0, 5, 0, 0, 0, 0, b'w', b'h', b'y'])
        .headers(3, OK, true);
    let expected = [
        Event::Failed { place: 3, why: Failure::NotProcessed },
        Event::GoAway { code: ErrorCode::NO_ERROR },
        Event::FirstByte { place: 1 },
        answered(1, 200, 1),
    ];
    assert_eq!(told(&mut client, script), expected);
    assert_eq!((client.capacity(), client.in_flight()), (0, 2));
    assert_eq!(client.request(3, &head(), &Arc::default()), Err(Refused::UsedUp));
}

#[test]
fn an_early_answer_ends_the_request_body() {
    let mut client = waiting(0);
    client.request(0, &head(), &vec![0; 100_000].into()).expect("capacity");
    client.output().clear();
    assert_eq!(told(&mut client, Script::new().headers(1, OK, true)).len(), 2);
    // The acknowledgement of the settings, then the reset, and nothing more of the body.
    assert_eq!(client.output()[9..], [0, 0, 4, kind::RST_STREAM, 0, 0, 0, 0, 1, 0, 0, 0, 8]);
}

#[test]
fn pings_are_answered_and_acknowledgements_are_not() {
    let mut client = waiting(0);
    let script = Script::default().frame(kind::PING, 0, 0, b"opaque!!").frame(
        kind::PING,
        frame::flag::ACK,
        0,
        b"ignored!",
    );
    told(&mut client, script);
    assert_eq!(client.output().as_slice(), b"\x00\x00\x08\x06\x01\x00\x00\x00\x00opaque!!");
}

#[test]
fn a_smaller_table_is_acknowledged_in_the_next_block() {
    let mut client = waiting(0);
    told(&mut client, Script::default().settings(&[(setting::HEADER_TABLE_SIZE, 0)]));
    client.output().clear();
    client.request(0, &head(), &Arc::default()).expect("capacity");
    assert_eq!(client.output()[9..11], [0x20, 0x82]);
    client.output().clear();
    client.request(1, &head(), &Arc::default()).expect("capacity");
    assert_eq!(client.output()[9], 0x82);
}

#[test]
fn ids_run_out() {
    let mut client = waiting(0);
    client.state.next_id = LARGEST;
    assert_eq!(client.capacity(), 100);
    client.request(0, &head(), &Arc::default()).expect("the last id");
    assert!(client.is_used_up());
    assert_eq!(client.request(1, &head(), &Arc::default()), Err(Refused::UsedUp));
    assert_eq!(told(&mut client, Script::new().headers(LARGEST, OK, true)).len(), 2);
}

#[test]
fn what_breaks_the_protocol_ends_the_connection() {
    let p = ErrorCode::PROTOCOL_ERROR;
    let (flow, size) = (ErrorCode::FLOW_CONTROL_ERROR, ErrorCode::FRAME_SIZE_ERROR);
    let compression = ErrorCode::COMPRESSION_ERROR;
    let setting = |id, value| Script::new().settings(&[(id, value)]);
    let frame = |kind, flags, stream, payload| Script::new().frame(kind, flags, stream, payload);
    let cases = [
        (Script::default().frame(kind::PING, 0, 0, &[0; 8]), p),
        (Script(b"HTTP/1.1 400 Bad Request\r\n\r\n".to_vec()), p),
        (setting(setting::INITIAL_WINDOW_SIZE, 1 << 31), flow),
        (setting(setting::MAX_FRAME_SIZE, 16_383), p),
        (setting(setting::MAX_FRAME_SIZE, 1 << 24), p),
        (setting(setting::ENABLE_PUSH, 2), p),
        (frame(kind::SETTINGS, 0, 1, &[]), p),
        (frame(kind::SETTINGS, 0, 0, &[0; 5]), size),
        (frame(kind::SETTINGS, frame::flag::ACK, 0, &[0; 6]), size),
        (frame(kind::PING, 0, 0, &[0; 7]), size),
        (frame(kind::PING, 0, 1, &[0; 8]), p),
        (frame(kind::GOAWAY, 0, 0, &[0; 7]), size),
        (frame(kind::GOAWAY, 0, 1, &[0; 8]), p),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0; 4]), p),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0x7f, 0xff, 0xff, 0xff]), flow),
        (frame(kind::WINDOW_UPDATE, 0, 0, &[0; 3]), size),
        (frame(kind::RST_STREAM, 0, 1, &[0; 3]), size),
        (frame(kind::RST_STREAM, 0, 0, &[0; 4]), p),
        (frame(kind::RST_STREAM, 0, 3, &[0; 4]), p),
        (frame(kind::PUSH_PROMISE, 4, 1, &[0, 0, 0, 2, 0x82]), p),
        (frame(kind::DATA, 0, 0, b"x"), p),
        (frame(kind::DATA, frame::flag::PADDED, 1, &[1]), p),
        (frame(kind::DATA, frame::flag::PADDED, 1, &[]), size),
        (frame(kind::DATA, 0, 2, b"x"), p),
        (frame(kind::HEADERS, 4, 3, OK), p),
        (frame(kind::HEADERS, 4, 1, &[0xbe]), compression),
        (frame(kind::HEADERS, 0, 1, OK).data(1, b"x", false), p),
        (frame(kind::HEADERS, 0, 1, OK).frame(kind::CONTINUATION, 4, 3, &[]), p),
        (frame(kind::CONTINUATION, 4, 1, OK), p),
        (frame(kind::HEADERS, 0x24, 1, &[0; 4]), size),
        (frame(0xfa, 0, 0, &[0; 16_385]), size),
    ];
    for (nth, (script, code)) in cases.into_iter().enumerate() {
        let mut client = Client::new(Settings::default());
        client.request(0, &head(), &Arc::default()).expect("the first");
        assert_eq!(error(&mut client, script), code, "case {nth}");
    }
}

#[test]
fn more_than_the_windows_allow_is_refused() {
    let settings = Settings { stream_window: 10, connection_window: 0, ..Settings::default() };
    let mut client = Client::new(settings);
    client.request(0, &head(), &Arc::default()).expect("the first");
    let events = told(&mut client, Script::new().headers(1, OK, false).data(1, &[0; 11], true));
    assert_eq!(events[2..], [malformed(0)]);
    let mut flood = Script::default();
    for _ in 0..4 {
        flood = flood.data(1, &[0; 16_000], false);
    }
    // The connection's window is replenished while bytes are taken, whatever stream they are for.
    assert!(client.feed(&flood.0, &mut Vec::new()).is_ok());
}

#[test]
fn floods_end_the_connection() {
    let mut pings = Script::new();
    for _ in 0..10_001 {
        pings = pings.frame(kind::PING, 0, 0, &[0; 8]);
    }
    assert_eq!(error(&mut waiting(0), pings), ErrorCode::ENHANCE_YOUR_CALM);
    let mut empty = Script::new().frame(kind::HEADERS, 0, 1, &[]);
    for _ in 0..65 {
        empty = empty.frame(kind::CONTINUATION, 0, 1, &[]);
    }
    assert_eq!(error(&mut waiting(1), empty), ErrorCode::ENHANCE_YOUR_CALM);
    let mut long = Script::new().frame(kind::HEADERS, 0, 1, &[]);
    for _ in 0..5 {
        long = long.frame(kind::CONTINUATION, 0, 1, &[0; 16_000]);
    }
    assert_eq!(error(&mut waiting(1), long), ErrorCode::ENHANCE_YOUR_CALM);
}

#[test]
fn goodbye_is_said_with_its_reason() {
    let mut client = waiting(1);
    client.goodbye(ErrorCode::PROTOCOL_ERROR);
    assert_eq!(client.output()[9..], [0, 0, 0, 0, 0, 0, 0, 1]);
    assert!(client.is_used_up());
}

fn frames() -> impl Strategy<Value = Vec<u8>> {
    let frame = (
        prop_oneof![0_u8..12, any::<u8>()],
        prop_oneof![Just(0_u8), Just(4), Just(5), any::<u8>()],
        0_u32..9,
        prop_oneof![
            Just(vec![0x88]),
            Just(vec![0; 4]),
            proptest::collection::vec(any::<u8>(), 0..40)
        ],
    );
    let frames = proptest::collection::vec(frame, 0..12);
    frames.prop_map(|frames| {
        let script = frames.iter().fold(Script::new(), |script, (kind, flags, stream, payload)| {
            script.frame(*kind, *flags, *stream, payload)
        });
        script.0
    })
}

fn fed_in_pieces(bytes: &[u8], piece: usize) -> (Vec<Event>, Option<ConnectionError>, u32) {
    let mut client = waiting(4);
    let mut events = Vec::new();
    let error = bytes.chunks(piece).find_map(|piece| client.feed(piece, &mut events).err());
    (events, error, client.in_flight())
}

proptest! {
    #[test]
    fn no_bytes_panic(bytes in proptest::collection::vec(any::<u8>(), 0..300)) {
        fed_in_pieces(&bytes, 7);
    }

    /// Every request ends at most once, and however the bytes are cut, the same happens.
    #[test]
    fn frames_mean_the_same_however_they_are_cut(bytes in frames(), piece in 1_usize..40) {
        let whole = fed_in_pieces(&bytes, usize::MAX);
        prop_assert_eq!(&fed_in_pieces(&bytes, piece), &whole);
        let ended = |event: &&Event| {
            matches!(event, Event::Answered { .. } | Event::Failed { .. })
        };
        let ended = whole.0.iter().filter(ended).count();
        prop_assert_eq!(ended + usize::try_from(whole.2).unwrap(), 4);
    }
}
