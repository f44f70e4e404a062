//! All trials in time order: what was rejected, what drifted, which block was odd. The median and
//! the 99th percentile have a panel each.

use super::canvas::{self, At, Canvas, Colour, Marker, Stroke, Words};
use super::{BAND, GREY, GRID, INK, WIDTH, header, look, nothing, text};
use crate::report::figures;
use crate::report::model::{
    KEY_AT_LEAST, KEY_LEFT_OUT, KEY_REJECTED, KEY_TOO_FEW, NO_READING, NO_TRIAL, Reading, Report,
    TRIAL_AXIS, TRIALS_CHART, TrialPoint,
};
use crate::report::scale::Axis;

const LEFT: f64 = 96.0;
const RIGHT: f64 = WIDTH - 290.0;
/// Air at both ends, so that no mark lies on an edge.
const AIR: f64 = 8.0;
const HEIGHT: f64 = 760.0;
/// Upper and lower edge of each panel, with its name and where its figure is.
const PANELS: [Panel; 2] = [
    Panel { top: 104.0, bottom: 376.0, name: "p50", reading: |trial| trial.p50 },
    Panel { top: 416.0, bottom: 688.0, name: "p99", reading: |trial| trial.p99 },
];
/// Entries of the legend, at most; what is beyond is counted.
const MOST_ENTRIES: usize = 22;

#[derive(Clone, Copy)]
struct Panel {
    top: f64,
    bottom: f64,
    name: &'static str,
    reading: fn(&TrialPoint) -> Option<Reading>,
}

pub(super) fn svg(report: &Report) -> String {
    if report.timeline.is_empty() {
        return nothing(report, TRIALS_CHART.title, NO_TRIAL);
    }
    canvas::svg((WIDTH, HEIGHT), "Response time of every trial in time order", |canvas| {
        header(canvas, report, &TRIALS_CHART);
        for panel in PANELS {
            blocks(canvas, report, panel);
            draw(canvas, report, panel);
        }
        let middle = f64::midpoint(LEFT, RIGHT);
        let words = Words::new(14.0, INK).centred();
        canvas.text(TRIAL_AXIS, (middle, HEIGHT - 26.0), words);
        legend(canvas, report);
    })
}

/// Where the index-th trial stands.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 trials")]
fn x_of(report: &Report, index: usize, within: f64) -> f64 {
    let share = (index as f64 + within) / report.timeline.len() as f64;
    LEFT + AIR + share * (RIGHT - LEFT - 2.0 * AIR)
}

/// A band behind every other block and its number below.
fn blocks(canvas: &Canvas<'_>, report: &Report, panel: Panel) {
    let mut free_from = LEFT;
    let mut start = 0;
    let mut shaded = false;
    for group in report.timeline.chunk_by(|one, next| one.block == next.block) {
        let end = start + group.len();
        // The first and the last band reach to the edges.
        let from = if start == 0 { LEFT } else { x_of(report, start, 0.0) };
        let to = if end == report.timeline.len() { RIGHT } else { x_of(report, end, 0.0) };
        if shaded {
            canvas.rect((from, panel.top), (to, panel.bottom), BAND, 1.0);
        }
        if start > 0 {
            canvas.line((from, panel.top), (from, panel.bottom), Stroke::new(GRID, 1.0));
        }
        if let Some(first) = group.first() {
            let number = first.block.to_string();
            let half = text::width(&number, 12.0, false) / 2.0;
            let middle = f64::midpoint(from, to);
            if middle - half >= free_from {
                let at = (middle, panel.bottom + 15.0);
                canvas.text(&number, at, Words::new(12.0, GREY).centred());
                free_from = middle + half + 6.0;
            }
        }
        shaded = !shaded;
        start = end;
    }
}

fn draw(canvas: &Canvas<'_>, report: &Report, panel: Panel) {
    let readings = || report.timeline.iter().filter_map(panel.reading).map(|reading| reading.us);
    let low = readings().reduce(f64::min);
    let high = readings().reduce(f64::max);
    let frame = Stroke::new(GREY, 1.0);
    canvas.line((LEFT, panel.bottom), (RIGHT, panel.bottom), frame);
    canvas.line((LEFT, panel.top), (LEFT, panel.bottom), frame);
    let middle = f64::midpoint(panel.top, panel.bottom);
    let name = format!("{} response time", panel.name);
    canvas.text(&name, (26.0, middle), Words::new(14.0, INK).centred().upwards());
    let (Some(low), Some(high)) = (low, high) else {
        canvas.text(
            NO_READING,
            (f64::midpoint(LEFT, RIGHT), middle),
            Words::new(14.0, GREY).centred(),
        );
        return;
    };
    let axis = Axis::log(low, high);
    let y_of = |us: f64| panel.bottom - axis.place(us) * (panel.bottom - panel.top);
    for us in axis.ticks(6) {
        let y = y_of(us);
        canvas.line((LEFT, y), (RIGHT, y), Stroke::new(GRID, 1.0));
        canvas.text(&figures::tick(us), (LEFT - 10.0, y), Words::new(12.0, GREY).right());
    }
    for (index, trial) in report.timeline.iter().enumerate() {
        let x = x_of(report, index, 0.5);
        match (panel.reading)(trial) {
            Some(reading) => {
                trial_mark(canvas, report, (trial, reading), (x, y_of(reading.us)));
            }
            None => {
                let stroke = Stroke::new(look(&report.variants, trial.variant).colour, 2.0);
                canvas.line((x, panel.bottom - 9.0), (x, panel.bottom), stroke);
            }
        }
    }
}

fn trial_mark(canvas: &Canvas<'_>, report: &Report, of: (&TrialPoint, Reading), at: At) {
    let (trial, reading) = of;
    let look = look(&report.variants, trial.variant);
    let radius = if report.timeline.len() > 200 { 3.5 } else { 5.0 };
    if !reading.left_out {
        canvas.marker(look.marker, at, radius, look.colour);
        if look.twin {
            // A white eye marks the second of the A/A pair.
            canvas.marker(Marker::Circle, at, radius * 0.45, Colour(0xff, 0xff, 0xff));
        }
    } else {
        // A trial that is rejected is crossed out; of one that is not, a figure left out is hollow.
        canvas.hollow(look.marker, at, radius, look.colour);
        if !trial.admitted {
            canvas.cross(at, radius, look.colour);
        }
    }
    if reading.at_least {
        arrow(canvas, at, radius, look.colour);
    }
}

/// Up: the true figure is at least this.
fn arrow(canvas: &Canvas<'_>, at: At, radius: f64, colour: Colour) {
    let (x, tip) = (at.0, at.1 - radius - 11.0);
    let stroke = Stroke::new(colour, 1.5);
    canvas.line((x, at.1 - radius - 1.0), (x, tip), stroke);
    canvas.path(&[(x - 3.0, tip + 4.0), (x, tip), (x + 3.0, tip + 4.0)], stroke);
}

fn legend(canvas: &Canvas<'_>, report: &Report) {
    let x = RIGHT + 34.0;
    let room = WIDTH - x - 16.0;
    let mut y = 116.0;
    let words = Words::new(13.0, INK);
    for (index, label) in report.variants.iter().enumerate().take(MOST_ENTRIES) {
        let look = look(&report.variants, index);
        canvas.marker(look.marker, (x - 14.0, y), 5.0, look.colour);
        if look.twin {
            canvas.marker(Marker::Circle, (x - 14.0, y), 2.25, Colour(0xff, 0xff, 0xff));
        }
        canvas.text(&text::fit_name(&label.name, 13.0, room, false), (x, y), words);
        y += 21.0;
    }
    if report.variants.len() > MOST_ENTRIES {
        let more = format!("and {} more", report.variants.len() - MOST_ENTRIES);
        canvas.text(&more, (x, y), Words::new(13.0, GREY));
    }
    y += 14.0;
    let words = Words::new(12.0, GREY);
    let trials = || report.timeline.iter();
    if trials().any(|trial| !trial.admitted) {
        canvas.hollow(Marker::Circle, (x - 14.0, y), 5.0, GREY);
        canvas.cross((x - 14.0, y), 5.0, GREY);
        canvas.text(KEY_REJECTED, (x, y), words);
        y += 21.0;
    }
    let readings = || trials().flat_map(|trial| [trial.p50, trial.p99]);
    let partial = |trial: &TrialPoint| {
        trial.admitted && [trial.p50, trial.p99].iter().flatten().any(|reading| reading.left_out)
    };
    if trials().any(partial) {
        canvas.hollow(Marker::Circle, (x - 14.0, y), 5.0, GREY);
        canvas.text(KEY_LEFT_OUT, (x, y), words);
        y += 21.0;
    }
    if readings().flatten().any(|reading| reading.at_least) {
        arrow(canvas, (x - 14.0, y + 11.0), 3.0, GREY);
        canvas.text(KEY_AT_LEAST, (x, y), words);
        y += 21.0;
    }
    if readings().any(|reading| reading.is_none()) {
        canvas.line((x - 14.0, y - 4.0), (x - 14.0, y + 5.0), Stroke::new(GREY, 2.0));
        canvas.text(KEY_TOO_FEW, (x, y), words);
    }
}
