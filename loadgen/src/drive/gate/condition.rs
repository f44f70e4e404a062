//! A condition on a drive's figures, and whether it is true. A figure that is known only from below
//! decides what its bound decides, and nothing else. Knows no syntax.

use std::fmt;

use bench::report::figures;
use bench::summary::micros;
use bench::trial::{Bounded, OutcomeCounts};

use crate::drive::measured::{KindFigures, Measured};
use crate::drive::sample::{Level, Sample};
use crate::drive::words;

/// A figure, a relation and a limit.
#[derive(Debug, Clone, PartialEq)]
pub struct Condition {
    /// What is looked at.
    pub metric: Metric,
    /// How it is compared.
    pub relation: Relation,
    /// With what; of the metric's own unit.
    pub limit: Limit,
}

/// What is looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Metric {
    /// A span of time.
    Time {
        /// Of what.
        source: Source,
        /// Which figure of it.
        figure: Figure,
    },
    /// Requests that came to no good.
    Count {
        /// Of one kind of request; `None` for all.
        kind: Option<String>,
        /// Which.
        count: Count,
    },
    /// Completed requests a second.
    AchievedRate,
}

/// What takes time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Source {
    /// Response time of all requests.
    Response,
    /// Service time.
    Service,
    /// Send lag.
    SendLag,
    /// Time to the first byte of the answer.
    FirstByte,
    /// Set-up of connections.
    Connect,
    /// Full TLS handshakes.
    TlsHandshake,
    /// Response time of one kind of request.
    Kind(String),
}

/// Which figure of the times.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Figure {
    /// A quantile.
    Quantile(Level),
    /// The longest.
    Max,
    /// The mean.
    Mean,
}

/// Which requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Failed or timed out.
    Errors,
    /// Timed out.
    TimedOut,
    /// Shed.
    Shed,
}

/// How figure and limit are compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Relation {
    /// `>`
    Above,
    /// `>=`
    AtLeast,
    /// `<`
    Below,
    /// `<=`
    AtMost,
}

/// What a figure is compared with.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Limit {
    /// Nanoseconds.
    Time(u64),
    /// Requests.
    Count(f64),
    /// Percent of the requests offered.
    Percent(f64),
    /// A second.
    Rate(f64),
}

/// Whether a condition is true.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Truth {
    /// It is.
    True,
    /// It is not.
    False,
    /// What was measured does not tell.
    Unknown,
}

/// What a figure may be: any value from `low` to `high`.
struct Range {
    low: f64,
    high: f64,
}

impl Condition {
    /// Whether it is true of a drive, and what was found, in words.
    #[must_use]
    pub fn truth(&self, measured: &Measured) -> (Truth, String) {
        match self.read(measured) {
            Ok((range, found)) => {
                let truth = self.relation.holds(&range, self.limit.number());
                let open =
                    if truth == Truth::Unknown { ", which can not be told apart" } else { "" };
                (truth, format!("{found}{open}"))
            }
            Err(why) => (Truth::Unknown, why),
        }
    }

    /// The kind of request that it is about; `None` for all requests.
    #[must_use]
    pub fn kind(&self) -> Option<&str> {
        match &self.metric {
            Metric::Time { source: Source::Kind(kind), .. } => Some(kind),
            Metric::Count { kind, .. } => kind.as_deref(),
            _ => None,
        }
    }

    /// Whether its kind of request is one of these; the message names the nearest.
    pub fn check_kind(&self, known: &[&str]) -> Result<(), String> {
        let Some(kind) = self.kind().filter(|kind| !known.contains(kind)) else { return Ok(()) };
        let advice = match scenarios::nearest(kind, known.iter().copied()) {
            Some(nearest) => format!("did you mean `{nearest}`?"),
            None if known.is_empty() => "requests of this drive have no kinds".to_owned(),
            None => format!("the kinds are {}", scenarios::listed(known.iter().copied())),
        };
        Err(format!("`{self}`: no kind of request is named `{kind}`; {advice}"))
    }

    fn read(&self, measured: &Measured) -> Result<(Range, String), String> {
        match &self.metric {
            Metric::Time { source, figure } => figure.read(&source.sample(measured)?),
            Metric::Count { kind, count } => {
                let counts = match kind {
                    None => &measured.counts,
                    Some(name) => &kind_named(measured, name)?.counts,
                };
                Ok(self.read_count(count.of(counts), counts.offered))
            }
            Metric::AchievedRate => {
                let rate = measured.achieved_rate();
                Ok((Range { low: rate, high: rate }, figures::rate(rate)))
            }
        }
    }

    fn read_count(&self, count: u64, offered: u64) -> (Range, String) {
        let (number, found) = match self.limit {
            Limit::Percent(_) => {
                let share = words::part(count, offered);
                (100.0 * share, words::share(share))
            }
            _ => (count as f64, count.to_string()),
        };
        (Range { low: number, high: number }, found)
    }
}

fn kind_named<'m>(measured: &'m Measured, name: &str) -> Result<&'m KindFigures, String> {
    let kind = measured.kinds.iter().find(|kind| kind.name == name);
    kind.ok_or_else(|| format!("no kind of request is named `{name}`"))
}

impl Source {
    fn sample<'m>(&self, measured: &'m Measured) -> Result<Sample<'m>, String> {
        Ok(match self {
            Self::Response => Sample::of_responses(&measured.latencies),
            Self::Service => Sample::of(&measured.latencies.service_time),
            Self::SendLag => Sample::of(&measured.latencies.send_lag),
            Self::FirstByte => Sample::of(&measured.first_byte),
            Self::Connect => Sample::of(&measured.connections.connect),
            Self::TlsHandshake => Sample::of(&measured.connections.tls_full),
            Self::Kind(name) => Sample::of_kind(kind_named(measured, name)?),
        })
    }
}

impl Figure {
    fn read(self, sample: &Sample<'_>) -> Result<(Range, String), String> {
        let (low, high) = match self {
            Self::Quantile(level) => sample.range(level).ok_or_else(|| {
                let (needed, count) = (level.samples_needed(), sample.count());
                format!("can not be told: {level} needs {needed} samples, there are {count}")
            })?,
            Self::Max => ends(sample.max()).ok_or("can not be told: there are no samples")?,
            Self::Mean => ends(sample.mean()).ok_or("can not be told: there are no samples")?,
        };
        let us = |nanos| figures::micros(micros(nanos));
        let found = match high {
            Some(high) if high == low => us(low),
            Some(high) => format!("{} to {}", us(low), us(high)),
            None => format!("≥ {}", us(low)),
        };
        let high = high.map_or(f64::INFINITY, |high| high as f64);
        Ok((Range { low: low as f64, high }, found))
    }
}

/// What a figure may be, from where to where; `None` for infinity.
fn ends(bounded: Option<Bounded>) -> Option<(u64, Option<u64>)> {
    bounded.map(|bounded| match bounded {
        Bounded::Exactly(nanos) => (nanos, Some(nanos)),
        Bounded::AtLeast(nanos) => (nanos, None),
    })
}

impl Count {
    fn of(self, counts: &OutcomeCounts) -> u64 {
        match self {
            Self::Errors => counts.failed + counts.timed_out,
            Self::TimedOut => counts.timed_out,
            Self::Shed => counts.shed,
        }
    }
}

impl Relation {
    /// True or false when it is so for every value of the range.
    fn holds(self, range: &Range, limit: f64) -> Truth {
        let of = |value: f64| match self {
            Self::Above => value > limit,
            Self::AtLeast => value >= limit,
            Self::Below => value < limit,
            Self::AtMost => value <= limit,
        };
        match (of(range.low), of(range.high)) {
            (true, true) => Truth::True,
            (false, false) => Truth::False,
            _ => Truth::Unknown,
        }
    }
}

impl Limit {
    fn number(self) -> f64 {
        match self {
            Self::Time(nanos) => nanos as f64,
            Self::Count(number) | Self::Percent(number) | Self::Rate(number) => number,
        }
    }
}

impl fmt::Display for Condition {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(to, "{} {} {}", self.metric, self.relation, self.limit)
    }
}

impl fmt::Display for Metric {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time { source: Source::Response, figure } => write!(to, "{figure}"),
            Self::Time { source, figure } => write!(to, "{source}.{figure}"),
            Self::Count { kind: None, count } => write!(to, "{count}"),
            Self::Count { kind: Some(kind), count } => write!(to, "{kind}.{count}"),
            Self::AchievedRate => to.write_str("rate"),
        }
    }
}

impl fmt::Display for Source {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Response => "response",
            Self::Service => "service",
            Self::SendLag => "send-lag",
            Self::FirstByte => "ttfb",
            Self::Connect => "connect",
            Self::TlsHandshake => "tls",
            Self::Kind(name) => name,
        })
    }
}

impl fmt::Display for Figure {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Quantile(level) => write!(to, "{level}"),
            Self::Max => to.write_str("max"),
            Self::Mean => to.write_str("mean"),
        }
    }
}

impl fmt::Display for Count {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Errors => "errors",
            Self::TimedOut => "timeouts",
            Self::Shed => "shed",
        })
    }
}

impl fmt::Display for Relation {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(match self {
            Self::Above => ">",
            Self::AtLeast => ">=",
            Self::Below => "<",
            Self::AtMost => "<=",
        })
    }
}

impl fmt::Display for Limit {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Time(nanos) => to.write_str(&figures::tick(micros(*nanos))),
            Self::Count(count) => write!(to, "{count}"),
            Self::Percent(percent) => write!(to, "{percent} %"),
            Self::Rate(rate) => write!(to, "{rate} /s"),
        }
    }
}
