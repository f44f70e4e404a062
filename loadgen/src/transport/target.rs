//! Where requests go and how a connection to there is made. Knows no socket and no request.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::ClientConfig;
use rustls::pki_types::ServerName;

/// What is spoken to, and how.
#[derive(Debug, Clone)]
pub struct Target {
    /// Where the socket leads.
    pub route: Route,
    /// The authority for `host` or `:authority`.
    pub authority: String,
    /// The `host:port` that a proxy at the route is asked to CONNECT to.
    pub tunnel: Option<String>,
    /// Plain without.
    pub tls: Option<Tls>,
    /// What is spoken on it.
    pub protocol: Protocol,
    /// How long a connection is kept.
    pub keeping: Keeping,
}

/// TLS to the target.
#[derive(Debug, Clone)]
pub struct Tls {
    /// Roots, own certificate, versions, ALPN, resumption.
    pub config: Arc<ClientConfig>,
    /// For SNI and verification.
    pub name: ServerName<'static>,
}

/// What is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Protocol {
    /// One request at a time on a connection, never pipelined.
    Http1,
    /// Up to this many at a time.
    Http2 {
        /// At least 1.
        streams: u32,
        /// Whether the trailers say how a request ended, as in gRPC.
        grpc: bool,
    },
}

impl Protocol {
    /// Requests at once on each connection.
    #[must_use]
    pub fn streams(self) -> u32 {
        match self {
            Self::Http1 => 1,
            Self::Http2 { streams, .. } => streams.max(1),
        }
    }

    /// As people write it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Http1 => "HTTP/1.1",
            Self::Http2 { .. } => "HTTP/2",
        }
    }
}

/// How long a connection is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Keeping {
    /// Opened before the first request, used for many.
    Alive,
    /// Opened for each request, whose response time holds the set-up, and closed behind its answer.
    EachRequest,
}

/// Where a socket leads.
#[derive(Debug, Clone)]
pub enum Route {
    /// TCP; connections are dealt over the addresses.
    Tcp(Arc<Addresses>),
    /// A Unix socket.
    Unix(PathBuf),
}

/// Addresses of a name, which may change while requests are sent.
#[derive(Debug)]
pub struct Addresses {
    version: AtomicU64,
    list: Mutex<Arc<[SocketAddr]>>,
}

impl Addresses {
    /// At least one.
    #[must_use]
    pub fn new(list: Vec<SocketAddr>) -> Arc<Self> {
        Arc::new(Self { version: AtomicU64::new(0), list: Mutex::new(list.into()) })
    }

    /// A name was looked up again. Connections opened from now on use the new list; an empty one
    /// is no answer and changes nothing.
    pub fn replace(&self, list: Vec<SocketAddr>) {
        if list.is_empty() || *list == *self.now() {
            return;
        }
        *self.list.lock().unwrap_or_else(PoisonError::into_inner) = list.into();
        self.version.fetch_add(1, Ordering::Release);
    }

    /// The list at hand.
    #[must_use]
    pub fn now(&self) -> Arc<[SocketAddr]> {
        Arc::clone(&self.list.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Changes with each new list, so that a reader need not take the lock.
    #[must_use]
    pub fn version(&self) -> u64 {
        self.version.load(Ordering::Acquire)
    }
}
