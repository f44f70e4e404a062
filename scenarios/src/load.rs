//! What is offered: the rate, the arrival process, the request and its limits. Knows no clock and
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
    /// What is sent.
    pub request: RequestSpec,
}

pub(crate) fn seconds<S: serde::Serializer>(value: &Duration, to: S) -> Result<S::Ok, S::Error> {
    to.serialize_f64(value.as_secs_f64())
}
