//! What the methods promise, counted over many simulated runs with fixed seeds. METHOD.md quotes
//! these figures; `cargo test -p bench --test statistics -- simulation --nocapture` prints them.

use bench::admit::Admission;
use bench::analysis::{Bootstrap, analyse_with};
use bench::plan::Seed;
use bench::record::{PlanRecord, TrialRow, Verdict};
use bench::stats::bootstrap::bca_median;
use bench::stats::order::median_interval;
use scenarios::scenario::Gates;

use crate::records::{record, slices, spec, work};
use crate::support::{Noise, plan, summary, trial};

const NO_BOOTSTRAP: Bootstrap = Bootstrap { seed: Seed(1), resamples: 0 };

/// Trials of each simulation of the drift gate.
const TRIALS: u32 = 8000;

/// Three standard errors of a share counted over this many runs.
fn three_errors(share: f64, runs: u32) -> f64 {
    3.0 * (share * (1.0 - share) / f64::from(runs)).sqrt()
}

#[test]
fn simulation_the_interval_of_the_median_covers_as_often_as_it_says() {
    const RUNS: u32 = 4000;
    type Law = (&'static str, fn(&mut Noise) -> f64);
    let laws: [Law; 3] = [
        ("normal", Noise::normal),
        ("lognormal", |noise| noise.normal().exp() - 1.0),
        ("Cauchy", |noise| (std::f64::consts::PI * (noise.uniform() - 0.5)).tan()),
    ];
    for (law, (name, draw)) in (1..).zip(laws) {
        for n in [6, 8, 10, 12, 30] {
            let mut noise = Noise::new(1000 * law + n);
            let mut covered = 0_u32;
            let mut confidence = 0.0;
            for _ in 0..RUNS {
                let values: Vec<f64> = (0..n).map(|_| draw(&mut noise)).collect();
                let interval = median_interval(&values, 0.95).unwrap();
                confidence = interval.confidence;
                covered += u32::from(interval.low <= 0.0 && 0.0 <= interval.high);
            }
            let share = f64::from(covered) / f64::from(RUNS);
            println!("{name}, {n} blocks: covered {share:.4}, exact {confidence:.4}");
            assert!((share - confidence).abs() <= three_errors(confidence, RUNS), "{name} {n}");
            assert!(share >= 0.95, "{name} {n}");
        }
    }
}

#[test]
fn simulation_the_bootstrap_s_coverage_is_known() {
    const RUNS: u32 = 600;
    for (n, at_least) in [(8, 0.88), (10, 0.88), (30, 0.90)] {
        let mut noise = Noise::new(n);
        let mut covered = 0_u32;
        for run in 0..RUNS {
            let values: Vec<f64> = (0..n).map(|_| noise.normal()).collect();
            let interval = bca_median(&values, 0.95, 1000, u64::from(run)).unwrap();
            covered += u32::from(interval.low <= 0.0 && 0.0 <= interval.high);
        }
        let share = f64::from(covered) / f64::from(RUNS);
        println!("bootstrap, normal, {n} blocks: covered {share:.3}");
        assert!(share >= at_least, "{n} blocks: {share}");
    }
}

/// Runs with an A/A pair whose second is slower by `shift` (in log units): the share of runs with
/// a verdict of slower or faster at any quantile, and at p99.
fn decided(blocks: u32, shift: f64, runs: u32, seed: u64) -> (f64, f64) {
    let plan = plan("x");
    let mut noise = Noise::new(seed);
    let mut trials: Vec<TrialRow> = (1..=blocks)
        .flat_map(|block| ["x", "x#2"].map(|variant| trial(block, variant, [1.0; 4])))
        .collect();
    let (mut any, mut at_p99) = (0, 0);
    for _ in 0..runs {
        for trial in &mut trials {
            let factor = if trial.variant == "x" { 1.0 } else { shift.exp() };
            trial.response_time_us = summary(noise.quantiles(0.05).map(|us| us * factor));
        }
        let verdicts = verdicts(&plan, &trials);
        let is_decided = |verdict: &Verdict| matches!(verdict, Verdict::Slower | Verdict::Faster);
        any += u32::from(verdicts.iter().any(is_decided));
        at_p99 += u32::from(verdicts[2] == Verdict::Slower);
    }
    (f64::from(any) / f64::from(runs), f64::from(at_p99) / f64::from(runs))
}

fn verdicts(plan: &PlanRecord, trials: &[TrialRow]) -> Vec<Verdict> {
    let analysis = analyse_with(plan, trials, "embedded", &NO_BOOTSTRAP);
    analysis.comparisons.iter().map(|row| row.verdict).collect()
}

#[test]
fn simulation_two_identical_variants_are_told_apart_in_at_most_one_run_of_twenty() {
    for blocks in [8, 10, 12] {
        let (any, _) = decided(blocks, 0.0, 2000, u64::from(blocks));
        println!("A/A, {blocks} blocks: slower or faster at any of 4 quantiles in {any:.4}");
        assert!(any <= 0.05, "{blocks} blocks: {any}");
    }
}

#[test]
fn simulation_a_planted_shift_is_found() {
    // The noise of p99 is 10 % a trial, so 14 % in a difference of two.
    for (blocks, shift, at_least) in
        [(8, 0.4, 0.90), (10, 0.4, 0.90), (10, 0.2, 0.2), (30, 0.15, 0.8)]
    {
        let (_, found) = decided(blocks, shift, 500, 100 + u64::from(blocks));
        println!("p99 noise 10 %, shift {shift}, {blocks} blocks: found in {found:.3}");
        assert!(found >= at_least, "{blocks} blocks, {shift}: {found}");
    }
}

/// The share of trials rejected for drift when the slices vary by sigma (in log units), each
/// holding on to this share of the one before.
fn called_drift(sigma: f64, carried: f64, seed: u64) -> f64 {
    let mut noise = Noise::new(seed);
    let mut record = record();
    let (spec, work, gates) = (spec(), work(), Gates::default());
    let mut rejected = 0;
    for _ in 0..TRIALS {
        let mut state = noise.normal();
        record.slices = slices([(); 10].map(|()| {
            state = carried * state + (1.0 - carried * carried).sqrt() * noise.normal();
            1000.0 * (sigma * state).exp()
        }));
        rejected += u32::from(!Admission::of(&spec, &record, &work, &gates).admitted());
    }
    f64::from(rejected) / f64::from(TRIALS)
}

#[test]
fn simulation_a_steady_trial_is_rarely_called_drifting() {
    for (sigma, seed) in [(0.05, 1), (0.25, 2), (0.6, 3)] {
        let share = called_drift(sigma, 0.0, seed);
        println!("drift gate, steady, noise {sigma}: rejected {share:.4}");
        // The exact share for exchangeable slices, see `bench::admit::DRIFT_LEVEL`.
        assert!(share <= 0.0091 + three_errors(0.0091, TRIALS), "noise {sigma}: {share}");
    }
    for (sigma, seed) in [(0.05, 4), (0.25, 5)] {
        let share = called_drift(sigma, 0.5, seed);
        println!("drift gate, noise {sigma} with autocorrelation 0.5: rejected {share:.4}");
        // Slow waves look like trends; the limit on the change is what holds small ones back.
        assert!(share <= if sigma < 0.1 { 0.001 } else { 0.08 }, "noise {sigma}: {share}");
    }
}
