//! All histograms of a drive as an HdrHistogram V2 log: one row each, told apart by tag. The first
//! five tags are those of a trial's log. Knows no quantile.

use std::time::Duration;

use bench::histogram::Histogram;

use crate::drive::document::started_at;
use crate::drive::measured::Measured;

/// The log.
pub(super) fn render(measured: &Measured) -> Vec<u8> {
    let (latencies, connections) = (&measured.latencies, &measured.connections);
    let mut rows: Vec<(String, &Histogram)> = [
        ("response_time", &latencies.response_time),
        ("service_time", &latencies.service_time),
        ("send_lag", &latencies.send_lag),
        ("pacing_lag", &latencies.pacing_lag),
        ("censored", &latencies.censored),
        ("first_byte", &measured.first_byte),
        ("connect", &connections.connect),
        ("tls_handshake_full", &connections.tls_full),
        ("tls_handshake_resumed", &connections.tls_resumed),
    ]
    .map(|(tag, histogram)| (tag.to_owned(), histogram))
    .into();
    // With one kind its histogram is the whole's.
    if measured.kinds.len() > 1 {
        let kinds = measured.kinds.iter();
        rows.extend(kinds.map(|kind| (tag_of_kind(&kind.name), &kind.response_time)));
    }
    let rows: Vec<(&str, &Histogram)> =
        rows.iter().map(|(tag, histogram)| (tag.as_str(), *histogram)).collect();
    let about = format!("Drive of {}, from {}", measured.asked.url, started_at(measured));
    let window = Duration::try_from_secs_f64(measured.elapsed_s()).unwrap_or_default();
    bench::results::interval_log(&about, window, &rows)
        .expect("the tags are fit, and writing to memory can not fail")
}

/// `response_time.` and the kind's name, without what would end a tag.
fn tag_of_kind(name: &str) -> String {
    let fit = |c: char| !c.is_whitespace() && !c.is_control() && c != ',';
    let name: String = name.chars().map(|c| if fit(c) { c } else { '_' }).collect();
    format!("response_time.{name}")
}
