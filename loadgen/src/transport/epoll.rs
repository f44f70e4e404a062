//! All connections of a worker on Linux: one epoll instance, edge-triggered, each socket registered
//! once. With HTTP/1.1 one write and one read carry a request and its answer.

use std::io;
use std::os::fd::OwnedFd;
use std::time::Duration;

use bench::clock::Nanos;
use rustix::event::{Timespec, epoll};

use super::connection::{Link, Readiness};
use super::shared::{Calls, Shared, Writer};
use super::socket::failure_of;
use super::target::{Keeping, Target};
use super::wire::Lane;
use super::{Event, Failure, Happening, Slot, TlsFigures, Transport};
use crate::pace::{MonotonicClock, Wait};
use crate::requests::RequestId;

/// Taken from the kernel at once; more wait for the next call.
const EVENTS_AT_ONCE: usize = 256;

/// Acted on before the schedule is looked at again: each costs a few microseconds, and a request
/// that comes due meanwhile would be that late.
const EVENTS_A_TURN: usize = 4;

/// The peer sends no more, or the connection is gone.
const ENDING: epoll::EventFlags =
    epoll::EventFlags::RDHUP.union(epoll::EventFlags::HUP).union(epoll::EventFlags::ERR);

/// Connections to one target, on one thread.
pub struct EpollTransport {
    epoll: OwnedFd,
    wait: Wait,
    places: Vec<Place>,
    ready: Vec<epoll::Event>,
    /// Of `ready`, those that were acted on.
    acted_on: usize,
    shared: Shared,
}

/// Where a connection is, or was, or will be.
#[derive(Debug)]
struct Place {
    link: Option<Link>,
    /// Tells events of this socket from late ones of an earlier socket in the same place.
    generation: u32,
    /// Connections begun here; also picks the address.
    attempts: usize,
}

impl EpollTransport {
    /// No connection is open yet. There are as many slots as `connections` times the protocol's
    /// streams.
    pub fn new(
        clock: MonotonicClock,
        wait: Wait,
        target: Target,
        writer: Writer,
        connections: u32,
    ) -> io::Result<Self> {
        let epoll = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        // Kernels before 5.11 have no epoll_pwait2, and no other wait is finer than a millisecond.
        let mut none: [epoll::Event; 1] = [epoll::Event {
            flags: epoll::EventFlags::empty(),
            data: epoll::EventData::new_u64(0),
        }];
        epoll::wait(&epoll, &mut none, Some(&Timespec { tv_sec: 0, tv_nsec: 0 }))?;
        let places = (0..connections)
            .map(|number| Place {
                link: None,
                generation: 0,
                attempts: usize::try_from(number).expect("usize has at least 32 bits here"),
            })
            .collect();
        Ok(Self {
            epoll,
            wait,
            places,
            ready: Vec::with_capacity(EVENTS_AT_ONCE),
            acted_on: 0,
            shared: Shared::new(clock, target, writer),
        })
    }

    /// System calls so far.
    #[must_use]
    pub fn calls(&self) -> Calls {
        self.shared.calls
    }

    /// TLS as the first connection negotiated it.
    #[must_use]
    pub fn tls(&self) -> Option<&TlsFigures> {
        self.shared.tls_seen.as_ref()
    }

    /// The last failure in words.
    #[must_use]
    pub fn problem(&self) -> Option<&str> {
        self.shared.problem.as_ref().map(|(_, words)| words.as_str())
    }

    /// How it waits, as measured until now.
    #[must_use]
    pub fn waits(&self) -> Wait {
        self.wait
    }

    fn opens_for_each_request(&self) -> bool {
        self.shared.target.keeping == Keeping::EachRequest
    }

    fn lane(&self, slot: Slot) -> (Lane, u32) {
        Lane::of(slot, u32::try_from(self.places.len()).expect("made from a u32"))
    }

    /// Opens a socket and begins to connect.
    fn begin(&mut self, lane: Lane) -> Result<(), Failure> {
        let place = &mut self.places[lane.index()];
        self.shared.calls.opens += 2;
        // Connections are dealt over the addresses, and a next attempt takes the next one, also
        // where this one is refused at once.
        let attempt = place.attempts;
        place.attempts = attempt.wrapping_add(1);
        let link = Link::begin(attempt, &mut self.shared)?;
        place.generation = place.generation.wrapping_add(1);
        let key = (u64::from(place.generation) << 32) | u64::from(lane.connection);
        let interest = epoll::EventFlags::IN
            | epoll::EventFlags::OUT
            | epoll::EventFlags::RDHUP
            | epoll::EventFlags::ET;
        epoll::add(&self.epoll, link.socket(), epoll::EventData::new_u64(key), interest)
            .map_err(|error| self.shared.fail(failure_of(error), || error.to_string()))?;
        place.link = Some(link);
        Ok(())
    }

    /// Lets go of a connection that failed, and tells it of all that was open on it.
    fn break_off(&mut self, lane: Lane, failure: Failure) {
        if let Some(mut link) = self.places[lane.index()].link.take() {
            link.abandon(failure, lane, &mut self.shared);
        }
    }

    /// Acts on one readiness.
    fn on_ready(&mut self, key: u64, flags: epoll::EventFlags) {
        let connection = u32::try_from(key & u64::from(u32::MAX)).expect("masked to 32 bits");
        let (lane, _) = self.lane(Slot(connection));
        let Some(place) = self.places.get(lane.index()) else { return };
        if u64::from(place.generation) != key >> 32 {
            return;
        }
        let readiness = Readiness {
            readable: flags.contains(epoll::EventFlags::IN),
            writable: flags.contains(epoll::EventFlags::OUT),
            ending: flags.intersects(ENDING),
        };
        self.act_on(lane, readiness);
    }

    fn act_on(&mut self, lane: Lane, readiness: Readiness) {
        let Some(link) = self.places[lane.index()].link.as_mut() else { return };
        let told = self.shared.told.len();
        match link.on_ready(readiness, lane, &mut self.shared) {
            Err(failure) => self.break_off(lane, failure),
            Ok(()) if self.opens_for_each_request() => self.end_if_answered(lane, told),
            Ok(()) => {}
        }
    }

    /// A connection for one request has done its work with the answer; the slot takes another.
    fn end_if_answered(&mut self, lane: Lane, told: usize) {
        for event in &mut self.shared.told[told..] {
            match &mut event.what {
                Happening::Answered { reusable, .. } => *reusable = true,
                Happening::Failed(_) => {}
                _ => continue,
            }
            self.places[lane.index()].link = None;
        }
    }

    /// Writes what the turn left to be written.
    fn flush_dirty(&mut self) {
        while let Some(connection) = self.shared.dirty.pop() {
            let (lane, _) = self.lane(Slot(connection));
            let Some(link) = self.places[lane.index()].link.as_mut() else { continue };
            if let Err(failure) = link.flush(&mut self.shared) {
                self.break_off(lane, failure);
            }
        }
    }

    /// Goes on with connections that had more to read than fitted in their turn.
    fn read_on(&mut self) {
        for connection in std::mem::take(&mut self.shared.unread) {
            let (lane, _) = self.lane(Slot(connection));
            // What the peer said of its end was told with the edge; reading finds it again.
            let readiness = Readiness { readable: true, writable: false, ending: true };
            self.act_on(lane, readiness);
        }
    }

    /// Acts on some of what the kernel said.
    fn act(&mut self) {
        let end = self.ready.len().min(self.acted_on + EVENTS_A_TURN);
        for index in self.acted_on..end {
            let event = self.ready[index];
            self.on_ready(event.data.u64(), event.flags);
        }
        self.acted_on = end;
    }

    /// Asks the kernel once, for at most that long.
    fn poll(&mut self, timeout: Duration) {
        let timeout = Timespec::try_from(timeout).expect("well below 2^63 seconds");
        self.ready.clear();
        self.acted_on = 0;
        self.shared.calls.waits += 1;
        let spare = rustix::buffer::spare_capacity(&mut self.ready);
        // Interrupted by a signal, the only error possible with our arguments on a kernel that has
        // the call, which `new` has seen: the caller looks again.
        let _ = epoll::wait(&self.epoll, spare, Some(&timeout));
    }
}

impl Transport for EpollTransport {
    fn now(&mut self) -> Nanos {
        self.shared.now()
    }

    fn open(&mut self, slot: Slot) {
        if self.opens_for_each_request() {
            return self.shared.tell(slot, Happening::Opened);
        }
        let (lane, place) = self.lane(slot);
        if self.places[lane.index()].link.as_ref().is_none_or(Link::is_done)
            && let Err(failure) = self.begin(lane)
        {
            self.places[lane.index()].link = None;
            return self.shared.tell(slot, Happening::Broken(failure));
        }
        if let Some(link) = self.places[lane.index()].link.as_mut() {
            link.open(place, lane, &mut self.shared);
        }
    }

    fn send(&mut self, slot: Slot, request: RequestId) -> (Nanos, u64) {
        let (lane, place) = self.lane(slot);
        let mut begun = None;
        if self.opens_for_each_request() {
            begun = Some(self.shared.now());
            if let Err(failure) = self.begin(lane) {
                self.shared.tell(slot, Happening::Broken(failure));
                return (begun.unwrap_or_default(), 0);
            }
        }
        let Some(link) = self.places[lane.index()].link.as_mut() else {
            // It broke, and the worker is about to be told.
            return (self.shared.now(), 0);
        };
        match link.ask(place, request, lane, &mut self.shared) {
            Ok((sent_at, bytes)) => (begun.unwrap_or(sent_at), bytes),
            Err(failure) => {
                let sent_at = self.shared.now();
                self.break_off(lane, failure);
                (sent_at, 0)
            }
        }
    }

    fn close(&mut self, slot: Slot) {
        let (lane, place) = self.lane(slot);
        let link = &mut self.places[lane.index()].link;
        // Closing the descriptor takes it out of the epoll set; there is no other copy of it.
        if !link.as_mut().is_some_and(|link| link.close(place, lane, &mut self.shared)) {
            *link = None;
        }
        self.shared.told.retain(|event| event.slot != slot);
    }

    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>) {
        self.flush_dirty();
        self.read_on();
        let unread = !self.shared.unread.is_empty();
        if unread && self.acted_on >= self.ready.len() {
            // A peer that sends faster than it is read must not keep the others from being heard.
            self.poll(Duration::ZERO);
        }
        while !unread && self.acted_on >= self.ready.len() && self.shared.told.is_empty() {
            let now = self.shared.now();
            let remaining = until.since(now);
            self.wait.precedence.watch(now);
            let sleep = self.wait.spin.sleep_for(remaining);
            self.poll(sleep);
            if !self.ready.is_empty() {
                break;
            }
            if !sleep.is_zero() {
                let wanted = now.plus(sleep);
                self.wait.spin.learn(Duration::from_nanos(self.shared.now().since(wanted)));
            }
            if remaining == 0 {
                return;
            }
        }
        self.act();
        happened.append(&mut self.shared.told);
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;
    use std::net::TcpListener;
    use std::sync::Arc;

    use scenarios::load::RequestSpec;

    use super::*;
    use crate::pace::SpinWindow;
    use crate::requests::Mix;
    use crate::transport::Http2Writer;
    use crate::transport::target::{Addresses, Protocol, Route};

    /// An empty SETTINGS frame, by which an HTTP/2 connection is open.
    const SETTINGS: [u8; 9] = [0, 0, 0, 4, 0, 0, 0, 0, 0];
    /// A PING with ACK, which no answer is due to.
    const PING: [u8; 17] = [0, 0, 8, 6, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];

    fn to(listener: &TcpListener, connections: u32) -> EpollTransport {
        let request = RequestSpec {
            method: "GET".to_owned(),
            path: "/".to_owned(),
            headers: Vec::new(),
            body: String::new(),
        };
        let mix = Arc::new(Mix::of_scenario(&request));
        let writer = Http2Writer::new(mix, "localhost", false, false).unwrap();
        let target = Target {
            route: Route::Tcp(Addresses::new(vec![listener.local_addr().unwrap()])),
            authority: "localhost".to_owned(),
            tunnel: None,
            tls: None,
            protocol: Protocol::Http2 { streams: 1, grpc: false },
            keeping: Keeping::Alive,
        };
        let wait = Wait::among_others(SpinWindow::NONE);
        let clock = MonotonicClock::start();
        EpollTransport::new(clock, wait, target, Writer::Http2(writer), connections).unwrap()
    }

    /// Whether a connection opens within so many turns.
    fn opens(transport: &mut EpollTransport, turns: u32) -> bool {
        let mut happened = Vec::new();
        for _ in 0..turns {
            let until = transport.now().plus(Duration::from_millis(10));
            transport.wait(until, &mut happened);
        }
        happened.iter().any(|event| matches!(event.what, Happening::Opened))
    }

    #[test]
    fn a_peer_that_is_never_read_to_its_end_leaves_the_others_heard() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut transport = to(&listener, 2);
        // Little is read at a turn, so that what is sent at once lasts for many of them.
        transport.shared.buffer = vec![0; PING.len()];
        transport.open(Slot(0));
        transport.open(Slot(1));
        let [mut talker, mut other] = [(); 2].map(|()| listener.accept().unwrap().0);
        talker.write_all(&[&SETTINGS[..], &PING.repeat(1000)].concat()).unwrap();
        assert!(opens(&mut transport, 10), "the one that talks");
        assert!(!transport.shared.unread.is_empty(), "it still does");
        other.write_all(&SETTINGS).unwrap();
        assert!(opens(&mut transport, 10), "the other");
        assert!(!transport.shared.unread.is_empty(), "and it was not waited for");
    }
}
