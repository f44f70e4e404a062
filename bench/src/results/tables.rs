//! `trials.csv` and `comparison.csv`: the flat forms of `run.json`, one row for each trial and each
//! comparison at each quantile. An empty cell is a value that is not known.

use std::fmt::Display;
use std::io;

use crate::record::{ComparisonRow, Estimate, RunRecord, Summary, TrialRow};

type Cells = Vec<(String, String)>;

/// `trials.csv`.
pub(super) fn trials(record: &RunRecord) -> io::Result<Vec<u8>> {
    write(record.trials.iter().map(trial), &trial_header())
}

/// `comparison.csv`.
pub(super) fn comparisons(record: &RunRecord) -> io::Result<Vec<u8>> {
    write(record.comparisons.iter().map(comparison), &comparison_header())
}

/// The header is written even when there is no row, so that a reader of an empty file sees what
/// would be in it.
fn write(rows: impl Iterator<Item = Cells>, header: &[String]) -> io::Result<Vec<u8>> {
    let mut writer = csv::Writer::from_writer(Vec::new());
    writer.write_record(header)?;
    for row in rows {
        writer.write_record(row.iter().map(|(_, value)| value))?;
    }
    writer.into_inner().map_err(|error| io::Error::other(error.to_string()))
}

fn trial_header() -> Vec<String> {
    names(trial(&TrialRow {
        block: 0,
        position: 0,
        variant: String::new(),
        admitted: false,
        rejected: None,
        spoiled: Default::default(),
        offered: 0,
        completed: 0,
        failed: 0,
        timed_out: 0,
        shed: 0,
        denied: 0,
        offered_rps: 0.0,
        achieved_rps: 0.0,
        response_time_us: EMPTY,
        service_time_us: EMPTY,
        send_lag_us: EMPTY,
        pacing_lag_us: EMPTY,
        denied_time_us: None,
        outcomes: Default::default(),
        slices: Vec::new(),
        generator: Default::default(),
        work: Default::default(),
        histograms: String::new(),
    }))
}

const EMPTY: Summary = Summary {
    p50: None,
    p90: None,
    p99: None,
    p999: None,
    max: None,
    mean: None,
    count: 0,
    at_least: Vec::new(),
};

fn comparison_header() -> Vec<String> {
    names(comparison(&ComparisonRow {
        name: String::new(),
        candidate: String::new(),
        baseline: String::new(),
        measure: String::new(),
        quantile: crate::quantile::Quantile::P50,
        candidate_us: None,
        baseline_us: None,
        overhead_us: None,
        ratio: None,
        bootstrap_us: None,
        p_value: None,
        p_holm: None,
        p_run: None,
        margin_us: None,
        verdict: crate::record::Verdict::Inconclusive,
        blocks: 0,
        remark: None,
    }))
}

fn names(cells: Cells) -> Vec<String> {
    cells.into_iter().map(|(name, _)| name).collect()
}

fn put(cells: &mut Cells, name: impl Into<String>, value: impl Display) {
    cells.push((name.into(), value.to_string()));
}

fn put_if<T: Display>(cells: &mut Cells, name: impl Into<String>, value: Option<T>) {
    cells.push((name.into(), value.map(|value| value.to_string()).unwrap_or_default()));
}

fn trial(row: &TrialRow) -> Cells {
    let mut cells = Cells::new();
    put(&mut cells, "block", row.block);
    put(&mut cells, "position", row.position);
    put(&mut cells, "variant", &row.variant);
    put(&mut cells, "admitted", row.admitted);
    put_if(&mut cells, "rejected", row.rejected.as_ref());
    let spoiled: Vec<&str> = row.spoiled.keys().map(|quantile| quantile.key()).collect();
    put(&mut cells, "spoiled", spoiled.join(" "));
    // What is found is the same for all; the lowest says what it bears.
    put_if(&mut cells, "spoiled_why", row.spoiled.values().next());
    put(&mut cells, "offered", row.offered);
    put(&mut cells, "completed", row.completed);
    put(&mut cells, "failed", row.failed);
    put(&mut cells, "timed_out", row.timed_out);
    put(&mut cells, "shed", row.shed);
    put(&mut cells, "offered_rps", row.offered_rps);
    put(&mut cells, "achieved_rps", row.achieved_rps);
    summary(&mut cells, "response_time_us", &row.response_time_us);
    summary(&mut cells, "service_time_us", &row.service_time_us);
    summary(&mut cells, "send_lag_us", &row.send_lag_us);
    summary(&mut cells, "pacing_lag_us", &row.pacing_lag_us);
    put(&mut cells, "by_status", pairs(&row.outcomes.by_status));
    put(&mut cells, "by_failure", pairs(&row.outcomes.by_failure));
    generator(&mut cells, row);
    put(&mut cells, "requests_at_origin", row.work.requests_at_origin);
    put(&mut cells, "handshakes_full", row.work.handshakes_full);
    put(&mut cells, "handshakes_resumed", row.work.handshakes_resumed);
    put(&mut cells, "peers", row.work.peers.join(" "));
    put(&mut cells, "histograms", &row.histograms);
    put(&mut cells, "denied", row.denied);
    summary(&mut cells, "denied_time_us", row.denied_time_us.as_ref().unwrap_or(&EMPTY));
    put_if(&mut cells, "requests_allowed", row.work.requests_allowed);
    put_if(&mut cells, "requests_denied", row.work.requests_denied);
    cells
}

fn generator(cells: &mut Cells, row: &TrialRow) {
    let report = &row.generator;
    put(cells, "connections_opened", report.connections_opened);
    put(cells, "connection_setup_max_us", report.connection_setup_max_us);
    put(cells, "warm_up_requests", report.warm_up_requests);
    put(cells, "warm_up_answers", report.warm_up_answers);
    put(cells, "cpu_percent", report.cpu_percent);
    put(cells, "steal_percent", report.steal_percent);
    put(cells, "in_flight_max", report.in_flight_max);
    put(cells, "bytes_received", report.bytes_received);
    put(cells, "stopped_early", report.stopped_early);
    put(cells, "window_s", report.window_s);
}

fn summary(cells: &mut Cells, measure: &str, summary: &Summary) {
    put_if(cells, format!("{measure}_p50"), summary.p50);
    put_if(cells, format!("{measure}_p90"), summary.p90);
    put_if(cells, format!("{measure}_p99"), summary.p99);
    put_if(cells, format!("{measure}_p999"), summary.p999);
    put_if(cells, format!("{measure}_max"), summary.max);
    put_if(cells, format!("{measure}_mean"), summary.mean);
    put(cells, format!("{measure}_count"), summary.count);
    let bounds: Vec<&str> = summary.at_least.iter().map(|quantile| quantile.key()).collect();
    put(cells, format!("{measure}_at_least"), bounds.join(" "));
}

/// `200:9980 503:3`, in order of the keys.
fn pairs<K: Display>(counts: &std::collections::BTreeMap<K, u64>) -> String {
    let pairs: Vec<String> = counts.iter().map(|(key, count)| format!("{key}:{count}")).collect();
    pairs.join(" ")
}

fn comparison(row: &ComparisonRow) -> Cells {
    let mut cells = Cells::new();
    put(&mut cells, "name", &row.name);
    put(&mut cells, "candidate", &row.candidate);
    put(&mut cells, "baseline", &row.baseline);
    put(&mut cells, "measure", &row.measure);
    put(&mut cells, "quantile", row.quantile.key());
    put_if(&mut cells, "candidate_us", row.candidate_us);
    put_if(&mut cells, "baseline_us", row.baseline_us);
    estimate(&mut cells, "overhead_us", row.overhead_us.as_ref());
    estimate(&mut cells, "ratio", row.ratio.as_ref());
    put_if(&mut cells, "bootstrap_us_low", row.bootstrap_us.map(|interval| interval.low));
    put_if(&mut cells, "bootstrap_us_high", row.bootstrap_us.map(|interval| interval.high));
    put_if(&mut cells, "p_value", row.p_value);
    put_if(&mut cells, "p_holm", row.p_holm);
    put_if(&mut cells, "p_run", row.p_run);
    put_if(&mut cells, "margin_us", row.margin_us);
    put(&mut cells, "verdict", crate::report::figures::verdict(row.verdict));
    put(&mut cells, "blocks", row.blocks);
    put_if(&mut cells, "remark", row.remark.as_ref());
    cells
}

fn estimate(cells: &mut Cells, name: &str, estimate: Option<&Estimate>) {
    put_if(cells, name, estimate.map(|estimate| estimate.point));
    put_if(cells, format!("{name}_low"), estimate.map(|estimate| estimate.low));
    put_if(cells, format!("{name}_high"), estimate.map(|estimate| estimate.high));
    put_if(cells, format!("{name}_confidence"), estimate.map(|estimate| estimate.confidence));
}
