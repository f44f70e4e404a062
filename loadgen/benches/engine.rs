//! What the engine itself costs for each request, apart from the kernel.
use std::hint::black_box;
use std::time::Duration;

use bench::seams::StopFlag;
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use loadgen::live::LiveView;
use loadgen::recorder::{Recorder, Timeline};
use loadgen::requests::{KindIndex, Mix};
use loadgen::schedule::Schedule;
use loadgen::start_line::StartLine;
use loadgen::transport::http1::{AnswerReader, KnownHead};
use loadgen::transport::sim::{Service, Setting, SimTransport};
use loadgen::worker::{self, Demand, Limits};
use scenarios::load::{Arrivals, RequestSpec};
use scenarios::units::RatePerSecond;

fn schedule(criterion: &mut Criterion) {
    let rate = RatePerSecond::new(10_000.0).expect("a valid rate");
    let mut group = criterion.benchmark_group("schedule");
    group.throughput(Throughput::Elements(10_000));
    for (name, arrivals) in [("constant", Arrivals::Constant), ("poisson", Arrivals::Poisson)] {
        group.bench_function(name, |bencher| {
            bencher.iter(|| Schedule::new(arrivals, rate, Duration::from_secs(1), 1).count());
        });
    }
    group.finish();
}

fn recorder(criterion: &mut Criterion) {
    let live = LiveView::default();
    for (name, live) in [
        ("record one completed request", None),
        ("record one completed request with a live view", Some(live.writer())),
    ] {
        let mut recorder = Recorder::new(0..u64::MAX / 2, 1, live);
        let mut intended = 0;
        criterion.bench_function(name, |bencher| {
            bencher.iter(|| {
                intended += 1_000;
                let at = Timeline {
                    intended,
                    sent: intended + 2_000,
                    first_byte: intended + 50_000,
                    completed: intended + 50_000 + intended % 7_919,
                };
                recorder.offered(intended, intended + 2_000, KindIndex(0));
                recorder.sent(intended, intended + 2_000, 100);
                recorder.completed(black_box(at), KindIndex(0), 200, 100);
            });
        });
    }
}

fn answers(criterion: &mut Criterion) {
    let answer = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\ndate: Mon, 23 Nov 2026 02:40:11 GMT\r\n\r\nhello world\n";
    let other = b"HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\ncontent-length: 12\r\ndate: Mon, 23 Nov 2026 02:40:12 GMT\r\n\r\nhello world\n";
    let mut reader = AnswerReader::default();
    let mut known = KnownHead::default();
    criterion.bench_function("read one answer with the head of the last", |bencher| {
        bencher.iter(|| reader.feed(black_box(answer), &mut known));
    });
    let mut turn = false;
    criterion.bench_function("read one answer with a new head", |bencher| {
        bencher.iter(|| {
            turn = !turn;
            reader.feed(black_box(if turn { answer } else { other }), &mut known)
        });
    });
}

fn open_loop(criterion: &mut Criterion) {
    let rate = RatePerSecond::new(10_000.0).expect("a valid rate");
    let mix = Mix::of_scenario(&RequestSpec {
        method: "GET".to_owned(),
        path: "/".to_owned(),
        headers: Vec::new(),
        body: String::new(),
    });
    let mut group = criterion.benchmark_group("open loop on virtual time");
    group.throughput(Throughput::Elements(10_000)).sample_size(20);
    group.bench_function("10 000 requests over 50 connections", |bencher| {
        bencher.iter(|| {
            let span = Duration::from_secs(1);
            let schedule = Schedule::new(Arrivals::Constant, rate, span, 1);
            let mut recorder = Recorder::new(0..1_000_000_000, 1, None);
            let setting = Setting::new(usize::MAX, Service::Fixed(200_000));
            let mut transport = SimTransport::new(setting);
            let limits = Limits {
                slots: 50,
                max_in_flight: 1000,
                timeout: Duration::from_secs(1),
                set_up_within: Duration::from_secs(1),
            };
            let work = (Demand::Open(schedule), &mix);
            let around = (&StopFlag::default(), &StartLine::new(1));
            worker::run(&mut transport, work, &mut recorder, limits, around)
                .expect("simulated connections open");
            recorder.finish().counts.completed
        });
    });
    group.finish();
}

criterion_group!(benches, schedule, recorder, answers, open_loop);
criterion_main!(benches);
