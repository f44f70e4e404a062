//! Figures for trackers of benchmarks over time: Bencher's metric format and github-action-benchmark
//! (`customSmallerIsBetter`). Figures that are lower bounds or can not be told are left out: a
//! tracker would take them for good news.

use std::collections::BTreeMap;

use bench::trial::Bounded;
use serde::Serialize;

use super::pretty;
use crate::drive::measured::Measured;
use crate::drive::sample::{Level, Sample};
use crate::drive::validity::Verdict;

/// A figure with what it may also be.
#[derive(Debug, Serialize)]
struct Metric {
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    lower_value: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    upper_value: Option<f64>,
}

#[derive(Debug, Serialize)]
struct Entry {
    name: String,
    unit: &'static str,
    value: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    range: Option<String>,
    extra: String,
}

/// Bencher: nanoseconds for each quantile with its interval, and the achieved rate.
pub(super) fn bencher(measured: &Measured) -> String {
    let sample = Sample::of_responses(&measured.latencies);
    let mut measures: BTreeMap<String, Metric> = exact(&sample)
        .map(|(level, nanos)| {
            let interval = sample.interval(level);
            let metric = Metric {
                value: nanos as f64,
                lower_value: interval.map(|interval| interval.low as f64),
                upper_value: interval.and_then(|interval| interval.high).map(|high| high as f64),
            };
            (format!("response-time-{}", level.key()), metric)
        })
        .collect();
    let rate = Metric { value: measured.achieved_rate(), lower_value: None, upper_value: None };
    measures.insert("throughput".to_owned(), rate);
    pretty(&BTreeMap::from([(name(measured), measures)]))
}

/// github-action-benchmark: microseconds for each quantile.
pub(super) fn github(measured: &Measured, verdict: Verdict) -> String {
    let sample = Sample::of_responses(&measured.latencies);
    let us = |nanos: u64| nanos as f64 / 1e3;
    let entries: Vec<Entry> = exact(&sample)
        .map(|(level, nanos)| Entry {
            name: format!("{} response time {level}", name(measured)),
            unit: "µs",
            value: us(nanos),
            range: sample.interval(level).and_then(|interval| {
                Some(format!("{} to {}", us(interval.low), us(interval.high?)))
            }),
            extra: format!("{} requests, {}", measured.counts.offered, verdict.word()),
        })
        .collect();
    pretty(&entries)
}

fn exact<'s>(sample: &'s Sample<'_>) -> impl Iterator<Item = (Level, u64)> + 's {
    Level::REPORTED.into_iter().filter_map(|level| match sample.quantile(level)? {
        Bounded::Exactly(nanos) => Some((level, nanos)),
        Bounded::AtLeast(_) => None,
    })
}

fn name(measured: &Measured) -> String {
    format!("{} {}", measured.asked.method, measured.asked.url)
}
