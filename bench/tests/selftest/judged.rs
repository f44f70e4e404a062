//! The controls and the verdict.

use bench::quantile::Quantile;
use bench::record::Verdict;
use bench::selftest::{
    Control, ControlState, SelftestRecord, headline, measured_anything, outcome, pacing, render,
};
use scenarios::load::Arrivals;

use crate::made::{HONEST, Machine, selftest, stamped, stamps};

fn control<'a>(record: &'a SelftestRecord, name: &str) -> &'a Control {
    let found = record.outcome.controls.iter().find(|control| control.name.contains(name));
    found.unwrap_or_else(|| panic!("no control {name}"))
}

#[test]
fn an_honest_machine_passes_every_control_and_is_fit_at_every_quantile() {
    let record = selftest(HONEST);
    for control in &record.outcome.controls {
        assert_eq!(control.state, ControlState::Passed, "{control:?}");
    }
    assert_eq!(record.outcome.controls.len(), 6);
    assert!(record.outcome.fitness.iter().all(|fitness| fitness.fit), "{:?}", record.outcome);
    assert!(headline(&record.outcome).starts_with("fit to resolve"));
    assert!(measured_anything(&record));
}

#[test]
fn the_same_called_different_fails_its_control() {
    let record = selftest(Machine { twin_us: 100.0, ..HONEST });
    let control = control(&record, "the same is called the same");
    assert_eq!(control.state, ControlState::Failed, "{control:?}");
    assert!(headline(&record.outcome).starts_with("do not trust"));
    assert!(record.outcome.fitness.iter().all(|fitness| !fitness.fit));
}

#[test]
fn blocks_are_judged_in_batches_as_long_as_a_smoke_run() {
    for (blocks, batches) in [(5, 0), (8, 1), (15, 1), (16, 2), (30, 3)] {
        let same = selftest(Machine { blocks, ..HONEST }).same_twice.unwrap();
        assert_eq!((same.blocks, same.batches), (blocks, batches));
    }
    let differs = selftest(Machine { blocks: 30, twin_us: 100.0, ..HONEST }).same_twice.unwrap();
    assert_eq!(differs.batches_different, 3);
    assert!(differs.p_value < 0.001, "{}", differs.p_value);
}

#[test]
fn a_planted_delay_that_is_not_found_fails() {
    let record = selftest(Machine { heard: 0.0, ..HONEST });
    assert_eq!(control(&record, "planted is found").state, ControlState::Failed);
    assert_eq!(control(&record, "true to size").state, ControlState::Failed);
}

#[test]
fn a_planted_delay_that_noise_could_hide_is_no_untruth() {
    let mut record = selftest(HONEST);
    for row in &mut record.planted {
        row.verdict = Verdict::Inconclusive;
    }
    record.outcome = outcome(&record, &[]);
    assert_eq!(control(&record, "planted is found").state, ControlState::Failed);
    for row in &mut record.same_twice.as_mut().unwrap().floor {
        row.spread_us = Some(700.0);
    }
    record.outcome = outcome(&record, &[]);
    let found = control(&record, "planted is found");
    assert_eq!(found.state, ControlState::Undecided);
    assert!(found.finding.contains("hidden by noise at p50, p90, p99"), "{}", found.finding);
}

#[test]
fn a_planted_delay_that_is_found_too_large_fails() {
    let record = selftest(Machine { heard: 1.2, ..HONEST });
    assert_eq!(control(&record, "planted is found").state, ControlState::Passed);
    let size = control(&record, "true to size");
    assert_eq!(size.state, ControlState::Failed);
    assert!(size.finding.contains("delay-1ms at p50 is off by +199 µs"), "{}", size.finding);
}

#[test]
fn a_delay_of_few_leaves_the_median_and_moves_the_p99() {
    let record = selftest(HONEST);
    let tail = |quantile: Quantile| {
        let mut rows = record.planted.iter().filter(|row| row.variant == "tail-1ms");
        rows.find(|row| row.quantile == quantile).unwrap()
    };
    assert!(tail(Quantile::P50).truth_us.unwrap().abs() < 2.0);
    assert_ne!(tail(Quantile::P50).verdict, Verdict::Slower);
    let p99 = tail(Quantile::P99).truth_us.unwrap();
    assert!((700.0..1000.0).contains(&p99), "1 ms beside a tail of its own: {p99}");
    assert_eq!(tail(Quantile::P99).verdict, Verdict::Slower);
}

#[test]
fn a_late_generator_takes_the_p99_and_nothing_else() {
    let record = selftest(Machine { late: true, ..HONEST });
    let fit = |quantile| {
        record.outcome.fitness.iter().find(|fitness| fitness.quantile == quantile).unwrap()
    };
    assert!(fit(Quantile::P50).fit);
    assert!(fit(Quantile::P99).why_not.as_ref().unwrap().contains("generator late in 8"));
    assert!(record.outcome.hindrances.iter().any(|found| found.what == "late timers"));
    assert_eq!(record.outcome.controls_in(ControlState::Failed).count(), 0);
    assert!(headline(&record.outcome).ends_with("not fit at p99"));
}

#[test]
fn too_few_blocks_decide_nothing_and_are_no_measurement() {
    let record = selftest(Machine { blocks: 2, ..HONEST });
    assert_eq!(control(&record, "the same is").state, ControlState::Undecided);
    assert_eq!(control(&record, "planted is found").state, ControlState::Undecided);
    assert!(!measured_anything(&record));
}

#[test]
fn a_stall_that_is_not_counted_fails() {
    let mut record = selftest(HONEST);
    for row in &mut record.stall.as_mut().unwrap().rows {
        row.open_us = row.closed_us;
    }
    record.outcome = outcome(&record, &[]);
    assert_eq!(control(&record, "a stall is counted").state, ControlState::Failed);
}

#[test]
fn arrivals_that_are_not_as_drawn_fail_unless_the_generator_says_that_it_was_late() {
    let mut record = selftest(HONEST);
    let mut rng = bench::plan::Seed(7).rng("arrivals");
    let even = stamps(Arrivals::Constant, 4000, &mut rng);
    for (lag_us, state) in [(15, ControlState::Failed), (400, ControlState::Undecided)] {
        let part = pacing(&stamped(Arrivals::Poisson, even.clone(), lag_us)).unwrap();
        record.pacing[1] = part;
        record.outcome = outcome(&record, &[]);
        assert_eq!(control(&record, "are Poisson").state, state);
    }
}

#[test]
fn a_rate_that_does_not_arrive_fails() {
    let mut record = selftest(HONEST);
    let slow: Vec<u64> = (0..4000).map(|i| i * 1_030_000).collect();
    record.pacing[0] = pacing(&stamped(Arrivals::Constant, slow, 15)).unwrap();
    record.outcome = outcome(&record, &[]);
    assert_eq!(control(&record, "the rate arrives").state, ControlState::Failed);
}

#[test]
fn what_is_in_the_way_comes_with_what_to_do() {
    let record = selftest(HONEST);
    let what: Vec<&str> = record.outcome.hindrances.iter().map(|it| it.what.as_str()).collect();
    assert_eq!(what, ["frequency scaling", "virtual machine"]);
    let mut shared = record;
    shared.provenance.placement.shared = true;
    let outcome = outcome(&shared, &[]);
    assert!(outcome.hindrances.iter().any(|it| it.advice.contains("two cores")));
}

#[test]
fn the_text_says_the_verdict_first_and_fits_the_terminal() {
    let text = render(&selftest(HONEST));
    assert!(text.lines().all(|line| line.chars().count() <= 100), "{text}");
    insta::assert_snapshot!("text", text);
    let late = render(&selftest(Machine { late: true, ..HONEST }));
    assert!(late.lines().all(|line| line.chars().count() <= 100), "{late}");
    insta::assert_snapshot!("text_late", late);
}
