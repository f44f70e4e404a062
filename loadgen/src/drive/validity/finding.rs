//! What can be found about a drive, each with its figures, its weight, its sentence and what to do
//! about it. Finds nothing itself.

use std::collections::BTreeMap;

use bench::report::figures;

use crate::drive::sample::Level;
use crate::drive::words;

/// What a finding does to the verdict.
#[derive(
    Debug,
    Clone,
    Copy,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    schemars::JsonSchema,
)]
#[serde(rename_all = "lowercase")]
pub enum Weight {
    /// Nothing; the reader should know it.
    Note,
    /// The figures do not stand for all that was asked.
    Suspect,
    /// The figures are not to be used.
    Invalid,
}

/// One thing that was found about a drive.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
pub enum Finding {
    /// Requests were lost in the books.
    #[error("does not add up: {what} is {found}, and should be {expected}")]
    DoesNotAddUp {
        /// Which sum.
        what: String,
        /// What it came to.
        found: u64,
        /// What it should be, or from what to what.
        expected: String,
    },
    /// Nothing can be said from so few.
    #[error("{completed} requests were completed, at least {needed} are needed")]
    TooFewSamples {
        /// Requests completed.
        completed: u64,
        /// For an interval of the median.
        needed: u64,
    },
    /// The generator itself was late, so that its lateness would be taken for the server's.
    #[error(
        "generator late: p99 of its own lag was {}, {} is allowed",
        us(*p99_us),
        us(*allowed_us)
    )]
    GeneratorLate {
        /// The 99 % quantile of the pacing lag, or the longest below 368 samples.
        p99_us: f64,
        /// See `scenarios::scenario::Gates::late_us`.
        allowed_us: f64,
    },
    /// The generator's lateness is a part of the figures that can be seen.
    #[error(
        "the generator's own lag at {level} was {}, {} of the response time's {}",
        us(*lag_us),
        words::share(*share),
        us(*response_us)
    )]
    GeneratorNoticeable {
        /// At which quantile.
        level: Level,
        /// The pacing lag's.
        lag_us: f64,
        /// The response time's.
        response_us: f64,
        /// The one over the other, 0 to 1 and more.
        share: f64,
    },
    /// The load was not the one asked for.
    #[error(
        "rate missed: {} were offered ({} completed), {} ± {} were asked for",
        figures::rate(*found_per_s),
        figures::rate(*completed_per_s),
        figures::rate(*asked_per_s),
        figures::percent(*allowed_percent)
    )]
    RateMissed {
        /// Offered a second, in the mildest reading.
        found_per_s: f64,
        /// Completed a second.
        completed_per_s: f64,
        /// The asked rate.
        asked_per_s: f64,
        /// See `scenarios::scenario::Gates::rate_error_percent`; more for Poisson arrivals.
        allowed_percent: f64,
    },
    /// Requests were not sent, since too many were in flight.
    #[error("{count} requests ({}) were shed at the in-flight limit of {limit}", words::share(*share))]
    Shed {
        /// How many.
        count: u64,
        /// The limit.
        limit: u32,
        /// Of those offered, 0 to 1.
        share: f64,
        /// Whether the rate that was sent is off by more than a rate may be.
        missed_rate: bool,
    },
    /// Requests went without an answer or with an unexpected one.
    #[error("{} of the requests failed ({}), {} is allowed", words::share(*share), listed(by_kind), figures::percent(*allowed_percent))]
    Errors {
        /// Failed and timed out, of those offered, 0 to 1.
        share: f64,
        /// See `scenarios::scenario::Gates::errors_percent`.
        allowed_percent: f64,
        /// How many of each kind.
        by_kind: BTreeMap<String, u64>,
        /// Whether not even the median is known.
        hides_median: bool,
    },
    /// Requests failed on this machine, before they could reach the server.
    #[error("{} requests failed on this machine ({})", total(by_cause), listed(by_cause))]
    LocalFailures {
        /// How many of each cause.
        by_cause: BTreeMap<String, u64>,
        /// Whether there were more than errors may be.
        many: bool,
    },
    /// Descriptors may run out.
    #[error("{connections} connections leave too few of the {limit} files that may be open")]
    FileLimit {
        /// Connections asked for.
        connections: u32,
        /// The soft limit.
        limit: u64,
    },
    /// Fewer connections than asked.
    #[error("{opened} connections were opened, {asked} were asked for")]
    TooFewConnections {
        /// How many.
        opened: u64,
        /// How many were asked for.
        asked: u32,
    },
    /// A worker had hardly any time to spare.
    #[error("a worker used {} of its core: the generator may be the limit", figures::percent(*percent))]
    BusyWorker {
        /// The busiest worker's CPU time, in percent of a core.
        percent: f64,
        /// Whether the drive was a closed loop.
        closed_loop: bool,
    },
    /// The hypervisor gave the cores to others.
    #[error("{} of the time was stolen by the hypervisor, {} is allowed", figures::percent(*percent), figures::percent(*allowed))]
    Steal {
        /// As a share of the drive.
        percent: f64,
        /// See `scenarios::scenario::Gates::steal_percent`.
        allowed: f64,
    },
    /// The generator and something else that matters wanted the same core.
    #[error("a worker shared its core ({cores} in all), with another worker or with the server")]
    SharedCore {
        /// Cores that the process may use.
        cores: u32,
    },
    /// Sends came closer together than the schedule has them.
    #[error(
        "{most} requests were sent within a millisecond, the schedule has at most {planned}; the \
         generator's own lag was {} at most",
        us(*own_lag_max_us)
    )]
    Bursts {
        /// Most sends within any millisecond.
        most: u64,
        /// Most intended send times within any.
        planned: u64,
        /// The longest pacing lag.
        own_lag_max_us: f64,
        /// Whether more than one in a thousand requests was sent late by a millisecond and more,
        /// by the generator's own doing.
        often: bool,
    },
    /// The drive was ended before its end.
    #[error("stopped early, after {offered} requests in {}", figures::seconds(*after_s))]
    StoppedEarly {
        /// Requests offered until then.
        offered: u64,
        /// Seconds of the window.
        after_s: f64,
    },
    /// A span was longer than histograms keep.
    #[error("{count} times a {what} was 10 minutes or more, and is kept as 10 minutes")]
    Clamped {
        /// Of which figure.
        what: &'static str,
        /// How many.
        count: u64,
    },
    /// The build is slow.
    #[error("this loadgen was built without optimisation")]
    UnoptimisedBuild,
    /// Handshakes were resumed where full ones were to be measured.
    #[error("{resumed} TLS handshakes were resumed, and every one was to be full")]
    Resumed {
        /// How many.
        resumed: u64,
    },
    /// Handshakes were full where resumption was to be measured.
    #[error("{full} TLS handshakes were full and {resumed} resumed, and resumption was asked for")]
    NotResumed {
        /// Full ones.
        full: u64,
        /// Resumed ones.
        resumed: u64,
    },
    /// Answers set the pace of the requests.
    #[error(
        "a closed loop: each request waits for an answer, so a slow server is asked less and its \
         latency looks better than users find it"
    )]
    ClosedLoop,
    /// Quantiles are known only from below.
    #[error("{} could be longer: {unanswered} of {count} requests have no answer", joined(levels))]
    Bounds {
        /// Which.
        levels: Vec<Level>,
        /// Requests without an answer.
        unanswered: u64,
        /// Requests offered.
        count: u64,
    },
    /// Quantiles can not be told from so few requests.
    #[error(
        "{} can not be told from {count} requests; {} needs {needed}",
        joined(levels),
        first(levels)
    )]
    TooFewFor {
        /// Which.
        levels: Vec<Level>,
        /// Requests offered.
        count: u64,
        /// For the first of them.
        needed: u64,
    },
    /// Requests waited for a connection for longer than they then took.
    #[error(
        "half of the requests waited {} and more before they were sent, longer than the {} that \
         they then took",
        us(*send_lag_us),
        us(*service_us)
    )]
    Queued {
        /// The median send lag.
        send_lag_us: f64,
        /// The median service time.
        service_us: f64,
    },
    /// Connections that were to be kept had to be opened again.
    #[error("{opened} connections were opened for the {asked} that were to be kept")]
    Reopened {
        /// How many.
        opened: u64,
        /// How many were asked for.
        asked: u32,
    },
}

impl Finding {
    /// What it does to the verdict.
    #[must_use]
    pub fn weight(&self) -> Weight {
        match self {
            Self::DoesNotAddUp { .. }
            | Self::TooFewSamples { .. }
            | Self::GeneratorLate { .. }
            | Self::RateMissed { .. }
            | Self::Shed { missed_rate: true, .. }
            | Self::Errors { hides_median: true, .. }
            | Self::LocalFailures { many: true, .. } => Weight::Invalid,
            Self::GeneratorNoticeable { .. }
            | Self::Shed { .. }
            | Self::Errors { .. }
            | Self::LocalFailures { .. }
            | Self::FileLimit { .. }
            | Self::TooFewConnections { .. }
            | Self::BusyWorker { .. }
            | Self::Steal { .. }
            | Self::SharedCore { .. }
            | Self::Bursts { often: true, .. }
            | Self::StoppedEarly { .. }
            | Self::Clamped { .. }
            | Self::UnoptimisedBuild
            | Self::Resumed { .. }
            | Self::NotResumed { .. } => Weight::Suspect,
            Self::Bursts { .. }
            | Self::ClosedLoop
            | Self::Bounds { .. }
            | Self::TooFewFor { .. }
            | Self::Queued { .. }
            | Self::Reopened { .. } => Weight::Note,
        }
    }

    /// Its name in documents, e.g. `generator-late`.
    #[must_use]
    pub fn key(&self) -> &'static str {
        match self {
            Self::DoesNotAddUp { .. } => "does-not-add-up",
            Self::TooFewSamples { .. } => "too-few-samples",
            Self::GeneratorLate { .. } => "generator-late",
            Self::GeneratorNoticeable { .. } => "generator-noticeable",
            Self::RateMissed { .. } => "rate-missed",
            Self::Shed { .. } => "shed",
            Self::Errors { .. } => "errors",
            Self::LocalFailures { .. } => "local-failures",
            Self::FileLimit { .. } => "file-limit",
            Self::TooFewConnections { .. } => "too-few-connections",
            Self::BusyWorker { .. } => "busy-worker",
            Self::Steal { .. } => "steal",
            Self::SharedCore { .. } => "shared-core",
            Self::Bursts { .. } => "bursts",
            Self::StoppedEarly { .. } => "stopped-early",
            Self::Clamped { .. } => "clamped",
            Self::UnoptimisedBuild => "unoptimised-build",
            Self::Resumed { .. } => "resumed",
            Self::NotResumed { .. } => "not-resumed",
            Self::ClosedLoop => "closed-loop",
            Self::Bounds { .. } => "bounds",
            Self::TooFewFor { .. } => "too-few-for",
            Self::Queued { .. } => "queued",
            Self::Reopened { .. } => "reopened",
        }
    }

    /// What to do about it.
    #[must_use]
    pub fn hint(&self) -> &'static str {
        match self {
            Self::DoesNotAddUp { .. } => {
                "this is a bug in loadgen: report it with the document of --output json"
            }
            Self::TooFewSamples { .. } => {
                "drive for longer or at a higher --rate, and see the errors for requests that failed"
            }
            Self::GeneratorLate { .. } | Self::GeneratorNoticeable { .. } => {
                "leave it a core of its own, end what else runs here, or lower --rate"
            }
            Self::RateMissed { .. } => "lower --rate until it is kept, and see the errors",
            Self::Shed { .. } => {
                "the server is slower than it is asked: lower --rate, or raise --max-in-flight to queue longer"
            }
            Self::Errors { .. } => {
                "see the errors by kind; give --expect where another status is the right answer"
            }
            Self::LocalFailures { .. } => {
                "raise the limit (`ulimit -n`), use fewer connections, or keep them alive so that ports are not used up"
            }
            Self::FileLimit { .. } => "raise the limit (`ulimit -n`) or use fewer --connections",
            Self::TooFewConnections { .. } => {
                "see whether the server or a proxy limits connections, or use fewer --connections"
            }
            Self::BusyWorker { closed_loop: true, .. } => {
                "this is what the generator can ask, not what the server can answer: give it more --workers"
            }
            Self::BusyWorker { .. } => "give it more --workers, or lower --rate",
            Self::Steal { .. } => {
                "the machine is shared with others: drive again, or from a machine of your own"
            }
            Self::SharedCore { .. } => {
                "use fewer --workers than cores, or drive from another machine"
            }
            Self::Bursts { often: true, .. } => {
                "the generator was held up and caught up: leave it a core of its own"
            }
            Self::Bursts { .. } => {
                "requests that had waited for a connection, or for the generator, went out together"
            }
            Self::StoppedEarly { .. } => {
                "let it run to its end for the figures that were asked for"
            }
            Self::Clamped { .. } => {
                "read the longest and the mean as lower bounds, or give a shorter --timeout"
            }
            Self::UnoptimisedBuild => "build with --release",
            Self::Resumed { .. } => "this is a bug in loadgen: report it with the command line",
            Self::NotResumed { .. } => {
                "the server gives no session tickets or does not take them back"
            }
            Self::ClosedLoop => "give --rate to measure latency under a load that does not wait",
            Self::Bounds { .. } => {
                "see the errors for why; a longer --timeout tells more of slow answers"
            }
            Self::TooFewFor { .. } => "drive for longer or at a higher --rate",
            Self::Queued { .. } => {
                "that wait is part of the response time, as it is for a client with so few connections; give more --connections to measure the server without it"
            }
            Self::Reopened { .. } => {
                "the server or a proxy closes connections; the set-up of new ones is part of some response times"
            }
        }
    }
}

fn us(us: f64) -> String {
    figures::micros(us)
}

fn listed(by_kind: &BTreeMap<String, u64>) -> String {
    let kinds: Vec<String> =
        by_kind.iter().map(|(kind, count)| format!("{kind} {count}")).collect();
    kinds.join(", ")
}

fn total(by_cause: &BTreeMap<String, u64>) -> u64 {
    by_cause.values().sum()
}

fn joined(levels: &[Level]) -> String {
    let names: Vec<String> = levels.iter().map(ToString::to_string).collect();
    match names.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} and {last}", others.join(", ")),
        None => String::new(),
    }
}

fn first(levels: &[Level]) -> String {
    levels.first().map(ToString::to_string).unwrap_or_default()
}
