//! What a run about memory tells: sizes state by state, what changes them, and the points of their
//! chart. Reads the record; judges nothing itself.

use std::collections::BTreeMap;

use super::{Section, Table, VariantLabel, title_of};
use crate::memory::{
    Measure, MemoryDifference, MemoryKind, MemoryLevel, MemoryRecord, MemoryVerdict, StateRecord,
};
use crate::record::{Estimate, RunRecord};
use crate::report::figures;

/// Both sidecars as the record names them, and as a column does.
const SIDECARS: [(&str, &str); 2] = [("client sidecar", "Client"), ("server sidecar", "Server")];
/// What stands in a table that has room for two.
const TWO: [Measure; 2] = [Measure::Rss, Measure::Pss];
/// The measure by which a difference is judged in one word: the one that adds up over processes.
const JUDGED: Measure = Measure::Pss;

/// What is told of memory.
#[derive(Debug, Clone, PartialEq)]
pub struct Memory {
    /// Sizes, state by state.
    pub levels: Section,
    /// What changes them.
    pub steps: Section,
    /// Variants against each other.
    pub pairs: Section,
    /// The tables that are worth the room of a terminal.
    pub brief: Vec<Table>,
    /// The states' titles, in their order.
    pub states: Vec<String>,
    /// The chart's lines: each variant without twins, each sidecar, each measure of the chart.
    pub lines: Vec<MemoryLine>,
}

/// One sidecar of one variant.
#[derive(Debug, Clone, PartialEq)]
pub struct MemoryLine {
    /// The variant's place among the report's variants.
    pub variant: usize,
    /// Which sidecar.
    pub sidecar: String,
    /// What is counted.
    pub measure: Measure,
    /// In the order of the states; one that was not read has none.
    pub points: Vec<MemoryPoint>,
}

/// What it holds in a state.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct MemoryPoint {
    /// The state's place.
    pub state: usize,
    /// The median over blocks.
    pub bytes: f64,
    /// Its interval, in bytes, where there is one.
    pub interval: Option<(f64, f64)>,
}

/// `None` where the run was not about memory.
pub(super) fn of(record: &RunRecord, variants: &[VariantLabel]) -> Option<Memory> {
    let memory = record.memory.as_ref()?;
    let shown: Vec<(usize, &VariantLabel)> =
        variants.iter().enumerate().filter(|(_, label)| label.twin_of.is_none()).collect();
    let mut brief: Vec<Table> =
        shown.iter().map(|(_, label)| levels_of(memory, label, &TWO)).collect();
    brief.extend(
        shown.iter().map(|(_, label)| without_blocks(steps_of(memory, label, SIDECARS[1], &TWO))),
    );
    Some(Memory {
        levels: levels(memory, variants),
        steps: steps(memory, &shown),
        pairs: pairs(record, memory),
        brief,
        states: memory.states.iter().map(|state| state.title.clone()).collect(),
        lines: shown.iter().flat_map(|(place, label)| lines(memory, *place, label)).collect(),
    })
}

/// The last column says what the tables of levels say already.
fn without_blocks(mut table: Table) -> Table {
    table.columns.pop();
    table.rows.iter_mut().for_each(|row| drop(row.pop()));
    table
}

fn level<'a>(
    memory: &'a MemoryRecord,
    (variant, state, sidecar): (&str, &str, &str),
    measure: Measure,
) -> Option<&'a MemoryLevel> {
    memory.levels.iter().find(|row| {
        row.variant == variant
            && row.state == state
            && row.sidecar == sidecar
            && row.measure == measure
    })
}

fn levels(memory: &MemoryRecord, variants: &[VariantLabel]) -> Section {
    let text = vec![
        "What the kernel counts of each sidecar's process in each state. RSS is every page that is \
         there, those of the program itself in full in every process that runs it; PSS divides a \
         page by the processes that share it, and so adds up over them; private dirty is what only \
         this process has and has written to."
            .to_owned(),
        format!(
            "{} An idle state was left alone for {} before it was read; under load the figure is \
             the median over the measured window.",
            sharing(memory),
            figures::seconds(memory.settle_s)
        ),
    ];
    let tables = variants.iter().map(|label| levels_of(memory, label, &Measure::ALL));
    let tables = tables.chain(unread(memory)).collect();
    Section { title: "Memory by state".to_owned(), text, tables }
}

/// By how many processes PSS divides what they share.
fn sharing(memory: &MemoryRecord) -> String {
    let counted = || memory.readings.iter().map(|reading| reading.sharing).filter(|by| *by > 0);
    match (counted().min(), counted().max()) {
        (Some(low), Some(high)) if low == high => {
            format!("In every reading {low} processes on this machine ran the program read.")
        }
        (Some(low), Some(high)) => format!(
            "Between {low} and {high} processes on this machine ran the program read, which moves PSS."
        ),
        _ => "How many processes ran the program read is not known.".to_owned(),
    }
}

/// What could not be read or does not count, each reason once.
fn unread(memory: &MemoryRecord) -> Option<Table> {
    let mut reasons: BTreeMap<String, usize> = BTreeMap::new();
    for reading in &memory.readings {
        let not_measured = reading.why_not.as_ref().map(|why| format!("not measured: {why}"));
        let left_out = reading.left_out.as_ref().map(|why| format!("left out: {why}"));
        if let Some(why) = not_measured.or(left_out) {
            *reasons.entry(why).or_default() += 1;
        }
    }
    let mut table = Table::new("Readings that enter no figure", &["Why", "#Readings"]);
    table.rows = reasons.into_iter().map(|(why, count)| vec![why, count.to_string()]).collect();
    (!table.rows.is_empty()).then_some(table)
}

fn levels_of(memory: &MemoryRecord, label: &VariantLabel, measures: &[Measure]) -> Table {
    let columns = SIDECARS.iter().flat_map(|(_, short)| {
        measures.iter().map(move |measure| format!("#{short} {}", measure.label()))
    });
    let names: Vec<String> = std::iter::once("State".to_owned()).chain(columns).collect();
    let names: Vec<&str> = names.iter().map(String::as_str).collect();
    let caption =
        format!("{} ({}), in MiB: {}", label.title, label.name, over(memory, &label.name));
    let mut table = Table::new(&caption, &names);
    for StateRecord { name, title, .. } in &memory.states {
        let mut row = vec![title.clone()];
        for (sidecar, _) in SIDECARS {
            for measure in measures {
                let found = level(memory, (&label.name, name, sidecar), *measure);
                row.push(found.map_or_else(none, |row| {
                    figures::in_mebibytes(row.median_bytes, row.bytes.as_ref())
                }));
            }
        }
        table.rows.push(row);
    }
    table
}

/// Of how many blocks the figures are, and whether they have intervals.
fn over(memory: &MemoryRecord, variant: &str) -> String {
    let mine = || memory.levels.iter().filter(|row| row.variant == variant);
    let most = mine().map(|row| row.blocks).max().unwrap_or(0);
    let blocks = if most == 1 { "block" } else { "blocks" };
    match mine().find_map(|row| row.bytes) {
        Some(_) => format!("median over {most} {blocks} [low, high]"),
        None => format!("median over {most} {blocks}, too few for an interval"),
    }
}

fn steps(memory: &MemoryRecord, shown: &[(usize, &VariantLabel)]) -> Section {
    let text = vec![
        "Two states of the same processes, paired by block. Policies come and go while the \
         sidecars run, as a mesh's control plane tells them; only the server's sidecar is told \
         any. Idle after the load is what they are held against, since a load leaves memory \
         behind that is not theirs."
            .to_owned(),
    ];
    let tables = shown
        .iter()
        .flat_map(|(_, label)| {
            SIDECARS.iter().rev().map(|of| steps_of(memory, label, *of, &Measure::ALL))
        })
        .chain(a_policy(memory, shown))
        .collect();
    Section { title: "What changes it".to_owned(), text, tables }
}

/// What one policy more takes: what the last rung has more than the first, by their numbers.
fn a_policy(memory: &MemoryRecord, shown: &[(usize, &VariantLabel)]) -> Option<Table> {
    let rungs: Vec<u32> = memory.states.iter().filter_map(|state| state.policies).collect();
    let more = f64::from(rungs.last()?.checked_sub(*rungs.first()?).filter(|more| *more > 0)?);
    let measures = Measure::ALL.map(|measure| format!("#{}", measure.label()));
    let names: Vec<&str> =
        std::iter::once("Variant").chain(measures.iter().map(String::as_str)).collect();
    let mut table = Table::new("Each policy more, in the server sidecar, in KiB", &names);
    for (_, label) in shown {
        let of = |measure| {
            let row = memory.differences.iter().find(|row| {
                row.name == "rungs"
                    && row.candidate == label.name
                    && row.sidecar == SIDECARS[1].0
                    && row.measure == measure
            })?;
            let one = |all: Estimate| Estimate {
                point: all.point / more,
                low: all.low / more,
                high: all.high / more,
                ..all
            };
            let median = row.median_bytes.map(|bytes| bytes / more);
            Some(figures::in_kibibytes(median, row.bytes.map(one).as_ref()))
        };
        let cells = Measure::ALL.map(|measure| of(measure).unwrap_or_else(none));
        table.rows.push(std::iter::once(label.title.clone()).chain(cells).collect());
    }
    Some(table)
}

fn none() -> String {
    figures::NONE.to_owned()
}

fn steps_of(
    memory: &MemoryRecord,
    label: &VariantLabel,
    (sidecar, _): (&str, &str),
    measures: &[Measure],
) -> Table {
    let rows = || {
        memory.differences.iter().filter(|row| {
            row.kind == MemoryKind::Step && row.candidate == label.name && row.sidecar == sidecar
        })
    };
    let caption = format!("{} ({}): {sidecar}, differences in MiB", label.title, label.name);
    let mut table = judged(&caption, &["Difference"], measures);
    for row in rows().filter(|row| row.measure == JUDGED) {
        let same =
            |measure| rows().find(|other| other.name == row.name && other.measure == measure);
        let cells = measures.iter().map(|measure| size(same(*measure)));
        let end = [figures::memory_verdict(row.verdict).to_owned(), row.blocks.to_string()];
        table.rows.push(std::iter::once(row.title.clone()).chain(cells).chain(end).collect());
    }
    table
}

fn judged(caption: &str, before: &[&str], measures: &[Measure]) -> Table {
    let sizes = measures.iter().map(|measure| format!("#{}", measure.label()));
    let end = [format!("Verdict ({})", JUDGED.label()), "#Blocks".to_owned()];
    let names: Vec<String> =
        before.iter().map(|name| (*name).to_owned()).chain(sizes).chain(end).collect();
    Table::new(caption, &names.iter().map(String::as_str).collect::<Vec<_>>())
}

fn size(row: Option<&MemoryDifference>) -> String {
    row.map_or_else(none, |row| figures::signed_in_mebibytes(row.median_bytes, row.bytes.as_ref()))
}

fn pairs(record: &RunRecord, memory: &MemoryRecord) -> Section {
    let mut tables = Vec::new();
    for spec in &record.plan.comparisons {
        let rows = || {
            memory
                .differences
                .iter()
                .filter(|row| row.kind == MemoryKind::Pair && row.name == spec.name)
        };
        let caption = format!("{}: {} − {}, in MiB", spec.title, spec.candidate, spec.baseline);
        let mut table = judged(&caption, &["State", "Sidecar"], &Measure::ALL);
        for row in rows().filter(|row| row.measure == JUDGED) {
            let same = |measure| {
                rows().find(|other| {
                    other.candidate_state == row.candidate_state
                        && other.sidecar == row.sidecar
                        && other.measure == measure
                })
            };
            let title = memory.states.iter().find(|state| state.name == row.candidate_state);
            let title = title.map_or(&row.candidate_state, |state| &state.title);
            let mut cells = vec![title.clone(), row.sidecar.clone()];
            cells.extend(Measure::ALL.map(|measure| size(same(measure))));
            cells.push(figures::memory_verdict(row.verdict).to_owned());
            cells.push(row.blocks.to_string());
            table.rows.push(cells);
        }
        tables.push(table);
    }
    Section {
        title: "Variants compared".to_owned(),
        text: vec![
            "Two variants in the same state, paired by block. The last table is the same variant \
             twice: what this machine calls a difference where there is none."
                .to_owned(),
        ],
        tables,
    }
}

fn lines(memory: &MemoryRecord, place: usize, label: &VariantLabel) -> Vec<MemoryLine> {
    let mut lines = Vec::new();
    for measure in TWO {
        for (sidecar, _) in SIDECARS {
            let point = |(at, of): (usize, &StateRecord)| {
                let row = level(memory, (&label.name, &of.name, sidecar), measure)?;
                let bytes = row.median_bytes.filter(|bytes| bytes.is_finite())?;
                let finite = |all: &Estimate| all.low.is_finite() && all.high.is_finite();
                let interval = row.bytes.filter(finite).map(|all| (all.low, all.high));
                Some(MemoryPoint { state: at, bytes, interval })
            };
            let points = memory.states.iter().enumerate().filter_map(point).collect();
            lines.push(MemoryLine { variant: place, sidecar: sidecar.to_owned(), measure, points });
        }
    }
    lines
}

/// The answer: what a sidecar of the headline's candidate holds under load, what the most policies add
/// to it, and what of that is given back.
pub(super) fn answer(record: &RunRecord, memory: &MemoryRecord, labels: &[VariantLabel]) -> String {
    let spec = record.plan.comparisons.first();
    let Some(variant) = spec.map(|spec| spec.candidate.as_str().trim_end_matches("#2")) else {
        return "No answer: nothing is compared in this run.".to_owned();
    };
    let (server, _) = SIDECARS[1];
    let title = title_of(labels, variant);
    let at = |measure| {
        level(memory, (variant, scenarios::memory::UNDER_LOAD, server), measure)?.median_bytes
    };
    let (Some(rss), Some(pss)) = (at(Measure::Rss), at(Measure::Pss)) else {
        return format!("No answer yet on {title}: its memory under load was not read.");
    };
    let step = |name: &str| {
        memory.differences.iter().find(|row| {
            row.kind == MemoryKind::Step
                && row.name == name
                && row.candidate == variant
                && row.sidecar == server
                && row.measure == JUDGED
        })
    };
    let mut text = format!(
        "{title}: under load the server's sidecar holds {} RSS, {} of it by PSS.",
        figures::mebibytes(rss),
        figures::mebibytes(pss)
    );
    let last = memory.states.iter().rev().find(|state| state.policies.is_some());
    if let Some(last) = last
        && let (Some(added), Some(back)) = (step(&last.name), step("given-back"))
    {
        text.push_str(&format!(
            " {} change its PSS by {} MiB{}, and their deletion by {} MiB{}.",
            last.title,
            figures::signed_in_mebibytes(added.median_bytes, added.bytes.as_ref()),
            verdict(added.verdict),
            figures::signed_in_mebibytes(back.median_bytes, back.bytes.as_ref()),
            verdict(back.verdict),
        ));
    }
    text
}

fn verdict(verdict: MemoryVerdict) -> String {
    match verdict {
        MemoryVerdict::More | MemoryVerdict::Less => String::new(),
        other => format!(" ({})", figures::memory_verdict(other)),
    }
}
