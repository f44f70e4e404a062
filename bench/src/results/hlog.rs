//! Histograms as an HdrHistogram V2 interval log, which HdrHistogram's own tools read: one line for
//! each, told apart by tag. Does not know what becomes of them.

use std::collections::BTreeMap;
use std::fs;
use std::io;
use std::path::Path;
use std::time::Duration;

use hdrhistogram::serialization::V2DeflateSerializer;
use hdrhistogram::serialization::interval_log::{
    IntervalLogHistogram, IntervalLogIterator, IntervalLogWriterBuilder, LogEntry, Tag,
};

use super::error::FolderError;
use crate::histogram::Histogram;
use crate::trial::{Latencies, TrialRecord};

/// What the legend's `Interval_Max` is divided by: it is in milliseconds, as in Java's logs.
const NS_PER_MS: f64 = 1e6;

/// The column names, which readers skip by their leading quote.
const LEGEND: &str =
    "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n";

/// The tag of a histogram that only some trials have.
const DENIED: &str = "denied_time";

/// The tags in the order in which they are written.
const TAGS: [&str; 5] = ["response_time", "service_time", "send_lag", "pacing_lag", "censored"];

/// The log's bytes.
pub(super) fn encode(trial: &TrialRecord) -> io::Result<Vec<u8>> {
    let about = format!(
        "Trial: block {}, position {}, variant {}",
        trial.block,
        trial.position,
        trial.variant.as_str()
    );
    let window = Duration::try_from_secs_f64(trial.generator.window_s).unwrap_or_default();
    let latencies = &trial.latencies;
    let mut rows = TAGS.map(|tag| (tag, of_tag(latencies, tag))).to_vec();
    if latencies.denied.count() > 0 {
        rows.push((DENIED, &latencies.denied));
    }
    interval_log(&about, window, &rows)
}

/// An interval log of histograms that all count the same window, one row for each, told apart by
/// tag. `about` becomes a comment. A tag must have no comma, space or line end.
pub fn interval_log(
    about: &str,
    window: Duration,
    rows: &[(&str, &Histogram)],
) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    let mut serializer = V2DeflateSerializer::new();
    let mut header = IntervalLogWriterBuilder::new();
    header
        .add_comment("[Histogram log format version 1.3]")
        .add_comment(&format!("[{}]", one_line(about)))
        .add_comment("[Values are nanoseconds; Interval_Max is milliseconds]")
        .add_comment("[Timestamps are seconds from the start of the measured window]")
        .with_max_value_divisor(NS_PER_MS);
    // The first log writer is dropped before the legend: the crate does not write that line.
    drop(header.begin_log_with(&mut bytes, &mut serializer)?);
    bytes.extend_from_slice(LEGEND.as_bytes());

    let mut lines = Vec::new();
    let mut builder = IntervalLogWriterBuilder::new();
    builder.with_max_value_divisor(NS_PER_MS);
    let mut log = builder.begin_log_with(&mut lines, &mut serializer)?;
    for (name, histogram) in rows {
        let tag = Tag::new(name).ok_or_else(|| {
            io::Error::new(io::ErrorKind::InvalidInput, format!("`{name}` can not be a tag"))
        })?;
        log.write_histogram(histogram.as_hdr(), Duration::ZERO, window, Some(tag))
            .map_err(|error| io::Error::other(error.to_string()))?;
    }
    // The second writer repeats the divisor's comment; only its rows are wanted.
    let comment_end = lines.iter().position(|byte| *byte == b'\n').map_or(0, |at| at + 1);
    bytes.extend_from_slice(&lines[comment_end..]);
    Ok(bytes)
}

/// The histograms of an interval log by tag, rows of one tag merged; rows without a tag have the
/// empty one. The inverse of [`interval_log`]; the error says what is wrong with the bytes.
pub fn read_interval_log(bytes: &[u8]) -> Result<BTreeMap<String, Histogram>, String> {
    let mut histograms: BTreeMap<String, Histogram> = BTreeMap::new();
    for entry in IntervalLogIterator::new(bytes) {
        let interval = match entry {
            Ok(LogEntry::Interval(interval)) => interval,
            Ok(LogEntry::StartTime(_) | LogEntry::BaseTime(_)) => continue,
            Err(error) => return Err(format!("not an interval log: {error:?}")),
        };
        let tag = interval.tag().map_or("", |tag| tag.as_str());
        let histogram = payload(&interval).map_err(|why| format!("tag {tag}: {why}"))?;
        histograms.entry(tag.to_owned()).or_default().merge(&histogram);
    }
    Ok(histograms)
}

/// Reads what `RunFolder::write_trial` wrote: its exact inverse.
pub fn read_trial_histograms(path: &Path) -> Result<Latencies, FolderError> {
    let bytes = fs::read(path)
        .map_err(|error| FolderError::io("read a trial's histograms", path, error))?;
    decode(&bytes).map_err(|why| FolderError::damaged(path, why))
}

fn decode(bytes: &[u8]) -> Result<Latencies, String> {
    // Tags of other programs are theirs.
    let mut histograms = read_interval_log(bytes)?;
    let mut latencies = Latencies::default();
    for tag in TAGS {
        *of_tag_mut(&mut latencies, tag) = histograms
            .remove(tag)
            .ok_or_else(|| format!("it has no histogram with the tag {tag}"))?;
    }
    latencies.denied = histograms.remove(DENIED).unwrap_or_default();
    Ok(latencies)
}

fn payload(interval: &IntervalLogHistogram<'_>) -> Result<Histogram, String> {
    Histogram::from_payload(interval.encoded_histogram()).map_err(|error| error.to_string())
}

fn of_tag<'a>(latencies: &'a Latencies, tag: &str) -> &'a Histogram {
    match tag {
        "response_time" => &latencies.response_time,
        "service_time" => &latencies.service_time,
        "send_lag" => &latencies.send_lag,
        "pacing_lag" => &latencies.pacing_lag,
        _ => &latencies.censored,
    }
}

fn of_tag_mut<'a>(latencies: &'a mut Latencies, tag: &str) -> &'a mut Histogram {
    match tag {
        "response_time" => &mut latencies.response_time,
        "service_time" => &mut latencies.service_time,
        "send_lag" => &mut latencies.send_lag,
        "pacing_lag" => &mut latencies.pacing_lag,
        _ => &mut latencies.censored,
    }
}

fn one_line(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect()
}
