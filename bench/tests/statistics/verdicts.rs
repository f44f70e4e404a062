//! What a run comes to: verdicts, remarks, the article's table.

use bench::analysis::{Analysis, analyse, enough_admitted};
use bench::plan::Seed;
use bench::quantile::Quantile;
use bench::record::{ArticleClaimRecord, ClaimVerdict, PlanRecord, TrialRow, Verdict};

use crate::records::claim;
use crate::support::{comparison, plan, trial};

/// A run of candidate and baseline with these overheads at every quantile, one a block.
fn run(overheads: &[f64]) -> (PlanRecord, Vec<TrialRow>) {
    let mut plan = plan("b");
    plan.margin.at_least_us = 20.0;
    plan.margin.percent = 5.0;
    plan.comparisons = vec![comparison("overhead", "c", "b")];
    let trials = (1..).zip(overheads).flat_map(|(block, &overhead)| {
        let baseline = [300.0, 400.0, 1000.0, 2000.0];
        [trial(block, "c", baseline.map(|us| us + overhead)), trial(block, "b", baseline)]
    });
    (plan, trials.collect())
}

fn analysed(run: &(PlanRecord, Vec<TrialRow>)) -> Analysis {
    analyse(&run.0, &run.1, Seed(7), "embedded")
}

fn spread(around: f64, by: f64, blocks: u32) -> Vec<f64> {
    (0..blocks).map(|i| around + by * (f64::from(i) / f64::from(blocks - 1) - 0.5)).collect()
}

#[test]
fn a_clear_overhead_is_slower_and_its_mirror_is_faster() {
    for (around, verdict) in [(200.0, Verdict::Slower), (-200.0, Verdict::Faster)] {
        let analysis = analysed(&run(&spread(around, 40.0, 10)));
        let p99 = &analysis.comparisons[2];
        assert_eq!((p99.quantile, p99.verdict, p99.blocks), (Quantile::P99, verdict, 10));
        assert_eq!(p99.remark, None);
        assert!((p99.overhead_us.unwrap().point - around).abs() < 1e-9);
        assert!((p99.margin_us.unwrap() - 50.0).abs() < 1e-9);
    }
}

#[test]
fn a_real_difference_within_the_margin_is_equivalent() {
    let analysis = analysed(&run(&spread(5.0, 4.0, 10)));
    for row in &analysis.comparisons {
        assert!(row.overhead_us.unwrap().low > 0.0);
        assert_eq!(row.verdict, Verdict::Equivalent, "{}", row.quantile.label());
    }
}

#[test]
fn an_interval_over_zero_that_leaves_the_margin_is_inconclusive_and_asks_for_blocks() {
    let analysis = analysed(&run(&spread(50.0, 500.0, 10)));
    let p50 = &analysis.comparisons[0];
    assert_eq!(p50.verdict, Verdict::Inconclusive);
    let remark = p50.remark.as_deref().unwrap();
    assert!(remark.starts_with("needs about ") && remark.ends_with(" more blocks"), "{remark}");
}

#[test]
fn six_blocks_that_agree_are_significant_alone_and_not_among_four_quantiles() {
    let analysis = analysed(&run(&spread(200.0, 40.0, 6)));
    let p50 = &analysis.comparisons[0];
    assert_eq!(p50.verdict, Verdict::Inconclusive);
    let remark = p50.remark.as_deref().unwrap();
    assert_eq!(
        remark,
        "significant alone (p = 0.031), not after Holm's correction over 4 quantiles \
         (p = 0.125); needs about 2 more blocks"
    );
}

#[test]
fn differences_that_can_not_be_told_get_other_advice_than_blocks() {
    let analysis = analysed(&run(&spread(0.0, 90_000.0, 10)));
    let remark = analysis.comparisons[0].remark.clone().unwrap();
    assert!(remark.starts_with("more blocks would hardly decide it"), "{remark}");
}

#[test]
fn rejected_trials_take_their_block_with_them() {
    let (plan, mut trials) = run(&spread(200.0, 40.0, 10));
    trials[0].admitted = false;
    trials[0].rejected = Some("drifting".to_owned());
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    assert_eq!(analysis.comparisons[0].blocks, 9);
    let remark = analysis.comparisons[0].remark.as_deref();
    assert_eq!(remark, Some("1 of 10 blocks has no admitted p50 of both: drifting in 1"));
    assert_eq!(enough_admitted(&analysis, &trials), Ok(()));
}

#[test]
fn a_run_without_an_estimate_says_why() {
    let (plan, mut trials) = run(&spread(200.0, 40.0, 7));
    for trial in trials.iter_mut().take(4) {
        trial.admitted = false;
        trial.rejected = Some("generator late".to_owned());
    }
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    let why = enough_admitted(&analysis, &trials).unwrap_err().to_string();
    assert_eq!(
        why,
        "no comparison has an estimate: 10 of 14 trials were admitted\n\
         overhead: an interval needs 6 blocks, and there are 5; 2 of 7 blocks have no admitted p50 of both: generator late in 2"
    );
}

#[test]
fn an_estimate_of_the_a_a_pair_alone_is_no_measurement_of_what_was_asked() {
    let (mut plan, trials) = run(&spread(200.0, 40.0, 10));
    let mut a_a = plan.comparisons[0].clone();
    a_a.name = "a-a".to_owned();
    plan.comparisons[0].candidate = "never admitted".to_owned();
    plan.comparisons.push(a_a);
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    assert!(analysis.comparisons.iter().any(|row| row.overhead_us.is_some()));
    assert!(enough_admitted(&analysis, &trials).is_err());
    // Where nothing else was asked, the pair is what was asked.
    plan.comparisons.remove(0);
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    assert_eq!(enough_admitted(&analysis, &trials), Ok(()));
}

#[test]
fn blocks_left_out_for_what_happened_in_them_leave_no_verdict() {
    let (plan, mut trials) = run(&spread(200.0, 40.0, 12));
    let verdict_at_p99 = |trials: &[TrialRow]| {
        let analysis = analyse(&plan, trials, Seed(7), "embedded");
        let row = analysis.comparisons.iter().find(|row| row.quantile == Quantile::P99);
        row.map(|row| (row.verdict, row.blocks, row.remark.clone())).unwrap()
    };
    assert_eq!(verdict_at_p99(&trials).0, Verdict::Slower);
    trials[0].response_time_us.at_least = vec![Quantile::P99];
    let (verdict, blocks, remark) = verdict_at_p99(&trials);
    assert_eq!((verdict, blocks), (Verdict::Inconclusive, 11));
    assert!(remark.unwrap().contains("1 of 12 blocks"));
}

#[test]
fn a_quantile_with_too_few_samples_says_how_long_the_run_must_be() {
    let (plan, mut trials) = run(&spread(200.0, 40.0, 10));
    for trial in &mut trials {
        trial.response_time_us.p999 = None;
        trial.response_time_us.count = 1000;
    }
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    let p999 = &analysis.comparisons[3];
    assert_eq!((p999.overhead_us, p999.p_value, p999.blocks), (None, None, 0));
    assert_eq!(
        p999.remark.as_deref(),
        Some("p99.9 needs 3688 requests a trial; these have 1000: run with --duration 4s or more")
    );
    // The correction is over the three quantiles that were tested.
    let p50 = &analysis.comparisons[0];
    assert!((p50.p_holm.unwrap() - 3.0 * p50.p_value.unwrap()).abs() < 1e-12);
}

#[test]
fn a_quantile_that_is_only_a_bound_is_not_estimated() {
    let (plan, mut trials) = run(&spread(200.0, 40.0, 10));
    for trial in trials.iter_mut().take(10) {
        trial.response_time_us.at_least = vec![Quantile::P999];
    }
    let analysis = analyse(&plan, &trials, Seed(7), "embedded");
    assert_eq!(analysis.comparisons[3].blocks, 5);
    assert_eq!(
        analysis.comparisons[3].remark.as_deref(),
        Some("p99.9 is only a lower bound in 5 of 10 blocks, since requests went unanswered")
    );
    assert_eq!(analysis.comparisons[2].verdict, Verdict::Slower);
}

fn claims() -> Vec<ArticleClaimRecord> {
    let mut memory = claim("Istio 1.25", "istio-1.25", "12MB");
    memory.row = "memory".to_owned();
    memory.comparison = None;
    memory.quantile = None;
    memory.why_not = Some("memory is not measured".to_owned());
    vec![
        claim("Istio 1.24", "istio-1.24", "3.2ms"),
        claim("Istio 1.25", "istio-1.25", "1.1ms"),
        memory,
    ]
}

#[test]
fn without_a_mesh_the_claims_stay_open_and_the_testbed_s_own_figure_stands_beside_them() {
    let mut run = run(&spread(200.0, 40.0, 10));
    run.0.article = claims();
    let article = analysed(&run).article;
    let columns: Vec<&str> = article.iter().map(|row| row.column.as_str()).collect();
    assert_eq!(columns, ["Istio 1.24", "Istio 1.25", "this testbed: embedded", "Istio 1.25"]);
    assert_eq!(
        article[1].why_not.as_deref(),
        Some("this run used loadgen's own sidecar, not Istio 1.25; only a mesh testbed answers it")
    );
    assert_eq!(article[2].verdict, ClaimVerdict::NoClaim);
    assert!((article[2].measured.unwrap().point - 200.0).abs() < 1e-9);
    assert_eq!(article[3].why_not.as_deref(), Some("memory is not measured"));
    for row in &article {
        assert_eq!(row.measured.is_none(), row.why_not.is_some());
        assert_eq!(row.verdict == ClaimVerdict::NotMeasured, row.why_not.is_some());
    }
}

#[test]
fn a_claim_about_a_mesh_is_answered_by_that_mesh_alone() {
    let (mut plan, mut trials) = run(&spread(2000.0, 400.0, 10));
    plan.article = claims();
    plan.comparisons = vec![comparison("overhead@istio-1.25", "c@istio-1.25", "b@istio-1.25")];
    for trial in &mut trials {
        trial.variant.push_str("@istio-1.25");
    }
    let article = analyse(&plan, &trials, Seed(7), "kind").article;
    assert_eq!(article.len(), 3);
    assert_eq!(
        article[0].why_not.as_deref(),
        Some("this run did not compare `overhead` on istio-1.24")
    );
    assert_eq!(article[1].verdict, ClaimVerdict::MeasuredHigher);
    // A version that the article does not know stands in a column of its own.
    plan.article.remove(1);
    let article = analyse(&plan, &trials, Seed(7), "kind").article;
    assert_eq!(article[1].column, "this testbed: kind, istio-1.25");
    assert_eq!(article[1].verdict, ClaimVerdict::NoClaim);
}

#[test]
fn claims_are_compared_with_the_interval_and_not_with_the_point() {
    let (mut plan, mut trials) = run(&spread(1100.0, 100.0, 10));
    plan.comparisons = vec![comparison("overhead", "c@m", "b")];
    for trial in trials.iter_mut().step_by(2) {
        trial.variant.push_str("@m");
    }
    for (claimed, verdict) in [
        ("1.12ms", ClaimVerdict::WithinInterval),
        ("1.2ms", ClaimVerdict::MeasuredLower),
        ("0.8ms", ClaimVerdict::MeasuredHigher),
        ("12MB", ClaimVerdict::NotMeasured),
    ] {
        plan.article = vec![claim("M", "m", claimed)];
        let article = analyse(&plan, &trials, Seed(7), "cluster").article;
        assert_eq!(article[0].verdict, verdict, "{claimed}");
    }
}
