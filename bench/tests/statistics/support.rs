//! Plans and rows for the tests, the benchmark and the simulations of the statistics: no figure of its
//! own, no clock and no network.

use bench::record::{
    ComparisonSpecRecord, GatesRecord, LoadRecord, MarginRecord, PlanRecord, Summary, TrialRow,
};
use bench::seams::WorkSeen;
use bench::trial::{GeneratorReport, OutcomeCounts};

/// Requests of a trial of [`trial`]: enough for every quantile.
pub(crate) const REQUESTS: u64 = 4000;

/// A named difference.
pub(crate) fn comparison(name: &str, candidate: &str, baseline: &str) -> ComparisonSpecRecord {
    ComparisonSpecRecord {
        name: name.to_owned(),
        title: name.to_owned(),
        candidate: candidate.to_owned(),
        baseline: baseline.to_owned(),
    }
}

/// A plan with an A/A pair and no margin.
pub(crate) fn plan(control: &str) -> PlanRecord {
    PlanRecord {
        title: "test".to_owned(),
        question: "none".to_owned(),
        scenario_version: 1,
        load: LoadRecord {
            arrivals: "constant".to_owned(),
            rate: 1000.0,
            connections: 8,
            max_in_flight: 100,
            timeout_s: 1.0,
            warm_up_s: 1.0,
            duration_s: 4.0,
            request: "GET /".to_owned(),
            body_bytes: 0,
            requests: Vec::new(),
        },
        blocks: 10,
        precision: None,
        control: control.to_owned(),
        margin: MarginRecord { percent: 0.0, at_least_us: 0.0 },
        gates: GatesRecord {
            late_us: 500.0,
            late_percent: 50.0,
            rate_error_percent: 1.0,
            errors_percent: 0.1,
            steal_percent: 10.0,
            drift_percent: 20.0,
        },
        variants: Vec::new(),
        comparisons: vec![comparison("a-a", &format!("{control}#2"), control)],
        article: Vec::new(),
    }
}

/// A latency in figures, all exact.
pub(crate) fn summary(quantiles: [f64; 4]) -> Summary {
    let [p50, p90, p99, p999] = quantiles.map(Some);
    Summary { p50, p90, p99, p999, max: p999, mean: p50, count: REQUESTS, at_least: Vec::new() }
}

/// An admitted trial with these response-time quantiles.
pub(crate) fn trial(block: u32, variant: &str, quantiles: [f64; 4]) -> TrialRow {
    TrialRow {
        block,
        position: 1,
        variant: variant.to_owned(),
        admitted: true,
        rejected: None,
        spoiled: Default::default(),
        offered: REQUESTS,
        completed: REQUESTS,
        failed: 0,
        timed_out: 0,
        shed: 0,
        offered_rps: 1000.0,
        achieved_rps: 1000.0,
        response_time_us: summary(quantiles),
        service_time_us: summary(quantiles),
        send_lag_us: summary(quantiles),
        pacing_lag_us: summary(quantiles),
        denied: 0,
        denied_time_us: None,
        outcomes: OutcomeCounts::default(),
        slices: Vec::new(),
        generator: GeneratorReport::default(),
        work: WorkSeen::default(),
        histograms: String::new(),
    }
}
