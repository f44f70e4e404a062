//! How one request travels. Knows no intended time and no rate.
//!
//! ```text
//! mod        the seam: slots, what may happen on them, the trait
//! target     where to and how
//! epoll      all connections of a worker on one epoll instance
//! connection one connection: socket, tunnel, TLS
//! wire       what is spoken on it: HTTP/1.1 or HTTP/2, over `http1` and `crate::http2`
//! sim        a queue on virtual time instead of all this
//! ```

mod connection;
pub mod epoll;
pub mod http1;
mod http2_request;
mod shared;
pub mod sim;
mod socket;
pub mod target;
mod wire;

pub use http2_request::Http2Writer;
pub use shared::{Calls, Writer};

use bench::clock::Nanos;

use crate::requests::RequestId;

/// A place for one request at a time, from 0 to the number of places − 1: a connection with
/// HTTP/1.1, a stream of one with HTTP/2.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).expect("usize has at least 32 bits here")
    }
}

/// What went wrong with a request or on its connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens there, or no way leads there.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before the whole answer was there.
    Closed,
    /// What came was not the protocol that is spoken, or more came than was asked for.
    Malformed,
    /// The TLS handshake failed: a certificate, an alert, no common version or protocol.
    Tls,
    /// The proxy did not open the tunnel.
    Tunnel,
    /// The peer reset the stream, not the connection.
    StreamReset,
    /// The peer said that it did not look at the request.
    NotProcessed,
    /// A gRPC status other than 0.
    Grpc(u8),
    /// No file descriptor was left for a socket.
    Descriptors,
    /// No port was left for a socket.
    Ports,
    /// This machine refused for another reason.
    Local,
}

impl Failure {
    /// The name used in `run.json`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
            Self::Tls => "tls",
            Self::Tunnel => "tunnel",
            Self::StreamReset => "stream-reset",
            Self::NotProcessed => "not-processed",
            Self::Grpc(_) => "grpc-status",
            Self::Descriptors => "no-descriptor-left",
            Self::Ports => "no-port-left",
            Self::Local => "local",
        }
    }

    /// Whether it is this machine's doing and not the peer's.
    #[must_use]
    pub fn is_local(self) -> bool {
        matches!(self, Self::Descriptors | Self::Ports | Self::Local)
    }
}

/// How a connection came to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct SetUp {
    /// Nanoseconds from the call to connect until the socket was connected.
    pub connect: u64,
    /// Nanoseconds of the TLS handshake after that, and whether it was resumed.
    pub handshake: Option<(u64, Resumed)>,
}

/// Whether a TLS handshake built on an earlier one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Resumed {
    /// Certificates and all.
    No,
    /// From a ticket or a session.
    Yes,
}

/// TLS as it was negotiated.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct TlsFigures {
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
}

/// What happened on a slot.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// A connection was made. Told once for each connection, before anything else of it.
    Connected(SetUp),
    /// The slot is open and idle.
    Opened,
    /// The peer allows no request on this slot, now or later.
    Barred,
    /// The request in flight was answered in full.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Bytes of the answer, head and body.
        bytes: u64,
        /// When its first byte came.
        first_byte: Nanos,
        /// Whether another request may follow on the slot as it is.
        reusable: bool,
    },
    /// The request in flight failed; another may follow on the slot as it is.
    Failed(Failure),
    /// The slot is gone. Whatever was in flight on it has no answer.
    Broken(Failure),
}

/// Something that happened, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// To which slot.
    pub slot: Slot,
    /// Read from the clock when it was noticed.
    pub at: Nanos,
    /// What.
    pub what: Happening,
}

/// Connections to one target, and the clock they live by.
pub trait Transport {
    /// The clock. Never goes back.
    fn now(&mut self) -> Nanos;

    /// Begins to open a slot. `Opened`, `Barred` or `Broken` follows from [`Self::wait`].
    fn open(&mut self, slot: Slot);

    /// Writes the request on an open, idle slot. Returns the clock as read just before the write,
    /// and the request's bytes. `Answered`, `Failed` or `Broken` follows from [`Self::wait`].
    fn send(&mut self, slot: Slot, request: RequestId) -> (Nanos, u64);

    /// Gives a slot up, with what is in flight on it. Nothing follows.
    fn close(&mut self, slot: Slot);

    /// Waits until something happened or until the instant is reached, whichever is first, and
    /// appends what happened. May return early with nothing.
    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>);
}
