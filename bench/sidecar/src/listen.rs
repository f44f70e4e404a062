//! Listeners and what bounds them. Knows nothing of what is spoken on a connection.

use std::collections::BTreeMap;
use std::future::Future;
use std::io;
use std::net::{Ipv4Addr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpSocket, TcpStream};

use crate::control::{self, Controlled};
use crate::counters::Counters;
use crate::error::Error;
use crate::log;
use crate::setup::Ready;

/// Connections at once on one listener: the largest load has 10 000, with room for probes. One
/// more is closed at once and counted.
const MAX_CONNECTIONS: usize = 12_000;
/// Connections that the kernel may hold for us while a burst of them arrives.
const BACKLOG: u32 = 4096;
/// For the first byte, and for a whole TLS handshake.
pub(crate) const HANDSHAKE_TIMEOUT: Duration = Duration::from_secs(10);
/// After a failed accept, usually for want of descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(20);
/// What a refused caller may still send, and for how long, before the connection is dropped.
const LINGER_BYTES: usize = 64 << 10;
const LINGER_TIMEOUT: Duration = Duration::from_secs(1);

pub(crate) type Served = Pin<Box<dyn Future<Output = ()> + Send>>;

/// A listener to be, with what is done with each of its connections.
pub(crate) struct Listener {
    pub(crate) route: String,
    pub(crate) counters: Arc<Counters>,
    pub(crate) on_connection: Box<dyn Fn(TcpStream) -> Served + Send>,
}

/// A role, ready to be served.
pub(crate) struct Service {
    pub(crate) cores: Vec<usize>,
    /// Where all of it listens.
    pub(crate) address: Ipv4Addr,
    pub(crate) listeners: Vec<Listener>,
    pub(crate) controlled: Controlled,
}

impl Service {
    /// Refuses two routes of one name, whose counts would run together.
    pub(crate) fn new(cores: Vec<usize>, listeners: Vec<Listener>) -> Result<Self, Error> {
        let mut controlled = Controlled::default();
        for Listener { route, counters, .. } in &listeners {
            if controlled.counters.insert(route.clone(), Arc::clone(counters)).is_some() {
                return Err(Error::Unusable(format!("two routes are called `{route}`")));
            }
        }
        Ok(Self { cores, address: Ipv4Addr::LOCALHOST, listeners, controlled })
    }
}

/// Binds all, says so, serves for ever.
pub(crate) async fn serve(address: Ipv4Addr, listeners: Vec<Listener>) -> Result<(), Error> {
    let mut ready = BTreeMap::new();
    let mut bound = Vec::new();
    for listener in listeners {
        let (socket, port) = bind(address)
            .map_err(|source| Error::Listen { route: listener.route.clone(), source })?;
        ready.insert(listener.route.clone(), port);
        bound.push((socket, listener));
    }
    control::say(&Ready { ready }).map_err(Error::Output)?;
    for (socket, listener) in bound {
        tokio::spawn(accept(socket, listener));
    }
    std::future::pending().await
}

fn bind(address: Ipv4Addr) -> io::Result<(TcpListener, u16)> {
    let socket = TcpSocket::new_v4()?;
    socket.bind(SocketAddr::from((address, 0)))?;
    let listener = socket.listen(BACKLOG)?;
    let port = listener.local_addr()?.port();
    Ok((listener, port))
}

async fn accept(socket: TcpListener, listener: Listener) {
    let open = Arc::new(AtomicUsize::new(0));
    loop {
        let stream = match socket.accept().await {
            Ok((stream, _)) => stream,
            Err(error) => {
                log::line(format_args!("{}: accept: {error}", listener.route));
                pause().await;
                continue;
            }
        };
        let Some(place) = Place::take(&open) else {
            listener.counters.refused_limit.one();
            continue;
        };
        if let Err(error) = stream.set_nodelay(true) {
            log::line(format_args!("{}: TCP_NODELAY: {error}", listener.route));
        }
        let served = (listener.on_connection)(stream);
        tokio::spawn(async move {
            let _place = place;
            served.await;
        });
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "a listener that can not accept is no measurement any more; steps of 1 ms will do"
)]
async fn pause() {
    tokio::time::sleep(ACCEPT_PAUSE).await;
}

/// One of a listener's [`MAX_CONNECTIONS`], given back on drop.
struct Place(Arc<AtomicUsize>);

impl Place {
    fn take(open: &Arc<AtomicUsize>) -> Option<Self> {
        if open.load(Ordering::Relaxed) >= MAX_CONNECTIONS {
            return None;
        }
        open.fetch_add(1, Ordering::Relaxed);
        Some(Self(Arc::clone(open)))
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// Ends a refused connection so that the caller reads an end and not a reset, which the kernel
/// sends when bytes are left unread and which can overtake a TLS alert.
pub(crate) async fn close_unanswered(mut stream: TcpStream) {
    let drained = async {
        stream.shutdown().await?;
        let mut left = LINGER_BYTES;
        let mut buffer = [0_u8; 4096];
        while left > 0 {
            match stream.read(&mut buffer).await? {
                0 => break,
                count => left = left.saturating_sub(count),
            }
        }
        io::Result::Ok(())
    };
    // Whatever comes of it, the connection is over.
    let _ = tokio::time::timeout(LINGER_TIMEOUT, drained).await;
}
