//! Round steps of time at which counts are cut, for formats and plots with coarse buckets. Knows
//! neither.

use bench::histogram::Histogram;

/// Preferred numbers, twenty a decade (the R20 series of ISO 3, in its more rounded form). Each
/// second, fourth or twentieth of them is a series of its own.
const TWENTY: [u64; 20] = [
    100, 110, 125, 140, 160, 180, 200, 220, 250, 280, 320, 360, 400, 450, 500, 560, 630, 710, 800,
    900,
];

/// Three a decade.
const THREE: [u64; 3] = [100, 200, 500];

/// Spans up to an edge.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Step {
    /// Nanoseconds.
    pub(super) edge: u64,
    /// Spans in all that are at most this long.
    pub(super) up_to: u64,
}

/// Twenty steps a decade from 1 µs to the longest span and the step beyond.
pub(super) fn fine(histogram: &Histogram) -> Vec<Step> {
    steps(histogram, &TWENTY, histogram.max().unwrap_or(0))
}

/// Three steps a decade from 10 µs to 50 s, whatever was counted, so that the steps of several
/// drives are the same.
pub(super) fn fixed(histogram: &Histogram) -> Vec<Step> {
    let steps = steps(histogram, &THREE, 50_000_000_000);
    steps.into_iter().filter(|step| step.edge >= 10_000).collect()
}

/// As many steps a decade as there is room for, from the one that holds the shortest span to the
/// one that holds the longest; the first of them is the edge below.
pub(super) fn fitted(histogram: &Histogram, room: usize) -> Vec<Step> {
    let every = |nth: usize| TWENTY.iter().copied().step_by(nth).collect::<Vec<u64>>();
    let longest = histogram.max().unwrap_or(0);
    let mut fitted = Vec::new();
    for numbers in [every(1), every(2), every(4), THREE.to_vec(), every(20)] {
        let steps = steps(histogram, &numbers, longest);
        let below = steps.iter().rposition(|step| step.up_to == 0).unwrap_or(0);
        fitted = steps[below.min(steps.len())..].to_vec();
        if fitted.len() <= room + 1 {
            break;
        }
    }
    fitted
}

fn steps(histogram: &Histogram, numbers: &[u64], last: u64) -> Vec<Step> {
    let decades = (1..=9).map(|power| 10_u64.pow(power));
    let edges = decades.flat_map(|decade| numbers.iter().map(move |number| number * decade));
    let mut below = 0;
    edges
        .take_while(|edge| {
            let wanted = below < last;
            below = *edge;
            wanted
        })
        .map(|edge| Step { edge, up_to: histogram.count_up_to(edge) })
        .collect()
}
