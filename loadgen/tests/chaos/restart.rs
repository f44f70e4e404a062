//! A server that ends in mid-run and comes back at the same port, as itself or as somebody else.

use std::sync::Arc;
use std::time::Duration;

use bench::seams::StopFlag;
use loadgen::engine::{Done, Job, Offer};
use loadgen::live::LiveView;
use loadgen::serve::ServerSpec;
use loadgen::transport::target::{Keeping, Protocol};

use crate::rig::{abc, assert_lawful, crew, failed, job, start, start_at, steady, try_run};

/// Looks again until it is so. Panics after a minute.
fn until(what: &str, so: impl Fn() -> bool) {
    for _ in 0..6_000 {
        if so() {
            return;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited a minute for {what}");
}

/// Runs a job while its server becomes another one at the same port, until enough came of each.
pub(crate) fn replaced(
    job: impl FnOnce(std::net::SocketAddr) -> Job,
    (before, after): (ServerSpec, ServerSpec),
    enough: impl Fn((u64, u64), (u64, u64)) -> bool,
) -> Done {
    let (first, address) = start(before);
    let (stop, live) = (StopFlag::default(), Arc::new(LiveView::default()));
    let job = job(address);
    let running = std::thread::spawn({
        let crew = crew(&stop, Some(Arc::clone(&live)));
        move || try_run(&job, crew)
    });
    until("answers of the first server", || live.read().answered() >= 100);
    first.stop().expect("it ends");
    let counts = || {
        let read = live.read();
        (read.answered(), read.lost())
    };
    let at_the_change = counts();
    std::thread::sleep(Duration::from_millis(30));
    let (second, _) = start_at(address, after);
    until("the second server", || enough(at_the_change, counts()));
    stop.raise();
    let done = running.join().expect("no panic").expect("it began");
    assert_lawful(&done);
    assert!(done.report.stopped_early);
    drop(second);
    done
}

/// Longer than any test waits; it is stopped.
fn long(offer: fn(Duration) -> Offer) -> impl FnOnce(std::net::SocketAddr) -> Job {
    move |address| {
        let duration = Duration::from_secs(600);
        Job { offer: offer(duration), duration, ..job(address) }
    }
}

fn answered_on(before: (u64, u64), now: (u64, u64)) -> bool {
    now.0 >= before.0 + 200
}

fn assert_only_the_change_failed(done: &Done) {
    let counts = &done.recorded.counts;
    let by_the_change = ["refused", "reset", "closed", "not-processed", "stopped"];
    let known = by_the_change.iter().map(|key| failed(done, key)).sum::<u64>();
    assert_eq!(known, counts.failed, "{counts:?}");
    assert_eq!(counts.timed_out, 0, "{counts:?}");
    assert!(counts.completed >= 300, "{counts:?}");
}

#[test]
fn an_open_loop_finds_its_server_again() {
    let done = replaced(long(|span| steady(1000.0, span)), (abc(), abc()), answered_on);
    assert_only_the_change_failed(&done);
}

#[test]
fn a_closed_loop_finds_its_server_again_and_does_not_hammer_it_meanwhile() {
    let done = replaced(long(|_| Offer::Closed), (abc(), abc()), answered_on);
    assert_only_the_change_failed(&done);
    let failed = done.recorded.counts.failed;
    assert!(failed < 2_000, "{failed} failures while nobody was there");
}

#[test]
fn connections_for_each_request_find_their_server_again() {
    let job = |address| {
        let mut job = long(|span| steady(1000.0, span))(address);
        job.target.keeping = Keeping::EachRequest;
        job
    };
    assert_only_the_change_failed(&replaced(job, (abc(), abc()), answered_on));
}

#[test]
fn http2_finds_its_server_again() {
    let job = |address| {
        let mut job = long(|span| steady(1000.0, span))(address);
        job.target.protocol = Protocol::Http2 { streams: 4, grpc: false };
        job.connections = 4;
        job
    };
    assert_only_the_change_failed(&replaced(job, (abc(), abc()), answered_on));
}
