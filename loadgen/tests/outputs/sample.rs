//! Quantiles, bounds and intervals against what arithmetic gives.

use bench::quantile::Quantile;
use bench::trial::Bounded;
use loadgen::drive::sample::{Level, Sample};

use crate::made::{self, MS, US, histogram};

#[test]
fn levels_are_read_with_the_point_or_without() {
    for (text, label) in [
        ("p50", "p50"),
        ("p5", "p5"),
        ("p99.9", "p99.9"),
        ("p999", "p99.9"),
        ("p9999", "p99.99"),
        ("p99.99", "p99.99"),
        ("p99.50", "p99.5"),
        ("p0.1", "p0.1"),
    ] {
        assert_eq!(Level::parse(text).unwrap().to_string(), label, "{text}");
    }
    for text in ["", "p", "50", "p100", "p0", "p99.", "p.9", "p99.99999", "p-1", "p9x", "p1000"] {
        assert_eq!(Level::parse(text), None, "{text}");
    }
}

#[test]
fn samples_needed_are_the_smallest_that_bound_a_quantile_above() {
    for (level, needed) in Level::REPORTED.into_iter().zip([6, 36, 368, 3688, 36_887]) {
        assert_eq!(level.samples_needed(), needed, "{level}");
        let outside = |n: u64| level.fraction().powi(i32::try_from(n).unwrap());
        assert!(outside(needed) <= 0.025 && outside(needed - 1) > 0.025, "{level}");
    }
    for quantile in Quantile::ALL {
        let level = Level::parse(quantile.key()).unwrap();
        assert_eq!(level.samples_needed(), quantile.samples_needed());
        assert_eq!(
            (level.key().as_str(), level.to_string().as_str()),
            (quantile.key(), quantile.label())
        );
    }
}

#[test]
fn the_quantiles_are_those_of_a_run_report() {
    for (name, measured) in made::all() {
        let sample = Sample::of_responses(&measured.latencies);
        let summary = bench::summary::of_response_time(&measured.latencies);
        for quantile in Quantile::ALL {
            let ours = sample.quantile(Level::parse(quantile.key()).unwrap());
            let (us, bound) = match ours {
                None => (None, false),
                Some(Bounded::Exactly(nanos)) => (Some(nanos as f64 / 1e3), false),
                Some(Bounded::AtLeast(nanos)) => (Some(nanos as f64 / 1e3), true),
            };
            assert_eq!(us, summary.quantile(quantile), "{name} {quantile:?}");
            assert_eq!(bound, summary.at_least.contains(&quantile), "{name} {quantile:?}");
        }
    }
}

#[test]
fn an_interval_holds_its_quantile_and_is_open_where_requests_are_unanswered() {
    let measured = made::censored();
    let sample = Sample::of_responses(&measured.latencies);
    let p50 = sample.interval(Level::P50).unwrap();
    let Some(Bounded::Exactly(median)) = sample.quantile(Level::P50) else { panic!("known") };
    assert!(p50.low <= median && median <= p50.high.unwrap());
    assert!((0.95..0.97).contains(&p50.confidence));
    assert_eq!(
        sample.quantile(Level::P99),
        Some(Bounded::AtLeast(sample.at_ages().max().unwrap()))
    );
    assert_eq!(sample.interval(Level::P99).unwrap().high, None);
}

#[test]
fn ages_that_are_not_known_are_no_less_than_nothing() {
    let mut kind = made::normal().kinds.remove(0);
    kind.response_time = histogram((1..=900).map(|index| index * US));
    kind.counts.failed = 100;
    let sample = Sample::of_kind(&kind);
    assert_eq!((sample.count(), sample.unanswered()), (1000, 100));
    // The 500th of all is the 400th of those known when the lost were quick, the 500th when slow.
    let Some(Bounded::AtLeast(low)) = sample.quantile(Level::P50) else { panic!("a bound") };
    assert!((400 * US..401 * US).contains(&low), "{low}");
    assert!(matches!(sample.max(), Some(Bounded::AtLeast(nanos)) if nanos >= 900 * US));
    assert!(matches!(sample.mean(), Some(Bounded::AtLeast(nanos)) if nanos < MS));
}
