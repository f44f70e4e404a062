//! A drive as one JSON document, what `--output json` prints: the form that other programs rely on.
//! Its schema is `loadgen/schema/drive.schema.json`. Decides nothing.

use std::collections::BTreeMap;

use bench::histogram::Histogram;
use bench::summary::micros;
use bench::trial::{Bounded, OutcomeCounts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::gate::Judged;
use super::measured::{ClientFigures, KindFigures, Measured};
use super::sample::{Level, Sample};
use super::validity::{Finding, Validity, Verdict, Weight};

/// Raised when a field changes its meaning or disappears.
pub const SCHEMA_VERSION: u32 = 1;

/// A drive. Times are microseconds where the name ends in `_us`, seconds with `_s`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Document {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// As typed.
    pub url: String,
    /// Method of the (first) request.
    pub method: String,
    /// The protocol that was spoken.
    pub protocol: String,
    /// UTC, the beginning of the measured window, e.g. `2026-11-23T02:40:11Z`.
    pub started_at: String,
    /// Requests a second that were asked for; `null` for a closed loop.
    pub asked_rate: Option<f64>,
    /// Requests a second that the schedule held, over the window.
    pub offered_rate: f64,
    /// Requests a second that were completed.
    pub achieved_rate: f64,
    /// The measured window; until the last answer when the drive was stopped before.
    pub duration_s: f64,
    /// Sent before it, and left out of every figure.
    pub warm_up_s: f64,
    /// Whether the drive was ended before its end.
    pub stopped_early: bool,
    /// In words: `constant`, `poisson`, `trace`, `closed loop`.
    pub arrivals: String,
    /// What the random choices were drawn from.
    pub seed: u64,
    /// In words.
    pub pacing: String,
    /// Connections over all workers.
    pub connections: u32,
    /// Requests at once on each connection.
    pub streams: u32,
    /// Threads that send.
    pub workers: u32,
    /// In words: `keep-alive`, `new for each request, full handshake`, …
    pub connection_mode: String,
    /// Connections opened over the whole drive, repeats included.
    pub connections_opened: u64,
    /// Requests sent and unanswered, or due and waiting; one more is shed.
    pub max_in_flight: u32,
    /// Most requests in flight or waiting for a connection at once.
    pub in_flight_max: u64,
    /// From its intended send time until a request is given up.
    pub timeout_s: f64,
    /// The addresses that answered.
    pub addresses: Vec<String>,
    /// What became of the requests of the window.
    pub counts: OutcomeCounts,
    /// Completed − intended, over all requests offered; those without an answer at their age.
    pub response_time_us: Times,
    /// Completed − sent, of completed requests.
    pub service_time_us: Times,
    /// Sent − intended, of all requests that were sent.
    pub send_lag_us: Times,
    /// The part of the send lag that is the generator's own, of all requests offered.
    pub pacing_lag_us: Times,
    /// First byte of the answer − sent, of completed requests.
    pub first_byte_us: Times,
    /// TCP (or Unix) set-up of connections, over the whole drive.
    pub connect_us: Times,
    /// Each kind of request apart.
    pub kinds: Vec<Kind>,
    /// Head and body of requests in the window.
    pub bytes_sent: u64,
    /// Head and body of answers in the window.
    pub bytes_received: u64,
    /// What the drive is worth.
    pub validity: ValidityRow,
    /// Thresholds that were given.
    pub gates: Vec<Judged>,
    /// TLS as negotiated; `null` without TLS.
    pub tls: Option<Tls>,
    /// What the generator used and how punctual it was.
    pub client: ClientFigures,
}

/// Figures of a histogram, in microseconds. A quantile is `null` where there are too few samples
/// for a finite 95 % interval of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Times {
    /// The shortest; `null` when nothing was counted.
    pub min: Option<f64>,
    /// The mean; `null` when nothing was counted.
    pub mean: Option<f64>,
    /// 50 %.
    pub p50: Option<f64>,
    /// 90 %.
    pub p90: Option<f64>,
    /// 99 %.
    pub p99: Option<f64>,
    /// 99.9 %.
    pub p999: Option<f64>,
    /// 99.99 %.
    pub p9999: Option<f64>,
    /// The longest; `null` when nothing was counted.
    pub max: Option<f64>,
    /// How many were counted; for the response time, all that were offered.
    pub count: u64,
    /// Which of the above are lower bounds, since requests without an answer could only have made
    /// them larger: names of quantiles, `max` and `mean`.
    pub at_least: Vec<String>,
    /// The distribution-free interval of each quantile above, by its name.
    pub intervals: BTreeMap<String, IntervalRow>,
}

/// An interval that holds a quantile with at least 95 %, were the spans independent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct IntervalRow {
    /// Microseconds.
    pub low: f64,
    /// Microseconds; `null` when requests without an answer leave it open.
    pub high: Option<f64>,
    /// Exactly, 0 to 1.
    pub confidence: f64,
}

/// One kind of request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Kind {
    /// Its name.
    pub name: String,
    /// The answer that counts as completed, in words.
    pub expected: String,
    /// What became of its requests.
    pub counts: OutcomeCounts,
    /// Over all its requests; those without an answer at 0, since their age is not known.
    pub response_time_us: Times,
}

/// The judgement of a drive.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ValidityRow {
    /// Whether the figures stand for what was asked.
    pub verdict: Verdict,
    /// Why it is not valid; empty when it is.
    pub reasons: Vec<FindingRow>,
    /// What a reader should know, valid or not.
    pub notes: Vec<FindingRow>,
}

/// One thing that was found about a drive.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FindingRow {
    /// Its name, e.g. `generator-late`.
    pub key: String,
    /// What it does to the verdict.
    pub weight: Weight,
    /// With its figures, in a sentence.
    pub text: String,
    /// What to do about it.
    pub hint: String,
}

/// TLS as negotiated.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Tls {
    /// e.g. `TLS 1.3`.
    pub version: String,
    /// e.g. `TLS13_AES_128_GCM_SHA256`.
    pub cipher: String,
    /// e.g. `X25519MLKEM768`.
    pub key_exchange: String,
    /// What ALPN agreed on; empty for nothing.
    pub alpn: String,
    /// The server's SPIFFE id, where its certificate has one.
    pub peer: Option<String>,
    /// Whether the server's certificate was verified.
    pub verified: bool,
    /// Whether a client certificate was offered.
    pub client_certificate: bool,
    /// Handshakes without resumption, over the whole drive.
    pub handshakes_full: u64,
    /// Resumed handshakes, over the whole drive.
    pub handshakes_resumed: u64,
    /// How long the full ones took.
    pub handshake_full_us: Times,
    /// How long the resumed ones took.
    pub handshake_resumed_us: Times,
}

impl Document {
    /// A drive with its judgement.
    #[must_use]
    pub fn of(measured: &Measured, validity: &Validity, gates: &[Judged]) -> Self {
        let (asked, latencies) = (&measured.asked, &measured.latencies);
        Self {
            schema_version: SCHEMA_VERSION,
            url: asked.url.clone(),
            method: asked.method.clone(),
            protocol: measured.protocol.clone(),
            started_at: started_at(measured),
            asked_rate: asked.rate,
            offered_rate: measured.offered_rate(),
            achieved_rate: measured.achieved_rate(),
            duration_s: measured.duration_s(),
            warm_up_s: asked.warm_up.as_secs_f64(),
            stopped_early: measured.stopped_early,
            arrivals: asked.arrivals.clone(),
            seed: asked.seed,
            pacing: asked.pacing.clone(),
            connections: asked.connections,
            streams: asked.streams,
            workers: asked.workers,
            connection_mode: asked.connection_mode.clone(),
            connections_opened: measured.connections.opened,
            max_in_flight: asked.max_in_flight,
            in_flight_max: measured.in_flight_max,
            timeout_s: asked.timeout.as_secs_f64(),
            addresses: measured.addresses.clone(),
            counts: measured.counts.clone(),
            response_time_us: Times::of(&Sample::of_responses(latencies)),
            service_time_us: Times::known(&latencies.service_time),
            send_lag_us: Times::known(&latencies.send_lag),
            pacing_lag_us: Times::known(&latencies.pacing_lag),
            first_byte_us: Times::known(&measured.first_byte),
            connect_us: Times::known(&measured.connections.connect),
            kinds: measured.kinds.iter().map(Kind::of).collect(),
            bytes_sent: measured.bytes_sent,
            bytes_received: measured.bytes_received,
            validity: ValidityRow::of(validity),
            gates: gates.to_vec(),
            tls: Tls::of(measured),
            client: measured.client.clone(),
        }
    }

    /// As JSON, pretty, with a line end.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self)
            .expect("a document has only string keys and writing to memory can not fail");
        text.push('\n');
        text
    }
}

/// The beginning of the window, in UTC to the second.
pub(super) fn started_at(measured: &Measured) -> String {
    let nanos = i128::from(measured.started_unix_ns);
    jiff::Timestamp::from_nanosecond(nanos)
        .map(|time| time.strftime("%Y-%m-%dT%H:%M:%SZ").to_string())
        .expect("584 years from 1970 are in the calendar")
}

impl Times {
    /// Figures of spans that are all known.
    #[must_use]
    pub fn known(histogram: &Histogram) -> Self {
        Self::of(&Sample::of(histogram))
    }

    /// Figures of spans some of which are known only from below.
    #[must_use]
    pub fn of(sample: &Sample<'_>) -> Self {
        let mut at_least = Vec::new();
        let mut figure = |name: String, bounded: Option<Bounded>| {
            bounded.map(|bounded| match bounded {
                Bounded::Exactly(nanos) => micros(nanos),
                Bounded::AtLeast(nanos) => {
                    at_least.push(name);
                    micros(nanos)
                }
            })
        };
        let [p50, p90, p99, p999, p9999] =
            Level::REPORTED.map(|level| figure(level.key(), sample.quantile(level)));
        let max = figure("max".to_owned(), sample.max());
        let mean = figure("mean".to_owned(), sample.mean());
        let interval = |level: Level| {
            let interval = sample.interval(level)?;
            let row = IntervalRow {
                low: micros(interval.low),
                high: interval.high.map(micros),
                confidence: interval.confidence,
            };
            Some((level.key(), row))
        };
        Self {
            min: sample.at_ages().min().map(micros),
            mean,
            p50,
            p90,
            p99,
            p999,
            p9999,
            max,
            count: sample.count(),
            at_least,
            intervals: Level::REPORTED.into_iter().filter_map(interval).collect(),
        }
    }

    /// The quantile in microseconds, exact or a bound.
    #[must_use]
    pub fn quantile(&self, level: Level) -> Option<f64> {
        match level {
            Level::P50 => self.p50,
            Level::P90 => self.p90,
            Level::P99 => self.p99,
            Level::P999 => self.p999,
            Level::P9999 => self.p9999,
            _ => None,
        }
    }

    /// Whether a figure is a lower bound; by its name.
    #[must_use]
    pub fn is_bound(&self, name: &str) -> bool {
        self.at_least.iter().any(|bound| bound == name)
    }
}

impl Kind {
    fn of(kind: &KindFigures) -> Self {
        Self {
            name: kind.name.clone(),
            expected: kind.expected.clone(),
            counts: kind.counts.clone(),
            response_time_us: Times::of(&Sample::of_kind(kind)),
        }
    }
}

impl ValidityRow {
    fn of(validity: &Validity) -> Self {
        Self {
            verdict: validity.verdict(),
            reasons: validity.reasons().map(FindingRow::of).collect(),
            notes: validity.notes().map(FindingRow::of).collect(),
        }
    }
}

impl FindingRow {
    fn of(finding: &Finding) -> Self {
        Self {
            key: finding.key().to_owned(),
            weight: finding.weight(),
            text: finding.to_string(),
            hint: finding.hint().to_owned(),
        }
    }
}

impl Tls {
    fn of(measured: &Measured) -> Option<Self> {
        let tls = measured.tls.as_ref()?;
        let connections = &measured.connections;
        Some(Self {
            version: tls.version.clone(),
            cipher: tls.cipher.clone(),
            key_exchange: tls.key_exchange.clone(),
            alpn: tls.alpn.clone(),
            peer: tls.peer.clone(),
            verified: !measured.asked.insecure,
            client_certificate: measured.asked.client_certificate,
            handshakes_full: connections.tls_full.count(),
            handshakes_resumed: connections.tls_resumed.count(),
            handshake_full_us: Times::known(&connections.tls_full),
            handshake_resumed_us: Times::known(&connections.tls_resumed),
        })
    }
}

/// The schema of this document; the committed copy is `loadgen/schema/drive.schema.json`.
#[must_use]
pub fn schema() -> String {
    schema_of::<Document>()
}

/// A schema as a document: pretty, keys in a fixed order, a newline at its end. A test keeps the
/// committed copies current.
pub(super) fn schema_of<T: JsonSchema>() -> String {
    let schema = schemars::schema_for!(T);
    let mut text = serde_json::to_string_pretty(&schema.to_value())
        .expect("a schema has only string keys and finite numbers");
    text.push('\n');
    text
}
