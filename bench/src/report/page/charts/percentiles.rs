//! Response time by percentile, one line for each variant.

use std::fmt::Write;

use maud::{Markup, html};

use super::plot::{STRETCHED, Scales, Strokes, down, frame, mark, percent, value_grid};
use super::{Chart, Dot, Line, Scale, Stop, empty, figure as into_page, short};
use crate::report::model::{Curve, NO_CURVE, PERCENTILE_AXIS, PERCENTILES_CHART, Report};
use crate::report::scale::Axis;
use crate::report::{axes, figures};

pub(super) fn figure(report: &Report) -> Markup {
    let points = || report.curves.iter().flat_map(|curve| curve.points.iter().copied());
    let low = points().map(|(_, us)| us).reduce(f64::min);
    let high = points().map(|(_, us)| us).reduce(f64::max);
    let (Some(low), Some(high)) = (low, high) else {
        return empty(&PERCENTILES_CHART, NO_CURVE);
    };
    let tail = points().map(|(tail, _)| tail).fold(100.0, f64::max);
    let x = Axis::log_exact(2.0, tail * 1.05);
    let scales = Scales::of_times(low, high);
    let chart = Chart {
        words: &PERCENTILES_CHART,
        variants: report.curves.iter().map(|curve| curve.variant).collect(),
        scale: Scale::Log,
        body: body(report, &x, &scales),
        key: html! {},
        stops: stops(report, &x, &scales),
        step: "Percentile",
    };
    into_page(report, chart)
}

fn body(report: &Report, x: &Axis, scales: &Scales) -> Markup {
    let ticks = || axes::PERCENTILES.iter().filter(|(tail, _)| x.holds(*tail));
    html! {
        p.axis-name { "response time" }
        div.plot.tall {
            svg.ink role="img" aria-label=(PERCENTILES_CHART.caption) {
                (value_grid(scales, 8))
                @for (tail, label) in ticks() {
                    @let at = percent(x.place(*tail));
                    line.grid x1=(at) x2=(at) y1="0" y2="100%" {}
                    text.tick.below x=(at) y="100%" dy="1.5em" { (label) }
                }
                (frame())
                (scales.each(|y| curves(report, x, y)))
                text.axis-title x="50%" y="100%" dy="3.2em" { (PERCENTILE_AXIS) }
            }
        }
    }
}

fn curves(report: &Report, x: &Axis, y: &Axis) -> Markup {
    html! {
        svg.stretched viewBox={ "0 0 " (STRETCHED) " " (STRETCHED) } preserveAspectRatio="none" {
            @for curve in &report.curves {
                @let (_, twin) = axes::place(&report.variants, curve.variant);
                polyline.curve.twin[twin].{ "v" (curve.variant) } points=(path(curve, x, y)) {}
            }
        }
        @for curve in &report.curves {
            @for (tail, us) in labelled(curve) {
                (mark(&report.variants, curve.variant, (x.place(tail), down(y, us)), Strokes::default()))
            }
        }
    }
}

fn path(curve: &Curve, x: &Axis, y: &Axis) -> String {
    let mut points = String::new();
    for (tail, us) in &curve.points {
        let at = (x.place(*tail) * STRETCHED, down(y, *us) * STRETCHED);
        // Writing to a string can not fail.
        let _ = write!(points, "{:.1},{:.1} ", at.0, at.1);
    }
    points.truncate(points.trim_end().len());
    points
}

/// The points nearest to the percentiles with a label: there the variant's mark is on its line.
fn labelled(curve: &Curve) -> Vec<(f64, f64)> {
    let last = curve.points.last().map_or(0.0, |(tail, _)| *tail);
    let nearest = |wanted: f64| {
        let far = |point: &&(f64, f64)| (point.0 / wanted).ln().abs();
        curve.points.iter().min_by(|one, other| far(one).total_cmp(&far(other))).copied()
    };
    let within = axes::PERCENTILES.iter().filter(|(tail, _)| *tail <= last * 1.01);
    within.filter_map(|(tail, _)| nearest(*tail)).collect()
}

/// All curves have the same percentiles, as far as they go.
fn stops(report: &Report, x: &Axis, scales: &Scales) -> Vec<Stop> {
    let longest = report.curves.iter().max_by_key(|curve| curve.points.len());
    let tails = longest.into_iter().flat_map(|curve| curve.points.iter().map(|(tail, _)| *tail));
    tails.enumerate().map(|(index, tail)| stop(report, (index, tail), x, scales)).collect()
}

fn stop(report: &Report, (index, tail): (usize, f64), x: &Axis, scales: &Scales) -> Stop {
    let mut stop = Stop { head: figures::percentile(tail), lines: Vec::new(), dots: Vec::new() };
    for curve in &report.curves {
        let Some((_, us)) = curve.points.get(index) else { continue };
        let name = report.variants.get(curve.variant).map_or("", |label| &label.name);
        let variant = Some(curve.variant);
        stop.lines.push(Line { variant, text: format!("{name} {}", figures::micros(*us)) });
        let at = |y: &Axis| [short(x.place(tail)), short(down(y, *us))];
        let (log, linear) = (at(&scales.log), at(&scales.linear));
        stop.dots.push(Dot { plot: 0, variant, log, linear, mark: true });
    }
    stop
}
