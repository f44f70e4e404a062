//! The overhead of each comparison at each quantile: a point with its interval, against zero, the
//! A/A pair and the margin. One panel for each quantile, each with its own axis.

use super::canvas::{self, Canvas, Colour, Marker, Stroke, Words};
use super::{BAND, GREY, GRID, INK, PALETTE, WIDTH, header, nothing, text};
use crate::quantile::Quantile;
use crate::record::{Estimate, Verdict};
use crate::report::model::{
    Cell, Comparison, KEY_FLOOR, KEY_INTERVAL, KEY_MARGIN, NOTHING_COMPARED, OVERHEAD_CHART, Report,
};
use crate::report::scale::Axis;
use crate::report::{axes, figures};

/// Room for the comparisons' names.
const LABELS: f64 = 268.0;
const TOP: f64 = 112.0;
const ROW: f64 = 70.0;
/// Below the panels: ticks, axis title, legend.
const FOOT: f64 = 108.0;
const GAP: f64 = 16.0;
/// More rows than this would make the picture larger than a PNG may be.
const MOST_ROWS: usize = 100;
const FLOOR: Colour = Colour(0x99, 0x99, 0x99);

/// One panel.
struct Panel {
    quantile: Quantile,
    left: f64,
    right: f64,
    axis: Axis,
    compressed: bool,
}

impl Panel {
    fn x(&self, us: f64) -> f64 {
        self.left + self.axis.place(us) * (self.right - self.left)
    }
}

pub(super) fn svg(report: &Report) -> String {
    let rows: Vec<&Comparison> = report.comparisons.iter().take(MOST_ROWS).collect();
    if rows.is_empty() {
        return nothing(report, OVERHEAD_CHART.title, NOTHING_COMPARED);
    }
    #[expect(clippy::cast_precision_loss, reason = "at most 100 rows")]
    let bottom = TOP + ROW * rows.len() as f64;
    canvas::svg((WIDTH, bottom + FOOT), "Overhead of each comparison at each quantile", |canvas| {
        header(canvas, report, &OVERHEAD_CHART);
        let mut y = TOP;
        for (index, comparison) in rows.iter().enumerate() {
            if index % 2 == 0 {
                canvas.rect((16.0, y), (WIDTH - 16.0, y + ROW), BAND, 1.0);
            }
            name(canvas, comparison, y + ROW / 2.0);
            y += ROW;
        }
        for (index, quantile) in (0_u32..).zip(Quantile::ALL) {
            let panel = panel(&rows, index, quantile);
            frame(canvas, &panel, report, bottom);
            let mut y = TOP + ROW / 2.0;
            for comparison in &rows {
                let cell = comparison.cells.iter().find(|cell| cell.quantile == quantile);
                figure(canvas, &panel, (cell, comparison.noise_floor), y);
                y += ROW;
            }
        }
        legend(canvas, bottom + 82.0);
    })
}

fn name(canvas: &Canvas<'_>, comparison: &Comparison, y: f64) {
    let room = LABELS - 40.0;
    let title = text::fit(&comparison.title, 14.0, room, true);
    canvas.text(&title, (24.0, y - 16.0), Words::new(14.0, INK).bold());
    let candidate = text::fit_name(&comparison.candidate, 12.0, room, false);
    canvas.text(&candidate, (24.0, y + 4.0), Words::new(12.0, GREY));
    let baseline = text::fit_name(&format!("− {}", comparison.baseline), 12.0, room, false);
    canvas.text(&baseline, (24.0, y + 20.0), Words::new(12.0, GREY));
}

fn panel(rows: &[&Comparison], index: u32, quantile: Quantile) -> Panel {
    let width = (WIDTH - LABELS - 24.0 - 3.0 * GAP) / 4.0;
    let left = LABELS + f64::from(index) * (width + GAP);
    let (axis, compressed) = match axes::overheads(rows, quantile) {
        None => (Axis::linear(-1.0, 1.0), false),
        Some(axes) if axes.wide => (axes.compressed, true),
        Some(axes) => (axes.linear, false),
    };
    Panel { quantile, left, right: left + width, axis, compressed }
}

fn frame(canvas: &Canvas<'_>, panel: &Panel, report: &Report, bottom: f64) {
    let middle = f64::midpoint(panel.left, panel.right);
    let heading = Words::new(15.0, INK).bold().centred();
    canvas.text(panel.quantile.label(), (middle, TOP - 16.0), heading);
    let measured = report
        .comparisons
        .iter()
        .flat_map(|comparison| &comparison.cells)
        .any(|cell| cell.quantile == panel.quantile && cell.overhead_us.is_some());
    let edge = Stroke::new(GRID, 1.0);
    for x in [panel.left, panel.right] {
        canvas.line((x, TOP), (x, bottom), edge);
    }
    canvas.line((panel.left, bottom), (panel.right, bottom), Stroke::new(GREY, 1.0));
    if !measured {
        return;
    }
    if let Some(floor) = report.noise_floor(panel.quantile) {
        let (from, to) = (panel.x(floor.low), panel.x(floor.high));
        canvas.rect((from - 0.75, TOP), (to + 0.75, bottom), FLOOR, 0.38);
    }
    ticks(canvas, panel, bottom);
    let zero = panel.x(0.0);
    canvas.line((zero, TOP), (zero, bottom), Stroke::new(INK, 1.5));
    let scale = if panel.compressed { "overhead, log scale beyond zero" } else { "overhead" };
    canvas.text(scale, (middle, bottom + 38.0), Words::new(12.0, GREY).centred());
}

/// As many ticks as have room for their labels; where even few are too many, those nearest to zero
/// keep theirs.
fn ticks(canvas: &Canvas<'_>, panel: &Panel, bottom: f64) {
    let room = |tick: f64| {
        let half = text::width(&figures::tick(tick), 12.0, false) / 2.0 + 4.0;
        (panel.x(tick) - half, panel.x(tick) + half)
    };
    let apart = |ticks: &Vec<f64>| ticks.windows(2).all(|pair| room(pair[0]).1 < room(pair[1]).0);
    let sets = (2..=6).rev().map(|count| panel.axis.ticks(count));
    let mut ticks = sets.into_iter().find(apart).unwrap_or_else(|| panel.axis.ticks(2));
    ticks.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let mut taken: Vec<(f64, f64)> = Vec::new();
    for tick in ticks {
        let x = panel.x(tick);
        canvas.line((x, bottom), (x, bottom + 5.0), Stroke::new(GREY, 1.0));
        if tick != 0.0 {
            canvas.line((x, TOP), (x, bottom), Stroke::new(GRID, 1.0));
        }
        let (from, to) = room(tick);
        // Half the gap is the neighbour's.
        let fits = from >= panel.left - GAP / 2.0 && to <= panel.right + GAP / 2.0;
        if fits && taken.iter().all(|(start, end)| to < *start || from > *end) {
            let words = Words::new(12.0, GREY).centred();
            canvas.text(&figures::tick(tick), (x, bottom + 17.0), words);
            taken.push((from, to));
        }
    }
}

fn figure(canvas: &Canvas<'_>, panel: &Panel, of: (Option<&Cell>, bool), y: f64) {
    let (cell, noise_floor) = of;
    let middle = f64::midpoint(panel.left, panel.right);
    let Some((cell, overhead)) = cell.and_then(|cell| Some((cell, cell.overhead_us?))) else {
        canvas.text("n/a", (middle, y), Words::new(13.0, GREY).centred());
        return;
    };
    if let Some(margin) = cell.margin_us {
        for edge in [-margin, margin] {
            if panel.axis.holds(edge) {
                let x = panel.x(edge);
                let stroke = Stroke::new(PALETTE[2], 1.5).dashed(3.0);
                canvas.line((x, y - ROW / 2.0 + 4.0), (x, y + ROW / 2.0 - 4.0), stroke);
            }
        }
    }
    let colour = if noise_floor { GREY } else { colour(cell.verdict) };
    interval(canvas, panel, &overhead, (y, colour));
    let at = |words: &str, size: f64, bold: bool| {
        let half = text::width(words, size, bold) / 2.0 + 4.0;
        panel.x(overhead.point).clamp(panel.left + half, panel.right - half)
    };
    let value = figures::signed(overhead.point);
    let words = Words::new(13.0, INK).bold().centred();
    let half = text::width(&value, 13.0, true) / 2.0;
    label(canvas, &value, ((at(&value, 13.0, true), y - 17.0), half), words);
    let verdict = if noise_floor { "noise floor" } else { figures::verdict(cell.verdict) };
    let words = Words::new(12.0, colour).centred();
    let half = text::width(verdict, 12.0, false) / 2.0;
    label(canvas, verdict, ((at(verdict, 12.0, false), y + 17.0), half), words);
}

/// Words on a ground of their own, so that lines behind do not cross them.
fn label(canvas: &Canvas<'_>, words: &str, place: ((f64, f64), f64), style: Words) {
    let (at, half) = (place.0, place.1 + 1.0);
    let ground = Colour(0xff, 0xff, 0xff);
    canvas.rect((at.0 - half, at.1 - 7.0), (at.0 + half, at.1 + 7.0), ground, 0.78);
    canvas.text(words, at, style);
}

fn interval(canvas: &Canvas<'_>, panel: &Panel, estimate: &Estimate, how: (f64, Colour)) {
    let (y, colour) = how;
    let (low, high) = (panel.x(estimate.low), panel.x(estimate.high));
    let stroke = Stroke::new(colour, 2.5);
    canvas.line((low, y), (high, y), stroke);
    for x in [low, high] {
        canvas.line((x, y - 5.0), (x, y + 5.0), stroke);
    }
    canvas.marker(Marker::Circle, (panel.x(estimate.point), y), 5.0, colour);
}

fn colour(verdict: Verdict) -> Colour {
    match verdict {
        Verdict::Slower => PALETTE[1],
        Verdict::Faster => PALETTE[0],
        Verdict::Equivalent => Colour(0x00, 0x7d, 0x5b),
        Verdict::Inconclusive => GREY,
    }
}

fn legend(canvas: &Canvas<'_>, y: f64) {
    let words = Words::new(12.0, GREY);
    let x = 24.0;
    let stroke = Stroke::new(INK, 2.5);
    canvas.line((x, y), (x + 34.0, y), stroke);
    for edge in [x, x + 34.0] {
        canvas.line((edge, y - 5.0), (edge, y + 5.0), stroke);
    }
    canvas.marker(Marker::Circle, (x + 17.0, y), 5.0, INK);
    canvas.text(KEY_INTERVAL, (x + 44.0, y), words);
    let x = 410.0;
    canvas.rect((x, y - 8.0), (x + 30.0, y + 8.0), FLOOR, 0.38);
    canvas.text(KEY_FLOOR, (x + 40.0, y), words);
    let x = 800.0;
    let margin = Stroke::new(PALETTE[2], 1.5).dashed(3.0);
    canvas.line((x, y - 9.0), (x, y + 9.0), margin);
    canvas.line((x + 26.0, y - 9.0), (x + 26.0, y + 9.0), margin);
    canvas.text(KEY_MARGIN, (x + 38.0, y), words);
}
