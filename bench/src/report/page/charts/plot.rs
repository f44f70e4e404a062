//! What the page's charts are drawn with: places in shares of a plot, drawn once for either scale,
//! grids, marks and swatches. Knows no chart.

use maud::{Markup, html};

use crate::report::model::VariantLabel;
use crate::report::scale::Axis;
use crate::report::{axes, figures};

/// The corner lengths of a curve's own picture, which is stretched over the plot.
pub(super) const STRETCHED: f64 = 1000.0;

/// Outlines around (0, 0) of about the same area, in pixels: circle, square, triangle, diamond.
const SHAPES: [&str; 4] = [
    "M-4.5,0a4.5,4.5 0 1,0 9,0a4.5,4.5 0 1,0 -9,0z",
    "M-4,-4h8v8h-8z",
    "M0,-5.4L5.4,4.3H-5.4z",
    "M0,-5.7L5.7,0L0,5.7L-5.7,0z",
];
/// Two strokes through a mark.
const CROSS: &str = "M-6.5,-6.5L6.5,6.5M-6.5,6.5L6.5,-6.5";
/// Up from a mark: the figure is at least this.
const ARROW: &str = "M0,-6V-16M-3.5,-12L0,-16.5L3.5,-12";
/// At the lower edge: there is no figure.
const STROKE: &str = "M0,0V-9";

/// The same values on both scales.
pub(super) struct Scales {
    pub(super) log: Axis,
    pub(super) linear: Axis,
}

impl Scales {
    /// Response times from `low` to `high`; linear from zero, so that lengths can be compared.
    pub(super) fn of_times(low: f64, high: f64) -> Self {
        Self { log: Axis::log(low, high), linear: Axis::linear(0.0, high * 1.06) }
    }

    /// Something drawn on either; the style shows one of them.
    pub(super) fn each(&self, draw: impl Fn(&Axis) -> Markup) -> Markup {
        html! {
            g.log { (draw(&self.log)) }
            g.linear { (draw(&self.linear)) }
        }
    }
}

/// A share as a length in a picture.
pub(super) fn percent(share: f64) -> String {
    format!("{:.2}%", share * 100.0)
}

/// How far down a value stands.
pub(super) fn down(axis: &Axis, value: f64) -> f64 {
    1.0 - axis.place(value)
}

/// Lines across with their values at the left.
pub(super) fn value_grid(scales: &Scales, ticks: u32) -> Markup {
    scales.each(|axis| {
        html! {
            @for us in axis.ticks(ticks) {
                @let y = percent(down(axis, us));
                line.grid x1="0" x2="100%" y1=(y) y2=(y) {}
                text.tick.left x="-8" y=(y) { (figures::tick(us)) }
            }
        }
    })
}

/// The frame's left and lower edge.
pub(super) fn frame() -> Markup {
    html! {
        line.frame x1="0" x2="0" y1="0" y2="100%" {}
        line.frame x1="0" x2="100%" y1="100%" y2="100%" {}
    }
}

/// How a mark is drawn beyond its variant's look.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Strokes {
    /// No measurement.
    pub(super) hollow: bool,
    /// Of a trial that is none.
    pub(super) crossed: bool,
    /// A lower bound.
    pub(super) at_least: bool,
    /// There is no figure.
    pub(super) missing: bool,
}

/// A mark in the variant's look.
pub(super) fn mark(
    variants: &[VariantLabel],
    variant: usize,
    at: (f64, f64),
    strokes: Strokes,
) -> Markup {
    html! {
        svg.mark.{ "v" (variant) } x=(percent(at.0)) y=(percent(at.1)) {
            (shape(axes::place(variants, variant), strokes))
        }
    }
}

fn shape((place, twin): (usize, bool), strokes: Strokes) -> Markup {
    html! {
        @if strokes.missing {
            path.stroke d=(STROKE) {}
        } @else {
            path.hollow[strokes.hollow] d=(SHAPES[place % SHAPES.len()]) {}
            // An eye marks the second of the A/A pair.
            @if twin && !strokes.hollow { circle.eye r="1.9" {} }
        }
        @if strokes.crossed { path.stroke d=(CROSS) {} }
        @if strokes.at_least { path.stroke d=(ARROW) {} }
    }
}

/// A variant's look beside its name.
pub(super) fn swatch(variants: &[VariantLabel], variant: usize) -> Markup {
    html! {
        svg.swatch viewBox="-8 -8 16 16" aria-hidden="true" {
            (shape(axes::place(variants, variant), Strokes::default()))
        }
    }
}

/// A look without a variant, beside what it means.
pub(super) fn key(strokes: Strokes, meaning: &str) -> Markup {
    let lift = if strokes.at_least { "-8 -18 16 24" } else { "-8 -8 16 16" };
    html! {
        li {
            svg.swatch viewBox=(lift) aria-hidden="true" { (shape((0, false), strokes)) }
            (meaning)
        }
    }
}
