//! What coordinator and agent say to each other: documents with no key too many and no number out
//! of range. Knows no socket and no order of messages.
//!
//! A trial that is asked for is data: what is offered, where to, and which share of it. How it is
//! sent is the agent's affair alone.

use std::net::SocketAddr;
use std::time::Duration;

use bench::clock::nanos_of;
use bench::part::TrialPart;
use bench::seams::Endpoint;
use bench::trial::TrialSpec;
use scenarios::load::{Answer, Arrivals, LoadSpec, RequestKind, RequestSpec};
use scenarios::units::RatePerSecond;
use serde::{Deserialize, Serialize};
use testbed::probe::{self, Observed, Question};

/// Raised when a message changes its meaning.
pub const PROTOCOL: u32 = 2;

/// The longest message to an agent: a trial's, with its request's body.
pub const LONGEST_TO_AGENT: usize = 4 << 20;

/// The longest message from one: a record's. Its sixteen histograms take half a MiB each when every
/// bucket counts something.
pub const LONGEST_FROM_AGENT: usize = 32 << 20;

/// The first message. Read leniently, so that an agent of another version can say that it is one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Greeting {
    /// Who calls.
    pub hello: Hello,
}

/// A program's versions.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Hello {
    /// See [`PROTOCOL`].
    pub protocol: u32,
    /// Of the program: schedules of two versions need not be the same.
    pub loadgen: String,
}

impl Hello {
    /// This program's.
    #[must_use]
    pub fn ours() -> Self {
        Self { protocol: PROTOCOL, loadgen: env!("CARGO_PKG_VERSION").to_owned() }
    }

    /// An error in words unless it is of this program's version.
    pub fn check(&self, who: &str) -> Result<(), String> {
        let ours = Self::ours();
        if *self == ours {
            return Ok(());
        }
        Err(format!(
            "the {who} is loadgen {} and speaks protocol {}, this is loadgen {} and speaks protocol \
             {}; start the same version on both sides",
            self.loadgen, self.protocol, ours.loadgen, ours.protocol
        ))
    }
}

/// From the coordinator, after its greeting.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum ToAgent {
    /// Open the connections for this.
    Trial(Box<Order>),
    /// Ask this once, from where you stand.
    Probe(Box<ProbeOrder>),
    /// What does your clock say?
    Clock,
    /// All count from this instant of your clock.
    Start {
        /// Nanoseconds.
        at_ns: u64,
    },
    /// End the trial, and bring what there is.
    Stop,
}

/// From an agent.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub enum FromAgent {
    /// After the greeting.
    Hello(Box<About>),
    /// All connections of the trial are open.
    Ready,
    /// What came of a question.
    Observed(Box<Observed>),
    /// So does mine.
    Clock {
        /// Nanoseconds.
        now_ns: u64,
    },
    /// The start is known.
    Started {
        /// Nanoseconds from now until then.
        lead_ns: u64,
    },
    /// The trial is over.
    Record(Box<Brought>),
    /// That will not be done; the connection ends.
    Refused {
        /// Why.
        problem: String,
        /// What to do about it; may be empty.
        hint: String,
    },
}

/// What an agent says of itself.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct About {
    /// Its versions.
    pub hello: Hello,
    /// The commit that it was built from.
    pub git: String,
    /// The compiler's level.
    pub opt_level: String,
    /// `uname -sr`.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// The cores of its workers; empty when they are not pinned.
    pub cores: Vec<usize>,
}

/// What an agent brings back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Brought {
    /// Its part.
    pub part: TrialPart,
    /// How much later than due it turned to its first request, in nanoseconds.
    pub first_late_ns: Option<u64>,
    /// How it waited for the next send.
    pub pacing: String,
}

/// A trial, and an agent's share of it.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Order {
    /// What it is called: block, position and variant.
    pub trial: String,
    /// Where to send.
    pub address: SocketAddr,
    /// For the `host` header.
    pub host: String,
    /// Which agent's share, from 0.
    pub number: u32,
    /// Over how many agents it is dealt.
    pub of: u32,
    /// For the arrival process.
    pub seed: u64,
    /// What all of them offer together.
    pub load: LoadOrder,
}

/// One question to a live port, whose answer depends on who asks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ProbeOrder {
    /// Where to.
    pub address: SocketAddr,
    /// For the `host` header.
    pub host: String,
    /// What is asked.
    pub request: RequestOrder,
    /// Whether it claims in a header to be somebody, which only sidecars may say.
    pub claims: bool,
    /// Under TLS, with a certificate for this SPIFFE id by a CA that nobody knows; `None` in plain
    /// text, which is what a program says to its sidecar.
    pub impostor: Option<String>,
}

impl ProbeOrder {
    /// All that is wrong with it, a line each.
    pub fn check(&self) -> Result<(), String> {
        let mistakes = self.request.mistakes(&self.host);
        if mistakes.is_empty() { Ok(()) } else { Err(mistakes.join("\n")) }
    }

    /// It as it is asked.
    #[must_use]
    pub fn question(&self) -> Question<'_> {
        let RequestOrder { method, path, headers, body } = &self.request;
        let claim = self.claims.then_some(probe::CLAIMED);
        Question { host: &self.host, method, path, headers, body, claim }
    }
}

/// A load as a document; spans in nanoseconds, so that nothing is rounded.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct LoadOrder {
    /// Spacing.
    pub arrivals: ArrivalsOrder,
    /// Requests a second.
    pub rate: f64,
    /// Keep-alive connections.
    pub connections: u32,
    /// Requests in flight or waiting.
    pub max_in_flight: u32,
    /// From the intended send time.
    pub timeout_ns: u64,
    /// Left out.
    pub warm_up_ns: u64,
    /// Measured.
    pub duration_ns: u64,
    /// What is sent.
    pub requests: Vec<KindOrder>,
}

/// See `scenarios::load::RequestKind`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KindOrder {
    /// Its name.
    pub name: String,
    /// How often it is sent.
    pub weight: u32,
    /// What it must be answered.
    pub answer: AnswerOrder,
    /// What is sent.
    pub request: RequestOrder,
}

/// See `scenarios::load::Answer`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum AnswerOrder {
    /// Any 2xx.
    Served,
    /// 403.
    Denied,
}

/// See `scenarios::load::Arrivals`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ArrivalsOrder {
    /// Equal gaps.
    Constant,
    /// Exponential gaps.
    Poisson,
}

/// See `scenarios::load::RequestSpec`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RequestOrder {
    /// An HTTP method token.
    pub method: String,
    /// An absolute path.
    pub path: String,
    /// Name and value.
    pub headers: Vec<(String, String)>,
    /// Empty for none.
    pub body: String,
}

impl Order {
    /// That agent's share of a trial.
    #[must_use]
    pub fn of(spec: &TrialSpec, to: &Endpoint, (number, of): (u32, u32)) -> Self {
        Self {
            trial: format!("block {}, position {}, {}", spec.block, spec.position, spec.variant),
            address: to.address,
            host: to.host.clone(),
            number,
            of,
            seed: spec.seed,
            load: LoadOrder {
                arrivals: match spec.load.arrivals {
                    Arrivals::Constant => ArrivalsOrder::Constant,
                    Arrivals::Poisson => ArrivalsOrder::Poisson,
                },
                rate: spec.load.rate.per_second(),
                connections: spec.load.connections,
                max_in_flight: spec.load.max_in_flight,
                timeout_ns: nanos_of(spec.load.timeout),
                warm_up_ns: nanos_of(spec.load.warm_up),
                duration_ns: nanos_of(spec.load.duration),
                requests: spec.load.requests.iter().map(KindOrder::of).collect(),
            },
        }
    }

    /// Where to send.
    #[must_use]
    pub fn endpoint(&self) -> Endpoint {
        Endpoint { address: self.address, host: self.host.clone() }
    }

    /// The load, or all that is wrong with the order, a line each.
    pub fn load(&self) -> Result<LoadSpec, String> {
        let load = &self.load;
        let rate = RatePerSecond::new(load.rate);
        let mut mistakes: Vec<String> = [
            (
                self.number < self.of,
                format!("share {} of {}", self.number, self.of),
                "a share of 1 to 1000",
            ),
            (self.of <= 1000, format!("{} shares", self.of), "1000 at most"),
            (
                load.connections >= self.of,
                format!("{} connections", load.connections),
                "one for each agent",
            ),
            (
                load.connections <= 10_000,
                format!("{} connections", load.connections),
                "10000 at most",
            ),
            (
                load.max_in_flight >= self.of,
                format!("{} in flight", load.max_in_flight),
                "one for each agent",
            ),
            (
                load.max_in_flight <= 1_000_000,
                format!("{} in flight", load.max_in_flight),
                "1000000 at most",
            ),
            (load.duration_ns > 0, "no window".to_owned(), "more than nothing"),
            (load.timeout_ns > 0, "no timeout".to_owned(), "more than nothing"),
        ]
        .into_iter()
        .filter(|(right, ..)| !right)
        .map(|(_, found, expected)| format!("{found}: expected {expected}"))
        .collect();
        mistakes.extend(rate.as_ref().err().map(|error| format!("rate {}: {error}", load.rate)));
        if load.requests.is_empty() {
            mistakes.push("no request: expected one at least".to_owned());
        }
        for kind in &load.requests {
            mistakes.extend(kind.request.mistakes(&self.host));
        }
        let (Ok(rate), []) = (rate, mistakes.as_slice()) else { return Err(mistakes.join("\n")) };
        Ok(LoadSpec {
            arrivals: match load.arrivals {
                ArrivalsOrder::Constant => Arrivals::Constant,
                ArrivalsOrder::Poisson => Arrivals::Poisson,
            },
            rate,
            connections: load.connections,
            max_in_flight: load.max_in_flight,
            timeout: Duration::from_nanos(load.timeout_ns),
            warm_up: Duration::from_nanos(load.warm_up_ns),
            duration: Duration::from_nanos(load.duration_ns),
            requests: load.requests.iter().map(KindOrder::kind).collect(),
        })
    }
}

impl KindOrder {
    fn of(kind: &RequestKind) -> Self {
        Self {
            name: kind.name.clone(),
            weight: kind.weight,
            answer: match kind.answer {
                Answer::Served => AnswerOrder::Served,
                Answer::Denied => AnswerOrder::Denied,
            },
            request: RequestOrder::of(&kind.request),
        }
    }

    fn kind(&self) -> RequestKind {
        let RequestOrder { method, path, headers, body } = self.request.clone();
        RequestKind {
            name: self.name.clone(),
            weight: self.weight,
            answer: match self.answer {
                AnswerOrder::Served => Answer::Served,
                AnswerOrder::Denied => Answer::Denied,
            },
            request: RequestSpec { method, path, headers, body },
        }
    }
}

impl RequestOrder {
    /// The same as a document.
    #[must_use]
    pub fn of(request: &RequestSpec) -> Self {
        let RequestSpec { method, path, headers, body } = request.clone();
        Self { method, path, headers, body }
    }

    /// What would be another message on the wire than it says.
    fn mistakes(&self, host: &str) -> Vec<String> {
        let token = |text: &str| {
            let of_token =
                |byte: u8| byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`|~".contains(&byte);
            !text.is_empty() && text.bytes().all(of_token)
        };
        let printed =
            |text: &str| !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic());
        let plain = |text: &str| !text.chars().any(|letter| letter.is_control() && letter != '\t');
        let mut mistakes = Vec::new();
        if !token(&self.method) {
            mistakes.push(format!("method {:?}: expected an HTTP token", self.method));
        }
        if !printed(&self.path) || !self.path.starts_with('/') {
            mistakes.push(format!("path {:?}: expected an absolute path", self.path));
        }
        if !printed(host) {
            mistakes.push(format!("host {host:?}: expected a name or an address"));
        }
        for (name, value) in &self.headers {
            if !token(name) || !plain(value) {
                mistakes
                    .push(format!("header {name:?}: expected a token, and a value on one line"));
            }
        }
        mistakes
    }
}

#[cfg(test)]
#[path = "message/tests.rs"]
mod tests;
