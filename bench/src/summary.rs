//! Histograms in nanoseconds become figures in microseconds, and a trial becomes a row of
//! `run.json`. Decides nothing: admission was decided before, comparisons come after.

use std::time::Duration;

use crate::admit::Admission;
use crate::histogram::Histogram;
use crate::quantile::Quantile;
use crate::record::{Summary, TrialRow};
use crate::seams::WorkSeen;
use crate::trial::{Bounded, Latencies, TrialRecord};

/// Nanoseconds as microseconds.
#[must_use]
pub fn micros(nanos: u64) -> f64 {
    nanos as f64 / 1000.0
}

/// A histogram in which every span is known. A quantile is `None` below
/// [`Quantile::samples_needed`].
#[must_use]
pub fn of_histogram(histogram: &Histogram) -> Summary {
    let at = |quantile: Quantile| {
        let enough = histogram.count() >= quantile.samples_needed();
        enough.then(|| histogram.at_quantile(quantile.fraction())).flatten().map(micros)
    };
    Summary {
        p50: at(Quantile::P50),
        p90: at(Quantile::P90),
        p99: at(Quantile::P99),
        p999: at(Quantile::P999),
        max: histogram.max().map(micros),
        mean: histogram.mean().map(|nanos| nanos / 1000.0),
        count: histogram.count(),
        at_least: Vec::new(),
    }
}

/// The response time over all requests offered, the unanswered ones included.
///
/// A quantile that the unanswered ones could have moved is a lower bound and listed in `at_least`.
/// The longest and the mean put each unanswered request at its age when it was given up: as soon as
/// one is unanswered (`completed < offered` in the trial's row) both are lower bounds too, whether
/// or not `at_least` is empty.
#[must_use]
pub fn of_response_time(latencies: &Latencies) -> Summary {
    let mut all = latencies.response_time.clone();
    all.merge(&latencies.censored);
    let mut summary = of_histogram(&all);
    if latencies.censored.count() > 0 {
        let bounded = |quantile: &Quantile| {
            summary.quantile(*quantile).is_some()
                && matches!(latencies.response_quantile(*quantile), Some(Bounded::AtLeast(_)))
        };
        summary.at_least = Quantile::ALL.into_iter().filter(bounded).collect();
    }
    summary
}

/// A trial as a row. `window` is the planned length of the measured window, `histograms` the file
/// that holds the trial's histograms, relative to the run folder.
///
/// The offered rate is over the window. The achieved rate is over the time until the last
/// completion when that is longer, so that answers that came after the window do not count as if
/// they had come within it.
#[must_use]
pub fn trial_row(
    record: &TrialRecord,
    admission: &Admission,
    work: &WorkSeen,
    window: Duration,
    histograms: &str,
) -> TrialRow {
    let counts = &record.counts;
    let window_s = window.as_secs_f64();
    let per_second = |count: u64, seconds: f64| {
        if seconds > 0.0 { count as f64 / seconds } else { 0.0 }
    };
    TrialRow {
        block: record.block,
        position: record.position,
        variant: record.variant.as_str().to_owned(),
        admitted: admission.admitted(),
        rejected: admission.reason(),
        spoiled: admission.spoiled(),
        offered: counts.offered,
        completed: counts.completed,
        failed: counts.failed,
        timed_out: counts.timed_out,
        shed: counts.shed,
        denied: counts.denied,
        offered_rps: per_second(counts.offered, window_s),
        achieved_rps: per_second(counts.completed, window_s.max(record.generator.window_s)),
        response_time_us: of_response_time(&record.latencies),
        service_time_us: of_histogram(&record.latencies.service_time),
        send_lag_us: of_histogram(&record.latencies.send_lag),
        pacing_lag_us: of_histogram(&record.latencies.pacing_lag),
        denied_time_us: (counts.denied > 0).then(|| of_histogram(&record.latencies.denied)),
        outcomes: counts.clone(),
        slices: record.slices.clone(),
        generator: record.generator.clone(),
        work: work.clone(),
        histograms: histograms.to_owned(),
    }
}
