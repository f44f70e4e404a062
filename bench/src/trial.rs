//! One trial: what is asked of a generator and what it brings back. Serialisable, so that a
//! generator may live elsewhere. Knows no statistics and no verdicts.

use std::collections::BTreeMap;

use scenarios::load::LoadSpec;
use scenarios::variant::VariantName;
use serde::{Deserialize, Serialize};

use crate::histogram::{Histogram, rank_of};
use crate::quantile::Quantile;
use crate::summary::micros;

/// A failure: a request that a policy had to refuse was served.
pub const LET_THROUGH: &str = "let through";
/// A failure: a request that had to be served was answered 403.
pub const REFUSED: &str = "refused by policy";

/// What a count that most runs do not have is left out by.
pub(crate) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What a generator is asked to do.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialSpec {
    /// From 1.
    pub block: u32,
    /// Place within the block, from 1.
    pub position: u32,
    /// What is measured.
    pub variant: VariantName,
    /// What is offered.
    pub load: LoadSpec,
    /// For the arrival process: one for each block, so that its variants meet the same arrivals.
    pub seed: u64,
}

/// What became of the requests of the measured window.
/// `offered = completed + denied + failed + timed_out + shed`, always.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct OutcomeCounts {
    /// Requests that the schedule held.
    pub offered: u64,
    /// Answered in full, with an expected status, in time.
    pub completed: u64,
    /// Refused by a policy, 403, as they had to be.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub denied: u64,
    /// Refused, reset, cut short, or answered with an unexpected status.
    pub failed: u64,
    /// Not answered within the timeout of their intended send time.
    pub timed_out: u64,
    /// Not sent, since too many were in flight.
    pub shed: u64,
    /// Answers by HTTP status.
    pub by_status: BTreeMap<u16, u64>,
    /// Failures by kind, e.g. `reset`.
    pub by_failure: BTreeMap<String, u64>,
}

impl OutcomeCounts {
    /// Requests without an answer, which enter the quantiles as "at least their age".
    #[must_use]
    pub fn censored(&self) -> u64 {
        self.failed + self.timed_out + self.shed
    }

    /// Adds what another worker of the same trial counted.
    pub fn merge(&mut self, other: &Self) {
        self.offered += other.offered;
        self.completed += other.completed;
        self.denied += other.denied;
        self.failed += other.failed;
        self.timed_out += other.timed_out;
        self.shed += other.shed;
        for (status, count) in &other.by_status {
            *self.by_status.entry(*status).or_default() += count;
        }
        for (kind, count) in &other.by_failure {
            *self.by_failure.entry(kind.clone()).or_default() += count;
        }
    }

    /// The second law: nothing is lost.
    #[must_use]
    pub fn add_up(&self) -> bool {
        self.offered == self.answered() + self.failed + self.timed_out + self.shed
    }

    /// Requests that were answered as they had to be.
    #[must_use]
    pub fn answered(&self) -> u64 {
        self.completed + self.denied
    }
}

/// The histograms of one trial. For each request `response_time = send_lag + service_time`.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Latencies {
    /// Completed − intended, of completed requests.
    pub response_time: Histogram,
    /// Completed − sent, of completed requests.
    pub service_time: Histogram,
    /// Sent − intended, of all requests that were sent. Contains waiting for a free connection.
    pub send_lag: Histogram,
    /// The part of the send lag that is the generator's own: from the intended send time until the
    /// generator turned to the request, of all requests offered.
    pub pacing_lag: Histogram,
    /// Age of the requests that got no answer, when they were given up: their response time is at
    /// least this. A shed request's age is 0.
    pub censored: Histogram,
    /// Refused − intended, of the requests that a policy had to refuse and did.
    pub denied: Histogram,
}

/// A quantile of the response time over all offered requests, when some of them have no answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Bounded {
    /// Known.
    Exactly(u64),
    /// Requests without an answer could only have made it larger.
    AtLeast(u64),
}

impl Latencies {
    /// Adds what another worker of the same trial measured, without loss.
    pub fn merge(&mut self, other: &Self) {
        self.response_time.merge(&other.response_time);
        self.service_time.merge(&other.service_time);
        self.send_lag.merge(&other.send_lag);
        self.pacing_lag.merge(&other.pacing_lag);
        self.censored.merge(&other.censored);
        self.denied.merge(&other.denied);
    }

    /// A response-time quantile in nanoseconds over all offered requests. Requests without an
    /// answer count as "at least their age": the low end puts them at that age, the high end at
    /// infinity; where the two differ the quantile is a lower bound. `None` when nothing was
    /// offered.
    #[must_use]
    pub fn response_quantile(&self, quantile: Quantile) -> Option<Bounded> {
        let completed = self.response_time.count();
        let offered = completed + self.censored.count();
        if offered == 0 {
            return None;
        }
        let rank = rank_of(quantile.fraction(), offered);
        if self.censored.count() == 0 {
            return self.response_time.at_rank(rank).map(Bounded::Exactly);
        }
        let mut low = self.response_time.clone();
        low.merge(&self.censored);
        let low = low.at_rank(rank)?;
        match self.response_time.at_rank(rank) {
            Some(high) if high == low => Some(Bounded::Exactly(high)),
            _ => Some(Bounded::AtLeast(low)),
        }
    }
}

/// A tenth of the measured window, by intended send time; drift is looked for over these.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Slice {
    /// Completed requests in it.
    pub count: u64,
    /// Their median response time in microseconds; 0 when there are none.
    pub response_time_p50_us: f64,
}

impl Slice {
    /// Of the response times in it.
    #[must_use]
    pub fn of(response_time: &Histogram) -> Self {
        let median = response_time.at_quantile(Quantile::P50.fraction()).unwrap_or(0);
        Self { count: response_time.count(), response_time_p50_us: micros(median) }
    }
}

/// What the generator says of itself.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct GeneratorReport {
    /// Connections opened in the whole trial; more than asked when some broke.
    pub connections_opened: u64,
    /// Slowest set-up of a connection before the warm-up, in microseconds.
    pub connection_setup_max_us: f64,
    /// Requests of the warm-up, sent and left out.
    pub warm_up_requests: u64,
    /// Answers received in the warm-up.
    pub warm_up_answers: u64,
    /// Refusals among them, of requests that a policy had to refuse.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub warm_up_denied: u64,
    /// CPU time of the generator's thread during the trial, as a share of the trial.
    pub cpu_percent: f64,
    /// Time taken by the hypervisor from all cores during the trial, as a share of it.
    pub steal_percent: f64,
    /// Most requests in flight or waiting at once, in the whole trial.
    pub in_flight_max: u64,
    /// Bytes of answers in the measured window.
    pub bytes_received: u64,
    /// Whether the trial was stopped before its end.
    pub stopped_early: bool,
    /// From the first intended send time of the window to the last completion, in seconds.
    pub window_s: f64,
    /// Those that sent it, where it was sent by several; empty where one process did.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents: Vec<AgentReport>,
    /// Agents that did not bring back what was asked of them, each with the reason: the trial lacks
    /// their part.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agents_lost: Vec<String>,
}

impl GeneratorReport {
    /// Adds what another part of the same trial says of itself. What was counted is added up; of
    /// shares and spans the largest is kept, since the worst part is what a trial is judged by.
    /// `in_flight_max` becomes what it was at most, had all parts been there at the same moment.
    pub fn add(&mut self, other: &Self) {
        self.connections_opened += other.connections_opened;
        self.connection_setup_max_us =
            self.connection_setup_max_us.max(other.connection_setup_max_us);
        self.warm_up_requests += other.warm_up_requests;
        self.warm_up_answers += other.warm_up_answers;
        self.warm_up_denied += other.warm_up_denied;
        self.cpu_percent = self.cpu_percent.max(other.cpu_percent);
        self.steal_percent = self.steal_percent.max(other.steal_percent);
        self.in_flight_max += other.in_flight_max;
        self.bytes_received += other.bytes_received;
        self.stopped_early |= other.stopped_early;
        self.window_s = self.window_s.max(other.window_s);
    }
}

/// One of several that sent a trial together: what can not be added up with the others'. Times are
/// microseconds.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct AgentReport {
    /// As in the run's list of agents.
    pub name: String,
    /// Its clock − the coordinator's, before the trial.
    pub clock_offset_us: f64,
    /// The offset is within ± this: half of the shortest round trip.
    pub clock_uncertainty_us: f64,
    /// The offset after the trial − before; `null` where it was not measured again.
    pub clock_drift_us: Option<f64>,
    /// How long before the agreed instant it knew of it.
    pub start_lead_us: f64,
    /// How much later than due, on its own clock, it turned to its first request; `null` when it
    /// had none.
    pub start_late_us: Option<f64>,
    /// Requests of the window that were its part.
    pub requests: u64,
    /// Its own share of the send lag at p99; `null` when it had no request.
    pub pacing_lag_p99_us: Option<f64>,
    /// The same, at most.
    pub pacing_lag_max_us: Option<f64>,
    /// Its connections, repeats included.
    pub connections_opened: u64,
    /// CPU time of its busiest worker, as a share of the trial.
    pub cpu_percent: f64,
    /// Time that its machine's hypervisor took, as a share of the trial.
    pub steal_percent: f64,
    /// Most requests in flight or waiting at once.
    pub in_flight_max: u64,
}

/// What a generator brings back.
#[derive(Debug, Clone, PartialEq)]
pub struct TrialRecord {
    /// From 1.
    pub block: u32,
    /// Place within the block, from 1.
    pub position: u32,
    /// What was measured.
    pub variant: VariantName,
    /// What became of the requests.
    pub counts: OutcomeCounts,
    /// How long they took.
    pub latencies: Latencies,
    /// Tenths of the window.
    pub slices: Vec<Slice>,
    /// About the generator.
    pub generator: GeneratorReport,
}
