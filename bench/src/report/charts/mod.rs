//! A report's charts: SVG drawn once, and PNG made from that same SVG with an embedded font. The
//! only place that knows plotters and resvg; knows no files.

mod canvas;
mod memory;
mod overhead;
mod percentiles;
mod png;
mod text;
mod trials;

pub use png::{ChartError, png};

use super::axes;
use super::model::{
    ChartWords, MEMORY_CHART, OVERHEAD_CHART, PERCENTILES_CHART, Report, TRIALS_CHART, VariantLabel,
};
use canvas::{Canvas, Colour, Marker, Words};

/// One chart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Chart {
    /// The file's name without its ending.
    pub name: &'static str,
    /// A whole SVG document.
    pub svg: String,
}

/// All charts of a report, in the order in which they are read. A run without figures has charts
/// that say so.
#[must_use]
pub fn all(report: &Report) -> Vec<Chart> {
    let memory = memory(report).map(|svg| Chart { name: MEMORY_CHART.name, svg });
    let others = [
        Chart { name: OVERHEAD_CHART.name, svg: overhead::svg(report) },
        Chart { name: PERCENTILES_CHART.name, svg: percentiles::svg(report) },
        Chart { name: TRIALS_CHART.name, svg: trials::svg(report) },
    ];
    memory.into_iter().chain(others).collect()
}

/// The chart of a run about memory as an SVG document; `None` for any other run.
#[must_use]
pub fn memory(report: &Report) -> Option<String> {
    report.memory.as_ref().map(|of_memory| memory::svg(report, of_memory))
}

/// Width of every chart, in the SVG's own pixels.
const WIDTH: f64 = 1200.0;

/// Titles, axis lines.
const INK: Colour = Colour(0x22, 0x22, 0x22);
/// What explains: subtitles, tick labels.
const GREY: Colour = Colour(0x59, 0x59, 0x59);
/// Grid lines.
const GRID: Colour = Colour(0xdd, 0xdd, 0xdd);
/// Bands behind every other row or block.
const BAND: Colour = Colour(0xf5, 0xf5, 0xf2);
/// What must not be overlooked.
const ALARM: Colour = Colour(0xb3, 0x3c, 0x00);

/// Okabe and Ito's palette (2008), told apart with every common colour blindness. Its yellow is too
/// faint on white; a grey stands in its place.
const PALETTE: [Colour; 8] = [
    Colour(0x00, 0x72, 0xb2),
    Colour(0xd5, 0x5e, 0x00),
    Colour(0x00, 0x9e, 0x73),
    Colour(0xcc, 0x79, 0xa7),
    Colour(0xe6, 0x9f, 0x00),
    Colour(0x56, 0xb4, 0xe9),
    Colour(0x00, 0x00, 0x00),
    Colour(0x80, 0x80, 0x80),
];

/// How a variant is drawn: colour and shape together, so that neither has to be told apart alone.
#[derive(Debug, Clone, Copy)]
struct Look {
    colour: Colour,
    marker: Marker,
    /// The second of an A/A pair looks like the first, dashed.
    twin: bool,
}

fn look(variants: &[VariantLabel], index: usize) -> Look {
    let (place, twin) = axes::place(variants, index);
    Look {
        colour: PALETTE[place % PALETTE.len()],
        marker: Marker::ALL[place % Marker::ALL.len()],
        twin,
    }
}

/// Title, subtitle and, where the run is not an ordinary one, the words that say so.
fn header(canvas: &Canvas<'_>, report: &Report, words: &ChartWords) {
    let stamp_width = match &report.stamp {
        Some(stamp) => {
            canvas.text(stamp, (WIDTH - 24.0, 32.0), Words::new(18.0, ALARM).bold().right());
            text::width(stamp, 18.0, true) + 20.0
        }
        None => 0.0,
    };
    let full = format!("{}: {}", words.title, report.title);
    let room = WIDTH - 48.0 - stamp_width;
    let style = Words::new(20.0, INK).bold();
    canvas.text(&text::fit(&full, 20.0, room, true), (24.0, 32.0), style);
    let place = format!("{} · {}", report.scenario, report.testbed);
    let place = text::fit(&place, 13.0, 360.0, false);
    canvas.text(&place, (WIDTH - 24.0, 58.0), Words::new(13.0, GREY).right());
    let room = WIDTH - 72.0 - text::width(&place, 13.0, false);
    canvas.text(&text::fit(words.about, 13.0, room, false), (24.0, 58.0), Words::new(13.0, GREY));
}

/// In place of a chart that would have nothing in it.
fn nothing(report: &Report, title: &'static str, why: &str) -> String {
    canvas::svg((WIDTH, 240.0), title, |canvas| {
        header(canvas, report, &ChartWords { title, ..ChartWords::default() });
        canvas.text(why, (WIDTH / 2.0, 140.0), Words::new(18.0, GREY).centred());
    })
}
