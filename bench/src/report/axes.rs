//! What the charts of every format have in common: the axis that suits the figures, and the place of
//! each variant in a palette. Knows no pixels, no colours and no format.

use super::model::{Comparison, VariantLabel};
use super::scale::Axis;
use crate::quantile::Quantile;

/// When the largest overhead in a panel is so many times the smallest, a linear axis hides one.
const LINEAR_UP_TO: f64 = 60.0;

/// Percentiles with a label, as 1 ÷ (1 − percentile).
pub(super) const PERCENTILES: [(f64, &str); 6] = [
    (2.0, "50 %"),
    (10.0, "90 %"),
    (100.0, "99 %"),
    (1e3, "99.9 %"),
    (1e4, "99.99 %"),
    (1e5, "99.999 %"),
];

/// The two axes that the overheads at one quantile fit on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct OverheadAxes {
    /// Equal distances for equal differences.
    pub(super) linear: Axis,
    /// Logarithmic beyond the smallest overhead, for both signs.
    pub(super) compressed: Axis,
    /// Whether a linear axis would hide the smallest of them.
    pub(super) wide: bool,
}

/// The axes for a quantile; `None` when no comparison has an estimate at it.
pub(super) fn overheads(rows: &[&Comparison], quantile: Quantile) -> Option<OverheadAxes> {
    let cells = || {
        let all = rows.iter().flat_map(|row| row.cells.iter().map(|cell| (cell, row.noise_floor)));
        all.filter(|(cell, _)| cell.quantile == quantile)
    };
    let (mut low, mut high) = (0.0_f64, 0.0_f64);
    let (mut least, mut most) = (f64::INFINITY, 0.0_f64);
    for (cell, noise_floor) in cells() {
        let Some(estimate) = cell.overhead_us else { continue };
        low = low.min(estimate.low).min(estimate.point);
        high = high.max(estimate.high).max(estimate.point);
        if !noise_floor && estimate.point != 0.0 {
            least = least.min(estimate.point.abs());
            most = most.max(estimate.point.abs());
        }
    }
    // The margins belong into the picture as long as they do not shrink what is measured.
    let reach = low.abs().max(high);
    for margin in cells().filter_map(|(cell, _)| cell.margin_us) {
        if margin.is_finite() && margin <= reach * 1.5 {
            low = low.min(-margin);
            high = high.max(margin);
        }
    }
    if high <= low {
        return None;
    }
    let wide = most / least > LINEAR_UP_TO;
    // The A/A pair alone has no overhead to start from.
    let least = if least.is_finite() { least } else { reach };
    let far = (if low < 0.0 { low * 2.5 } else { -least }, high.max(least) * 2.5);
    let air = (high - low) * 0.14;
    Some(OverheadAxes {
        linear: Axis::linear(low - air, high + air),
        compressed: Axis::compressed(far.0, far.1, least.max(most / 1e4)),
        wide,
    })
}

/// A variant's place in a palette, and whether it is the second of an A/A pair, which looks like the
/// first.
pub(super) fn place(variants: &[VariantLabel], index: usize) -> (usize, bool) {
    let twin_of = variants.get(index).and_then(|label| label.twin_of);
    let original = twin_of.unwrap_or(index);
    // Only originals count, so that a twin does not use up a colour.
    let place = variants.iter().take(original).filter(|label| label.twin_of.is_none()).count();
    (place, twin_of.is_some())
}
