//! What the connections of a worker have in common: the clock, the target, buffers, and the events
//! that wait to be told.

use bench::clock::Nanos;
use rustls::ClientConnection;

use super::http1::{KnownHead, RequestWriter};
use super::http2_request::Http2Writer;
use super::target::{Protocol, Target};
use super::wire::{Http2Request, Lane};
use super::{Event, Failure, Happening, Slot, TlsFigures};
use crate::pace::MonotonicClock;

/// Read at once. Answers longer than this take several reads.
const READ_SIZE: usize = 64 * 1024;

/// System calls that the transport made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Calls {
    /// From sockets.
    pub reads: u64,
    /// To sockets.
    pub writes: u64,
    /// For something to happen, those that only looked included.
    pub waits: u64,
    /// To open sockets and to watch them.
    pub opens: u64,
}

impl Calls {
    /// Adds another worker's.
    pub fn add(&mut self, other: Self) {
        self.reads += other.reads;
        self.writes += other.writes;
        self.waits += other.waits;
        self.opens += other.opens;
    }
}

#[derive(Debug)]
pub(super) struct Shared {
    pub clock: MonotonicClock,
    pub target: Target,
    pub writer: Writer,
    pub known: KnownHead,
    /// For bytes from sockets.
    pub buffer: Vec<u8>,
    /// For the same, decrypted.
    pub plain: Vec<u8>,
    /// For a request that is put together.
    pub scratch: Vec<u8>,
    /// To be told by the next wait.
    pub told: Vec<Event>,
    pub calls: Calls,
    /// Connections that have something to write when the turn is over.
    pub dirty: Vec<u32>,
    /// Connections that had more to read than fits in a turn.
    pub unread: Vec<u32>,
    /// TLS as the first connection negotiated it.
    pub tls_seen: Option<TlsFigures>,
    /// The last failure in words.
    pub problem: Option<(Failure, String)>,
}

/// Requests in the form of the protocol.
#[derive(Debug, Clone)]
pub enum Writer {
    /// Bytes.
    Http1(RequestWriter),
    /// Field blocks and bodies.
    Http2(Http2Writer),
}

impl Writer {
    pub(super) fn http2(
        &self,
        request: crate::requests::RequestId,
    ) -> Result<Http2Request, Failure> {
        match self {
            Self::Http2(writer) => writer.request(request).map_err(|_| Failure::Local),
            Self::Http1(_) => unreachable!("wire and writer are made from one protocol"),
        }
    }
}

impl Shared {
    pub(super) fn new(clock: MonotonicClock, target: Target, writer: Writer) -> Self {
        Self {
            clock,
            target,
            writer,
            known: KnownHead::default(),
            buffer: vec![0; READ_SIZE],
            plain: vec![0; READ_SIZE],
            scratch: Vec::new(),
            told: Vec::with_capacity(256),
            calls: Calls::default(),
            dirty: Vec::new(),
            unread: Vec::new(),
            tls_seen: None,
            problem: None,
        }
    }

    /// Keeps the first words for each kind of failure in a row, so that a storm of failures does
    /// not allocate for each.
    pub(super) fn fail(&mut self, failure: Failure, words: impl FnOnce() -> String) -> Failure {
        if self.problem.as_ref().is_none_or(|(last, _)| *last != failure) {
            self.problem = Some((failure, words()));
        }
        failure
    }

    pub(super) fn tell(&mut self, slot: Slot, what: Happening) {
        let at = self.now();
        self.told.push(Event { slot, at, what });
    }

    /// A connection has something to write when the turn is over.
    pub(super) fn mark_dirty(&mut self, lane: Lane) {
        if self.dirty.last() != Some(&lane.connection) {
            self.dirty.push(lane.connection);
        }
    }

    pub(super) fn is_grpc(&self) -> bool {
        matches!(self.target.protocol, Protocol::Http2 { grpc: true, .. })
    }

    pub(super) fn now(&self) -> Nanos {
        self.clock.now()
    }

    /// What the first handshake came to.
    pub(super) fn note_tls(&mut self, tls: &ClientConnection) {
        if self.tls_seen.is_some() {
            return;
        }
        let name = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let leaf = tls.peer_certificates().and_then(|chain| chain.first());
        self.tls_seen = Some(TlsFigures {
            version: match tls.protocol_version() {
                Some(rustls::ProtocolVersion::TLSv1_2) => "TLS 1.2".to_owned(),
                Some(rustls::ProtocolVersion::TLSv1_3) => "TLS 1.3".to_owned(),
                other => format!("{other:?}"),
            },
            cipher: tls
                .negotiated_cipher_suite()
                .map_or_else(String::new, |suite| format!("{:?}", suite.suite())),
            key_exchange: tls
                .negotiated_key_exchange_group()
                .map_or_else(String::new, |group| format!("{:?}", group.name())),
            alpn: tls.alpn_protocol().map(name).unwrap_or_default(),
            peer: leaf
                .and_then(|leaf| identity::peer_spiffe_id(leaf).ok())
                .map(|id| id.to_string()),
        });
    }
}
