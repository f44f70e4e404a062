//! HTTP/2: goodbyes, streams that are reset, peers that allow little, and bytes that are no HTTP/2.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;

use loadgen::engine::Job;
use loadgen::http2::server::{Event, Server, Settings};
use loadgen::http2::{AnswerBlock, ErrorCode};
use loadgen::transport::target::Protocol;

use crate::rig::{PLANNED, abc, by_hand, failed, faulty, impatient, job, refused, run, start};

fn over_http2(job: Job, streams: u32) -> Job {
    let mut job = Job { connections: 4, ..job };
    job.target.protocol = Protocol::Http2 { streams, grpc: false };
    job
}

/// What is done with the n-th request of a connection, from 1.
enum Act {
    Answer,
    /// RST_STREAM with that code.
    Reset(u32),
    /// The answer, and the goodbye before it.
    AnswerAndGoodbye,
}

/// Serves a connection by our own state machine, and misbehaves in between.
fn serve(mut stream: TcpStream, settings: Settings, act: impl Fn(u64) -> Act) {
    let mut server = Server::new(settings);
    let answer = AnswerBlock::new(200, []).expect("a status");
    let body: Arc<[u8]> = Arc::from(&b"ok"[..]);
    let (mut buffer, mut events, mut requests) = (vec![0; 1 << 16], Vec::new(), 0);
    loop {
        while !server.output().is_empty() {
            let output = std::mem::take(server.output());
            if stream.write_all(&output).is_err() {
                return;
            }
        }
        let Ok(count @ 1..) = stream.read(&mut buffer) else { return };
        if server.feed(&buffer[..count], &mut events).is_err() {
            return;
        }
        for event in events.drain(..) {
            let Event::Request { stream, .. } = event else { continue };
            requests += 1;
            match act(requests) {
                Act::Answer => {}
                Act::Reset(code) => {
                    let output = server.output();
                    output.extend([0, 0, 4, 3, 0]);
                    output.extend(stream.to_be_bytes());
                    output.extend(code.to_be_bytes());
                    continue;
                }
                Act::AnswerAndGoodbye => server.goodbye(ErrorCode::NO_ERROR),
            }
            let _ = server.answer(stream, &answer, &body);
        }
    }
}

fn served_by(settings: Settings, act: fn(u64) -> Act) -> SocketAddr {
    by_hand(move |stream, _| serve(stream, settings, act))
}

#[test]
fn a_server_that_behaves_answers_everything() {
    let (server, address) = start(abc());
    let done = run(&over_http2(job(address), 8));
    assert_eq!(done.recorded.counts.completed, PLANNED);
    assert_eq!(done.recorded.connections.opened, 4);
    assert_eq!(done.report.barred, 0);
    assert_eq!(server.stop().expect("it ends").requests, PLANNED);
}

#[test]
fn a_goodbye_in_mid_run_costs_only_what_was_not_looked_at() {
    let address = served_by(Settings::default(), |number| {
        if number == 10 { Act::AnswerAndGoodbye } else { Act::Answer }
    });
    let done = run(&over_http2(job(address), 8));
    let counts = &done.recorded.counts;
    assert_eq!(counts.completed + failed(&done, "not-processed"), PLANNED, "{counts:?}");
    assert!(counts.completed > PLANNED * 3 / 4, "{counts:?}");
    assert!(done.recorded.connections.opened > 10, "{}", done.recorded.connections.opened);
}

#[test]
fn a_reset_of_a_stream_is_the_failure_of_one_request() {
    let address =
        served_by(Settings { max_concurrent_streams: 10_000, ..Settings::default() }, |number| {
            if number.is_multiple_of(10) { Act::Reset(2) } else { Act::Answer }
        });
    let done = run(&over_http2(job(address), 8));
    let counts = &done.recorded.counts;
    let reset = failed(&done, "stream-reset");
    assert_eq!(counts.completed + reset, PLANNED, "{counts:?}");
    assert!((PLANNED / 10 - 4..=PLANNED / 10).contains(&reset), "{counts:?}");
    assert_eq!(done.recorded.connections.opened, 4, "the connections live on");
    assert_eq!(done.problem.as_deref(), Some("the peer reset a stream: INTERNAL_ERROR"));
}

#[test]
fn a_refused_stream_was_not_processed() {
    let address =
        served_by(Settings { max_concurrent_streams: 10_000, ..Settings::default() }, |number| {
            if number.is_multiple_of(10) { Act::Reset(7) } else { Act::Answer }
        });
    let done = run(&over_http2(job(address), 8));
    let counts = &done.recorded.counts;
    let refused = failed(&done, "not-processed") + failed(&done, "stream-reset");
    assert_eq!(counts.completed + refused, PLANNED, "{counts:?}");
    assert!(refused > 0, "{counts:?}");
}

#[test]
fn slots_that_the_peer_does_not_allow_are_barred_and_the_others_carry_all() {
    let settings = Settings { max_concurrent_streams: 1, ..Settings::default() };
    let address = served_by(settings, |_| Act::Answer);
    let done = run(&over_http2(job(address), 4));
    assert_eq!(done.recorded.counts.completed, PLANNED, "{:?}", done.recorded.counts);
    assert_eq!((done.report.barred, done.recorded.connections.opened), (12, 4));
}

#[test]
fn a_peer_that_allows_no_stream_at_all_is_an_error_and_not_a_hang() {
    let settings = Settings { max_concurrent_streams: 0, ..Settings::default() };
    let (_, words) = refused(&over_http2(job(served_by(settings, |_| Act::Answer)), 4));
    assert!(words.starts_with("0 of 16 connections opened"), "{words}");
}

#[test]
fn each_fault_has_its_name() {
    for (fault, key) in [
        ("reset-every=25", "reset"),
        ("close-every=25", "closed"),
        ("truncate-every=25", "closed"),
        ("garbage-every=25", "malformed"),
    ] {
        let (server, address) = start(faulty(&[fault]));
        let done = run(&over_http2(job(address), 8));
        let counts = &done.recorded.counts;
        // A fault of a connection takes with it whatever else is on it.
        assert!(failed(&done, key) >= 1, "{fault}: {counts:?}");
        assert_eq!(counts.completed + counts.failed, PLANNED, "{fault}: {counts:?}");
        assert!(counts.completed > PLANNED / 2, "{fault}: {counts:?}");
        drop(server);
    }
}

#[test]
fn silence_is_given_up_stream_by_stream() {
    let (server, address) = start(faulty(&["silent-every=10"]));
    let done = run(&over_http2(impatient(address), 32));
    let counts = &done.recorded.counts;
    assert_eq!(counts.failed, 0, "{counts:?}");
    assert!(counts.timed_out >= PLANNED / 10 && counts.completed > 0, "{counts:?}");
    drop(server);
}

#[test]
fn all_faults_at_once_lose_nothing() {
    let faults = [
        "reset-every=31",
        "truncate-every=37",
        "garbage-every=41",
        "close-every=43",
        "half-close-every=47",
        "silent-every=53",
    ];
    let (server, address) = start(faulty(&faults));
    let done = run(&over_http2(impatient(address), 8));
    assert!(done.recorded.counts.completed > 0);
    assert!(done.recorded.counts.failed > 0);
    drop(server);
}

#[test]
fn an_endless_stream_of_bytes_that_mean_nothing_holds_nobody_up() {
    // PING frames with ACK, which no answer is due to.
    let ping = [&[0, 0, 8, 6, 1, 0, 0, 0, 0][..], &[0; 8]].concat();
    let address = by_hand(move |mut stream, number| {
        if number == 2 {
            let mut settings = Server::new(Settings::default());
            let hello = std::mem::take(settings.output());
            if stream.write_all(&hello).is_ok() {
                let block = ping.repeat(10_000);
                while stream.write_all(&block).is_ok() {}
            }
            return;
        }
        serve(stream, Settings::default(), |_| Act::Answer);
    });
    let done = run(&over_http2(impatient(address), 8));
    let counts = &done.recorded.counts;
    assert!(counts.completed > PLANNED / 2, "{counts:?}");
}

#[test]
fn a_server_of_http_1_is_an_error_that_says_so() {
    let address = by_hand(|mut stream, _| {
        let _ = stream.write_all(b"HTTP/1.1 400 Bad Request\r\ncontent-length: 0\r\n\r\n");
        let _ = stream.read(&mut [0; 1024]);
    });
    let (_, words) = refused(&over_http2(job(address), 4));
    assert!(words.contains("may not speak HTTP/2"), "{words}");
}
