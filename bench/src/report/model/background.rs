//! The background: planted faults, load, design and gates, provenance, how to read the figures,
//! and the command to run it again. Settings and fixed text only.

use super::{Section, Table};
use crate::record::{LoadRecord, Placement, RequestRecord, RunRecord};
use crate::report::figures;

pub(super) fn planted(record: &RunRecord) -> Section {
    let mut table = Table::new("", &["Variant", "Planted"]);
    for variant in &record.plan.variants {
        if let Some(planted) = &variant.planted {
            table.rows.push(vec![variant.name.clone(), planted.clone()]);
        }
    }
    let (text, tables) = if table.rows.is_empty() {
        ("None: no variant carries a fault of known size.", Vec::new())
    } else {
        ("Faults of known size, planted so that the figures can be held against them.", vec![table])
    };
    Section { title: "Planted faults".to_owned(), text: vec![text.to_owned()], tables }
}

pub(super) fn design(record: &RunRecord) -> Section {
    Section {
        title: "Load, design and gates".to_owned(),
        text: Vec::new(),
        tables: vec![load(record), design_table(record), variants(record), gates(record)],
    }
}

/// A table of names and values.
fn settings(caption: &str, rows: Vec<(&str, String)>) -> Table {
    let mut table = Table::new(caption, &["Setting", "Value"]);
    table.rows = rows.into_iter().map(|(name, value)| vec![name.to_owned(), value]).collect();
    table
}

fn load(record: &RunRecord) -> Table {
    let load = &record.plan.load;
    settings(
        "Load, open loop: arrivals do not depend on replies",
        vec![
            ("Arrivals", load.arrivals.clone()),
            ("Offered rate", figures::rate(load.rate)),
            ("Connections", load.connections.to_string()),
            ("In flight or waiting, at most", load.max_in_flight.to_string()),
            ("Timeout", figures::seconds(load.timeout_s)),
            ("Warm-up, left out", figures::seconds(load.warm_up_s)),
            ("Measured window of a trial", figures::seconds(load.duration_s)),
            ("Request", requests(load)),
            ("Body", figures::bytes(u64::try_from(load.body_bytes).unwrap_or(u64::MAX))),
        ],
    )
}

fn requests(load: &LoadRecord) -> String {
    if load.requests.is_empty() {
        return load.request.clone();
    }
    let kind = |kind: &RequestRecord| {
        let RequestRecord { name, request, share_percent, expected } = kind;
        let denied =
            if expected == "denied" { ", to be denied where policies deny it" } else { "" };
        format!("{name}: {request}, {}{denied}", figures::percent(*share_percent))
    };
    load.requests.iter().map(kind).collect::<Vec<_>>().join("; ")
}

fn design_table(record: &RunRecord) -> Table {
    let plan = &record.plan;
    let margin = format!(
        "{} of the baseline's quantile, or {} where that is more",
        figures::percent(plan.margin.percent),
        figures::micros(plan.margin.at_least_us)
    );
    let blocks = match &plan.precision {
        Some(precision) => format!("at most {}, until {precision}", plan.blocks),
        None => plan.blocks.to_string(),
    };
    settings(
        "Design",
        vec![
            ("Scenario", format!("{}, version {}", record.scenario, plan.scenario_version)),
            ("Blocks planned", blocks),
            ("Trials in a block", plan.variants.len().to_string()),
            ("A/A pair", format!("{} runs twice in every block", plan.control)),
            ("Equivalent means within", margin),
            ("Seed", record.seed.to_string()),
        ],
    )
}

fn variants(record: &RunRecord) -> Table {
    let mut table = Table::new("Variants", &["Variant", "Title", "Proxies", "Policies"]);
    for variant in &record.plan.variants {
        let policies = if variant.policies.is_empty() {
            figures::NONE.to_owned()
        } else {
            variant.policies.join(", ")
        };
        table.rows.push(vec![
            variant.name.clone(),
            variant.title.clone(),
            variant.proxies.clone(),
            policies,
        ]);
    }
    table
}

fn gates(record: &RunRecord) -> Table {
    let gates = &record.plan.gates;
    let late = format!(
        "{}, or {} of the trial's median response time where that is more",
        figures::micros(gates.late_us),
        figures::percent(gates.late_percent)
    );
    settings(
        "Gates: beyond one of these a trial is rejected, or, by lateness and steal, its quantiles",
        vec![
            ("A request is late, by the generator's doing, after", late),
            ("Error of the rate", figures::percent(gates.rate_error_percent)),
            ("Failed and timed-out requests", figures::percent(gates.errors_percent)),
            ("Steal time, for any quantile", figures::percent(gates.steal_percent)),
            ("Drift of the median over the window", figures::percent(gates.drift_percent)),
        ],
    )
}

pub(super) fn provenance(record: &RunRecord) -> Section {
    let provenance = &record.provenance;
    let virtual_machine = if provenance.virtual_machine { "yes" } else { "no" };
    let build = format!("{}, opt-level {}", provenance.profile, provenance.opt_level);
    let subject = format!("{} {}", provenance.subject.name, provenance.subject.version);
    let tls = provenance.subject.tls.clone();
    let mut rows = vec![
        ("Started", record.started_at.clone()),
        ("Testbed", record.testbed.clone()),
        ("Subject", subject),
        ("TLS", tls.unwrap_or_else(|| "none".to_owned())),
        ("loadgen", format!("{}, commit {}", provenance.loadgen, provenance.git)),
        ("Build", build),
        ("Kernel", provenance.kernel.clone()),
        ("Processor", provenance.cpu.clone()),
        ("Cores", format!("{}: {}", provenance.cores, placement(&provenance.placement))),
        ("Memory", figures::bytes(provenance.memory_bytes)),
        ("Frequency governor", provenance.governor.clone()),
        ("Virtual machine", virtual_machine.to_owned()),
    ];
    rows.extend(provenance.notes.iter().map(|(name, value)| (name.as_str(), value.clone())));
    Section { title: "Provenance".to_owned(), text: Vec::new(), tables: vec![settings("", rows)] }
}

fn placement(placement: &Placement) -> String {
    let cores = |cores: &[usize]| {
        let names: Vec<String> = cores.iter().map(usize::to_string).collect();
        if names.is_empty() { "not pinned".to_owned() } else { names.join(", ") }
    };
    let shared = if placement.shared { "; SHARED" } else { "" };
    format!(
        "generator on {}, subject on {}{shared}",
        cores(&placement.generator),
        cores(&placement.subject)
    )
}

pub(super) fn how_to_read(record: &RunRecord) -> Section {
    let confidence = record
        .comparisons
        .iter()
        .filter_map(|row| row.overhead_us.map(|estimate| estimate.confidence))
        .reduce(f64::min);
    let interval = match confidence {
        Some(least) if record.plan.precision.is_some() => format!(
            "**[low, high]** is an exact interval for the median over blocks. The run looked after \
             each block and stopped when it had seen enough, so it is wider than one for a number \
             of blocks that was set beforehand: the intervals of all looks together hold the true \
             median with a probability of {} or more.",
            figures::share(least)
        ),
        Some(least) => format!(
            "**[low, high]** is an exact interval for the median over blocks; here it holds the \
             true median with a probability of {} or more.",
            figures::share(least)
        ),
        None => "**[low, high]** is an exact interval for the median over blocks, at 95 % or more."
            .to_owned(),
    };
    let lines = [
        "**Response time** runs from the instant at which a request was due, so waiting that a \
         slow subject causes counts against the subject. **Service time** runs from the instant at \
         which it was sent. Response time = send lag + service time, for every request.",
        "**Overhead** is candidate − baseline at the same quantile, paired by block: the median \
         over blocks of that difference. **×** is the ratio beside it.",
        &interval,
        "**equivalent**: the whole interval lies within the margin. **slower** and **faster**: it \
         does not, it lies on one side of zero, and the exact sign test holds after Holm's \
         correction over the comparison's quantiles. **inconclusive**: the blocks do not decide \
         it; that is not a statement that the two are alike. Each comparison errs in one run of twenty \
         at most; a verdict that would not hold for all comparisons of the run together says so.",
        "**A/A** is one variant measured twice under two names. What differs there is noise, and \
         an overhead of that size says nothing.",
        "A quantile of a trial is **left out** where the machine could have made it what it is: where \
         more than a quarter as many requests as lie beyond it were sent late by the generator, and \
         never with more than 5 % late; or where as large a share of the time was stolen by the \
         hypervisor as lies beyond it. The lower quantiles of that trial count.",
        "**≥** marks a lower bound: requests without an answer could only have made the figure \
         larger. **–** stands where the samples are too few, or nothing was measured.",
        "Intervals are taken over blocks and not over requests: requests of one trial share their \
         connections, their processes and their neighbours.",
    ];
    Section {
        title: "How to read this".to_owned(),
        text: lines.iter().map(|line| format!("- {line}")).collect(),
        tables: Vec::new(),
    }
}

/// The command line to run the same again: the one that was typed, with the seed pinned.
pub(super) fn again(record: &RunRecord) -> String {
    let mut words = vec!["cargo run -p loadgen --".to_owned()];
    let typed = record.provenance.command.iter().skip(1);
    words.extend(typed.map(|word| quoted(word)));
    let seeded = |word: &String| word == "--seed" || word.starts_with("--seed=");
    if !record.provenance.command.iter().any(seeded) {
        words.push(format!("--seed {}", record.seed));
    }
    words.join(" ")
}

/// A word as a POSIX shell reads it back.
fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_=./:,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        return word.to_owned();
    }
    // A line break would end the block of code that the command stands in.
    let line = word.replace(['\n', '\r'], " ");
    format!("'{}'", line.replace('\'', r"'\''"))
}
