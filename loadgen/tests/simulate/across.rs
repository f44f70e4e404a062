//! Two runs held against each other: how often a change is found where nothing changed but the night,
//! and where one of the two nights was noisier; how often one that is there is found.

use std::collections::BTreeMap;

use bench::across::{Standing, compare};
use bench::record::{Placement, Verdict};
use bench::record::{PlanRecord, Provenance, RunRecord, Subject, TrialRow};

use crate::claim::{Bound, Study, claim, yes};
use crate::machine::{Course, Machine, block};
use crate::noise::Noise;
use crate::support::{comparison, plan};

/// The level that the whole comparison of two runs keeps, over all its rows.
const LEVEL: f64 = 0.05;
/// What is left of it where one run has three times the other's noise: the rank sum test is exact when
/// the two differ by a shift only.
const NOISIER: f64 = 0.08;

pub(crate) fn studies() -> Vec<Study> {
    vec![
        same("across-same-8", (8, 0.05), (8, 0.05), LEVEL),
        same("across-same-12", (12, 0.05), (12, 0.05), LEVEL),
        same("across-uneven", (30, 0.05), (8, 0.05), LEVEL),
        same("across-noisier", (12, 0.05), (12, 0.15), NOISIER),
        same("across-uneven-noisier", (30, 0.05), (8, 0.15), NOISIER),
        found(),
    ]
}

fn provenance() -> Provenance {
    Provenance {
        loadgen: String::new(),
        git: String::new(),
        profile: String::new(),
        opt_level: "3".to_owned(),
        command: Vec::new(),
        kernel: String::new(),
        cpu: String::new(),
        cores: 2,
        memory_bytes: 1,
        governor: String::new(),
        virtual_machine: true,
        placement: Placement { generator: vec![1], subject: vec![0], shared: false },
        subject: Subject { name: String::new(), version: String::new(), tls: None },
        notes: BTreeMap::new(),
    }
}

/// Three comparisons besides the A/A pair, so 12 rows.
fn questions() -> PlanRecord {
    let mut plan = plan("x");
    let others = ["a", "b", "c"].map(|name| comparison(name, name, "x"));
    plan.comparisons.splice(0..0, others);
    plan
}

/// A run of a night: a factor that is the night's own, and so much noise in every trial.
fn run((blocks, sigma): (u32, f64), slower: f64, noise: &mut Noise) -> RunRecord {
    let night = (0.1 * noise.normal()).exp();
    let variants =
        [("x", night), ("a", slower * night), ("b", night), ("c", night), ("x#2", night)];
    let mut course = Course::new(Machine::QUIET, 1, noise);
    let trials: Vec<TrialRow> = (1..=blocks)
        .flat_map(|number| block(number, &variants, sigma, (&mut course, &mut *noise)))
        .collect();
    let mut run = RunRecord::begun(questions(), provenance());
    run.trials = trials;
    run
}

fn standing(old: &RunRecord, new: &RunRecord) -> (Standing, bool) {
    let across = compare(old, new).expect("the two are alike");
    let told = across
        .overheads
        .iter()
        .any(|row| row.gated && matches!(row.verdict, Verdict::Slower | Verdict::Faster));
    (across.standing, told)
}

fn same(name: &str, old: (u32, f64), new: (u32, f64), level: f64) -> Study {
    let sizes = format!("{} against {} blocks, noise ×{:.0}", old.0, new.0, new.1 / old.1);
    let claims = vec![
        claim(format!("{sizes}: any of 12 rows told apart"), Bound::AtMost(level)),
        claim("called a regression", Bound::AtMost(LEVEL)),
    ];
    let run = move |noise: &mut Noise| {
        let (old, new) = (run(old, 1.0, noise), run(new, 1.0, noise));
        let (standing, told) = standing(&old, &new);
        vec![yes(told), yes(standing == Standing::Regression)]
    };
    Study { name: name.to_owned(), every: 4, claims, run: Box::new(run) }
}

/// The median of a trial has noise of 5 %, a difference of two 7 %.
fn found() -> Study {
    const CASES: [(u32, f64, f64); 3] = [(8, 0.25, 0.9), (12, 0.15, 0.9), (30, 0.1, 0.95)];
    let claims = CASES.map(|(blocks, slower, at_least)| {
        let says = format!("a variant {:.0} % slower, {blocks} blocks: found", slower * 100.0);
        claim(says, Bound::AtLeast(at_least))
    });
    let study = |noise: &mut Noise| {
        let mut found = |blocks: u32, slower: f64| {
            let old = run((blocks, 0.05), 1.0, noise);
            let new = run((blocks, 0.05), 1.0 + slower, noise);
            yes(standing(&old, &new).0 == Standing::Regression)
        };
        CASES.iter().map(|(blocks, slower, _)| found(*blocks, *slower)).collect()
    };
    let claims = claims.to_vec();
    Study { name: "across-found".to_owned(), every: 8, claims, run: Box::new(study) }
}
