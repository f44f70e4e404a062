//! Readings become levels and differences, paired by block, with the interval, the test and the
//! rule of the comparisons of time. Pure.

use std::collections::BTreeMap;

use scenarios::memory::{AFTER_LOAD, DELETED, FRESH, Sidecar, UNDER_LOAD};

use super::record::{
    Measure, MemoryDifference, MemoryKind, MemoryLevel, MemoryReading, MemoryRecord, MemoryVerdict,
    StateRecord, why_none,
};
use crate::analysis::{Rule, Side, estimate, side};
use crate::record::PlanRecord;
use crate::stats::order::median;
use crate::stats::sign::holm;

/// Both sidecars, in the order in which a request meets them.
const SIDECARS: [Sidecar; 2] = [Sidecar::Client, Sidecar::Server];

/// Two states of the same processes that are worth comparing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// Unique, e.g. `policies-100`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// The later one.
    pub state: String,
    /// What it is held against.
    pub reference: String,
}

/// The steps of a ladder: what a load adds and what of it stays, what each rung adds to the idle
/// sidecar, what the last adds to the first, and what their deletion gives back and leaves behind.
#[must_use]
pub fn steps(states: &[StateRecord]) -> Vec<Step> {
    let step = |name: &str, title: &str, state: &str, reference: &str| Step {
        name: name.to_owned(),
        title: title.to_owned(),
        state: state.to_owned(),
        reference: reference.to_owned(),
    };
    let mut all = vec![
        step(UNDER_LOAD, "Under load − started", UNDER_LOAD, FRESH),
        step(AFTER_LOAD, "Left by the load − started", AFTER_LOAD, FRESH),
    ];
    let rungs: Vec<&StateRecord> = states.iter().filter(|state| state.policies.is_some()).collect();
    for rung in &rungs {
        let title = format!("{} − none", rung.title);
        all.push(step(&rung.name, &title, &rung.name, AFTER_LOAD));
    }
    if let [first, .., last] = rungs[..] {
        let title = format!("{} − {}", last.title, first.title);
        all.push(step("rungs", &title, &last.name, &first.name));
    }
    if let Some(last) = rungs.last() {
        let title = format!("Deleted − {}", last.title);
        all.push(step("given-back", &title, DELETED, &last.name));
    }
    all.push(step(DELETED, "Left by deleted policies", DELETED, AFTER_LOAD));
    all
}

/// Derives levels and differences from the readings.
pub fn conclude(memory: &mut MemoryRecord, plan: &PlanRecord) {
    let rule = Rule::of(plan);
    memory.levels = levels(memory, plan, &rule);
    memory.differences = differences(memory, plan, &rule);
}

/// Of which readings a value is.
#[derive(Clone, Copy)]
struct Of<'a> {
    variant: &'a str,
    state: &'a str,
    sidecar: &'a str,
    measure: Measure,
}

fn readings<'a>(memory: &'a MemoryRecord, of: Of<'a>) -> impl Iterator<Item = &'a MemoryReading> {
    memory.readings.iter().filter(move |reading| {
        reading.variant == of.variant && reading.state == of.state && reading.sidecar == of.sidecar
    })
}

/// By block, what counts.
fn values(memory: &MemoryRecord, of: Of<'_>) -> BTreeMap<u32, f64> {
    readings(memory, of)
        .filter(|reading| reading.left_out.is_none())
        .filter_map(|reading| Some((reading.block, reading.bytes(of.measure)? as f64)))
        .collect()
}

fn levels(memory: &MemoryRecord, plan: &PlanRecord, rule: &Rule) -> Vec<MemoryLevel> {
    let mut all = Vec::new();
    for variant in &plan.variants {
        for state in &memory.states {
            for sidecar in SIDECARS {
                for measure in Measure::ALL {
                    let sidecar = sidecar.name();
                    let of = Of { variant: &variant.name, state: &state.name, sidecar, measure };
                    all.push(level(memory, of, rule));
                }
            }
        }
    }
    all
}

fn level(memory: &MemoryRecord, of: Of<'_>, rule: &Rule) -> MemoryLevel {
    let values: Vec<f64> = values(memory, of).into_values().collect();
    let mut missing = why_none(readings(memory, of));
    let bytes = estimate(&values, rule);
    if bytes.is_none() {
        let needed = rule.fewest_values();
        missing.push(format!("an interval needs {needed} blocks, and there are {}", values.len()));
    }
    MemoryLevel {
        variant: of.variant.to_owned(),
        state: of.state.to_owned(),
        sidecar: of.sidecar.to_owned(),
        measure: of.measure,
        median_bytes: median(&values),
        bytes,
        blocks: u32::try_from(values.len()).unwrap_or(u32::MAX),
        remark: (!missing.is_empty()).then(|| missing.join("; ")),
    }
}

fn differences(memory: &MemoryRecord, plan: &PlanRecord, rule: &Rule) -> Vec<MemoryDifference> {
    let mut all = Vec::new();
    let steps = steps(&memory.states);
    for variant in &plan.variants {
        let variant = variant.name.as_str();
        family(&mut all, |sidecar, measure| {
            let of = |state| Of { variant, state, sidecar, measure };
            let made = steps.iter().map(|step| {
                let sides = (of(&step.state), of(&step.reference));
                difference(memory, (&step.name, &step.title), sides, rule)
            });
            made.collect()
        });
    }
    for spec in &plan.comparisons {
        family(&mut all, |sidecar, measure| {
            let made = memory.states.iter().map(|state| {
                let of = |variant| Of { variant, state: &state.name, sidecar, measure };
                let sides = (of(&spec.candidate), of(&spec.baseline));
                difference(memory, (&spec.name, &spec.title), sides, rule)
            });
            made.collect()
        });
    }
    all
}

/// Differences that are asked together, for each sidecar and measure, and judged together.
fn family(
    all: &mut Vec<MemoryDifference>,
    make: impl Fn(&'static str, Measure) -> Vec<MemoryDifference>,
) {
    for sidecar in SIDECARS {
        for measure in Measure::ALL {
            let mut rows = make(sidecar.name(), measure);
            let p_values: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
            let mut corrected = holm(&p_values).into_iter();
            for row in &mut rows {
                row.p_holm = row.p_value.and_then(|_| corrected.next());
                row.verdict = verdict(row);
            }
            all.append(&mut rows);
        }
    }
}

fn difference(
    memory: &MemoryRecord,
    (name, title): (&str, &str),
    (candidate, baseline): (Of<'_>, Of<'_>),
    rule: &Rule,
) -> MemoryDifference {
    let (ours, theirs) = (values(memory, candidate), values(memory, baseline));
    let both = ours.iter().filter_map(|(block, ours)| Some((*ours, *theirs.get(block)?)));
    let both: Vec<(f64, f64)> = both.collect();
    let differences: Vec<f64> = both.iter().map(|(ours, theirs)| ours - theirs).collect();
    let base: Vec<f64> = both.iter().map(|(_, theirs)| *theirs).collect();
    let margin = memory.margin;
    let bytes = estimate(&differences, rule);
    MemoryDifference {
        kind: if candidate.variant == baseline.variant {
            MemoryKind::Step
        } else {
            MemoryKind::Pair
        },
        name: name.to_owned(),
        title: title.to_owned(),
        candidate: candidate.variant.to_owned(),
        candidate_state: candidate.state.to_owned(),
        baseline: baseline.variant.to_owned(),
        baseline_state: baseline.state.to_owned(),
        sidecar: candidate.sidecar.to_owned(),
        measure: candidate.measure,
        median_bytes: median(&differences),
        margin_bytes: median(&base)
            .map(|base| (margin.percent / 100.0 * base).max(margin.at_least_bytes as f64)),
        p_value: bytes.map(|_| rule.p_value(&differences)),
        bytes,
        p_holm: None,
        verdict: MemoryVerdict::Inconclusive,
        blocks: u32::try_from(differences.len()).unwrap_or(u32::MAX),
    }
}

fn verdict(row: &MemoryDifference) -> MemoryVerdict {
    let (Some(bytes), Some(margin), Some(p_holm)) = (row.bytes, row.margin_bytes, row.p_holm)
    else {
        return MemoryVerdict::Inconclusive;
    };
    match side(&bytes, margin, p_holm) {
        Side::Within => MemoryVerdict::Equivalent,
        Side::Above => MemoryVerdict::More,
        Side::Below => MemoryVerdict::Less,
        Side::Undecided => MemoryVerdict::Inconclusive,
    }
}
