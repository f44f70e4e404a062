use std::sync::Arc;

use bench::plan::Seed;
use scenarios::load::RequestSpec;

use super::answer::Method;
use super::*;
use crate::requests::{Body, Feed, Kind, KindIndex, Mix, RequestId, Statuses, Template};

/// A reader with the head that it knows.
struct Reader {
    reader: AnswerReader,
    known: KnownHead,
}

fn reader(to: Method) -> Reader {
    let mut reader = AnswerReader::default();
    reader.expect(to);
    Reader { reader, known: KnownHead::default() }
}

impl Reader {
    fn feed(&mut self, input: &[u8]) -> Result<Option<Answer>, Malformed> {
        self.reader.feed(input, &mut self.known)
    }

    fn finish(&mut self) -> Option<Answer> {
        self.reader.finish()
    }
}

fn read_whole(bytes: &[u8]) -> Result<Option<Answer>, Malformed> {
    reader(Method::Any).feed(bytes)
}

const LENGTH: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello";
const CHUNKED: &[u8] =
    b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5;x=y\r\nhello\r\nA\r\n0123456789\r\n0\r\nt: v\r\n\r\n";
const INTERIM: &[u8] =
    b"HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 403 Forbidden\r\ncontent-length: 2\r\n\r\nno";

#[test]
fn an_answer_is_the_same_whatever_the_pieces_it_comes_in() {
    for bytes in [LENGTH, CHUNKED, INTERIM] {
        let whole = read_whole(bytes).expect("well formed").expect("complete");
        assert_eq!(whole.bytes, bytes.len() as u64);
        for cut in 1..bytes.len() {
            for second in cut..bytes.len() {
                let mut reader = reader(Method::Any);
                assert_eq!(reader.feed(&bytes[..cut]), Ok(None), "cut at {cut}");
                assert_eq!(reader.feed(&bytes[cut..second]), Ok(None), "cut at {cut}, {second}");
                assert_eq!(
                    reader.feed(&bytes[second..]),
                    Ok(Some(whole)),
                    "cut at {cut}, {second}"
                );
            }
        }
    }
}

#[test]
fn one_reader_reads_one_answer_after_another() {
    let mut reader = reader(Method::Any);
    for bytes in [LENGTH, CHUNKED, INTERIM, LENGTH] {
        assert!(matches!(reader.feed(bytes), Ok(Some(_))));
    }
}

#[test]
fn the_answer_to_a_head_request_has_no_body() {
    let head = b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n";
    let answer = reader(Method::Head).feed(head).expect("well formed");
    assert_eq!(answer, Some(Answer { status: 200, bytes: head.len() as u64, reusable: true }));
}

#[test]
fn answers_without_a_body_end_with_their_head() {
    for head in [
        "HTTP/1.1 204 No Content\r\n\r\n",
        "HTTP/1.1 304 Not Modified\r\ncontent-length: 9\r\n\r\n",
    ] {
        assert!(matches!(read_whole(head.as_bytes()), Ok(Some(_))), "{head}");
    }
}

#[test]
fn an_answer_without_a_length_ends_with_its_connection() {
    let mut reader = reader(Method::Any);
    assert_eq!(reader.feed(b"HTTP/1.1 200 OK\r\n\r\nhello"), Ok(None));
    let answer = reader.finish().expect("complete at the close");
    assert_eq!((answer.status, answer.bytes, answer.reusable), (200, 24, false));
}

#[test]
fn a_close_before_the_end_is_no_answer() {
    for cut in 1..LENGTH.len() {
        let mut reader = reader(Method::Any);
        assert_eq!(reader.feed(&LENGTH[..cut]), Ok(None));
        assert_eq!(reader.finish(), None);
    }
}

#[test]
fn reuse_follows_version_and_connection_header() {
    let cases = [
        ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", true),
        ("HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 0\r\n\r\n", false),
        ("HTTP/1.1 200 OK\r\nconnection: x, close\r\ncontent-length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\ncontent-length: 0\r\n\r\n", false),
        ("HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n", true),
    ];
    for (head, reusable) in cases {
        let answer = read_whole(head.as_bytes()).expect("well formed").expect("complete");
        assert_eq!(answer.reusable, reusable, "{head}");
    }
}

#[test]
fn unclear_lengths_and_surplus_bytes_are_refused() {
    let cases: [(&[u8], Malformed); 9] = [
        (b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\n", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\n", Malformed::Length),
        (
            b"HTTP/1.1 200 OK\r\ncontent-length: 5\r\ntransfer-encoding: chunked\r\n\r\n",
            Malformed::Length,
        ),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\n", Malformed::Length),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\nzz\r\n", Malformed::Chunk),
        (b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\nhello", Malformed::Chunk),
        (b"HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\nab", Malformed::Surplus),
        (b"HTTP/1.1 101 Switching Protocols\r\n\r\n", Malformed::Head),
        (b"SSH-2.0-OpenSSH_9.2\r\n", Malformed::Head),
    ];
    for (bytes, expected) in cases {
        assert_eq!(read_whole(bytes), Err(expected), "{}", String::from_utf8_lossy(bytes));
    }
}

#[test]
fn a_head_without_an_end_is_refused_and_not_kept_for_ever() {
    let mut reader = reader(Method::Any);
    let mut fed = reader.feed(b"HTTP/1.1 200 OK\r\n");
    for _ in 0..LONGEST_HEAD {
        if fed.is_err() {
            break;
        }
        fed = reader.feed(b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n");
    }
    assert!(fed.is_err());
}

proptest::proptest! {
    #[test]
    fn no_bytes_make_the_reader_panic(bytes: Vec<u8>, cut in 0_usize..64) {
        let mut reader = reader(Method::Any);
        let (first, second) = bytes.split_at(cut.min(bytes.len()));
        let _ = reader.feed(first);
        let _ = reader.feed(second);
        let _ = reader.finish();
    }
}

/// The bytes of a mix's first request.
fn written(mix: Mix, index: u64) -> String {
    let writer = RequestWriter::new(Arc::new(mix), "127.0.0.1:80", false);
    let mut scratch = b"left over".to_vec();
    let request = RequestId { index, kind: KindIndex(0) };
    String::from_utf8(writer.bytes(request, &mut scratch).to_vec()).expect("text")
}

#[test]
fn a_request_is_serialised_with_its_host_headers_and_body() {
    let request = RequestSpec {
        method: "POST".into(),
        path: "/v1/charge?x=1".into(),
        headers: vec![("Content-Type".into(), "application/json".into())],
        body: "{}".into(),
    };
    assert_eq!(
        written(Mix::of_scenario(&request), 0),
        "POST /v1/charge?x=1 HTTP/1.1\r\nhost: 127.0.0.1:80\r\ncontent-type: application/json\r\ncontent-length: 2\r\n\r\n{}"
    );
}

#[test]
fn values_of_the_feed_stand_in_path_headers_and_body_with_the_right_length() {
    let folder = tempfile::tempdir().expect("a folder");
    let path = folder.path().join("feed.csv");
    std::fs::write(&path, "id,name\n1,Ann\n22,Bob\n").expect("written");
    let feed = Feed::read(&path).expect("a feed");
    let template = |text: &str| Template::parse(text, feed.columns()).expect("a template");
    let kind = Kind {
        name: "put".into(),
        weight: 1,
        method: "PUT".into(),
        path: template("/u/{id}"),
        headers: vec![("x-name".into(), template("{name}"))],
        body: Body::Filled(template("<{name}:{id}>")),
        expected: Statuses::success(),
        answer: None,
    };
    let mix = Mix::new(vec![kind], feed, Seed(1)).expect("a mix");
    assert_eq!(
        written(mix, 1),
        "PUT /u/22 HTTP/1.1\r\nhost: 127.0.0.1:80\r\nx-name: Bob\r\ncontent-length: 8\r\n\r\n<Bob:22>"
    );
}

#[test]
fn a_head_that_differs_from_the_known_one_is_read_anew() {
    let mut reader = reader(Method::Any);
    for (head, status) in [("200 OK", 200), ("200 OK", 200), ("404 No", 404), ("200 OK", 200)] {
        let answer = format!("HTTP/1.1 {head}\r\ncontent-length: 2\r\n\r\nok");
        let answer = reader.feed(answer.as_bytes()).expect("well formed").expect("complete");
        assert_eq!(answer.status, status);
    }
    // The same bytes mean something else as the answer to a HEAD.
    reader.reader.expect(Method::Head);
    let answer = reader.feed(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n");
    assert!(matches!(answer, Ok(Some(_))));
}
