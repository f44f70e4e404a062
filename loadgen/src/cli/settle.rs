//! A scenario and what was typed become the scenario that is run: the overrides, the smoke run's
//! shape, the variants. Pure; every mistake is reported at once.

use std::time::Duration;

use bench::analysis::CONFIDENCE;
use bench::stats::order::fewest_values;
use bench::stopping::Precision;
use scenarios::load::Arrivals;
use scenarios::scenario::Scenario;
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

use super::agents::Agents;
use super::args::{ArrivalsChoice, RunArgs};
use super::precision::Targets;

/// A smoke run's blocks: the fewest in which three quantiles can be told apart after Holm's
/// correction (2·2⁻⁷ ≤ 0.05/3), and one to spare for a rejected trial.
const QUICK_BLOCKS: u32 = 8;
/// With a wished precision, blocks at most: half an hour of the usual scenario. The most that are
/// allowed have a price even where few are needed, since each look costs a part of the error.
const PRECISION_BLOCKS: u32 = 60;
/// A smoke run's time for trials; the rest of its minute is for
/// starting, proving, repeating and reporting.
const QUICK_TRIALS: Duration = Duration::from_secs(38);
const QUICK_WARM_UP: Duration = Duration::from_millis(150);
/// A trial's ends cost this much besides warm-up and window.
const TRIAL_ENDS: Duration = Duration::from_millis(40);
/// A block's processes and proofs.
const BLOCK_START: Duration = Duration::from_millis(400);
/// 1000/s for this long gives 900 samples, more than a p99 needs.
const QUICK_LONGEST: Duration = Duration::from_millis(900);

/// A smoke run about memory has as many ladders as fit, too few for an interval.
const QUICK_MEMORY_BLOCKS: u32 = 2;
const QUICK_SETTLE: Duration = Duration::from_millis(200);
/// Policies that change: an Envoy has to let go of the old ones, which its drain time of 1 s bounds
/// from below.
const CHANGE: Duration = Duration::from_millis(1300);
/// Looks at an idle state.
const LOOKS: Duration = Duration::from_millis(250);

/// The variants that are run: those of the testbed, narrowed by `--variants`.
pub fn variants(
    scenario: &Scenario,
    testbed: &str,
    asked: &[String],
) -> Result<Vec<VariantName>, String> {
    let Some(scope) = scenario.testbeds.get(testbed) else {
        let known: Vec<&str> = scenario.testbeds.keys().map(String::as_str).collect();
        return Err(format!(
            "scenario `{}` does not run on testbed `{testbed}`; it runs on: {}",
            scenario.name,
            known.join(", ")
        ));
    };
    let unknown: Vec<&str> = asked
        .iter()
        .map(String::as_str)
        .filter(|name| !scope.variants.iter().any(|known| known.as_str() == *name))
        .collect();
    if !unknown.is_empty() {
        let known: Vec<&str> = scope.variants.iter().map(VariantName::as_str).collect();
        return Err(format!(
            "--variants: no variant named {} on testbed `{testbed}`; there are: {}",
            unknown.iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "),
            known.join(", ")
        ));
    }
    let kept: Vec<VariantName> = scope
        .variants
        .iter()
        .filter(|name| asked.is_empty() || asked.iter().any(|asked| asked == name.as_str()))
        .cloned()
        .collect();
    let compared = scenario
        .comparisons
        .iter()
        .any(|spec| kept.contains(&spec.candidate) && kept.contains(&spec.baseline));
    if kept.len() > 1 && !compared {
        let pairs: Vec<String> = scenario
            .comparisons
            .iter()
            .map(|spec| format!("{},{}", spec.baseline, spec.candidate))
            .collect();
        return Err(format!(
            "--variants {}: the scenario compares none of these with another of them; it compares: {}",
            asked.join(","),
            pairs.join(" and ")
        ));
    }
    Ok(kept)
}

/// The scenario with the overrides applied.
pub fn settle(
    mut scenario: Scenario,
    variants: &[VariantName],
    args: &RunArgs,
) -> Result<Scenario, String> {
    let mut mistakes = Vec::new();
    let load = &mut scenario.load;
    if let Some(rate) = args.rate {
        match RatePerSecond::new(rate) {
            Ok(rate) => load.rate = rate,
            Err(error) => mistakes.push(format!("--rate {rate}: {error}")),
        }
    }
    if let Some(arrivals) = args.arrivals {
        load.arrivals = match arrivals {
            ArrivalsChoice::Constant => Arrivals::Constant,
            ArrivalsChoice::Poisson => Arrivals::Poisson,
        };
    }
    if let Some(connections) = args.connections {
        load.connections = connections;
        load.max_in_flight = load.max_in_flight.max(connections);
    }
    let agents = args.agents.as_ref().map_or(1, Agents::count);
    if u32::try_from(agents).is_ok_and(|agents| agents > load.connections) {
        mistakes.push(format!(
            "--agents {agents}: each needs a connection, and there are {}; raise --connections",
            load.connections
        ));
    }
    if args.precision.is_some() {
        scenario.design.blocks = PRECISION_BLOCKS;
    }
    if args.quick {
        scenario.design.blocks = QUICK_BLOCKS;
        load.warm_up = QUICK_WARM_UP;
        load.duration = quick_duration(variants.len() + 1);
        if let Some(memory) = &mut scenario.memory {
            scenario.design.blocks = QUICK_MEMORY_BLOCKS;
            load.duration = QUICK_LONGEST;
            memory.settle = memory.settle.min(QUICK_SETTLE);
        }
    }
    if let Some(blocks) = args.blocks {
        scenario.design.blocks = blocks;
    }
    if let Some(warm_up) = args.warm_up {
        load.warm_up = warm_up;
    }
    if let Some(duration) = args.duration {
        load.duration = duration;
    }
    if load.duration.is_zero() {
        mistakes.push("--duration: expected more than nothing".to_owned());
    } else if mistakes.is_empty() && load.rate.requests_in(load.duration) < 1 {
        mistakes.push(format!(
            "a window of {:?} at {} requests a second holds no request; raise --duration or --rate",
            load.duration,
            load.rate.per_second()
        ));
    }
    mistakes.extend(not_with_memory(&scenario, args));
    if mistakes.is_empty() {
        mistakes = out_of_reach(&scenario, args);
    }
    if mistakes.is_empty() { Ok(scenario) } else { Err(mistakes.join("\n")) }
}

/// What was asked for that a run about memory does not have.
fn not_with_memory(scenario: &Scenario, args: &RunArgs) -> Vec<String> {
    if scenario.memory.is_none() {
        return Vec::new();
    }
    let name = &scenario.name;
    let precision = args.precision.as_ref().map(|_| {
        format!(
            "--precision: `{name}` asks about memory, and a precision is one of times; use --blocks"
        )
    });
    let keep = args.keep.then(|| {
        format!("--keep: in `{name}` each variant stands alone, and none is there at the end")
    });
    precision.into_iter().chain(keep).collect()
}

/// The wished precision.
#[must_use]
pub fn precision(args: &RunArgs) -> Option<Precision> {
    let Targets(targets) = args.precision.clone()?;
    Some(Precision { targets, within_s: args.max_time.map(|most| most.as_secs_f64()) })
}

/// Why a wished precision can not be reached by any run of this scenario.
fn out_of_reach(scenario: &Scenario, args: &RunArgs) -> Vec<String> {
    let Some(Targets(targets)) = &args.precision else { return Vec::new() };
    let mut mistakes = Vec::new();
    let blocks = fewest_values(CONFIDENCE).unwrap_or_default();
    if usize::try_from(scenario.design.blocks).is_ok_and(|most| most < blocks) {
        mistakes.push(format!(
            "--precision: an interval needs {blocks} blocks, and at most {} are allowed; raise --blocks",
            scenario.design.blocks
        ));
    }
    let load = &scenario.load;
    let requests = load.rate.requests_in(load.duration);
    let lacking = targets.iter().filter(|target| requests < target.quantile.samples_needed());
    mistakes.extend(lacking.map(|target| {
        let (label, needed) = (target.quantile.label(), target.quantile.samples_needed());
        format!(
            "--precision: {label} needs {needed} requests a trial, and {:?} at {} requests a second \
             holds {requests}; raise --duration, or ask for other quantiles, e.g. --precision p50=5%",
            load.duration,
            load.rate.per_second()
        )
    }));
    mistakes
}

/// The window that lets this many trials a block fit into a smoke run.
fn quick_duration(trials_a_block: usize) -> Duration {
    let trials = QUICK_BLOCKS * u32::try_from(trials_a_block).unwrap_or(u32::MAX).max(1);
    let share = QUICK_TRIALS / trials;
    share
        .saturating_sub(QUICK_WARM_UP + TRIAL_ENDS)
        .clamp(Duration::from_millis(100), QUICK_LONGEST)
}

/// About how long the run takes.
#[must_use]
pub fn estimate(scenario: &Scenario, trials: usize) -> Duration {
    let trial = scenario.load.warm_up + scenario.load.duration + TRIAL_ENDS;
    let trials = u32::try_from(trials).unwrap_or(u32::MAX);
    if let Some(memory) = &scenario.memory {
        let rungs = u32::try_from(memory.rungs.len()).unwrap_or(u32::MAX).saturating_add(1);
        let rest = memory.settle + LOOKS;
        let ladder = BLOCK_START + 2 * rest + trial + (CHANGE + rest).saturating_mul(rungs);
        return ladder.saturating_mul(trials);
    }
    trial.saturating_mul(trials) + BLOCK_START.saturating_mul(scenario.design.blocks)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_smoke_run_fits_into_a_minute_whatever_the_number_of_variants() {
        for variants in 1..=12 {
            let window = quick_duration(variants + 1);
            let trial = window + QUICK_WARM_UP + TRIAL_ENDS;
            let trials = QUICK_BLOCKS * (u32::try_from(variants).expect("small") + 1);
            let all = trial * trials + BLOCK_START * QUICK_BLOCKS;
            // A quarter may be made again.
            let all = all + trial * (trials / 4);
            assert!(all < Duration::from_secs(58), "{variants} variants: {all:?}");
        }
    }

    #[test]
    fn a_smoke_run_about_memory_fits_into_a_minute_too() {
        let mut scenario = scenarios::library::built_in("sidecar-memory").unwrap().unwrap();
        scenario.load.warm_up = QUICK_WARM_UP;
        scenario.load.duration = QUICK_LONGEST;
        if let Some(memory) = &mut scenario.memory {
            memory.settle = QUICK_SETTLE;
        }
        let ladders = usize::try_from(QUICK_MEMORY_BLOCKS).unwrap() * 3;
        let takes = estimate(&scenario, ladders);
        assert!(takes < Duration::from_secs(58), "{takes:?}");
    }

    #[test]
    fn a_smoke_run_of_four_variants_has_the_samples_that_a_p99_needs() {
        assert!(quick_duration(5) * 1000 >= Duration::from_secs(368));
    }
}
