//! Against published tables and hand calculations.

use bench::quantile::Quantile;
use bench::stats::bootstrap::{Method, bca_median};
use bench::stats::order::{fewest_values, median, median_interval, median_ranks};
use bench::stats::power::{robust_scale, values_needed};
use bench::stats::quantile::{quantile_ranks, samples_needed};
use bench::stats::sign::{holm, sign_test};
use bench::stats::trend::mann_kendall;

fn close(found: f64, expected: f64, within: f64) {
    assert!((found - expected).abs() <= within, "{found}, expected {expected}");
}

#[test]
fn the_median_s_ranks_are_those_of_the_sign_test_tables() {
    let table = [
        (6, 1, 6, 0.969),
        (8, 1, 8, 0.992),
        (9, 2, 8, 0.961),
        (10, 2, 9, 0.979),
        (12, 3, 10, 0.961),
        (15, 4, 12, 0.965),
        (20, 6, 15, 0.959),
        (30, 10, 21, 0.957),
    ];
    for (n, low, high, confidence) in table {
        let ranks = median_ranks(n, 0.95).unwrap();
        assert_eq!((ranks.low, ranks.high), (low, high), "n = {n}");
        close(ranks.confidence, confidence, 0.0006);
    }
}

#[test]
fn fewer_than_six_values_have_no_interval_at_95_percent() {
    assert_eq!(fewest_values(0.95), Some(6));
    for n in 0..6 {
        assert_eq!(median_ranks(n, 0.95), None, "n = {n}");
        assert_eq!(median_interval(&vec![1.0; n], 0.95), None);
    }
    assert_eq!(median(&[]), None);
    assert_eq!(fewest_values(1.0), None);
}

#[test]
fn the_interval_of_tied_values_is_made_of_those_values() {
    let interval = median_interval(&[5.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0, 2.0], 0.95).unwrap();
    assert_eq!((interval.low, interval.high), (2.0, 5.0));
    let equal = median_interval(&[2.0; 10], 0.95).unwrap();
    assert_eq!((equal.low, equal.high), (2.0, 2.0));
}

#[test]
fn the_sign_test_agrees_with_its_table_and_counts_zeros_against_significance() {
    close(sign_test(&[1.0; 6]), 0.03125, 1e-15);
    close(sign_test(&[-1.0; 8]), 0.0078125, 1e-15);
    let nine_of_ten = [1.0, 2.0, 1.0, 4.0, 1.0, 1.0, 1.0, 3.0, 1.0, -1.0];
    close(sign_test(&nine_of_ten), 22.0 / 1024.0, 1e-15);
    let with_a_zero = [1.0, 2.0, 1.0, 4.0, 1.0, 1.0, 1.0, 3.0, 1.0, 0.0];
    close(sign_test(&with_a_zero), 22.0 / 1024.0, 1e-15);
    close(sign_test(&[0.0; 12]), 1.0, 0.0);
    close(sign_test(&[1.0, -1.0]), 1.0, 0.0);
    close(sign_test(&[]), 1.0, 0.0);
}

#[test]
fn holm_multiplies_steps_down_and_caps() {
    let corrected = holm(&[0.01, 0.04, 0.03, 0.005]);
    for (found, expected) in corrected.iter().zip([0.03, 0.06, 0.06, 0.02]) {
        close(*found, expected, 1e-12);
    }
    assert_eq!(holm(&[0.6, 0.5]), [1.0, 1.0]);
    assert_eq!(holm(&[]), Vec::<f64>::new());
}

#[test]
fn every_quantile_asks_for_the_samples_of_the_table() {
    for (fraction, needed) in
        [(0.5, 6), (0.9, 36), (0.95, 72), (0.99, 368), (0.999, 3688), (0.9999, 36_887)]
    {
        assert_eq!(samples_needed(fraction, 0.95), Some(needed), "{fraction}");
        assert!(quantile_ranks(needed, fraction, 0.95).is_some(), "{fraction}");
        assert_eq!(quantile_ranks(needed - 1, fraction, 0.95), None, "{fraction}");
    }
    for quantile in Quantile::ALL {
        assert_eq!(samples_needed(quantile.fraction(), 0.95), Some(quantile.samples_needed()));
    }
    assert_eq!(samples_needed(1.0, 0.95), None);
    assert_eq!(quantile_ranks(0, 0.5, 0.95), None);
}

#[test]
fn the_rank_band_of_a_quantile_is_exact_and_near_the_normal_one() {
    let ranks = quantile_ranks(10_000, 0.99, 0.95).unwrap();
    // The normal approximation has 9880 to 9921.
    assert!(ranks.low.abs_diff(9880) <= 1 && ranks.high.abs_diff(9921) <= 1, "{ranks:?}");
    assert!((0.95..0.96).contains(&ranks.confidence), "{ranks:?}");
}

#[test]
fn mann_kendall_has_the_exact_probabilities_of_kendall_s_table() {
    // One-sided probabilities of an S at least this large (Gilbert 1987, table A18).
    let table = [
        (4, 6, 0.042),
        (5, 8, 0.042),
        (5, 10, 0.0083),
        (8, 16, 0.031),
        (8, 20, 0.0071),
        (10, 5, 0.364),
        (10, 15, 0.108),
        (10, 21, 0.036),
        (10, 27, 0.0083),
        (10, 29, 0.0046),
        (10, 31, 0.0023),
    ];
    for (n, s, one_sided) in table {
        let found = mann_kendall(&series_with(n, s));
        assert_eq!(found.s, s, "n = {n}");
        close(found.p_value, 2.0 * one_sided, 0.0011);
    }
    close(mann_kendall(&series_with(10, 45)).p_value, 2.0 / 3_628_800.0, 1e-15);
}

/// A series of 1 to n with exactly this S: each neighbour exchanged in a rising one costs 2.
fn series_with(n: usize, s: i64) -> Vec<f64> {
    let mut series: Vec<f64> = (1..=n).map(|value| value as f64).collect();
    while mann_kendall(&series).s > s {
        let mut neighbours = series.windows(2);
        let rising = neighbours.position(|pair| pair[0] < pair[1]).expect("S is above its least");
        series.swap(rising, rising + 1);
    }
    series
}

#[test]
fn mann_kendall_with_ties_agrees_with_going_through_all_orders() {
    for values in [[1, 1, 2, 3, 4, 5], [1, 1, 2, 2, 2, 3], [1, 1, 1, 1, 1, 2], [7; 6]] {
        let mut orders = Vec::new();
        permute(&mut values.map(f64::from), 0, &mut orders);
        for series in orders.iter().step_by(37) {
            let found = mann_kendall(series);
            let as_far = orders
                .iter()
                .filter(|order| mann_kendall(order.as_slice()).s.abs() >= found.s.abs());
            close(found.p_value, as_far.count() as f64 / orders.len() as f64, 1e-12);
        }
    }
}

fn permute(values: &mut [f64; 6], from: usize, orders: &mut Vec<[f64; 6]>) {
    if from == values.len() {
        orders.push(*values);
    }
    for i in from..values.len() {
        values.swap(from, i);
        permute(values, from + 1, orders);
        values.swap(from, i);
    }
}

#[test]
fn a_series_without_an_order_has_no_trend() {
    close(mann_kendall(&[3.0; 30]).p_value, 1.0, 0.0);
    close(mann_kendall(&[]).p_value, 1.0, 0.0);
}

#[test]
fn the_blocks_foretold_are_the_rule_of_thumb_times_the_price_of_the_median() {
    // (2.8·σ/δ)²: 49 for 5 % and 2 %, 8 for equal ones; π/2 more for the median.
    for (scale, effect, mean_rule) in [(5.0, 2.0, 49.0), (5.0, 5.0, 7.85), (10.0, 5.0, 31.4)] {
        let found = values_needed(scale, effect, 0.05).unwrap();
        // 2.8 is 2.8016, and blocks are whole.
        close(found, mean_rule * std::f64::consts::FRAC_PI_2, 1.5);
    }
    assert_eq!(values_needed(1.0, 0.0, 0.05), None);
    assert_eq!(values_needed(1.0, -1.0, 0.05), None);
    assert_eq!(values_needed(f64::NAN, 1.0, 0.05), None);
}

#[test]
fn the_robust_scale_is_not_moved_by_an_outlier() {
    close(robust_scale(&[1.0, 2.0, 3.0, 4.0, 5.0]).unwrap(), 1.4826, 1e-12);
    close(robust_scale(&[1.0, 2.0, 3.0, 4.0, 500.0]).unwrap(), 1.4826, 1e-12);
    assert!(robust_scale(&[1.0, 1.0, 1.0, 1.0, 9.0]).unwrap() > 0.0);
    assert_eq!(robust_scale(&[]), None);
}

#[test]
fn the_bootstrap_is_the_same_for_the_same_seed_and_any_order() {
    let values = [3.1, -0.4, 2.2, 7.9, 1.5, 0.3, 2.8, 4.4, 1.1, 2.0];
    let mut turned = values;
    turned.reverse();
    let interval = bca_median(&values, 0.95, 10_000, 5).unwrap();
    assert_eq!(Some(interval), bca_median(&turned, 0.95, 10_000, 5));
    assert_eq!(interval.method, Method::Accelerated);
    let point = median(&values).unwrap();
    assert!(interval.low <= point && point <= interval.high, "{interval:?}");
    let exact = median_interval(&values, 0.95).unwrap();
    assert!(interval.low >= exact.low - 1.0 && interval.high <= exact.high + 4.0, "{interval:?}");
}
