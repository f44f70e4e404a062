//! What the planning figures promise, against simulation.

use bench::stats::order::median_interval;
use bench::stats::power::{
    POWER, expected_half_width, sign_test_power, smallest_effect, values_for_half_width,
};
use bench::stats::sign::sign_test;

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

const RUNS: u32 = 2000;

/// A standard normal value (Box and Muller).
fn normal(rng: &mut ChaCha8Rng) -> f64 {
    let mut uniform = || ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64;
    (-2.0 * uniform().ln()).sqrt() * (std::f64::consts::TAU * uniform()).cos()
}

#[test]
fn the_smallest_effect_is_found_four_times_out_of_five() {
    let mut rng = ChaCha8Rng::seed_from_u64(21);
    for (n, level) in [(8, 0.05 / 3.0), (24, 0.05 / 4.0), (90, 0.05)] {
        let effect = smallest_effect(n, 10.0, level).expect("enough values");
        let found = (0..RUNS)
            .filter(|_| {
                let values: Vec<f64> = (0..n).map(|_| effect + 10.0 * normal(&mut rng)).collect();
                sign_test(&values) <= level
            })
            .count();
        let share = found as f64 / f64::from(RUNS);
        // Four standard deviations of 2000 draws are 3.6 %.
        assert!((share - POWER).abs() < 0.036, "{n} values: {share}");
    }
}

#[test]
fn few_values_find_nothing_and_more_find_less() {
    assert_eq!(smallest_effect(5, 1.0, 0.05), None);
    assert_eq!(smallest_effect(7, 1.0, 0.05 / 4.0), None);
    assert!(sign_test_power(5, 8.0, 0.05) < 1e-12);
    let effects: Vec<f64> =
        [8, 16, 64, 256, 4000].map(|n| smallest_effect(n, 1.0, 0.05).expect("enough")).to_vec();
    assert!(effects.windows(2).all(|two| two[1] < two[0]), "{effects:?}");
}

#[test]
fn the_expected_half_width_is_what_intervals_have_on_average() {
    let mut rng = ChaCha8Rng::seed_from_u64(22);
    for n in [8, 24, 100] {
        let widths: f64 = (0..RUNS)
            .map(|_| {
                let values: Vec<f64> = (0..n).map(|_| normal(&mut rng)).collect();
                let interval = median_interval(&values, 0.95).expect("enough values");
                (interval.high - interval.low) / 2.0
            })
            .sum();
        let found = widths / f64::from(RUNS);
        let expected = expected_half_width(n, 1.0, 0.95).expect("enough values");
        assert!((found / expected - 1.0).abs() < 0.03, "{n} values: {found} and {expected}");
    }
}

#[test]
fn so_many_values_are_planned_that_the_interval_is_as_narrow_as_wished() {
    for half_width in [1.2, 0.5, 0.1, 0.02] {
        let n = values_for_half_width(1.0, half_width, 0.95).expect("enough");
        let at = |n: usize| expected_half_width(n, 1.0, 0.95);
        assert!(at(n).is_some_and(|half| half <= half_width), "{n}");
        assert!(n == 6 || at(n - 1).is_none_or(|half| half > half_width), "{n}");
    }
    assert_eq!(values_for_half_width(1.0, 10.0, 0.95), Some(6), "an interval needs six");
    assert_eq!(values_for_half_width(1.0, 1e-6, 0.95), None);
}
