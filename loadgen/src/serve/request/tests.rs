use proptest::prelude::*;

use super::*;

/// All steps, and how it ended: an error, or not.
fn steps(pieces: &[&[u8]]) -> (Vec<Step>, Option<Malformed>) {
    let mut reader = RequestReader::default();
    let mut steps = Vec::new();
    for piece in pieces {
        let mut input = *piece;
        loop {
            match reader.next(&mut input) {
                Ok(Some(step)) => steps.push(step),
                Ok(None) => break,
                Err(error) => return (steps, Some(error)),
            }
        }
        assert!(input.is_empty(), "`None` takes all");
    }
    (steps, None)
}

fn asked(text: &str) -> Asked {
    match steps(&[text.as_bytes()]) {
        (steps, None) => match steps[..] {
            [Step::Request(asked)] => asked,
            _ => panic!("{steps:?} for {text:?}"),
        },
        (_, Some(error)) => panic!("{error} for {text:?}"),
    }
}

const PLAIN: Asked = Asked { head_only: false, old: false, keep_alive: true };

#[test]
fn the_form_of_the_answer_is_read_from_the_head() {
    assert_eq!(asked("GET / HTTP/1.1\r\nhost: x\r\n\r\n"), PLAIN);
    assert_eq!(asked("HEAD / HTTP/1.1\r\n\r\n"), Asked { head_only: true, ..PLAIN });
    let closing = Asked { keep_alive: false, ..PLAIN };
    assert_eq!(asked("GET / HTTP/1.1\r\nConnection: foo, CLOSE\r\n\r\n"), closing);
    assert_eq!(asked("GET / HTTP/1.0\r\n\r\n"), Asked { old: true, ..closing });
    assert_eq!(
        asked("GET / HTTP/1.0\r\nconnection: Keep-Alive\r\n\r\n"),
        Asked { old: true, ..PLAIN }
    );
    assert_eq!(asked("POST / HTTP/1.1\ncontent-length: 3\n\nabc"), PLAIN);
    assert_eq!(
        asked(
            "POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n3;x=y\r\nabc\r\n0\r\na: b\r\n\r\n"
        ),
        PLAIN
    );
}

#[test]
fn a_peer_that_expects_to_be_asked_for_the_body_is_asked() {
    let head = b"PUT / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n";
    assert_eq!(steps(&[head]), (vec![Step::Continue], None));
    assert_eq!(steps(&[head, b"ab"]), (vec![Step::Continue, Step::Request(PLAIN)], None));
    // Without a body there is nothing to wait for.
    assert_eq!(asked("PUT / HTTP/1.1\r\nexpect: 100-continue\r\n\r\n"), PLAIN);
}

#[test]
fn pipelined_requests_are_told_in_their_order() {
    let text = b"GET / HTTP/1.1\r\n\r\nPOST / HTTP/1.1\r\ncontent-length: 1\r\n\r\nxHEAD / HTTP/1.1\r\n\r\n";
    let head = Asked { head_only: true, ..PLAIN };
    let expected = [PLAIN, PLAIN, head].map(Step::Request).to_vec();
    assert_eq!(steps(&[text]), (expected, None));
}

#[test]
fn a_body_whose_length_is_not_clear_is_refused() {
    for (headers, why) in [
        ("content-length: 1\r\ncontent-length: 2\r\n", Malformed::Length),
        ("content-length: +1\r\n", Malformed::Length),
        ("content-length: 1\r\ntransfer-encoding: chunked\r\n", Malformed::Length),
        ("transfer-encoding: gzip\r\n", Malformed::Length),
        ("transfer-encoding: gzip, chunked\r\n", Malformed::Length),
        ("no colon\r\n", Malformed::Head),
    ] {
        let text = format!("POST / HTTP/1.1\r\n{headers}\r\n");
        assert_eq!(steps(&[text.as_bytes()]), (vec![], Some(why)), "{headers:?}");
    }
    for chunks in ["x\r\n", "\r\n", "1\nab", "1\r\nab\r\n", "fffffffffffffff\r\n"] {
        let text = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n{chunks}");
        assert_eq!(steps(&[text.as_bytes()]), (vec![], Some(Malformed::Chunk)), "{chunks:?}");
    }
}

#[test]
fn a_head_without_end_is_refused_before_it_fills_the_memory() {
    let line = "a: ".to_owned() + &"x".repeat(LONGEST_HEAD);
    let text = format!("GET / HTTP/1.1\r\n{line}");
    assert_eq!(steps(&[text.as_bytes()]).1, Some(Malformed::HeadTooLong));
    let pieces: Vec<&[u8]> = text.as_bytes().chunks(1000).collect();
    assert_eq!(steps(&pieces).1, Some(Malformed::HeadTooLong));
    let chunk = format!("POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n1;{line}");
    assert_eq!(steps(&[chunk.as_bytes()]).1, Some(Malformed::Chunk));
}

/// Requests and things close to requests.
fn almost_http() -> impl Strategy<Value = Vec<u8>> {
    let line = prop_oneof![
        Just("GET / HTTP/1.1\r\n"),
        Just("HEAD /a?b HTTP/1.0\r\n"),
        Just("POST / HTTP/1.1\r\nexpect: 100-continue\r\n"),
        Just("content-length: 3\r\n"),
        Just("content-length: 0\r\n"),
        Just("transfer-encoding: chunked\r\n"),
        Just("connection: close\r\n"),
        Just("\r\n"),
        Just("\n"),
        Just("abc"),
        Just("3\r\nabc\r\n"),
        Just("0\r\n\r\n"),
        Just("\u{0}"),
        Just("host: x\r\n\r\n"),
    ];
    prop_oneof![
        4 => prop::collection::vec(line, 0..12).prop_map(|lines| lines.concat().into_bytes()),
        1 => prop::collection::vec(any::<u8>(), 0..200),
    ]
}

proptest! {
    #[test]
    fn however_the_bytes_are_split_they_come_to_the_same(
        bytes in almost_http(),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 0..6),
    ) {
        let whole = steps(&[&bytes]);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(bytes.len() + 1)).collect();
        cuts.extend([0, bytes.len()]);
        cuts.sort_unstable();
        let pieces: Vec<&[u8]> = cuts.windows(2).map(|pair| &bytes[pair[0]..pair[1]]).collect();
        prop_assert_eq!(&steps(&pieces), &whole);
        let single: Vec<&[u8]> = bytes.chunks(1).collect();
        prop_assert_eq!(&steps(&single), &whole);
    }
}
