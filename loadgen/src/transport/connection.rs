//! One connection: socket, tunnel, TLS and the protocol on it, as a state machine that is told when
//! its socket is ready. Knows no epoll, no other connection and no intended time.

use std::io::{self, Read, Write};

use bench::clock::Nanos;
use rustix::io::Errno;
use rustls::ClientConnection;

use super::http1::AnswerReader;
use super::http1::answer::Method;
use super::shared::{Shared, Writer};
use super::socket::{Socket, failure_of};
use super::target::{Keeping, Protocol, Tls};
use super::wire::{Exchange, Lane, Streams, Wire};
use super::{Event, Failure, Happening, Resumed, SetUp};
use crate::requests::RequestId;

/// Of one connection, before others and the schedule have their turn: a peer that sends faster than
/// it is read must not hold the loop.
const READS_A_TURN: usize = 16;

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
    wire: Wire,
}

#[derive(Debug)]
enum Phase {
    Connecting,
    /// A proxy was asked for a tunnel.
    Tunnelling(AnswerReader),
    Handshaking,
    Ready,
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
            wire: match shared.target.protocol {
                Protocol::Http1 => Wire::Http1(Exchange::default()),
                protocol @ Protocol::Http2 { .. } => {
                    Wire::Http2(Box::new(Streams::new(protocol.streams())))
                }
            },
        })
    }

    pub(super) fn socket(&self) -> &Socket {
        &self.socket
    }

    /// With HTTP/2, a place is wanted open. With HTTP/1.1 the link's being ready says it all.
    pub(super) fn open(&mut self, place: u32, lane: Lane, shared: &mut Shared) {
        if let Wire::Http2(streams) = &mut self.wire {
            streams.open(place, lane, shared);
        }
    }

    /// Gives up the request at a place. Returns whether the link goes on without it.
    pub(super) fn close(&mut self, place: u32, lane: Lane, shared: &mut Shared) -> bool {
        match &mut self.wire {
            // HTTP/1.1 has no way to take a request back.
            Wire::Http1(_) => false,
            Wire::Http2(streams) => {
                streams.close(place);
                shared.mark_dirty(lane);
                !streams.is_done()
            }
        }
    }

    /// Whether nothing more will come of it.
    pub(super) fn is_done(&self) -> bool {
        matches!(&self.wire, Wire::Http2(streams) if streams.is_done())
    }

    /// The link is gone, and with it whatever was open on it.
    pub(super) fn abandon(&mut self, failure: Failure, lane: Lane, shared: &mut Shared) {
        match &mut self.wire {
            Wire::Http1(_) => shared.tell(lane.slot(0), Happening::Broken(failure)),
            Wire::Http2(streams) => streams.abandon(failure, lane, shared),
        }
    }

    /// Writes a request, or keeps it until the link is ready. Returns the clock as read just before
    /// the write, and the request's bytes. An HTTP/2 request is written with the others of its
    /// turn, by [`Self::flush`].
    pub(super) fn ask(
        &mut self,
        place: u32,
        request: RequestId,
        lane: Lane,
        shared: &mut Shared,
    ) -> Result<(Nanos, u64), Failure> {
        let Shared { clock, writer, scratch, calls, .. } = shared;
        let writer = match (&mut self.wire, writer) {
            (Wire::Http1(exchange), Writer::Http1(writer)) => {
                let method = if writer.is_head(request) { Method::Head } else { Method::Any };
                exchange.expect(method);
                writer
            }
            (Wire::Http2(streams), _) => {
                let bytes = match streams.ask(place, request, shared) {
                    Ok(bytes) => bytes,
                    Err(failure) => {
                        // The connection is none the worse for it.
                        streams.unask(place);
                        shared.tell(lane.slot(place), Happening::Failed(failure));
                        0
                    }
                };
                shared.mark_dirty(lane);
                return Ok((shared.now(), bytes));
            }
            (Wire::Http1(_), Writer::Http2(_)) => {
                unreachable!("wire and writer are made from one protocol")
            }
        };
        let bytes = writer.bytes(request, scratch);
        let length = u64::try_from(bytes.len()).expect("usize has at most 64 bits here");
        if !matches!(self.phase, Phase::Ready) {
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
        lane: Lane,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        if matches!(self.phase, Phase::Connecting) {
            self.connected(readiness, lane, shared)?;
            if matches!(self.phase, Phase::Connecting) {
                return Ok(());
            }
        } else if readiness.writable {
            self.flush(shared)?;
        }
        if readiness.readable || readiness.ending {
            self.pull(readiness.ending, lane, shared)?;
        }
        Ok(())
    }

    fn connected(
        &mut self,
        readiness: Readiness,
        lane: Lane,
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
        self.secure(lane, shared)
    }

    /// Begins TLS where there is any; else the link is ready.
    fn secure(&mut self, lane: Lane, shared: &mut Shared) -> Result<(), Failure> {
        let Some(Tls { config, name }) = &shared.target.tls else {
            return self.ready(lane, shared);
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
    fn ready(&mut self, lane: Lane, shared: &mut Shared) -> Result<(), Failure> {
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
        let what = Happening::Connected(self.set_up);
        shared.told.push(Event { slot: lane.slot(0), at, what });
        // A connection for one request has its request already.
        if let Wire::Http1(_) = self.wire
            && shared.target.keeping == Keeping::Alive
        {
            shared.tell(lane.slot(0), Happening::Opened);
        }
        let queued = std::mem::take(&mut self.queued);
        match &mut self.tls {
            Some(tls) => tls.writer().write_all(&queued).expect("its buffer has no limit"),
            None => self.unsent.extend_from_slice(&queued),
        }
        self.flush(shared)
    }

    /// Writes what there is to write, as far as the socket takes it.
    pub(super) fn flush(&mut self, shared: &mut Shared) -> Result<(), Failure> {
        loop {
            // Bodies of HTTP/2 go on where what was there before is on its way.
            let more = self.take_output();
            if !self.write_out(shared)? || !more {
                return Ok(());
            }
        }
    }

    /// Takes over what HTTP/2 has to write. Returns whether there was anything.
    fn take_output(&mut self) -> bool {
        let Wire::Http2(streams) = &mut self.wire else { return false };
        if !matches!(self.phase, Phase::Ready) || !self.unsent.is_empty() {
            return false;
        }
        let output = streams.output();
        if output.is_empty() {
            return false;
        }
        match &mut self.tls {
            Some(tls) => {
                tls.writer().write_all(output).expect("its buffer has no limit");
                output.clear();
            }
            None => std::mem::swap(&mut self.unsent, output),
        }
        true
    }

    /// Returns whether the socket took everything.
    fn write_out(&mut self, shared: &mut Shared) -> Result<bool, Failure> {
        while let Some(tls) = self.tls.as_mut().filter(|tls| tls.wants_write()) {
            shared.calls.writes += 1;
            match tls.write_tls(&mut &self.socket) {
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(false),
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
        Ok(self.unsent.is_empty())
    }

    /// Reads until the socket is empty. A short read empties a stream socket (epoll(7)), so the
    /// second read that would only say so is spared, unless the peer is `ending`.
    fn pull(&mut self, ending: bool, lane: Lane, shared: &mut Shared) -> Result<(), Failure> {
        // The buffer is on loan, so that what is read can be acted on with all that is shared.
        let mut buffer = std::mem::take(&mut shared.buffer);
        let pulled = self.pull_into(&mut buffer, ending, lane, shared);
        shared.buffer = buffer;
        pulled
    }

    fn pull_into(
        &mut self,
        buffer: &mut [u8],
        ending: bool,
        lane: Lane,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        let mut reads = 0;
        let ended = loop {
            reads += 1;
            if reads > READS_A_TURN {
                // The edge was told; the rest must be asked for.
                shared.unread.push(lane.connection);
                break None;
            }
            shared.calls.reads += 1;
            match self.socket.read(buffer) {
                Ok(0) => break Some(self.closed(shared)),
                Ok(count) => {
                    let at = shared.now();
                    self.take(&buffer[..count], at, lane, shared)?;
                    if count < buffer.len() && !ending {
                        break None;
                    }
                }
                Err(Errno::AGAIN) => break None,
                Err(error) => break Some(shared.fail(failure_of(error), || error.to_string())),
            }
        };
        // That its connection then ended only means of an answer: do not use it again. An answer
        // that came before the request was all written leaves the rest in the way.
        let whole =
            self.unsent.is_empty() && self.tls.as_ref().is_none_or(|tls| !tls.wants_write());
        if let Wire::Http1(exchange) = &mut self.wire
            && exchange.conclude(ended.is_none() && whole, lane.slot(0), shared)
        {
            return Ok(());
        }
        match ended {
            Some(failure) => Err(failure),
            None if self.is_done() => Err(Failure::Closed),
            None => Ok(()),
        }
    }

    /// The peer closed. An answer that ends with its connection is complete then, but in TLS only
    /// when the peer said that it is at its end, since anybody can cut a connection.
    fn closed(&mut self, shared: &mut Shared) -> Failure {
        let truncated = self.tls.as_mut().is_some_and(|tls| {
            let _ = tls.read_tls(&mut io::empty());
            tls.process_new_packets().is_ok_and(|state| !state.peer_has_closed())
        });
        if let Wire::Http1(exchange) = &mut self.wire
            && !truncated
        {
            exchange.end(shared.now());
        }
        let failure = match self.phase {
            Phase::Tunnelling(_) => Failure::Tunnel,
            Phase::Handshaking => Failure::Tls,
            Phase::Connecting | Phase::Ready => return Failure::Closed,
        };
        shared.fail(failure, || "the connection was closed while it was being set up".to_owned())
    }

    /// Takes bytes from the socket.
    fn take(
        &mut self,
        bytes: &[u8],
        at: Nanos,
        lane: Lane,
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
                self.secure(lane, shared)?;
                // A tunnel's first bytes are the client's, in TLS as in HTTP.
                &[]
            }
            _ => bytes,
        };
        if self.tls.is_some() {
            self.decrypt(rest, at, lane, shared)
        } else {
            self.read_plain(rest, at, lane, shared)
        }
    }

    fn decrypt(
        &mut self,
        mut bytes: &[u8],
        at: Nanos,
        lane: Lane,
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
                self.ready(lane, shared)?;
            } else if tls.wants_write() {
                self.flush(shared)?;
            }
            let mut plain = std::mem::take(&mut shared.plain);
            let mut read = Ok(());
            while left > 0 && read.is_ok() {
                let tls = self.tls.as_mut().expect("only called with TLS");
                let count = tls.reader().read(&mut plain).expect("that much was announced");
                left = left.saturating_sub(count.max(1));
                read = self.read_plain(&plain[..count], at, lane, shared);
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
        lane: Lane,
        shared: &mut Shared,
    ) -> Result<(), Failure> {
        if bytes.is_empty() {
            return Ok(());
        }
        match &mut self.wire {
            Wire::Http1(exchange) => exchange.take(bytes, at, shared),
            Wire::Http2(streams) => {
                let taken = streams.take(bytes, at, lane, shared);
                shared.mark_dirty(lane);
                taken
            }
        }
    }
}

fn of_io(error: &io::Error) -> Failure {
    error.raw_os_error().map_or(Failure::Local, |code| failure_of(Errno::from_raw_os_error(code)))
}
