//! HTTP/1.1: each fault by its name, and nothing lost.

use std::io::{Read, Write};
use std::time::Duration;

use loadgen::engine::{Job, Offer};
use loadgen::transport::target::Keeping;

use crate::rig::{
    OK, PLANNED, answer_one, assert_lawful, by_hand, failed, faulty, impatient, job, mix,
    read_request, run, start, steady,
};

/// A fault for each tenth request is a failure of just these, under that name.
fn a_tenth_fails(fault: &str, key: &str) {
    let (server, address) = start(faulty(&[fault]));
    let done = run(&job(address));
    assert_eq!(failed(&done, key), PLANNED / 10, "{fault}: {:?}", done.recorded.counts);
    assert_eq!(done.recorded.counts.completed, PLANNED - PLANNED / 10, "{fault}");
    let served = server.stop().expect("it ends");
    // Both sides tell the same story.
    assert_eq!((served.requests, served.faults), (PLANNED, PLANNED / 10), "{fault}");
    assert_eq!(served.answers, done.recorded.counts.completed, "{fault}");
    // For the connection that replaces the last faulty one nobody waits.
    assert!(served.connections - done.recorded.connections.opened <= 1, "{fault}");
}

#[test]
fn a_reset_is_a_reset() {
    a_tenth_fails("reset-every=10", "reset");
}

#[test]
fn a_close_instead_of_an_answer_is_a_close() {
    a_tenth_fails("close-every=10", "closed");
}

#[test]
fn half_an_answer_is_a_close() {
    a_tenth_fails("truncate-every=10", "closed");
}

#[test]
fn garbage_is_malformed() {
    a_tenth_fails("garbage-every=10", "malformed");
}

#[test]
fn the_first_byte_is_the_answers_and_not_its_bodys() {
    let held = Duration::from_millis(30);
    let address = by_hand(move |mut stream, _| {
        let (head, body) = OK.split_at(OK.len() - 2);
        while read_request(&mut stream).is_some() {
            let sent = stream.write_all(head).map(|()| std::thread::sleep(held));
            if sent.and_then(|()| stream.write_all(body)).is_err() {
                return;
            }
        }
    });
    let done = run(&Job { connections: 64, ..job(address) });
    assert_eq!(done.recorded.counts.completed, PLANNED);
    let held = u64::try_from(held.as_nanos()).expect("small");
    let (first, whole) = (&done.recorded.first_byte, &done.recorded.latencies.service_time);
    // A machine that holds the generator up for as long lets it read both at once, but not of all
    // three hundred.
    assert!(first.min().expect("not empty") < held, "{:?}", first.min());
    assert!(whole.min().expect("not empty") >= held, "{:?}", whole.min());
}

#[test]
fn an_answer_before_a_half_close_counts() {
    let (server, address) = start(faulty(&["half-close-every=3"]));
    let done = run(&job(address));
    let counts = &done.recorded.counts;
    // A request that met the end of its connection on the way is not answered.
    assert_eq!(counts.completed + failed(&done, "closed") + failed(&done, "reset"), PLANNED);
    assert_eq!(server.stop().expect("it ends").answers, counts.completed);
}

#[test]
fn silence_times_out_and_stays_within_its_connection() {
    let (server, address) = start(faulty(&["silent-every=10"]));
    let done = run(&Job { connections: 64, ..impatient(address) });
    let counts = &done.recorded.counts;
    assert_eq!((counts.failed, counts.shed), (0, 0), "{counts:?}");
    assert!(counts.timed_out >= PLANNED / 10 && counts.completed > 0, "{counts:?}");
    let youngest = done.recorded.latencies.censored.min().expect("not empty");
    assert!(youngest >= 499_000_000, "given up after {youngest} ns");
    drop(server);
}

#[test]
fn a_peer_that_stops_reading_is_given_up_and_replaced() {
    let (server, address) = start(faulty(&["stop-reading-after=2"]));
    let job = Job {
        offer: steady(100.0, Duration::from_millis(300)),
        // Larger than what the kernel keeps for a peer that does not read.
        mix: mix("POST", &"x".repeat(16 << 20)).into(),
        ..impatient(address)
    };
    let done = run(&Job { timeout: Duration::from_secs(3), connections: 4, ..job });
    let counts = &done.recorded.counts;
    assert_eq!((counts.offered, counts.failed), (30, 0), "{counts:?}");
    assert!(counts.timed_out > 0 && counts.completed > 0, "{counts:?}");
    drop(server);
}

#[test]
fn connections_that_close_between_requests_are_replaced() {
    let address = by_hand(|mut stream, number| {
        for _ in 0..=number % 5 {
            if answer_one(&mut stream).is_none() {
                return;
            }
        }
    });
    let done = run(&job(address));
    let counts = &done.recorded.counts;
    let met_the_end = failed(&done, "closed") + failed(&done, "reset");
    assert_eq!(counts.completed + met_the_end, PLANNED, "{counts:?}");
    assert!(counts.completed >= PLANNED / 2, "{counts:?}");
    assert!(done.recorded.connections.opened > 60, "one answer to five for each connection");
}

/// Writes for as long as the client takes it.
fn pour(stream: &mut impl Write, head: &[u8], block: &[u8]) {
    if stream.write_all(head).is_ok() {
        while stream.write_all(block).is_ok() {}
    }
}

#[test]
fn a_head_without_an_end_is_malformed() {
    let address = by_hand(|mut stream, number| {
        if number.is_multiple_of(16) && read_request(&mut stream).is_some() {
            pour(&mut stream, b"HTTP/1.1 200 OK\r\n", &b"x-more: of the same\r\n".repeat(100));
        }
        while answer_one(&mut stream).is_some() {}
    });
    let done = run(&job(address));
    let counts = &done.recorded.counts;
    assert!(failed(&done, "malformed") >= 1, "{counts:?}");
    assert_eq!(counts.completed + failed(&done, "malformed"), PLANNED, "{counts:?}");
}

#[test]
fn a_line_without_an_end_is_malformed() {
    for head in [
        &b"HTTP/1.1 200 OK\r\nx: "[..],
        b"HTTP/1.1 200 ",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n1;",
    ] {
        let address = by_hand(move |mut stream, number| {
            if number.is_multiple_of(16) && read_request(&mut stream).is_some() {
                pour(&mut stream, head, &b"a".repeat(1000));
            }
            while answer_one(&mut stream).is_some() {}
        });
        let done = run(&job(address));
        let counts = &done.recorded.counts;
        assert!(failed(&done, "malformed") >= 1, "{counts:?}");
        assert_eq!(counts.completed + failed(&done, "malformed"), PLANNED, "{counts:?}");
    }
}

#[test]
fn an_endless_body_times_out_and_the_others_get_their_turn() {
    for head in [
        &b"HTTP/1.1 200 OK\r\n\r\n"[..],
        b"HTTP/1.1 200 OK\r\ncontent-length: 9000000000000000000\r\n\r\n",
    ] {
        let address = by_hand(move |mut stream, number| {
            if number == 3 && read_request(&mut stream).is_some() {
                pour(&mut stream, head, &vec![b'x'; 4 << 20]);
            }
            while answer_one(&mut stream).is_some() {}
        });
        let done = run(&Job { timeout: Duration::from_secs(2), ..job(address) });
        let counts = &done.recorded.counts;
        assert_eq!(counts.failed, 0, "{counts:?}");
        assert!(counts.timed_out >= 1 && counts.completed > PLANNED / 2, "{counts:?}");
    }
}

#[test]
fn endless_interim_answers_time_out() {
    let address = by_hand(|mut stream, number| {
        if number == 3 && read_request(&mut stream).is_some() {
            pour(&mut stream, b"", &b"HTTP/1.1 103 Early Hints\r\n\r\n".repeat(1000));
        }
        while answer_one(&mut stream).is_some() {}
    });
    let done = run(&Job { timeout: Duration::from_secs(2), ..job(address) });
    let counts = &done.recorded.counts;
    assert_eq!(counts.failed, 0, "{counts:?}");
    assert!(counts.timed_out >= 1 && counts.completed > PLANNED / 2, "{counts:?}");
}

#[test]
fn all_faults_at_once_lose_nothing() {
    let faults = [
        "reset-every=7",
        "truncate-every=11",
        "garbage-every=13",
        "close-every=17",
        "half-close-every=19",
        "silent-every=23",
        "stop-reading-after=9",
    ];
    for keeping in [Keeping::Alive, Keeping::EachRequest] {
        let (server, address) = start(faulty(&faults));
        let mut job = Job { connections: 64, ..impatient(address) };
        job.target.keeping = keeping;
        let done = run(&job);
        for key in ["reset", "closed", "malformed"] {
            assert!(failed(&done, key) > 0, "{keeping:?} {key}: {:?}", done.recorded.counts);
        }
        assert!(done.recorded.counts.completed > 0);
        drop(server);
    }
}

#[test]
fn a_closed_loop_accounts_for_faults_too() {
    let faults = ["reset-every=50", "truncate-every=70", "garbage-every=110", "close-every=130"];
    let (server, address) = start(faulty(&faults));
    let done =
        run(&Job { offer: Offer::Closed, warm_up: Duration::from_millis(50), ..job(address) });
    assert_lawful(&done);
    let recorded = &done.recorded;
    let served = server.stop().expect("it ends");
    // Each request that was counted, warm-up and window, is one that the server saw.
    assert_eq!(recorded.warm_up_requests + recorded.counts.offered, served.requests);
    assert_eq!(recorded.warm_up_answers + recorded.counts.completed, served.answers);
}

#[test]
fn workers_share_the_work_and_the_faults() {
    let (server, address) = start(faulty(&["reset-every=10"]));
    let stop = bench::seams::StopFlag::default();
    let crew = loadgen::engine::Crew { cores: vec![0, 0, 0], ..crate::rig::crew(&stop, None) };
    let done = crate::rig::try_run(&job(address), crew).expect("connections open");
    assert_lawful(&done);
    assert_eq!(done.usage.len(), 3);
    assert_eq!(done.recorded.counts.offered, PLANNED);
    assert_eq!(failed(&done, "reset"), PLANNED / 10);
    assert_eq!(server.stop().expect("it ends").requests, PLANNED);
}

#[test]
fn an_answer_that_comes_unasked_costs_its_connection_and_no_request() {
    let address = by_hand(|mut stream, _| {
        if answer_one(&mut stream).is_some() {
            let _ = stream.write_all(OK);
            let _ = stream.read(&mut [0]);
        }
    });
    let done = run(&Job { connections: 64, ..job(address) });
    let counts = &done.recorded.counts;
    // Whether it was there before the next request decides what it is; lost is none.
    assert_eq!(counts.timed_out + counts.shed, 0, "{counts:?}");
    assert!(counts.completed > 0, "{counts:?}");
}
