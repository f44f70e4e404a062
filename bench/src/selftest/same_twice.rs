//! The A/A part: the same variant as two. How often it is called different, and how far apart the
//! two come out. Knows rows of figures only.

use crate::analysis::{Bootstrap, CONFIDENCE, LEVEL, analyse_with, counting};
use crate::describe::A_A;
use crate::plan::Seed;
use crate::quantile::Quantile;
use crate::record::{ComparisonRow, Estimate, PlanRecord, TrialRow, Verdict};
use crate::stats::binomial_at_least;
use crate::stats::power::{expected_half_width, robust_scale};

use super::{FloorRow, SameTwice};

/// Blocks of a batch: as many as a smoke run has, so that a batch is what a reader may be shown.
const BATCH: usize = 8;

/// The quantiles that a selftest looks at: its trials are too short for more.
pub(super) const LOOKED_AT: [Quantile; 3] = [Quantile::P50, Quantile::P90, Quantile::P99];

/// Judges the control's pair over all blocks, and in batches as runs of their own. `None` without a
/// trial.
#[must_use]
pub fn same_twice(plan: &PlanRecord, trials: &[TrialRow], testbed: &str) -> Option<SameTwice> {
    let mut only = plan.clone();
    only.comparisons.retain(|comparison| comparison.name == A_A);
    let none = Bootstrap { seed: Seed(0), resamples: 0 };
    let judged = |trials: &[TrialRow]| analyse_with(&only, trials, testbed, &none).comparisons;
    let mut blocks: Vec<u32> = trials.iter().map(|trial| trial.block).collect();
    blocks.sort_unstable();
    blocks.dedup();
    let batches = (blocks.len() / BATCH).max(1);
    let size = blocks.len().div_ceil(batches).max(1);
    let (mut made, mut apart, mut quantiles, mut quantiles_apart) = (0_u32, 0_u32, 0_u32, 0_u32);
    for batch in blocks.chunks(size) {
        let mine: Vec<TrialRow> =
            trials.iter().filter(|trial| batch.contains(&trial.block)).cloned().collect();
        let rows = judged(&mine);
        let told = |rows: &[ComparisonRow], which: fn(&ComparisonRow) -> bool| {
            u32::try_from(rows.iter().filter(|row| which(row)).count()).unwrap_or(u32::MAX)
        };
        let different = told(&rows, different);
        let judged = told(&rows, |row| row.overhead_us.is_some());
        made += u32::from(judged > 0);
        apart += u32::from(different > 0);
        quantiles += judged;
        quantiles_apart += different;
    }
    let floor = judged(trials)
        .into_iter()
        .filter(|row| LOOKED_AT.contains(&row.quantile))
        .map(|row| floor_row(row, trials))
        .collect();
    (!blocks.is_empty()).then(|| SameTwice {
        blocks: u32::try_from(blocks.len()).unwrap_or(u32::MAX),
        batches: made,
        batches_different: apart,
        quantiles,
        quantiles_different: quantiles_apart,
        stated_rate: LEVEL,
        p_value: binomial_at_least(u64::from(apart), u64::from(made), LEVEL),
        floor,
    })
}

fn different(row: &ComparisonRow) -> bool {
    matches!(row.verdict, Verdict::Slower | Verdict::Faster)
}

fn floor_row(row: ComparisonRow, trials: &[TrialRow]) -> FloorRow {
    let [one, other] =
        [&row.candidate, &row.baseline].map(|name| counting(trials, name, row.quantile));
    let exact = |trial: &TrialRow| trial.response_time_us.exact(row.quantile);
    let differences: Vec<f64> = one
        .iter()
        .filter_map(|(block, trial)| Some(exact(trial)? - exact(other.get(block)?)?))
        .collect();
    let spread_us = row.overhead_us.and_then(|interval| spread(&differences, interval));
    FloorRow {
        quantile: row.quantile,
        baseline_us: row.baseline_us,
        difference_us: row.overhead_us,
        spread_us,
        blocks: row.blocks,
        remark: row.remark,
    }
}

/// The spread of the differences: the robust standard deviation, or the one with which an interval
/// as wide as theirs is expected, whichever is more. The first does not see that one block in five is
/// far off, which the interval of a later run will.
fn spread(differences: &[f64], interval: Estimate) -> Option<f64> {
    let unit = expected_half_width(differences.len(), 1.0, CONFIDENCE)?;
    let implied = (interval.high - interval.low) / 2.0 / unit;
    Some(robust_scale(differences)?.max(implied))
}
