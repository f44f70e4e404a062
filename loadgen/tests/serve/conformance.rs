//! hyper's client as the judge: whatever the server is asked for, what it says is HTTP.

use std::sync::Arc;

use http_body_util::{BodyExt, Full};
use hyper::body::Bytes;
use hyper::client::conn::http1;
use hyper::{Method, Request};
use hyper_util::rt::TokioIo;
use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::delay::{Delay, Held};
use loadgen::serve::script::Delays;
use loadgen::serve::{Running, ServerSpec};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::client::{abc, start, tcp};
use crate::tls::{certificates, config, tls_of};

/// A few requests of each kind on one connection. Returns how many.
async fn talk(io: impl AsyncRead + AsyncWrite + Unpin + Send + 'static, spec: &AnswerSpec) -> u64 {
    let (mut sender, connection) = http1::handshake(TokioIo::new(io)).await.expect("a connection");
    let driver = tokio::spawn(connection);
    let long = vec![b'x'; 300_000];
    let mut count = 0;
    for _ in 0..3 {
        for (method, body) in [
            (Method::GET, &b""[..]),
            (Method::HEAD, b""),
            (Method::POST, b"hello"),
            (Method::PUT, &long),
        ] {
            let request = Request::builder()
                .method(method.clone())
                .uri("/some/where?x=y")
                .header("host", "test")
                .body(Full::new(Bytes::copy_from_slice(body)))
                .expect("a request");
            sender.ready().await.expect("kept alive");
            let response = sender.send_request(request).await.expect("an answer");
            assert_eq!(response.status().as_u16(), spec.status);
            for (name, value) in &spec.headers {
                assert_eq!(response.headers()[name.as_str()], value.as_str());
            }
            let body = response.into_body().collect().await.expect("a body").to_bytes();
            let expected = if method == Method::HEAD { 0 } else { spec.body_bytes };
            assert_eq!(body.len(), expected, "{method} {spec:?}");
            count += 1;
        }
    }
    let last = Request::builder()
        .uri("/")
        .header("connection", "close")
        .body(Full::new(Bytes::new()))
        .expect("a request");
    let response = sender.send_request(last).await.expect("an answer");
    assert_eq!(response.headers()["connection"], "close");
    response.into_body().collect().await.expect("a body");
    driver.await.expect("no panic").expect("a clean end");
    count + 1
}

fn answers() -> Vec<AnswerSpec> {
    let mut all = vec![AnswerSpec { status: 204, body_bytes: 0, ..AnswerSpec::default() }];
    for chunked in [false, true] {
        for body_bytes in [0, 1, 64, 100_000] {
            let headers = vec![("x-served-by".to_owned(), "test".to_owned())];
            all.push(AnswerSpec { status: 200, headers, body_bytes, chunked });
        }
    }
    all
}

pub(crate) async fn ends(server: Running, asked: u64) {
    let served = tokio::task::spawn_blocking(|| server.stop()).await.expect("no panic");
    let served = served.expect("it ends");
    assert_eq!((served.requests, served.answers, served.malformed), (asked, asked, 0));
}

pub(crate) fn block_on(future: impl Future<Output = ()>) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    runtime.expect("a runtime").block_on(future);
}

#[test]
fn hypers_client_is_content_in_plain_text() {
    block_on(async {
        for answer in answers() {
            let server = start(ServerSpec { answer: answer.clone(), ..abc() });
            let stream = TcpStream::connect(tcp(&server)).await.expect("it listens");
            let asked = talk(stream, &answer).await;
            ends(server, asked).await;
        }
    });
}

#[test]
fn hypers_client_is_content_under_tls_and_with_delays() {
    block_on(async {
        let certificates = certificates();
        let mut config = config(&certificates.ca_pem, None);
        config.alpn_protocols = vec![b"http/1.1".to_vec()];
        let connector = TlsConnector::from(Arc::new(config));
        for answer in answers() {
            let mut spec = ServerSpec { answer: answer.clone(), ..abc() };
            spec.tls = Some(tls_of(&certificates));
            let delay: Delay = "uniform:0s..2ms".parse().expect("a delay");
            spec.planted.delays = Delays::Drawn(delay, Held::All);
            let server = start(spec);
            let stream = TcpStream::connect(tcp(&server)).await.expect("it listens");
            let name = "127.0.0.1".try_into().expect("a name");
            let stream = connector.connect(name, stream).await.expect("TLS");
            assert_eq!(stream.get_ref().1.alpn_protocol(), Some(&b"http/1.1"[..]));
            let asked = talk(stream, &answer).await;
            ends(server, asked).await;
        }
    });
}
