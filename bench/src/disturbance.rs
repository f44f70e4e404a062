//! What a busy machine does to a trial, quantile by quantile: a late generator and stolen time.
//! They blur what is rare long before they touch what is common, so a trial may have a good median
//! and no p99. Looks at the generator and the machine only, never at what the subject did with it.

use scenarios::scenario::Gates;

use crate::quantile::Quantile;
use crate::summary::micros;
use crate::trial::{Bounded, TrialRecord};

/// Requests that a late generator touches, for each one that it sends late. While it is away,
/// answers come as well as requests fall due, and on average as many; these it reads late, and
/// their lateness stands in the service time where no lag shows it.
const TOUCHED_PER_LATE: f64 = 2.0;

/// The share of the requests beyond a quantile that a late generator may have touched. With a half,
/// at least the other half are the subject's own.
const TOUCHED_BEYOND: f64 = 0.5;

/// No quantile is taken from a trial in which more than one request in twenty was sent late,
/// however little its rank could have moved: such a generator did not offer the asked load.
const MOST_LATE_PERCENT: f64 = 5.0;

/// Something that the machine did in a trial, and how much of it.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Disturbance {
    /// The generator sent late, so that its lateness would be taken for the subject's.
    GeneratorLate {
        /// Requests sent later than allowed, in percent of those offered.
        percent: f64,
        /// How late a request may be; see [`Gates::late_us`].
        allowed_us: f64,
    },
    /// The hypervisor gave the cores to others.
    Steal {
        /// In percent of all cores' time in the trial.
        percent: f64,
        /// See [`Gates::steal_percent`].
        gate_percent: f64,
    },
}

/// Everything that the machine did in a trial, be it much or little.
#[must_use]
pub fn disturbances(record: &TrialRecord, gates: &Gates) -> [Disturbance; 2] {
    [generator_late(record, gates), steal(record, gates)]
}

/// Judged by the pacing lag alone. The send lag also holds the wait for a free connection, which is
/// the subject's doing and part of what is measured: it must never reject a trial.
fn generator_late(record: &TrialRecord, gates: &Gates) -> Disturbance {
    let median_us = match record.latencies.response_quantile(Quantile::P50) {
        Some(Bounded::Exactly(nanos) | Bounded::AtLeast(nanos)) => micros(nanos),
        None => 0.0,
    };
    let allowed_us = gates.late_us.max(gates.late_percent.fraction() * median_us);
    let lag = &record.latencies.pacing_lag;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a time, above 0")]
    let late = lag.count_above((allowed_us * 1000.0) as u64);
    let percent = 100.0 * late as f64 / lag.count().max(1) as f64;
    Disturbance::GeneratorLate { percent, allowed_us }
}

fn steal(record: &TrialRecord, gates: &Gates) -> Disturbance {
    Disturbance::Steal {
        percent: record.generator.steal_percent,
        gate_percent: gates.steal_percent.percent(),
    }
}

impl Disturbance {
    /// How much of it the quantile bears, in the unit of `percent`. Never less for a lower quantile.
    ///
    /// **Late.** When k of n requests are touched, whatever became of them, the value of rank r lies
    /// between those of the ranks r − k and r + k of an untouched trial: only k values moved across
    /// it. The share touched is twice the share late, and may be half of what lies beyond q, so the
    /// reading lies between the quantiles q ± (1 − q)/2.
    ///
    /// **Stolen.** The counter can not say which requests were hit, but time that was stolen as
    /// requests came met that share of them. It is the place's doing and not the instrument's: a
    /// user of this machine meets it too, and so does every variant. It spoils a quantile when
    /// it could be everything that lies beyond it, for then the figure is the hypervisor's.
    #[must_use]
    pub fn allowed_percent(&self, quantile: Quantile) -> f64 {
        let beyond = quantile.beyond_percent();
        match self {
            Self::GeneratorLate { .. } => {
                (TOUCHED_BEYOND * beyond / TOUCHED_PER_LATE).min(MOST_LATE_PERCENT)
            }
            Self::Steal { gate_percent, .. } => beyond.min(*gate_percent),
        }
    }

    /// Whether the trial's quantile is no measurement for it.
    #[must_use]
    pub fn spoils(&self, quantile: Quantile) -> bool {
        let (Self::GeneratorLate { percent, .. } | Self::Steal { percent, .. }) = self;
        *percent > self.allowed_percent(quantile)
    }

    /// What was found, and what the quantile bears.
    #[must_use]
    pub fn why(&self, quantile: Quantile) -> String {
        let allowed = self.allowed_percent(quantile);
        match self {
            Self::GeneratorLate { percent, allowed_us } => format!(
                "generator late: {percent:.2} % of the requests by more than {allowed_us:.0} µs, \
                 {allowed} % is allowed"
            ),
            Self::Steal { percent, .. } => {
                format!("time stolen: {percent:.2} % by the hypervisor, {allowed} % is allowed")
            }
        }
    }
}
