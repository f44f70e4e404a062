//! Seeds that once failed, in `seeds.txt` beside this file: run again for ever. A line is a study's
//! name, the first seed and how many.

use std::ops::Range;

/// The file, whole.
const FILE: &str = include_str!("seeds.txt");

/// Runs that are made again whatever else is run.
#[derive(Debug, PartialEq)]
pub(crate) struct Kept {
    /// The study's name.
    pub(crate) study: String,
    /// Its seeds.
    pub(crate) seeds: Range<u64>,
}

/// Every line that is no comment; what is wrong with a line is told with its number.
pub(crate) fn kept() -> Result<Vec<Kept>, String> {
    read(FILE)
}

fn read(text: &str) -> Result<Vec<Kept>, String> {
    let lines = (1..).zip(text.lines()).map(|(number, line)| (number, line.trim()));
    let mut kept = Vec::new();
    let mut mistakes = Vec::new();
    for (number, line) in lines.filter(|(_, line)| !line.is_empty() && !line.starts_with('#')) {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            [study, first, runs] => match (first.parse::<u64>(), runs.parse::<u64>()) {
                (Ok(first), Ok(runs)) if runs > 0 => {
                    let seeds = first..first.saturating_add(runs);
                    kept.push(Kept { study: study.to_owned(), seeds });
                }
                _ => mistakes.push(format!("line {number}: expected two numbers: {line}")),
            },
            _ => mistakes.push(format!("line {number}: expected STUDY FIRST-SEED RUNS: {line}")),
        }
    }
    if mistakes.is_empty() { Ok(kept) } else { Err(mistakes.join("\n")) }
}
