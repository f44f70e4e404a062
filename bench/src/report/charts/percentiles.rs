//! Response time by percentile, one line for each variant, on a percentile axis that gives the tail
//! its room. A line ends where its samples do.

use super::canvas::{self, At, Canvas, Stroke, Words};
use super::{GREY, GRID, INK, WIDTH, header, look, nothing, text};
use crate::report::model::{Curve, NO_CURVE, PERCENTILE_AXIS, PERCENTILES_CHART, Report};
use crate::report::scale::Axis;
use crate::report::{axes::PERCENTILES, figures};

const LEFT: f64 = 96.0;
const RIGHT: f64 = WIDTH - 290.0;
const TOP: f64 = 92.0;
const BOTTOM: f64 = 580.0;
const HEIGHT: f64 = 650.0;
/// More lines than this are labelled by name alone.
const ROOMY: usize = 12;

struct Axes {
    x: Axis,
    y: Axis,
}

impl Axes {
    fn at(&self, point: (f64, f64)) -> At {
        let (tail, us) = point;
        (LEFT + self.x.place(tail) * (RIGHT - LEFT), BOTTOM - self.y.place(us) * (BOTTOM - TOP))
    }
}

pub(super) fn svg(report: &Report) -> String {
    let points = || report.curves.iter().flat_map(|curve| curve.points.iter().copied());
    let low = points().map(|(_, us)| us).reduce(f64::min);
    let high = points().map(|(_, us)| us).reduce(f64::max);
    let (Some(low), Some(high)) = (low, high) else {
        return nothing(report, PERCENTILES_CHART.title, NO_CURVE);
    };
    let tail = points().map(|(tail, _)| tail).fold(100.0, f64::max);
    let x = Axis::log_exact(2.0, tail * 1.05);
    let axes = Axes { x, y: Axis::log(low, high) };
    canvas::svg((WIDTH, HEIGHT), PERCENTILES_CHART.title, |canvas| {
        header(canvas, report, &PERCENTILES_CHART);
        grid(canvas, &axes);
        for curve in &report.curves {
            let look = look(&report.variants, curve.variant);
            let points: Vec<At> = curve.points.iter().map(|point| axes.at(*point)).collect();
            let stroke = Stroke::new(look.colour, 2.5);
            canvas.path(&points, if look.twin { stroke.dashed(7.0) } else { stroke });
        }
        labels(canvas, report, &axes);
    })
}

fn grid(canvas: &Canvas<'_>, axes: &Axes) {
    let thin = Stroke::new(GRID, 1.0);
    for us in axes.y.ticks(9) {
        let y = axes.at((2.0, us)).1;
        canvas.line((LEFT, y), (RIGHT, y), thin);
        canvas.text(&figures::tick(us), (LEFT - 10.0, y), Words::new(13.0, GREY).right());
    }
    for (tail, label) in PERCENTILES {
        if axes.x.holds(tail) {
            let x = axes.at((tail, 1.0)).0;
            canvas.line((x, TOP), (x, BOTTOM), thin);
            canvas.text(label, (x, BOTTOM + 18.0), Words::new(13.0, GREY).centred());
        }
    }
    canvas.line((LEFT, BOTTOM), (RIGHT, BOTTOM), Stroke::new(GREY, 1.0));
    canvas.line((LEFT, TOP), (LEFT, BOTTOM), Stroke::new(GREY, 1.0));
    let middle = f64::midpoint(LEFT, RIGHT);
    let words = Words::new(14.0, INK).centred();
    canvas.text(PERCENTILE_AXIS, (middle, BOTTOM + 46.0), words);
    let middle = f64::midpoint(TOP, BOTTOM);
    canvas.text("response time", (26.0, middle), words.upwards());
}

/// A name at the end of each line; names that would overlap are moved apart.
fn labels(canvas: &Canvas<'_>, report: &Report, axes: &Axes) {
    let mut ends: Vec<(&Curve, At)> = report
        .curves
        .iter()
        .filter_map(|curve| Some((curve, axes.at(*curve.points.last()?))))
        .collect();
    ends.sort_by(|(_, one), (_, other)| one.1.total_cmp(&other.1));
    let roomy = ends.len() <= ROOMY;
    let spacing = if roomy { 36.0 } else { 17.0 };
    let wished: Vec<f64> = ends.iter().map(|(_, end)| end.1).collect();
    let places = spread(&wished, spacing, (TOP + 8.0, BOTTOM - 8.0));
    for ((curve, end), y) in ends.into_iter().zip(places) {
        let look = look(&report.variants, curve.variant);
        let Some(label) = report.variants.get(curve.variant) else { continue };
        let elbow = (RIGHT + 6.0, end.1);
        let leader = Stroke::new(look.colour, 1.0).faint(0.55).dashed(2.0);
        canvas.path(&[end, elbow, (RIGHT + 26.0, y)], leader);
        let x = RIGHT + 32.0;
        let room = WIDTH - x - 14.0;
        let name = text::fit_name(&label.name, 13.0, room, true);
        canvas.text(&name, (x, y), Words::new(13.0, look.colour).bold());
        if roomy && label.title != label.name {
            let title = text::fit(&label.title, 11.0, room, false);
            canvas.text(&title, (x, y + 15.0), Words::new(11.0, GREY));
        }
    }
}

/// Places in order, at least `spacing` apart and within the range as far as it is large enough, as
/// near to the wished ones as one pass down and one up bring them.
fn spread(wished: &[f64], spacing: f64, range: (f64, f64)) -> Vec<f64> {
    let mut places = wished.to_vec();
    let mut least = range.0;
    for place in &mut places {
        *place = place.max(least);
        least = *place + spacing;
    }
    let mut most = range.1;
    for place in places.iter_mut().rev() {
        *place = place.min(most);
        most = *place - spacing;
    }
    places
}

#[cfg(test)]
mod tests {
    use super::spread;

    #[test]
    fn labels_do_not_overlap_and_stay_in_their_range() {
        let places = spread(&[100.0, 101.0, 102.0, 395.0, 396.0], 20.0, (0.0, 400.0));
        assert!(places.windows(2).all(|pair| pair[1] - pair[0] >= 20.0 - 1e-9), "{places:?}");
        assert!(places.iter().all(|place| (0.0..=400.0).contains(place)), "{places:?}");
    }
}
