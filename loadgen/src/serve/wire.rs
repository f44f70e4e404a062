//! One accepted socket, plain or under TLS, as bytes of HTTP in both directions. Never blocks, and
//! never asks the kernel for what its last answer has already said. Knows nothing of HTTP.

use std::io::{self, ErrorKind, IoSlice, Read, Write};
use std::os::fd::OwnedFd;
use std::sync::Arc;

use rustix::io::Errno;
use rustix::net::{RecvFlags, SendAncillaryBuffer, SendFlags, Shutdown};
use rustls::{HandshakeKind, ProtocolVersion, ServerConfig, ServerConnection};

/// The socket and what is known of it.
#[derive(Debug)]
pub(super) struct Wire {
    socket: Socket,
    tls: Option<Box<Tls>>,
}

/// The descriptor, edge-triggered: a readiness holds until a call says otherwise.
#[derive(Debug)]
struct Socket {
    fd: OwnedFd,
    /// There may be something to read.
    readable: bool,
    /// There may be room to write.
    writable: bool,
    /// The peer sends no more, or the connection is gone: only reading to the end says which.
    ending: bool,
}

#[derive(Debug)]
struct Tls {
    session: ServerConnection,
    /// Decrypted bytes may be left in the session.
    plain_left: bool,
    told: bool,
}

/// What a read came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Received {
    /// So many bytes, at the front of the buffer.
    Bytes(usize),
    /// No bytes of HTTP this time; [`Wire::readable`] says whether to ask again.
    Nothing,
    /// The peer sends no more.
    End,
}

/// A TLS handshake that came to its end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Handshake {
    pub(super) resumed: bool,
    pub(super) tls_1_2: bool,
}

impl Wire {
    pub(super) fn new(fd: OwnedFd, tls: Option<&Arc<ServerConfig>>) -> Result<Self, rustls::Error> {
        let tls = match tls {
            None => None,
            Some(config) => {
                let session = ServerConnection::new(Arc::clone(config))?;
                Some(Box::new(Tls { session, plain_left: false, told: false }))
            }
        };
        let socket = Socket { fd, readable: false, writable: true, ending: false };
        Ok(Self { socket, tls })
    }

    pub(super) fn fd(&self) -> &OwnedFd {
        &self.socket.fd
    }

    /// An edge said that there is something to read; `ending`, that the peer sends no more.
    pub(super) fn now_readable(&mut self, ending: bool) {
        self.socket.readable = true;
        self.socket.ending |= ending;
    }

    /// An edge said that there is room.
    pub(super) fn now_writable(&mut self) {
        self.socket.writable = true;
    }

    /// Whether the peer has gone, or at least stopped sending.
    pub(super) fn ending(&self) -> bool {
        self.socket.ending
    }

    /// Whether a read may find something.
    pub(super) fn readable(&self) -> bool {
        self.socket.readable || self.tls.as_ref().is_some_and(|tls| tls.plain_left)
    }

    /// Whether there was room at the last look.
    pub(super) fn writable(&self) -> bool {
        self.socket.writable
    }

    /// Whether TLS is in use and its handshake not over.
    pub(super) fn is_handshaking(&self) -> bool {
        self.tls.as_ref().is_some_and(|tls| tls.session.is_handshaking())
    }

    /// The handshake, once it is over; tells it once.
    pub(super) fn take_handshake(&mut self) -> Option<Handshake> {
        let tls = self.tls.as_mut().filter(|tls| !tls.told && !tls.session.is_handshaking())?;
        tls.told = true;
        Some(Handshake {
            resumed: tls.session.handshake_kind() == Some(HandshakeKind::Resumed),
            tls_1_2: tls.session.protocol_version() == Some(ProtocolVersion::TLSv1_2),
        })
    }

    /// Reads once.
    pub(super) fn read(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        let Self { socket, tls } = self;
        match tls {
            None => match socket.read(buffer) {
                Ok(0) => Ok(Received::End),
                Ok(count) => Ok(Received::Bytes(count)),
                Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing),
                Err(error) => Err(error),
            },
            Some(tls) => tls.read(socket, buffer),
        }
    }

    /// Writes from the front of `parts`; returns how many of their bytes were taken. Fewer than
    /// there are means that an edge will say when there is room again.
    pub(super) fn write(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        let Self { socket, tls } = self;
        match tls {
            None => full_is_none(socket.write_vectored(parts)),
            Some(tls) => {
                let mut taken = 0;
                for part in parts {
                    let mut left = &part[..];
                    while !left.is_empty() {
                        // What the session takes at most is its buffer; then the socket must.
                        let count = tls.session.writer().write(left)?;
                        taken += count;
                        left = &left[count..];
                        if !left.is_empty() && !tls.flush(socket)? {
                            return Ok(taken);
                        }
                    }
                }
                tls.flush(socket)?;
                Ok(taken)
            }
        }
    }

    /// Hands what TLS has encrypted to the kernel. Returns whether nothing is left.
    pub(super) fn flush(&mut self) -> io::Result<bool> {
        let Self { socket, tls } = self;
        tls.as_mut().map_or(Ok(true), |tls| tls.flush(socket))
    }

    /// Says that nothing more will be sent; [`Wire::shutdown`] follows once all is flushed.
    pub(super) fn say_goodbye(&mut self) {
        if let Some(tls) = &mut self.tls {
            tls.session.send_close_notify();
        }
    }

    /// Ends this direction.
    pub(super) fn shutdown(&self) {
        // A peer that is gone already needs no end.
        let _ = rustix::net::shutdown(&self.socket.fd, Shutdown::Write);
    }

    /// Lets go of the socket with a reset instead of an end.
    pub(super) fn reset(self) {
        // Refused only on sockets that have no linger, and there a close is all there is.
        let _ = rustix::net::sockopt::set_socket_linger(
            &self.socket.fd,
            Some(std::time::Duration::ZERO),
        );
    }
}

impl Tls {
    fn read(&mut self, socket: &mut Socket, buffer: &mut [u8]) -> io::Result<Received> {
        if self.plain_left {
            let received = self.take_plain(buffer)?;
            if received != Received::Nothing {
                return Ok(received);
            }
        }
        if !socket.readable {
            return Ok(Received::Nothing);
        }
        match self.session.read_tls(socket) {
            Ok(0) => return Ok(Received::End),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(Received::Nothing),
            Err(error) => return Err(error),
        }
        let processed = self.session.process_new_packets();
        // What the handshake has to say, or the alert that says why there is none.
        self.flush(socket)?;
        processed.map_err(|error| io::Error::new(ErrorKind::InvalidData, error))?;
        self.take_plain(buffer)
    }

    fn take_plain(&mut self, buffer: &mut [u8]) -> io::Result<Received> {
        self.plain_left = false;
        match self.session.reader().read(buffer) {
            Ok(0) => Ok(Received::End),
            Ok(count) => {
                self.plain_left = count == buffer.len();
                Ok(Received::Bytes(count))
            }
            Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(Received::Nothing),
            Err(error) if error.kind() == ErrorKind::UnexpectedEof => Ok(Received::End),
            Err(error) => Err(error),
        }
    }

    fn flush(&mut self, socket: &mut Socket) -> io::Result<bool> {
        while self.session.wants_write() {
            match self.session.write_tls(socket) {
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(false),
                Err(error) => return Err(error),
            }
        }
        Ok(true)
    }
}

/// No room is no error, and takes no bytes.
fn full_is_none(result: io::Result<usize>) -> io::Result<usize> {
    match result {
        Err(error) if error.kind() == ErrorKind::WouldBlock => Ok(0),
        other => other,
    }
}

impl Read for Socket {
    /// A short read empties a stream socket (epoll(7)), so the second read that would only say so
    /// is spared, unless the peer is ending.
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        if !self.readable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let room = buffer.len();
        match again(|| rustix::net::recv(&self.fd, &mut *buffer, RecvFlags::empty())) {
            Ok((_, count)) => {
                self.readable = count == room || self.ending && count > 0;
                Ok(count)
            }
            Err(error) => {
                self.readable = false;
                Err(error.into())
            }
        }
    }
}

impl Write for Socket {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.write_vectored(&[IoSlice::new(bytes)])
    }

    fn write_vectored(&mut self, parts: &[IoSlice<'_>]) -> io::Result<usize> {
        if !self.writable {
            return Err(ErrorKind::WouldBlock.into());
        }
        let sent = match parts {
            [part] => again(|| rustix::net::send(&self.fd, part, SendFlags::NOSIGNAL)),
            parts => again(|| {
                let mut none = SendAncillaryBuffer::default();
                rustix::net::sendmsg(&self.fd, parts, &mut none, SendFlags::NOSIGNAL)
            }),
        };
        sent.map_err(|error| {
            self.writable &= error != Errno::AGAIN;
            error.into()
        })
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Asks once more for as long as a signal comes in between.
fn again<T>(mut call: impl FnMut() -> Result<T, Errno>) -> Result<T, Errno> {
    loop {
        match call() {
            Err(Errno::INTR) => {}
            other => return other,
        }
    }
}
