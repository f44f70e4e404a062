//! JSON documents over TLS, one a line, with a deadline for every wait and a limit for every
//! length. Knows neither what is said nor by whom it may be said, beyond what the TLS
//! configuration asks for.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::Duration;

use rustls::pki_types::ServerName;
use rustls::{ClientConfig, ClientConnection, Connection, ServerConfig, ServerConnection};
use serde::Serialize;
use serde::de::DeserializeOwned;
use testbed::deadline::Deadline;

/// TLS takes so much at a time, so that what is not sent yet stays small.
const PIECE: usize = 16 << 10;
/// A time-out of nothing would mean none.
const SHORTEST: Duration = Duration::from_millis(1);
/// For a peer to take bytes that are sent to it, or to finish its handshake.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Why nothing more can be said or heard.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The peer is gone, or its machine.
    #[error("the connection was closed")]
    Closed,
    /// Nothing came in time.
    #[error("nothing came within {:.1} s", .0.as_secs_f64())]
    Late(Duration),
    /// A line without an end.
    #[error("a message of more than {0} bytes, which is more than is read")]
    TooLong(usize),
    /// Not the document that was expected.
    #[error("a message that can not be understood: {0}")]
    Malformed(String),
    /// The peer is not who it should be, or thinks so of us.
    #[error("TLS: {0}")]
    Tls(String),
    /// The kernel says no.
    #[error(transparent)]
    Io(io::Error),
}

/// Both ways to one peer.
#[derive(Debug)]
pub struct Channel {
    stream: TcpStream,
    tls: Connection,
    /// Read, and not yet a whole line.
    held: Vec<u8>,
    /// The longest line that is read.
    longest: usize,
}

impl Channel {
    /// Connects to whom the configuration expects.
    pub fn connect(
        to: SocketAddr,
        config: Arc<ClientConfig>,
        longest: usize,
    ) -> Result<Self, Broken> {
        let stream = TcpStream::connect_timeout(&to, PATIENCE).map_err(Broken::Io)?;
        // The name is not looked at: the certificate's SPIFFE id is.
        let tls = ClientConnection::new(config, ServerName::from(to.ip())).map_err(|e| tls(&e))?;
        Self::over(stream, tls.into(), longest)
    }

    /// Greets whoever connected.
    pub fn accept(
        stream: TcpStream,
        config: Arc<ServerConfig>,
        longest: usize,
    ) -> Result<Self, Broken> {
        let tls = ServerConnection::new(config).map_err(|error| tls(&error))?;
        Self::over(stream, tls.into(), longest)
    }

    fn over(stream: TcpStream, tls: Connection, longest: usize) -> Result<Self, Broken> {
        stream.set_nodelay(true).map_err(Broken::Io)?;
        let mut channel = Self { stream, tls, held: Vec::new(), longest };
        let deadline = Deadline::after(PATIENCE);
        while channel.tls.is_handshaking() {
            channel.flush(deadline)?;
            let late = deadline.has_passed();
            if late || (channel.tls.is_handshaking() && !channel.fill(deadline)?) {
                return Err(Broken::Late(PATIENCE));
            }
        }
        channel.flush(deadline)?;
        Ok(channel)
    }

    /// The peer's certificate; `None` before there is one.
    #[must_use]
    pub fn peer(&self) -> Option<&identity::CertificateDer<'static>> {
        self.tls.peer_certificates()?.first()
    }

    /// Sends a document.
    pub fn say(&mut self, message: &impl Serialize) -> Result<(), Broken> {
        let mut line =
            serde_json::to_vec(message).map_err(|error| Broken::Malformed(error.to_string()))?;
        line.push(b'\n');
        let deadline = Deadline::after(PATIENCE);
        for piece in line.chunks(PIECE) {
            self.tls.writer().write_all(piece).map_err(Broken::Io)?;
            self.flush(deadline)?;
        }
        Ok(())
    }

    /// Waits for a document.
    pub fn hear<T: DeserializeOwned>(&mut self, within: Duration) -> Result<T, Broken> {
        self.listen(within)?.ok_or(Broken::Late(within))
    }

    /// The same where it is well that none comes in that time.
    pub fn listen<T: DeserializeOwned>(&mut self, within: Duration) -> Result<Option<T>, Broken> {
        let deadline = Deadline::after(within);
        let mut looked = false;
        loop {
            if let Some(end) = self.held.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.held.drain(..=end).collect();
                let document = serde_json::from_slice(&line);
                return document.map(Some).map_err(|error| Broken::Malformed(error.to_string()));
            }
            if self.held.len() > self.longest {
                return Err(Broken::TooLong(self.longest));
            }
            // A peer that sends a byte now and then is as late as one that sends nothing.
            if (looked && deadline.has_passed()) || !self.fill(deadline)? {
                return Ok(None);
            }
            looked = true;
        }
    }

    /// Says goodbye; a peer that is gone does not hear it.
    pub fn close(mut self) {
        self.tls.send_close_notify();
        let _ = self.flush(Deadline::after(SHORTEST));
    }

    /// Sends what TLS has to send.
    fn flush(&mut self, deadline: Deadline) -> Result<(), Broken> {
        while self.tls.wants_write() {
            let left = deadline.left().max(SHORTEST);
            self.stream.set_write_timeout(Some(left)).map_err(Broken::Io)?;
            match self.tls.write_tls(&mut self.stream) {
                Ok(0) => return Err(Broken::Closed),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) if timed_out(&error) => return Err(Broken::Late(PATIENCE)),
                Err(error) => return Err(gone(error)),
            }
        }
        Ok(())
    }

    /// Reads once. `false` when nothing came before the deadline.
    fn fill(&mut self, deadline: Deadline) -> Result<bool, Broken> {
        let left = deadline.left().max(SHORTEST);
        self.stream.set_read_timeout(Some(left)).map_err(Broken::Io)?;
        match self.tls.read_tls(&mut self.stream) {
            Ok(0) => return Err(Broken::Closed),
            Ok(_) => {}
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) if timed_out(&error) => return Ok(false),
            Err(error) => return Err(gone(error)),
        }
        let state = self.tls.process_new_packets();
        let state = state.map_err(|error| {
            // The peer is told why, if it still listens.
            let _ = self.tls.write_tls(&mut self.stream);
            tls(&error)
        })?;
        let plain = state.plaintext_bytes_to_read();
        let before = self.held.len();
        self.held.resize(before + plain, 0);
        self.tls.reader().read_exact(&mut self.held[before..]).map_err(Broken::Io)?;
        if plain == 0 && state.peer_has_closed() {
            return Err(Broken::Closed);
        }
        Ok(true)
    }
}

fn tls(error: &rustls::Error) -> Broken {
    Broken::Tls(identity::explain(error))
}

fn timed_out(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn gone(error: io::Error) -> Broken {
    match error.kind() {
        io::ErrorKind::ConnectionReset
        | io::ErrorKind::ConnectionAborted
        | io::ErrorKind::BrokenPipe
        | io::ErrorKind::UnexpectedEof => Broken::Closed,
        _ => Broken::Io(error),
    }
}
