//! Lines, areas, markers and words on an SVG through plotters' backend, in pixels with fractions.
//! Knows no axis and no data.

use plotters::coord::Shift;
use plotters::prelude::{
    Circle, DrawingArea, IntoDrawingArea, IntoFont, PathElement, Polygon, Rectangle, SVGBackend,
    Text,
};
use plotters::style::text_anchor::{HPos, Pos, VPos};
use plotters::style::{FontStyle, FontTransform, RGBAColor, ShapeStyle, TextStyle};

/// The backend counts in whole units; four of them a pixel make curves smooth.
const UNITS: f64 = 4.0;
/// Largest coordinate that is drawn, in pixels.
const FAR: f64 = 1e5;
/// plotters divides font sizes by this; the font's name is followed by what a browser may have.
const FONT_FACTOR: f64 = 1.24;
const FONT: &str = "DejaVu Sans, Verdana, sans-serif";

/// Red, green, blue.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Colour(pub(super) u8, pub(super) u8, pub(super) u8);

/// A place in pixels from the upper left corner.
pub(super) type At = (f64, f64);

/// The shape of a point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Marker {
    Circle,
    Square,
    Triangle,
    Diamond,
}

impl Marker {
    pub(super) const ALL: [Self; 4] = [Self::Circle, Self::Square, Self::Triangle, Self::Diamond];
}

/// How a line is drawn.
#[derive(Debug, Clone, Copy)]
pub(super) struct Stroke {
    colour: Colour,
    width: f64,
    opacity: f64,
    dash: Option<f64>,
}

impl Stroke {
    pub(super) fn new(colour: Colour, width: f64) -> Self {
        Self { colour, width, opacity: 1.0, dash: None }
    }

    pub(super) fn faint(self, opacity: f64) -> Self {
        Self { opacity, ..self }
    }

    /// Dashes of this length with gaps of the same.
    pub(super) fn dashed(self, length: f64) -> Self {
        Self { dash: Some(length.max(1.0)), ..self }
    }
}

/// How words are written. The place is the middle of their height.
#[derive(Clone, Copy)]
pub(super) struct Words {
    size: f64,
    colour: Colour,
    bold: bool,
    anchor: HPos,
    upwards: bool,
}

impl Words {
    pub(super) fn new(size: f64, colour: Colour) -> Self {
        Self { size, colour, bold: false, anchor: HPos::Left, upwards: false }
    }

    pub(super) fn bold(self) -> Self {
        Self { bold: true, ..self }
    }

    /// The place is their right end.
    pub(super) fn right(self) -> Self {
        Self { anchor: HPos::Right, ..self }
    }

    /// The place is their middle.
    pub(super) fn centred(self) -> Self {
        Self { anchor: HPos::Center, ..self }
    }

    /// Read from below, as beside a vertical axis.
    pub(super) fn upwards(self) -> Self {
        Self { upwards: true, ..self }
    }
}

/// Something to draw on.
pub(super) struct Canvas<'a> {
    area: DrawingArea<SVGBackend<'a>, Shift>,
}

/// Drawing goes to memory; the backend's error type comes from its other target, a file.
const IN_MEMORY: &str = "drawing to memory can not fail";

/// A whole SVG document of that size on a white ground, with a name for readers that do not see.
pub(super) fn svg(size: At, name: &str, paint: impl FnOnce(&Canvas<'_>)) -> String {
    let mut text = String::new();
    let units = (whole(size.0), whole(size.1));
    {
        let area = SVGBackend::with_string(&mut text, (unsigned(units.0), unsigned(units.1)))
            .into_drawing_area();
        let canvas = Canvas { area };
        canvas.rect((0.0, 0.0), size, Colour(0xff, 0xff, 0xff), 1.0);
        paint(&canvas);
        canvas.area.present().expect(IN_MEMORY);
    }
    // Shown at its size in pixels, not in units; joints of curves are round.
    let plain = format!("<svg width=\"{}\" height=\"{}\"", units.0, units.1);
    let named = format!(
        "<svg role=\"img\" aria-label=\"{name}\" stroke-linejoin=\"round\" width=\"{:.0}\" \
         height=\"{:.0}\"",
        size.0, size.1
    );
    text.replacen(&plain, &named, 1)
}

impl Canvas<'_> {
    /// A filled rectangle between two corners.
    pub(super) fn rect(&self, from: At, to: At, colour: Colour, opacity: f64) {
        let style = ShapeStyle { color: rgba(colour, opacity), filled: true, stroke_width: 0 };
        self.area.draw(&Rectangle::new([point(from), point(to)], style)).expect(IN_MEMORY);
    }

    /// A straight line.
    pub(super) fn line(&self, from: At, to: At, stroke: Stroke) {
        self.path(&[from, to], stroke);
    }

    /// A line through all points.
    pub(super) fn path(&self, points: &[At], stroke: Stroke) {
        match stroke.dash {
            None => self.whole_path(points, stroke),
            Some(length) => {
                for dash in dashes(points, length) {
                    self.whole_path(&dash, stroke);
                }
            }
        }
    }

    fn whole_path(&self, points: &[At], stroke: Stroke) {
        let style = ShapeStyle {
            color: rgba(stroke.colour, stroke.opacity),
            filled: false,
            stroke_width: unsigned(whole(stroke.width)),
        };
        let points: Vec<(i32, i32)> = points.iter().map(|at| point(*at)).collect();
        self.area.draw(&PathElement::new(points, style)).expect(IN_MEMORY);
    }

    /// A filled point; `radius` is that of a circle of about the same area.
    pub(super) fn marker(&self, marker: Marker, at: At, radius: f64, colour: Colour) {
        let style = ShapeStyle { color: rgba(colour, 1.0), filled: true, stroke_width: 0 };
        if marker == Marker::Circle {
            let circle = Circle::new(point(at), whole(radius), style);
            self.area.draw(&circle).expect(IN_MEMORY);
        } else {
            let corners: Vec<(i32, i32)> =
                outline(marker, at, radius).into_iter().map(point).collect();
            self.area.draw(&Polygon::new(corners, style)).expect(IN_MEMORY);
        }
    }

    /// The outline of a point.
    pub(super) fn hollow(&self, marker: Marker, at: At, radius: f64, colour: Colour) {
        let stroke = Stroke::new(colour, 1.5);
        if marker == Marker::Circle {
            let style = ShapeStyle {
                color: rgba(colour, 1.0),
                filled: false,
                stroke_width: unsigned(whole(1.5)),
            };
            let circle = Circle::new(point(at), whole(radius), style);
            self.area.draw(&circle).expect(IN_MEMORY);
        } else {
            let mut corners = outline(marker, at, radius);
            corners.extend(corners.first().copied());
            self.path(&corners, stroke);
        }
    }

    /// Two strokes through a point.
    pub(super) fn cross(&self, at: At, radius: f64, colour: Colour) {
        let stroke = Stroke::new(colour, 1.5);
        let arm = radius * 1.5;
        self.line((at.0 - arm, at.1 - arm), (at.0 + arm, at.1 + arm), stroke);
        self.line((at.0 - arm, at.1 + arm), (at.0 + arm, at.1 - arm), stroke);
    }

    /// One line of words.
    pub(super) fn text(&self, text: &str, at: At, words: Words) {
        let style = if words.bold { FontStyle::Bold } else { FontStyle::Normal };
        let mut font = (FONT, words.size * UNITS * FONT_FACTOR, style).into_font();
        // The backend puts the baseline a quarter of the size below the place; capitals and digits
        // look centred at a third.
        let shift = words.size * 0.1;
        let mut at = (at.0, at.1 + shift);
        if words.upwards {
            font = font.transform(FontTransform::Rotate270);
            at = (at.0 + shift, at.1 - shift);
        }
        let colour = rgba(words.colour, 1.0);
        let style = TextStyle::from(font).color(&colour).pos(Pos::new(words.anchor, VPos::Center));
        // XML has no place for control characters.
        let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        self.area.draw(&Text::new(clean, point(at), style)).expect(IN_MEMORY);
    }
}

fn outline(marker: Marker, at: At, radius: f64) -> Vec<At> {
    let (x, y) = at;
    match marker {
        Marker::Circle | Marker::Square => {
            let half = radius * 0.89;
            vec![
                (x - half, y - half),
                (x + half, y - half),
                (x + half, y + half),
                (x - half, y + half),
            ]
        }
        Marker::Triangle => {
            let half = radius * 1.2;
            vec![(x, y - half), (x + half, y + half * 0.8), (x - half, y + half * 0.8)]
        }
        Marker::Diamond => {
            let half = radius * 1.25;
            vec![(x, y - half), (x + half, y), (x, y + half), (x - half, y)]
        }
    }
}

/// Cuts a line into dashes by its length, so that bends do not matter.
fn dashes(points: &[At], length: f64) -> Vec<Vec<At>> {
    let mut dashes: Vec<Vec<At>> = Vec::new();
    let (mut drawn, mut on) = (0.0, true);
    let mut dash: Vec<At> = points.first().copied().into_iter().collect();
    for pair in points.windows(2) {
        let (mut from, to) = (pair[0], pair[1]);
        let mut left = (to.0 - from.0).hypot(to.1 - from.1);
        while drawn + left >= length {
            let share = ((length - drawn) / left).clamp(0.0, 1.0);
            from = (from.0 + (to.0 - from.0) * share, from.1 + (to.1 - from.1) * share);
            left = (to.0 - from.0).hypot(to.1 - from.1);
            dash.push(from);
            if on {
                dashes.push(std::mem::take(&mut dash));
            }
            dash = vec![from];
            on = !on;
            drawn = 0.0;
        }
        drawn += left;
        dash.push(to);
    }
    if on && dash.len() > 1 {
        dashes.push(dash);
    }
    dashes
}

fn rgba(colour: Colour, opacity: f64) -> RGBAColor {
    RGBAColor(colour.0, colour.1, colour.2, opacity)
}

fn point(at: At) -> (i32, i32) {
    (whole(at.0), whole(at.1))
}

/// Pixels to the backend's units.
#[expect(clippy::cast_possible_truncation, reason = "clamped to what an i32 holds; NaN becomes 0")]
fn whole(pixels: f64) -> i32 {
    (pixels.clamp(-FAR, FAR) * UNITS).round() as i32
}

fn unsigned(units: i32) -> u32 {
    u32::try_from(units).unwrap_or(0)
}
