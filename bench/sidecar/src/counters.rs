//! What a route has seen. Written by the serving thread, read by the control thread: a wedged
//! runtime can still be asked.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// Distinct texts kept per route and kind; a mesh of two has one. More are not noted.
const MOST_TEXTS: usize = 64;

/// The answer to `stats`: per route, since the last one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stats {
    /// Route → counts.
    pub stats: BTreeMap<String, RouteStats>,
}

/// Counts of a route since the last `stats`.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RouteStats {
    /// Requests; at the origin those answered, without echoes.
    pub requests: u64,
    /// Echo requests, at the origin only.
    pub echoes: u64,
    /// Connections accepted as plain HTTP.
    pub plaintext_connections: u64,
    /// Incoming handshakes that ended well, without resumption.
    pub handshakes_full: u64,
    /// The same with resumption.
    pub handshakes_resumed: u64,
    /// Requests that rules let through.
    pub allowed: u64,
    /// Requests that rules refused.
    pub denied: u64,
    /// Connections refused, by reason.
    pub refused: Refused,
    /// Requests that the next hop did not answer.
    pub upstream_failures: u64,
    /// SPIFFE ids under which a handshake or a request came, each once, at most 64.
    pub peers: Vec<String>,
    /// Version, cipher and key exchange of those, e.g. `TLSv1_3 TLS13_AES_128_GCM_SHA256 X25519`.
    pub tls: Vec<String>,
}

/// Connections refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Refused {
    /// Plain bytes where mTLS is required.
    pub plaintext: u64,
    /// TLS where plain HTTP is required.
    pub tls: u64,
    /// A handshake that failed: no certificate, a wrong one, or no TLS after all.
    pub handshake: u64,
    /// No first byte or no whole handshake in time.
    pub slow: u64,
    /// More connections than the listener holds.
    pub limit: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Count(AtomicU64);

impl Count {
    pub(crate) fn one(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    fn take(&self) -> u64 {
        self.0.swap(0, Ordering::Relaxed)
    }
}

/// Counts of a route as they grow.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) requests: Count,
    pub(crate) echoes: Count,
    pub(crate) plaintext: Count,
    pub(crate) full: Count,
    pub(crate) resumed: Count,
    pub(crate) allowed: Count,
    pub(crate) denied: Count,
    pub(crate) refused_plaintext: Count,
    pub(crate) refused_tls: Count,
    pub(crate) refused_handshake: Count,
    pub(crate) refused_slow: Count,
    pub(crate) refused_limit: Count,
    pub(crate) upstream_failures: Count,
    /// Raised by every `stats`, so that a connection that lives on is noted again.
    generation: AtomicU64,
    seen: Mutex<Seen>,
}

#[derive(Debug, Default)]
struct Seen {
    peers: BTreeSet<String>,
    tls: BTreeSet<String>,
}

/// An authenticated caller on one connection.
#[derive(Debug)]
pub(crate) struct Peer {
    pub(crate) id: String,
    pub(crate) tls: String,
    /// One more than the generation in which it was noted last; 0 when it never was.
    noted: AtomicU64,
}

impl Peer {
    pub(crate) fn new(id: String, tls: String) -> Self {
        Self { id, tls, noted: AtomicU64::new(0) }
    }
}

impl Counters {
    /// Notes the caller once per `stats` period; otherwise costs two loads.
    pub(crate) fn note(&self, peer: &Peer) {
        let current = self.generation.load(Ordering::Relaxed) + 1;
        if peer.noted.load(Ordering::Relaxed) == current {
            return;
        }
        let mut seen = self.seen();
        let Seen { peers, tls } = &mut *seen;
        for (set, text) in [(peers, &peer.id), (tls, &peer.tls)] {
            if set.len() < MOST_TEXTS {
                set.insert(text.clone());
            }
        }
        // Under the lock, where `take` raises it.
        let current = self.generation.load(Ordering::Relaxed) + 1;
        peer.noted.store(current, Ordering::Relaxed);
    }

    /// The counts since the last call.
    pub(crate) fn take(&self) -> RouteStats {
        let Seen { peers, tls } = {
            let mut seen = self.seen();
            self.generation.fetch_add(1, Ordering::Relaxed);
            std::mem::take(&mut *seen)
        };
        RouteStats {
            requests: self.requests.take(),
            echoes: self.echoes.take(),
            plaintext_connections: self.plaintext.take(),
            handshakes_full: self.full.take(),
            handshakes_resumed: self.resumed.take(),
            allowed: self.allowed.take(),
            denied: self.denied.take(),
            refused: Refused {
                plaintext: self.refused_plaintext.take(),
                tls: self.refused_tls.take(),
                handshake: self.refused_handshake.take(),
                slow: self.refused_slow.take(),
                limit: self.refused_limit.take(),
            },
            upstream_failures: self.upstream_failures.take(),
            peers: peers.into_iter().collect(),
            tls: tls.into_iter().collect(),
        }
    }

    fn seen(&self) -> MutexGuard<'_, Seen> {
        // Sets stay sound whoever panicked over them.
        self.seen.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_caller_on_a_connection_that_lives_on_is_seen_in_every_period() {
        let counters = Counters::default();
        let peer = Peer::new("spiffe://a/ns/b/sa/c".into(), "TLS".into());
        for _ in 0..3 {
            counters.note(&peer);
            counters.note(&peer);
            assert_eq!(counters.take().peers, std::slice::from_ref(&peer.id));
        }
        assert!(counters.take().peers.is_empty());
    }

    #[test]
    fn a_crowd_of_callers_does_not_grow_the_set_without_end() {
        let counters = Counters::default();
        for n in 0..1000 {
            counters.note(&Peer::new(format!("spiffe://a/ns/b/sa/c{n}"), "TLS".into()));
        }
        assert_eq!(counters.take().peers.len(), MOST_TEXTS);
    }
}
