//! Laws of the comparison: they hold for all figures, whatever they are.

use bench::analysis::{Bootstrap, analyse, analyse_with};
use bench::plan::Seed;
use bench::record::{ComparisonRow, PlanRecord, TrialRow, Verdict};
use bench::stats::sign::sign_test;
use proptest::collection::vec;
use proptest::prelude::*;

use crate::support::{comparison, plan, trial};

const SEED: Seed = Seed(7);

/// Medians in microseconds of both sides of each block.
fn blocks() -> impl Strategy<Value = Vec<(f64, f64)>> {
    vec((100.0..2000.0_f64, 100.0..2000.0_f64), 6..25)
}

fn with_margin(at_least_us: f64) -> PlanRecord {
    let mut plan = plan("b");
    plan.margin.at_least_us = at_least_us;
    plan.comparisons = vec![comparison("overhead", "c", "b")];
    plan
}

fn trials(blocks: &[(f64, f64)]) -> Vec<TrialRow> {
    let both = (1..).zip(blocks).flat_map(|(block, &(candidate, baseline))| {
        let all = |p50: f64| [p50, 1.5 * p50, 2.0 * p50, 3.0 * p50];
        [trial(block, "c", all(candidate)), trial(block, "b", all(baseline))]
    });
    both.collect()
}

fn at_p50(blocks: &[(f64, f64)], margin: f64) -> ComparisonRow {
    analyse(&with_margin(margin), &trials(blocks), SEED, "embedded").comparisons.remove(0)
}

fn near(a: f64, b: f64) -> bool {
    (a - b).abs() <= 1e-9 * (1.0 + a.abs())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 32, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn adding_c_to_one_side_moves_the_estimate_by_c(blocks in blocks(), c in 0.0..500.0_f64) {
        let moved: Vec<(f64, f64)> = blocks.iter().map(|&(x, y)| (x + c, y)).collect();
        let (before, after) = (at_p50(&blocks, 5.0), at_p50(&moved, 5.0));
        let (before, after) = (before.overhead_us.unwrap(), after.overhead_us.unwrap());
        prop_assert!(near(before.point + c, after.point));
        prop_assert!(near(before.low + c, after.low));
        prop_assert!(near(before.high + c, after.high));
    }

    #[test]
    fn swapping_the_sides_mirrors_estimate_interval_and_verdict(blocks in blocks(), margin in 0.0..300.0_f64) {
        let swapped: Vec<(f64, f64)> = blocks.iter().map(|&(x, y)| (y, x)).collect();
        let (one, other) = (at_p50(&blocks, margin), at_p50(&swapped, margin));
        let (a, b) = (one.overhead_us.unwrap(), other.overhead_us.unwrap());
        prop_assert!(near(a.point, -b.point) && near(a.low, -b.high) && near(a.high, -b.low));
        let (r, s) = (one.ratio.unwrap(), other.ratio.unwrap());
        prop_assert!(near(r.point, 1.0 / s.point) && near(r.low, 1.0 / s.high));
        let mirrored = match other.verdict {
            Verdict::Slower => Verdict::Faster,
            Verdict::Faster => Verdict::Slower,
            same => same,
        };
        prop_assert_eq!(one.verdict, mirrored);
        prop_assert_eq!(one.p_value, other.p_value);
    }

    #[test]
    fn the_interval_contains_the_point_and_is_sure_enough(blocks in blocks()) {
        let row = at_p50(&blocks, 5.0);
        for estimate in [row.overhead_us.unwrap(), row.ratio.unwrap()] {
            prop_assert!(estimate.low <= estimate.point && estimate.point <= estimate.high);
            prop_assert!(estimate.confidence >= 0.95);
        }
        let second = row.bootstrap_us.unwrap();
        prop_assert!(second.low <= second.high);
    }

    #[test]
    fn the_order_of_the_blocks_changes_nothing(blocks in blocks(), turn in 0_usize..25) {
        let mut turned = blocks.clone();
        turned.rotate_left(turn % blocks.len());
        turned.swap(0, blocks.len() / 2);
        prop_assert_eq!(at_p50(&blocks, 5.0), at_p50(&turned, 5.0));
    }

    #[test]
    fn the_order_of_the_trials_changes_nothing(blocks in blocks()) {
        let mut rows = trials(&blocks);
        let analysis = analyse(&with_margin(5.0), &rows, SEED, "embedded");
        rows.reverse();
        prop_assert_eq!(analysis, analyse(&with_margin(5.0), &rows, SEED, "embedded"));
    }

    #[test]
    fn the_interval_excludes_zero_exactly_when_the_sign_test_says_so(blocks in blocks()) {
        let rounded: Vec<(f64, f64)> =
            blocks.iter().map(|&(x, y)| ((x / 300.0).round(), (y / 300.0).round())).collect();
        let differences: Vec<f64> = rounded.iter().map(|(x, y)| x - y).collect();
        let trials = trials(&rounded);
        let bootstrap = Bootstrap { seed: SEED, resamples: 0 };
        let row = &analyse_with(&with_margin(0.0), &trials, "embedded", &bootstrap).comparisons[0];
        let interval = row.overhead_us.unwrap();
        let excludes = interval.low > 0.0 || interval.high < 0.0;
        prop_assert_eq!(excludes, sign_test(&differences) <= 1.0 - interval.confidence + 1e-12);
        prop_assert_eq!(row.bootstrap_us, None);
    }

    #[test]
    fn a_verdict_is_what_its_interval_says(blocks in blocks(), margin in 0.0..800.0_f64) {
        let row = at_p50(&blocks, margin);
        let interval = row.overhead_us.unwrap();
        match row.verdict {
            Verdict::Equivalent => prop_assert!(-margin <= interval.low && interval.high <= margin),
            Verdict::Slower => prop_assert!(interval.low > 0.0 && interval.high > margin),
            Verdict::Faster => prop_assert!(interval.high < 0.0 && interval.low < -margin),
            Verdict::Inconclusive => prop_assert!(row.remark.is_some()),
        }
    }
}
