//! The rules: each looks at what was measured and finds something or nothing. They agree with
//! `bench::admit`: what it rejects is never valid here. Knows no words.

use bench::histogram::{Histogram, LONGEST_NS};
use bench::quantile::Quantile;
use bench::summary::micros;
use bench::trial::Bounded;
use scenarios::scenario::Gates;
use scenarios::units::RatePerSecond;

use super::finding::Finding;
use crate::drive::measured::Measured;
use crate::drive::sample::{Level, Sample};
use crate::drive::words;

/// Four standard errors of a Poisson count, as in `bench::admit`.
const POISSON_SLACK: f64 = 4.0;

/// A lag of the generator's own below this is what machines do, whatever share it is of a fast
/// answer: sleeping and waking alone takes as long.
const NOTICEABLE_US: f64 = 50.0;

/// From this share of the response time on, the generator's own lag is visible in the figure. An
/// interval of a p99 from 10 000 requests is about as wide.
const NOTICEABLE_SHARE: f64 = 0.1;

/// Above this a core has nothing left for the moment in which two answers come at once.
const BUSY_PERCENT: f64 = 90.0;

/// Descriptors that a process needs besides its connections: standard streams, epoll instances,
/// timers, the files it writes.
const OTHER_FILES: u64 = 32;

/// A lag of the generator by more than this moves a request into another millisecond, which is the
/// span that bursts are counted over.
const BURST_SPAN_US: f64 = 1000.0;

/// Everything that is found, in no order of weight.
pub(super) fn all(measured: &Measured) -> Vec<Finding> {
    let gates = Gates::default();
    let mut found = books(measured);
    found.extend(too_few(measured));
    found.extend(generator_late(measured, &gates));
    found.extend(rate_missed(measured, &gates));
    found.extend(shed(measured, &gates));
    found.extend(errors(measured, &gates));
    found.extend(local_failures(measured, &gates));
    found.extend(connections(measured));
    found.extend(machine(measured, &gates));
    found.extend(bursts(measured));
    found.extend(stopped_early(measured));
    found.extend(clamped(measured));
    found.extend(resumption(measured));
    found.extend(notes(measured));
    found
}

/// A count that must be within a range.
struct Sum {
    what: String,
    found: u64,
    at_least: u64,
    at_most: u64,
}

impl Sum {
    fn exactly(what: impl Into<String>, found: u64, expected: u64) -> Self {
        Self { what: what.into(), found, at_least: expected, at_most: expected }
    }

    fn wrong(self) -> Option<Finding> {
        let Self { what, found, at_least, at_most } = self;
        if (at_least..=at_most).contains(&found) {
            return None;
        }
        let expected = if at_least == at_most {
            at_least.to_string()
        } else {
            format!("{at_least} to {at_most}")
        };
        Some(Finding::DoesNotAddUp { what, found, expected })
    }
}

/// The second law, for the whole and for each kind, and that the histograms hold what the counters
/// say.
fn books(measured: &Measured) -> Vec<Finding> {
    let (counts, latencies) = (&measured.counts, &measured.latencies);
    let outcomes = counts.completed + counts.failed + counts.timed_out + counts.shed;
    let sent = counts.completed + counts.failed + counts.timed_out;
    let mut sums = vec![
        Sum::exactly("completed + failed + timed out + shed", outcomes, counts.offered),
        Sum::exactly(
            "the count of response times",
            latencies.response_time.count(),
            counts.completed,
        ),
        Sum::exactly(
            "the count of service times",
            latencies.service_time.count(),
            counts.completed,
        ),
        Sum::exactly("the count of first bytes", measured.first_byte.count(), counts.completed),
        Sum::exactly(
            "the count of unanswered requests",
            latencies.censored.count(),
            counts.censored(),
        ),
        Sum {
            what: "the count of send lags".to_owned(),
            found: latencies.send_lag.count(),
            at_least: counts.completed,
            at_most: sent,
        },
        Sum {
            what: "the count of answers by status".to_owned(),
            found: counts.by_status.values().sum(),
            at_least: counts.completed,
            at_most: counts.completed + counts.failed,
        },
        Sum::exactly(
            "the count of failures by kind",
            counts.by_failure.values().sum(),
            counts.failed,
        ),
    ];
    if measured.asked.rate.is_some() {
        let lags = latencies.pacing_lag.count();
        sums.push(Sum::exactly("the count of the generator's own lags", lags, counts.offered));
    }
    let of_kinds = |count: fn(&bench::trial::OutcomeCounts) -> u64| {
        measured.kinds.iter().map(|kind| count(&kind.counts)).sum()
    };
    sums.push(Sum::exactly(
        "offered over all kinds",
        of_kinds(|kind| kind.offered),
        counts.offered,
    ));
    sums.push(Sum::exactly(
        "completed over all kinds",
        of_kinds(|kind| kind.completed),
        counts.completed,
    ));
    for kind in &measured.kinds {
        let outcomes = kind.counts.completed + kind.counts.censored();
        sums.push(Sum::exactly(
            format!("completed + failed + timed out + shed of {}", kind.name),
            outcomes,
            kind.counts.offered,
        ));
        sums.push(Sum::exactly(
            format!("the count of response times of {}", kind.name),
            kind.response_time.count(),
            kind.counts.completed,
        ));
    }
    sums.into_iter().filter_map(Sum::wrong).collect()
}

fn too_few(measured: &Measured) -> Option<Finding> {
    let (completed, needed) = (measured.counts.completed, Quantile::P50.samples_needed());
    (completed < needed).then_some(Finding::TooFewSamples { completed, needed })
}

/// The quantile in microseconds, or the longest where there are too few for it.
fn or_longest(histogram: &Histogram, level: Level) -> Option<f64> {
    let nanos = if histogram.count() >= level.samples_needed() {
        histogram.at_quantile(level.fraction())
    } else {
        histogram.max()
    };
    nanos.map(micros)
}

fn low_us(bounded: Bounded) -> f64 {
    match bounded {
        Bounded::Exactly(nanos) | Bounded::AtLeast(nanos) => micros(nanos),
    }
}

/// Judged by the pacing lag alone, as admission is: the send lag also holds the wait for a free
/// connection, which is the server's doing. Beyond what admission allows the drive is invalid;
/// below that it is suspect where the lag is a visible part of the median or the p99.
fn generator_late(measured: &Measured, gates: &Gates) -> Option<Finding> {
    measured.asked.rate?;
    let lag = &measured.latencies.pacing_lag;
    let p99_us = or_longest(lag, Level::P99)?;
    let responses = Sample::of_responses(&measured.latencies);
    let median_us = responses.quantile(Level::P50).map_or(0.0, low_us);
    let allowed_us = gates.late_us.max(gates.late_percent.fraction() * median_us);
    if p99_us > allowed_us {
        return Some(Finding::GeneratorLate { p99_us, allowed_us });
    }
    [Level::P50, Level::P99].into_iter().find_map(|level| {
        let lag_us = or_longest(lag, level)?;
        let response_us = low_us(responses.quantile(level)?);
        let share = lag_us / response_us.max(f64::MIN_POSITIVE);
        (lag_us > NOTICEABLE_US && share > NOTICEABLE_SHARE)
            .then_some(Finding::GeneratorNoticeable { level, lag_us, response_us, share })
    })
}

/// As `bench::admit` reads it: how many requests the schedule held, and, for arrivals that are
/// spread over the whole window, over how long they were spread.
fn rate_missed(measured: &Measured, gates: &Gates) -> Option<Finding> {
    let asked_per_s = measured.asked.rate?;
    if measured.stopped_early {
        return None;
    }
    let counts = &measured.counts;
    let planned = planned(asked_per_s, measured);
    let slack = match measured.asked.arrivals.as_str() {
        "poisson" => POISSON_SLACK / planned.max(1.0).sqrt(),
        _ => 0.0,
    };
    let allowed = gates.rate_error_percent.fraction() + slack;
    let missed = |found_per_s: f64| Finding::RateMissed {
        found_per_s,
        completed_per_s: measured.achieved_rate(),
        asked_per_s,
        allowed_percent: 100.0 * allowed,
    };
    let offered = counts.offered as f64;
    // A request more or less is the rounding of the window, not a rate.
    if (offered - planned).abs() > (allowed * planned).max(1.0) {
        return Some(missed(measured.offered_rate()));
    }
    if !matches!(measured.asked.arrivals.as_str(), "constant" | "poisson") {
        return None;
    }
    let longest_s = micros(measured.latencies.response_time.max()?) / 1e6;
    let gaps = (offered - 1.0).max(0.0);
    let slowest = gaps / measured.window_s.max(f64::MIN_POSITIVE);
    let fastest = gaps / (measured.window_s - longest_s).max(f64::MIN_POSITIVE);
    if fastest < asked_per_s * (1.0 - allowed) {
        return Some(missed(fastest));
    }
    // With unanswered requests the last completion may come long before the window's end.
    let too_fast = counts.censored() == 0 && slowest > asked_per_s * (1.0 + allowed);
    too_fast.then(|| missed(slowest))
}

/// Requests that a schedule of that average rate holds.
fn planned(asked_per_s: f64, measured: &Measured) -> f64 {
    let window = measured.asked.duration;
    RatePerSecond::new(asked_per_s).map_or_else(
        |_| (asked_per_s * window.as_secs_f64()).floor(),
        |rate| rate.requests_in(window) as f64,
    )
}

fn shed(measured: &Measured, gates: &Gates) -> Option<Finding> {
    let count = measured.counts.shed;
    let share = words::part(count, measured.counts.offered);
    (count > 0).then_some(Finding::Shed {
        count,
        limit: measured.asked.max_in_flight,
        share,
        missed_rate: share > gates.rate_error_percent.fraction(),
    })
}

fn errors(measured: &Measured, gates: &Gates) -> Option<Finding> {
    let counts = &measured.counts;
    let share = words::part(counts.failed + counts.timed_out, counts.offered);
    if share <= gates.errors_percent.fraction() {
        return None;
    }
    let mut by_kind = counts.by_failure.clone();
    if counts.timed_out > 0 {
        by_kind.insert("timed out".to_owned(), counts.timed_out);
    }
    let median = Sample::of_responses(&measured.latencies).quantile(Level::P50);
    Some(Finding::Errors {
        share,
        allowed_percent: gates.errors_percent.percent(),
        by_kind,
        hides_median: matches!(median, Some(Bounded::AtLeast(_))),
    })
}

fn local_failures(measured: &Measured, gates: &Gates) -> Option<Finding> {
    let by_cause = measured.client.local_failures.clone();
    let total: u64 = by_cause.values().sum();
    let many = words::part(total, measured.counts.offered) > gates.errors_percent.fraction();
    (total > 0).then_some(Finding::LocalFailures { by_cause, many })
}

fn connections(measured: &Measured) -> Vec<Finding> {
    let (asked, opened) = (measured.asked.connections, measured.connections.opened);
    let limit = measured.client.open_files_limit;
    let mut found = Vec::new();
    if u64::from(asked) + OTHER_FILES > limit {
        found.push(Finding::FileLimit { connections: asked, limit });
    }
    if measured.asked.keep_alive && opened < u64::from(asked) {
        found.push(Finding::TooFewConnections { opened, asked });
    }
    if measured.asked.keep_alive && opened > u64::from(asked) {
        found.push(Finding::Reopened { opened, asked });
    }
    found
}

/// What the machine did to the generator. The CPU time of a worker that spins says nothing of how
/// busy it is; when such a worker can not keep up it is late, and that is another rule.
fn machine(measured: &Measured, gates: &Gates) -> Vec<Finding> {
    let client = &measured.client;
    let closed_loop = measured.asked.rate.is_none();
    let mut found = Vec::new();
    let percent = client.busiest_worker_percent;
    if percent > BUSY_PERCENT && (closed_loop || !measured.asked.spins) {
        found.push(Finding::BusyWorker { percent, closed_loop });
    }
    let allowed = gates.steal_percent.percent();
    if client.steal_percent > allowed {
        found.push(Finding::Steal { percent: client.steal_percent, allowed });
    }
    if client.shares_core {
        found.push(Finding::SharedCore { cores: client.cores });
    }
    if client.unoptimised_build {
        found.push(Finding::UnoptimisedBuild);
    }
    found
}

/// Twice the schedule's own burst, and two more, since a send that slips over the edge of a
/// millisecond makes one more of one. A burst has two causes: requests that waited for a connection
/// go out as connections become free, which is the server's doing; or the generator was held up and
/// catches up. Only the second, and only when it is not rare, is against the drive.
fn bursts(measured: &Measured) -> Option<Finding> {
    measured.asked.rate?;
    let (most, planned) = (measured.client.burst_max, measured.client.burst_planned);
    if most <= planned.saturating_mul(2).saturating_add(2) {
        return None;
    }
    let lag = &measured.latencies.pacing_lag;
    let own_lag_max_us = lag.max().map_or(0.0, micros);
    let often = or_longest(lag, Level::P999).is_some_and(|lag_us| lag_us >= BURST_SPAN_US);
    Some(Finding::Bursts { most, planned, own_lag_max_us, often })
}

fn stopped_early(measured: &Measured) -> Option<Finding> {
    measured.stopped_early.then(|| Finding::StoppedEarly {
        offered: measured.counts.offered,
        after_s: measured.duration_s(),
    })
}

fn clamped(measured: &Measured) -> Vec<Finding> {
    let latencies = &measured.latencies;
    [
        ("response time", &latencies.response_time),
        ("service time", &latencies.service_time),
        ("send lag", &latencies.send_lag),
        ("connection set-up", &measured.connections.connect),
        ("TLS handshake", &measured.connections.tls_full),
        ("resumed TLS handshake", &measured.connections.tls_resumed),
    ]
    .into_iter()
    .filter_map(|(what, histogram)| {
        let below = *histogram.bucket_of(LONGEST_NS).start() - 1;
        let count = histogram.count() - histogram.count_up_to(below);
        (count > 0).then_some(Finding::Clamped { what, count })
    })
    .collect()
}

/// Whether handshakes were what the connection mode says. The first handshake of each connection
/// slot is full in any mode.
fn resumption(measured: &Measured) -> Option<Finding> {
    measured.tls.as_ref()?;
    let full = measured.connections.tls_full.count();
    let resumed = measured.connections.tls_resumed.count();
    let asked = measured.asked.resumption;
    if !asked && resumed > 0 {
        return Some(Finding::Resumed { resumed });
    }
    let needless = full.saturating_sub(u64::from(measured.asked.connections));
    (asked && !measured.asked.keep_alive && needless > resumed)
        .then_some(Finding::NotResumed { full, resumed })
}

fn notes(measured: &Measured) -> Vec<Finding> {
    let responses = Sample::of_responses(&measured.latencies);
    let mut found = Vec::new();
    if measured.asked.rate.is_none() {
        found.push(Finding::ClosedLoop);
    }
    let count = responses.count();
    let is_bound = |level: &Level| matches!(responses.quantile(*level), Some(Bounded::AtLeast(_)));
    let levels: Vec<Level> = Level::REPORTED.into_iter().filter(is_bound).collect();
    if !levels.is_empty() {
        found.push(Finding::Bounds { levels, unanswered: responses.unanswered(), count });
    }
    let too_few = |level: &Level| count < level.samples_needed();
    let levels: Vec<Level> = Level::REPORTED.into_iter().filter(too_few).collect();
    if let Some(first) = levels.first() {
        found.push(Finding::TooFewFor { needed: first.samples_needed(), levels, count });
    }
    if measured.asked.rate.is_some() {
        found.extend(queued(measured));
    }
    found
}

fn queued(measured: &Measured) -> Option<Finding> {
    let median = |histogram: &Histogram| Sample::of(histogram).quantile(Level::P50).map(low_us);
    let send_lag_us = median(&measured.latencies.send_lag)?;
    let service_us = median(&measured.latencies.service_time)?;
    let own_us = median(&measured.latencies.pacing_lag)?;
    (send_lag_us - own_us > service_us).then_some(Finding::Queued { send_lag_us, service_us })
}
