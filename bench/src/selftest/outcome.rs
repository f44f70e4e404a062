//! What a selftest comes to: the controls that must hold, whether each quantile is fit for use here,
//! and what is in its way. The only place of a selftest where anything is judged.

use crate::analysis::LEVEL;
use crate::quantile::Quantile;
use crate::record::{Estimate, TrialRow, Verdict};
use crate::report::figures;
use crate::stats::order::median;
use crate::stats::power::sign_test_power;

use super::same_twice::LOOKED_AT;
use super::{
    Control, ControlState, Fitness, Hindrance, Outcome, PlantedRow, SameTwice, SelftestRecord,
    StallPart,
};

/// Minutes of the run that fitness is said for.
const FIT_IN_MINUTES: f64 = 5.0;

/// The delay that must be found wherever the spread lets it be found all but always, in microseconds.
const MUST_BE_FOUND_US: f64 = 1000.0;

/// See [`MUST_BE_FOUND_US`].
const ALL_BUT_ALWAYS: f64 = 0.999;

/// How far the measured wait of a stall may be from the exact one: what piled up is answered one by
/// one when the stall ends.
const STALL_TOLERANCE: f64 = 0.05;

/// Below this the tests of the gaps fail the control: rare enough that a user never sees it by
/// chance (one selftest in five hundred, with two tests).
const GAPS_LEVEL: f64 = 0.001;

/// More stolen time than this reaches a p99; see METHOD.md, section "Admission".
const STEAL_PERCENT: f64 = 1.0;

/// A lag of the generator that is no more than what waking costs on any machine, in microseconds.
const LAG_US: f64 = 50.0;

/// Judges what the parts measured; `trials` are those of the planted delays.
#[must_use]
pub fn outcome(record: &SelftestRecord, trials: &[TrialRow]) -> Outcome {
    let mut controls = Vec::new();
    controls.extend(record.same_twice.as_ref().map(same_is_same));
    if !record.planted.is_empty() {
        controls.push(found(&record.planted, record.same_twice.as_ref()));
        controls.push(true_to_size(&record.planted));
    }
    controls.extend(record.stall.as_ref().map(stall_is_seen));
    controls.extend(on_schedule(record));
    controls.extend(as_drawn(record));
    Outcome {
        fitness: fitness(record, &controls),
        hindrances: hindrances(record, trials),
        controls,
    }
}

fn control(name: &str, holds: Option<bool>, finding: String) -> Control {
    let state = match holds {
        Some(true) => ControlState::Passed,
        Some(false) => ControlState::Failed,
        None => ControlState::Undecided,
    };
    Control { name: name.to_owned(), state, finding }
}

fn same_is_same(same: &SameTwice) -> Control {
    let finding = format!(
        "{} of {} quantiles called different, in {} of {} batches; by chance {} of the batches may be",
        same.quantiles_different,
        same.quantiles,
        same.batches_different,
        same.batches,
        figures::percent(100.0 * same.stated_rate)
    );
    // A hair above the level, which one batch of one meets exactly but for its rounding.
    let chance = same.batches_different == 0 || same.p_value > LEVEL * (1.0 + 1e-9);
    let holds = (same.batches > 0).then_some(chance);
    control("the same is called the same", holds, finding)
}

/// The largest delay, planted in all requests, at every quantile where it was measured. Where the
/// machine's own spread could hide it, not to find it is no untruth.
fn found(rows: &[PlantedRow], same: Option<&SameTwice>) -> Control {
    let largest: Vec<&PlantedRow> = rows
        .iter()
        .filter(|row| row.delay_us >= MUST_BE_FOUND_US && row.share_percent >= 100.0)
        .filter(|row| row.found_us.is_some())
        .collect();
    let labels = |which: &dyn Fn(&PlantedRow) -> bool| -> Vec<&str> {
        let those = largest.iter().filter(|row| which(row));
        those.map(|row| row.quantile.label()).collect()
    };
    let seen = |row: &PlantedRow| row.verdict == Verdict::Slower;
    let at = labels(&seen);
    let missed = labels(&|row| !seen(row) && same.is_some_and(|same| must_be_found(row, same)));
    let hidden = labels(&|row| !seen(row) && !same.is_some_and(|same| must_be_found(row, same)));
    let mut findings = Vec::new();
    for (labels, words) in [
        (&at, "called slower at"),
        (&missed, "not called slower at"),
        (&hidden, "hidden by noise at"),
    ] {
        if !labels.is_empty() {
            findings.push(format!("{words} {}", labels.join(", ")));
        }
    }
    let finding = if findings.is_empty() {
        "too few admitted blocks to say".to_owned()
    } else {
        format!("1 ms was planted and {}", findings.join("; "))
    };
    let judged = !at.is_empty() || !missed.is_empty();
    control("what is planted is found", judged.then_some(missed.is_empty()), finding)
}

/// Whether the sign test finds it all but always, with the spread that the A/A pair has.
fn must_be_found(row: &PlantedRow, same: &SameTwice) -> bool {
    let of_quantile = same.floor.iter().find(|floor| floor.quantile == row.quantile);
    of_quantile.and_then(|floor| floor.spread_us).is_some_and(|spread_us| {
        let level = LEVEL / LOOKED_AT.len() as f64;
        sign_test_power(row.blocks as usize, row.delay_us / spread_us, level) >= ALL_BUT_ALWAYS
    })
}

fn true_to_size(rows: &[PlantedRow]) -> Control {
    let judged = rows.iter().filter(|row| row.agrees.is_some()).count();
    let wrong: Vec<String> = rows
        .iter()
        .filter(|row| row.agrees == Some(false))
        .map(|row| {
            let error = row.error_us.as_ref().map(figures::signed_estimate).unwrap_or_default();
            format!("{} at {} is off by {error}", row.variant, row.quantile.label())
        })
        .collect();
    let finding = if wrong.is_empty() {
        format!("{judged} of {} intervals can be judged, and all agree with the truth", rows.len())
    } else {
        wrong.join("; ")
    };
    control("it is found true to size", (judged > 0).then_some(wrong.is_empty()), finding)
}

fn stall_is_seen(stall: &StallPart) -> Control {
    let at = stall.rows.iter().find(|row| row.quantile == Quantile::P99);
    let known = at.and_then(|row| Some((row.open_us?, row.exact_us, row.closed_us)));
    let Some((open, exact, closed)) = known else {
        let finding = "no admitted trial has a p99".to_owned();
        return control("a stall is counted in full", None, finding);
    };
    let beside = closed.map_or(String::new(), |closed| {
        format!(", where a closed loop prints {}", figures::micros(closed))
    });
    let finding = format!(
        "p99 {}, exactly {} by arithmetic{beside}",
        figures::micros(open),
        figures::micros(exact)
    );
    let holds = (open - exact).abs() <= STALL_TOLERANCE * exact;
    control("a stall is counted in full", Some(holds), finding)
}

fn on_schedule(record: &SelftestRecord) -> Option<Control> {
    let off: Vec<String> = record
        .pacing
        .iter()
        .filter(|part| part.rate_error_percent.abs() > part.rate_error_allowed_percent)
        .map(|part| format!("{} arrivals: {:.1} /s", part.arrivals, part.arrived_rate))
        .collect();
    let part = record.pacing.first()?;
    let asked = format!("asked {}", figures::rate(part.rate));
    let seen: Vec<String> = record
        .pacing
        .iter()
        .map(|part| format!("{} {:.1} /s", part.arrivals, part.arrived_rate))
        .collect();
    let finding = format!("{asked}; by the origin's stamps {}", seen.join(", "));
    Some(control("the rate arrives", Some(off.is_empty()), finding))
}

/// A generator that says itself that it was late has not told an untruth; then nothing is said of
/// the draw.
fn as_drawn(record: &SelftestRecord) -> Option<Control> {
    let part = record.pacing.iter().find(|part| part.gaps.is_some())?;
    let gaps = part.gaps?;
    let least = gaps.ks_p.min(gaps.ad_p);
    let late = part.send_lag_us.p99.is_none_or(|lag| lag > LAG_US);
    let holds = if least >= GAPS_LEVEL { Some(true) } else { (!late).then_some(false) };
    let finding = format!(
        "gaps against the exponential: Kolmogorov–Smirnov {}, Anderson–Darling {}{}",
        p_value(gaps.ks_p),
        p_value(gaps.ad_p),
        if holds.is_none() { "; the generator was late by its own word" } else { "" }
    );
    Some(control("Poisson arrivals are Poisson", holds, finding))
}

/// Never `p = 0`, which no test can say.
pub(super) fn p_value(p: f64) -> String {
    if p < 0.001 { "p < 0.001".to_owned() } else { format!("p = {p:.3}") }
}

fn fitness(record: &SelftestRecord, controls: &[Control]) -> Vec<Fitness> {
    let Some(same) = &record.same_twice else { return Vec::new() };
    let failed: Vec<&str> = controls
        .iter()
        .filter(|control| control.state == ControlState::Failed)
        .map(|control| control.name.as_str())
        .collect();
    let largest_us = record.planted.iter().map(|row| row.delay_us).fold(0.0, f64::max);
    let mut rows = Vec::new();
    for row in &same.floor {
        let known = record.resolution.iter().find(|known| known.quantile == row.quantile);
        let effect = known.and_then(|known| {
            let at = known.effects.iter().find(|effect| effect.minutes >= FIT_IN_MINUTES);
            at.and_then(|effect| effect.effect_us)
        });
        let why_not = if !failed.is_empty() {
            Some(format!("a control failed: {}", failed.join(", ")))
        } else if row.difference_us.is_none() {
            Some(row.remark.clone().unwrap_or_else(|| "too few blocks".to_owned()))
        } else if let Some(effect) =
            effect.filter(|effect| *effect > largest_us.max(MUST_BE_FOUND_US))
        {
            Some(format!(
                "the smallest overhead found in {FIT_IN_MINUTES} minutes is {}",
                figures::micros(effect)
            ))
        } else {
            effect.is_none().then(|| "a run of five minutes has too few such blocks".to_owned())
        };
        let (fit, resolves_us) = (why_not.is_none(), effect);
        rows.push(Fitness { quantile: row.quantile, fit, resolves_us, why_not });
    }
    rows
}

fn hindrances(record: &SelftestRecord, trials: &[TrialRow]) -> Vec<Hindrance> {
    let machine = &record.provenance;
    let mut found = Vec::new();
    let mut add = |what: &str, seen: String, advice: &str| {
        found.push(Hindrance { what: what.to_owned(), found: seen, advice: advice.to_owned() });
    };
    if machine.opt_level == "0" {
        add(
            "build without optimisation",
            "opt-level 0".to_owned(),
            "build with the dev or the release profile of this workspace",
        );
    }
    if machine.placement.shared {
        add(
            "shared cores",
            "the generator has no core of its own".to_owned(),
            "allow this process two cores or more",
        );
    }
    let steal: Vec<f64> = trials.iter().map(|trial| trial.generator.steal_percent).collect();
    let stolen = steal.iter().filter(|percent| **percent > STEAL_PERCENT).count();
    if 10 * stolen > trials.len() {
        let most = steal.iter().copied().fold(0.0, f64::max);
        add(
            "steal time",
            format!("more than 1 % in {stolen} of {} trials, {most:.1} % at most", trials.len()),
            "use a machine with dedicated cores, or measure when its neighbours are quiet",
        );
    }
    let fixed = ["performance", "none", "unknown"];
    if !fixed.contains(&machine.governor.as_str()) {
        add(
            "frequency scaling",
            format!("governor {}", machine.governor),
            "set the governor to performance: cpupower frequency-set -g performance",
        );
    }
    let late = |trial: &&TrialRow| {
        let why = trial.spoiled.get(&Quantile::P99).or(trial.rejected.as_ref());
        why.is_some_and(|why| why.contains("generator late"))
    };
    let late = trials.iter().filter(late).count();
    let lags: Vec<f64> = trials.iter().filter_map(|trial| trial.pacing_lag_us.p99).collect();
    let typical_us = median(&lags).unwrap_or(0.0);
    if 10 * late > trials.len() || typical_us > LAG_US {
        add(
            "late timers",
            format!(
                "{late} of {} trials lost p99 to a late generator; its p99 lag is typically {}",
                trials.len(),
                figures::micros(typical_us)
            ),
            "free the generator's core of other work: isolcpus or a cpuset for it, no other load",
        );
    }
    if machine.virtual_machine {
        add(
            "virtual machine",
            "the processor says that a hypervisor runs it".to_owned(),
            "what the hypervisor does is not seen here; confirm small overheads on bare metal",
        );
    }
    found
}

/// Whether anything was measured that a verdict could rest on: the pair or a delay has an interval.
#[must_use]
pub fn measured_anything(record: &SelftestRecord) -> bool {
    let told = |estimate: &Option<Estimate>| estimate.is_some();
    let pair = record.same_twice.iter().flat_map(|same| &same.floor);
    let planned = record.same_twice.is_some() || !record.planted.is_empty();
    !planned
        || pair.map(|row| &row.difference_us).any(told)
        || record.planted.iter().map(|row| &row.found_us).any(told)
}
