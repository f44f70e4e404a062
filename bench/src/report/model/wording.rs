//! The order of the report's parts, and the words that stand in every report whatever its format.
//! Holds no figure.

use super::{Report, Section};

/// A titled part of the report, below its opening.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Part<'a> {
    /// The table of the named differences.
    Comparisons,
    /// The charts.
    Charts,
    /// Text and tables.
    Section(&'a Section),
    /// The article's table.
    Article,
    /// The command to run it again.
    Again,
}

impl Report {
    /// All parts, in the order in which they are read.
    #[must_use]
    pub fn parts(&self) -> Vec<Part<'_>> {
        let times =
            [Part::Comparisons, Part::Charts, Part::Section(&self.by_variant), Part::Article];
        let mut parts = match &self.memory {
            None => times.to_vec(),
            // What was asked first; the times of the load under which it was asked further below.
            Some(memory) => {
                let [comparisons, charts, by_variant, article] = times;
                let asked = [&memory.levels, &memory.steps, &memory.pairs].map(Part::Section);
                let rest = [charts, article, comparisons, by_variant];
                asked.into_iter().chain(rest).collect()
            }
        };
        parts.extend(self.sections.iter().map(Part::Section));
        parts.push(Part::Again);
        parts
    }

    /// A part's heading; a run that is not an ordinary one says so at every one of them.
    #[must_use]
    pub fn heading(&self, part: Part<'_>) -> String {
        let title = part.title();
        match &self.stamp {
            Some(stamp) => format!("{title} ({stamp})"),
            None => title.to_owned(),
        }
    }
}

impl<'a> Part<'a> {
    /// What it is called.
    #[must_use]
    pub fn title(self) -> &'a str {
        match self {
            Self::Comparisons => "Comparisons",
            Self::Charts => "Charts",
            Self::Section(section) => &section.title,
            Self::Article => "The article's table",
            Self::Again => "Run it again",
        }
    }
}

/// In place of the comparisons.
pub const NOTHING_COMPARED: &str = "Nothing is compared in this run.";
/// Above the table of the comparisons.
pub const COMPARISONS_ABOUT: &str = "Response time at each quantile, candidate − baseline, paired by \
                                     block: the median over blocks with its interval.";
/// Columns of the comparisons.
pub const COMPARISON_COLUMNS: [&str; 9] = [
    "Comparison",
    "Quantile",
    "Baseline",
    "Candidate",
    "Overhead [low, high]",
    "Ratio",
    "Verdict",
    "A/A noise floor",
    "Blocks",
];
/// In place of the article's table.
pub const NO_ARTICLE: &str = "This scenario answers no cell of the article's table.";
/// The first column of the article's table.
pub const ARTICLE_ROWS: &str = "Metric";

/// What is written on and beside a chart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ChartWords {
    /// The chart's name in files and links.
    pub name: &'static str,
    /// A few words on it.
    pub title: &'static str,
    /// What is seen in it, for readers that do not see it.
    pub caption: &'static str,
    /// How it is to be read.
    pub about: &'static str,
}

/// Memory by state.
pub const MEMORY_CHART: ChartWords = ChartWords {
    name: "memory",
    title: "Memory by state",
    caption: "Memory of each sidecar in each state, RSS above and PSS below",
    about: "Median over blocks with its interval. The axes do not begin at zero",
};
/// The overhead of each comparison.
pub const OVERHEAD_CHART: ChartWords = ChartWords {
    name: "overhead",
    title: "Overhead",
    caption: "Overhead of each comparison at each quantile, with the A/A pair as noise floor",
    about: "Response time of the candidate − the baseline: median over blocks, with its interval",
};
/// The variants' curves.
pub const PERCENTILES_CHART: ChartWords = ChartWords {
    name: "percentiles",
    title: "Response time by percentile",
    caption: "Response time by percentile, one line for each variant",
    about: "Admitted trials of a variant together. Higher is slower, further right rarer. A line \
            ends where samples are too few or most trials disturbed",
};
/// All trials.
pub const TRIALS_CHART: ChartWords = ChartWords {
    name: "trials",
    title: "Every trial in time order",
    caption: "Response time of every trial in time order",
    about: "Response time of each trial, median above and 99th percentile below. Higher is slower",
};
/// In the order in which they are read.
pub const CHARTS: [&ChartWords; 3] = [&OVERHEAD_CHART, &PERCENTILES_CHART, &TRIALS_CHART];

/// In place of the chart of memory.
pub const NO_MEMORY: &str = "No sidecar's memory was read.";
/// In place of the curves.
pub const NO_CURVE: &str = "No trial is a measurement, so there is no line to draw.";
/// In place of the trials.
pub const NO_TRIAL: &str = "No trial was made.";
/// In place of a panel of the trials.
pub const NO_READING: &str = "n/a: no trial has enough samples for this percentile";
/// The axis of percentiles.
pub const PERCENTILE_AXIS: &str = "percentile of all requests offered";
/// The axis of trials.
pub const TRIAL_AXIS: &str = "block, in time order";
/// Key: a point with a line.
pub const KEY_INTERVAL: &str = "median over blocks with its interval (95 % or more)";
/// Key: the grey band.
pub const KEY_FLOOR: &str = "A/A: the same thing measured twice, the noise floor";
/// Key: dashed lines.
pub const KEY_MARGIN: &str = "margin: an interval within it is equivalent";
/// Key: a mark that is crossed out.
pub const KEY_REJECTED: &str = "rejected: not a measurement";
/// Key: a hollow mark.
pub const KEY_LEFT_OUT: &str = "left out: the machine was busy";
/// Key: an arrow.
pub const KEY_AT_LEAST: &str = "at least this much";
/// Key: a stroke at the lower edge.
pub const KEY_TOO_FEW: &str = "n/a: too few samples";
