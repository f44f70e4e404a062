//! Memory state by state, one line for each sidecar of each variant: RSS above, PSS below. The sizes'
//! axes do not begin at zero, as they say.

use super::canvas::{self, At, Canvas, Stroke, Words};
use super::{GREY, GRID, INK, WIDTH, header, look, nothing, text};
use crate::memory::Measure;
use crate::report::figures::{self, MIB};
use crate::report::model::{MEMORY_CHART, Memory, MemoryLine, MemoryPoint, NO_MEMORY, Report};
use crate::report::scale::Axis;

const LEFT: f64 = 110.0;
const RIGHT: f64 = WIDTH - 330.0;
const TOP: f64 = 104.0;
const PANEL: f64 = 230.0;
const GAP: f64 = 44.0;
const FOOT: f64 = 60.0;
const PANELS: [Measure; 2] = [Measure::Rss, Measure::Pss];
/// Between two names in the key.
const KEY_ROW: f64 = 24.0;

struct Panel<'m> {
    top: f64,
    axis: Axis,
    lines: Vec<&'m MemoryLine>,
    states: usize,
}

impl Panel<'_> {
    fn bottom(&self) -> f64 {
        self.top + PANEL
    }

    fn at(&self, state: usize, bytes: f64) -> At {
        (x_of(state, self.states), self.bottom() - self.axis.place(bytes / MIB) * PANEL)
    }
}

#[expect(clippy::cast_precision_loss, reason = "a few states")]
fn x_of(state: usize, states: usize) -> f64 {
    let width = (RIGHT - LEFT) / states.max(1) as f64;
    LEFT + width * (state as f64 + 0.5)
}

pub(super) fn svg(report: &Report, memory: &Memory) -> String {
    if memory.lines.iter().all(|line| line.points.is_empty()) {
        return nothing(report, MEMORY_CHART.title, NO_MEMORY);
    }
    let height = TOP + 2.0 * PANEL + GAP + FOOT;
    canvas::svg((WIDTH, height), MEMORY_CHART.title, |canvas| {
        header(canvas, report, &MEMORY_CHART);
        let mut top = TOP;
        for measure in PANELS {
            let lines: Vec<&MemoryLine> =
                memory.lines.iter().filter(|line| line.measure == measure).collect();
            let axis = axis(&lines);
            let panel = Panel { top, axis, lines, states: memory.states.len() };
            frame(canvas, &panel, measure);
            for line in &panel.lines {
                draw(canvas, report, &panel, line);
            }
            top += PANEL + GAP;
        }
        states(canvas, memory, top - GAP);
        key(canvas, report, memory);
    })
}

fn axis(lines: &[&MemoryLine]) -> Axis {
    let ends = lines.iter().flat_map(|line| &line.points).flat_map(|point| {
        let (low, high) = point.interval.unwrap_or((point.bytes, point.bytes));
        [low / MIB, high / MIB]
    });
    let (low, high) =
        ends.fold((f64::MAX, f64::MIN), |(low, high), value| (low.min(value), high.max(value)));
    let air = ((high - low) * 0.12).max(0.05);
    Axis::linear(low - air, high + air)
}

fn frame(canvas: &Canvas<'_>, panel: &Panel<'_>, measure: Measure) {
    for mib in panel.axis.ticks(6) {
        let y = panel.bottom() - panel.axis.place(mib) * PANEL;
        canvas.line((LEFT, y), (RIGHT, y), Stroke::new(GRID, 1.0));
        let label = figures::mebibytes(mib * MIB);
        canvas.text(&label, (LEFT - 10.0, y), Words::new(13.0, GREY).right());
    }
    canvas.line((LEFT, panel.top), (LEFT, panel.bottom()), Stroke::new(GREY, 1.0));
    canvas.line((LEFT, panel.bottom()), (RIGHT, panel.bottom()), Stroke::new(GREY, 1.0));
    let middle = f64::midpoint(panel.top, panel.bottom());
    canvas.text(measure.label(), (26.0, middle), Words::new(14.0, INK).centred().upwards());
}

fn draw(canvas: &Canvas<'_>, report: &Report, panel: &Panel<'_>, line: &MemoryLine) {
    let look = look(&report.variants, line.variant);
    let stroke = stroke(report, line);
    let points: Vec<At> =
        line.points.iter().map(|point| panel.at(point.state, point.bytes)).collect();
    canvas.path(&points, stroke);
    for MemoryPoint { state, bytes, interval } in line.points.iter().copied() {
        if let Some((low, high)) = interval {
            let (low, high) = (panel.at(state, low), panel.at(state, high));
            canvas.line(low, high, Stroke::new(look.colour, 2.5));
        }
        canvas.marker(look.marker, panel.at(state, bytes), 4.5, look.colour);
    }
}

/// The client's is dashed.
fn stroke(report: &Report, line: &MemoryLine) -> Stroke {
    let stroke = Stroke::new(look(&report.variants, line.variant).colour, 2.0);
    if line.sidecar.starts_with("client") { stroke.dashed(6.0) } else { stroke }
}

fn states(canvas: &Canvas<'_>, memory: &Memory, y: f64) {
    #[expect(clippy::cast_precision_loss, reason = "a few states")]
    let room = 1.8 * (RIGHT - LEFT) / memory.states.len().max(1) as f64;
    // Every other one stands lower, so that each has nearly the room of two.
    for (index, title) in memory.states.iter().enumerate() {
        let x = x_of(index, memory.states.len());
        canvas.line((x, y), (x, y + 5.0), Stroke::new(GREY, 1.0));
        let words = text::fit(title, 12.0, room, false);
        let lower = if index % 2 == 0 { 18.0 } else { 36.0 };
        canvas.text(&words, (x, y + lower), Words::new(12.0, GREY).centred());
    }
}

fn key(canvas: &Canvas<'_>, report: &Report, memory: &Memory) {
    let mut y = TOP + 8.0;
    let x = RIGHT + 28.0;
    for line in memory.lines.iter().filter(|line| line.measure == PANELS[0]) {
        let Some(label) = report.variants.get(line.variant) else { continue };
        let look = look(&report.variants, line.variant);
        canvas.path(&[(x, y), (x + 34.0, y)], stroke(report, line));
        canvas.marker(look.marker, (x + 17.0, y), 4.5, look.colour);
        let name = format!("{}, {}", label.name, line.sidecar);
        let name = text::fit_name(&name, 13.0, WIDTH - x - 60.0, false);
        canvas.text(&name, (x + 44.0, y), Words::new(13.0, INK));
        y += KEY_ROW;
    }
}
