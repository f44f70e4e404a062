//! What is offered: the rate, the arrival process, the requests and their limits. Knows no clock and
//! no socket.

use std::time::Duration;

use serde::Serialize;

use crate::units::RatePerSecond;

/// How the intended send times are spaced.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Arrivals {
    /// Equal gaps of 1/rate.
    Constant,
    /// Exponential gaps with mean 1/rate, drawn from the trial's seed.
    Poisson,
}

/// One request, sent again and again.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestSpec {
    /// An HTTP method token, e.g. `GET`.
    pub method: String,
    /// An absolute path with an optional query, e.g. `/v1/charge?x=1`.
    pub path: String,
    /// Header name and value in the order written. `host`, `content-length` and the others that
    /// frame a message or manage a connection are the sender's and never stand here.
    pub headers: Vec<(String, String)>,
    /// The body, empty for none.
    pub body: String,
}

/// What a request must be answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Answer {
    /// It is served: any 2xx.
    Served,
    /// A policy refuses it: 403.
    Denied,
}

/// One kind of request of a load.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct RequestKind {
    /// Unique in the load.
    pub name: String,
    /// How often it is sent, against the others' weights.
    pub weight: u32,
    /// What it must be answered.
    pub answer: Answer,
    /// What is sent.
    pub request: RequestSpec,
}

impl RequestKind {
    /// The only one of a load.
    #[must_use]
    pub fn only(request: RequestSpec) -> Self {
        Self { name: "request".to_owned(), weight: 1, answer: Answer::Served, request }
    }
}

/// The load of one trial.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct LoadSpec {
    /// Spacing of the intended send times.
    pub arrivals: Arrivals,
    /// Offered rate.
    pub rate: RatePerSecond,
    /// Keep-alive connections that the generator opens before the warm-up. 1 to 10 000.
    pub connections: u32,
    /// Requests sent and unanswered, or due and waiting for a connection; one more is shed and
    /// counted. 1 to 1 000 000.
    pub max_in_flight: u32,
    /// Counted from the intended send time; a request older than this has timed out.
    #[serde(rename = "timeout_s", serialize_with = "seconds")]
    pub timeout: Duration,
    /// Sent like the rest and left out of every figure.
    #[serde(rename = "warm_up_s", serialize_with = "seconds")]
    pub warm_up: Duration,
    /// The measured window of one trial.
    #[serde(rename = "duration_s", serialize_with = "seconds")]
    pub duration: Duration,
    /// What is sent; the first is served, and the one that the load is called by.
    pub requests: Vec<RequestKind>,
}

impl LoadSpec {
    /// The request that the load is called by.
    #[must_use]
    pub fn request(&self) -> &RequestSpec {
        &self.requests.first().expect("a load has a request").request
    }

    /// A kind's share of all requests.
    #[must_use]
    pub fn share(&self, kind: &RequestKind) -> f64 {
        let whole: f64 = self.requests.iter().map(|kind| f64::from(kind.weight)).sum();
        f64::from(kind.weight) / whole.max(1.0)
    }
}

pub(crate) fn seconds<S: serde::Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}
