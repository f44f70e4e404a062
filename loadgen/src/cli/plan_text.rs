//! `--dry-run`: the plan as text. Draws nothing and starts nothing.

use std::fmt::Write as _;
use std::time::Duration;

use bench::plan::Plan;
use bench::record::PlanRecord;
use scenarios::memory::MemorySpec;

/// The plan, and about how long it takes.
#[must_use]
pub fn plan_text(record: &PlanRecord, plan: &Plan, testbed: &str, takes: Duration) -> String {
    let mut text = String::new();
    let load = &record.load;
    // Writing to a String can not fail.
    let _ = writeln!(text, "{}\n{}\n", record.title, record.question);
    let _ = writeln!(text, "testbed      {testbed}");
    let _ = writeln!(text, "seed         {}", plan.seed.0);
    let _ = writeln!(
        text,
        "load         {} requests/s ({} arrivals) over {} connections, {}, timeout {} s",
        load.rate, load.arrivals, load.connections, load.request, load.timeout_s
    );
    let most = if record.precision.is_some() { "at most " } else { "" };
    let _ = writeln!(
        text,
        "trials       {most}{} = {} blocks × {} variants; each {} s warm-up + {} s measured",
        plan.trial_count(),
        plan.blocks.len(),
        plan.variants.len(),
        load.warm_up_s,
        load.duration_s
    );
    if let Some(precision) = &record.precision {
        let _ = writeln!(
            text,
            "precision    {precision}; looks after each block, and ends when it is so"
        );
    }
    let about = if record.precision.is_some() { "takes at most" } else { "takes about " };
    let _ = writeln!(text, "{about} {}\n", minutes(takes));
    let _ = writeln!(text, "variants");
    for variant in &record.variants {
        let policies = if variant.policies.is_empty() {
            String::new()
        } else {
            format!("  [{}]", variant.policies.join(", "))
        };
        let planted = variant
            .planted
            .as_ref()
            .map_or(String::new(), |planted| format!("  planted: {planted}"));
        let _ = writeln!(text, "  {:<22} {}{policies}{planted}", variant.name, variant.title);
    }
    let _ = writeln!(text, "\ncomparisons");
    for comparison in &record.comparisons {
        let _ = writeln!(
            text,
            "  {:<22} {} − {}",
            comparison.name, comparison.candidate, comparison.baseline
        );
    }
    let _ = writeln!(text, "\norder");
    for block in &plan.blocks {
        let names: Vec<&str> = block.trials.iter().map(|trial| trial.variant.as_str()).collect();
        let _ = writeln!(text, "  block {:<3} {}", block.number, names.join(", "));
    }
    text
}

/// What a run about memory does with each variant of a block, in its order.
#[must_use]
pub fn memory_text(memory: &MemorySpec) -> String {
    let mut text = format!(
        "\nstates of each variant, in processes of its own; idle ones after {} s\n",
        memory.settle.as_secs_f64()
    );
    for (name, title) in memory.states() {
        let rung = memory.rungs.iter().find(|rung| rung.name == name);
        let policies =
            rung.map_or(String::new(), |rung| format!("  [{}]", rung.policies.join(", ")));
        let _ = writeln!(text, "  {name:<22} {title}{policies}");
    }
    text
}

/// As people say it: `45 s`, `5 min 20 s`.
#[must_use]
pub fn minutes(span: Duration) -> String {
    let seconds = span.as_secs();
    if seconds < 90 {
        format!("{seconds} s")
    } else {
        format!("{} min {} s", seconds / 60, seconds % 60)
    }
}
