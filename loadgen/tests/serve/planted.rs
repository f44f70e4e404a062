//! Delays, stalls and faults, as a client sees them. A test of a delay asks that nothing comes too
//! early, which no busy machine can make false; how late it is, is for benchmarks.

use std::io::{ErrorKind, Read, Write};
use std::net::{Shutdown, TcpStream};
use std::num::NonZeroU64;
use std::time::Duration;

use loadgen::pace::MonotonicClock;
use loadgen::serve::Running;
use loadgen::serve::delay::{Delay, Held, Trace};
use loadgen::serve::script::{Delays, Planted};

use crate::client::{GET, OK, abc, connect, hear, hear_last, planted, say, start};
use loadgen::serve::ServerSpec;

const MS: u64 = 1_000_000;

fn faulty(faults: &[&str]) -> Running {
    let faults = faults.iter().map(|text| text.parse().expect("a fault")).collect();
    planted(Planted { faults, ..Planted::default() })
}

/// Nanoseconds from a request to its answer.
fn took(stream: &mut TcpStream) -> u64 {
    let clock = MonotonicClock::start();
    say(stream, GET);
    hear(stream, OK);
    clock.now().0
}

#[test]
fn the_chosen_answers_and_no_others_are_held_back() {
    let every = Held::Every(NonZeroU64::new(3).expect("not 0"));
    let delay = Delay::Constant(Duration::from_millis(20));
    let server = planted(Planted { delays: Delays::Drawn(delay, every), ..Planted::default() });
    let mut stream = connect(&server);
    let times: Vec<u64> = (0..6).map(|_| took(&mut stream)).collect();
    for late in [times[2], times[5]] {
        assert!(late >= 20 * MS, "{times:?}");
    }
    assert_eq!(server.stop().expect("it ends").answers, 6);
}

#[test]
fn answers_of_one_connection_keep_their_order_while_others_pass_by() {
    let every = Held::Every(NonZeroU64::new(2).expect("not 0"));
    // So long that only a client that need not wait for it gets through.
    let delay = Delay::Constant(Duration::from_secs(3600));
    let server = planted(Planted { delays: Delays::Drawn(delay, every), ..Planted::default() });
    let mut held = connect(&server);
    let mut free = connect(&server);
    say(&mut held, &GET.repeat(2));
    hear(&mut held, OK);
    say(&mut free, GET);
    hear(&mut free, OK);
    held.set_nonblocking(true).expect("an option");
    let waits = held.read(&mut [0]).expect_err("the second is held back");
    assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    drop((held, free));
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers), (3, 2));
}

#[test]
fn pipelined_answers_leave_each_in_its_time() {
    let trace = Trace::parse("0,30\n").expect("a trace");
    let server = planted(Planted { delays: Delays::Trace(trace), ..Planted::default() });
    let mut stream = connect(&server);
    let clock = MonotonicClock::start();
    say(&mut stream, &GET.repeat(20));
    hear(&mut stream, &OK.repeat(20));
    assert!(clock.now().0 >= 30 * MS);
    assert!(took(&mut stream) >= 30 * MS);
}

#[test]
fn nothing_is_answered_in_a_stall() {
    let stall = "150ms/100s".parse().expect("a stall");
    let server = planted(Planted { stall: Some(stall), ..Planted::default() });
    let mut first = connect(&server);
    let mut second = connect(&server);
    let clock = MonotonicClock::start();
    say(&mut first, GET);
    say(&mut second, GET);
    hear(&mut first, OK);
    assert!(clock.now().0 >= 150 * MS);
    hear(&mut second, OK);
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers), (2, 2));
}

#[test]
fn a_client_that_sends_no_more_gets_the_answers_that_it_waits_for() {
    let delay = Delay::Constant(Duration::from_millis(10));
    let server = planted(Planted { delays: Delays::Drawn(delay, Held::All), ..Planted::default() });
    let mut stream = connect(&server);
    say(&mut stream, &GET.repeat(3));
    stream.shutdown(Shutdown::Write).expect("shut");
    hear_last(&mut stream, &OK.repeat(3));
}

#[test]
fn a_reset_is_a_reset() {
    let server = faulty(&["reset-every=2"]);
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear(&mut stream, OK);
    say(&mut stream, GET);
    let error = stream.read(&mut [0]).expect_err("no peaceful end");
    assert_eq!(error.kind(), ErrorKind::ConnectionReset);
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers, served.faults), (2, 1, 1));
}

#[test]
fn a_truncated_answer_is_half_of_one() {
    let server = faulty(&["truncate-every=1"]);
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear_last(&mut stream, &OK[..OK.len() / 2]);
}

#[test]
fn garbage_is_no_http_and_the_connection_stays() {
    let server = faulty(&["garbage-every=2"]);
    let mut stream = connect(&server);
    say(&mut stream, &GET.repeat(3));
    hear(&mut stream, OK);
    let mut byte = [0];
    stream.read_exact(&mut byte).expect("garbage");
    assert_ne!(&byte, b"H");
    let mut rest = Vec::new();
    stream.shutdown(Shutdown::Write).expect("shut");
    stream.read_to_end(&mut rest).expect("the end");
    assert!(rest.ends_with(OK.as_bytes()), "the third is answered after the garbage");
}

#[test]
fn a_close_comes_instead_of_the_answer() {
    let server = faulty(&["close-every=1"]);
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear_last(&mut stream, "");
}

#[test]
fn silence_is_for_the_rest_of_a_connection_and_for_no_other() {
    let server = faulty(&["silent-every=2"]);
    let mut silent = connect(&server);
    say(&mut silent, &GET.repeat(4));
    hear(&mut silent, OK);
    let mut other = connect(&server);
    say(&mut other, GET);
    hear(&mut other, OK);
    silent.set_nonblocking(true).expect("an option");
    let waits = silent.read(&mut [0]).expect_err("nothing comes");
    assert_eq!(waits.kind(), ErrorKind::WouldBlock);
    drop(silent);
    // The second request; those after it were not heard.
    let served = server.stop().expect("it ends");
    assert_eq!((served.requests, served.answers, served.faults), (3, 2, 1));
}

#[test]
fn a_half_close_ends_one_direction_and_takes_what_comes_in_the_other() {
    let server = faulty(&["half-close-every=1"]);
    let mut stream = connect(&server);
    say(&mut stream, GET);
    hear_last(&mut stream, OK);
    // A whole megabyte is read and left unanswered, without a reset.
    stream.write_all(&vec![b'x'; 1 << 20]).expect("it is taken");
    stream.shutdown(Shutdown::Write).expect("shut");
    assert_eq!(stream.read(&mut [0]).expect("still the end"), 0);
    assert_eq!(server.stop().expect("it ends").requests, 1);
}

#[test]
fn a_server_that_stops_reading_answers_what_it_has_read_and_lets_tcp_push_back() {
    let server = faulty(&["stop-reading-after=2"]);
    let mut stream = connect(&server);
    for _ in 0..2 {
        say(&mut stream, GET);
        hear(&mut stream, OK);
    }
    stream.set_nonblocking(true).expect("an option");
    let block = vec![b'x'; 1 << 20];
    let pushed_back = (0..200).any(|_| {
        std::thread::sleep(Duration::from_millis(1));
        matches!(stream.write(&block), Err(error) if error.kind() == ErrorKind::WouldBlock)
    });
    assert!(pushed_back, "200 MB are more than the kernel keeps");
    drop(stream);
    let mut other = connect(&server);
    say(&mut other, GET);
    hear(&mut other, OK);
    assert_eq!(server.stop().expect("it ends").requests, 3);
}

#[test]
fn a_delayed_answer_to_somebody_who_left_harms_nobody() {
    let delay = Delay::Constant(Duration::from_millis(30));
    let server = start(ServerSpec {
        planted: Planted { delays: Delays::Drawn(delay, Held::All), ..Planted::default() },
        ..abc()
    });
    for _ in 0..10 {
        say(&mut connect(&server), GET);
    }
    let mut stream = connect(&server);
    assert!(took(&mut stream) >= 30 * MS);
    assert_eq!(server.stop().expect("it ends").connections, 11);
}
