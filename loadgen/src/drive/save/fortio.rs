//! A drive as Fortio's JSON result, for Fortio's own pages and for istio/tools
//! (`perf/benchmark/runner/fortio.py`). Its `DurationHistogram` is the response time, requests
//! without an answer at their age. Values are seconds, durations nanoseconds.
//!
//! That reader makes a percentile's name from its number as printed, so that 50 must be written as
//! `50` and not as `50.0`; and it divides by the count of `Sizes`.

use std::collections::BTreeMap;

use bench::histogram::Histogram;
use bench::trial::Bounded;
use serde::Serialize;
use serde_json::Number;

use super::{go, pretty};
use crate::drive::document::started_at;
use crate::drive::ladder;
use crate::drive::measured::Measured;
use crate::drive::sample::{Level, Sample};
use crate::drive::validity::Verdict;

/// What Fortio computes when it is not told otherwise, and its pages look for.
const PERCENTILES: [Level; 5] = [Level::P50, Level::P75, Level::P90, Level::P99, Level::P999];

const NS_PER_S: f64 = 1e9;

/// The code of a request that has no status.
const NO_STATUS: &str = "-1";

/// In the order in which Fortio writes them.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Run {
    run_type: &'static str,
    labels: String,
    start_time: String,
    #[serde(rename = "RequestedQPS")]
    requested_qps: String,
    requested_duration: String,
    #[serde(rename = "ActualQPS")]
    actual_qps: f64,
    actual_duration: u64,
    num_threads: u32,
    version: String,
    duration_histogram: Data,
    errors_duration_histogram: Data,
    exactly: u64,
    jitter: bool,
    uniform: bool,
    no_catch_up: bool,
    #[serde(rename = "RunID")]
    run_id: u64,
    access_logger_info: &'static str,
    #[serde(rename = "ID")]
    id: String,
    ret_codes: BTreeMap<String, u64>,
    #[serde(rename = "IPCountMap")]
    ip_count_map: BTreeMap<String, u64>,
    #[serde(flatten)]
    options: Options,
    sizes: Data,
    header_sizes: Data,
    sockets: Vec<u64>,
    socket_count: u64,
    connection_stats: Data,
    abort_on: i32,
}

/// What Fortio repeats of its options. Names of certificate files are not known here.
#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Options {
    insecure: bool,
    #[serde(rename = "MTLS")]
    mtls: bool,
    #[serde(rename = "CACert")]
    ca_cert: &'static str,
    cert: &'static str,
    key: &'static str,
    unix_domain_socket: &'static str,
    #[serde(rename = "URL")]
    url: String,
    num_connections: u32,
    compression: bool,
    disable_fast_client: bool,
    #[serde(rename = "HTTP10")]
    http10: bool,
    #[serde(rename = "H2")]
    h2: bool,
    disable_keep_alive: bool,
    allow_half_close: bool,
    follow_redirects: bool,
    resolve: &'static str,
    #[serde(rename = "HTTPReqTimeOut")]
    http_req_time_out: u64,
    user_credentials: &'static str,
    content_type: &'static str,
    payload: Option<&'static str>,
    method_override: String,
    log_errors: bool,
    sequential_warmup: bool,
    conn_reuse_range: [u32; 2],
    no_resolve_each_conn: bool,
    offset: u64,
    resolution: f64,
}

#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Data {
    count: u64,
    min: f64,
    max: f64,
    sum: f64,
    avg: f64,
    std_dev: f64,
    data: Option<Vec<Bucket>>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    percentiles: Vec<Percentile>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Bucket {
    start: f64,
    end: f64,
    percent: f64,
    count: u64,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct Percentile {
    percentile: Number,
    value: f64,
}

/// The result.
pub(super) fn render(measured: &Measured, verdict: Verdict) -> String {
    let asked = &measured.asked;
    let labels = match verdict {
        Verdict::Valid => "loadgen drive".to_owned(),
        other => format!("loadgen drive ({})", other.word()),
    };
    let responses = Sample::of_responses(&measured.latencies);
    let connect = Sample::of(&measured.connections.connect);
    pretty(&Run {
        run_type: "HTTP",
        start_time: go::instant(measured, 0),
        requested_qps: asked.rate.map_or_else(|| "max".to_owned(), |rate| rate.to_string()),
        requested_duration: go::duration(asked.duration),
        actual_qps: measured.achieved_rate(),
        actual_duration: go::nanos(measured.elapsed_s()),
        num_threads: asked.connections,
        version: concat!("loadgen ", env!("CARGO_PKG_VERSION")).to_owned(),
        duration_histogram: Data::of(&responses),
        errors_duration_histogram: Data::of(&Sample::of(&measured.latencies.censored)).bare(),
        exactly: 0,
        jitter: false,
        uniform: true,
        no_catch_up: false,
        run_id: 0,
        access_logger_info: "",
        id: id(measured, &labels),
        labels,
        ret_codes: codes(measured),
        ip_count_map: shared_out(measured),
        options: options(measured),
        sizes: size_of_answers(measured),
        header_sizes: Data::default(),
        sockets: sockets(measured),
        socket_count: measured.connections.opened,
        connection_stats: Data::of(&connect),
        abort_on: 0,
    })
}

impl Data {
    fn of(sample: &Sample<'_>) -> Self {
        let histogram = sample.at_ages();
        let seconds = |nanos: f64| nanos / NS_PER_S;
        let mean = histogram.mean().unwrap_or(0.0);
        let percentile = |level: Level| {
            let (Bounded::Exactly(nanos) | Bounded::AtLeast(nanos)) = sample.quantile(level)?;
            Some(Percentile { percentile: number(level), value: seconds(nanos as f64) })
        };
        Self {
            count: histogram.count(),
            min: seconds(histogram.min().unwrap_or(0) as f64),
            max: seconds(histogram.max().unwrap_or(0) as f64),
            sum: seconds(mean) * histogram.count() as f64,
            avg: seconds(mean),
            std_dev: seconds(histogram.std_dev().unwrap_or(0.0)),
            data: buckets(histogram),
            percentiles: PERCENTILES.into_iter().filter_map(percentile).collect(),
        }
    }

    /// Without percentiles, as Fortio writes that of errors.
    fn bare(self) -> Self {
        Self { percentiles: Vec::new(), ..self }
    }
}

/// A whole percentage as an integer.
fn number(level: Level) -> Number {
    let percent = level.percent();
    let text = percent.to_string();
    text.parse::<u64>()
        .map_or_else(|_| Number::from_f64(percent).expect("a percentage is finite"), Number::from)
}

/// Buckets that hold something; the first begins at the shortest, the last ends at the longest.
fn buckets(histogram: &Histogram) -> Option<Vec<Bucket>> {
    let total = histogram.count() as f64;
    let (mut from, mut before) = (0, 0);
    let mut buckets = Vec::new();
    for step in ladder::fine(histogram) {
        if step.up_to > before {
            buckets.push(Bucket {
                start: from as f64 / NS_PER_S,
                end: step.edge as f64 / NS_PER_S,
                percent: 100.0 * step.up_to as f64 / total,
                count: step.up_to - before,
            });
        }
        (from, before) = (step.edge, step.up_to);
    }
    buckets.first_mut()?.start = histogram.min()? as f64 / NS_PER_S;
    buckets.last_mut()?.end = histogram.max()? as f64 / NS_PER_S;
    Some(buckets)
}

fn codes(measured: &Measured) -> BTreeMap<String, u64> {
    let counts = &measured.counts;
    let mut codes: BTreeMap<String, u64> =
        counts.by_status.iter().map(|(status, count)| (status.to_string(), *count)).collect();
    let answered: u64 = counts.by_status.values().sum();
    if counts.offered > answered {
        codes.insert(NO_STATUS.to_owned(), counts.offered - answered);
    }
    codes
}

/// How many connections went where is not known; all are put to the first address.
fn shared_out(measured: &Measured) -> BTreeMap<String, u64> {
    let opened = |index: usize| if index == 0 { measured.connections.opened } else { 0 };
    let addresses = measured.addresses.iter().enumerate();
    addresses.map(|(index, address)| (address.clone(), opened(index))).collect()
}

/// Connections opened by each thread: those asked for, and the repeats as evenly as they go.
fn sockets(measured: &Measured) -> Vec<u64> {
    let threads = u64::from(measured.asked.connections).max(1);
    let opened = measured.connections.opened;
    (0..threads).map(|thread| opened / threads + u64::from(thread < opened % threads)).collect()
}

/// Only the mean size is known: one bucket that holds it, over all requests offered.
fn size_of_answers(measured: &Measured) -> Data {
    let count = measured.counts.offered;
    let answers = measured.counts.completed.max(1);
    let mean = measured.bytes_received as f64 / answers as f64;
    let bucket = Bucket { start: mean, end: mean, percent: 100.0, count };
    Data {
        count,
        min: mean,
        max: mean,
        sum: mean * count as f64,
        avg: mean,
        std_dev: 0.0,
        data: (count > 0).then(|| vec![bucket]),
        percentiles: Vec::new(),
    }
}

fn options(measured: &Measured) -> Options {
    let asked = &measured.asked;
    Options {
        insecure: asked.insecure,
        mtls: asked.client_certificate,
        ca_cert: "",
        cert: "",
        key: "",
        unix_domain_socket: "",
        url: asked.url.clone(),
        num_connections: 1,
        compression: false,
        disable_fast_client: false,
        http10: false,
        h2: measured.protocol == "HTTP/2",
        disable_keep_alive: !asked.keep_alive,
        allow_half_close: false,
        follow_redirects: false,
        resolve: "",
        http_req_time_out: bench::clock::nanos_of(asked.timeout),
        user_credentials: "",
        content_type: "",
        payload: None,
        method_override: match asked.method.as_str() {
            "GET" => String::new(),
            other => other.to_owned(),
        },
        log_errors: false,
        sequential_warmup: false,
        conn_reuse_range: [0, 0],
        no_resolve_each_conn: false,
        offset: 0,
        resolution: 0.001,
    }
}

/// The instant and the labels, with nothing but letters, digits and single `_`; at most 96 letters.
fn id(measured: &Measured, labels: &str) -> String {
    let instant: String = started_at(measured)
        .chars()
        .filter(|c| *c != ':' && *c != 'Z')
        .map(|c| if c == 'T' { '-' } else { c })
        .collect();
    let mut id = instant;
    for word in labels.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty()) {
        id.push('_');
        id.push_str(word);
    }
    id.truncate(96);
    id
}
