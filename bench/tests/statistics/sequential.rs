//! The rule for looking after each value, against a published table, by its laws, and in the analysis
//! of a run that used it.

use bench::analysis::{Bootstrap, Rule, analyse_with};
use bench::plan::Seed;
use bench::quantile::Quantile;
use bench::record::{PlanRecord, TrialRow, Verdict};
use bench::stats::order::{median_interval, median_ranks};
use bench::stats::sequential::Sequential;
use bench::stats::sign::sign_test;
use bench::stopping::{Precision, Reach, Target};
use proptest::prelude::*;
use statrs::distribution::{ContinuousCDF, Normal};

use crate::support::{comparison, plan, trial};

fn rule(horizon: usize) -> Sequential {
    Sequential::new(horizon, 0.95).expect("enough values")
}

#[test]
fn a_rule_spends_no_more_than_it_has_and_most_of_it_where_it_can() {
    for horizon in [6, 7, 8, 12, 20, 60, 100, 300, 1000] {
        let rule = rule(horizon);
        let error = 1.0 - rule.confidence();
        assert!(error <= 0.05, "{horizon}: {error}");
        // Few values have few probabilities to choose from.
        assert!(error >= if horizon < 12 { 0.03 } else { 0.04 }, "{horizon}: {error}");
        let spent: Vec<f64> = (0..=horizon).map(|n| rule.spent(n)).collect();
        assert!(spent.is_sorted() && spent[0] == 0.0, "{horizon}");
        assert!((rule.spent(horizon + 5) - error).abs() < 1e-15);
        assert_eq!((rule.horizon(), rule.ranks(horizon + 1)), (horizon, None));
    }
    assert_eq!(Sequential::new(5, 0.95), None);
    assert_eq!(Sequential::new(0, 0.95), None);
}

#[test]
fn the_more_looks_there_may_be_the_less_each_may_ask_for() {
    // Found by counting paths in another program.
    for (horizon, level, fewest) in
        [(6, 0.03125, 6), (12, 0.03125, 6), (20, 0.02148, 7), (60, 0.01151, 8), (200, 0.00643, 9)]
    {
        let rule = rule(horizon);
        assert!((rule.look_level() - level).abs() < 1e-5, "{horizon}: {}", rule.look_level());
        assert_eq!(rule.fewest_values(), fewest, "{horizon}");
    }
}

// METHOD's figures: the normal quantile that a look asks for, and how many times the blocks that is.
#[test]
fn the_price_of_looking_is_what_the_method_says() {
    let alone = Normal::standard().inverse_cdf(0.975);
    for (horizon, z, times) in [(12, 2.15, 1.21), (60, 2.53, 1.66), (200, 2.73, 1.93)] {
        let asked = Normal::standard().inverse_cdf(1.0 - rule(horizon).look_level() / 2.0);
        assert!((asked - z).abs() < 0.005, "{horizon}: {asked}");
        assert!(((asked / alone).powi(2) - times).abs() < 0.005, "{horizon}");
    }
}

#[test]
fn an_interval_at_a_look_is_wider_than_one_for_a_number_set_beforehand() {
    let rule = rule(60);
    for n in 1..=60 {
        match (rule.ranks(n), median_ranks(n, 0.95)) {
            (Some(looked), Some(alone)) => assert!(looked.low <= alone.low, "{n}"),
            (looked, _) => assert_eq!(looked, None, "{n}"),
        }
    }
    let values: Vec<f64> = (0..30).map(|i| f64::from(i * 7 % 30)).collect();
    let (looked, alone) = (rule.interval(&values), median_interval(&values, 0.95));
    let (looked, alone) = (looked.expect("an interval"), alone.expect("an interval"));
    assert_eq!((looked.low, looked.high), (7.0, 22.0));
    assert!(looked.low <= alone.low && alone.high <= looked.high);
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() })]

    // The duality that a verdict rests on.
    #[test]
    fn an_interval_excludes_zero_exactly_when_the_p_value_is_within_the_error(
        values in prop::collection::vec(-1.0..1.0_f64, 6..40),
        shift in -1.0..1.0_f64,
        horizon in 40_usize..80,
    ) {
        let rule = rule(horizon);
        let values: Vec<f64> = values.iter().map(|value| value + shift).collect();
        let p_value = rule.p_value(sign_test(&values));
        let excludes = rule.interval(&values).is_some_and(|i| i.low > 0.0 || i.high < 0.0);
        prop_assert_eq!(excludes, p_value <= 0.05, "{} of {:?}", p_value, values);
        prop_assert!(p_value >= sign_test(&values) - 1e-12);
    }

    #[test]
    fn a_smaller_p_value_stays_the_smaller(one in 0.0..1.0_f64, other in 0.0..1.0_f64) {
        let rule = rule(50);
        let (less, more) = if one < other { (one, other) } else { (other, one) };
        prop_assert!(rule.p_value(less) <= rule.p_value(more));
    }
}

fn run(blocks: u32, overhead: f64) -> (PlanRecord, Vec<TrialRow>) {
    let mut plan = plan("b");
    plan.comparisons = vec![comparison("overhead", "c", "b")];
    plan.blocks = 60;
    let reach = Reach::Percent(5.0);
    let targets = vec![Target { quantile: Quantile::P50, reach }];
    plan.precision = Some(Precision { targets, within_s: None });
    let trials = (1..=blocks).flat_map(|number| {
        let wave = f64::from(number * 7 % 11);
        let baseline = [300.0, 400.0, 1000.0, 2000.0];
        let candidate = baseline.map(|us| us + overhead + wave);
        [trial(number, "c", candidate), trial(number, "b", baseline)]
    });
    (plan, trials.collect())
}

#[test]
fn a_run_that_may_stop_is_analysed_by_the_rule_at_every_quantile() {
    let none = Bootstrap { seed: Seed(1), resamples: 0 };
    let (mut plan, trials) = run(10, 50.0);
    let looked = analyse_with(&plan, &trials, "embedded", &none).comparisons;
    let rule = Rule::of(&plan);
    for row in &looked {
        let overhead = row.overhead_us.expect("an estimate");
        assert!((overhead.confidence - 1.0 + rule.spent(60)).abs() < 1e-12);
        // Ten of ten: 2·2⁻¹⁰ alone, and the chance to meet as little at any of 60 looks.
        let p_value = row.p_value.expect("tested");
        assert!(p_value > 2.0 / 1024.0 && p_value < 0.0125, "{p_value}");
        assert_eq!(row.verdict, Verdict::Slower, "{:?}", row.remark);
    }
    plan.precision = None;
    let alone = analyse_with(&plan, &trials, "embedded", &none).comparisons;
    assert!((alone[0].p_value.expect("tested") - 2.0 / 1024.0).abs() < 1e-12);
    // Eight of eight hold over four quantiles only where the eight were set beforehand.
    let (plan, trials) = run(8, 50.0);
    let row = &analyse_with(&plan, &trials, "embedded", &none).comparisons[0];
    assert_eq!(row.verdict, Verdict::Inconclusive);
    assert!(row.remark.as_ref().is_some_and(|remark| remark.contains("Holm")), "{:?}", row.remark);
}

#[test]
fn a_verdict_says_when_it_does_not_hold_over_the_run() {
    let mut plan = plan("b");
    let names = ["c", "d", "e", "f"];
    plan.comparisons = names.map(|name| comparison(name, name, "b")).to_vec();
    let trials: Vec<TrialRow> = (1..=8)
        .flat_map(|block| {
            let wave = f64::from(block * 5 % 8) - 3.5;
            let level = |name: &str| if name == "c" { 500.0 + wave } else { 300.0 + wave };
            let others = names.map(|name| trial(block, name, [level(name); 4]));
            others.into_iter().chain([trial(block, "b", [300.0; 4])])
        })
        .collect();
    let none = Bootstrap { seed: Seed(1), resamples: 0 };
    let rows = analyse_with(&plan, &trials, "embedded", &none).comparisons;
    // Eight of eight: p = 1/128 each, times 4 for the comparison and 16 for the run.
    let p50 = &rows[0];
    assert_eq!(p50.verdict, Verdict::Slower);
    assert!((p50.p_holm.expect("tested") - 4.0 / 128.0).abs() < 1e-12);
    assert!((p50.p_run.expect("tested") - 16.0 / 128.0).abs() < 1e-12);
    assert_eq!(
        p50.remark.as_deref(),
        Some(
            "holds for this comparison, not after Holm's correction over all 16 tests of the run \
             (p = 0.125)"
        )
    );
}
