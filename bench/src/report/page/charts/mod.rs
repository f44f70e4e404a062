//! The report's charts as figures of the page: SVG that is drawn here once for either scale, in
//! shares of its width so that it fits every screen, and beside it what a reader can point at, as
//! data for the script. Switches are plain form controls that the style alone obeys.

mod overhead;
mod percentiles;
mod plot;
mod trials;

use std::fmt::Write;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use maud::{Markup, PreEscaped, html};
use serde::Serialize;

use crate::report::model::{ChartWords, MEMORY_CHART, Report};
use crate::report::{axes, charts};
use plot::swatch;

/// Hues in the style, `--hue-0` and on.
const HUES: usize = 8;

pub(super) fn all(report: &Report) -> Markup {
    html! {
        (memory(report))
        (overhead::figure(report))
        (percentiles::figure(report))
        (trials::figure(report))
    }
}

/// As the picture that stands in the run folder: it has nothing to switch or to point at, and its
/// figures are in the tables.
fn memory(report: &Report) -> Markup {
    let Some(svg) = charts::memory(report) else { return html! {} };
    let words = &MEMORY_CHART;
    html! {
        figure.chart.(words.name) {
            figcaption { (words.caption) }
            p.about { (words.about) "." }
            img src={ "data:image/svg+xml;base64," (STANDARD.encode(svg)) } alt=(words.caption);
        }
    }
}

/// Rules for as many variants as there are: the hue of each, and that its switch hides it.
pub(super) fn looks(report: &Report) -> String {
    let mut rules = String::new();
    for index in 0..report.variants.len() {
        let (place, _) = axes::place(&report.variants, index);
        // Writing to a string can not fail.
        let _ = writeln!(
            rules,
            ".v{index} {{ --hue: var(--hue-{}) }}\n.chart:has(.v{index} > input:not(:checked)) .ink \
             .v{index} {{ display: none }}",
            place % HUES
        );
    }
    if report.memory.is_some() {
        rules.push_str(".chart.memory img { width: 100%; height: auto }\n");
    }
    rules
}

/// A chart on its way into the page.
struct Chart<'a> {
    words: &'a ChartWords,
    /// Variants with a switch, by their places.
    variants: Vec<usize>,
    /// The scale that is seen first.
    scale: Scale,
    /// The plots.
    body: Markup,
    /// What marks mean.
    key: Markup,
    /// What can be pointed at, in the order of the keyboard.
    stops: Vec<Stop>,
    /// What the keyboard steps through.
    step: &'a str,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Scale {
    Log,
    Linear,
}

impl Scale {
    const ALL: [Self; 2] = [Self::Log, Self::Linear];

    fn word(self) -> &'static str {
        match self {
            Self::Log => "log",
            Self::Linear => "linear",
        }
    }
}

/// One thing to point at.
#[derive(Debug, Clone, Serialize)]
struct Stop {
    head: String,
    lines: Vec<Line>,
    dots: Vec<Dot>,
}

/// A line of what is told of it; one of a variant is told while that is switched on.
#[derive(Debug, Clone, Serialize)]
struct Line {
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<usize>,
    text: String,
}

impl Line {
    fn plain(text: String) -> Self {
        Self { variant: None, text }
    }
}

/// Where it is.
#[derive(Debug, Clone, Serialize)]
struct Dot {
    /// Which of the chart's plots, in the order of the document.
    plot: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    variant: Option<usize>,
    /// Shares of the plot's width and height from its upper left corner.
    log: [f64; 2],
    linear: [f64; 2],
    /// Whether there is a mark to ring, and not only a place.
    mark: bool,
}

/// Four digits place a dot well within a pixel.
fn short(share: f64) -> f64 {
    (share * 1e4).round() / 1e4
}

fn figure(report: &Report, chart: Chart<'_>) -> Markup {
    let name = chart.words.name;
    let last = chart.stops.len().saturating_sub(1);
    html! {
        figure.chart.(name) {
            figcaption { (chart.words.caption) }
            p.about { (chart.words.about) "." }
            @if !chart.stops.is_empty() {
                (switches(report, &chart))
            }
            (chart.body)
            (chart.key)
            @if !chart.stops.is_empty() {
                p.step hidden {
                    label {
                        (chart.step)
                        input type="range" min="0" max=(last) value="0" autocomplete="off";
                    }
                }
                script type="application/json" { (PreEscaped(json(&chart.stops))) }
            }
        }
    }
}

/// A chart without anything in it.
fn empty(words: &ChartWords, why: &str) -> Markup {
    html! {
        figure.chart.(words.name) {
            figcaption { (words.caption) }
            p.nothing { (why) }
        }
    }
}

fn switches(report: &Report, chart: &Chart<'_>) -> Markup {
    html! {
        div.switches {
            @if !chart.variants.is_empty() {
                fieldset.variants {
                    legend { "Variants" }
                    @for variant in &chart.variants {
                        @if let Some(label) = report.variants.get(*variant) {
                            label.{ "v" (variant) } title=(label.title) {
                                input type="checkbox" checked autocomplete="off";
                                (swatch(&report.variants, *variant))
                                (label.name)
                            }
                        }
                    }
                }
            }
            fieldset.scales {
                legend { "Scale" }
                @for scale in Scale::ALL {
                    label {
                        input type="radio" name={ "scale-" (chart.words.name) } value=(scale.word())
                            checked[scale == chart.scale] autocomplete="off";
                        (scale.word())
                    }
                }
            }
        }
    }
}

/// As JSON that no text within it can end early.
fn json(stops: &[Stop]) -> String {
    let text = serde_json::to_string(stops).expect("text and finite numbers are always JSON");
    text.replace('<', "\\u003c")
}
