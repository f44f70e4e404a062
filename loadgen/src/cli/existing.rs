//! `--testbed cluster`: the plan of a run on a cluster that somebody else has made, and the roles that
//! such a run needs. This version plans such a run and does not conduct it, and says so.

use std::path::Path;

use testbed::kind::{Existing, NAMESPACE, Target, render_existing};

use super::args::RunArgs;
use super::existing_args::{ExistingArgs, no_namespace};
use super::exit::Failure;
use super::kind::scenario_named;
use super::run::{Surroundings, print};
use super::settle::{settle, variants};

/// As on the command line.
const NAME: &str = "cluster";

/// Prints the plan, or says that it is not conducted.
pub(super) fn existing(args: &RunArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let target = args.existing.target().map_err(Failure::Usage)?;
    let scenario = scenario_named(args.scenario.as_deref(), &around.current_dir)?;
    let variants = variants(&scenario, NAME, &args.variants).map_err(Failure::Usage)?;
    let scenario = settle(scenario, &variants, args).map_err(Failure::Usage)?;
    let plan = Existing::of(&scenario, &variants, target)
        .map_err(|error| Failure::Usage(error.to_string()))?;
    if args.dry_run {
        let head = format!(
            "{}\n{}\n\ntestbed      cluster; this version plans a run and does not conduct it\n",
            scenario.title, scenario.question
        );
        return print(around, &(head + &render_existing(&plan)));
    }
    Err(Failure::Testbed(format!(
        "testbed cluster: this version of loadgen plans a run on a cluster that is there and does not conduct it; nothing was asked of the context {}\n  help: `--dry-run` prints every command and manifest, `loadgen cluster rbac` the roles that they need",
        plan.target.context
    )))
}

/// Refuses what only that testbed has a use for.
pub(super) fn nothing_of_it(args: &ExistingArgs) -> Result<(), Failure> {
    let given = args.given();
    if given.is_empty() {
        return Ok(());
    }
    let names = given.join(", ");
    Err(Failure::Usage(format!("{names}: only `--testbed cluster` has a use for it")))
}

/// The roles for a run of these variants, as manifests.
pub(super) fn roles(
    (name, asked): (&str, &[String]),
    (namespace, user): (Option<&str>, &str),
    current_dir: &Path,
) -> Result<String, Failure> {
    let scenario = scenario_named(Some(name), current_dir)?;
    let variants = variants(&scenario, NAME, asked).map_err(Failure::Usage)?;
    let namespace = namespace.unwrap_or(NAMESPACE).to_owned();
    let mut mistakes: Vec<String> = no_namespace(&namespace).into_iter().collect();
    if user.is_empty() || user.contains(char::is_control) {
        mistakes.push(format!("--user {user:?}: expected a user as the API server knows him"));
    }
    if !mistakes.is_empty() {
        return Err(Failure::Usage(mistakes.join("\n")));
    }
    // Neither changes what is needed.
    let (context, image) = ("any".to_owned(), "any".to_owned());
    let plan = Existing::of(&scenario, &variants, Target { context, namespace, image })
        .map_err(|error| Failure::Usage(error.to_string()))?;
    Ok(plan.grants(user))
}
