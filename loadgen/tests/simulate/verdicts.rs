//! How often each verdict is wrong: slower and faster where nothing differs, with one comparison and
//! with many; equivalent where the difference is as large as the margin; the article's cells where
//! the claim is true. And how often a difference that is there is found.

use bench::analysis::analyse_with;
use bench::quantile::Quantile::{self, P50, P90, P99, P999};
use bench::record::{ClaimVerdict, ComparisonRow, PlanRecord, TrialRow, Verdict};

use crate::claim::{Bound, Study, claim, yes};
use crate::machine::{Course, Machine, NO_BOOTSTRAP, block, covers, overhead_and_a_a, told_apart};
use crate::noise::Noise;
use crate::records;
use crate::support::{comparison, plan, summary, trial};

/// The level that every verdict keeps.
const LEVEL: f64 = 0.05;

pub(crate) fn studies() -> Vec<Study> {
    let mut studies: Vec<Study> = [8, 10, 12, 30].into_iter().map(a_a).collect();
    studies.extend([8, 12, 30].into_iter().map(many));
    studies.extend([
        equivalent(),
        article(),
        busy("busy-8", 8, 0.0),
        busy("busy-12", 12, 0.0),
        busy("busy-planted", 12, 0.2),
        found(),
    ]);
    studies
}

fn rows(plan: &PlanRecord, trials: &[TrialRow]) -> Vec<ComparisonRow> {
    analyse_with(plan, trials, "embedded", &NO_BOOTSTRAP).comparisons
}

/// Blocks of variants, each with its factor, on a quiet machine.
fn quiet(variants: &[(&str, f64)], blocks: u32, sigma: f64, noise: &mut Noise) -> Vec<TrialRow> {
    let mut course = Course::new(Machine::QUIET, 1, noise);
    (1..=blocks)
        .flat_map(|number| block(number, variants, sigma, (&mut course, &mut *noise)))
        .collect()
}

fn a_a(blocks: u32) -> Study {
    let says = format!("A/A, {blocks} blocks: told apart at any of 4 quantiles");
    let run = move |noise: &mut Noise| {
        let trials = quiet(&[("x", 1.0), ("x#2", 1.0)], blocks, 0.05, noise);
        vec![yes(rows(&plan("x"), &trials).iter().any(told_apart))]
    };
    let claims = vec![claim(says, Bound::AtMost(LEVEL))];
    Study { name: format!("a-a-{blocks}"), every: 1, claims, run: Box::new(run) }
}

/// Five variants that are all the same, each compared with the control.
fn many(blocks: u32) -> Study {
    const SAME: [(&str, f64); 6] =
        [("x", 1.0), ("a", 1.0), ("b", 1.0), ("c", 1.0), ("d", 1.0), ("x#2", 1.0)];
    let claims = vec![
        claim(format!("{blocks} blocks, one of 5 comparisons: told apart"), Bound::AtMost(LEVEL)),
        claim("any of them after correction over the run", Bound::AtMost(LEVEL)),
        claim("any of them at its own level", Bound::ToldShare),
    ];
    let run = move |noise: &mut Noise| {
        let mut plan = plan("x");
        let others = ["a", "b", "c", "d"].map(|name| comparison(name, name, "x"));
        plan.comparisons.splice(0..0, others);
        let rows = rows(&plan, &quiet(&SAME, blocks, 0.05, noise));
        let over_the_run = |row: &ComparisonRow| row.p_run.is_some_and(|p_run| p_run <= LEVEL);
        vec![
            yes(rows[..4].iter().any(told_apart)),
            yes(rows.iter().any(|row| told_apart(row) && over_the_run(row))),
            yes(rows.iter().any(told_apart)),
        ]
    };
    Study { name: format!("many-{blocks}"), every: 2, claims, run: Box::new(run) }
}

/// A difference as large as the margin is the smallest that must not be called equivalent.
fn equivalent() -> Study {
    const MARGIN_US: f64 = 20.0;
    let claims = vec![
        claim("a difference of the margin: called equivalent at p50", Bound::AtMost(LEVEL)),
        claim("at p90", Bound::AtMost(LEVEL)),
        claim("no difference: called equivalent at p50", Bound::ToldShare),
    ];
    let run = |noise: &mut Noise| {
        let mut plan = overhead_and_a_a();
        plan.margin.at_least_us = MARGIN_US;
        let mut trials = quiet(&[("x", 1.0), ("y", 1.0), ("x#2", 1.0)], 12, 0.01, noise);
        for row in trials.iter_mut().filter(|row| row.variant == "y") {
            let us = &row.response_time_us;
            let quantiles = [us.p50, us.p90, us.p99, us.p999].map(|us| us.unwrap_or(f64::NAN));
            row.response_time_us = summary(quantiles.map(|us| us + MARGIN_US));
        }
        let rows = rows(&plan, &trials);
        let equivalent = |row: &ComparisonRow| yes(row.verdict == Verdict::Equivalent);
        vec![equivalent(&rows[0]), equivalent(&rows[1]), equivalent(&rows[4])]
    };
    Study { name: "equivalent".to_owned(), every: 1, claims, run: Box::new(run) }
}

/// A claim of 1 ms where the truth is 1 ms.
fn article() -> Study {
    let claims = vec![claim("a true claim: called higher or lower", Bound::AtMost(LEVEL))];
    let run = |noise: &mut Noise| {
        let mut plan = plan("b");
        plan.comparisons = vec![comparison("overhead", "c@m", "b")];
        plan.article = vec![records::claim("M", "m", "1ms")];
        let mut pair = |number: u32| {
            let baseline = 3000.0 + 100.0 * noise.normal();
            let candidate = 4000.0 + 100.0 * noise.normal();
            [trial(number, "c@m", [candidate; 4]), trial(number, "b", [baseline; 4])]
        };
        let trials: Vec<TrialRow> = (1..=12).flat_map(&mut pair).collect();
        let cells = analyse_with(&plan, &trials, "kind", &NO_BOOTSTRAP).article;
        let wrong = [ClaimVerdict::MeasuredHigher, ClaimVerdict::MeasuredLower];
        vec![cells.first().and_then(|cell| yes(wrong.contains(&cell.verdict)))]
    };
    Study { name: "article".to_owned(), every: 1, claims, run: Box::new(run) }
}

/// What a late generator is told by.
const LATE: &str = "generator late: 1.20 % of the requests by more than 500 µs, 0.25 % is allowed";

/// A trial on a machine that is now and then busy: what slows the subject also makes the generator
/// late, so that slow trials are the ones that are spoilt. The rarer the quantile, the sooner.
fn busy_trial(noise: &mut Noise, block: u32, variant: &str, factor: f64) -> TrialRow {
    let load = noise.normal().max(0.0);
    let slow = noise.quantiles(0.05).map(|us| us * factor * (0.3 * load).exp());
    let mut row = trial(block, variant, slow);
    for (quantile, bears) in [(P50, 2.2), (P90, 1.8), (P99, 0.9), (P999, 0.5)] {
        if load > bears {
            row.spoiled.insert(quantile, LATE.to_owned());
        }
    }
    row.admitted = load <= 2.2;
    row
}

/// A block with its repeats, at most one a trial, as `conduct` makes them.
pub(crate) fn busy_block(
    noise: &mut Noise,
    number: u32,
    variants: &[(&str, f64)],
) -> Vec<TrialRow> {
    let mut made = Vec::new();
    let mut position = u32::try_from(variants.len()).unwrap_or(u32::MAX);
    for (place, (variant, factor)) in (1..).zip(variants) {
        let mut first = busy_trial(noise, number, variant, *factor);
        first.position = place;
        let again = !first.spoiled.is_empty();
        made.push(first);
        if again {
            position += 1;
            let mut repeat = busy_trial(noise, number, variant, *factor);
            repeat.position = position;
            made.push(repeat);
        }
    }
    made
}

/// Choosing trials by quantile, and repeating them, favours nothing.
fn busy(name: &str, blocks: u32, shift: f64) -> Study {
    let mut claims: Vec<_> = Quantile::ALL
        .iter()
        .map(|quantile| {
            let says =
                format!("{}, {blocks} blocks, spoilt and repeated: covered", quantile.label());
            claim(says, Bound::AtLeast(0.95))
        })
        .collect();
    let bound = if shift > 0.0 { Bound::ToldShare } else { Bound::AtMost(LEVEL) };
    claims.push(claim(format!("a factor of {:.2}: told apart", shift.exp()), bound));
    let run = move |noise: &mut Noise| {
        let variants = [("x", 1.0), ("x#2", shift.exp())];
        let trials: Vec<TrialRow> =
            (1..=blocks).flat_map(|number| busy_block(noise, number, &variants)).collect();
        let rows = rows(&plan("x"), &trials);
        let mut figures: Vec<_> = rows.iter().map(|row| covers(row, shift.exp())).collect();
        figures.push(yes(rows.iter().any(told_apart)));
        figures
    };
    Study { name: name.to_owned(), every: 2, claims, run: Box::new(run) }
}

/// The noise of p99 is 10 % a trial, so 14 % in a difference of two.
fn found() -> Study {
    const CASES: [(u32, f64, f64); 4] =
        [(8, 0.4, 0.90), (10, 0.4, 0.90), (10, 0.2, 0.5), (30, 0.15, 0.8)];
    let claims = CASES.map(|(blocks, shift, at_least)| {
        let says = format!("p99 ×{:.2}, noise of 10 %, {blocks} blocks: found", shift.exp());
        claim(says, Bound::AtLeast(at_least))
    });
    let run = |noise: &mut Noise| {
        let mut found = |blocks: u32, shift: f64| {
            let trials = quiet(&[("x", 1.0), ("x#2", shift.exp())], blocks, 0.05, noise);
            yes(rows(&plan("x"), &trials)[2].verdict == Verdict::Slower)
        };
        CASES.iter().map(|(blocks, shift, _)| found(*blocks, *shift)).collect()
    };
    Study { name: "found".to_owned(), every: 4, claims: claims.to_vec(), run: Box::new(run) }
}
