//! Our reader of HTTP/1.1 answers against hyper's client, over an in-memory pipe: the same bytes
//! mean the same to both, or ours refuses them on purpose, and never the other way round.

use std::time::Duration;

use http_body_util::{BodyExt, Empty};
use hyper::Request;
use hyper::body::Bytes;
use hyper_util::rt::TokioIo;
use loadgen::transport::http1::answer::Method;
use loadgen::transport::http1::{Answer, AnswerReader, KnownHead};
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What bytes come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Verdict {
    /// Status, bytes of the body, and whether another request may follow.
    Answer(u16, usize, bool),
    /// No answer.
    Refused,
}

use Verdict::{Answer as Says, Refused};

/// How a connection goes on behind the bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    Stays,
    Ends,
}

use Then::{Ends, Stays};

/// What both make of these bytes.
const AGREED: &[(&str, Then, Verdict)] = &[
    // Lengths.
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\nhello", Stays, Says(200, 5, true)),
    ("HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    ("HTTP/1.1 200 OK\r\nContent-Length:5\r\n\r\nhello", Stays, Says(200, 5, true)),
    ("HTTP/1.1 200 OK\r\nCONTENT-LENGTH:   5   \r\n\r\nhello", Stays, Says(200, 5, true)),
    ("HTTP/1.1 200 OK\r\ncontent-length: 005\r\n\r\nhello", Stays, Says(200, 5, true)),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 5\r\n\r\nhello",
        Stays,
        Says(200, 5, true),
    ),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: five\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: +5\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: -5\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: 5, 6\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: 99999999999999999999\r\n\r\nhello", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nhello", Ends, Refused),
    // Statuses and reasons.
    ("HTTP/1.1 200\r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    ("HTTP/1.1 200 \r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    ("HTTP/1.1 404 Not Found\r\ncontent-length: 2\r\n\r\nno", Stays, Says(404, 2, true)),
    (
        "HTTP/1.1 599 Custom reason, with: all\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(599, 0, true),
    ),
    ("HTTP/1.1 204 No Content\r\n\r\n", Stays, Says(204, 0, true)),
    ("HTTP/1.1 304 Not Modified\r\ncontent-length: 100\r\n\r\n", Stays, Says(304, 0, true)),
    ("HTTP/1.1 20 OK\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 2000 OK\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 two OK\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 099 X\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 000 X\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 999 X\r\ncontent-length: 2\r\n\r\nok", Stays, Says(999, 2, true)),
    ("HTTP/1.1 204 X\r\ncontent-length: 2\r\n\r\n", Stays, Says(204, 0, true)),
    ("HTTP/1.1 204 X\r\ntransfer-encoding: chunked\r\n\r\n", Stays, Says(204, 0, true)),
    ("HTTP/1.1 304 X\r\ntransfer-encoding: chunked\r\n\r\n", Stays, Says(304, 0, true)),
    ("HTTP/1.1 200 \u{fc}\r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    ("HTTP/1.1 200 \0\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    // Versions.
    ("HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nok", Stays, Says(200, 2, false)),
    (
        "HTTP/1.0 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, true),
    ),
    ("HTTP/1.0 200 OK\r\n\r\nok", Ends, Says(200, 2, false)),
    ("HTTP/2.0 200 OK\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    ("HTTP/1.2 200 OK\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    ("http/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    // Whether the connection goes on.
    (
        "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, false),
    ),
    (
        "HTTP/1.1 200 OK\r\nConnection: Close\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, false),
    ),
    (
        "HTTP/1.1 200 OK\r\nconnection: foo, close\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, false),
    ),
    (
        "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, true),
    ),
    ("HTTP/1.1 200 OK\r\n\r\nto the end", Ends, Says(200, 10, false)),
    ("HTTP/1.1 200 OK\r\n\r\n", Ends, Says(200, 0, false)),
    (
        "HTTP/1.1 200 OK\r\nconnection: close\r\nconnection: keep-alive\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(200, 0, false),
    ),
    (
        "HTTP/1.0 200 OK\r\nconnection: close, keep-alive\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(200, 0, false),
    ),
    (
        "HTTP/1.1 200 OK\r\nproxy-connection: close\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(200, 0, true),
    ),
    // Chunks.
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n",
        Stays,
        Says(200, 5, true),
    ),
    (
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: Chunked\r\n\r\nA\r\n0123456789\r\n0\r\n\r\n",
        Stays,
        Says(200, 10, true),
    ),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", Stays, Says(200, 0, true)),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1\r\na\r\n02\r\nbc\r\n0\r\n\r\n",
        Stays,
        Says(200, 3, true),
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;name=value\r\nok\r\n0;last\r\n\r\n",
        Stays,
        Says(200, 2, true),
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\ntrailer: x\r\nanother: y\r\n\r\n",
        Stays,
        Says(200, 2, true),
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Stays,
        Says(200, 2, false),
    ),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\ng\r\nok\r\n0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n\r\nok\r\n0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokay\r\n0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\nok\n0\n\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n11111111111111111\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nokXY0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\n0\r\n\r\n", Ends, Refused),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n",
        Stays,
        Says(200, 2, true),
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\t;x\r\nok\r\n0\r\n\r\n",
        Stays,
        Says(200, 2, true),
    ),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n 2\r\nok\r\n0\r\n\r\n", Ends, Refused),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a\nb\r\nok\r\n0\r\n\r\n",
        Ends,
        Refused,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2;a\rb\r\nok\r\n0\r\n\r\n",
        Ends,
        Refused,
    ),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0x2\r\nok\r\n0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2 2\r\nok\r\n0\r\n\r\n", Ends, Refused),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nno colon\r\n\r\n",
        Ends,
        Refused,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: a\0b\r\n\r\n",
        Ends,
        Refused,
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nx: y\n\r\n",
        Ends,
        Refused,
    ),
    ("HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", Ends, Refused),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Stays,
        Says(200, 2, true),
    ),
    // Interim answers.
    (
        "HTTP/1.1 103 X\r\ncontent-length: 2\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(200, 0, true),
    ),
    (
        "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, true),
    ),
    (
        "HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\nHTTP/1.1 403 No\r\ncontent-length: 0\r\n\r\n",
        Stays,
        Says(403, 0, true),
    ),
    ("HTTP/1.1 100 Continue\r\n\r\n", Ends, Refused),
    // Heads.
    ("\r\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    ("\nHTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Stays, Says(200, 0, true)),
    (" HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1  200 OK\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\n: x\r\ncontent-length: 0\r\n\r\n", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length:\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\ncontent-length: 2\n\nok", Stays, Says(200, 2, true)),
    ("HTTP/1.1 200 OK\r\nempty:\r\ncontent-length: 2\r\n\r\nok", Stays, Says(200, 2, true)),
    (
        "HTTP/1.1 200 OK\r\nutf8: \u{fc}ber\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        Says(200, 2, true),
    ),
    ("HTTP/1.1 200 OK\r\nno colon\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\nname : value\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\nname: val\0ue\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\nname: value\r\n folded\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\nn\u{e4}me: value\r\ncontent-length: 2\r\n\r\nok", Ends, Refused),
    ("HTTP/1.1 200 OK\r\ncontent-length: 2\r\n", Ends, Refused),
    ("HTTP/1.1", Ends, Refused),
    ("", Ends, Refused),
    ("\0\u{1}\u{2}", Ends, Refused),
    ("<html>not at all</html>", Ends, Refused),
];

/// What ours refuses and hyper lets pass, and why it does.
const STRICTER: &[(&str, Then, &str)] = &[
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\ncontent-length: 5\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Stays,
        "RFC 9112 §6.3: a sender must not, and it may be an attempt to smuggle an answer",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Stays,
        "nobody here says that it takes gzip",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: gzip\r\n\r\nto the end",
        Ends,
        "nobody here says that it takes gzip",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok",
        Stays,
        "an answer that nobody asked for would be taken for the next request's",
    ),
    (
        "HTTP/1.1 101 Switching Protocols\r\nupgrade: x\r\nconnection: upgrade\r\n\r\n",
        Stays,
        "nobody here asks for another protocol",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n00000000000000000002\r\nok\r\n0\r\n\r\n",
        Stays,
        "a size of 20 digits is no honest server's",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n",
        Stays,
        "RFC 9112 §6.1: a sender must not apply it twice",
    ),
    (
        "HTTP/1.1 200 OK\r\ntransfer-encoding: identity\r\ncontent-length: 2\r\n\r\nok",
        Ends,
        "RFC 9112 §6.1: both at once",
    ),
    (
        "HTTP/1.1 200 OK\r\ncontent-length: 2,2\r\n\r\nok",
        Stays,
        "RFC 9110 §8.6: a list of lengths is not a length",
    ),
];

/// The same answers to HEAD, which have no body whatever the head says.
const TO_HEAD: &[(&str, Verdict)] = &[
    ("HTTP/1.1 200 OK\r\ncontent-length: 5\r\n\r\n", Says(200, 0, true)),
    ("HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", Says(200, 0, true)),
    ("HTTP/1.1 200 OK\r\n\r\n", Says(200, 0, true)),
    ("HTTP/1.1 200 OK\r\nconnection: close\r\n\r\n", Says(200, 0, false)),
    ("HTTP/1.0 404 No\r\ncontent-length: 5\r\n\r\n", Says(404, 0, false)),
    (
        "HTTP/1.1 103 Early Hints\r\n\r\nHTTP/1.1 200 OK\r\ncontent-length: 7\r\n\r\n",
        Says(200, 0, true),
    ),
];

/// What ours makes of bytes that come in these pieces.
fn ours(to: Method, pieces: &[&[u8]], then: Then) -> Option<Answer> {
    let (mut reader, mut known) = (AnswerReader::default(), KnownHead::default());
    reader.expect(to);
    let mut answer = None;
    for piece in pieces.iter().filter(|piece| !piece.is_empty()) {
        // More than the answer is a failure, as the transport has it.
        if answer.is_some() {
            return None;
        }
        answer = reader.feed(piece, &mut known).ok()?;
    }
    answer.or_else(|| if then == Ends { reader.finish() } else { None })
}

/// What hyper makes of them.
async fn hypers(method: &str, bytes: &[u8], then: Then) -> Verdict {
    let (near, mut far) = tokio::io::duplex(1 << 20);
    let (mut sender, connection) =
        hyper::client::conn::http1::handshake(TokioIo::new(near)).await.expect("no bytes yet");
    let driver = tokio::spawn(connection);
    let request = Request::builder().method(method).uri("/").header("host", "test");
    let request = request.body(Empty::<Bytes>::new()).expect("a request");
    let asking = sender.send_request(request);
    let answering = async {
        let mut asked = Vec::new();
        while !asked.ends_with(b"\r\n\r\n") {
            asked.push(far.read_u8().await.expect("hyper asks"));
        }
        far.write_all(bytes).await.expect("there is room");
        if then == Ends {
            far.shutdown().await.expect("it ends");
        }
        far
    };
    let (response, far) = tokio::join!(asking, answering);
    let Ok(response) = response else { return Refused };
    let status = response.status().as_u16();
    let Ok(body) = response.into_body().collect().await else { return Refused };
    let reusable = sender.ready().await.is_ok();
    drop((far, driver));
    Says(status, body.to_bytes().len(), reusable)
}

fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    // A case that neither side can end would hang the test.
    let limited = async { tokio::time::timeout(Duration::from_secs(60), work).await };
    runtime.expect("a runtime").block_on(limited).expect("both come to an end")
}

/// Asserts that ours says the same however the bytes are cut.
fn assert_ours(to: Method, text: &str, then: Then, verdict: Verdict) {
    let bytes = text.as_bytes();
    let expected = match verdict {
        Says(status, _, reusable) => {
            let bytes = u64::try_from(bytes.len()).expect("short");
            Some(Answer { status, bytes, reusable })
        }
        Refused => None,
    };
    assert_eq!(ours(to, &[bytes], then), expected, "{text:?}");
    for first in 0..bytes.len() {
        let (before, behind) = bytes.split_at(first);
        assert_eq!(ours(to, &[before, behind], then), expected, "{text:?} cut at {first}");
    }
    let single: Vec<&[u8]> = bytes.chunks(1).collect();
    assert_eq!(ours(to, &single, then), expected, "{text:?} byte by byte");
}

#[test]
fn ours_and_hyper_agree_on_answers_and_on_what_is_none() {
    assert!(AGREED.len() >= 40);
    for (text, then, verdict) in AGREED {
        let hypers = on_one_thread(hypers("GET", text.as_bytes(), *then));
        assert_eq!(hypers, *verdict, "hyper on {text:?}");
        assert_ours(Method::Any, text, *then, *verdict);
    }
}

#[test]
fn ours_and_hyper_agree_on_answers_to_head() {
    for (text, verdict) in TO_HEAD {
        let hypers = on_one_thread(hypers("HEAD", text.as_bytes(), Stays));
        assert_eq!(hypers, *verdict, "hyper on {text:?}");
        assert_ours(Method::Head, text, Stays, *verdict);
    }
}

#[test]
fn where_they_differ_ours_is_the_stricter() {
    for (text, then, why) in STRICTER {
        let hypers = on_one_thread(hypers("GET", text.as_bytes(), *then));
        assert!(matches!(hypers, Says(..)), "hyper refuses it as well ({why}): {text:?}");
        assert_ours(Method::Any, text, *then, Refused);
    }
}

#[test]
fn a_head_has_a_hundred_lines_at_most() {
    for (lines, verdict) in [(99, Says(200, 0, true)), (100, Refused)] {
        let text =
            format!("HTTP/1.1 200 OK\r\n{}content-length: 0\r\n\r\n", "a: b\r\n".repeat(lines));
        let then = if verdict == Refused { Ends } else { Stays };
        assert_eq!(on_one_thread(hypers("GET", text.as_bytes(), then)), verdict);
        assert_ours(Method::Any, &text, then, verdict);
    }
}
