//! The overhead of each comparison, a panel for each quantile: a point with its interval, against
//! zero, the A/A pair and the margin.

use maud::{Markup, html};

use super::plot::{Scales, percent};
use super::{Chart, Dot, Line, Scale, Stop, empty, figure as into_page, short};
use crate::quantile::Quantile;
use crate::record::Estimate;
use crate::report::axes::{self, OverheadAxes};
use crate::report::figures;
use crate::report::model::{
    Cell, Comparison, KEY_FLOOR, KEY_INTERVAL, KEY_MARGIN, NOTHING_COMPARED, OVERHEAD_CHART, Report,
};
use crate::report::scale::Axis;

/// How far down in its row an interval lies; its words are above.
const MIDDLE: f64 = 0.72;
/// Ticks of an axis, about, and the room of their labels as a share of a panel on a phone.
const TICKS: u32 = 4;
const LABEL: f64 = 0.17;

pub(super) fn figure(report: &Report) -> Markup {
    if report.comparisons.is_empty() {
        return empty(&OVERHEAD_CHART, NOTHING_COMPARED);
    }
    let rows: Vec<&Comparison> = report.comparisons.iter().collect();
    let panels = Quantile::ALL.map(|quantile| (quantile, axes::overheads(&rows, quantile)));
    let wide = panels.iter().any(|(_, axes)| axes.is_some_and(|axes| axes.wide));
    let mut stops = Vec::new();
    for (plots_before, (quantile, axes)) in
        panels.iter().filter(|(_, axes)| axes.is_some()).enumerate()
    {
        let Some(scales) = axes.as_ref().map(both) else { continue };
        for (index, comparison) in rows.iter().enumerate() {
            let plot = plots_before * rows.len() + index;
            stops.extend(stop(comparison, *quantile, plot, &scales));
        }
    }
    let chart = Chart {
        words: &OVERHEAD_CHART,
        variants: Vec::new(),
        scale: if wide { Scale::Log } else { Scale::Linear },
        body: html! {
            div.panels {
                @for (quantile, axes) in &panels {
                    (panel(report, *quantile, axes.as_ref().map(both).as_ref()))
                }
            }
        },
        key: keys(),
        stops,
        step: "Comparison",
    };
    into_page(report, chart)
}

fn both(axes: &OverheadAxes) -> Scales {
    Scales { log: axes.compressed, linear: axes.linear }
}

fn panel(report: &Report, quantile: Quantile, scales: Option<&Scales>) -> Markup {
    html! {
        div.panel {
            p.panel-name { (quantile.label()) }
            @if let Some(scales) = scales {
                @for comparison in &report.comparisons {
                    (row(report, comparison, quantile, scales))
                }
                svg.ink.axis aria-hidden="true" { (scales.each(labels)) }
            } @else {
                p.nothing { "n/a" }
            }
        }
    }
}

fn row(report: &Report, comparison: &Comparison, quantile: Quantile, scales: &Scales) -> Markup {
    let cell = comparison.cells.iter().find(|cell| cell.quantile == quantile);
    let overhead = cell.and_then(|cell| cell.overhead_us);
    let verdict = match cell {
        Some(_) if comparison.noise_floor => ("inconclusive", "noise floor"),
        Some(cell) => (figures::verdict(cell.verdict), figures::verdict(cell.verdict)),
        None => ("inconclusive", ""),
    };
    html! {
        div.plot.row {
            svg.ink aria-hidden="true" {
                (scales.each(|axis| ground(report, quantile, axis)))
                @if let (Some(cell), Some(overhead)) = (cell, overhead) {
                    (scales.each(|axis| html! {
                        (margins(cell, axis))
                        g.(verdict.0) { (interval(&overhead, axis)) }
                    }))
                }
            }
            p.words {
                span.name { (comparison.title) }
                " "
                @if let Some(overhead) = overhead {
                    span.value {
                        strong { (figures::signed(overhead.point)) } " "
                        span.(verdict.0) { (verdict.1) }
                    }
                } @else {
                    span.value { "n/a" }
                }
            }
        }
    }
}

/// Grid, noise floor and zero, over the height of a row.
fn ground(report: &Report, quantile: Quantile, axis: &Axis) -> Markup {
    let floor = report.noise_floor(quantile);
    html! {
        @for tick in ticks(axis) {
            @let x = percent(axis.place(tick));
            line.grid x1=(x) x2=(x) y1="0" y2="100%" {}
        }
        @if let Some(floor) = floor {
            @let (from, to) = (axis.place(floor.low), axis.place(floor.high));
            rect.floor x=(percent(from)) width=(percent((to - from).max(0.002))) y="0" height="100%" {}
        }
        @let zero = percent(axis.place(0.0));
        line.zero x1=(zero) x2=(zero) y1="0" y2="100%" {}
    }
}

fn margins(cell: &Cell, axis: &Axis) -> Markup {
    html! {
        @if let Some(margin) = cell.margin_us {
            @for edge in [-margin, margin] {
                @if axis.holds(edge) {
                    @let x = percent(axis.place(edge));
                    line.margin x1=(x) x2=(x) y1="42%" y2="100%" {}
                }
            }
        }
    }
}

fn interval(estimate: &Estimate, axis: &Axis) -> Markup {
    let y = percent(MIDDLE);
    let ends = [estimate.low, estimate.high].map(|end| percent(axis.place(end)));
    html! {
        line.interval x1=(ends[0]) x2=(ends[1]) y1=(y) y2=(y) {}
        @for end in &ends {
            svg.mark x=(end) y=(y) { path.interval d="M0,-5V5" {} }
        }
        circle.point cx=(percent(axis.place(estimate.point))) cy=(y) r="4.5" {}
    }
}

/// Those with room for a label; where there are too many, those nearest to zero.
fn ticks(axis: &Axis) -> Vec<f64> {
    let mut ticks = axis.ticks(TICKS);
    ticks.sort_by(|one, other| one.abs().total_cmp(&other.abs()));
    let mut kept: Vec<f64> = Vec::new();
    for tick in ticks {
        let apart = |known: &f64| (axis.place(*known) - axis.place(tick)).abs() >= LABEL;
        if kept.iter().all(apart) {
            kept.push(tick);
        }
    }
    kept
}

fn labels(axis: &Axis) -> Markup {
    html! {
        @for tick in ticks(axis) {
            @let x = percent(axis.place(tick));
            line.frame x1=(x) x2=(x) y1="0" y2="5" {}
            // At an edge a label would reach beyond it.
            @if (LABEL / 3.0..=1.0 - LABEL / 3.0).contains(&axis.place(tick)) {
                text.tick.below x=(x) y="0" dy="1.6em" { (figures::tick(tick)) }
            }
        }
    }
}

fn stop(comparison: &Comparison, quantile: Quantile, plot: usize, scales: &Scales) -> Option<Stop> {
    let cell = comparison.cells.iter().find(|cell| cell.quantile == quantile)?;
    let overhead = cell.overhead_us?;
    let at = |axis: &Axis| [short(axis.place(overhead.point)), MIDDLE];
    let lines = [
        figures::signed_estimate(&overhead),
        cell.ratio(),
        format!("baseline {}", figures::micros_or_none(cell.baseline_us, false)),
        format!("candidate {}", figures::micros_or_none(cell.candidate_us, false)),
        format!("{}, {} blocks", figures::verdict(cell.verdict), cell.blocks),
    ];
    Some(Stop {
        head: format!("{}, {}", comparison.title, quantile.label()),
        lines: lines.map(Line::plain).to_vec(),
        dots: vec![Dot {
            plot,
            variant: None,
            log: at(&scales.log),
            linear: at(&scales.linear),
            mark: true,
        }],
    })
}

fn keys() -> Markup {
    html! {
        ul.key {
            li {
                svg.swatch.long viewBox="-16 -8 32 16" aria-hidden="true" {
                    path.interval d="M-14,0H14M-14,-5V5M14,-5V5" {}
                    circle.point r="4.5" {}
                }
                (KEY_INTERVAL)
            }
            li {
                svg.swatch viewBox="-8 -8 16 16" aria-hidden="true" {
                    rect.floor x="-8" y="-8" width="16" height="16" {}
                }
                (KEY_FLOOR)
            }
            li {
                svg.swatch viewBox="-8 -8 16 16" aria-hidden="true" {
                    path.margin d="M-5,-8V8M5,-8V8" {}
                }
                (KEY_MARGIN)
            }
        }
    }
}
