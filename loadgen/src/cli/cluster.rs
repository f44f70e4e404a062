//! What `loadgen cluster` means: the clusters of a scenario made, looked at and deleted, apart from any
//! run. In which order, is known to `testbed::kind` alone.

use std::collections::BTreeMap;

use bench::conduct::Fault;
use serde_json::json;
use testbed::kind::{
    Cluster, ClusterRun, Conductor, Made, Standing, facts, render_down, render_up,
};

use super::args::Output;
use super::cluster_args::{ClusterCommand, Which};
use super::exit::Failure;
use super::kind::{cluster_plan, scenario_named};
use super::run::{Surroundings, print};
use super::settle::variants;
use super::steps::{Steps, equipped, has_tools};

/// Does it, or says why not.
pub fn cluster(what: &ClusterCommand, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    match what {
        ClusterCommand::Up { which, keep, dry_run } => {
            let run = planned(which, around)?;
            if *dry_run {
                return print(around, &render_up(&run));
            }
            up(which, &run, *keep, around)
        }
        ClusterCommand::Status { which, output } => {
            let run = planned(which, around)?;
            has_tools(&around.machine)?;
            let looked = Steps::new(around)?.conducted(|conductor| look(conductor, &run));
            let looked = looked.map_err(Steps::failure)?;
            let text: String = match output {
                Output::Text => looked.iter().map(told).collect(),
                Output::Json => document(&looked),
            };
            print(around, &text)
        }
        ClusterCommand::Down { which, dry_run } => {
            let run = planned(which, around)?;
            if *dry_run {
                return print(around, &render_down(&run));
            }
            down(&run, around)
        }
    }
}

fn planned(which: &Which, around: &Surroundings<'_>) -> Result<ClusterRun, Failure> {
    let scenario = scenario_named(Some(&which.scenario), &around.current_dir)?;
    let variants = variants(&scenario, "kind", &which.variants).map_err(Failure::Usage)?;
    cluster_plan(&scenario, &variants)
}

fn up(
    which: &Which,
    run: &ClusterRun,
    keep: bool,
    around: &Surroundings<'_>,
) -> Result<(), Failure> {
    equipped(&around.machine)?;
    let steps = Steps::new(around)?;
    let mut made = Made::default();
    let ended = steps.conducted(|conductor| conductor.up(run, &mut made));
    if let Err(fault) = ended {
        let failure = Steps::failure(fault);
        return Err(failure.with(&steps.give_back(run, made, keep.then_some(&which.scenario))));
    }
    for cluster in &run.clusters {
        (around.tell)(&format!(
            "cluster {} is up; kubectl --kubeconfig {}",
            cluster.name,
            cluster.kubeconfig.display()
        ));
    }
    let name = &which.scenario;
    (around.tell)(&format!(
        "`loadgen --scenario {name} --testbed kind --reuse` runs in it, `loadgen cluster down --scenario {name}` deletes it"
    ));
    Ok(())
}

fn down(run: &ClusterRun, around: &Surroundings<'_>) -> Result<(), Failure> {
    has_tools(&around.machine)?;
    let steps = Steps::new(around)?;
    let gone = steps.conducted(|conductor| conductor.down(run)).map_err(Steps::failure)?;
    for cluster in &run.clusters {
        let was = gone.contains(&cluster.name);
        (around.tell)(&format!(
            "cluster {}: {}",
            cluster.name,
            if was { "deleted" } else { "was not there" }
        ));
    }
    steps.forget(run, run.clusters.iter().map(|cluster| cluster.name.as_str()));
    Ok(())
}

/// How a cluster stands, and what it says of itself where it is whole.
type Look = (Standing, BTreeMap<String, String>);

fn look(conductor: &mut Conductor<'_>, run: &ClusterRun) -> Result<Vec<Look>, Fault> {
    let standing = conductor.status(run)?;
    let with_facts = |(standing, cluster): (Standing, &Cluster)| {
        let kept = if standing.is_whole() { conductor.collect(cluster)? } else { Vec::new() };
        Ok((standing, facts(&kept)))
    };
    standing.into_iter().zip(&run.clusters).map(with_facts).collect()
}

fn told((standing, facts): &Look) -> String {
    if !standing.is_up {
        return format!("cluster {}: not there\n", standing.cluster);
    }
    let mut text = format!("cluster {}: up\n", standing.cluster);
    for (step, done) in &standing.steps {
        text.push_str(&format!("  {:<9} {step}\n", if *done { "done" } else { "NOT DONE" }));
    }
    for (name, fact) in facts {
        text.push_str(&format!("  {name}: {fact}\n"));
    }
    text
}

fn document(looked: &[Look]) -> String {
    let clusters = looked.iter().map(|(it, facts)| {
        let steps = it.steps.iter().map(|(step, done)| json!({"step": step, "done": done}));
        json!({
            "cluster": it.cluster,
            "up": it.is_up,
            "steps": steps.collect::<Vec<_>>(),
            "facts": facts,
        })
    });
    let document = json!({"schema_version": 1, "clusters": clusters.collect::<Vec<_>>()});
    format!("{document:#}\n")
}
