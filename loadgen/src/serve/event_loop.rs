//! The one thread of a server: epoll, edge-triggered, each socket registered once; a sleep to
//! shortly before the next answer is due, and a spin until it is. Knows the clock, and leaves to
//! the connections what is said on them.

use std::io;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::time::Duration;

use bench::clock::Nanos;
use bench::seams::StopFlag;
use rustix::event::{Timespec, epoll};
use rustix::io::Errno;
use rustix::net::SocketFlags;
use rustls::ServerConfig;

use super::connection::{Connection, Fate};
use super::listen::Listener;
use super::shared::Shared;
use super::tally::Served;
use super::wire::Wire;
use crate::machine::thread_cpu_time;
use crate::pace::{MonotonicClock, SpinWindow, Wait};

/// Read at once. Longer requests take several reads.
const READ_SIZE: usize = 64 * 1024;

/// Taken from the kernel at once; more wait for the next turn.
const EVENTS_AT_ONCE: usize = 256;

/// How soon the wish to stop is noticed, and a connection that could not be accepted tried again.
const LONGEST_SLEEP: Duration = Duration::from_millis(50);

/// The peer sends no more, or the connection is gone.
const ENDING: epoll::EventFlags =
    epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);

/// No connection has this key: its place would have to be the last of 2³².
const LISTENER: u64 = u64::MAX;

/// All that a server is while it serves.
pub(super) struct EventLoop {
    epoll: OwnedFd,
    listener: Listener,
    /// Connections that came could not be taken for want of descriptors.
    overrun: bool,
    tls: Option<Arc<ServerConfig>>,
    clock: MonotonicClock,
    wait: Wait,
    places: Places,
    shared: Shared,
    buffer: Vec<u8>,
}

impl EventLoop {
    pub(super) fn new(
        listener: Listener,
        tls: Option<Arc<ServerConfig>>,
        clock: MonotonicClock,
        wait: Wait,
        shared: Shared,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Kernels before 5.11 have no epoll_pwait2, and no other wait is finer than a millisecond.
        // Asked while there is nothing to be told: the edge of a client that is there already would
        // be told here, and never again.
        let mut none = Vec::with_capacity(1);
        epoll::wait(&epoll, rustix::buffer::spare_capacity(&mut none), Some(&Timespec::default()))?;
        let interest = epoll::EventFlags::IN | epoll::EventFlags::ET;
        epoll::add(&epoll, &listener.socket, epoll::EventData::new_u64(LISTENER), interest)?;
        Ok(Self {
            epoll,
            listener,
            overrun: false,
            tls,
            clock,
            wait,
            places: Places::default(),
            shared,
            buffer: vec![0; READ_SIZE],
        })
    }

    /// Serves until the flag is raised.
    pub(super) fn run(mut self, stop: &StopFlag) -> Served {
        let cpu_before = thread_cpu_time();
        let mut ready: Vec<epoll::Event> = Vec::with_capacity(EVENTS_AT_ONCE);
        while !stop.is_raised() {
            let timeout = Timespec::try_from(self.sleep()).expect("at most 50 ms");
            ready.clear();
            let room = rustix::buffer::spare_capacity(&mut ready);
            // A signal in between, the only error possible here, is a reason to look at the flag.
            if epoll::wait(&self.epoll, room, Some(&timeout)).is_err() {
                continue;
            }
            let now = self.clock.now();
            self.wait.precedence.watch(now);
            for event in &ready {
                self.on_ready(event.data.u64(), event.flags, now);
            }
            if self.overrun && ready.is_empty() {
                self.accept();
            }
            self.ring(if ready.is_empty() { now } else { self.clock.now() });
        }
        self.shared.tally.close(thread_cpu_time().saturating_sub(cpu_before))
    }

    /// How long nothing is to be done, as far as is known.
    fn sleep(&self) -> Duration {
        if self.wait.spin == SpinWindow::ALWAYS {
            return Duration::ZERO;
        }
        self.shared.alarms.next().map_or(LONGEST_SLEEP, |alarm| {
            self.wait.spin.sleep_for(alarm.since(self.clock.now())).min(LONGEST_SLEEP)
        })
    }

    fn on_ready(&mut self, key: u64, flags: epoll::EventFlags, now: Nanos) {
        if key == LISTENER {
            return self.accept();
        }
        let Some(connection) = self.places.find(key) else { return };
        if flags.intersects(ENDING | epoll::EventFlags::IN) {
            connection.wire().now_readable(flags.intersects(ENDING));
        }
        if flags.contains(epoll::EventFlags::OUT) {
            connection.wire().now_writable();
        }
        self.advance(key, now);
    }

    /// Sends the answers that are due.
    fn ring(&mut self, now: Nanos) {
        while let Some((at, key)) = self.shared.alarms.take_due(now) {
            if let Some(connection) = self.places.find(key) {
                if connection.wake(at) {
                    self.shared.tally.waited(now.since(at));
                }
                self.advance(key, now);
            }
        }
    }

    fn advance(&mut self, key: u64, now: Nanos) {
        let Some(connection) = self.places.find(key) else { return };
        match connection.advance(now, &mut self.shared, &mut self.buffer) {
            Fate::Stays => {}
            // Closing the descriptor takes it out of the epoll set; there is no other copy of it.
            Fate::Closes => drop(self.places.take(key)),
            Fate::Resets => {
                if let Some(connection) = self.places.take(key) {
                    connection.into_wire().reset();
                }
            }
        }
    }

    /// Accepts all that wait.
    fn accept(&mut self) {
        self.overrun = false;
        loop {
            let flags = SocketFlags::NONBLOCK | SocketFlags::CLOEXEC;
            match rustix::net::accept_with(&self.listener.socket, flags) {
                Ok(socket) => self.admit(socket),
                Err(Errno::AGAIN) => return,
                // The client went away before it was accepted, or a signal came in between.
                Err(Errno::CONNABORTED | Errno::INTR | Errno::PROTO) => {}
                Err(_) => {
                    // No edge will tell of those that wait, so they are looked for again.
                    self.overrun = true;
                    self.shared.tally.served.accept_failures += 1;
                    return;
                }
            }
        }
    }

    fn admit(&mut self, socket: OwnedFd) {
        let Ok(wire) = Wire::new(socket, self.tls.as_ref()) else {
            self.shared.tally.served.handshakes_failed += 1;
            return;
        };
        self.shared.tally.served.connections += 1;
        let http = self.shared.http;
        let interest = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        let connection = self.places.put(|key| Connection::new(wire, http, key));
        let key = connection.key();
        let data = epoll::EventData::new_u64(key);
        if epoll::add(&self.epoll, connection.wire().fd(), data, interest).is_err() {
            self.shared.tally.served.accept_failures += 1;
            drop(self.places.take(key));
        }
    }
}

/// Connections by key: a place in the low half, and in the high half how often it was taken, which
/// tells late events of a connection that is gone from those of its successor.
#[derive(Default)]
struct Places {
    places: Vec<(u32, Option<Connection>)>,
    free: Vec<u32>,
}

impl Places {
    fn put(&mut self, make: impl FnOnce(u64) -> Connection) -> &mut Connection {
        let place = self.free.pop().unwrap_or_else(|| {
            self.places.push((0, None));
            u32::try_from(self.places.len() - 1).expect("far fewer descriptors than 2^32")
        });
        let (times, connection) = &mut self.places[place as usize];
        *times = times.wrapping_add(1);
        connection.insert(make(u64::from(*times) << 32 | u64::from(place)))
    }

    fn at(&mut self, key: u64) -> Option<&mut Option<Connection>> {
        let place = usize::try_from(key & u64::from(u32::MAX)).expect("masked to 32 bits");
        self.places.get_mut(place).map(|(_, connection)| connection)
    }

    fn find(&mut self, key: u64) -> Option<&mut Connection> {
        self.at(key)?.as_mut().filter(|connection| connection.key() == key)
    }

    fn take(&mut self, key: u64) -> Option<Connection> {
        let taken = self.at(key)?.take_if(|connection| connection.key() == key)?;
        self.free.push(u32::try_from(key & u64::from(u32::MAX)).expect("masked to 32 bits"));
        Some(taken)
    }
}
