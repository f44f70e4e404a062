//! Plain TCP on Linux: non-blocking sockets, one epoll instance, edge-triggered, each socket
//! registered once. One `write` and one `read` carry a request and its answer.

use std::io::{self, ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::os::fd::OwnedFd;
use std::time::Duration;

use bench::clock::Nanos;
use rustix::event::{Timespec, epoll};
use rustix::net::{AddressFamily, SocketFlags, SocketType};

use super::http1::{Answer, AnswerReader};
use super::{Event, Failure, Happening, Slot, Transport};
use crate::pace::{MonotonicClock, SpinWindow};

/// Read at once. Answers longer than this take several reads.
const READ_SIZE: usize = 64 * 1024;

/// Taken from the kernel at once; more wait for the next turn.
const EVENTS_AT_ONCE: usize = 256;

/// The peer sends no more, or the connection is gone.
const ENDING: epoll::EventFlags =
    epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);

/// Connections to one address, on one thread.
pub struct EpollTransport {
    clock: MonotonicClock,
    spin: SpinWindow,
    epoll: OwnedFd,
    address: SocketAddr,
    request: Vec<u8>,
    connections: Vec<Connection>,
    ready: Vec<epoll::Event>,
    /// What went wrong outside `wait`, to be told by the next one.
    pending: Vec<Event>,
    buffer: Vec<u8>,
}

struct Connection {
    stream: Option<TcpStream>,
    connected: bool,
    /// Bytes of the request that the socket has not taken yet.
    unsent: usize,
    reader: AnswerReader,
    /// Tells events of this socket from late ones of an earlier socket in the same place.
    generation: u32,
}

/// What one readiness came to.
enum Outcome {
    Nothing,
    Tell(Happening),
}

impl EpollTransport {
    /// No connection is open yet. `method` is the request's, since it decides how answers end.
    pub fn new(
        clock: MonotonicClock,
        spin: SpinWindow,
        address: SocketAddr,
        request: Vec<u8>,
        (connections, method): (u32, &str),
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Kernels before 5.11 have no epoll_pwait2, and no other wait is finer than a millisecond.
        let mut none: [epoll::Event; 1] = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        epoll::wait(&epoll, &mut none, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        let connections = (0..connections)
            .map(|_| Connection {
                stream: None,
                connected: false,
                unsent: 0,
                reader: AnswerReader::for_method(method),
                generation: 0,
            })
            .collect();
        Ok(Self {
            clock,
            spin,
            epoll,
            address,
            request,
            connections,
            ready: Vec::with_capacity(EVENTS_AT_ONCE),
            pending: Vec::new(),
            buffer: vec![0; READ_SIZE],
        })
    }

    /// Opens the socket and begins to connect, without waiting for the peer.
    fn begin(&mut self, slot: Slot) -> io::Result<()> {
        let family = match self.address {
            SocketAddr::V4(_) => AddressFamily::INET,
            SocketAddr::V6(_) => AddressFamily::INET6,
        };
        let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
        let socket = rustix::net::socket_with(family, SocketType::STREAM, flags, None)?;
        let stream = TcpStream::from(socket);
        // A request is one write, and must leave at once.
        stream.set_nodelay(true)?;
        let connection = &mut self.connections[slot.index()];
        connection.generation = connection.generation.wrapping_add(1);
        let key = (u64::from(connection.generation) << 32) | u64::from(slot.0);
        let interest = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&self.epoll, &stream, epoll::EventData::new_u64(key), interest)?;
        let begun = rustix::net::connect(&stream, &self.address);
        connection.stream = Some(stream);
        connection.connected = false;
        connection.unsent = 0;
        connection.reader.reset();
        match begun {
            Ok(()) | Err(rustix::io::Errno::INPROGRESS) => Ok(()),
            Err(error) => Err(error.into()),
        }
    }

    /// Lets go of the socket and tells what happened with the next `wait`.
    fn break_off(&mut self, slot: Slot, failure: Failure) {
        self.close(slot);
        let at = self.clock.now();
        self.pending.push(Event { slot, at, what: Happening::Broken(failure) });
    }

    /// Writes what is left of the request.
    fn write(&mut self, slot: Slot) -> io::Result<()> {
        let connection = &mut self.connections[slot.index()];
        let Some(stream) = connection.stream.as_mut() else { return Ok(()) };
        while connection.unsent > 0 {
            let from = self.request.len() - connection.unsent;
            match stream.write(&self.request[from..]) {
                Ok(0) => return Err(ErrorKind::WriteZero.into()),
                Ok(written) => connection.unsent -= written,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }

    /// Acts on one readiness.
    fn on_ready(&mut self, key: u64, flags: epoll::EventFlags) -> Option<Event> {
        let slot = Slot(u32::try_from(key & u64::from(u32::MAX)).expect("masked to 32 bits"));
        let connection = self.connections.get_mut(slot.index())?;
        let stream = connection.stream.as_ref()?;
        if u64::from(connection.generation) != key >> 32 {
            return None;
        }
        if !connection.connected {
            let what = match stream.take_error() {
                // The edge that reports the connection is the only one that reports its end.
                Ok(None) if flags.intersects(ENDING) => Happening::Broken(Failure::Closed),
                // Nobody speaks before being asked in HTTP/1.1.
                Ok(None) if flags.contains(epoll::EventFlags::IN) => {
                    Happening::Broken(Failure::Malformed)
                }
                Ok(None) if flags.contains(epoll::EventFlags::OUT) => {
                    connection.connected = true;
                    Happening::Opened
                }
                Ok(None) => return None,
                Ok(Some(error)) | Err(error) => Happening::Broken(failure_of(&error)),
            };
            return Some(self.told(slot, what));
        }
        if connection.unsent > 0
            && flags.contains(epoll::EventFlags::OUT)
            && let Err(error) = self.write(slot)
        {
            return Some(self.told(slot, Happening::Broken(failure_of(&error))));
        }
        if !flags.intersects(ENDING | epoll::EventFlags::IN) {
            return None;
        }
        let ending = flags.intersects(ENDING);
        match self.read(slot, ending) {
            Outcome::Nothing => None,
            Outcome::Tell(what) => Some(self.told(slot, what)),
        }
    }

    /// Reads until the socket is empty. A short read empties a stream socket (epoll(7)), so the
    /// second read that would only say so is spared, unless the peer is `ending`.
    fn read(&mut self, slot: Slot, ending: bool) -> Outcome {
        let connection = &mut self.connections[slot.index()];
        let Some(stream) = connection.stream.as_mut() else { return Outcome::Nothing };
        let mut answered: Option<Answer> = None;
        let broken = loop {
            match stream.read(&mut self.buffer) {
                Ok(0) => {
                    answered = answered.or_else(|| connection.reader.finish());
                    break Some(Failure::Closed);
                }
                Ok(count) => {
                    match connection.reader.feed(&self.buffer[..count]) {
                        Ok(Some(_)) if answered.is_some() => break Some(Failure::Malformed),
                        Ok(answer) => answered = answered.or(answer),
                        Err(_) => break Some(Failure::Malformed),
                    }
                    if count < self.buffer.len() && !ending {
                        break None;
                    }
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => break None,
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(error) => break Some(failure_of(&error)),
            }
        };
        match (answered, broken) {
            // The answer came whole; that its connection then ended only means: do not reuse it.
            (Some(answer), Some(Failure::Closed | Failure::Reset)) => {
                Outcome::Tell(answered_with(Answer { reusable: false, ..answer }))
            }
            (_, Some(failure)) => Outcome::Tell(Happening::Broken(failure)),
            // An answer that came before the request was all written leaves its rest in the way.
            (Some(answer), None) => Outcome::Tell(answered_with(Answer {
                reusable: answer.reusable && connection.unsent == 0,
                ..answer
            })),
            (None, None) => Outcome::Nothing,
        }
    }

    /// Stamps what happened, and lets go of a broken socket.
    fn told(&mut self, slot: Slot, what: Happening) -> Event {
        if matches!(what, Happening::Broken(_)) {
            self.close(slot);
        }
        Event { slot, at: self.clock.now(), what }
    }

    /// Asks the kernel once, for at most that long. Returns whether anything is to be told.
    fn poll(&mut self, timeout: Duration, happened: &mut Vec<Event>) -> bool {
        let timeout = Timespec::try_from(timeout).expect("well below 2^63 seconds");
        self.ready.clear();
        let spare = rustix::buffer::spare_capacity(&mut self.ready);
        if epoll::wait(&self.epoll, spare, Some(&timeout)).is_err() {
            // Interrupted by a signal, the only error possible with our arguments on a kernel that
            // has the call, which `new` has seen: look again.
            return false;
        }
        let before = happened.len();
        for index in 0..self.ready.len() {
            let event = self.ready[index];
            happened.extend(self.on_ready(event.data.u64(), event.flags));
        }
        happened.len() > before
    }
}

fn answered_with(answer: Answer) -> Happening {
    Happening::Answered { status: answer.status, bytes: answer.bytes, reusable: answer.reusable }
}

fn failure_of(error: &io::Error) -> Failure {
    match error.kind() {
        ErrorKind::ConnectionRefused
        | ErrorKind::HostUnreachable
        | ErrorKind::NetworkUnreachable
        | ErrorKind::TimedOut => Failure::Refused,
        ErrorKind::ConnectionReset | ErrorKind::ConnectionAborted | ErrorKind::BrokenPipe => {
            Failure::Reset
        }
        _ => Failure::Local,
    }
}

impl Transport for EpollTransport {
    fn now(&mut self) -> Nanos {
        self.clock.now()
    }

    fn open(&mut self, slot: Slot) {
        if let Err(error) = self.begin(slot) {
            self.break_off(slot, failure_of(&error));
        }
    }

    fn send(&mut self, slot: Slot) -> Nanos {
        self.connections[slot.index()].unsent = self.request.len();
        let sent_at = self.clock.now();
        if let Err(error) = self.write(slot) {
            self.break_off(slot, failure_of(&error));
        }
        sent_at
    }

    fn close(&mut self, slot: Slot) {
        // Closing the descriptor takes it out of the epoll set; there is no other copy of it.
        let connection = &mut self.connections[slot.index()];
        connection.stream = None;
        connection.connected = false;
        self.pending.retain(|event| event.slot != slot);
    }

    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        if !self.pending.is_empty() {
            happened.append(&mut self.pending);
            return;
        }
        loop {
            let remaining = until.since(self.clock.now());
            let told = self.poll(self.spin.sleep_for(remaining), happened);
            if told || remaining == 0 {
                return;
            }
        }
    }
}
