//! The client and the server of this module against each other, with bytes moved in pieces.

use std::sync::Arc;

use proptest::prelude::*;

use super::client::{self, Answer, Client};
use super::server::{self, Server};
use super::*;

fn block(path: &str) -> HeaderBlock {
    let line = RequestLine { method: "POST", scheme: "http", authority: "a:1", path };
    HeaderBlock::request(line, [("x-long", "v".repeat(300).as_str())]).expect("sendable")
}

/// Moves what one side has to say, in pieces of that size; returns whether there was anything.
fn move_bytes(
    from: &mut Vec<u8>,
    piece: usize,
    mut to: impl FnMut(&[u8]) -> Result<(), ConnectionError>,
) -> bool {
    let bytes = std::mem::take(from);
    for piece in bytes.chunks(piece) {
        to(piece).expect("both sides keep to HTTP/2");
    }
    !bytes.is_empty()
}

/// Sends requests with bodies, answers each when it is told of, until nothing moves.
fn converse(
    (client, server): (client::Settings, server::Settings),
    piece: usize,
    bodies: &[(usize, usize)],
) -> Vec<client::Event> {
    let (mut client, mut server) = (Client::new(client), Server::new(server));
    let (mut happened, mut asked) = (Vec::new(), Vec::new());
    let answer = AnswerBlock::new(200, [("a", "b")]).unwrap().with_trailers([("c", "d")]).unwrap();
    let (mut sent, mut answered) = (0, 0);
    let mut turns = 0;
    loop {
        turns += 1;
        assert!(turns < 100_000, "wedged after {sent} of {}: {happened:?}", bodies.len());
        while sent < bodies.len() && client.capacity() > 0 {
            let place = u32::try_from(sent).unwrap();
            client.request(place, &block("/"), &vec![1; bodies[sent].0].into()).unwrap();
            sent += 1;
        }
        let mut moved = move_bytes(client.output(), piece, |bytes| server.feed(bytes, &mut asked));
        for event in asked.drain(..) {
            let server::Event::Request { stream, .. } = event else { panic!("{event:?}") };
            let nth = usize::try_from(stream / 2).unwrap();
            server.answer(stream, &answer, &vec![2; bodies[nth].1].into()).expect("waited for");
            answered += 1;
        }
        moved |= move_bytes(server.output(), piece, |bytes| client.feed(bytes, &mut happened));
        if !moved {
            break;
        }
    }
    assert_eq!((sent, answered), (bodies.len(), bodies.len()));
    assert_eq!((client.in_flight(), server.in_flight()), (0, 0));
    happened
}

fn small(streams: u32, window: u32) -> (client::Settings, server::Settings) {
    (
        client::Settings { streams, stream_window: window, connection_window: 0 },
        server::Settings {
            max_concurrent_streams: streams,
            stream_window: window,
            connection_window: 0,
        },
    )
}

fn answers(events: &[client::Event]) -> Vec<(u32, Answer)> {
    let answered = |event: &client::Event| match event {
        client::Event::Answered { place, answer } => Some((*place, *answer)),
        _ => None,
    };
    let mut answers: Vec<_> = events.iter().filter_map(answered).collect();
    answers.sort_by_key(|(place, _)| *place);
    answers
}

#[test]
fn large_bodies_pass_through_small_windows_both_ways() {
    let bodies: Vec<_> = (0..20).map(|nth| (nth * 10_007, (20 - nth) * 9_001)).collect();
    for window in [1, 100, 16_384, 70_000] {
        let bodies = if window == 1 { &[(200, 300); 20][..] } else { &bodies[..] };
        let events = converse(small(20, window), 4096, bodies);
        let answers = answers(&events);
        assert_eq!(answers.len(), bodies.len());
        for ((_, answer), (_, length)) in answers.iter().zip(bodies) {
            let heads = answer.bytes - u64::try_from(*length).unwrap();
            assert!(answer.status == 200 && (5..20).contains(&heads), "{answer:?}");
        }
    }
}

#[test]
fn thousands_of_requests_follow_each_other_on_one_connection() {
    let bodies = vec![(3, 12); 100];
    let mut client = Client::new(client::Settings { streams: 100, ..Default::default() });
    let mut server = Server::new(server::Settings::default());
    let (head, body): (_, Arc<[u8]>) = (block("/"), [0; 3].into());
    let answer = AnswerBlock::new(204, []).unwrap();
    let (mut happened, mut asked, mut answered) = (Vec::new(), Vec::new(), 0);
    move_bytes(server.output(), 100, |bytes| client.feed(bytes, &mut happened));
    for _ in 0..1000 {
        for place in 0..u32::try_from(bodies.len()).unwrap() {
            client.request(place, &head, &body).unwrap();
        }
        assert_eq!(client.capacity(), 0);
        move_bytes(client.output(), 10_000, |bytes| server.feed(bytes, &mut asked));
        for event in asked.drain(..) {
            let server::Event::Request { stream, .. } = event else { panic!("{event:?}") };
            server.answer(stream, &answer, &Arc::default()).expect("waited for");
        }
        happened.clear();
        move_bytes(server.output(), 10_000, |bytes| client.feed(bytes, &mut happened));
        answered += answers(&happened).len();
    }
    assert_eq!(answered, 100_000);
}

#[test]
fn a_head_larger_than_a_frame_is_continued() {
    let long = "é".repeat(20_000);
    let line = RequestLine { method: "GET", scheme: "http", authority: "a", path: "/" };
    let head = HeaderBlock::request(line, [("x", long.as_str())]).unwrap();
    assert!(head.block.len() > 2 * frame::LONGEST_PAYLOAD);
    let (mut client, mut server) =
        (Client::new(Default::default()), Server::new(Default::default()));
    client.request(0, &head, &Arc::default()).unwrap();
    let mut asked = Vec::new();
    move_bytes(client.output(), 1000, |bytes| server.feed(bytes, &mut asked));
    assert_eq!(asked.len(), 1, "{asked:?}");
}

#[test]
fn grpc_has_its_status_in_the_trailers() {
    let (mut client, mut server) =
        (Client::new(Default::default()), Server::new(Default::default()));
    let line = RequestLine { method: "POST", scheme: "http", authority: "a", path: "/p.S/M" };
    let head = HeaderBlock::request(line, grpc::REQUEST_FIELDS).unwrap();
    client.request(0, &head, &grpc::body(b"message")).unwrap();
    let (mut asked, mut happened) = (Vec::new(), Vec::new());
    move_bytes(client.output(), 7, |bytes| server.feed(bytes, &mut asked));
    let [server::Event::Request { stream, asked }] = asked[..] else { panic!("{asked:?}") };
    assert!(asked.grpc && !asked.head);
    server.answer(stream, &grpc::answer(5), &grpc::body(b"")).unwrap();
    move_bytes(server.output(), 7, |bytes| client.feed(bytes, &mut happened));
    assert_eq!(answers(&happened)[0].1.grpc_status, Some(5));
}

#[test]
fn a_cancelled_request_is_told_of_and_frees_its_place() {
    let (mut client, mut server) =
        (Client::new(Default::default()), Server::new(Default::default()));
    let (mut asked, mut happened) = (Vec::new(), Vec::new());
    client.request(0, &block("/"), &[0; 10].into()).unwrap();
    move_bytes(client.output(), 50, |bytes| server.feed(bytes, &mut asked));
    client.cancel(0);
    assert_eq!(client.in_flight(), 0);
    move_bytes(client.output(), 50, |bytes| server.feed(bytes, &mut asked));
    assert_eq!(asked[1..], [server::Event::Cancelled { stream: 1 }]);
    let answer = AnswerBlock::new(200, []).unwrap();
    assert_eq!(server.answer(1, &answer, &Arc::default()), Err(server::Gone));
    client.request(0, &block("/"), &Arc::default()).unwrap();
    move_bytes(client.output(), 50, |bytes| server.feed(bytes, &mut asked));
    server.answer(3, &answer, &Arc::default()).unwrap();
    move_bytes(server.output(), 50, |bytes| client.feed(bytes, &mut happened));
    assert_eq!(answers(&happened).len(), 1);
}

#[test]
fn bodies_that_the_peer_does_not_read_are_not_written() {
    let (mut client, mut server) =
        (Client::new(Default::default()), Server::new(Default::default()));
    let mut asked = Vec::new();
    for _ in 0..50 {
        let _ = move_bytes(server.output(), 50, |bytes| client.feed(bytes, &mut Vec::new()));
    }
    let body: Arc<[u8]> = vec![0; 10 << 20].into();
    for place in 0..100 {
        client.request(place, &block("/"), &Arc::default()).unwrap();
    }
    move_bytes(client.output(), 5000, |bytes| server.feed(bytes, &mut asked));
    for event in asked {
        let server::Event::Request { stream, .. } = event else { continue };
        server.answer(stream, &AnswerBlock::new(200, []).unwrap(), &body).unwrap();
    }
    assert!(server.output().len() < 300 * 1024, "{}", server.output().len());
    let mut happened = Vec::new();
    let mut most = 0;
    while move_bytes(server.output(), 100_000, |bytes| client.feed(bytes, &mut happened)) {
        move_bytes(client.output(), 100, |bytes| server.feed(bytes, &mut Vec::new()));
        most = most.max(server.output().len());
    }
    assert!(most < 300 * 1024, "{most}");
    assert_eq!(answers(&happened).len(), 100);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    /// How the bytes are cut and how small the windows are changes no answer.
    #[test]
    fn every_request_is_answered_however_bytes_are_cut(
        bodies in proptest::collection::vec((0_usize..40_000, 0_usize..40_000), 1..12),
        piece in prop_oneof![Just(1_usize), 2..50_usize, 1000..30_000_usize],
        window in 500_u32..100_000,
        streams in 12_u32..20,
    ) {
        let events = converse(small(streams, window), piece, &bodies);
        let whole = converse(small(streams, u32::MAX >> 1), usize::MAX, &bodies);
        prop_assert_eq!(answers(&events), answers(&whole));
    }
}
