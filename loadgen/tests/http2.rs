//! Our HTTP/2 against hyper's, which is its conformance twin: our client with hyper's server, and
//! hyper's client with our server, over an in-memory pipe.

use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use http_body_util::{BodyExt, Full};
use hyper::body::{Body as _, Bytes, Frame, Incoming};
use hyper::header::HeaderName;
use hyper::service::service_fn;
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo};
use loadgen::http2::client::{self, Answer, Client, Failure};
use loadgen::http2::server::{self, Server};
use loadgen::http2::{AnswerBlock, ErrorCode, HeaderBlock, RequestLine, grpc};
use tokio::io::{AsyncReadExt, AsyncWriteExt, DuplexStream, ReadHalf, WriteHalf};
use tokio::sync::Notify;

type Body = http_body_util::combinators::UnsyncBoxBody<Bytes, std::io::Error>;
type HyperServer = hyper::server::conn::http2::Builder<TokioExecutor>;
type HyperClient = hyper::client::conn::http2::SendRequest<Full<Bytes>>;

fn on_one_thread<T>(work: impl Future<Output = T>) -> T {
    tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(work)
}

/// What the windows are too small for at once.
const LARGE: usize = 700_000;

/// A fixed body of that length.
fn full(length: usize) -> Body {
    Full::new(Bytes::from(vec![b'x'; length])).map_err(|never| match never {}).boxed_unsync()
}

/// A body that fails after its first part.
struct Broken(bool);

impl hyper::body::Body for Broken {
    type Data = Bytes;
    type Error = std::io::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, std::io::Error>>> {
        let began = std::mem::replace(&mut self.0, true);
        let part = Frame::data(Bytes::from_static(b"part"));
        Poll::Ready(Some(if began { Err(std::io::Error::other("broken")) } else { Ok(part) }))
    }
}

/// What hyper's server does: the path says what to answer.
async fn answer(
    request: Request<Incoming>,
    stop: Arc<Notify>,
) -> Result<Response<Body>, Infallible> {
    let path = request.uri().path().to_owned();
    let (what, number) = path[1..].split_once('/').expect("two parts");
    let number: u16 = number.parse().expect("a number");
    let mut response = Response::new(full(0));
    match what {
        "status" => *response.status_mut() = StatusCode::from_u16(number).expect("a status"),
        // hyper leaves it to the service that HEAD is answered without a body.
        "body" if request.method() == Method::HEAD => {
            response.headers_mut().insert("content-length", number.into());
        }
        "body" => *response.body_mut() = full(number.into()),
        "count" => {
            let body = request.into_body().collect().await.expect("a body").to_bytes();
            *response.body_mut() = full(body.len());
        }
        "trailers" => {
            let trailers =
                HeaderMap::from_iter([(HeaderName::from_static("grpc-status"), number.into())]);
            let body = full(100).with_trailers(async { Some(Ok(trailers)) });
            *response.body_mut() = body.boxed_unsync();
        }
        "broken" => *response.body_mut() = Broken(false).boxed_unsync(),
        "stop" => stop.notify_one(),
        other => unreachable!("nobody asks for {other}"),
    }
    Ok(response)
}

/// hyper's server on one end of a pipe; `/stop/0` makes it say goodbye. Returns the other end.
fn hyper_serves(set: impl FnOnce(&mut HyperServer)) -> DuplexStream {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut builder = HyperServer::new(TokioExecutor::new());
    set(&mut builder);
    tokio::spawn(async move {
        let stop = Arc::new(Notify::new());
        let service = service_fn({
            let stop = Arc::clone(&stop);
            move |request| answer(request, Arc::clone(&stop))
        });
        let mut connection =
            std::pin::pin!(builder.serve_connection(TokioIo::new(theirs), service));
        tokio::select! {
            () = stop.notified() => {
                connection.as_mut().graceful_shutdown();
                connection.await
            }
            ended = connection.as_mut() => ended,
        }
    });
    ours
}

fn head(method: &str, path: &str) -> HeaderBlock {
    let line = RequestLine { method, scheme: "http", authority: "localhost", path };
    HeaderBlock::request(line, [("user-agent", "loadgen")]).expect("sendable")
}

/// Writes or reads, whatever is possible first. Returns how much was read, `None` at the end.
async fn turn(
    (from, to): &mut (ReadHalf<DuplexStream>, WriteHalf<DuplexStream>),
    output: &mut Vec<u8>,
    buffer: &mut [u8],
) -> Option<usize> {
    tokio::select! {
        written = to.write(output), if !output.is_empty() => {
            output.drain(..written.ok()?);
            Some(0)
        }
        read = from.read(buffer) => read.ok().filter(|read| *read > 0),
    }
}

/// Sends the requests, as many at once as may be, and gathers what happens until each has ended.
async fn ask(
    mut client: Client,
    pipe: DuplexStream,
    requests: &[(HeaderBlock, Arc<[u8]>)],
) -> Vec<client::Event> {
    let mut pipe = tokio::io::split(pipe);
    let (mut events, mut next, mut buffer) = (Vec::new(), 0_u32, [0; 5000]);
    while client.in_flight() > 0 || (next as usize) < requests.len() {
        while client.capacity() > 0 && (next as usize) < requests.len() {
            let (head, body) = &requests[next as usize];
            client.request(next, head, body).expect("capacity");
            next += 1;
        }
        let read = turn(&mut pipe, client.output(), &mut buffer).await;
        let read = read.expect("open until every request has ended");
        client.feed(&buffer[..read], &mut events).expect("hyper speaks HTTP/2");
        if client.is_used_up() && client.in_flight() == 0 {
            break;
        }
    }
    events
}

fn bodiless(method: &str, path: &str) -> (HeaderBlock, Arc<[u8]>) {
    (head(method, path), Arc::default())
}

fn places(streams: usize) -> Client {
    let streams = u32::try_from(streams).expect("few");
    Client::new(client::Settings { streams, ..client::Settings::default() })
}

/// The answers, by place.
fn answers(events: &[client::Event], requests: usize) -> Vec<Option<Answer>> {
    let mut answers = vec![None; requests];
    for event in events {
        if let client::Event::Answered { place, answer } = event {
            let earlier = answers[*place as usize].replace(*answer);
            assert_eq!(earlier, None, "place {place} was answered twice");
        }
    }
    answers
}

#[test]
fn hyper_answers_many_streams_each_with_its_own_status() {
    let statuses = [200, 404, 403, 500, 503, 204, 429, 302];
    let requests: Vec<_> = (0..1000)
        .map(|nth| bodiless("GET", &format!("/status/{}", statuses[nth % statuses.len()])))
        .collect();
    let events = on_one_thread(async {
        let pipe = hyper_serves(|_| ());
        ask(places(requests.len()), pipe, &requests).await
    });
    for (nth, answer) in answers(&events, requests.len()).into_iter().enumerate() {
        assert_eq!(answer.expect("answered").status, statuses[nth % statuses.len()]);
    }
    let begun = events.iter().filter(|e| matches!(e, client::Event::FirstByte { .. })).count();
    assert_eq!(begun, requests.len());
}

#[test]
fn hyper_takes_and_gives_large_bodies_through_small_windows() {
    let body: Arc<[u8]> = vec![b'y'; LARGE].into();
    let requests = vec![(head("POST", "/count/0"), body); 5];
    for adaptive in [false, true] {
        let events = on_one_thread(async {
            // An adaptive window is probed with PINGs, which have to be answered.
            let pipe = hyper_serves(|server| {
                server.initial_stream_window_size(1000).adaptive_window(adaptive);
            });
            let settings =
                client::Settings { stream_window: 3000, connection_window: 0, streams: 5 };
            ask(Client::new(settings), pipe, &requests).await
        });
        for answer in answers(&events, requests.len()) {
            let Answer { status, bytes, .. } = answer.expect("answered");
            let heads = usize::try_from(bytes).unwrap() - LARGE;
            assert!(status == 200 && heads < 200, "{status}, {heads}");
        }
    }
}

#[test]
fn one_stream_at_a_time_is_kept_to() {
    let requests = vec![bodiless("GET", "/body/3000"); 50];
    let events = on_one_thread(async {
        let pipe = hyper_serves(|server| {
            server.max_concurrent_streams(1);
        });
        ask(places(requests.len()), pipe, &requests).await
    });
    assert!(answers(&events, requests.len()).iter().all(Option::is_some), "{events:?}");
    // Nothing was refused: each answer is there before the next begins.
    assert_eq!(events.len(), 1 + 2 * requests.len());
}

#[test]
fn hyper_answers_head_without_a_body_and_trailers_after_one() {
    let requests = [bodiless("HEAD", "/body/5000"), bodiless("GET", "/trailers/7")];
    let events = on_one_thread(async {
        let pipe = hyper_serves(|_| ());
        ask(places(requests.len()), pipe, &requests).await
    });
    let answers = answers(&events, 2);
    let to_head = answers[0].expect("answered");
    assert!(to_head.status == 200 && to_head.bytes < 100, "{to_head:?}");
    assert_eq!(answers[1].expect("answered").grpc_status, Some(7));
}

#[test]
fn a_body_that_breaks_resets_its_stream_alone() {
    let requests = [bodiless("GET", "/broken/0"), bodiless("GET", "/body/9")];
    let events = on_one_thread(async {
        let pipe = hyper_serves(|_| ());
        ask(places(requests.len()), pipe, &requests).await
    });
    let why = Failure::Reset(ErrorCode::INTERNAL_ERROR);
    assert!(events.contains(&client::Event::Failed { place: 0, why }), "{events:?}");
    assert_eq!(answers(&events, 2)[1].expect("answered").status, 200);
}

#[test]
fn after_goodbye_what_was_sent_is_answered_or_named_as_not_processed() {
    let mut requests = vec![bodiless("GET", "/body/2000"); 200];
    requests[20] = bodiless("GET", "/stop/0");
    let events = on_one_thread(async {
        let pipe = hyper_serves(|server| {
            server.max_concurrent_streams(10);
        });
        ask(places(requests.len()), pipe, &requests).await
    });
    let code = ErrorCode::NO_ERROR;
    assert!(events.contains(&client::Event::GoAway { code }), "{events:?}");
    let answered = answers(&events, requests.len()).iter().flatten().count();
    assert!((21..requests.len()).contains(&answered), "{answered}");
    let others = |event: &&client::Event| match event {
        client::Event::Failed { why, .. } => *why != Failure::NotProcessed,
        _ => false,
    };
    assert_eq!(events.iter().find(others), None);
}

/// Our server on one end of a pipe, which answers by what was asked, and hyper's client on the
/// other. The server says goodbye after so many requests.
async fn we_serve(
    settings: server::Settings,
    (block, body): (AnswerBlock, Arc<[u8]>),
    most: usize,
) -> (HyperClient, tokio::task::JoinHandle<Vec<server::Event>>) {
    let (ours, theirs) = tokio::io::duplex(4096);
    let mut ours = tokio::io::split(ours);
    let serving = tokio::spawn(async move {
        let mut server = Server::new(settings);
        let (mut all, mut events, mut buffer) = (Vec::new(), Vec::new(), [0; 5000]);
        let mut answered = 0;
        loop {
            let read = turn(&mut ours, server.output(), &mut buffer).await;
            let Some(read) = read else { return all };
            server.feed(&buffer[..read], &mut events).expect("hyper speaks HTTP/2");
            for event in events.drain(..) {
                all.push(event);
                let server::Event::Request { stream, .. } = event else { continue };
                answered += 1;
                server.answer(stream, &block, &body).expect("waited for");
                if answered == most {
                    server.goodbye(ErrorCode::NO_ERROR);
                }
            }
        }
    });
    let mut builder = hyper::client::conn::http2::Builder::new(TokioExecutor::new());
    builder.initial_stream_window_size(2000).adaptive_window(most.is_multiple_of(2));
    let (sender, connection) = builder.handshake(TokioIo::new(theirs)).await.expect("a handshake");
    tokio::spawn(connection);
    (sender, serving)
}

fn request(method: &str, nth: usize, body: usize) -> Request<Full<Bytes>> {
    let request = Request::builder().method(method).uri(format!("http://localhost/{nth}"));
    // A field that differs each time keeps the dynamic table moving.
    let request = request.header("x-nth", nth).header("user-agent", "hyper");
    request.body(Full::new(vec![b'y'; body].into())).expect("a request")
}

fn plain(status: u16, body: usize) -> (AnswerBlock, Arc<[u8]>) {
    let block = AnswerBlock::new(status, [("content-type", "text/plain")]).expect("sendable");
    (block, vec![b'z'; body].into())
}

/// Sends requests at once and gathers each answer's status, body and `grpc-status`.
async fn hyper_asks(
    sender: &HyperClient,
    requests: impl IntoIterator<Item = Request<Full<Bytes>>>,
) -> Vec<hyper::Result<(u16, usize, Option<String>)>> {
    let one = |request| {
        let mut sender = sender.clone();
        tokio::spawn(async move {
            sender.ready().await?;
            let response = sender.send_request(request).await?;
            let status = response.status().as_u16();
            let body = response.into_body().collect().await?;
            let trailer = body.trailers().and_then(|trailers| trailers.get("grpc-status"));
            let trailer = trailer.map(|value| value.to_str().expect("text").to_owned());
            Ok((status, body.to_bytes().len(), trailer))
        })
    };
    let tasks: Vec<_> = requests.into_iter().map(one).collect();
    let mut answers = Vec::new();
    for task in tasks {
        answers.push(task.await.expect("no panic"));
    }
    answers
}

#[test]
fn we_answer_hypers_many_streams() {
    for streams in [1, 7, 1000] {
        on_one_thread(async {
            let settings =
                server::Settings { max_concurrent_streams: streams, ..server::Settings::default() };
            let (sender, serving) = we_serve(settings, plain(404, 12), usize::MAX).await;
            let requests = (0..500).map(|nth| request("GET", nth, nth % 3));
            for answer in hyper_asks(&sender, requests).await {
                assert_eq!(answer.expect("answered"), (404, 12, None));
            }
            drop(sender);
            assert_eq!(serving.await.expect("no panic").len(), 500);
        });
    }
}

#[test]
fn we_take_and_give_hyper_large_bodies_through_small_windows() {
    for most in [usize::MAX, usize::MAX - 1] {
        on_one_thread(async {
            let settings = server::Settings {
                stream_window: 3000,
                connection_window: 0,
                ..server::Settings::default()
            };
            let (sender, _) = we_serve(settings, plain(200, LARGE), most).await;
            let requests = (0..5).map(|nth| request("POST", nth, LARGE));
            for answer in hyper_asks(&sender, requests).await {
                assert_eq!(answer.expect("answered"), (200, LARGE, None));
            }
        });
    }
}

#[test]
fn hyper_gets_our_trailers_and_our_goodbye() {
    on_one_thread(async {
        let answer = (grpc::answer(0), grpc::body(b"message"));
        let (sender, serving) = we_serve(server::Settings::default(), answer, 20).await;
        let requests = (0..10).map(|nth| request("POST", nth, 5));
        for answer in hyper_asks(&sender, requests).await {
            assert_eq!(answer.expect("answered"), (200, 12, Some("0".to_owned())));
        }
        let requests = (10..50).map(|nth| request("POST", nth, 5));
        let answered = hyper_asks(&sender, requests).await.iter().flatten().count();
        assert!((10..=40).contains(&answered), "{answered}");
        drop(sender);
        assert_eq!(serving.await.expect("no panic").len(), 10 + answered);
    });
}

#[test]
fn an_answer_that_hyper_gives_up_holds_no_other_up() {
    on_one_thread(async {
        // The body is larger than the window, so that its stream stays open until it is given up.
        let (mut sender, serving) =
            we_serve(server::Settings::default(), plain(200, LARGE), usize::MAX).await;
        let response = sender.send_request(request("GET", 0, 0)).await.expect("answered");
        drop(response);
        for answer in hyper_asks(&sender, (1..3).map(|nth| request("GET", nth, 0))).await {
            assert_eq!(answer.expect("answered"), (200, LARGE, None));
        }
        drop(sender);
        assert_eq!(serving.await.expect("no panic").len(), 3);
    });
}

#[test]
fn hyper_gets_no_body_for_head() {
    on_one_thread(async {
        let (mut sender, _) = we_serve(server::Settings::default(), plain(200, 50), 1).await;
        let response = sender.send_request(request("HEAD", 0, 0)).await.expect("answered");
        assert!(response.body().is_end_stream());
    });
}
