//! The steps of a run on kind as a person reads them, with every command and every manifest. Knows no
//! step by name.

use std::fmt::Write as _;

use super::plan::{Cluster, ClusterRun, Round};
use super::step::{Done, Input, Says, Step};

/// The whole plan.
#[must_use]
pub fn render(run: &ClusterRun) -> String {
    let mut text = String::new();
    section(&mut text, "Before any cluster", &run.first);
    for cluster in &run.clusters {
        one(&mut text, cluster);
    }
    text
}

/// Only how its clusters come up.
#[must_use]
pub fn render_up(run: &ClusterRun) -> String {
    let mut text = String::new();
    section(&mut text, "Before any cluster", &run.first);
    for cluster in &run.clusters {
        heading(&mut text, cluster);
        section(&mut text, "Up", &cluster.up);
    }
    text
}

/// Only how its clusters are deleted.
#[must_use]
pub fn render_down(run: &ClusterRun) -> String {
    let mut text = String::new();
    for cluster in &run.clusters {
        heading(&mut text, cluster);
        section(&mut text, "Down, where it is up", &cluster.down);
    }
    text
}

fn heading(text: &mut String, cluster: &Cluster) {
    let sides: Vec<&str> = cluster.sides.iter().map(|side| side.name.as_str()).collect();
    // Writing to a String can not fail.
    let _ = writeln!(
        text,
        "\nCluster {} ({}): {}",
        cluster.name,
        cluster.shape.path(),
        sides.join(", ")
    );
}

fn one(text: &mut String, cluster: &Cluster) {
    heading(text, cluster);
    section(text, "Up", &cluster.up);
    let _ = writeln!(text, "\nIn every block, in drawn order, for each variant");
    for round in &cluster.rounds {
        variant(text, round);
    }
    section(text, "Collect, into the run folder", &cluster.collect);
    section(text, "Down, unless --keep", &cluster.down);
}

fn variant(text: &mut String, round: &Round) {
    let sides: Vec<String> = round
        .sides
        .iter()
        .map(|side| format!("{} → {}", side.part("client"), side.host()))
        .collect();
    let _ = writeln!(text, "\n  {}", round.variant);
    if round.apply.is_empty() {
        let _ = writeln!(text, "    nothing is applied");
    }
    round.apply.iter().for_each(|it| step(text, it, 4));
    let _ =
        writeln!(text, "    posture proven from a meshed pod, an unmeshed one, another identity");
    for side in sides {
        let _ = writeln!(text, "    trial: {side}");
    }
    round.remove.iter().for_each(|it| step(text, it, 4));
}

fn section(text: &mut String, heading: &str, steps: &[Step]) {
    let _ = writeln!(text, "\n{heading}");
    steps.iter().for_each(|it| step(text, it, 2));
}

fn step(text: &mut String, step: &Step, indent: usize) {
    let lead = " ".repeat(indent);
    let _ = writeln!(text, "{lead}• {} (at most {} s)", step.name, step.deadline.as_secs());
    let _ = writeln!(text, "{lead}    $ {}", shell(&step.command));
    match &step.input {
        Some(Input::Text { name, text: input }) => {
            let _ = writeln!(text, "{lead}    < {name}");
            for line in input.lines() {
                let _ = writeln!(text, "{}", format!("{lead}    | {line}").trim_end());
            }
        }
        Some(Input::Secret { what, .. }) => {
            let _ = writeln!(text, "{lead}    < {what}");
        }
        None => {}
    }
    if let Some(done) = &step.done {
        let _ = writeln!(text, "{lead}    done already when {}", asked(done));
    }
    if let Some(undo) = &step.undo {
        let _ = writeln!(text, "{lead}    taken back by `{}`", shell(&undo.command));
    }
    if let Some(look) = &step.look {
        let _ = writeln!(text, "{lead}    if it fails, shown: `{}`", shell(look));
    }
    if !step.hint.is_empty() {
        let _ = writeln!(text, "{lead}    if it fails: {}", step.hint);
    }
}

/// The question and the answer that means yes.
fn asked(done: &Done) -> String {
    let reading = if done.reads { ", reading the same," } else { "" };
    let answer = match &done.says {
        Says::Well => "ends well".to_owned(),
        Says::Line(line) => format!("says {line}"),
        Says::Field(place, text) => format!("says {text} at {place}"),
    };
    format!("`{}`{reading} {answer}", shell(&done.command))
}

/// A command line that a shell takes apart into the same words.
#[must_use]
pub fn shell(words: &[String]) -> String {
    let harmless = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    let quoted = words.iter().map(|word| {
        if !word.is_empty() && word.chars().all(harmless) {
            word.clone()
        } else {
            format!("'{}'", word.replace('\'', "'\\''"))
        }
    });
    quoted.collect::<Vec<_>>().join(" ")
}
