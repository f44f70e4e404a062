//! What a run on this machine can tell apart, from the spread of the A/A pair. Planning figures:
//! they hold for runs whose trials are like the selftest's.

use crate::analysis::{CONFIDENCE, LEVEL};
use crate::stats::power::{POWER, smallest_effect, values_for_half_width};

use super::{EffectRow, LengthRow, Resolution, SameTwice};

/// Lengths of a run that people think in.
const MINUTES: [f64; 3] = [1.0, 5.0, 30.0];

/// Wished half widths, in percent of the baseline's quantile.
const PERCENT: [f64; 3] = [10.0, 5.0, 2.0];

/// Quantile by quantile, where the pair has a spread. `block_s` is what a block takes in which one
/// candidate is compared with a baseline, A/A pair included.
#[must_use]
pub fn resolution(same: &SameTwice, block_s: f64) -> Vec<Resolution> {
    let family = same.floor.iter().filter(|row| row.difference_us.is_some()).count().max(1);
    let mut found = Vec::new();
    for row in &same.floor {
        let (Some(spread_us), Some(baseline_us)) = (row.spread_us, row.baseline_us) else {
            continue;
        };
        let admitted_share = f64::from(row.blocks) / f64::from(same.blocks.max(1));
        let effect = |minutes: f64| {
            let blocks = whole(minutes * 60.0 / block_s * admitted_share);
            // Holm's correction is at its strictest where only one quantile differs.
            let effect_us = smallest_effect(blocks as usize, spread_us, LEVEL / family as f64);
            EffectRow { minutes, blocks, effect_us }
        };
        let length = |percent: f64| {
            let half_width_us = percent / 100.0 * baseline_us;
            let blocks = values_for_half_width(spread_us, half_width_us, CONFIDENCE);
            let minutes = |blocks: usize| blocks as f64 / admitted_share * block_s / 60.0;
            LengthRow { percent, half_width_us, minutes: blocks.map(minutes) }
        };
        found.push(Resolution {
            quantile: row.quantile,
            spread_us,
            admitted_share,
            block_s,
            power: POWER,
            effects: MINUTES.map(effect).to_vec(),
            lengths: PERCENT.map(length).to_vec(),
        });
    }
    found
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count from 0")]
fn whole(blocks: f64) -> u32 {
    blocks.clamp(0.0, 1e9) as u32
}
