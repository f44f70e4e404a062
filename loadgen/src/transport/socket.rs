//! A non-blocking stream socket, TCP or Unix. Knows nothing of what is sent on it.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::Errno;
use rustix::net::{AddressFamily, SocketAddrUnix, SocketFlags, SocketType, sockopt};

use super::Failure;
use super::target::Route;

/// A socket that is connecting or connected.
#[derive(Debug)]
pub(super) struct Socket {
    fd: OwnedFd,
}

impl Socket {
    /// Opens a socket and begins to connect, without waiting for the peer. `attempt` picks one of
    /// several addresses.
    pub(super) fn connect(route: &Route, attempt: usize) -> Result<Self, Errno> {
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let open = |family| rustix::net::socket_with(family, SocketType::STREAM, flags, None);
        let (fd, begun) = match route {
            Route::Tcp(addresses) => {
                let addresses = addresses.now();
                let address = addresses[attempt % addresses.len()];
                let fd = open(if address.is_ipv4() {
                    AddressFamily::INET
                } else {
                    AddressFamily::INET6
                })?;
                // A request is one write, and must leave at once.
                sockopt::set_tcp_nodelay(&fd, true)?;
                let begun = rustix::net::connect(&fd, &address);
                (fd, begun)
            }
            Route::Unix(path) => {
                let fd = open(AddressFamily::UNIX)?;
                let begun = rustix::net::connect(&fd, &SocketAddrUnix::new(path)?);
                (fd, begun)
            }
        };
        match begun {
            Ok(()) | Err(Errno::INPROGRESS) => Ok(Self { fd }),
            Err(error) => Err(error),
        }
    }

    /// The error that ended the attempt to connect, if one did.
    pub(super) fn connect_error(&self) -> Result<(), Errno> {
        sockopt::socket_error(&self.fd)?
    }

    pub(super) fn read(&self, buffer: &mut [u8]) -> Result<usize, Errno> {
        again(|| rustix::net::recv(&self.fd, &mut *buffer, rustix::net::RecvFlags::empty()))
            .map(|(_, count)| count)
    }

    /// Writes as much as the socket takes.
    pub(super) fn write(&self, bytes: &[u8]) -> Result<usize, Errno> {
        again(|| rustix::net::send(&self.fd, bytes, rustix::net::SendFlags::NOSIGNAL))
    }
}

impl AsFd for Socket {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// For rustls, which writes to an `io::Write`.
impl io::Write for &Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        Ok(Socket::write(self, bytes)?)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Again when a signal came first.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}

/// What an error of the kernel means for a request.
pub(super) fn failure_of(error: Errno) -> Failure {
    match error {
        // EAGAIN is a Unix socket whose queue of connections is full.
        Errno::CONNREFUSED
        | Errno::HOSTUNREACH
        | Errno::NETUNREACH
        | Errno::TIMEDOUT
        | Errno::NOENT
        | Errno::AGAIN => Failure::Refused,
        Errno::CONNRESET | Errno::CONNABORTED | Errno::PIPE => Failure::Reset,
        Errno::MFILE | Errno::NFILE => Failure::Descriptors,
        Errno::ADDRNOTAVAIL | Errno::ADDRINUSE => Failure::Ports,
        _ => Failure::Local,
    }
}
