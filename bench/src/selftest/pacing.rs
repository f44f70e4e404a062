//! Arrivals as the origin stamped them, held against what was asked. Takes nothing on the
//! generator's word but the send lag that it is printed beside.

use scenarios::load::Arrivals;

use crate::record::Summary;
use crate::stats::fit::{anderson_darling, gaps_at_rate, kolmogorov_smirnov};

use super::{GapTests, PacingPart};

/// The span within which a burst is counted, in nanoseconds.
const BURST_NS: u64 = 1_000_000;

/// The origin stamps what it finds in one turn alike, so gaps are known to so many nanoseconds only.
/// Shorter ones are taken as this long: a gap of 0 has the probability 0, whose logarithm would make
/// Anderson–Darling a test of the origin's turns. At 1000/s that moves half a percent of the gaps.
const RESOLUTION_NS: u64 = 5_000;

/// The error of the rate that is allowed, in percent: admission's own.
const RATE_ERROR_PERCENT: f64 = 1.0;

/// Standard errors of a Poisson process that are allowed besides.
const STANDARD_ERRORS: f64 = 4.0;

/// What was asked, what the generator says, and what the origin saw.
#[derive(Debug, Clone, PartialEq)]
pub struct Stamped {
    /// Spacing.
    pub arrivals: Arrivals,
    /// Requests a second.
    pub rate: f64,
    /// Arrivals within the window, in nanoseconds, in order.
    pub stamps: Vec<u64>,
    /// By the generator's own word.
    pub send_lag_us: Summary,
    /// Most requests due within a millisecond.
    pub burst_planned: u64,
    /// Time that the hypervisor took meanwhile.
    pub steal_percent: f64,
}

/// Judges the stamps. `None` where fewer than two requests arrived.
#[must_use]
pub fn pacing(stamped: &Stamped) -> Option<PacingPart> {
    let stamps = &stamped.stamps;
    let span_s = stamps.last()?.checked_sub(*stamps.first()?)? as f64 / 1e9;
    let count = stamps.len() as f64;
    if span_s <= 0.0 {
        return None;
    }
    let arrived_rate = (count - 1.0) / span_s;
    let (chance, gaps) = match stamped.arrivals {
        Arrivals::Constant => (0.0, None),
        Arrivals::Poisson => (100.0 * STANDARD_ERRORS / count.sqrt(), tested(stamps, stamped.rate)),
    };
    Some(PacingPart {
        arrivals: match stamped.arrivals {
            Arrivals::Constant => "constant",
            Arrivals::Poisson => "poisson",
        }
        .to_owned(),
        rate: stamped.rate,
        requests: stamps.len() as u64,
        send_lag_us: stamped.send_lag_us.clone(),
        arrived_rate,
        rate_error_percent: 100.0 * (arrived_rate / stamped.rate - 1.0),
        rate_error_allowed_percent: RATE_ERROR_PERCENT + chance,
        burst: largest_burst(stamps),
        burst_planned: stamped.burst_planned,
        steal_percent: stamped.steal_percent,
        gaps,
    })
}

fn tested(stamps: &[u64], rate: f64) -> Option<GapTests> {
    let gaps_s: Vec<f64> = stamps
        .windows(2)
        .map(|two| two[1].saturating_sub(two[0]).max(RESOLUTION_NS) as f64 / 1e9)
        .collect();
    let expected = gaps_at_rate(rate)?;
    let ks = kolmogorov_smirnov(&gaps_s, &expected)?;
    let ad = anderson_darling(&gaps_s, &expected)?;
    Some(GapTests { ks_d: ks.statistic, ks_p: ks.p_value, ad_a2: ad.statistic, ad_p: ad.p_value })
}

/// Most stamps within any millisecond.
fn largest_burst(stamps: &[u64]) -> u64 {
    let within = |from: usize| {
        let end = stamps[from].saturating_add(BURST_NS);
        stamps[from..].partition_point(|stamp| *stamp < end)
    };
    (0..stamps.len()).map(within).max().unwrap_or(0) as u64
}
