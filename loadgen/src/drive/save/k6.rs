//! A drive as `k6 run --summary-export` writes one. `http_req_duration` is the response time, which
//! k6 itself does not measure: a request that waited for a connection has waited here. Requests
//! without an answer stand at their age; a quantile that can not be told is `null`. Times are
//! milliseconds.

use std::collections::BTreeMap;

use bench::trial::Bounded;
use serde::Serialize;
use serde_json::{Value, json};

use crate::drive::measured::Measured;
use crate::drive::sample::{Level, Sample};

const NS_PER_MS: f64 = 1e6;

/// What k6 calls the group of everything, an MD5 of the empty name.
const ROOT: &str = "d41d8cd98f00b204e9800998ecf8427e";

/// The summary.
pub(super) fn render(measured: &Measured) -> String {
    let (counts, latencies) = (&measured.counts, &measured.latencies);
    let connections = &measured.connections;
    let failed = counts.failed + counts.timed_out;
    let sent = counts.offered - counts.shed.min(counts.offered);
    let counter = |count: u64| {
        json!({
            "count": count,
            "rate": count as f64 / measured.elapsed_s().max(f64::MIN_POSITIVE),
        })
    };
    let gauge = |value: u64| json!({ "value": value, "min": value, "max": value });
    let mut handshakes = connections.tls_full.clone();
    handshakes.merge(&connections.tls_resumed);
    let responses = Sample::of_responses(latencies);
    let metrics: BTreeMap<&str, Value> = [
        ("http_reqs", counter(sent)),
        ("iterations", counter(counts.completed)),
        ("dropped_iterations", counter(counts.shed)),
        ("data_sent", counter(measured.bytes_sent)),
        ("data_received", counter(measured.bytes_received)),
        ("vus", gauge(u64::from(measured.asked.connections))),
        ("vus_max", gauge(u64::from(measured.asked.connections))),
        (
            "http_req_failed",
            // In k6 a request that failed is one for which "failed" passes.
            json!({
                "value": failed as f64 / sent.max(1) as f64,
                "passes": failed,
                "fails": sent - failed,
            }),
        ),
        ("http_req_duration", trend(&responses)),
        ("iteration_duration", trend(&responses)),
        ("http_req_blocked", trend(&Sample::of(&latencies.send_lag))),
        ("http_req_waiting", trend(&Sample::of(&measured.first_byte))),
        ("http_req_connecting", trend(&Sample::of(&connections.connect))),
        ("http_req_tls_handshaking", trend(&Sample::of(&handshakes))),
    ]
    .into();
    let summary = json!({
        "root_group": { "name": "", "path": "", "id": ROOT, "groups": {}, "checks": {} },
        "metrics": metrics,
    });
    indented(&summary)
}

fn trend(sample: &Sample<'_>) -> Value {
    let histogram = sample.at_ages();
    let ms = |nanos: f64| nanos / NS_PER_MS;
    let at = |level| {
        let bounded = sample.quantile(level);
        bounded.map(|(Bounded::Exactly(nanos) | Bounded::AtLeast(nanos))| ms(nanos as f64))
    };
    json!({
        "avg": ms(histogram.mean().unwrap_or(0.0)),
        "min": ms(histogram.min().unwrap_or(0) as f64),
        "med": at(Level::P50),
        "max": ms(histogram.max().unwrap_or(0) as f64),
        "p(90)": at(Level::P90),
        "p(95)": at(Level::P95),
        "p(99)": at(Level::P99),
        "p(99.9)": at(Level::P999),
    })
}

/// With four spaces, as k6 writes it.
fn indented(value: &Value) -> String {
    let mut bytes = Vec::new();
    let four = serde_json::ser::PrettyFormatter::with_indent(b"    ");
    let mut to = serde_json::Serializer::with_formatter(&mut bytes, four);
    value.serialize(&mut to).expect("writing to memory can not fail");
    bytes.push(b'\n');
    String::from_utf8(bytes).expect("JSON is UTF-8")
}
