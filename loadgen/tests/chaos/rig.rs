//! A drive to try out, servers to try it on, and the laws that hold whatever happens.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::{Arc, mpsc};
use std::time::Duration;

use bench::histogram::Histogram;
use bench::seams::StopFlag;
use loadgen::engine::{self, Crew, Done, Job, Offer, Refused};
use loadgen::live::LiveView;
use loadgen::pace::SpinWindow;
use loadgen::requests::Mix;
use loadgen::schedule::{Profile, Schedule};
use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::listen::Address;
use loadgen::serve::{Running, Server, ServerSpec};
use loadgen::transport::target::{Addresses, Keeping, Protocol, Route, Target};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

/// Far beyond any honest wait: a loop that wedges fails instead of hanging.
const PATIENCE: Duration = Duration::from_secs(120);

pub(crate) const OK: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// Requests of [`job`].
pub(crate) const PLANNED: u64 = 300;

/// 300 GETs in 300 ms over 16 connections, each given a minute.
pub(crate) fn job(address: SocketAddr) -> Job {
    Job {
        target: target(Route::Tcp(Addresses::new(vec![address]))),
        mix: Arc::new(mix("GET", "")),
        offer: steady(1000.0, Duration::from_millis(300)),
        warm_up: Duration::ZERO,
        duration: Duration::from_millis(300),
        connections: 16,
        max_in_flight: 10_000,
        timeout: Duration::from_secs(60),
    }
}

/// A job whose requests are given up after half a second, which silent peers need. Where the
/// machine is slower than that an honest answer may be given up too: no test denies it.
pub(crate) fn impatient(address: SocketAddr) -> Job {
    Job { timeout: Duration::from_millis(500), ..job(address) }
}

pub(crate) fn steady(rate: f64, span: Duration) -> Offer {
    let rate = RatePerSecond::new(rate).expect("a valid rate");
    Offer::Along { arrivals: Arrivals::Constant, profile: Profile::steady(rate, span), seed: 1 }
}

pub(crate) fn target(route: Route) -> Target {
    Target {
        route,
        authority: "localhost".to_owned(),
        tunnel: None,
        tls: None,
        protocol: Protocol::Http1,
        keeping: Keeping::Alive,
    }
}

pub(crate) fn mix(method: &str, body: &str) -> Mix {
    Mix::of_scenario(&RequestSpec {
        method: method.to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: body.to_owned(),
    })
}

/// One worker, which neither spins nor stays on a core: tests share the machine.
pub(crate) fn crew(stop: &StopFlag, live: Option<Arc<LiveView>>) -> Crew {
    Crew { cores: Vec::new(), spin: SpinWindow::NONE, stop: stop.clone(), live }
}

/// What comes of a job, or why it could not begin. Panics when the engine has no end.
pub(crate) fn try_run(job: &Job, crew: Crew) -> Result<Done, Refused> {
    let (told, hear) = mpsc::channel();
    let job = job.clone();
    std::thread::spawn(move || {
        // Nobody hears of a run that the test gave up.
        let _ = told.send(engine::run(&job, &crew));
    });
    hear.recv_timeout(PATIENCE).expect("the loop comes to its end")
}

/// Runs a job to its end, under the laws.
pub(crate) fn run(job: &Job) -> Done {
    let stop = StopFlag::default();
    let done = try_run(job, crew(&stop, None)).expect("connections open");
    assert!(!done.report.stopped_early);
    if let Some(planned) = planned(job) {
        assert_eq!(done.recorded.counts.offered, planned, "every planned request is offered");
    }
    assert_lawful(&done);
    done
}

/// A job that can not begin: what is said of it once somebody no longer waits.
pub(crate) fn refused(job: &Job) -> (Refused, String) {
    let stop = StopFlag::default();
    let stopper = std::thread::spawn({
        let stop = stop.clone();
        move || {
            std::thread::sleep(Duration::from_millis(300));
            stop.raise();
        }
    });
    let refused = try_run(job, crew(&stop, None)).expect_err("it can not begin");
    stopper.join().expect("the stopper ends");
    let words = refused.to_string();
    (refused, words)
}

/// Requests that the schedule has in the window; `None` in a closed loop.
fn planned(job: &Job) -> Option<u64> {
    let whole = job.warm_up + job.duration;
    let schedule = match &job.offer {
        Offer::Along { arrivals, profile, seed } => {
            Schedule::along(*arrivals, profile.clone(), *seed)
        }
        Offer::Trace(offsets) => Schedule::trace(Arc::clone(offsets), whole),
        Offer::Closed => return None,
    };
    let window = u64::try_from(job.warm_up.as_nanos()).expect("a short one");
    let in_window = schedule.filter(|due| due.at.offset() >= window).count();
    Some(u64::try_from(in_window).expect("few"))
}

/// What holds of every run.
pub(crate) fn assert_lawful(done: &Done) {
    let recorded = &done.recorded;
    let counts = &recorded.counts;
    let latencies = &recorded.latencies;
    assert!(counts.add_up(), "{counts:?}");
    assert_eq!(counts.by_failure.values().sum::<u64>(), counts.failed, "{counts:?}");
    let unexpected = counts.by_failure.get("status").copied().unwrap_or_default();
    let statuses = counts.by_status.values().sum::<u64>();
    assert_eq!(statuses, counts.completed + unexpected, "{counts:?}");
    assert_eq!(latencies.response_time.count(), counts.completed);
    assert_eq!(latencies.service_time.count(), counts.completed);
    assert_eq!(recorded.first_byte.count(), counts.completed);
    assert_eq!(latencies.censored.count(), counts.censored());
    assert_eq!(latencies.pacing_lag.count(), counts.offered);
    let sent = latencies.send_lag.count();
    assert!(counts.completed <= sent && sent <= counts.offered - counts.shed, "{sent} {counts:?}");
    assert_eq!(recorded.kinds.iter().map(|kind| kind.counts.offered).sum::<u64>(), counts.offered);
    assert_eq!(recorded.slices.iter().map(Histogram::count).sum::<u64>(), counts.completed);
    let connections = &recorded.connections;
    assert_eq!(connections.connect.count(), connections.opened);
    let handshakes = connections.tls_full.count() + connections.tls_resumed.count();
    let secure = done.tls.is_some();
    assert_eq!(handshakes, if secure { connections.opened } else { 0 });
}

/// How many failed by that name.
pub(crate) fn failed(done: &Done, key: &str) -> u64 {
    done.recorded.counts.by_failure.get(key).copied().unwrap_or_default()
}

/// Answers `abc`.
pub(crate) fn abc() -> ServerSpec {
    let answer = AnswerSpec { body_bytes: 3, ..AnswerSpec::default() };
    ServerSpec { answer, ..ServerSpec::default() }
}

/// Answers `abc` with these faults planted.
pub(crate) fn faulty(faults: &[&str]) -> ServerSpec {
    let mut spec = abc();
    spec.planted.faults = faults.iter().map(|text| text.parse().expect("a fault")).collect();
    spec
}

pub(crate) fn start(spec: ServerSpec) -> (Running, SocketAddr) {
    start_at("127.0.0.1:0".parse().expect("an address"), spec)
}

pub(crate) fn start_at(address: SocketAddr, spec: ServerSpec) -> (Running, SocketAddr) {
    let server = Server::bind(&Address::Tcp(address), spec).expect("it is bound");
    let server = server.start().expect("a thread");
    let Address::Tcp(address) = server.address() else { unreachable!("it was bound to a port") };
    let address = *address;
    (server, address)
}

/// A server by hand: each connection meets `behave(stream, number)` on a thread of its own, for as
/// long as the test process lives.
pub(crate) fn by_hand(behave: impl Fn(TcpStream, usize) + Send + Sync + 'static) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    let behave = Arc::new(behave);
    std::thread::spawn(move || {
        for (number, stream) in listener.incoming().flatten().enumerate() {
            let behave = Arc::clone(&behave);
            std::thread::spawn(move || behave(stream, number));
        }
    });
    address
}

/// Reads one request without a body. `None` at the end of the connection.
pub(crate) fn read_request(stream: &mut TcpStream) -> Option<()> {
    let mut last = [0; 4];
    while last != *b"\r\n\r\n" {
        last.rotate_left(1);
        if stream.read(&mut last[3..]).ok()? == 0 {
            return None;
        }
    }
    Some(())
}

/// Reads and answers one request. `None` at the end of the connection.
pub(crate) fn answer_one(stream: &mut TcpStream) -> Option<()> {
    read_request(stream)?;
    stream.write_all(OK).ok()
}
