//! A stall: what it costs by arithmetic, what the open loop measured, and what a closed loop prints.
//! Knows figures only.

use std::time::Duration;

use crate::quantile::Quantile;
use crate::record::{Summary, TrialRow};
use crate::stats::order::median;

use super::{StallPart, StallRow};

/// How long the quantile of requests waits when the origin answers nothing for `length` of every
/// `every` and requests come evenly: in microseconds.
///
/// A share L/T of the requests is due during a stall, and these wait evenly from L down to nothing.
/// So a share (1 − q) of all waits longer than `L − (1 − q)·T`, and where that is below 0 the
/// quantile does not wait.
#[must_use]
pub fn exact_wait_us(length: Duration, every: Duration, quantile: Quantile) -> f64 {
    let [length, every] = [length, every].map(|span| span.as_secs_f64() * 1e6);
    (length - quantile.beyond_percent() / 100.0 * every).max(0.0)
}

/// Puts the three beside each other. `trials` are those of the stalling variant, `closed` is the
/// closed loop's response time.
#[must_use]
pub fn stall(
    (length, every): (Duration, Duration),
    rate: f64,
    trials: &[TrialRow],
    closed: (u32, &Summary),
) -> StallPart {
    let admits = |trial: &&TrialRow| trial.admitted;
    let row = |quantile: Quantile| {
        let values: Vec<f64> = trials
            .iter()
            .filter(|trial| trial.admits(quantile))
            .filter_map(|trial| trial.response_time_us.exact(quantile))
            .collect();
        StallRow {
            quantile,
            exact_us: exact_wait_us(length, every, quantile),
            open_us: median(&values),
            closed_us: closed.1.exact(quantile),
        }
    };
    StallPart {
        length_us: length.as_secs_f64() * 1e6,
        every_us: every.as_secs_f64() * 1e6,
        rate,
        trials: u32::try_from(trials.iter().filter(admits).count()).unwrap_or(u32::MAX),
        closed_connections: closed.0,
        closed_requests: closed.1.count,
        rows: Quantile::ALL.map(row).to_vec(),
    }
}
