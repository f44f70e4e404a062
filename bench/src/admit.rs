//! When a trial, or a quantile of it, is not a measurement. What is rejected is kept, shown and left
//! out; it is never averaged in. Knows no variant's name and has no hopes.

use std::collections::BTreeMap;

use scenarios::load::Arrivals;
use scenarios::scenario::Gates;

use crate::disturbance::{Disturbance, disturbances};
use crate::quantile::Quantile;
use crate::seams::{HopWork, WorkSeen};
use crate::stats::order::median;
use crate::stats::trend::mann_kendall;
use crate::summary::micros;
use crate::trial::{LET_THROUGH, REFUSED, Slice, TrialRecord, TrialSpec};

/// Level of the test for drift, two-sided. With ten slices the exact distribution of Mann–Kendall's
/// S has 0.91 % at |S| ≥ 29 and 1.7 % at |S| ≥ 27, so at most 0.91 % of trials whose slices are
/// exchangeable are rejected for drift; fewer, since the change must also exceed `drift_percent`.
pub const DRIFT_LEVEL: f64 = 0.01;

/// The standard error of a Poisson count of n is √n; a count within four of them is not a missed
/// rate (one in 16 000 would be).
const POISSON_SLACK: f64 = 4.0;

/// The judgement of one trial.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Admission {
    /// What spoils the trial as a whole, whatever the machine did.
    pub rejections: Vec<Rejection>,
    /// What the machine did; each spoils the quantiles that it says.
    pub disturbances: Vec<Disturbance>,
    /// The quantiles that the trial has enough requests for.
    pub measured: Vec<Quantile>,
}

/// One reason why a trial is not a measurement: what was found, and what is allowed.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Rejection {
    /// The trial was ended before its end.
    #[error("stopped early: after {offered} requests")]
    StoppedEarly {
        /// Requests offered until then.
        offered: u64,
    },
    /// The load was not the one asked for.
    #[error(
        "rate missed: {found_per_s:.1} requests a second were offered ({completed} completed), \
         {asked_per_s:.1} ± {allowed_percent:.1} % were asked for"
    )]
    RateMissed {
        /// Offered a second, in the mildest reading.
        found_per_s: f64,
        /// The asked rate.
        asked_per_s: f64,
        /// See [`Gates::rate_error_percent`]; for Poisson arrivals four standard errors more.
        allowed_percent: f64,
        /// Requests completed.
        completed: u64,
    },
    /// Requests were not sent, since too many were in flight.
    #[error("shed: {count} requests at the in-flight limit of {limit}, none is allowed")]
    Shed {
        /// How many.
        count: u64,
        /// The limit.
        limit: u32,
    },
    /// Too many requests went without an answer or with an unexpected one.
    #[error(
        "errors: {share_percent:.2} % of the requests failed ({}), {allowed_percent:.2} % is allowed",
        listed(by_kind)
    )]
    Errors {
        /// Failed and timed out, as a share of those offered.
        share_percent: f64,
        /// See [`Gates::errors_percent`].
        allowed_percent: f64,
        /// How many of each kind.
        by_kind: BTreeMap<String, u64>,
    },
    /// The window was not steady.
    #[error(
        "drifting: the median went from {from_us:.0} µs to {to_us:.0} µs (trend p = {p_value:.4}), \
         {allowed_percent:.0} % is allowed"
    )]
    Drifting {
        /// Median over the first third of the slices.
        from_us: f64,
        /// Median over the last third.
        to_us: f64,
        /// Of the Mann–Kendall test.
        p_value: f64,
        /// See [`Gates::drift_percent`].
        allowed_percent: f64,
    },
    /// The origin did other work than the generator got answers for.
    #[error(
        "work mismatch: the origin answered {seen} requests, the generator's figures allow \
         {at_least} to {at_most}"
    )]
    WorkMismatch {
        /// Requests at the origin.
        seen: u64,
        /// Answers that only the origin can have given.
        at_least: u64,
        /// All requests that may have reached it.
        at_most: u64,
    },
    /// A proxy on the path did other work than the generator sent.
    #[error(
        "proxy's work mismatch: the {at} received {seen} requests, the generator's figures allow \
         {at_least} to {at_most}"
    )]
    HopMismatch {
        /// Which proxy.
        at: String,
        /// Requests that it received.
        seen: u64,
        /// Requests that were answered.
        at_least: u64,
        /// All requests that may have reached it.
        at_most: u64,
    },
    /// A proxy sent requests more than once, which is more work than was asked for.
    #[error("proxy's retries: the {at} sent {count} requests again, none is allowed")]
    SentAgain {
        /// Which proxy.
        at: String,
        /// How many.
        count: u64,
    },
    /// Policies did not do what they must, once or more.
    #[error(
        "not enforced: {let_through} served that a policy must refuse, {refused} refused that must be \
         served"
    )]
    NotEnforced {
        /// Served, and to be refused.
        let_through: u64,
        /// Refused, and to be served.
        refused: u64,
    },
    /// The proxy's rules refused other requests than the generator was told of.
    #[error(
        "denials mismatch: the proxy refused {seen} requests, the generator's figures allow \
         {at_least} to {at_most}"
    )]
    DenialsMismatch {
        /// Refusals at the proxy.
        seen: u64,
        /// Refusals that the generator was answered.
        at_least: u64,
        /// All requests that may have been refused.
        at_most: u64,
    },
    /// Requests were lost in the books: the second law, or a histogram that holds fewer or more
    /// than the counters.
    #[error("does not add up: {what} is {found}, and should be {expected}")]
    DoesNotAddUp {
        /// Which sum.
        what: &'static str,
        /// What it came to.
        found: u64,
        /// What it should be.
        expected: u64,
    },
    /// One of several that sent the trial did not bring back its part of it.
    #[error("agent lost: {problem}")]
    AgentLost {
        /// Which one, and what became of it.
        problem: String,
    },
    /// Nothing can be said from so few.
    #[error("too few: {completed} requests were completed, at least {needed} are needed")]
    TooFewSamples {
        /// Requests completed.
        completed: u64,
        /// For an interval of the median.
        needed: u64,
    },
}

fn listed(by_kind: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> =
        by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    kinds.join(", ")
}

impl Admission {
    /// Judges a trial by the gates, with the subject's own count of its work. All reasons are
    /// collected, none hides another.
    #[must_use]
    pub fn of(spec: &TrialSpec, record: &TrialRecord, work: &WorkSeen, gates: &Gates) -> Self {
        let mut admission = Self::without_work(spec, record, gates);
        admission.rejections.extend(work_mismatch(record, work));
        admission.rejections.extend(hops(record, work));
        admission.rejections.extend(denials_mismatch(record, work));
        admission
    }

    /// The same where nobody counts at the other end, as with `loadgen drive`.
    #[must_use]
    pub fn without_work(spec: &TrialSpec, record: &TrialRecord, gates: &Gates) -> Self {
        let mut rejections = agents_lost(record);
        rejections.extend(books(record));
        rejections.extend(stopped_early(record));
        rejections.extend(too_few(record));
        rejections.extend(rate_missed(spec, record, gates));
        rejections.extend(shed(spec, record));
        rejections.extend(not_enforced(record));
        rejections.extend(errors(record, gates));
        rejections.extend(drifting(&record.slices, gates));
        let latencies = &record.latencies;
        let requests = latencies.response_time.count() + latencies.censored.count();
        let enough = |quantile: &Quantile| requests >= quantile.samples_needed();
        Self {
            rejections,
            disturbances: disturbances(record, gates).to_vec(),
            measured: Quantile::ALL.into_iter().filter(enough).collect(),
        }
    }

    /// Whether anything of the trial is a measurement. A disturbance that reaches the median reaches
    /// every quantile, and leaves nothing.
    #[must_use]
    pub fn admitted(&self) -> bool {
        self.rejections.is_empty() && self.spoilt(Quantile::P50).is_none()
    }

    /// The measured quantiles that the machine spoilt, with the reasons, be the trial rejected for
    /// something else or not. Then another try may be a measurement of them, and choosing to try
    /// does not look at what was measured. Shed requests, errors and drift are the subject's, and
    /// would come again.
    #[must_use]
    pub fn spoiled(&self) -> BTreeMap<Quantile, String> {
        let spoilt = |quantile: &Quantile| Some((*quantile, self.spoilt(*quantile)?));
        self.measured.iter().filter_map(spoilt).collect()
    }

    /// Why nothing of the trial is a measurement, all reasons in one line, joined by `; `. `None`
    /// when something is.
    #[must_use]
    pub fn reason(&self) -> Option<String> {
        let reasons = self.rejections.iter().map(ToString::to_string);
        joined(reasons.chain(self.spoilt(Quantile::P50)))
    }

    /// What is left out and why, in one line: `not a measurement: …`, or `p99, p99.9 left out: …`
    /// with the reason of the lowest, since the machine did the same to all. `None` when all counts.
    #[must_use]
    pub fn verdict(&self) -> Option<String> {
        if let Some(reason) = self.reason() {
            return Some(format!("not a measurement: {reason}"));
        }
        let spoiled = self.spoiled();
        let why = spoiled.values().next()?;
        let labels: Vec<&str> = spoiled.keys().map(|quantile| quantile.label()).collect();
        Some(format!("{} left out: {why}", labels.join(", ")))
    }

    /// Why the machine leaves nothing of a quantile; `None` when it does.
    fn spoilt(&self, quantile: Quantile) -> Option<String> {
        let spoiling = self.disturbances.iter().filter(|what| what.spoils(quantile));
        joined(spoiling.map(|what| what.why(quantile)))
    }
}

fn joined(reasons: impl Iterator<Item = String>) -> Option<String> {
    let reasons: Vec<String> = reasons.collect();
    (!reasons.is_empty()).then(|| reasons.join("; "))
}

/// The kinds of reasons in a line of [`Admission::reason`] or [`Admission::spoiled`], e.g.
/// `generator late`: what stands before each colon.
pub fn kinds(reasons: &str) -> impl Iterator<Item = &str> {
    reasons.split("; ").map(|reason| reason.split(':').next().unwrap_or(reason))
}

/// The second law, and that the histograms hold what the counters say.
fn books(record: &TrialRecord) -> Vec<Rejection> {
    let counts = &record.counts;
    let outcomes = counts.answered() + counts.failed + counts.timed_out + counts.shed;
    let latencies = &record.latencies;
    [
        ("completed + denied + failed + timed out + shed", outcomes, counts.offered),
        ("the count of response times", latencies.response_time.count(), counts.completed),
        ("the count of denials' times", latencies.denied.count(), counts.denied),
        ("the count of service times", latencies.service_time.count(), counts.completed),
        ("the count of unanswered requests", latencies.censored.count(), counts.censored()),
        ("the count of pacing lags", latencies.pacing_lag.count(), counts.offered),
    ]
    .into_iter()
    .filter(|(_, found, expected)| found != expected)
    .map(|(what, found, expected)| Rejection::DoesNotAddUp { what, found, expected })
    .collect()
}

/// What is left is some of the requests, sent by some of the agents: another load than was asked.
fn agents_lost(record: &TrialRecord) -> Vec<Rejection> {
    let lost = record.generator.agents_lost.iter();
    lost.map(|problem| Rejection::AgentLost { problem: problem.clone() }).collect()
}

fn stopped_early(record: &TrialRecord) -> Option<Rejection> {
    let offered = record.counts.offered;
    record.generator.stopped_early.then_some(Rejection::StoppedEarly { offered })
}

fn too_few(record: &TrialRecord) -> Option<Rejection> {
    let (completed, needed) = (record.counts.completed, Quantile::P50.samples_needed());
    (completed < needed).then_some(Rejection::TooFewSamples { completed, needed })
}

/// Two readings, each of which the subject can not influence: how many requests the schedule held,
/// and over how long it was spread. The second is known as a range only: the last intended send
/// time lies between the last completion and that less the longest response time. A rate is missed
/// when the whole range is off.
fn rate_missed(spec: &TrialSpec, record: &TrialRecord, gates: &Gates) -> Option<Rejection> {
    let counts = &record.counts;
    let asked_per_s = spec.load.rate.per_second();
    let planned = spec.load.rate.requests_in(spec.load.duration) as f64;
    let slack = match spec.load.arrivals {
        Arrivals::Constant => 0.0,
        Arrivals::Poisson => POISSON_SLACK / planned.max(1.0).sqrt(),
    };
    let allowed = gates.rate_error_percent.fraction() + slack;
    let missed = |found_per_s: f64| Rejection::RateMissed {
        found_per_s,
        asked_per_s,
        allowed_percent: 100.0 * allowed,
        completed: counts.completed,
    };
    let offered = counts.offered as f64;
    // A request more or less is the rounding of the window, not a rate.
    if (offered - planned).abs() > (allowed * planned).max(1.0) {
        return Some(missed(offered / spec.load.duration.as_secs_f64()));
    }
    let latencies = &record.latencies;
    let longest_s = micros(latencies.response_time.max().max(latencies.denied.max())?) / 1e6;
    let window_s = record.generator.window_s;
    let gaps = (offered - 1.0).max(0.0);
    let slowest = gaps / window_s.max(f64::MIN_POSITIVE);
    let fastest = gaps / (window_s - longest_s).max(f64::MIN_POSITIVE);
    if fastest < asked_per_s * (1.0 - allowed) {
        return Some(missed(fastest));
    }
    // With unanswered requests the last completion may come long before the window's end, and the
    // span says nothing about too high a rate.
    let too_fast = counts.censored() == 0 && slowest > asked_per_s * (1.0 + allowed);
    too_fast.then(|| missed(slowest))
}

fn shed(spec: &TrialSpec, record: &TrialRecord) -> Option<Rejection> {
    let (count, limit) = (record.counts.shed, spec.load.max_in_flight);
    (count > 0).then_some(Rejection::Shed { count, limit })
}

/// One such answer is enough: what is measured is then not what the variant says.
fn not_enforced(record: &TrialRecord) -> Option<Rejection> {
    let count = |kind| record.counts.by_failure.get(kind).copied().unwrap_or_default();
    let (let_through, refused) = (count(LET_THROUGH), count(REFUSED));
    (let_through + refused > 0).then_some(Rejection::NotEnforced { let_through, refused })
}

fn errors(record: &TrialRecord, gates: &Gates) -> Option<Rejection> {
    let counts = &record.counts;
    let bad = counts.failed + counts.timed_out;
    let share_percent = 100.0 * bad as f64 / counts.offered.max(1) as f64;
    let allowed_percent = gates.errors_percent.percent();
    if share_percent <= allowed_percent {
        return None;
    }
    let mut by_kind = counts.by_failure.clone();
    if counts.timed_out > 0 {
        by_kind.insert("timed out".to_owned(), counts.timed_out);
    }
    Some(Rejection::Errors { share_percent, allowed_percent, by_kind })
}

/// A trend beyond chance and a change beyond what matters, both: with many requests the smallest
/// trend is significant, and with few a large change is chance. Slices without a completed request
/// have no median and are left out; fewer than six slices can not reach the level.
fn drifting(slices: &[Slice], gates: &Gates) -> Option<Rejection> {
    let medians: Vec<f64> = slices
        .iter()
        .filter(|slice| slice.count > 0)
        .map(|slice| slice.response_time_p50_us)
        .collect();
    let p_value = mann_kendall(&medians).p_value;
    if p_value > DRIFT_LEVEL {
        return None;
    }
    let third = medians.len() / 3;
    let from_us = median(&medians[..third])?;
    let to_us = median(&medians[medians.len() - third..])?;
    let allowed_percent = gates.drift_percent.percent();
    let drifted = (to_us - from_us).abs() > allowed_percent / 100.0 * from_us;
    drifted.then_some(Rejection::Drifting { from_us, to_us, p_value, allowed_percent })
}

/// Every completed request was answered by the origin. A request that failed or timed out may or
/// may not have reached it (a proxy's 503 did not, a reset after the origin's answer did), so these
/// widen the range; a shed one did not. More than that is a proxy that sends twice, fewer is an
/// answer from elsewhere.
fn work_mismatch(record: &TrialRecord, work: &WorkSeen) -> Option<Rejection> {
    let (counts, generator) = (&record.counts, &record.generator);
    let denied = generator.warm_up_denied;
    let at_least = generator.warm_up_answers.saturating_sub(denied) + counts.completed;
    let warm_up = generator.warm_up_requests.max(generator.warm_up_answers).saturating_sub(denied);
    let at_most = warm_up + counts.completed + counts.failed + counts.timed_out;
    let seen = work.requests_at_origin;
    (!(at_least..=at_most).contains(&seen)).then_some(Rejection::WorkMismatch {
        seen,
        at_least,
        at_most,
    })
}

/// The same at each proxy that counts. What one answers by itself reached it, too: so it is every
/// request that got an answer, whatever that was, and at most every one that was sent.
fn hops(record: &TrialRecord, work: &WorkSeen) -> Vec<Rejection> {
    let (counts, generator) = (&record.counts, &record.generator);
    let sent = counts.offered.saturating_sub(counts.shed);
    let unanswered = counts.failed + counts.timed_out;
    let at_least = generator.warm_up_answers + sent.saturating_sub(unanswered);
    let at_most = generator.warm_up_requests.max(generator.warm_up_answers) + sent;
    let mut found = Vec::new();
    for HopWork { at, requests, sent_again, .. } in &work.hops {
        let (at, seen, count) = (at.clone(), *requests, *sent_again);
        if !(at_least..=at_most).contains(&seen) {
            found.push(Rejection::HopMismatch { at: at.clone(), seen, at_least, at_most });
        }
        if count > 0 {
            found.push(Rejection::SentAgain { at, count });
        }
    }
    found
}

/// Where the proxy counts what its rules refuse, that is what the generator was told of. As above,
/// requests without an answer may or may not be among them.
fn denials_mismatch(record: &TrialRecord, work: &WorkSeen) -> Option<Rejection> {
    let (counts, generator) = (&record.counts, &record.generator);
    let seen = work.requests_denied?;
    let at_least = generator.warm_up_denied + counts.denied;
    let unanswered = generator.warm_up_requests.saturating_sub(generator.warm_up_answers);
    let at_most = at_least + unanswered + counts.failed + counts.timed_out;
    let fits = (at_least..=at_most).contains(&seen);
    (!fits).then_some(Rejection::DenialsMismatch { seen, at_least, at_most })
}
