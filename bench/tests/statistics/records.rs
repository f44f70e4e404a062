//! Trials as a generator would bring them, and the article's claims.

use std::collections::BTreeMap;
use std::time::Duration;

use bench::histogram::Histogram;
use bench::quantile::Quantile;
use bench::record::ArticleClaimRecord;
use bench::seams::WorkSeen;
use bench::trial::{GeneratorReport, Latencies, OutcomeCounts, Slice, TrialRecord, TrialSpec};
use scenarios::load::{Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

/// A claim that a comparison at p99 answers on a mesh.
pub(crate) fn claim(column: &str, mesh: &str, claimed: &str) -> ArticleClaimRecord {
    ArticleClaimRecord {
        row: "p99 overhead".to_owned(),
        column: column.to_owned(),
        claimed: claimed.to_owned(),
        comparison: Some("overhead".to_owned()),
        quantile: Some(Quantile::P99),
        mesh: Some(mesh.to_owned()),
        why_not: None,
        beside: None,
    }
}

/// Of spans in nanoseconds.
pub(crate) fn histogram(spans: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::new();
    for span in spans {
        histogram.record(span);
    }
    histogram
}

/// 1000 requests a second for a second.
pub(crate) fn spec() -> TrialSpec {
    TrialSpec {
        block: 1,
        position: 1,
        variant: VariantName("strict".to_owned()),
        load: LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(1000.0).expect("in range"),
            connections: 8,
            max_in_flight: 100,
            timeout: Duration::from_secs(1),
            warm_up: Duration::from_secs(1),
            duration: Duration::from_secs(1),
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            })],
        },
        seed: 1,
    }
}

/// A faultless trial of [`spec`]: 1 ms for each of 1000 requests.
pub(crate) fn record() -> TrialRecord {
    let spans = || histogram(std::iter::repeat_n(1_000_000, 1000));
    let lags = || histogram(std::iter::repeat_n(20_000, 1000));
    TrialRecord {
        block: 1,
        position: 1,
        variant: VariantName("strict".to_owned()),
        counts: OutcomeCounts {
            offered: 1000,
            completed: 1000,
            by_status: BTreeMap::from([(200, 1000)]),
            ..OutcomeCounts::default()
        },
        latencies: Latencies {
            response_time: spans(),
            service_time: spans(),
            send_lag: lags(),
            pacing_lag: lags(),
            censored: Histogram::new(),
            denied: Histogram::new(),
        },
        slices: slices([1000.0; 10]),
        generator: GeneratorReport {
            warm_up_requests: 1000,
            warm_up_answers: 1000,
            window_s: 1.0,
            ..GeneratorReport::default()
        },
    }
}

/// Tenths of the window with these medians, in microseconds.
pub(crate) fn slices(medians: [f64; 10]) -> Vec<Slice> {
    medians.map(|response_time_p50_us| Slice { count: 100, response_time_p50_us }).to_vec()
}

/// What the origin saw of [`record`].
pub(crate) fn work() -> WorkSeen {
    WorkSeen { requests_at_origin: 2000, ..WorkSeen::default() }
}
