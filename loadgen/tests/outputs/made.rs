//! Drives made by hand, whose books add up: each is what a real one could have measured.

use std::time::Duration;

use bench::histogram::Histogram;
use bench::trial::{Latencies, OutcomeCounts};
use loadgen::drive::measured::{
    Asked, ClientFigures, ConnectionFigures, KindFigures, Measured, TlsFigures,
};

pub(crate) const US: u64 = 1_000;
pub(crate) const MS: u64 = 1_000_000;

/// Spans of an exponential distribution above a floor, evenly over its quantiles.
fn exponential(count: u64, floor: u64, mean: u64) -> impl Iterator<Item = u64> {
    (0..count).map(move |index| {
        let rest = 1.0 - (index as f64 + 0.5) / count as f64;
        floor + (-rest.ln() * mean as f64) as u64
    })
}

pub(crate) fn histogram(spans: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::new();
    for span in spans {
        histogram.record(span);
    }
    histogram
}

/// Requests that took about 400 µs, sent with a lag of a few microseconds.
fn latencies(completed: u64) -> Latencies {
    let service: Vec<u64> = exponential(completed, 300 * US, 90 * US).collect();
    let lag: Vec<u64> = exponential(completed, 2 * US, 3 * US).collect();
    // Lags in another order than service times, as they would be.
    let lag_of = |index: usize| lag[(index * 7919) % lag.len()];
    let response = service.iter().enumerate().map(|(index, span)| span + lag_of(index));
    Latencies {
        response_time: histogram(response),
        service_time: histogram(service.iter().copied()),
        send_lag: histogram(lag.iter().copied()),
        pacing_lag: histogram(lag.iter().copied()),
        censored: Histogram::new(),
        denied: Histogram::new(),
    }
}

fn asked() -> Asked {
    Asked {
        url: "http://127.0.0.1:8080/echo?size=1k".to_owned(),
        rate: Some(1000.0),
        arrivals: "constant".to_owned(),
        duration: Duration::from_secs(30),
        warm_up: Duration::from_secs(2),
        connections: 50,
        streams: 1,
        workers: 1,
        max_in_flight: 10_000,
        timeout: Duration::from_secs(5),
        seed: 42,
        pacing: "sleeps, and spins for the last 80 µs".to_owned(),
        spins: true,
        connection_mode: "keep-alive".to_owned(),
        keep_alive: true,
        resumption: false,
        insecure: false,
        client_certificate: false,
        method: "GET".to_owned(),
    }
}

/// Everything in order: 30 000 requests in 30 s.
pub(crate) fn normal() -> Measured {
    of(30_000)
}

/// So many requests, all completed.
pub(crate) fn of(completed: u64) -> Measured {
    let latencies = latencies(completed);
    let counts = OutcomeCounts {
        offered: completed,
        completed,
        by_status: [(200, completed)].into(),
        ..OutcomeCounts::default()
    };
    let kind = KindFigures {
        name: "request".to_owned(),
        expected: "2xx".to_owned(),
        counts: counts.clone(),
        response_time: latencies.response_time.clone(),
    };
    let mut asked = asked();
    asked.duration = Duration::from_millis(completed);
    Measured {
        window_s: (completed - 1) as f64 / 1e3 + 0.000_4,
        first_byte: histogram(exponential(completed, 280 * US, 90 * US)),
        asked,
        started_unix_ns: 1_795_401_611_250_000_000,
        counts,
        latencies,
        connections: ConnectionFigures {
            opened: 50,
            connect: histogram(exponential(50, 80 * US, 30 * US)),
            ..ConnectionFigures::default()
        },
        kinds: vec![kind],
        bytes_received: completed * 1184,
        bytes_sent: completed * 96,
        in_flight_max: 7,
        tls: None,
        protocol: "HTTP/1.1".to_owned(),
        addresses: vec!["127.0.0.1:8080".to_owned()],
        client: ClientFigures {
            cpu_s: 3.51,
            busiest_worker_percent: 11.7,
            max_rss_bytes: 14 << 20,
            steal_percent: 0.2,
            cores: 2,
            burst_max: 2,
            burst_planned: 1,
            open_files_limit: 1024,
            ..ClientFigures::default()
        },
        stopped_early: false,
    }
}

/// Some of the requests without an answer: each a number and their age.
fn lose(measured: &mut Measured, failed: u64, timed_out: u64, age: u64) {
    let lost = failed + timed_out;
    let counts = &mut measured.counts;
    counts.offered += lost;
    counts.failed += failed;
    counts.timed_out += timed_out;
    counts.by_failure.insert("reset".to_owned(), failed - failed / 2);
    counts.by_failure.insert("status".to_owned(), failed / 2);
    counts.by_status.insert(503, failed / 2);
    measured.latencies.censored = histogram((0..lost).map(|_| age));
    let lags = histogram((0..lost).map(|_| 4 * US));
    measured.latencies.send_lag.merge(&lags);
    measured.latencies.pacing_lag.merge(&lags);
    measured.kinds[0].counts = measured.counts.clone();
    measured.asked.duration = Duration::from_millis(measured.counts.offered);
    measured.window_s = measured.asked.duration.as_secs_f64();
}

/// 12 failed and 8 timed out of 40 000: only the p99.99 is a bound.
pub(crate) fn with_errors() -> Measured {
    let mut measured = of(39_980);
    lose(&mut measured, 12, 8, 5_000 * MS);
    measured
}

/// One in fifty unanswered: the p99 is only a bound.
pub(crate) fn censored() -> Measured {
    let mut measured = of(29_400);
    lose(&mut measured, 100, 500, 5_000 * MS);
    measured.asked.timeout = Duration::from_secs(5);
    measured
}

/// Requests that were not sent.
pub(crate) fn shed(count: u64) -> Measured {
    let mut measured = of(30_000 - count);
    measured.counts.offered += count;
    measured.counts.shed = count;
    measured.latencies.censored = histogram((0..count).map(|_| 0));
    measured.latencies.pacing_lag.merge(&histogram((0..count).map(|_| 4 * US)));
    measured.kinds[0].counts = measured.counts.clone();
    measured.asked.duration = Duration::from_secs(30);
    measured.window_s = 30.0;
    measured
}

/// Mutual TLS 1.3 over HTTP/2.
pub(crate) fn tls() -> Measured {
    let mut measured = normal();
    measured.asked.url = "https://127.0.0.1:8443/".to_owned();
    measured.asked.client_certificate = true;
    measured.asked.streams = 10;
    measured.asked.connections = 5;
    measured.protocol = "HTTP/2".to_owned();
    measured.connections.opened = 5;
    measured.connections.connect = histogram(exponential(5, 80 * US, 30 * US));
    measured.connections.tls_full = histogram(exponential(5, 900 * US, 200 * US));
    measured.tls = Some(TlsFigures {
        version: "TLS 1.3".to_owned(),
        cipher: "TLS13_AES_128_GCM_SHA256".to_owned(),
        key_exchange: "X25519MLKEM768".to_owned(),
        alpn: "h2".to_owned(),
        peer: Some("spiffe://cluster.local/ns/shop/sa/payments".to_owned()),
    });
    measured
}

/// As fast as answers come.
pub(crate) fn closed_loop() -> Measured {
    let mut measured = normal();
    measured.asked.rate = None;
    measured.asked.arrivals = "closed loop".to_owned();
    measured.asked.pacing = "asks again when answered".to_owned();
    measured.asked.spins = false;
    measured.client.busiest_worker_percent = 71.0;
    measured.asked.duration = Duration::from_secs(3);
    measured.window_s = 3.000_4;
    measured
}

/// 100 requests: no p99.
pub(crate) fn few() -> Measured {
    of(100)
}

/// Four fifths allowed, one fifth denied.
pub(crate) fn kinds() -> Measured {
    let mut measured = normal();
    let kind = |name: &str, expected: &str, status: u16, completed: u64, failed: u64| KindFigures {
        name: name.to_owned(),
        expected: expected.to_owned(),
        counts: OutcomeCounts {
            offered: completed + failed,
            completed,
            failed,
            by_status: [(status, completed)].into(),
            by_failure: if failed > 0 { [("reset".to_owned(), failed)].into() } else { [].into() },
            ..OutcomeCounts::default()
        },
        response_time: histogram(exponential(completed, 250 * US, 90 * US)),
    };
    measured.kinds =
        vec![kind("allowed", "2xx", 200, 24_000, 0), kind("denied", "403", 403, 5_990, 10)];
    let counts = &mut measured.counts;
    counts.completed = 29_990;
    counts.failed = 10;
    counts.by_status = [(200, 24_000), (403, 5_990)].into();
    counts.by_failure = [("reset".to_owned(), 10)].into();
    let mut all = measured.kinds[0].response_time.clone();
    all.merge(&measured.kinds[1].response_time);
    measured.first_byte = all.clone();
    measured.latencies.service_time = all.clone();
    measured.latencies.response_time = all;
    measured.latencies.censored = histogram((0..10).map(|_| 200 * US));
    measured
}

/// All of them, by name.
pub(crate) fn all() -> Vec<(&'static str, Measured)> {
    vec![
        ("normal", normal()),
        ("with_errors", with_errors()),
        ("censored", censored()),
        ("shed", shed(10)),
        ("tls", tls()),
        ("closed_loop", closed_loop()),
        ("few", few()),
        ("kinds", kinds()),
    ]
}
