//! HTTP/1.1 byte by byte.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::os::unix::net::UnixStream;

use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::listen::Address;
use loadgen::serve::{Server, ServerSpec};

use crate::client::{GET, OK, PATIENCE, abc, connect, hear, hear_last, say, start};

#[test]
fn requests_on_one_connection_are_answered_one_after_the_other() {
    let server = start(abc());
    let mut stream = connect(&server);
    for _ in 0..3 {
        say(&mut stream, GET);
        hear(&mut stream, OK);
    }
    let body = "POST / HTTP/1.1\r\ncontent-length: 5\r\n\r\nhello";
    for piece in body.as_bytes().chunks(7) {
        stream.write_all(piece).expect("taken");
    }
    hear(&mut stream, OK);
    let head = "HEAD / HTTP/1.1\r\n\r\n";
    say(&mut stream, head);
    hear(&mut stream, &OK[..OK.len() - 3]);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    drop(stream);
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers, served.connections), (6, 6, 1));
    assert_eq!(served.bytes_in, u64::try_from(4 * GET.len() + body.len() + head.len()).unwrap());
    assert_eq!(served.bytes_out, u64::try_from(6 * OK.len() - 3).unwrap());
    assert_eq!(served.stamps.len(), 6);
    assert!(served.stamps.is_sorted());
    assert_eq!((served.malformed, served.faults, served.accept_failures), (0, 0, 0));
}

#[test]
fn a_client_that_expects_to_be_asked_for_its_body_is_asked() {
    let server = start(abc());
    let mut stream = connect(&server);
    say(&mut stream, "PUT / HTTP/1.1\r\nexpect: 100-continue\r\ncontent-length: 2\r\n\r\n");
    hear(&mut stream, "HTTP/1.1 100 Continue\r\n\r\n");
    say(&mut stream, "xy");
    hear(&mut stream, OK);
}

#[test]
fn a_connection_ends_when_its_request_says_so() {
    let server = start(abc());
    let closing = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 3\r\n\r\nabc";
    for request in [
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\n",
        "GET / HTTP/1.0\r\n\r\n",
        // What follows the last request is no request.
        "GET / HTTP/1.1\r\nconnection: close\r\n\r\nGET / HTTP/1.1\r\n\r\n",
    ] {
        let mut stream = connect(&server);
        say(&mut stream, request);
        hear_last(&mut stream, closing);
    }
    let mut stream = connect(&server);
    say(&mut stream, "GET / HTTP/1.0\r\nconnection: keep-alive\r\n\r\n");
    hear(&mut stream, "HTTP/1.1 200 OK\r\nconnection: keep-alive\r\ncontent-length: 3\r\n\r\nabc");
    say(&mut stream, GET);
    hear(&mut stream, OK);
    assert_eq!(server.stop().expect("it ends").requests, 5);
}

#[test]
fn what_is_no_request_is_answered_so_and_the_connection_ends() {
    let server = start(abc());
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    say(&mut stream, "this is\nnot HTTP\r\n\r\n");
    hear_last(
        &mut stream,
        "HTTP/1.1 400 Bad Request\r\nconnection: close\r\ncontent-length: 0\r\n\r\n",
    );
    drop(stream);
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.malformed), (1, 1));
}

#[test]
fn thousands_of_pipelined_requests_are_all_answered_although_nobody_reads_for_a_while() {
    const REQUESTS: usize = 30_000;
    let server = start(abc());
    let mut stream = connect(&server);
    let mut writing = stream.try_clone().expect("a second handle");
    let writer = std::thread::spawn(move || {
        writing.write_all(GET.repeat(REQUESTS).as_bytes()).expect("taken in the end");
        writing.shutdown(Shutdown::Write).expect("shut");
    });
    hear_last(&mut stream, &OK.repeat(REQUESTS));
    writer.join().expect("it wrote");
    let served = server.stop().expect("it ends");
    assert_eq!(served.requests, u64::try_from(REQUESTS).unwrap());
    assert_eq!(served.answers, served.requests);
}

#[test]
fn a_large_body_reaches_a_slow_reader_whole() {
    const BYTES: usize = 20 << 20;
    let answer = AnswerSpec { body_bytes: BYTES, ..AnswerSpec::default() };
    let server = start(ServerSpec { answer, ..ServerSpec::default() });
    let mut stream = connect(&server);
    say(&mut stream, "GET / HTTP/1.1\r\nconnection: close\r\n\r\n");
    let mut all = Vec::new();
    let mut piece = vec![0; 100_000];
    loop {
        let count = stream.read(&mut piece).expect("more");
        if count == 0 {
            break;
        }
        all.extend_from_slice(&piece[..count]);
        std::thread::yield_now();
    }
    let body = &all[all.len() - BYTES..];
    assert!(body.iter().eq((b'a'..=b'z').cycle().take(BYTES).collect::<Vec<u8>>().iter()));
    assert_eq!(server.stop().expect("it ends").answers, 1);
}

#[test]
fn many_connections_at_once_are_all_served() {
    let server = start(abc());
    let mut streams: Vec<TcpStream> = (0..300).map(|_| connect(&server)).collect();
    for _ in 0..3 {
        for stream in &mut streams {
            say(stream, GET);
        }
        for stream in &mut streams {
            hear(stream, OK);
        }
        // Places are taken again by others.
        streams.truncate(200);
        streams.extend((0..100).map(|_| connect(&server)));
    }
    drop(streams);
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers), (900, 900));
    assert!(served.largest_burst_1ms > 1);
}

#[test]
fn status_headers_and_chunks_are_as_asked_for() {
    let answer = AnswerSpec {
        status: 503,
        headers: vec![("x-a".into(), "b".into()), ("retry-after".into(), "1".into())],
        body_bytes: 3,
        chunked: true,
    };
    let server = start(ServerSpec { answer, ..ServerSpec::default() });
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear(
        &mut stream,
        "HTTP/1.1 503 Service Unavailable\r\nx-a: b\r\nretry-after: 1\r\n\
         transfer-encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n",
    );
}

#[test]
fn it_listens_in_the_file_system_and_on_ipv6() {
    let dir = tempfile::tempdir().expect("a folder");
    let path = dir.path().join("socket");
    let server = Server::bind(&Address::Unix(path.clone()), abc()).expect("bound");
    let server = server.start().expect("a thread");
    let mut stream = UnixStream::connect(&path).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    say(&mut stream, GET);
    hear(&mut stream, OK);
    drop(stream);
    assert_eq!(server.stop().expect("it ends").requests, 1);
    assert!(!path.exists(), "it goes with the server");

    match Server::bind(&"[::1]:0".parse().expect("an address"), abc()) {
        Err(error) => eprintln!("skipped: no IPv6 here: {error}"),
        Ok(server) => {
            let server = server.start().expect("a thread");
            let mut stream = connect(&server);
            say(&mut stream, GET);
            hear(&mut stream, OK);
        }
    }
}

#[test]
fn a_client_that_came_before_the_server_ran_is_served() {
    let address = "127.0.0.1:0".parse().expect("an address");
    let server = Server::bind(&address, abc()).expect("bound");
    let Address::Tcp(bound) = *server.address() else { unreachable!("it was bound to a port") };
    let mut stream = TcpStream::connect(bound).expect("it listens");
    stream.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    say(&mut stream, GET);
    let server = server.start().expect("a thread");
    hear(&mut stream, OK);
    assert_eq!(server.stop().expect("it ends").requests, 1);
}

#[test]
fn an_address_that_is_taken_is_an_error_that_names_it() {
    let server = start(abc());
    let error = Server::bind(server.address(), abc()).expect_err("it is taken").to_string();
    assert!(error.contains(&server.address().to_string()), "{error}");
}

#[test]
fn a_server_that_spins_serves_as_well() {
    let server = start(ServerSpec { spin: true, ..abc() });
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    assert_eq!(server.stop().expect("it ends").requests, 1);
}
