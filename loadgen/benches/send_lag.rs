//! How late the generator sends, on this machine: `cargo bench -p loadgen --bench send_lag`. A
//! plain server of threads answers on the subject's cores; the generator has the last core.
//! Run it on an idle machine; with `--test` it only shows that it works.
#![expect(clippy::print_stdout, reason = "a benchmark prints what it found")]

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use bench::seams::{Endpoint, Generator, StopFlag};
use bench::trial::{TrialRecord, TrialSpec};
use loadgen::generator::{LocalGenerator, Pacing};
use loadgen::machine::pin;
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;
use testbed::provenance::allowed_cores;

const ANSWER: &[u8] = b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

fn main() {
    let smoke = std::env::args().any(|argument| argument == "--test")
        || !std::env::args().any(|argument| argument == "--bench");
    let placement = testbed::provenance::placement(&allowed_cores());
    let address = serve(placement.subject.clone());
    println!("generator on cores {:?}, server on {:?}", placement.generator, placement.subject);
    println!(
        "{:>8} {:>8} {:>9} {:>9} {:>9} {:>9} {:>7}",
        "pacing", "rate/s", "p50 µs", "p99 µs", "p99.9 µs", "max µs", "cpu %"
    );
    let duration = Duration::from_millis(if smoke { 200 } else { 10_000 });
    let rates: &[f64] = if smoke { &[1000.0] } else { &[100.0, 1000.0, 5000.0, 20_000.0] };
    for pacing in [Pacing::Spin, Pacing::Hybrid, Pacing::Sleep] {
        let stop = StopFlag::default();
        let mut generator = LocalGenerator::new(placement.clone(), pacing, stop, Arc::default());
        for rate in rates {
            let to = Endpoint { address, host: address.to_string() };
            let record = generator.run(&spec(*rate, duration), &to).expect("connections open");
            assert!(record.counts.add_up(), "requests were lost");
            print_row(&format!("{pacing:?}"), *rate, &record);
        }
    }
}

fn print_row(pacing: &str, rate: f64, record: &TrialRecord) {
    let lag = &record.latencies.pacing_lag;
    let micros = |nanos: Option<u64>| nanos.map_or(f64::NAN, |nanos| nanos as f64 / 1e3);
    println!(
        "{pacing:>8} {rate:>8} {:>9.1} {:>9.1} {:>9.1} {:>9.1} {:>7.1}",
        micros(lag.at_quantile(0.5)),
        micros(lag.at_quantile(0.99)),
        micros(lag.at_quantile(0.999)),
        micros(lag.max()),
        record.generator.cpu_percent
    );
}

fn spec(rate: f64, duration: Duration) -> TrialSpec {
    TrialSpec {
        block: 1,
        position: 1,
        variant: VariantName("server".to_owned()),
        load: LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(rate).expect("a valid rate"),
            connections: 50,
            max_in_flight: 10_000,
            timeout: Duration::from_secs(10),
            warm_up: Duration::from_millis(500),
            duration,
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            })],
        },
        seed: 1,
    }
}

/// Answers on a port that the kernel chose, with a thread for each connection.
fn serve(cores: Vec<usize>) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = listener.local_addr().expect("bound");
    std::thread::spawn(move || {
        for stream in listener.incoming().flatten() {
            let cores = cores.clone();
            std::thread::spawn(move || {
                let _ = pin(&cores);
                answer(stream)
            });
        }
    });
    address
}

/// Every read is one request: the generator sends each in one write, and waits for its answer.
fn answer(mut stream: TcpStream) {
    let _ = stream.set_nodelay(true);
    let mut buffer = [0; 4096];
    while stream.read(&mut buffer).is_ok_and(|count| count > 0) {
        if stream.write_all(ANSWER).is_err() {
            return;
        }
    }
}
