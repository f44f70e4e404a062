//! What a request costs once everything is warm: no allocation, one write and one read, and memory
//! that does not grow. Counted, not timed. The counter is of the engine's thread alone, so that the
//! server may live in this process.

use std::sync::Arc;
use std::time::Duration;

use allocation_counter::{AllocationInfo, measure};
use bench::clock::Nanos;
use bench::seams::StopFlag;
use loadgen::engine::{self, Crew, Job, Offer};
use loadgen::pace::{MonotonicClock, SpinWindow, Wait};
use loadgen::recorder::{Recorded, Recorder};
use loadgen::requests::{Mix, RequestId};
use loadgen::schedule::Schedule;
use loadgen::serve::answer::AnswerSpec;
use loadgen::serve::listen::Address;
use loadgen::serve::{Running, Server, ServerSpec};
use loadgen::start_line::StartLine;
use loadgen::transport::epoll::EpollTransport;
use loadgen::transport::http1::RequestWriter;
use loadgen::transport::target::{Addresses, Keeping, Protocol, Route, Target};
use loadgen::transport::{Event, Happening, Http2Writer, SetUp, Slot, Transport, Writer};
use loadgen::worker::{self, Demand, Limits};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

const CONNECTIONS: u32 = 16;

fn get() -> Mix {
    Mix::of_scenario(&RequestSpec {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    })
}

fn start(answer: AnswerSpec) -> (Running, Target) {
    let address: Address = "127.0.0.1:0".parse().expect("an address");
    let spec = ServerSpec { answer, ..ServerSpec::default() };
    let server = Server::bind(&address, spec).expect("it is bound").start().expect("a thread");
    let Address::Tcp(address) = server.address() else { unreachable!("it was bound to a port") };
    let target = Target {
        route: Route::Tcp(Addresses::new(vec![*address])),
        authority: "localhost".to_owned(),
        tunnel: None,
        tls: None,
        protocol: Protocol::Http1,
        keeping: Keeping::Alive,
    };
    (server, target)
}

/// Sends so many requests at 4000/s on this thread. Returns what its loop allocated, set-up
/// included.
fn allocated(
    transport: &mut impl Transport,
    requests: u64,
    slots: u32,
) -> (AllocationInfo, Recorded) {
    let rate = RatePerSecond::new(4000.0).expect("a valid rate");
    let span = Duration::from_micros(requests * 250);
    let schedule = Schedule::new(Arrivals::Constant, rate, span, 1);
    let window = 0..u64::try_from(span.as_nanos()).expect("a short one");
    let mut recorder = Recorder::new(window, 1, None);
    let limits = Limits {
        slots,
        max_in_flight: 1000,
        timeout: Duration::from_secs(60),
        set_up_within: Duration::from_secs(10),
    };
    let (stop, line, mix) = (StopFlag::default(), StartLine::new(1), get());
    let info = measure(|| {
        let work = (Demand::Open(schedule), &mix);
        worker::run(transport, work, &mut recorder, limits, (&stop, &line))
            .expect("connections open");
    });
    let recorded = recorder.finish();
    assert_eq!((recorded.counts.offered, recorded.counts.completed), (requests, requests));
    (info, recorded)
}

/// Buffers that grow for good where the machine holds the loop up: a few for each of the connections,
/// against 16 000 requests more.
const GROWTH: u64 = 100;

fn assert_no_allocation_per_request(server: AnswerSpec, protocol: Protocol) {
    let (server, target) = start(server);
    let target = Target { protocol, ..target };
    let of = |requests| {
        let mix = Arc::new(get());
        let writer = match protocol {
            Protocol::Http1 => Writer::Http1(RequestWriter::new(mix, "localhost", false)),
            Protocol::Http2 { grpc, .. } => {
                let writer = Http2Writer::new(mix, "localhost", false, grpc);
                Writer::Http2(writer.expect("plain fields"))
            }
        };
        let clock = MonotonicClock::start();
        let target = target.clone();
        let mut transport = EpollTransport::new(
            clock,
            Wait::among_others(SpinWindow::NONE),
            target,
            writer,
            CONNECTIONS,
        )
        .expect("an epoll");
        allocated(&mut transport, requests, CONNECTIONS * protocol.streams()).0
    };
    // By the first number the buffers of all places have what they need.
    let (short, long) = (of(8_000), of(24_000));
    assert!(long.count_total <= short.count_total + GROWTH, "{short:?} {long:?}");
    assert!(long.bytes_max <= short.bytes_max + (1 << 20), "{short:?} {long:?}");
    drop(server);
}

#[test]
fn an_http1_request_allocates_nothing() {
    let answer = AnswerSpec::default();
    assert_no_allocation_per_request(answer, Protocol::Http1);
}

#[test]
fn an_http1_request_with_a_chunked_answer_allocates_nothing() {
    let answer = AnswerSpec { chunked: true, body_bytes: 40_000, ..AnswerSpec::default() };
    assert_no_allocation_per_request(answer, Protocol::Http1);
}

#[test]
fn an_http2_request_allocates_nothing() {
    let protocol = Protocol::Http2 { streams: 4, grpc: false };
    assert_no_allocation_per_request(AnswerSpec::default(), protocol);
}

/// Answers at once, on a clock that is always right, and remembers nothing.
#[derive(Default)]
struct Immediate {
    now: Nanos,
    told: Vec<Event>,
}

impl Transport for Immediate {
    fn now(&mut self) -> Nanos {
        self.now
    }

    fn open(&mut self, slot: Slot) {
        let at = self.now;
        self.told.push(Event { slot, at, what: Happening::Connected(SetUp::default()) });
        self.told.push(Event { slot, at, what: Happening::Opened });
    }

    fn send(&mut self, slot: Slot, _: RequestId) -> (Nanos, u64) {
        let at = self.now;
        let first_byte = at;
        let what = Happening::Answered { status: 200, bytes: 1, first_byte, reusable: true };
        self.told.push(Event { slot, at, what });
        (at, 1)
    }

    fn close(&mut self, _: Slot) {}

    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        if self.told.is_empty() {
            self.now = self.now.max(until);
        }
        happened.append(&mut self.told);
    }
}

#[test]
fn memory_is_as_flat_after_a_million_requests_as_after_a_hundred_thousand() {
    let of = |requests| {
        let mut transport = Immediate::default();
        allocated(&mut transport, requests, 1000).0
    };
    let (short, long) = (of(100_000), of(1_000_000));
    assert_eq!(short.bytes_max, long.bytes_max, "{short:?} {long:?}");
    assert_eq!(short.count_total, long.count_total, "{short:?} {long:?}");
}

/// A closed loop's system calls over its requests, under what holds of each.
fn calls_a_request(job: &Job) -> f64 {
    let stop = StopFlag::default();
    let crew = Crew { cores: Vec::new(), spin: SpinWindow::NONE, stop, live: None };
    let done = engine::run(job, &crew).expect("connections open");
    let requests = done.recorded.counts.completed;
    let calls = done.calls;
    assert_eq!(requests, done.recorded.counts.offered);
    assert!(requests > 1000, "{requests}");
    assert_eq!(calls.writes, requests);
    assert!(calls.reads <= requests + requests / 100, "{calls:?} for {requests}");
    assert_eq!(calls.opens, u64::from(2 * CONNECTIONS));
    (calls.reads + calls.writes + calls.waits) as f64 / requests as f64
}

#[test]
fn a_request_is_one_write_and_one_read_and_opens_nothing() {
    let (server, target) = start(AnswerSpec::default());
    let job = Job {
        target,
        mix: Arc::new(get()),
        offer: Offer::Closed,
        warm_up: Duration::ZERO,
        duration: Duration::from_millis(500),
        connections: CONNECTIONS,
        max_in_flight: CONNECTIONS,
        timeout: Duration::from_secs(60),
    };
    // How many answers a wait finds is the scheduler's doing too: where it lets the two take turns, one
    // each. So it is enough that one of several loops is kept busy.
    let fewest = (0..10).map(|_| calls_a_request(&job)).find(|calls| *calls <= 2.3);
    assert!(fewest.is_some(), "a wait for each answer, ten times");
    drop(server);
}
