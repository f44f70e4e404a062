//! A drive in Prometheus's text exposition format 0.0.4, with classic buckets. A request without an
//! answer is in the bucket of infinity and in no other: it was not answered within any of them.
//! Units are seconds and bytes.

use std::fmt::{Display, Write};

use bench::histogram::Histogram;

use crate::drive::ladder;
use crate::drive::measured::Measured;
use crate::drive::validity::Verdict;

const NS_PER_S: f64 = 1e9;

type Labels<'a> = &'a [(&'a str, &'a str)];

/// The exposition.
pub(super) fn render(measured: &Measured, verdict: Verdict) -> String {
    let mut page = Page(String::new());
    about(&mut page, measured, verdict);
    counters(&mut page, measured);
    times(&mut page, measured);
    page.0
}

fn about(page: &mut Page, measured: &Measured, verdict: Verdict) {
    page.family("loadgen_drive_info", "gauge", "What was driven, always 1.");
    let labels = [
        ("url", measured.asked.url.as_str()),
        ("method", &measured.asked.method),
        ("protocol", &measured.protocol),
        ("arrivals", &measured.asked.arrivals),
        ("version", env!("CARGO_PKG_VERSION")),
    ];
    page.sample("loadgen_drive_info", &labels, 1);
    let name = "loadgen_drive_verdict";
    page.family(name, "gauge", "Whether the figures stand for what was asked; 1 for what holds.");
    for other in [Verdict::Valid, Verdict::Suspect, Verdict::Invalid] {
        page.sample(name, &[("verdict", other.word())], u8::from(other == verdict));
    }
    let client = &measured.client;
    for (name, help, value) in [
        (
            "loadgen_drive_start_time_seconds",
            "Beginning of the measured window, since the epoch.",
            (measured.started_unix_ns / 1_000_000) as f64 / 1e3,
        ),
        (
            "loadgen_drive_duration_seconds",
            "From the window's beginning to the last answer.",
            measured.elapsed_s(),
        ),
        (
            "loadgen_drive_offered_requests_per_second",
            "Requests a second that the schedule held.",
            measured.offered_rate(),
        ),
        (
            "loadgen_drive_achieved_requests_per_second",
            "Requests a second that were completed.",
            measured.achieved_rate(),
        ),
        (
            "loadgen_drive_max_resident_memory_bytes",
            "The generator's largest resident set.",
            client.max_rss_bytes as f64,
        ),
    ] {
        page.family(name, "gauge", help);
        page.sample(name, &[], value);
    }
    page.family("loadgen_drive_cpu_seconds_total", "counter", "CPU time of all workers.");
    page.sample("loadgen_drive_cpu_seconds_total", &[], client.cpu_s);
}

fn counters(page: &mut Page, measured: &Measured) {
    let counts = &measured.counts;
    let name = "loadgen_drive_requests_total";
    page.family(name, "counter", "Requests of the window by what became of them.");
    for (outcome, count) in [
        ("completed", counts.completed),
        ("failed", counts.failed),
        ("timed_out", counts.timed_out),
        ("shed", counts.shed),
    ] {
        page.sample(name, &[("outcome", outcome)], count);
    }
    let name = "loadgen_drive_answers_total";
    page.family(name, "counter", "Answers of the window by HTTP status.");
    for (status, count) in &counts.by_status {
        page.sample(name, &[("code", &status.to_string())], count);
    }
    let name = "loadgen_drive_failures_total";
    if !counts.by_failure.is_empty() {
        page.family(name, "counter", "Failed requests of the window by cause.");
    }
    for (reason, count) in &counts.by_failure {
        page.sample(name, &[("reason", reason)], count);
    }
    for (name, help, count) in [
        (
            "loadgen_drive_connections_opened_total",
            "Connections opened, repeats included.",
            measured.connections.opened,
        ),
        ("loadgen_drive_sent_bytes_total", "Bytes of requests.", measured.bytes_sent),
        ("loadgen_drive_received_bytes_total", "Bytes of answers.", measured.bytes_received),
    ] {
        page.family(name, "counter", help);
        page.sample(name, &[], count);
    }
}

fn times(page: &mut Page, measured: &Measured) {
    let (latencies, connections) = (&measured.latencies, &measured.connections);
    let name = "loadgen_drive_response_time_seconds";
    page.family(name, "histogram", "From the intended send time to the answer's end.");
    let unanswered = Unanswered::of(&latencies.censored);
    page.histogram(name, &[], &latencies.response_time, unanswered);
    if measured.kinds.len() > 1 {
        let name = "loadgen_drive_kind_response_time_seconds";
        page.family(name, "histogram", "The same for each kind of request.");
        for kind in &measured.kinds {
            // Their ages are not known, and missing in the sum.
            let unanswered = Unanswered { count: kind.counts.censored(), sum_s: 0.0 };
            page.histogram(name, &[("kind", &kind.name)], &kind.response_time, unanswered);
        }
    }
    for (name, help, histogram) in [
        (
            "loadgen_drive_service_time_seconds",
            "From the send to the answer's end.",
            &latencies.service_time,
        ),
        (
            "loadgen_drive_send_lag_seconds",
            "From the intended send time to the send.",
            &latencies.send_lag,
        ),
        (
            "loadgen_drive_pacing_lag_seconds",
            "The part of the send lag that is the generator's own.",
            &latencies.pacing_lag,
        ),
        (
            "loadgen_drive_first_byte_seconds",
            "From the send to the answer's first byte.",
            &measured.first_byte,
        ),
        (
            "loadgen_drive_connect_seconds",
            "Set-up of connections, without TLS.",
            &connections.connect,
        ),
    ] {
        page.family(name, "histogram", help);
        page.histogram(name, &[], histogram, Unanswered::NONE);
    }
    if measured.tls.is_some() {
        let name = "loadgen_drive_tls_handshake_seconds";
        page.family(name, "histogram", "TLS handshakes, full and resumed.");
        for (how, histogram) in
            [("full", &connections.tls_full), ("resumed", &connections.tls_resumed)]
        {
            page.histogram(name, &[("handshake", how)], histogram, Unanswered::NONE);
        }
    }
}

/// Spans that are longer than anything.
#[derive(Clone, Copy)]
struct Unanswered {
    count: u64,
    /// Of their ages.
    sum_s: f64,
}

impl Unanswered {
    const NONE: Self = Self { count: 0, sum_s: 0.0 };

    fn of(ages: &Histogram) -> Self {
        Self { count: ages.count(), sum_s: sum_s(ages) }
    }
}

fn sum_s(histogram: &Histogram) -> f64 {
    histogram.mean().unwrap_or(0.0) * histogram.count() as f64 / NS_PER_S
}

struct Page(String);

impl Page {
    fn family(&mut self, name: &str, kind: &str, help: &str) {
        // Writing to a string can not fail.
        let _ = writeln!(self.0, "# HELP {name} {help}\n# TYPE {name} {kind}");
    }

    fn sample(&mut self, name: &str, labels: Labels<'_>, value: impl Display) {
        let labels: Vec<String> =
            labels.iter().map(|(key, value)| format!("{key}=\"{}\"", escaped(value))).collect();
        let labels =
            if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(self.0, "{name}{labels} {value}");
    }

    fn histogram(
        &mut self,
        name: &str,
        labels: Labels<'_>,
        histogram: &Histogram,
        unanswered: Unanswered,
    ) {
        let with = |le: &str| {
            let mut all: Vec<(String, String)> = labels
                .iter()
                .map(|(key, value)| ((*key).to_owned(), (*value).to_owned()))
                .collect();
            all.push(("le".to_owned(), le.to_owned()));
            all
        };
        let bucket = format!("{name}_bucket");
        let line = |page: &mut Self, le: &str, count: u64| {
            let all = with(le);
            let all: Vec<(&str, &str)> =
                all.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
            page.sample(&bucket, &all, count);
        };
        for step in ladder::fixed(histogram) {
            let edge = step.edge as f64 / NS_PER_S;
            line(self, &edge.to_string(), step.up_to);
        }
        let count = histogram.count() + unanswered.count;
        line(self, "+Inf", count);
        self.sample(&format!("{name}_sum"), labels, sum_s(histogram) + unanswered.sum_s);
        self.sample(&format!("{name}_count"), labels, count);
    }
}

/// As the format wants it in a label's value.
fn escaped(value: &str) -> String {
    value.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n")
}
