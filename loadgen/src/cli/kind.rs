//! `--testbed kind`: the plan of a run in clusters, and how far this version conducts it: it makes the
//! clusters, brings every variant's policies into force and takes all of it back, and measures nothing
//! there. It says so before, and ends as a run without a measurement.

use std::fmt::Write as _;
use std::path::Path;

use bench::conduct::Fault;
use scenarios::library;
use scenarios::scenario::Scenario;
use scenarios::variant::VariantName;
use testbed::kind::{ClusterRun, Conductor, Kept, Made, Pins, Shape, facts, render, tools};

use super::args::RunArgs;
use super::exit::Failure;
use super::policy_gate;
use super::run::{Surroundings, print};
use super::settle::{settle, variants};
use super::steps::{Steps, equipped};

/// Where the kubeconfigs of clusters are, so that nobody's own is touched.
const FOLDER: &str = "results/.kind";

/// Prints the plan, or conducts it.
pub(super) fn kind(args: &RunArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let scenario = scenario_named(args.scenario.as_deref(), &around.current_dir)?;
    let variants = variants(&scenario, "kind", &args.variants).map_err(Failure::Usage)?;
    if !args.dry_run {
        policy_gate::check(&scenario, &variants)?;
    }
    let scenario = settle(scenario, &variants, args).map_err(Failure::Usage)?;
    let run = cluster_plan(&scenario, &variants)?;
    if args.dry_run {
        let told = tools::told(&tools::needs(&around.machine));
        let text = format!("{}\nThis machine\n{told}\n\n{}", head(&scenario, &run), render(&run));
        return print(around, &text);
    }
    equipped(&around.machine)?;
    conduct(args, &scenario.name, &run, around)
}

/// A scenario by name or folder.
pub(super) fn scenario_named(name: Option<&str>, current_dir: &Path) -> Result<Scenario, Failure> {
    let name = name.ok_or_else(|| {
        let missing = "--scenario is missing: give a name from `loadgen list` or a folder";
        Failure::Usage(missing.to_owned())
    })?;
    let found = library::find(name, current_dir);
    found.map(|found| found.scenario).map_err(|error| Failure::Usage(error.to_string()))
}

/// The steps for these variants of it.
pub(super) fn cluster_plan(
    scenario: &Scenario,
    variants: &[VariantName],
) -> Result<ClusterRun, Failure> {
    let place = (Shape::Small, Path::new(FOLDER));
    ClusterRun::of(scenario, variants, &Pins::built_in(), place)
        .map_err(|error| Failure::Usage(error.to_string()))
}

/// Goes as far as this version does.
fn conduct(
    args: &RunArgs,
    scenario: &str,
    run: &ClusterRun,
    around: &mut Surroundings<'_>,
) -> Result<(), Failure> {
    (around.tell)(
        "testbed kind: clusters are made, and every variant's policies come into force; this version of loadgen measures nothing there",
    );
    let steps = Steps::new(around)?;
    let mut made = Made::default();
    let rehearsed = steps.conducted(|conductor| rehearse(conductor, args, run, &mut made));
    let kept = match rehearsed {
        Ok(kept) => kept,
        Err(fault) => {
            let stays = args.keep.then_some(scenario);
            return Err(Steps::failure(fault).with(&steps.give_back(run, made, stays)));
        }
    };
    let mut text = String::new();
    for (name, fact) in facts(&kept) {
        // Writing to a String can not fail.
        let _ = writeln!(text, "{name}: {fact}");
    }
    print(around, &text)?;
    let ended = Failure::NoMeasurement(
        "testbed kind: nothing was measured, since this version of loadgen does not measure in clusters; they came up, and every variant's policies came into force and went again\n  help: `--testbed envoy` measures on this machine".to_owned(),
    );
    let stays = args.keep.then_some(scenario);
    Err(ended.with(&steps.give_back(run, made, stays)))
}

/// All of a run but for what is measured in it.
fn rehearse(
    conductor: &mut Conductor<'_>,
    args: &RunArgs,
    run: &ClusterRun,
    made: &mut Made,
) -> Result<Vec<Kept>, Fault> {
    if args.reuse {
        conductor
            .take(run, "`loadgen cluster up` makes it so; without --reuse a run does it too")?;
    } else {
        conductor.up(run, made)?;
    }
    let mut kept = Vec::new();
    for cluster in &run.clusters {
        for round in &cluster.rounds {
            conductor.under(round, args.keep, |_| Ok(()))?;
        }
        kept.extend(conductor.collect(cluster)?);
    }
    Ok(kept)
}

fn head(scenario: &Scenario, run: &ClusterRun) -> String {
    let mut text = String::new();
    let load = &scenario.load;
    let trials: usize =
        run.clusters.iter().flat_map(|it| &it.rounds).map(|it| it.sides.len()).sum();
    // Writing to a String can not fail.
    let _ = writeln!(text, "{}\n{}\n", scenario.title, scenario.question);
    let _ = writeln!(
        text,
        "testbed      kind; this version conducts all of it but the proofs and the trials"
    );
    let _ = writeln!(
        text,
        "load         {} requests/s over {} connections, {} s warm-up + {} s measured",
        load.rate.per_second(),
        load.connections,
        load.warm_up.as_secs_f64(),
        load.duration.as_secs_f64()
    );
    let _ = writeln!(
        text,
        "trials       {} blocks × {trials}, and the control once more in each",
        scenario.design.blocks
    );
    text
}
