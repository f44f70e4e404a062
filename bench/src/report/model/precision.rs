//! What a run with a wished precision saw and why it ended, in words and tables. Reads the looks that
//! were recorded; takes none itself.

use super::{Section, Table};
use crate::record::RunRecord;
use crate::report::figures;
use crate::stopping::{Ending, Look, Precision, Seen, Stopped};

/// What was asked and what was seen; `None` where the length was set beforehand.
fn asked(record: &RunRecord) -> Option<(&Precision, &Stopped)> {
    Some((record.plan.precision.as_ref()?, record.stopping.as_ref()?))
}

/// Whether the precision was reached and how many blocks it took; `None` where none was asked for.
pub(super) fn sentence(record: &RunRecord) -> Option<String> {
    let (precision, stopping) = asked(record)?;
    let most = record.plan.blocks;
    let Some(last) = stopping.looks.last() else {
        return Some(format!("{precision} was asked for, and no block was completed."));
    };
    let made = match last.block {
        1 => "1 block".to_owned(),
        blocks => format!("{blocks} blocks"),
    };
    let time = figures::seconds(last.elapsed_s.round());
    Some(match stopping.ending {
        Some(Ending::Reached) => format!(
            "Reached: {precision}, after {made} of at most {most} ({time}). The intervals hold \
             although the blocks decided when to stop."
        ),
        Some(Ending::Blocks) => format!(
            "Not reached: {precision} was asked for; {} after all {made} ({time}).{}",
            falls_short(last),
            advice(last)
        ),
        Some(Ending::Time) => format!(
            "Not reached: {precision} was asked for; {} after {made} ({time}), and another block \
             would not have ended in {}.{}",
            falls_short(last),
            precision.within_s.map_or_else(|| "time".to_owned(), figures::seconds),
            advice(last)
        ),
        None => format!(
            "Not reached when the run ended early: {precision} was asked for; {} after {made} \
             ({time}). The intervals hold for the blocks that were made.",
            falls_short(last)
        ),
    })
}

/// What is furthest from what was asked.
fn falls_short(look: &Look) -> String {
    let Some(seen) = look.furthest() else { return "nothing was compared".to_owned() };
    let (name, at) = (&seen.comparison, seen.quantile.label());
    match seen.reach_us {
        Some(_) => format!(
            "{name} at {at} is known to {}, {} was wanted",
            reach(seen.reach_us),
            reach(seen.wanted_us)
        ),
        None => format!("{name} at {at} has no interval that holds, with {} blocks", seen.blocks),
    }
}

fn advice(look: &Look) -> String {
    look.blocks_foreseen.map_or_else(String::new, |blocks| {
        format!(" By the spread so far it needs about {blocks} blocks in all.")
    })
}

fn reach(us: Option<f64>) -> String {
    us.map_or_else(|| figures::NONE.to_owned(), |us| format!("±{}", figures::micros(us)))
}

/// The rule and what each look saw; `None` where the length was set beforehand.
pub(super) fn section(record: &RunRecord) -> Option<Section> {
    let (_, stopping) = asked(record)?;
    let mut text = vec![format!(
        "After each block every interval is looked at, and the run ends when all are as narrow as \
         asked. So that stopping by what is seen does not make them too narrow, each look asks the \
         sign test for {} instead of 5 %: all looks of at most {} blocks together err with a \
         probability of {} at most, for each comparison and quantile.",
        figures::percent(100.0 * stopping.look_level),
        record.plan.blocks,
        figures::percent(100.0 * stopping.error),
    )];
    text.extend(sentence(record));
    let mut tables = Vec::new();
    if let Some(last) = stopping.looks.last() {
        tables.push(last_look(last));
        tables.push(looks(&stopping.looks));
    }
    Some(Section { title: "Precision".to_owned(), text, tables })
}

fn last_look(look: &Look) -> Table {
    let caption = format!("The last look, after block {}", look.block);
    let columns =
        ["Comparison", "Quantile", "#Blocks", "#Known to", "#Wanted", "Reached", "#Error spent"];
    let mut table = Table::new(&caption, &columns);
    for seen in &look.seen {
        table.rows.push(vec![
            seen.comparison.clone(),
            seen.quantile.label().to_owned(),
            seen.blocks.to_string(),
            reach(seen.reach_us),
            reach(seen.wanted_us),
            (if seen.reached() { "yes" } else { "no" }).to_owned(),
            figures::percent(100.0 * seen.spent),
        ]);
    }
    table
}

fn looks(looks: &[Look]) -> Table {
    let columns =
        ["#Block", "#After", "Furthest from what was asked", "#Known to", "#Wanted", "#Foreseen"];
    let mut table = Table::new("Every look", &columns);
    for look in looks {
        let furthest = look.furthest();
        let name = |seen: &Seen| format!("{} at {}", seen.comparison, seen.quantile.label());
        table.rows.push(vec![
            look.block.to_string(),
            figures::seconds(look.elapsed_s.round()),
            furthest.map_or_else(|| figures::NONE.to_owned(), name),
            reach(furthest.and_then(|seen| seen.reach_us)),
            reach(furthest.and_then(|seen| seen.wanted_us)),
            look.blocks_foreseen.map_or_else(|| figures::NONE.to_owned(), |all| all.to_string()),
        ]);
    }
    table
}
