//! What an SLO allows, as a share of requests beyond a limit: the only form that a search can test.
//! Reads one drive's counts. Decides nothing.

use bench::histogram::Histogram;

use super::sequential::Share;
use crate::drive::gate::{Condition, Count, Figure, Limit, Metric, Relation, Slo, Source};
use crate::drive::measured::{KindFigures, Measured};
use crate::drive::settle::Mistakes;

/// An SLO that a search can test.
#[derive(Debug, Clone, PartialEq)]
pub struct Objective {
    condition: Condition,
    /// Requests that may be beyond, as a share of those offered; above 0 and below 1.
    allowed: f64,
    beyond: Beyond,
}

/// Which requests are beyond.
#[derive(Debug, Clone, PartialEq)]
enum Beyond {
    /// Those that take longer than so many nanoseconds, or have no answer.
    Span { source: Source, longest: u64 },
    /// Those that came to no good.
    Lost(Count),
}

impl Objective {
    /// All of them, or everything that is wrong with them.
    pub fn all(slos: &[Slo], kinds: &[&str]) -> Result<Vec<Self>, Mistakes> {
        let mut mistakes = Vec::new();
        let mut all = Vec::new();
        for slo in slos {
            match Self::of(slo.condition(), kinds) {
                Ok(objective) => all.push(objective),
                Err(mistake) => mistakes.push(format!("--slo {mistake}")),
            }
        }
        if slos.is_empty() {
            mistakes.push("--find-max: expected a --slo to hold, e.g. --slo 'p99<5ms'".to_owned());
        }
        if mistakes.is_empty() { Ok(all) } else { Err(Mistakes(mistakes)) }
    }

    fn of(condition: &Condition, kinds: &[&str]) -> Result<Self, String> {
        condition.check_kind(kinds)?;
        let whole = condition.relation == Relation::AtMost;
        if !whole && condition.relation != Relation::Below {
            return Err(format!("`{condition}`: expected `<` or `<=`, what load makes worse"));
        }
        let (allowed, beyond) = match (&condition.metric, condition.limit) {
            (Metric::Time { source, figure: Figure::Quantile(level) }, Limit::Time(nanos)) => {
                if !matches!(
                    source,
                    Source::Response | Source::Service | Source::FirstByte | Source::Kind(_)
                ) {
                    return Err(format!(
                        "`{condition}`: expected a time that each request takes: response, service, \
                         ttfb or a kind's"
                    ));
                }
                let longest = if whole { nanos } else { nanos.saturating_sub(1) };
                (1.0 - level.fraction(), Beyond::Span { source: source.clone(), longest })
            }
            (Metric::Count { count, .. }, Limit::Percent(percent)) => {
                (percent / 100.0, Beyond::Lost(*count))
            }
            _ => {
                return Err(format!(
                    "`{condition}`: a search tests shares of requests: expected a quantile, e.g. \
                     `p99<5ms`, or a percentage, e.g. `errors<0.1%`"
                ));
            }
        };
        if allowed > 0.0 && allowed < 1.0 {
            Ok(Self { condition: condition.clone(), allowed, beyond })
        } else {
            Err(format!(
                "`{condition}`: expected more than 0 and less than 100 %: that something never \
                 happens can not be shown by a sample"
            ))
        }
    }

    /// Requests that may be beyond, as a share.
    #[must_use]
    pub fn allowed(&self) -> f64 {
        self.allowed
    }

    /// How long the queue of a single server takes to change, in seconds, when the objective only
    /// just holds at that rate. In M/M/1 the time beyond which a share m of the requests is longer
    /// is ln(1/m)/(μ − λ), and the relaxation time about 4μ/(μ − λ)² (Morse 1955). 0 for an objective
    /// that is no time.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "a limit of at most ten minutes")]
    pub fn relaxation_s(&self, rate: f64) -> f64 {
        match self.beyond {
            Beyond::Span { longest, .. } => {
                let slack = (1.0 / self.allowed).ln() / (longest.max(1) as f64 / 1e9);
                4.0 * (rate + slack) / (slack * slack)
            }
            Beyond::Lost(_) => 0.0,
        }
    }

    /// What a batch says of it. A request without an answer is beyond every limit of time.
    #[must_use]
    pub fn read(&self, measured: &Measured) -> Share {
        let counts = match self.condition.kind() {
            None => &measured.counts,
            Some(name) => match kind_named(measured, name) {
                Some(kind) => &kind.counts,
                None => return Share { beyond: 0, of: 0 },
            },
        };
        let beyond = match &self.beyond {
            Beyond::Lost(count) => match count {
                Count::Errors => counts.failed + counts.timed_out,
                Count::TimedOut => counts.timed_out,
                Count::Shed => counts.shed,
            },
            Beyond::Span { source, longest } => {
                let spans = spans(source, measured);
                spans.map_or(0, |spans| spans.count_above(*longest)) + counts.censored()
            }
        };
        Share { beyond, of: counts.offered }
    }
}

impl std::fmt::Display for Objective {
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        self.condition.fmt(to)
    }
}

fn spans<'m>(source: &Source, measured: &'m Measured) -> Option<&'m Histogram> {
    match source {
        Source::Service => Some(&measured.latencies.service_time),
        Source::FirstByte => Some(&measured.first_byte),
        Source::Kind(name) => kind_named(measured, name).map(|kind| &kind.response_time),
        _ => Some(&measured.latencies.response_time),
    }
}

fn kind_named<'m>(measured: &'m Measured, name: &str) -> Option<&'m KindFigures> {
    measured.kinds.iter().find(|kind| kind.name == name)
}
