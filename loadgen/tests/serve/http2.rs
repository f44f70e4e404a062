//! HTTP/2, with hyper as the judge of what is said, and its streams as those who wait.

use std::num::NonZeroU64;
use std::sync::Arc;
use std::time::Duration;

use http_body_util::{BodyExt, Full};
use hyper::body::{Bytes, Incoming};
use hyper::client::conn::http2::{SendRequest, handshake};
use hyper::{Method, Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadgen::pace::MonotonicClock;
use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::delay::{Delay, Held};
use loadgen::serve::http::Http;
use loadgen::serve::script::{Delays, Planted};
use loadgen::serve::{Running, ServerSpec};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{GET, OK, abc, connect, hear, hear_last, planted, say, start, tcp};
use crate::conformance::{block_on, ends};
use crate::tls::{certificates, config, tls_of};

const MS: u64 = 1_000_000;

type Sender = SendRequest<Full<Bytes>>;

async fn plain(server: &Running) -> Sender {
    let stream = TcpStream::connect(tcp(server)).await.expect("it listens");
    let (sender, connection) =
        handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
    tokio::spawn(connection);
    sender
}

fn request(method: Method, body: &[u8]) -> Request<Full<Bytes>> {
    let body = Full::new(Bytes::copy_from_slice(body));
    Request::builder().method(method).uri("http://test/a?b").body(body).expect("a request")
}

async fn bytes(response: Response<Incoming>) -> Bytes {
    response.into_body().collect().await.expect("a body").to_bytes()
}

/// A few requests of each kind, many at once. Returns how many.
async fn talk(sender: &mut Sender, spec: &AnswerSpec) -> u64 {
    let long = vec![b'x'; 300_000];
    let mut tasks = Vec::new();
    for _ in 0..20 {
        for (method, body) in [
            (Method::GET, &b""[..]),
            (Method::HEAD, b""),
            (Method::POST, b"hello"),
            (Method::PUT, &long),
        ] {
            let expected = if method == Method::HEAD { 0 } else { spec.body_bytes };
            let response = sender.send_request(request(method, body));
            let (status, headers) = (spec.status, spec.headers.clone());
            tasks.push(tokio::spawn(async move {
                let response = response.await.expect("an answer");
                assert_eq!(response.status().as_u16(), status);
                for (name, value) in &headers {
                    assert_eq!(response.headers()[name.as_str()], value.as_str());
                }
                assert_eq!(bytes(response).await.len(), expected);
            }));
        }
    }
    let count = tasks.len();
    for task in tasks {
        task.await.expect("no panic");
    }
    u64::try_from(count).expect("few")
}

fn answers() -> Vec<AnswerSpec> {
    let mut all = vec![AnswerSpec { status: 204, body_bytes: 0, ..AnswerSpec::default() }];
    for (body_bytes, chunked) in [(0, false), (64, false), (64, true), (200_000, false)] {
        let headers = vec![("x-served-by".to_owned(), "test".to_owned())];
        all.push(AnswerSpec { status: 200, headers, body_bytes, chunked });
    }
    all
}

#[test]
fn hypers_client_is_content_in_plain_text_with_and_without_being_told() {
    block_on(async {
        for http in [Http::Auto, Http::V2] {
            for answer in answers() {
                let server = start(ServerSpec { answer: answer.clone(), http, ..abc() });
                let mut sender = plain(&server).await;
                let asked = talk(&mut sender, &answer).await;
                drop(sender);
                ends(server, asked).await;
            }
        }
    });
}

#[test]
fn hypers_client_is_content_under_tls_and_with_delays() {
    block_on(async {
        let certificates = certificates();
        let mut config = config(&certificates.ca_pem, None);
        config.alpn_protocols = vec![b"h2".to_vec(), b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        for answer in answers() {
            let mut spec = ServerSpec { answer: answer.clone(), ..abc() };
            spec.tls = Some(tls_of(&certificates));
            let delay: Delay = "uniform:0s..2ms".parse().expect("a delay");
            spec.planted.delays = Delays::Drawn(delay, Held::All);
            let server = start(spec);
            let stream = TcpStream::connect(tcp(&server)).await.expect("it listens");
            let name = "localhost".try_into().expect("a name");
            let stream = connector.connect(name, stream).await.expect("TLS");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"h2"[..]));
            let (mut sender, connection) =
                handshake(TokioExecutor::new(), TokioIo::new(stream)).await.expect("HTTP/2");
            tokio::spawn(connection);
            let asked = talk(&mut sender, &answer).await;
            drop(sender);
            ends(server, asked).await;
        }
    });
}

#[test]
fn a_stream_that_is_held_back_holds_up_no_other() {
    block_on(async {
        let every = Held::Every(NonZeroU64::new(2).expect("not 0"));
        // So long that only answers that need not wait for one another arrive.
        let delay = Delay::Constant(Duration::from_secs(3600));
        let server = planted(Planted { delays: Delays::Drawn(delay, every), ..Planted::default() });
        let mut sender = plain(&server).await;
        let first = sender.send_request(request(Method::GET, b""));
        let held = sender.send_request(request(Method::GET, b""));
        let third = sender.send_request(request(Method::GET, b""));
        assert_eq!(bytes(first.await.expect("an answer")).await, "abc");
        assert_eq!(bytes(third.await.expect("an answer")).await, "abc");
        drop((held, sender));
        let served = tokio::task::spawn_blocking(|| server.stop()).await.expect("no panic");
        let served = served.expect("it ends");
        assert_eq!((served.requests, served.answers), (3, 2));
    });
}

#[test]
fn answers_are_held_back_as_long_as_asked_for() {
    block_on(async {
        let delay = Delay::Constant(Duration::from_millis(20));
        let server =
            planted(Planted { delays: Delays::Drawn(delay, Held::All), ..Planted::default() });
        let mut sender = plain(&server).await;
        let clock = MonotonicClock::start();
        let response = sender.send_request(request(Method::GET, b"")).await.expect("an answer");
        assert!(clock.now().0 >= 20 * MS);
        assert_eq!(bytes(response).await, "abc");
        drop(sender);
        ends(server, 1).await;
    });
}

#[test]
fn a_grpc_call_gets_one_message_and_success() {
    block_on(async {
        let server = start(abc());
        let mut sender = plain(&server).await;
        let mut call = request(Method::POST, b"\0\0\0\0\x02hi");
        let headers = call.headers_mut();
        headers.insert("content-type", "application/grpc".parse().expect("a value"));
        headers.insert("te", "trailers".parse().expect("a value"));
        let response = sender.send_request(call).await.expect("an answer");
        assert_eq!(response.headers()["content-type"], "application/grpc");
        let all = response.into_body().collect().await.expect("a body");
        assert_eq!(all.trailers().expect("trailers")["grpc-status"], "0");
        assert_eq!(all.to_bytes(), &b"\0\0\0\0\x03abc"[..]);
    });
}

#[test]
fn faults_are_met_by_streams_or_end_the_connection() {
    block_on(async {
        for (fault, others_live) in [
            ("reset-every=2", false),
            ("truncate-every=2", false),
            ("garbage-every=2", false),
            ("close-every=2", false),
            ("silent-every=2", true),
        ] {
            let faults = vec![fault.parse().expect("a fault")];
            let server = planted(Planted { faults, ..Planted::default() });
            let mut sender = plain(&server).await;
            let first = sender.send_request(request(Method::GET, b"")).await.expect("an answer");
            assert_eq!(bytes(first).await, "abc", "{fault}");
            let second = sender.send_request(request(Method::GET, b""));
            if others_live {
                let third = sender.send_request(request(Method::GET, b"")).await;
                assert_eq!(bytes(third.expect("an answer")).await, "abc", "{fault}");
                drop(second);
            } else {
                let whole = match second.await {
                    Ok(response) => response.into_body().collect().await.is_ok(),
                    Err(_) => false,
                };
                assert!(!whole, "{fault}");
            }
            drop(sender);
            let served = tokio::task::spawn_blocking(|| server.stop()).await.expect("no panic");
            assert_eq!(served.expect("it ends").faults, 1, "{fault}");
        }
    });
}

#[test]
fn a_server_of_one_version_speaks_no_other() {
    let old = start(ServerSpec { http: Http::V1, ..abc() });
    let mut stream = connect(&old);
    // The preface is a request of a version that HTTP/1.1 does not know.
    say(&mut stream, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n");
    hear_last(
        &mut stream,
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    let new = start(ServerSpec { http: Http::V2, ..abc() });
    say(&mut connect(&new), GET);
    let mut stream = connect(&new);
    say(&mut stream, GET);
    let mut said = Vec::new();
    std::io::Read::read_to_end(&mut stream, &mut said).expect("it ends in peace");
    // The last frame is a GOAWAY: its type, and the protocol error.
    let last = &said[said.len() - 17..];
    assert_eq!((last[3], &last[13..]), (7, &[0, 0, 0, 1][..]));
    assert!(new.stop().expect("it ends").malformed >= 1);
}

#[test]
fn the_first_bytes_decide_however_they_come() {
    let server = start(abc());
    let mut stream = connect(&server);
    for piece in GET.as_bytes().chunks(1) {
        std::io::Write::write_all(&mut stream, piece).expect("taken");
    }
    hear(&mut stream, OK);
    // As long as it could be either, nothing is said.
    let mut stream = connect(&server);
    say(&mut stream, "PRI * HTTP/");
    say(&mut stream, "1.1\r\n\r\n");
    hear(&mut stream, OK);
}
