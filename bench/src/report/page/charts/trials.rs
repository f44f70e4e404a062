//! All trials in time order, a plot for the median and one for the 99th percentile.

use maud::{Markup, html};

use super::plot::{Scales, Strokes, down, frame, key, mark, percent, value_grid};
use super::{Chart, Dot, Line, Scale, Stop, empty, figure as into_page, short};
use crate::report::figures;
use crate::report::model::{
    KEY_AT_LEAST, KEY_LEFT_OUT, KEY_REJECTED, KEY_TOO_FEW, NO_READING, NO_TRIAL, Reading, Report,
    TRIAL_AXIS, TRIALS_CHART, TrialPoint,
};
use crate::report::scale::Axis;

/// Block numbers that have room on a wide screen and on a narrow one.
const NUMBERS: (usize, usize) = (36, 9);

struct Panel {
    name: &'static str,
    reading: fn(&TrialPoint) -> Option<Reading>,
}

const PANELS: [Panel; 2] = [
    Panel { name: "p50", reading: |trial| trial.p50 },
    Panel { name: "p99", reading: |trial| trial.p99 },
];

pub(super) fn figure(report: &Report) -> Markup {
    if report.timeline.is_empty() {
        return empty(&TRIALS_CHART, NO_TRIAL);
    }
    let scales = PANELS.map(|panel| scales(report, &panel));
    let mut variants: Vec<usize> = report.timeline.iter().map(|trial| trial.variant).collect();
    variants.sort_unstable();
    variants.dedup();
    let chart = Chart {
        words: &TRIALS_CHART,
        variants,
        scale: Scale::Log,
        body: html! {
            @for (panel, scales) in PANELS.iter().zip(&scales) {
                (body(report, panel, scales.as_ref()))
            }
        },
        key: keys(report),
        stops: (0..report.timeline.len()).map(|index| stop(report, index, &scales)).collect(),
        step: "Trial",
    };
    into_page(report, chart)
}

fn scales(report: &Report, panel: &Panel) -> Option<Scales> {
    let readings = || report.timeline.iter().filter_map(panel.reading).map(|reading| reading.us);
    Some(Scales::of_times(readings().reduce(f64::min)?, readings().reduce(f64::max)?))
}

/// Where the index-th trial stands, `within` from 0 to 1 in its own room.
#[expect(clippy::cast_precision_loss, reason = "far fewer than 2^52 trials")]
fn across(report: &Report, index: usize, within: f64) -> f64 {
    (index as f64 + within) / report.timeline.len() as f64
}

fn body(report: &Report, panel: &Panel, scales: Option<&Scales>) -> Markup {
    let name = format!("{} response time", panel.name);
    html! {
        p.axis-name { (name) }
        div.plot {
            svg.ink role="img" aria-label={ (TRIALS_CHART.caption) ", " (panel.name) } {
                (blocks(report))
                @if let Some(scales) = scales {
                    (value_grid(scales, 5))
                    (frame())
                    (scales.each(|y| marks(report, panel, y)))
                } @else {
                    (frame())
                    text.axis-title x="50%" y="50%" { (NO_READING) }
                }
                text.axis-title x="50%" y="100%" dy="3.2em" { (TRIAL_AXIS) }
            }
        }
    }
}

/// A band behind every other block and its number below.
fn blocks(report: &Report) -> Markup {
    let groups: Vec<&[TrialPoint]> =
        report.timeline.chunk_by(|one, next| one.block == next.block).collect();
    let every = |room: usize| groups.len().div_ceil(room);
    let starts = groups.iter().scan(0, |next, group| {
        let start = *next;
        *next += group.len();
        Some(start)
    });
    html! {
        @for (index, (group, start)) in groups.iter().zip(starts).enumerate() {
            @let from = across(report, start, 0.0);
            @let width = across(report, start + group.len(), 0.0) - from;
            @if index % 2 == 1 {
                rect.band x=(percent(from)) width=(percent(width)) y="0" height="100%" {}
            }
            @if index % every(NUMBERS.0) == 0 {
                text.tick.below.roomy[index % every(NUMBERS.1) != 0] x=(percent(from + width / 2.0))
                    y="100%" dy="1.5em" { (group.first().map_or(0, |trial| trial.block)) }
            }
        }
    }
}

fn marks(report: &Report, panel: &Panel, y: &Axis) -> Markup {
    html! {
        @for (index, trial) in report.timeline.iter().enumerate() {
            @let at = place(report, index, panel, y);
            (mark(&report.variants, trial.variant, at, strokes(trial, (panel.reading)(trial))))
        }
    }
}

/// A trial without a figure stands at the lower edge.
fn place(report: &Report, index: usize, panel: &Panel, y: &Axis) -> (f64, f64) {
    let reading = report.timeline.get(index).and_then(panel.reading);
    (across(report, index, 0.5), reading.map_or(1.0, |reading| down(y, reading.us)))
}

fn strokes(trial: &TrialPoint, reading: Option<Reading>) -> Strokes {
    Strokes {
        hollow: reading.is_some_and(|reading| reading.left_out),
        crossed: reading.is_some() && !trial.admitted,
        at_least: reading.is_some_and(|reading| reading.at_least),
        missing: reading.is_none(),
    }
}

fn stop(report: &Report, index: usize, scales: &[Option<Scales>; 2]) -> Stop {
    let Some(trial) = report.timeline.get(index) else {
        return Stop { head: String::new(), lines: Vec::new(), dots: Vec::new() };
    };
    let variant = Some(trial.variant);
    let name = report.variants.get(trial.variant).map_or("", |label| &label.name);
    let mut lines = vec![Line { variant, text: name.to_owned() }];
    let mut line = |text: String| lines.push(Line { variant, text });
    for panel in &PANELS {
        line(format!("{} {}", panel.name, in_words((panel.reading)(trial))));
    }
    if !trial.left_out.is_empty() {
        line(format!("left out: {}", trial.left_out));
    }
    if !trial.why.is_empty() {
        line(trial.why.clone());
    }
    let dots = (0..).zip(PANELS.iter().zip(scales)).filter_map(|(plot, (panel, scales))| {
        let scales = scales.as_ref()?;
        let at = |y: &Axis| {
            let (x, y) = place(report, index, panel, y);
            [short(x), short(y)]
        };
        let mark = (panel.reading)(trial).is_some();
        Some(Dot { plot, variant, log: at(&scales.log), linear: at(&scales.linear), mark })
    });
    let head = format!("Trial {}, block {}", trial.number, trial.block);
    Stop { head, dots: dots.collect(), lines }
}

fn in_words(reading: Option<Reading>) -> String {
    figures::micros_or_none(
        reading.map(|reading| reading.us),
        reading.is_some_and(|reading| reading.at_least),
    )
}

fn keys(report: &Report) -> Markup {
    let of = |trial: &TrialPoint| [trial.p50, trial.p99];
    let trials = || report.timeline.iter();
    let partial = |trial: &TrialPoint| {
        trial.admitted && of(trial).iter().flatten().any(|reading| reading.left_out)
    };
    let bounded = |trial: &TrialPoint| of(trial).iter().flatten().any(|reading| reading.at_least);
    let entries = [
        (
            trials().any(|trial| !trial.admitted),
            Strokes { hollow: true, crossed: true, ..Strokes::default() },
            KEY_REJECTED,
        ),
        (trials().any(partial), Strokes { hollow: true, ..Strokes::default() }, KEY_LEFT_OUT),
        (trials().any(bounded), Strokes { at_least: true, ..Strokes::default() }, KEY_AT_LEAST),
        (
            trials().any(|trial| of(trial).iter().any(Option::is_none)),
            Strokes { missing: true, ..Strokes::default() },
            KEY_TOO_FEW,
        ),
    ];
    html! {
        ul.key {
            @for (there, strokes, meaning) in entries {
                @if there { (key(strokes, meaning)) }
            }
        }
    }
}
