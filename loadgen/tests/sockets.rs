//! The open loop on real sockets against servers that misbehave: no request is lost, and the loop
//! never wedges. Servers are plain threads on ports that the kernel chose.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use bench::record::Placement;
use bench::seams::{Endpoint, Generator, GeneratorError, StopFlag};
use bench::trial::{TrialRecord, TrialSpec};
use loadgen::generator::{LocalGenerator, Pacing};
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Answers each connection with `behave(stream, number)`, on a thread each, for as long as the
/// test process lives.
fn serve(behave: fn(TcpStream, usize)) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            std::thread::spawn(move || behave(stream, number));
        }
    });
    address
}

/// Reads one request head. `None` at the end of the connection.
fn read_request(stream: &mut TcpStream) -> Option<Vec<u8>> {
    let mut head = Vec::new();
    let mut byte = [0];
    while !head.ends_with(b"\r\n\r\n") {
        if stream.read(&mut byte).ok()? == 0 {
            return None;
        }
        head.push(byte[0]);
    }
    Some(head)
}

fn spec() -> TrialSpec {
    TrialSpec {
        block: 1,
        position: 1,
        variant: VariantName("x".into()),
        load: LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(400.0).expect("a valid rate"),
            connections: 8,
            max_in_flight: 200,
            timeout: Duration::from_secs(5),
            warm_up: Duration::from_millis(50),
            duration: Duration::from_millis(500),
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".into(),
                path: "/".into(),
                headers: Vec::new(),
                body: String::new(),
            })],
        },
        seed: 1,
    }
}

fn try_run(spec: &TrialSpec, address: SocketAddr) -> Result<TrialRecord, GeneratorError> {
    // Not pinned and not spinning: tests share the machine.
    let placement = Placement { generator: vec![], subject: vec![], shared: true };
    let mut generator = LocalGenerator::new(
        placement,
        Pacing::Sleep,
        StopFlag::default(),
        std::sync::Arc::default(),
    );
    generator.run(spec, &Endpoint { address, host: address.to_string() })
}

fn run(spec: &TrialSpec, address: SocketAddr) -> TrialRecord {
    let record = try_run(spec, address).expect("connections open");
    let counts = &record.counts;
    assert!(counts.add_up(), "{counts:?}");
    assert_eq!(counts.offered, 200, "400/s for half a second");
    assert_eq!(record.latencies.response_time.count(), counts.completed);
    assert_eq!(record.latencies.censored.count(), counts.censored());
    record
}

#[test]
fn a_server_that_behaves_answers_everything_on_the_connections_asked_for() {
    let address = serve(|mut stream, _| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    let record = run(&spec(), address);
    assert_eq!(record.counts.completed, 200);
    assert_eq!(record.counts.by_status[&200], 200);
    assert_eq!(record.generator.connections_opened, 8);
    assert_eq!(record.generator.warm_up_requests, 20);
    assert_eq!(record.generator.warm_up_answers, 20);
    assert_eq!(record.generator.bytes_received, 200 * OK.len() as u64);
}

#[test]
fn a_server_that_closes_after_each_answer_is_followed() {
    let address = serve(|mut stream, _| {
        if read_request(&mut stream).is_some() {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 2\r\n\r\nok");
        }
    });
    let record = run(&spec(), address);
    assert_eq!(record.counts.completed, 200);
    assert!(record.generator.connections_opened >= 220);
}

#[test]
fn an_answer_that_ends_with_the_connection_counts() {
    let address = serve(|mut stream, _| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\n\r\nok");
        }
    });
    assert_eq!(run(&spec(), address).counts.completed, 200);
}

#[test]
fn truncated_answers_are_failures() {
    let address = serve(|mut stream, _| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\nok");
        }
    });
    let record = run(&spec(), address);
    assert_eq!(record.counts.failed, 200);
    assert_eq!(record.counts.by_failure["closed"], 200);
}

#[test]
fn garbage_is_a_failure() {
    let address = serve(|mut stream, _| {
        if read_request(&mut stream).is_some() {
            let _ = stream.write_all(b"\x00\x01\x02 what is this\r\n\r\n");
            // Hold the connection, so that only the garbage can end it.
            let _ = stream.read(&mut [0]);
        }
    });
    let record = run(&spec(), address);
    assert_eq!(record.counts.by_failure["malformed"], 200);
}

#[test]
fn more_bytes_than_the_answer_are_a_failure() {
    let address = serve(|mut stream, _| {
        if read_request(&mut stream).is_some() {
            let _ = stream
                .write_all(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nokHTTP/1.1 200 OK\r\n");
            let _ = stream.read(&mut [0]);
        }
    });
    assert_eq!(run(&spec(), address).counts.by_failure["malformed"], 200);
}

#[test]
fn a_server_that_takes_requests_and_never_answers_times_out_every_one() {
    let address = serve(|mut stream, _| while read_request(&mut stream).is_some() {});
    let mut spec = spec();
    spec.load.timeout = Duration::from_millis(100);
    let record = run(&spec, address);
    assert_eq!(record.counts.timed_out, 200);
}

#[test]
fn a_connection_that_breaks_loses_only_the_request_on_it() {
    let address = serve(|mut stream, _| {
        for _ in 0..6 {
            if read_request(&mut stream).is_none() || stream.write_all(OK).is_err() {
                return;
            }
        }
        // The seventh request of each connection gets no answer.
        let _ = read_request(&mut stream);
    });
    let record = run(&spec(), address);
    assert!(record.counts.completed > 150, "{:?}", record.counts);
    assert!(record.counts.failed > 15, "{:?}", record.counts);
}

#[test]
fn an_unexpected_status_is_a_failure_with_its_status() {
    let address = serve(|mut stream, _| {
        while read_request(&mut stream).is_some() {
            if stream.write_all(b"HTTP/1.1 503 Busy\r\ncontent-length: 0\r\n\r\n").is_err() {
                return;
            }
        }
    });
    let record = run(&spec(), address);
    assert_eq!(record.counts.failed, 200);
    assert_eq!(record.counts.by_status[&503], 200);
    assert_eq!(record.generator.connections_opened, 8);
}

#[test]
fn an_answer_in_single_bytes_is_an_answer() {
    let address = serve(|mut stream, _| {
        let _ = stream.set_nodelay(true);
        while read_request(&mut stream).is_some() {
            for byte in b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"
            {
                if stream.write_all(&[*byte]).is_err() {
                    return;
                }
            }
        }
    });
    assert_eq!(run(&spec(), address).counts.completed, 200);
}

#[test]
fn a_server_that_closes_connections_at_once_is_an_error_and_not_a_hang() {
    let address = serve(|stream, _| drop(stream));
    let stop = StopFlag::default();
    let placement = Placement { generator: vec![], subject: vec![], shared: true };
    let mut generator =
        LocalGenerator::new(placement, Pacing::Sleep, stop.clone(), std::sync::Arc::default());
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(300));
        stop.raise();
    });
    // Either it never has all connections, or what it sends on them is accounted for.
    if let Ok(record) = generator.run(&spec(), &Endpoint { address, host: address.to_string() }) {
        assert!(record.counts.add_up() && record.counts.completed == 0, "{:?}", record.counts);
        // Paused between tries: not thousands a second.
        assert!(record.generator.connections_opened < 5_000);
    }
    stopper.join().expect("the stopper ends");
}

#[test]
fn an_answer_before_the_request_is_all_written_ends_its_connection() {
    const SIZE: usize = 16 * 1024 * 1024;
    let address = serve(|mut stream, _| {
        let _ = read_request(&mut stream);
        let _ = stream.write_all(OK);
        // Takes nothing more: a second request here would land inside the first one's body.
        std::thread::sleep(Duration::from_secs(1));
    });
    let mut spec = spec();
    spec.load.rate = RatePerSecond::new(10.0).expect("a valid rate");
    spec.load.warm_up = Duration::ZERO;
    spec.load.requests[0].request.method = "POST".into();
    spec.load.requests[0].request.body = "x".repeat(SIZE);
    let record = try_run(&spec, address).expect("connections open");
    assert_eq!(record.counts.completed, 5, "{:?}", record.counts);
    // Each is replaced; for the last one nobody waits.
    assert!(record.generator.connections_opened >= 8 + 4, "{:?}", record.generator);
}

#[test]
fn a_body_larger_than_every_buffer_is_read_to_its_end() {
    const SIZE: usize = 3 * 1024 * 1024;
    let address = serve(|mut stream, _| {
        while read_request(&mut stream).is_some() {
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {SIZE}\r\n\r\n");
            if stream.write_all(head.as_bytes()).is_err()
                || stream.write_all(&vec![b'x'; SIZE]).is_err()
            {
                return;
            }
        }
    });
    let mut spec = spec();
    spec.load.rate = RatePerSecond::new(20.0).expect("a valid rate");
    spec.load.duration = Duration::from_secs(1);
    let record = try_run(&spec, address).expect("connections open");
    assert_eq!(record.counts.completed, 20, "{:?}", record.counts);
    assert!(record.generator.bytes_received > 20 * SIZE as u64);
}

#[test]
fn a_request_larger_than_every_buffer_is_written_to_its_end() {
    const SIZE: usize = 8 * 1024 * 1024;
    let address = serve(|mut stream, _| {
        while read_request(&mut stream).is_some() {
            let mut left = SIZE;
            let mut buffer = vec![0; 65536];
            while left > 0 {
                match stream.read(&mut buffer) {
                    Ok(0) | Err(_) => return,
                    Ok(count) => left = left.saturating_sub(count),
                }
            }
            if stream.write_all(OK).is_err() {
                return;
            }
        }
    });
    let mut spec = spec();
    spec.load.rate = RatePerSecond::new(10.0).expect("a valid rate");
    spec.load.duration = Duration::from_secs(1);
    spec.load.requests[0].request.method = "POST".into();
    spec.load.requests[0].request.body = "x".repeat(SIZE);
    let record = try_run(&spec, address).expect("connections open");
    assert_eq!(record.counts.completed, 10, "{:?}", record.counts);
}

#[test]
fn nobody_listening_is_an_error_that_says_so() {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    drop(listener);
    let stop = StopFlag::default();
    let placement = Placement { generator: vec![], subject: vec![], shared: true };
    let mut generator =
        LocalGenerator::new(placement, Pacing::Sleep, stop.clone(), std::sync::Arc::default());
    let stopper = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(200));
        stop.raise();
    });
    let error = generator
        .run(&spec(), &Endpoint { address, host: address.to_string() })
        .expect_err("nobody listens");
    stopper.join().expect("the stopper ends");
    assert!(error.problem.contains("stopped"), "{error}");
}
