//! A row for each measure of a drive, with its quantiles in microseconds. Files of several drives
//! can be put one after the other; a filter on `measure` gives one row a drive. Knows no histogram.

use crate::drive::document::{Times, started_at};
use crate::drive::measured::Measured;
use crate::drive::sample::Sample;
use crate::drive::validity::Verdict;

const COLUMNS: [&str; 20] = [
    "url",
    "started_at",
    "verdict",
    "offered_rate",
    "achieved_rate",
    "measure",
    "count",
    "min_us",
    "mean_us",
    "p50_us",
    "p90_us",
    "p99_us",
    "p999_us",
    "p9999_us",
    "max_us",
    "at_least",
    "p99_low_us",
    "p99_high_us",
    "unanswered",
    "connections",
];

/// The table.
pub(super) fn render(measured: &Measured, verdict: Verdict) -> Vec<u8> {
    let mut table = ::csv::Writer::from_writer(Vec::new());
    // Writing to memory can not fail, and every row has the same length.
    let mut write = |row: &[String]| table.write_record(row).expect("rows of one length");
    write(&COLUMNS.map(str::to_owned));
    for (measure, sample) in measures(measured) {
        write(&row(measured, verdict, &measure, &sample));
    }
    table.into_inner().expect("memory can be flushed")
}

/// All measures that counted something, by name.
fn measures(measured: &Measured) -> Vec<(String, Sample<'_>)> {
    let (latencies, connections) = (&measured.latencies, &measured.connections);
    let mut all: Vec<(String, Sample<'_>)> = vec![
        ("response_time".to_owned(), Sample::of_responses(latencies)),
        ("service_time".to_owned(), Sample::of(&latencies.service_time)),
        ("send_lag".to_owned(), Sample::of(&latencies.send_lag)),
        ("pacing_lag".to_owned(), Sample::of(&latencies.pacing_lag)),
        ("first_byte".to_owned(), Sample::of(&measured.first_byte)),
        ("connect".to_owned(), Sample::of(&connections.connect)),
        ("tls_handshake_full".to_owned(), Sample::of(&connections.tls_full)),
        ("tls_handshake_resumed".to_owned(), Sample::of(&connections.tls_resumed)),
    ];
    if measured.kinds.len() > 1 {
        let kinds = measured.kinds.iter();
        all.extend(
            kinds.map(|kind| (format!("response_time.{}", kind.name), Sample::of_kind(kind))),
        );
    }
    all.retain(|(measure, sample)| measure == "response_time" || sample.count() > 0);
    all
}

fn row(measured: &Measured, verdict: Verdict, measure: &str, sample: &Sample<'_>) -> Vec<String> {
    let times = Times::of(sample);
    let interval = times.intervals.get("p99");
    let us = |us: Option<f64>| us.map(|us| us.to_string()).unwrap_or_default();
    vec![
        measured.asked.url.clone(),
        started_at(measured),
        verdict.word().to_owned(),
        measured.offered_rate().to_string(),
        measured.achieved_rate().to_string(),
        measure.to_owned(),
        times.count.to_string(),
        us(times.min),
        us(times.mean),
        us(times.p50),
        us(times.p90),
        us(times.p99),
        us(times.p999),
        us(times.p9999),
        us(times.max),
        times.at_least.join(" "),
        us(interval.map(|interval| interval.low)),
        us(interval.and_then(|interval| interval.high)),
        sample.unanswered().to_string(),
        measured.asked.connections.to_string(),
    ]
}
