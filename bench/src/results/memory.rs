//! `memory.csv` and `memory-summary.csv`: the flat forms of what `run.json` has about memory, one row
//! for each reading, and one for each level and each difference. An empty cell is a value that is not
//! known.

use std::io;

use crate::memory::{MemoryDifference, MemoryKind, MemoryLevel, MemoryReading, MemoryRecord};
use crate::record::Estimate;
use crate::report::figures::memory_verdict;

/// `memory.csv`.
pub(super) fn readings(memory: &MemoryRecord) -> io::Result<Vec<u8>> {
    let header = [
        "block",
        "position",
        "variant",
        "state",
        "sidecar",
        "process",
        "sharing",
        "looks",
        "rss_bytes",
        "pss_bytes",
        "private_dirty_bytes",
        "rss_most_bytes",
        "why_not",
        "left_out",
    ];
    write(&header, memory.readings.iter().map(reading))
}

fn reading(row: &MemoryReading) -> Vec<String> {
    let size = |bytes: Option<u64>| bytes.map(|bytes| bytes.to_string()).unwrap_or_default();
    vec![
        row.block.to_string(),
        row.position.to_string(),
        row.variant.clone(),
        row.state.clone(),
        row.sidecar.clone(),
        row.process.to_string(),
        row.sharing.to_string(),
        row.looks.to_string(),
        size(row.rss_bytes),
        size(row.pss_bytes),
        size(row.private_dirty_bytes),
        size(row.rss_most_bytes),
        row.why_not.clone().unwrap_or_default(),
        row.left_out.clone().unwrap_or_default(),
    ]
}

/// `memory-summary.csv`. A level is a difference from nothing: its baseline is empty.
pub(super) fn summary(memory: &MemoryRecord) -> io::Result<Vec<u8>> {
    let header = [
        "kind",
        "name",
        "candidate",
        "candidate_state",
        "baseline",
        "baseline_state",
        "sidecar",
        "measure",
        "median_bytes",
        "low_bytes",
        "high_bytes",
        "confidence",
        "margin_bytes",
        "p_value",
        "p_holm",
        "verdict",
        "blocks",
        "remark",
    ];
    let levels = memory.levels.iter().map(level);
    write(&header, levels.chain(memory.differences.iter().map(difference)))
}

fn level(row: &MemoryLevel) -> Vec<String> {
    let mut cells: Vec<String> = vec!["level".to_owned(), row.state.clone()];
    cells.extend([row.variant.clone(), row.state.clone(), String::new(), String::new()]);
    cells.extend([row.sidecar.clone(), row.measure.key().to_owned()]);
    cells.extend(figures(row.median_bytes, row.bytes.as_ref()));
    cells.extend([const { String::new() }; 4]);
    cells.extend([row.blocks.to_string(), row.remark.clone().unwrap_or_default()]);
    cells
}

fn difference(row: &MemoryDifference) -> Vec<String> {
    let kind = match row.kind {
        MemoryKind::Step => "step",
        MemoryKind::Pair => "pair",
    };
    let mut cells: Vec<String> = vec![kind.to_owned(), row.name.clone()];
    cells.extend([row.candidate.clone(), row.candidate_state.clone()]);
    cells.extend([row.baseline.clone(), row.baseline_state.clone()]);
    cells.extend([row.sidecar.clone(), row.measure.key().to_owned()]);
    cells.extend(figures(row.median_bytes, row.bytes.as_ref()));
    cells.extend([row.margin_bytes, row.p_value, row.p_holm].map(text));
    cells.push(memory_verdict(row.verdict).to_owned());
    cells.extend([row.blocks.to_string(), String::new()]);
    cells
}

fn figures(median: Option<f64>, estimate: Option<&Estimate>) -> [String; 4] {
    let of = |part: fn(&Estimate) -> f64| text(estimate.map(part));
    [text(median), of(|all| all.low), of(|all| all.high), of(|all| all.confidence)]
}

fn text(value: Option<f64>) -> String {
    value.map(|value| value.to_string()).unwrap_or_default()
}

fn write(header: &[&str], rows: impl Iterator<Item = Vec<String>>) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row)?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}
