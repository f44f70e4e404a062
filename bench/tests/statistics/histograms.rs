//! Histograms and the figures taken from them.

use bench::histogram::Histogram;
use bench::quantile::Quantile;
use bench::summary::{of_histogram, of_response_time, trial_row};
use bench::trial::{Bounded, Latencies};
use bench::{admit::Admission, histogram::rank_of};
use proptest::collection::vec;
use proptest::prelude::*;
use std::time::Duration;

use crate::records::{histogram, record, work};

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn merging_equals_recording_all(a in vec(0_u64..20_000_000_000, 0..80), b in vec(0_u64..1_000_000, 0..80)) {
        let mut merged = histogram(a.clone());
        merged.merge(&histogram(b.clone()));
        prop_assert_eq!(merged, histogram(a.into_iter().chain(b)));
    }

    #[test]
    fn every_rank_is_within_a_thousandth_of_the_sorted_value(mut spans in vec(1_u64..600_000_000_000, 1..200)) {
        let histogram = histogram(spans.clone());
        spans.sort_unstable();
        for (rank, &exact) in (1..).zip(&spans) {
            let found = histogram.at_rank(rank).unwrap();
            prop_assert!(found >= exact && found as f64 <= exact as f64 * 1.001, "{found} for {exact}");
        }
        prop_assert_eq!(histogram.at_rank(0), None);
        prop_assert_eq!(histogram.at_rank(spans.len() as u64 + 1), None);
    }

    #[test]
    fn no_fate_of_the_unanswered_requests_goes_below_the_bound(
        completed in vec(1_000_u64..10_000_000, 1..150),
        unanswered in vec((0_u64..10_000_000, 0_u64..50_000_000), 1..60),
    ) {
        let latencies = Latencies {
            response_time: histogram(completed.clone()),
            censored: histogram(unanswered.iter().map(|&(age, _)| age)),
            ..Latencies::default()
        };
        let truth = histogram(completed.into_iter().chain(unanswered.iter().map(|(age, more)| age + more)));
        for quantile in Quantile::ALL {
            let actual = truth.at_quantile(quantile.fraction()).unwrap();
            match latencies.response_quantile(quantile).unwrap() {
                Bounded::Exactly(value) => prop_assert_eq!(value, actual),
                Bounded::AtLeast(bound) => prop_assert!(bound <= actual, "{bound} above {actual}"),
            }
        }
    }
}

#[test]
fn a_quantile_is_left_out_below_the_samples_it_needs() {
    let of = |count: u64| of_histogram(&histogram((1..=count).map(|i| i * 1000)));
    let few = of(367);
    assert!(few.p50.is_some() && few.p90.is_some());
    assert_eq!((few.p99, few.p999, few.count), (None, None, 367));
    assert!(of(368).p99.is_some());
    assert!(of(3688).p999.is_some());
    let none = of_histogram(&Histogram::new());
    assert_eq!((none.p50, none.max, none.mean, none.count), (None, None, None, 0));
}

#[test]
fn figures_are_microseconds() {
    let summary = of_histogram(&histogram(std::iter::repeat_n(2_000_000, 10)));
    for value in [summary.p50, summary.max, summary.mean] {
        assert!((value.unwrap() - 2000.0).abs() <= 2.0, "{value:?}");
    }
}

#[test]
fn unanswered_requests_make_the_high_quantiles_lower_bounds_and_count_as_offered() {
    let latencies = Latencies {
        response_time: histogram(std::iter::repeat_n(1_000_000, 970)),
        censored: histogram(std::iter::repeat_n(50_000_000, 30)),
        ..Latencies::default()
    };
    let summary = of_response_time(&latencies);
    assert_eq!(summary.count, 1000);
    assert_eq!(summary.at_least, [Quantile::P99]);
    assert_eq!(summary.exact(Quantile::P99), None);
    assert!(summary.exact(Quantile::P90).is_some());
    assert!(summary.max.unwrap() >= 50_000.0, "the longest is a bound: {:?}", summary.max);
    assert!(summary.mean.unwrap() > 2_000.0);
}

#[test]
fn a_row_carries_the_record_the_work_and_the_judgement() {
    let row = trial_row(
        &record(),
        &Admission::default(),
        &work(),
        Duration::from_secs(1),
        "histograms/1-1.hlog",
    );
    assert!(row.admitted && row.rejected.is_none());
    assert!((row.offered_rps - 1000.0).abs() < 1e-9 && (row.achieved_rps - 1000.0).abs() < 1e-9);
    assert_eq!((row.offered, row.response_time_us.count), (1000, 1000));
    assert_eq!(row.histograms, "histograms/1-1.hlog");
    assert_eq!(row.work, work());
}

#[test]
fn ranks_round_up_and_start_at_one() {
    assert_eq!((rank_of(0.9, 10), rank_of(0.5, 5), rank_of(0.0, 5), rank_of(1.0, 5)), (9, 3, 1, 5));
}
