//! A drive as `vegeta report -type=json` writes one. Its latencies are the response time, requests
//! without an answer at their age; a quantile that can not be told is `null`. All times are
//! nanoseconds.

use std::collections::BTreeMap;

use bench::trial::Bounded;
use serde::Serialize;

use super::go;
use crate::drive::measured::Measured;
use crate::drive::sample::{Level, Sample};

/// The code of a request that has no status.
const NO_STATUS: &str = "0";

#[derive(Debug, Serialize)]
struct Metrics {
    latencies: Latencies,
    bytes_in: Bytes,
    bytes_out: Bytes,
    earliest: String,
    latest: String,
    end: String,
    duration: u64,
    wait: u64,
    requests: u64,
    rate: f64,
    throughput: f64,
    success: f64,
    status_codes: BTreeMap<String, u64>,
    errors: Vec<String>,
}

#[derive(Debug, Serialize)]
struct Latencies {
    total: u64,
    mean: u64,
    #[serde(rename = "50th")]
    p50: Option<u64>,
    #[serde(rename = "90th")]
    p90: Option<u64>,
    #[serde(rename = "95th")]
    p95: Option<u64>,
    #[serde(rename = "99th")]
    p99: Option<u64>,
    max: u64,
    min: u64,
}

#[derive(Debug, Serialize)]
struct Bytes {
    total: u64,
    mean: f64,
}

/// The report, on one line.
pub(super) fn render(measured: &Measured) -> String {
    let counts = &measured.counts;
    let requests = counts.offered;
    let bytes = |total: u64| Bytes { total, mean: total as f64 / requests.max(1) as f64 };
    let duration = go::nanos(measured.duration_s());
    let wait = go::nanos(measured.elapsed_s()).saturating_sub(duration);
    let metrics = Metrics {
        latencies: latencies(&Sample::of_responses(&measured.latencies)),
        bytes_in: bytes(measured.bytes_received),
        bytes_out: bytes(measured.bytes_sent),
        earliest: go::instant(measured, 0),
        latest: go::instant(measured, duration),
        end: go::instant(measured, duration + wait),
        duration,
        wait,
        requests,
        rate: measured.offered_rate(),
        throughput: measured.achieved_rate(),
        success: counts.completed as f64 / requests.max(1) as f64,
        status_codes: codes(measured),
        errors: errors(measured),
    };
    let mut text = serde_json::to_string(&metrics)
        .expect("the report has only string keys, and writing to memory can not fail");
    text.push('\n');
    text
}

fn latencies(sample: &Sample<'_>) -> Latencies {
    let histogram = sample.at_ages();
    let at = |level| {
        sample.quantile(level).map(|(Bounded::Exactly(nanos) | Bounded::AtLeast(nanos))| nanos)
    };
    let mean = histogram.mean().unwrap_or(0.0) / 1e9;
    Latencies {
        total: go::nanos(mean * histogram.count() as f64),
        mean: go::nanos(mean),
        p50: at(Level::P50),
        p90: at(Level::P90),
        p95: at(Level::P95),
        p99: at(Level::P99),
        max: histogram.max().unwrap_or(0),
        min: histogram.min().unwrap_or(0),
    }
}

fn codes(measured: &Measured) -> BTreeMap<String, u64> {
    let by_status = &measured.counts.by_status;
    let mut codes: BTreeMap<String, u64> =
        by_status.iter().map(|(status, count)| (status.to_string(), *count)).collect();
    let answered: u64 = by_status.values().sum();
    if measured.counts.offered > answered {
        codes.insert(NO_STATUS.to_owned(), measured.counts.offered - answered);
    }
    codes
}

/// Each kind of error once, as vegeta has it.
fn errors(measured: &Measured) -> Vec<String> {
    let counts = &measured.counts;
    let mut errors: Vec<String> = counts.by_failure.keys().cloned().collect();
    for (count, name) in [(counts.timed_out, "timed out"), (counts.shed, "shed")] {
        if count > 0 {
            errors.push(name.to_owned());
        }
    }
    errors
}
