//! One connection: socket, tunnel, TLS and the protocol on it, as a state machine that is told when
//! its socket is ready. Knows no epoll, no other connection and no intended time.

use std::io::{self, Read, Write};

use bench::clock::Nanos;
use rustix::io::Errno;
use rustls::ClientConnection;

use super::http1::answer::Method;
use super::http1::{Answer, AnswerReader};
use super::shared::Shared;
use super::socket::{Socket, failure_of};
use super::target::Tls;
use super::{Event, Failure, Happening, Resumed, SetUp, Slot};
use crate::requests::RequestId;

/// What a readiness said of the socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Readiness {
    /// There may be bytes to read.
    pub readable: bool,
    /// There may be room to write.
    pub writable: bool,
    /// The peer sends no more, or the connection is gone.
    pub ending: bool,
}

/// A connection that is being made or that is there. Dropping it closes it.
#[derive(Debug)]
pub(super) struct Link {
    socket: Socket,
    phase: Phase,
    /// When the phase began.
    since: Nanos,
    set_up: SetUp,
    tls: Option<Box<ClientConnection>>,
    /// Plaintext that waits for the link to be ready.
    queued: Vec<u8>,
    /// Bytes, encrypted where there is TLS, that the socket has not taken yet.
    unsent: Vec<u8>,
    exchange: Exchange,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    /// A proxy was asked for a tunnel.
    Tunnelling(AnswerReader),
    Handshaking,
    Ready,
}

/// The request in flight and its answer so far.
#[derive(Debug, Default)]
struct Exchange {
    reader: AnswerReader,
    first_byte: Option<Nanos>,
}

/// An answer that is complete, and when.
#[derive(Debug, Clone, Copy)]
struct Complete {
    answer: Answer,
    first_byte: Nanos,
    at: Nanos,
}

impl Link {
    /// Begins to connect.
    pub(super) fn begin(attempt: usize, shared: &mut Shared) -> Result<Self, Failure> {
        let since = shared.clock.now();
        let socket = Socket::connect(&shared.target.route, attempt)
            .map_err(|error| shared.fail(failure_of(error), || error.to_string()))?;
        Ok(Self {
            socket,
            phase: Phase::Connecting,
            since,
            set_up: SetUp::default(),
            tls: None,
            queued: Vec::new(),
            unsent: Vec::new(),
            exchange: Exchange::default(),
        })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// Whether requests may be sent on it.
    pub(super) fn is_ready(&self) -> bool {
        matches!(self.phase, Phase::Ready)
    }

    /// Writes a request, or keeps it until the link is ready. Returns the clock as read just before
    /// the write, and the request's bytes.
    pub(super) fn ask(
        &mut self,
        request: RequestId,
        shared: &mut Shared,
    ) -> Result<(Nanos, u64), Failure> {
        let Shared { clock, writer, scratch, calls, .. } = shared;
        let method = if writer.is_head(request) { Method::Head } else { Method::Any };
        self.exchange.reader.expect(method);
        self.exchange.first_byte = None;
        let bytes = writer.bytes(request, scratch);
        let length = u64::try_from(bytes.len()).expect("usize has at most 64 bits here");
        if !self.is_ready() {
            self.queued.extend_from_slice(bytes);
            return Ok((clock.now(), length));
        }
        if let Some(tls) = &mut self.tls {
            // Encrypting is this program's own work, so the clock is read behind it.
            tls.writer().write_all(bytes).expect("its buffer has no limit");
            let sent_at = clock.now();
            self.flush(shared)?;
            return Ok((sent_at, length));
        }
        let sent_at = clock.now();
        calls.writes += 1;
        let written = match self.socket.write(bytes) {
            Ok(written) => written,
            Err(Errno::AGAIN) => 0,
            Err(error) => return Err(shared.fail(failure_of(error), || error.to_string())),
        };
        self.unsent.extend_from_slice(&bytes[written..]);
        Ok((sent_at, length))
    }

    /// Acts on a readiness, and tells what came of it. An error is the end of the link.
    pub(super) fn on_ready(
        &mut self,
        readiness: Readiness,
        slot: Slot,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        if matches!(self.phase, Phase::Connecting) {
            self.connected(readiness, slot, shared)?;
            if matches!(self.phase, Phase::Connecting) {
                return Ok(());
            }
        } else if readiness.writable {
            self.flush(shared)?;
        }
        if readiness.readable || readiness.ending {
            self.pull(readiness.ending, slot, shared)?;
        }
        Ok(())
    }

    fn connected(
        &mut self,
        readiness: Readiness,
        slot: Slot,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        self.socket
            .connect_error()
            .map_err(|error| shared.fail(failure_of(error), || error.to_string()))?;
        if !readiness.writable {
            // The edge that reports the connection may be the only one that reports its end.
            return if readiness.ending { Err(Failure::Closed) } else { Ok(()) };
        }
        let now = shared.clock.now();
        self.set_up.connect = now.since(self.since);
        self.since = now;
        if let Some(authority) = &shared.target.tunnel {
            let ask = format!("CONNECT {authority} HTTP/1.1\r\nhost: {authority}\r\n\r\n");
            self.unsent.extend_from_slice(ask.as_bytes());
            let mut reader = AnswerReader::default();
            reader.expect(Method::Connect);
            self.phase = Phase::Tunnelling(reader);
            return self.flush(shared);
        }
        self.secure(slot, shared)
    }

    /// Begins TLS where there is any; else the link is ready.
    fn secure(&mut self, slot: Slot, shared: &mut Shared) -> Result<(), Failure> {
        let Some(Tls { config, name }) = &shared.target.tls else {
            return self.ready(slot, shared);
        };
        let mut tls = ClientConnection::new(config.clone(), name.clone())
            .map_err(|error| shared.fail(Failure::Tls, || error.to_string()))?;
        tls.set_buffer_limit(None);
        self.tls = Some(Box::new(tls));
        self.phase = Phase::Handshaking;
        self.since = shared.clock.now();
        self.flush(shared)
    }

    /// Everything is set up: says so, and sends what waited for it.
    fn ready(&mut self, slot: Slot, shared: &mut Shared) -> Result<(), Failure> {
        self.phase = Phase::Ready;
        let at = shared.clock.now();
        if let Some(tls) = &self.tls {
            let resumed = match tls.handshake_kind() {
                Some(rustls::HandshakeKind::Resumed) => Resumed::Yes,
                _ => Resumed::No,
            };
            self.set_up.handshake = Some((at.since(self.since), resumed));
            shared.note_tls(tls);
        }
        shared.told.push(Event { slot, at, what: Happening::Connected(self.set_up) });
        let queued = std::mem::take(&mut self.queued);
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(&queued).expect("its buffer has no limit"),
            None => self.unsent.extend_from_slice(&queued),
        }
        self.flush(shared)
    }

    /// Writes what there is to write, as far as the socket takes it.
    fn flush(&mut self, shared: &mut Shared) -> Result<(), Failure> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            shared.calls.writes += 1;
            match tls.write_tls(&mut &self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                Err(error) => return Err(shared.fail(of_io(&error), || error.to_string())),
            }
        }
        let mut from = 0;
        while from < self.unsent.len() {
            shared.calls.writes += 1;
            match self.socket.write(&self.unsent[from..]) {
                Ok(written) => from += written,
                Err(Errno::AGAIN) => break,
                Err(error) => return Err(shared.fail(failure_of(error), || error.to_string())),
            }
        }
        self.unsent.drain(..from);
        Ok(())
    }

    /// Reads until the socket is empty. A short read empties a stream socket (epoll(7)), so the
    /// second read that would only say so is spared, unless the peer is `ending`.
    fn pull(&mut self, ending: bool, slot: Slot, shared: &mut Shared) -> Result<(), Failure> {
        // The buffer is on loan, so that what is read can be acted on with all that is shared.
        let mut buffer = std::mem::take(&mut shared.buffer);
        let pulled = self.pull_into(&mut buffer, ending, slot, shared);
        shared.buffer = buffer;
        pulled
    }

    fn pull_into(
        &mut self,
        buffer: &mut [u8],
        ending: bool,
        slot: Slot,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let mut complete = None;
        let ended = loop {
            shared.calls.reads += 1;
            match self.socket.read(buffer) {
                Ok(0) => break Some(self.closed(&mut complete, shared)),
                Ok(count) => {
                    let at = shared.clock.now();
                    self.take(&buffer[..count], at, (slot, &mut complete), shared)?;
                    if count < buffer.len() && !ending {
                        break None;
                    }
                }
                Err(Errno::AGAIN) => break None,
                Err(error) => break Some(shared.fail(failure_of(error), || error.to_string())),
            }
        };
        self.conclude(complete, ended, slot, shared)
    }

    /// Tells an answer, or why there will be none.
    fn conclude(
        &self,
        complete: Option<Complete>,
        ended: Option<Failure>,
        slot: Slot,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let Some(Complete { answer, first_byte, at }) = complete else {
            return ended.map_or(Ok(()), Err);
        };
        // That its connection then ended only means: do not use it again. An answer that came
        // before the request was all written leaves the rest in the way.
        let whole =
            self.unsent.is_empty() && self.tls.as_ref().is_none_or(|tls| !tls.wants_write());
        let reusable = answer.reusable && ended.is_none() && whole;
        let Answer { status, bytes, .. } = answer;
        let what = Happening::Answered { status, bytes, first_byte, reusable };
        shared.told.push(Event { slot, at, what });
        Ok(())
    }

    /// The peer closed: an answer that ends with its connection is complete, and a TLS one only
    /// when the peer said that it is at its end, since anybody can cut a connection.
    fn closed(&mut self, complete: &mut Option<Complete>, shared: &mut Shared) -> Failure {
        let at = shared.clock.now();
        let truncated = self.tls.as_mut().is_some_and(|tls| {
            let _ = tls.read_tls(&mut io::empty());
            tls.process_new_packets().is_ok_and(|state| !state.peer_has_closed())
        });
        if complete.is_none()
            && !truncated
            && let Some(answer) = self.exchange.reader.finish()
        {
            let first_byte = self.exchange.first_byte.unwrap_or(at);
            *complete = Some(Complete { answer, first_byte, at });
        }
        if self.is_ready() {
            return Failure::Closed;
        }
        let failure = match self.phase {
            Phase::Tunnelling(_) => Failure::Tunnel,
            Phase::Handshaking => Failure::Tls,
            Phase::Connecting | Phase::Ready => Failure::Closed,
        };
        shared.fail(failure, || "the connection was closed while it was being set up".to_owned())
    }

    /// Takes bytes from the socket.
    fn take(
        &mut self,
        bytes: &[u8],
        at: Nanos,
        (slot, complete): (Slot, &mut Option<Complete>),
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let rest = match &mut self.phase {
            Phase::Tunnelling(reader) => {
                match reader.feed(bytes, &mut shared.known) {
                    Ok(None) => return Ok(()),
                    Ok(Some(answer)) if (200..300).contains(&answer.status) => {}
                    Ok(Some(answer)) => {
                        let status = answer.status;
                        return Err(shared.fail(Failure::Tunnel, || {
                            format!("the proxy answered {status} to CONNECT")
                        }));
                    }
                    Err(error) => return Err(shared.fail(Failure::Tunnel, || error.to_string())),
                }
                self.secure(slot, shared)?;
                // A tunnel's first bytes are the client's, in TLS as in HTTP.
                &[]
            }
            _ => bytes,
        };
        if self.tls.is_some() {
            self.decrypt(rest, at, (slot, complete), shared)
        } else {
            self.read_plain(rest, at, complete, shared)
        }
    }

    fn decrypt(
        &mut self,
        mut bytes: &[u8],
        at: Nanos,
        (slot, complete): (Slot, &mut Option<Complete>),
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        while !bytes.is_empty() {
            let tls = self.tls.as_mut().expect("only called with TLS");
            let handshaking = tls.is_handshaking();
            tls.read_tls(&mut bytes)
                .map_err(|error| shared.fail(Failure::Tls, || error.to_string()))?;
            let state = match tls.process_new_packets() {
                Ok(state) => state,
                Err(error) => {
                    // The alert that says why is worth an attempt.
                    let _ = tls.write_tls(&mut &self.socket);
                    return Err(shared.fail(Failure::Tls, || identity::explain(&error)));
                }
            };
            let mut left = state.plaintext_bytes_to_read();
            if handshaking && !tls.is_handshaking() {
                self.ready(slot, shared)?;
            } else if tls.wants_write() {
                self.flush(shared)?;
            }
            let mut plain = std::mem::take(&mut shared.plain);
            let mut read = Ok(());
            while left > 0 && read.is_ok() {
                let tls = self.tls.as_mut().expect("only called with TLS");
                let count = tls.reader().read(&mut plain).expect("that much was announced");
                left = left.saturating_sub(count.max(1));
                read = self.read_plain(&plain[..count], at, complete, shared);
            }
            shared.plain = plain;
            read?;
        }
        Ok(())
    }

    /// Takes what the peer said in HTTP.
    fn read_plain(
        &mut self,
        bytes: &[u8],
        at: Nanos,
        complete: &mut Option<Complete>,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        let first_byte = *self.exchange.first_byte.get_or_insert(at);
        match self.exchange.reader.feed(bytes, &mut shared.known) {
            Ok(None) => Ok(()),
            Ok(Some(answer)) if complete.is_none() => {
                *complete = Some(Complete { answer, first_byte, at });
                Ok(())
            }
            Ok(Some(_)) => Err(shared.fail(Failure::Malformed, || "a second answer".to_owned())),
            Err(error) => Err(shared.fail(Failure::Malformed, || error.to_string())),
        }
    }
}

fn of_io(error: &io::Error) -> Failure {
    error.raw_os_error().map_or(Failure::Local, |code| failure_of(Errno::from_raw_os_error(code)))
}
