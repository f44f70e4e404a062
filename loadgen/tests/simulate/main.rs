//! Everything that METHOD.md claims and that a simulation can contradict, from fixed seeds and on
//! virtual time: `cargo test -p loadgen --test simulate`, for hours with `-- --seeds 1000000`.

#![expect(clippy::print_stdout, reason = "the table of claims is what this program is for")]

mod across;
mod admission;
mod arguments;
mod claim;
mod intervals;
mod kept;
mod machine;
mod noise;
mod queues;
#[path = "../../../bench/tests/statistics/records.rs"]
mod records;
mod search;
mod sequential;
mod suite;
#[path = "../../../bench/tests/statistics/support.rs"]
mod support;
mod table;
mod verdicts;
#[path = "../support/virtual_trial.rs"]
mod virtual_trial;

use std::ops::Range;
use std::process::ExitCode;

use loadgen::pace::MonotonicClock;

use arguments::Arguments;
use claim::{Bound, Standing, Study, Tally};

fn studies() -> Vec<Study> {
    [
        intervals::studies(),
        machine::studies(),
        verdicts::studies(),
        sequential::studies(),
        admission::studies(),
        queues::studies(),
        search::studies(),
        across::studies(),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn main() -> ExitCode {
    let arguments = Arguments::typed();
    let studies: Vec<Study> =
        studies().into_iter().filter(|study| arguments.wants(&study.name)).collect();
    if arguments.list {
        studies.iter().for_each(|study| println!("{}: test", study.name));
        return ExitCode::SUCCESS;
    }
    if arguments.ignored {
        return ExitCode::SUCCESS;
    }
    let kept = match kept::kept() {
        Ok(kept) => kept,
        Err(mistakes) => {
            println!("seeds.txt: {mistakes}");
            return ExitCode::FAILURE;
        }
    };
    let mut to_keep = Vec::new();
    for kept in kept.iter().filter(|kept| arguments.wants(&kept.study)) {
        match studies.iter().find(|study| study.name == kept.study) {
            Some(study) => to_keep.extend(held(study, kept.seeds.clone(), "kept seeds of ")),
            None => {
                to_keep.push(format!("{}: seeds.txt names a study that is not here", kept.study))
            }
        }
    }
    for study in &studies {
        to_keep.extend(held(study, arguments.seeds(study.every), ""));
    }
    if to_keep.is_empty() {
        println!("\nno claim is contradicted");
        return ExitCode::SUCCESS;
    }
    println!("\ncontradicted; to keep these, add to loadgen/tests/simulate/seeds.txt:");
    to_keep.iter().for_each(|line| println!("{line}"));
    ExitCode::FAILURE
}

/// Runs a study, prints what it came to, and returns the lines that keep what failed.
fn held(study: &Study, seeds: Range<u64>, what: &str) -> Vec<String> {
    let clock = MonotonicClock::start();
    let tallies = suite::tally(study, seeds.clone());
    let took_s = clock.now().0 as f64 / 1e9;
    let name = format!("{what}{}", study.name);
    print!("{}", table::heading(&name, seeds.end - seeds.start, took_s));
    let mut lines = Vec::new();
    for (claim, tally) in study.claims.iter().zip(&tallies) {
        print!("{}", table::row(claim, tally));
        if tally.standing(claim.bound) == Standing::Contradicted {
            lines.extend(to_keep(study, claim.bound, tally, &seeds));
        }
    }
    lines.dedup();
    lines
}

/// A claim that no run may break is broken by single seeds, a share by all of them.
fn to_keep(study: &Study, bound: Bound, tally: &Tally, seeds: &Range<u64>) -> Vec<String> {
    let name = &study.name;
    match bound {
        Bound::Never => tally.said_yes.iter().map(|seed| format!("{name} {seed} 1")).collect(),
        _ => vec![format!("{name} {} {}", seeds.start, seeds.end - seeds.start)],
    }
}
