//! `--testbed kind`: the plan of a run in clusters, and whether this machine could conduct it. This
//! version does not conduct one, and says so.

use std::fmt::Write as _;
use std::path::Path;

use scenarios::library;
use scenarios::scenario::Scenario;
use testbed::kind::{ClusterRun, Pins, Shape, render, tools};

use super::args::RunArgs;
use super::environment::programs;
use super::exit::Failure;
use super::run::{Surroundings, print};
use super::settle::{settle, variants};

/// Prints the plan, or says why there can be no run.
pub(super) fn kind(args: &RunArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let (scenario, run) = planned(args, &around.current_dir).map_err(Failure::Usage)?;
    let needs = tools::needs(&tools::Machine {
        path: programs(),
        proc: "/proc".into(),
        disk: around.current_dir.clone(),
    });
    let told = tools::told(&needs);
    if args.dry_run {
        let text = format!("{}\nThis machine\n{told}\n\n{}", head(&scenario, &run), render(&run));
        return print(around, &text);
    }
    let lacking = needs.iter().filter(|need| need.found.is_err()).count();
    if lacking > 0 {
        let things = if lacking == 1 { "thing is" } else { "things are" };
        return Err(Failure::Testbed(format!(
            "testbed kind: {lacking} {things} missing here\n{told}\n  help: `--testbed embedded` needs none of them; `--dry-run` prints what would be done"
        )));
    }
    Err(Failure::Testbed(
        "testbed kind: everything is here, but this version of loadgen plans a run in clusters and does not conduct it\n  help: `--dry-run` prints every command and manifest, to be run by hand"
            .to_owned(),
    ))
}

/// The scenario as settled and the plan for it, or all that is wrong with what was typed.
fn planned(args: &RunArgs, current_dir: &Path) -> Result<(Scenario, ClusterRun), String> {
    let name = args
        .scenario
        .as_deref()
        .ok_or("--scenario is missing: give a name from `loadgen list` or a folder")?;
    let found = library::find(name, current_dir).map_err(|error| error.to_string())?;
    let variants = variants(&found.scenario, "kind", &args.variants)?;
    let scenario = settle(found.scenario, &variants, args)?;
    let place = (Shape::Small, Path::new("results/.kind"));
    let run = ClusterRun::of(&scenario, &variants, &Pins::built_in(), place)
        .map_err(|error| error.to_string())?;
    Ok((scenario, run))
}

fn head(scenario: &Scenario, run: &ClusterRun) -> String {
    let mut text = String::new();
    let load = &scenario.load;
    let trials: usize =
        run.clusters.iter().flat_map(|it| &it.rounds).map(|it| it.sides.len()).sum();
    // Writing to a String can not fail.
    let _ = writeln!(text, "{}\n{}\n", scenario.title, scenario.question);
    let _ = writeln!(text, "testbed      kind; this version plans a run and does not conduct it");
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
