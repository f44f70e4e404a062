//! Which trial of a block counts for which quantile. That choosing so favours nothing is in loadgen's
//! `simulate`.

use bench::analysis::{Bootstrap, analyse_with, counting, pooled};
use bench::plan::Seed;
use bench::quantile::Quantile::{self, P50, P90, P99, P999};
use bench::record::{ComparisonRow, TrialRow};

use crate::support::{comparison, plan, trial};

const LATE: &str = "generator late: 1.20 % of the requests by more than 500 µs, 0.25 % is allowed";

/// A trial of block 1 whose median tells which one it is.
fn made(position: u32, us: f64, spoiled: &[Quantile]) -> TrialRow {
    let mut row = trial(1, "x", [us; 4]);
    row.position = position;
    row.spoiled = spoiled.iter().map(|quantile| (*quantile, LATE.to_owned())).collect();
    row
}

fn rejected(mut row: TrialRow) -> TrialRow {
    row.admitted = false;
    row.rejected = Some("drifting: it rose".to_owned());
    row
}

fn counted(trials: &[TrialRow], quantile: Quantile) -> Option<f64> {
    counting(trials, "x", quantile).get(&1).and_then(|row| row.response_time_us.p50)
}

#[test]
fn each_quantile_is_of_the_first_trial_in_which_the_machine_did_not_spoil_it() {
    let trials = [made(6, 3.0, &[]), made(1, 1.0, &[P99, P999]), made(5, 2.0, &[P999])];
    assert_eq!(counted(&trials, P50), Some(1.0));
    assert_eq!(counted(&trials, P90), Some(1.0));
    assert_eq!(counted(&trials, P99), Some(2.0));
    assert_eq!(counted(&trials, P999), Some(3.0));
}

#[test]
fn a_quantile_that_every_trial_of_the_block_spoilt_is_lacking() {
    let trials = [made(1, 1.0, &[P99]), made(5, 2.0, &[P99])];
    assert_eq!(counted(&trials, P99), None);
}

#[test]
fn a_repeat_does_not_stand_in_for_what_the_subject_brought_about() {
    // It drifted, and was repeated for the sake of its p99 alone.
    let trials = [rejected(made(1, 1.0, &[P99])), made(5, 2.0, &[])];
    assert_eq!(counted(&trials, P50), None);
    assert_eq!(counted(&trials, P99), Some(2.0));
}

#[test]
fn the_remark_says_how_many_blocks_lack_the_quantile_and_why() {
    let mut plan = plan("x");
    plan.comparisons = vec![comparison("overhead", "y", "x")];
    let mut trials: Vec<TrialRow> = (1..=9)
        .flat_map(|block| ["x", "y"].map(|variant| trial(block, variant, [100.0; 4])))
        .collect();
    trials[0].spoiled.insert(P99, LATE.to_owned());
    trials[1].spoiled.insert(P99, format!("{LATE}; time stolen: 2.00 % by the hypervisor"));
    trials[3] = rejected(trials[3].clone());
    trials.pop();
    let rows = analysed(&plan, &trials);
    let remark = |row: &ComparisonRow| row.remark.clone().unwrap();
    assert_eq!((rows[0].blocks, rows[2].blocks), (7, 6));
    assert!(
        remark(&rows[0])
            .ends_with("2 of 9 blocks have no admitted p50 of both: drifting in 1, not made in 1"),
        "{}",
        remark(&rows[0])
    );
    assert!(
        remark(&rows[2]).ends_with(
            "3 of 9 blocks have no admitted p99 of both: drifting in 1, generator late in 1, \
             not made in 1, time stolen in 1"
        ),
        "{}",
        remark(&rows[2])
    );
}

#[test]
fn a_curve_is_of_trials_that_are_whole_as_far_as_it_goes() {
    let trials = [made(1, 1.0, &[]), made(2, 1.0, &[P999]), made(3, 1.0, &[P99])];
    let pool = pooled(&trials, "x").unwrap();
    assert_eq!((pool.trials.len(), pool.end), (2, Some(P99)));
    assert_eq!(pooled(&trials[..2], "x").unwrap().end, None);
    assert_eq!(pooled(&trials[2..], "x").unwrap().end, Some(P90));
    assert_eq!(pooled(&[rejected(made(1, 1.0, &[]))], "x"), None);
}

fn analysed(plan: &bench::record::PlanRecord, trials: &[TrialRow]) -> Vec<ComparisonRow> {
    let bootstrap = Bootstrap { seed: Seed(1), resamples: 0 };
    analyse_with(plan, trials, "embedded", &bootstrap).comparisons
}
