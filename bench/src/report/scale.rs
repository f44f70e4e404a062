//! From values to places on an axis, and where its ticks are, for the charts of every format. Knows
//! no pixels and no units.

/// How values are laid out on an axis.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Scale {
    /// Equal distances for equal differences.
    Linear,
    /// Equal distances for equal ratios; values are more than 0.
    Log,
    /// Linear within the knee, logarithmic beyond it, for both signs: asinh(value ÷ knee).
    Compressed {
        /// Where the one goes over into the other.
        knee: f64,
    },
}

/// A scale over a range.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Axis {
    scale: Scale,
    low: f64,
    high: f64,
}

/// Smallest value that a log axis shows, in microseconds: below the resolution of any clock.
const SMALLEST: f64 = 1e-4;
/// Largest value that an axis shows, in microseconds: far longer than any trial.
const LARGEST: f64 = 1e12;
/// A log axis shows at least this ratio, so that noise does not fill the chart.
const LEAST_RATIO: f64 = 2.0;

/// Ticks within a factor of ten, from many to few.
const FACTORS: [&[f64]; 5] = [
    &[1.0, 1.2, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 7.0, 8.0, 9.0],
    &[1.0, 2.0, 3.0, 5.0, 7.0],
    &[1.0, 2.0, 5.0],
    &[1.0, 3.0],
    &[1.0],
];

impl Axis {
    /// A linear axis.
    pub(super) fn linear(low: f64, high: f64) -> Self {
        let (low, high) = ordered(low, high, -LARGEST);
        let high = if high - low < SMALLEST { low + SMALLEST } else { high };
        Self { scale: Scale::Linear, low, high }
    }

    /// A log axis with some air at both ends.
    pub(super) fn log(low: f64, high: f64) -> Self {
        let (low, high) = ordered(low, high, SMALLEST);
        let air = (high / low).powf(0.06).max(1.08);
        let (low, high) = (low / air, high * air);
        let widen = (LEAST_RATIO / (high / low)).max(1.0).sqrt();
        Self { scale: Scale::Log, low: low / widen, high: high * widen }
    }

    /// A log axis with exactly these ends.
    pub(super) fn log_exact(low: f64, high: f64) -> Self {
        let (low, high) = ordered(low, high, SMALLEST);
        Self { scale: Scale::Log, low, high: high.max(low * 1.01) }
    }

    /// An axis that is linear around 0 and logarithmic further out.
    pub(super) fn compressed(low: f64, high: f64, knee: f64) -> Self {
        let linear = Self::linear(low, high);
        Self { scale: Scale::Compressed { knee: knee.max(SMALLEST) }, ..linear }
    }

    /// From 0 at the low end to 1 at the high end; values beyond an end are put at it.
    pub(super) fn place(&self, value: f64) -> f64 {
        let (low, high) = (self.warp(self.low), self.warp(self.high));
        let place = (self.warp(value.clamp(self.low, self.high)) - low) / (high - low);
        if place.is_finite() { place.clamp(0.0, 1.0) } else { 0.0 }
    }

    /// Whether the value lies on the axis.
    pub(super) fn holds(&self, value: f64) -> bool {
        (self.low..=self.high).contains(&value)
    }

    fn warp(&self, value: f64) -> f64 {
        match self.scale {
            Scale::Linear => value,
            Scale::Log => value.max(SMALLEST).log10(),
            Scale::Compressed { knee } => (value / knee).asinh(),
        }
    }

    /// Values worth a label, ascending, about `count` of them.
    pub(super) fn ticks(&self, count: u32) -> Vec<f64> {
        let ticks = match self.scale {
            Scale::Linear => self.linear_ticks(count),
            Scale::Log => self.log_ticks(count),
            Scale::Compressed { knee } => self.compressed_ticks(knee),
        };
        ticks.into_iter().filter(|tick| self.holds(*tick)).collect()
    }

    fn linear_ticks(&self, count: u32) -> Vec<f64> {
        let raw = (self.high - self.low) / f64::from(count.max(1));
        let decade = 10_f64.powf(raw.log10().floor());
        let factor = [1.0, 2.0, 5.0, 10.0].into_iter().find(|factor| factor * decade >= raw);
        let step = factor.unwrap_or(10.0) * decade;
        let first = (self.low / step).ceil();
        // Multiples, not a running sum, so that 0 is exactly 0.
        (0..=count * 3).map(|index| (first + f64::from(index)) * step + 0.0).collect()
    }

    fn log_ticks(&self, count: u32) -> Vec<f64> {
        let decades = (self.high / self.low).log10();
        // The densest set that does not give many more than asked for.
        let most = f64::from(count) * 1.3;
        let fits =
            |set: &&[f64]| f64::from(u32::try_from(set.len()).unwrap_or(1)) * decades <= most;
        let factors = FACTORS.iter().copied().find(fits).unwrap_or(&[1.0]);
        let mut ticks = Vec::new();
        let mut decade = 10_f64.powf(self.low.log10().floor());
        while decade <= self.high {
            ticks.extend(factors.iter().map(|factor| rounded(factor * decade)));
            decade *= 10.0;
        }
        ticks
    }

    fn compressed_ticks(&self, knee: f64) -> Vec<f64> {
        let mut ticks = vec![0.0];
        let mut decade = 10_f64.powf(knee.log10().ceil());
        while decade <= self.high.abs().max(self.low.abs()) {
            ticks.extend([rounded(decade), -rounded(decade)]);
            decade *= 10.0;
        }
        ticks.sort_by(f64::total_cmp);
        ticks
    }
}

/// Finite, in order, and within what an axis can show.
fn ordered(low: f64, high: f64, least: f64) -> (f64, f64) {
    let tame = |value: f64| if value.is_finite() { value.clamp(least, LARGEST) } else { least };
    let (low, high) = (tame(low), tame(high));
    if low <= high { (low, high) } else { (high, low) }
}

/// 0.30000000000000004 is 0.3 to a reader.
fn rounded(value: f64) -> f64 {
    if value >= 1.0 { (value * 1000.0).round() / 1000.0 } else { value }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_run_from_0_to_1_in_order() {
        for axis in
            [Axis::linear(-5.0, 20.0), Axis::log(20.0, 1e7), Axis::compressed(-50.0, 1e5, 10.0)]
        {
            let ticks = axis.ticks(6);
            assert!(ticks.len() >= 3, "{axis:?} {ticks:?}");
            let places: Vec<f64> = ticks.iter().map(|tick| axis.place(*tick)).collect();
            assert!(places.is_sorted(), "{places:?}");
            assert!(places.iter().all(|place| (0.0..=1.0).contains(place)));
        }
    }

    #[test]
    fn any_range_gives_a_usable_axis() {
        for (low, high) in [(0.0, 0.0), (f64::NAN, 1.0), (f64::INFINITY, -3.0), (1e300, -1e300)] {
            for axis in [Axis::linear(low, high), Axis::log(low, high)] {
                assert!((0.0..=1.0).contains(&axis.place(5.0)), "{axis:?}");
                assert!(axis.ticks(5).len() < 60, "{axis:?}");
            }
        }
    }
}
