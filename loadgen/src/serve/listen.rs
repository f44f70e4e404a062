//! Where a server listens: addresses as people write them, and sockets bound to them. Knows nothing
//! of what is said there.

use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener};
use std::os::fd::OwnedFd;
use std::os::unix::net::UnixListener;
use std::path::PathBuf;
use std::str::FromStr;

use rustix::net::sockopt::{set_socket_reuseaddr, set_tcp_nodelay};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

/// Connections that wait to be accepted; the kernel cuts it at net.core.somaxconn. A generator opens
/// thousands at once.
const BACKLOG: i32 = 16 * 1024;

/// A place to listen at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// An IP address and port; port 0 lets the kernel choose.
    Tcp(SocketAddr),
    /// A socket in the file system.
    Unix(PathBuf),
}

impl FromStr for Address {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix("unix:") {
            Some("") => Err("expected a path after `unix:`".to_owned()),
            Some(path) => Ok(Self::Unix(PathBuf::from(path))),
            None => text.parse().map(Self::Tcp).map_err(|_| {
                format!(
                    "expected an IP address and port such as 127.0.0.1:8080 or [::1]:0, or \
                     unix:PATH, found `{text}`"
                )
            }),
        }
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that listens without blocking. One in the file system is removed with it.
#[derive(Debug)]
pub(super) struct Listener {
    pub(super) socket: OwnedFd,
    /// Where it really is: port 0 has become a port.
    pub(super) address: Address,
}

impl Listener {
    pub(super) fn bind(address: &Address) -> io::Result<Self> {
        match address {
            Address::Tcp(address) => {
                let family = match address {
                    SocketAddr::V4(_) => AddressFamily::INET,
                    SocketAddr::V6(_) => AddressFamily::INET6,
                };
                let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
                let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
                set_socket_reuseaddr(&socket, true)?;
                // Accepted sockets inherit it on Linux: an answer is one write, and leaves at once.
                set_tcp_nodelay(&socket, true)?;
                rustix::net::bind(&socket, address)?;
                rustix::net::listen(&socket, BACKLOG)?;
                let listener = TcpListener::from(socket);
                let address = Address::Tcp(listener.local_addr()?);
                Ok(Self { socket: listener.into(), address })
            }
            Address::Unix(path) => {
                let listener = UnixListener::bind(path)?;
                listener.set_nonblocking(true)?;
                Ok(Self { socket: listener.into(), address: address.clone() })
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        if let Address::Unix(path) = &self.address {
            // Somebody may have removed it before.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_print_as_they_are_read() {
        for text in ["127.0.0.1:80", "[::1]:0", "unix:/tmp/a b", "unix:relative"] {
            assert_eq!(text.parse::<Address>().unwrap().to_string(), text);
        }
        for text in ["localhost:80", "127.0.0.1", "8080", "unix:", ""] {
            assert!(text.parse::<Address>().is_err(), "{text}");
        }
    }

    #[test]
    fn port_0_becomes_a_port_and_a_file_goes_with_its_listener() {
        let tcp = Listener::bind(&"127.0.0.1:0".parse().unwrap()).unwrap();
        assert!(matches!(tcp.address, Address::Tcp(address) if address.port() > 0));
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("socket");
        let unix = Listener::bind(&Address::Unix(path.clone())).unwrap();
        assert!(path.exists());
        drop(unix);
        assert!(!path.exists());
    }
}
