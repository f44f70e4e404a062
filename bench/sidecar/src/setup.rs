//! What a parent tells a subject, and what it hears first. Plain data; unknown keys are errors, so
//! that no part of a setup is lost in silence.

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use identity::{SpiffeId, TlsMaterial};
use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::authorise::Rules;
use crate::error::Error;

/// The header that tells an origin who called, in Envoy's and Istio's spelling.
pub const XFCC: &str = "x-forwarded-client-cert";

/// A setup is a few KiB, a thousand rules some hundred; more than this is neither.
pub(crate) const MAX_SETUP_BYTES: u64 = 4 << 20;

/// Which part of the subject a process is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// The server behind the sidecars.
    Origin,
    /// The caller's sidecar: plain HTTP in, mTLS or plain HTTP out.
    Client,
    /// The origin's sidecar: mTLS or plain HTTP in, plain HTTP out.
    Server,
}

impl Role {
    /// As an argument.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Origin => "origin",
            Self::Client => "client",
            Self::Server => "server",
        }
    }
}

impl std::str::FromStr for Role {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "origin" => Ok(Self::Origin),
            "client" => Ok(Self::Client),
            "server" => Ok(Self::Server),
            other => Err(format!("`{other}` is no role: expected origin, client or server")),
        }
    }
}

/// Setup of [`Role::Origin`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginSetup {
    /// Cores to run on; empty leaves them as they are.
    pub cores: Vec<usize>,
    /// Where it listens, on ports of the kernel's choice.
    pub address: Ipv4Addr,
    /// Length of the answer's body, at most 16 MiB.
    pub body_bytes: u32,
    /// One listener each.
    pub routes: Vec<OriginRoute>,
}

/// One listener of an origin.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OriginRoute {
    /// Unique in the setup.
    pub name: String,
    /// Times at which nothing is answered.
    pub stall: Option<PlantedStall>,
}

/// Nothing is answered during the first `length_us` of every `every_us`. The first period begins
/// with the first request on the route after the start or after an `anchor` command, so that a
/// stall is met at the same place of every trial. Echo requests neither begin nor wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedStall {
    /// Microseconds without an answer, less than `every_us`.
    pub length_us: u64,
    /// Microseconds from one beginning to the next.
    pub every_us: u64,
}

/// Setup of [`Role::Client`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientSetup {
    /// Cores to run on; empty leaves them as they are.
    pub cores: Vec<usize>,
    /// Own certificate and trust; needed when a route uses mTLS.
    pub tls: Option<TlsMaterial>,
    /// One listener each.
    pub routes: Vec<ClientRoute>,
}

/// One listener of a client's sidecar.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ClientRoute {
    /// Unique in the setup.
    pub name: String,
    /// The server's sidecar.
    pub upstream: SocketAddr,
    /// With mTLS: who must answer there. Without: plain HTTP.
    pub mtls_to: Option<SpiffeId>,
}

/// Setup of [`Role::Server`].
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerSetup {
    /// Cores to run on; empty leaves them as they are.
    pub cores: Vec<usize>,
    /// Own certificate and trust; needed when a route accepts mTLS.
    pub tls: Option<TlsMaterial>,
    /// One listener each.
    pub routes: Vec<ServerRoute>,
}

/// One listener of an origin's sidecar.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ServerRoute {
    /// Unique in the setup.
    pub name: String,
    /// The origin.
    pub upstream: SocketAddr,
    /// Which callers are let in.
    pub mode: Mode,
    /// Requests held back.
    pub delay: Option<PlantedDelay>,
    /// Which requests are let through; all where there are none.
    pub rules: Option<Rules>,
}

/// Rules for a route that is being served.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct NewRules {
    /// Which.
    pub route: String,
    /// Which requests are let through from now on; all where there are none.
    pub rules: Option<Rules>,
}

/// Istio's mTLS modes of an inbound port.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum Mode {
    /// Plain HTTP only; a connection that begins like TLS is closed.
    Disable,
    /// A connection whose first byte is that of a TLS handshake is mTLS, any other plain HTTP.
    Permissive,
    /// mTLS only; any other connection is closed without an answer.
    Strict,
}

/// Requests held back on their way to the origin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct PlantedDelay {
    /// Microseconds.
    pub delay_us: u64,
    /// Share of the requests in parts per million, 0 to 1 000 000, spread evenly: of the first n
    /// requests on a route exactly ⌊n · share⌋ are held back.
    pub share_ppm: u32,
}

impl PlantedDelay {
    pub(crate) fn length(self) -> Duration {
        Duration::from_micros(self.delay_us)
    }
}

/// The first line on standard output.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Ready {
    /// Route → port on 127.0.0.1.
    pub ready: BTreeMap<String, u16>,
}

pub(crate) fn read<T: DeserializeOwned>(line: &str) -> Result<T, Error> {
    serde_json::from_str(line).map_err(Error::Setup)
}
