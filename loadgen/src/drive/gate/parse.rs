//! The text of a condition: `METRIC RELATION LIMIT`, spaces or not. A mistake is shown where it
//! stands, with what was expected. Knows no drive.

use std::fmt;

use super::condition::{Condition, Count, Figure, Limit, Metric, Relation, Source};
use crate::drive::sample::Level;

/// What stands before the point of a time, and what it means.
const SOURCES: [(&str, Source); 6] = [
    ("response", Source::Response),
    ("service", Source::Service),
    ("send-lag", Source::SendLag),
    ("ttfb", Source::FirstByte),
    ("connect", Source::Connect),
    ("tls", Source::TlsHandshake),
];

const COUNTS: [(&str, Count); 3] =
    [("errors", Count::Errors), ("timeouts", Count::TimedOut), ("shed", Count::Shed)];

/// What may be meant by a word that is no metric.
const WORDS: [&str; 12] = [
    "p50", "p90", "p95", "p99", "p99.9", "p99.99", "max", "mean", "errors", "timeouts", "shed",
    "rate",
];

/// Longest first, so that `>=` is not read as `>`.
const RELATIONS: [(&str, Relation); 4] = [
    (">=", Relation::AtLeast),
    ("<=", Relation::AtMost),
    (">", Relation::Above),
    ("<", Relation::Below),
];

/// A condition that can not be read: what was expected and found, and where.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ParseError {
    /// The whole condition.
    text: String,
    /// Where the mistake begins and how long it is, in bytes.
    at: usize,
    length: usize,
    /// What was expected there.
    expected: String,
    /// What to do; may be empty.
    hint: String,
}

impl fmt::Display for ParseError {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        let found = self.text.get(self.at..self.at + self.length).unwrap_or_default();
        let before = self.text.get(..self.at).unwrap_or_default().chars().count();
        let found_words = match found {
            "" => "nothing".to_owned(),
            found => format!("`{found}`"),
        };
        write!(
            to,
            "expected {}, found {found_words} at column {}\n    {}\n    {}{}",
            self.expected,
            before + 1,
            self.text,
            " ".repeat(before),
            "^".repeat(found.chars().count().max(1)),
        )?;
        if self.hint.is_empty() { Ok(()) } else { write!(to, "\n  help: {}", self.hint) }
    }
}

impl std::error::Error for ParseError {}

/// A part of the condition and where it begins.
#[derive(Clone, Copy)]
struct Part<'t> {
    whole: &'t str,
    text: &'t str,
    at: usize,
}

impl<'t> Part<'t> {
    fn new(whole: &'t str, from: usize, to: usize) -> Self {
        let text = &whole[from..to];
        let trimmed = text.trim_start();
        Self { whole, text: trimmed.trim_end(), at: from + text.len() - trimmed.len() }
    }

    fn error(self, expected: impl Into<String>, hint: impl Into<String>) -> ParseError {
        ParseError {
            text: self.whole.to_owned(),
            at: self.at,
            length: self.text.len(),
            expected: expected.into(),
            hint: hint.into(),
        }
    }
}

/// Reads a condition.
pub(super) fn condition(text: &str) -> Result<Condition, ParseError> {
    // Control characters would break the line that shows the mistake.
    let clean: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    let whole = clean.as_str();
    let found = whole.find(['<', '>']).and_then(|at| {
        let relation = RELATIONS.into_iter().find(|(sign, _)| whole[at..].starts_with(sign));
        relation.map(|(sign, relation)| (at, at + sign.len(), relation))
    });
    let Some((from, to, relation)) = found else {
        let end = Part { whole, text: "", at: whole.trim_end().len() };
        return Err(end.error("`>`, `>=`, `<` or `<=`", "write e.g. `p99>3ms` or `errors>0.1%`"));
    };
    let metric = metric(Part::new(whole, 0, from))?;
    let limit = limit(Part::new(whole, to, whole.len()), &metric)?;
    Ok(Condition { metric, relation, limit })
}

fn figure(text: &str) -> Option<Figure> {
    match text {
        "max" => Some(Figure::Max),
        "mean" => Some(Figure::Mean),
        quantile => Level::parse(quantile).map(Figure::Quantile),
    }
}

fn count(text: &str) -> Option<Count> {
    COUNTS.into_iter().find(|(name, _)| *name == text).map(|(_, count)| count)
}

fn metric(part: Part<'_>) -> Result<Metric, ParseError> {
    if part.text == "rate" {
        return Ok(Metric::AchievedRate);
    }
    if let Some(figure) = figure(part.text) {
        return Ok(Metric::Time { source: Source::Response, figure });
    }
    if let Some(count) = count(part.text) {
        return Ok(Metric::Count { kind: None, count });
    }
    // A kind's name may have points, and so has `p99.9`: the first split that makes sense counts.
    let splits = part.text.match_indices('.').map(|(at, _)| part.text.split_at(at));
    for (name, rest) in splits {
        let (name, rest) = (name.trim_end(), &rest[1..]);
        if name.is_empty() {
            continue;
        }
        if let Some(figure) = figure(rest) {
            let source = SOURCES.into_iter().find(|(known, _)| *known == name);
            let source = source.map_or_else(|| Source::Kind(name.to_owned()), |(_, source)| source);
            return Ok(Metric::Time { source, figure });
        }
        if let Some(count) = count(rest) {
            return Ok(Metric::Count { kind: Some(name.to_owned()), count });
        }
    }
    Err(part.error("a metric", advice(part.text)))
}

/// The nearest metric, or all of them.
fn advice(typed: &str) -> String {
    let word = typed.rsplit_once('.').map_or(typed, |(_, word)| word);
    match scenarios::nearest(word, WORDS) {
        Some(nearest) => format!("did you mean `{nearest}`?"),
        None => format!(
            "metrics are {}; before a time may stand {}, or a kind of request, e.g. `service.p99`",
            scenarios::listed(WORDS),
            scenarios::listed(SOURCES.iter().map(|(name, _)| *name)),
        ),
    }
}

/// The limit, in the unit that the metric has.
fn limit(part: Part<'_>, metric: &Metric) -> Result<Limit, ParseError> {
    match metric {
        Metric::Time { .. } => {
            let text = part.text.replace(['µ', 'μ'], "u").replace(' ', "");
            let time = scenarios::units::duration(&text);
            let time = time.map_err(|_| {
                part.error("a time", "write it with its unit: `3ms`, `500us`, `1.5s`")
            })?;
            Ok(Limit::Time(bench::clock::nanos_of(time)))
        }
        Metric::Count { .. } => match part.text.strip_suffix('%') {
            Some(percent) => number(percent)
                .filter(|percent| *percent <= 100.0)
                .map(Limit::Percent)
                .ok_or_else(|| part.error("a percentage from 0 to 100", "write e.g. `0.1%`")),
            None => number(part.text).map(Limit::Count).ok_or_else(|| {
                part.error("a number of requests or a percentage", "write e.g. `10` or `0.1%`")
            }),
        },
        Metric::AchievedRate => {
            let text = part.text.strip_suffix("/s").unwrap_or(part.text);
            number(text).map(Limit::Rate).ok_or_else(|| {
                part.error("a number of requests a second", "write e.g. `990` or `990/s`")
            })
        }
    }
}

/// Digits with a point or without; no sign and no exponent.
fn number(text: &str) -> Option<f64> {
    let text = text.trim();
    let plain = text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
    plain.then(|| text.parse().ok()).flatten()
}
