//! How one request travels: connections with at most one request in flight each. Knows no intended
//! time and no rate.

pub mod epoll;
pub mod http1;
pub mod sim;

use bench::clock::Nanos;

/// A connection's place, from 0 to the number of connections − 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Slot(pub u32);

impl Slot {
    /// As an index.
    #[must_use]
    pub fn index(self) -> usize {
        usize::try_from(self.0).expect("usize has at least 32 bits here")
    }
}

/// What went wrong on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Failure {
    /// Nobody listens there, or no way leads there.
    Refused,
    /// The peer reset the connection.
    Reset,
    /// The peer closed the connection before the whole answer was there.
    Closed,
    /// The answer was not HTTP/1.1, or more came than was asked for.
    Malformed,
    /// This machine refused, e.g. for want of file descriptors or ports.
    Local,
}

impl Failure {
    /// The name used in `run.json`.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Refused => "refused",
            Self::Reset => "reset",
            Self::Closed => "closed",
            Self::Malformed => "malformed",
            Self::Local => "local",
        }
    }
}

/// What happened on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happening {
    /// It is open and idle.
    Opened,
    /// The request in flight was answered in full.
    Answered {
        /// The HTTP status.
        status: u16,
        /// Bytes of the answer, head and body.
        bytes: u64,
        /// Whether another request may follow on the connection.
        reusable: bool,
    },
    /// It is gone. Whatever was in flight on it has no answer.
    Broken(Failure),
}

/// Something that happened, and when.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// To which connection.
    pub slot: Slot,
    /// Read from the clock after it was noticed.
    pub at: Nanos,
    /// What.
    pub what: Happening,
}

/// Connections to one endpoint, and the clock they live by.
pub trait Transport {
    /// The clock. Never goes back.
    fn now(&mut self) -> Nanos;

    /// Begins to open a connection. `Opened` or `Broken` follows from [`Self::wait`].
    fn open(&mut self, slot: Slot);

    /// Writes the request on an open, idle connection. Returns the clock as read just before the
    /// write. `Answered` or `Broken` follows from [`Self::wait`].
    fn send(&mut self, slot: Slot) -> Nanos;

    /// Gives a connection up. Nothing follows.
    fn close(&mut self, slot: Slot);

    /// Waits until something happened or until the instant is reached, whichever is first, and
    /// appends what happened.
    fn wait(&mut self, until: Nanos, happened: &mut Vec<Event>);
}
