//! Everything the reader sees, as data: sentences, tables and the points of the charts. Knows no
//! colour, no markdown and no SVG, and derives no figure that `analysis` should.

mod article;
mod background;
mod denied;
mod evidence;
mod left_out;
mod memory;
mod opening;
mod precision;
mod series;
mod wording;

use std::collections::BTreeMap;

pub use article::{Article, ArticleCell, ArticleLine};
pub use memory::{Memory, MemoryLine, MemoryPoint};
pub use series::{Curve, Reading, TrialPoint};
pub use wording::*;

use crate::quantile::Quantile;
use crate::record::{ComparisonRow, Estimate, RunRecord, TrialRow, Verdict};
use crate::report::figures;
use crate::selftest;
use crate::trial::Latencies;

/// The name of the A/A pair among the comparisons.
pub const NOISE_FLOOR: &str = "a-a";

/// A whole report.
#[derive(Debug, Clone, PartialEq)]
pub struct Report {
    /// The scenario's title.
    pub title: String,
    /// The scenario's name.
    pub scenario: String,
    /// Where it ran.
    pub testbed: String,
    /// UTC, as the run recorded it.
    pub started_at: String,
    /// What is to be known.
    pub question: String,
    /// The answer in a sentence or two.
    pub answer: String,
    /// A few words that stand on every part of the report, e.g. `NOT A MEASUREMENT`.
    pub stamp: Option<String>,
    /// What a reader must know before the figures.
    pub marks: Vec<Mark>,
    /// The named differences, the A/A pair last.
    pub comparisons: Vec<Comparison>,
    /// Remarks on the comparisons; a cell's note is an index into these, from 1.
    pub notes: Vec<String>,
    /// One line for each variant with admitted trials, as far as these go.
    pub curves: Vec<Curve>,
    /// All trials in time order.
    pub timeline: Vec<TrialPoint>,
    /// Variants in the scenario's order; charts take colours by place.
    pub variants: Vec<VariantLabel>,
    /// The article's table.
    pub article: Article,
    /// What is told of memory; `None` where the run was not about it.
    pub memory: Option<Memory>,
    /// Latency by variant, before the article's table.
    pub by_variant: Section,
    /// Evidence and background, after the article's table.
    pub sections: Vec<Section>,
    /// Ends the report: the command to run it again.
    pub again: String,
}

/// Something to know before the figures.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Mark {
    /// A word or two.
    pub title: String,
    /// What it means for the reader.
    pub text: String,
}

/// A variant's name and how people call it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VariantLabel {
    /// As in `run.json`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// For the second of an A/A pair, the place of the first.
    pub twin_of: Option<usize>,
}

/// A named difference at all quantiles.
#[derive(Debug, Clone, PartialEq)]
pub struct Comparison {
    /// e.g. `mtls-overhead`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// The candidate's name.
    pub candidate: String,
    /// The baseline's name.
    pub baseline: String,
    /// Whether this is the A/A pair.
    pub noise_floor: bool,
    /// In order of the quantiles.
    pub cells: Vec<Cell>,
}

/// A named difference at one quantile.
#[derive(Debug, Clone, PartialEq)]
pub struct Cell {
    /// Which.
    pub quantile: Quantile,
    /// Microseconds.
    pub baseline_us: Option<f64>,
    /// Microseconds.
    pub candidate_us: Option<f64>,
    /// Candidate − baseline, in microseconds.
    pub overhead_us: Option<Estimate>,
    /// Candidate ÷ baseline.
    pub ratio: Option<Estimate>,
    /// Less than this is called equivalent, in microseconds.
    pub margin_us: Option<f64>,
    /// What it comes to.
    pub verdict: Verdict,
    /// Blocks behind it.
    pub blocks: u32,
    /// A note's number, from 1.
    pub note: Option<usize>,
}

/// A titled part of the report.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Section {
    /// Heading.
    pub title: String,
    /// Sentences before the tables.
    pub text: Vec<String>,
    /// Tables.
    pub tables: Vec<Table>,
}

/// Rows of text under column names.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Table {
    /// A few words above it; empty when the heading says enough.
    pub caption: String,
    /// Column names and alignment.
    pub columns: Vec<Column>,
    /// As many cells in each row as there are columns.
    pub rows: Vec<Vec<String>>,
}

/// A column of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Column {
    /// Its name.
    pub name: String,
    /// Whether it holds numbers.
    pub number: bool,
}

impl Table {
    /// A table without rows; a name with a leading `#` is a column of numbers.
    pub(crate) fn new(caption: &str, columns: &[&str]) -> Self {
        let column = |name: &&str| match name.strip_prefix('#') {
            Some(name) => Column { name: name.to_owned(), number: true },
            None => Column { name: (*name).to_owned(), number: false },
        };
        let columns = columns.iter().map(column).collect();
        Self { caption: caption.to_owned(), columns, rows: Vec::new() }
    }
}

impl Report {
    /// The report of a run; `latencies` are the merged histograms of each variant's
    /// [`pooled`](crate::analysis::pooled) trials.
    #[must_use]
    pub fn of(record: &RunRecord, latencies: &BTreeMap<String, Latencies>) -> Self {
        let variants = labels(record);
        let mut notes = Notes::default();
        let comparisons = comparisons(record, &mut notes);
        Self {
            title: record.plan.title.clone(),
            scenario: record.scenario.clone(),
            testbed: record.testbed.clone(),
            started_at: record.started_at.clone(),
            question: record.plan.question.clone(),
            answer: opening::answer(record, &comparisons, &variants),
            stamp: opening::stamp(record),
            marks: opening::marks(record, &comparisons),
            comparisons,
            notes: notes.texts,
            curves: series::curves(record, &variants, latencies),
            timeline: series::timeline(record, &variants),
            memory: memory::of(record, &variants),
            by_variant: evidence::by_variant(record, &variants),
            article: article::of(record),
            sections: sections(record, &variants),
            again: background::again(record),
            variants,
        }
    }

    /// The comparisons without the A/A pair.
    pub fn differences(&self) -> impl Iterator<Item = &Comparison> {
        self.comparisons.iter().filter(|comparison| !comparison.noise_floor)
    }

    /// What the A/A pair shows at a quantile.
    #[must_use]
    pub fn noise_floor(&self, quantile: Quantile) -> Option<Estimate> {
        noise_floor(&self.comparisons, quantile)?.overhead_us
    }
}

fn noise_floor(comparisons: &[Comparison], quantile: Quantile) -> Option<&Cell> {
    let pair = comparisons.iter().find(|comparison| comparison.noise_floor)?;
    pair.cells.iter().find(|cell| cell.quantile == quantile)
}

fn sections(record: &RunRecord, variants: &[VariantLabel]) -> Vec<Section> {
    let precision = precision::section(record);
    let others = [
        evidence::proofs(record, variants),
        evidence::trials(record),
        evidence::equal_work(record, variants),
        background::planted(record),
        background::design(record),
        background::provenance(record),
        selftest::section(record.selftest.as_ref()),
        background::how_to_read(record),
    ];
    let denied = denied::section(record, variants);
    precision.into_iter().chain(denied).chain(others).collect()
}

/// Remarks, each once, in the order of first use.
#[derive(Debug, Default)]
pub(super) struct Notes {
    texts: Vec<String>,
}

impl Notes {
    /// The remark's number, from 1.
    fn number(&mut self, text: &str) -> usize {
        if let Some(index) = self.texts.iter().position(|known| known == text) {
            return index + 1;
        }
        self.texts.push(text.to_owned());
        self.texts.len()
    }
}

/// The planned variants, then any that appear only among the trials.
fn labels(record: &RunRecord) -> Vec<VariantLabel> {
    let mut names: Vec<(&str, &str)> = Vec::new();
    let planned = record.plan.variants.iter().map(|v| (v.name.as_str(), v.title.as_str()));
    let measured = record.trials.iter().map(|trial| (trial.variant.as_str(), ""));
    for (name, title) in planned.chain(measured) {
        if !names.iter().any(|(known, _)| *known == name) {
            names.push((name, title));
        }
    }
    let place = |name: &str| names.iter().position(|(known, _)| *known == name);
    let label = |(name, title): &(&str, &str)| VariantLabel {
        name: (*name).to_owned(),
        title: (if title.is_empty() { name } else { title }).to_string(),
        twin_of: name.strip_suffix("#2").and_then(place),
    };
    names.iter().map(label).collect()
}

/// A variant's title, or its name where it has none.
fn title_of<'a>(variants: &'a [VariantLabel], name: &'a str) -> &'a str {
    variants.iter().find(|label| label.name == name).map_or(name, |label| &label.title)
}

fn comparisons(record: &RunRecord, notes: &mut Notes) -> Vec<Comparison> {
    let planned = record.plan.comparisons.iter().map(|spec| {
        (&spec.name, spec.title.as_str(), spec.candidate.as_str(), spec.baseline.as_str())
    });
    let measured = record
        .comparisons
        .iter()
        .map(|row| (&row.name, "", row.candidate.as_str(), row.baseline.as_str()));
    let mut groups: Vec<Comparison> = Vec::new();
    for (name, title, candidate, baseline) in planned.chain(measured) {
        if groups.iter().any(|known| known.name == *name) {
            continue;
        }
        groups.push(Comparison {
            name: name.clone(),
            title: (if title.is_empty() { name } else { title }).to_owned(),
            candidate: candidate.to_owned(),
            baseline: baseline.to_owned(),
            noise_floor: name == NOISE_FLOOR,
            cells: Vec::new(),
        });
    }
    // The reference stands below what it is the reference of.
    groups.sort_by_key(|group| group.noise_floor);
    for group in &mut groups {
        let mine = record.comparisons.iter().filter(|row| row.name == group.name);
        group.cells = mine.map(|row| cell(row, notes)).collect();
        group.cells.sort_by_key(|cell| cell.quantile);
    }
    groups
}

fn cell(row: &ComparisonRow, notes: &mut Notes) -> Cell {
    let finite = |estimate: &Estimate| {
        [estimate.point, estimate.low, estimate.high].iter().all(|part| part.is_finite())
    };
    Cell {
        quantile: row.quantile,
        baseline_us: row.baseline_us,
        candidate_us: row.candidate_us,
        overhead_us: row.overhead_us.filter(finite),
        ratio: row.ratio.filter(finite),
        margin_us: row.margin_us,
        verdict: row.verdict,
        blocks: row.blocks,
        note: row.remark.as_deref().map(|remark| notes.number(remark)),
    }
}

impl Cell {
    /// The overhead with its interval, or a dash.
    #[must_use]
    pub fn overhead(&self) -> String {
        self.overhead_us.as_ref().map_or_else(|| figures::NONE.to_owned(), figures::signed_estimate)
    }

    /// The ratio with its interval, or a dash.
    #[must_use]
    pub fn ratio(&self) -> String {
        self.ratio.as_ref().map_or_else(|| figures::NONE.to_owned(), figures::ratio)
    }
}

/// Trials of one variant of which something is a measurement.
fn admitted<'a>(record: &'a RunRecord, variant: &'a str) -> impl Iterator<Item = &'a TrialRow> {
    record.trials.iter().filter(move |trial| trial.admitted && trial.variant == variant)
}
