//! The open streams of a connection: found by id, and what of their bodies waits for a window.
//! Knows neither which side of the connection it is nor what the streams are for.

use std::collections::VecDeque;
use std::sync::Arc;

use super::error::{ConnectionError, ErrorCode};
use super::frame::{self, LONGEST_PAYLOAD};
use super::link::Link;
use super::window::{Allowed, Granted};

/// No body is written while so much waits to be written: what windows allow can be far more than
/// the peer reads, and memory stays bounded.
const ENOUGH_OUTPUT: usize = 256 * 1024;

/// Places at first. They double as long as more than half are taken.
const FIRST_PLACES: usize = 16;

#[derive(Debug, Clone)]
pub(super) struct Stream<T> {
    id: u32,
    /// What the peer may send on it.
    pub(super) granted: Granted,
    allowed: Allowed,
    unsent: Option<Unsent>,
    /// What the owner keeps of it.
    pub(super) own: T,
}

/// The rest of a body, shared with whoever sent it, so that waiting copies nothing.
#[derive(Debug, Clone)]
struct Unsent {
    body: Arc<[u8]>,
    from: usize,
    trailers: Option<Arc<[u8]>>,
    /// Whether the stream stands in `Streams::waiting`; else its own window is closed.
    waiting: bool,
}

/// What becomes of a stream when its body is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum WhenSent {
    /// A client waits for the answer.
    Keep,
    /// A server is done.
    Remove,
}

/// Open addressing by the id itself: ids are given out one after the other, so that nearly each
/// stands in its own place, and a search is one look.
#[derive(Debug, Clone)]
pub(super) struct Streams<T> {
    places: Vec<Option<Stream<T>>>,
    open: usize,
    /// Streams with something to send and a window for it, in turn.
    waiting: VecDeque<u32>,
    when_sent: WhenSent,
}

impl<T> Streams<T> {
    pub(super) fn new(when_sent: WhenSent) -> Self {
        Self { places: empty(FIRST_PLACES), open: 0, waiting: VecDeque::new(), when_sent }
    }

    pub(super) fn open(&self) -> usize {
        self.open
    }

    /// Where the search for an id begins.
    fn home(&self, id: u32) -> usize {
        usize::try_from(id >> 1).expect("usize has at least 32 bits here") & (self.places.len() - 1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn find(&self, id: u32) -> Option<usize> {
        let mut place = self.home(id);
        // At least half of the places are free, so that the search ends.
        while let Some(stream) = &self.places[place] {
            if stream.id == id {
                return Some(place);
            }
            place = self.after(place);
        }
        None
    }

    pub(super) fn get_mut(&mut self, id: u32) -> Option<&mut Stream<T>> {
        let place = self.find(id)?;
        self.places[place].as_mut()
    }

    /// Adds a stream whose id is not there yet.
    pub(super) fn insert(&mut self, id: u32, link: &Link, granted: Granted, own: T) {
        if 2 * (self.open + 1) > self.places.len() {
            let larger = empty(2 * self.places.len());
            for stream in std::mem::replace(&mut self.places, larger).into_iter().flatten() {
                self.put(stream);
            }
        }
        let allowed = Allowed::new(link.stream_window);
        self.put(Stream { id, granted, allowed, unsent: None, own });
        self.open += 1;
    }

    fn put(&mut self, stream: Stream<T>) {
        let mut place = self.home(stream.id);
        while self.places[place].is_some() {
            place = self.after(place);
        }
        self.places[place] = Some(stream);
    }

    /// Forgets a stream, and what of it was not sent.
    pub(super) fn remove(&mut self, id: u32) -> Option<T> {
        let mut hole = self.find(id)?;
        let removed = self.places[hole].take()?;
        self.open -= 1;
        if removed.unsent.is_some_and(|unsent| unsent.waiting) {
            self.waiting.retain(|waiting| *waiting != id);
        }
        // Whoever was put behind the hole for want of room moves up, or a search would end there.
        let mut place = self.after(hole);
        while let Some(stream) = &self.places[place] {
            let mask = self.places.len() - 1;
            let from_home = place.wrapping_sub(self.home(stream.id)) & mask;
            if from_home >= place.wrapping_sub(hole) & mask {
                self.places[hole] = self.places[place].take();
                hole = place;
            }
            place = self.after(place);
        }
        Some(removed.own)
    }

    pub(super) fn iter(&self) -> impl Iterator<Item = (u32, &T)> {
        self.places.iter().flatten().map(|stream| (stream.id, &stream.own))
    }

    /// Whether all that the owner gave to send on that stream was written.
    pub(super) fn is_sent(&self, id: u32) -> bool {
        self.find(id)
            .and_then(|place| self.places[place].as_ref())
            .is_some_and(|stream| stream.unsent.is_none())
    }

    /// Sends a body that is not empty, and ends the stream with it or with the trailers: at once
    /// where all of it may go, else as the windows open.
    pub(super) fn send(
        &mut self,
        id: u32,
        body: &Arc<[u8]>,
        trailers: Option<&Arc<[u8]>>,
        link: &mut Link,
    ) {
        let first_in_turn = self.waiting.is_empty() && link.output.len() < ENOUGH_OUTPUT;
        let when_sent = self.when_sent;
        let Some(stream) = self.get_mut(id) else { return };
        let most = LONGEST_PAYLOAD.min(link.allowed.bytes()).min(stream.allowed.bytes());
        if first_in_turn && body.len() <= most {
            stream.allowed.spend(body.len());
            link.allowed.spend(body.len());
            write_end(id, body, trailers, link);
            if when_sent == WhenSent::Remove {
                self.remove(id);
            }
            return;
        }
        let unsent =
            Unsent { body: Arc::clone(body), from: 0, trailers: trailers.cloned(), waiting: true };
        stream.unsent = Some(unsent);
        self.waiting.push_back(id);
    }

    /// Writes of the bodies that wait, a frame of each in turn, what windows and output allow.
    pub(super) fn pump(&mut self, link: &mut Link) {
        while link.output.len() < ENOUGH_OUTPUT && link.allowed.bytes() > 0 {
            let Some(id) = self.waiting.pop_front() else { return };
            let Some(stream) = self.get_mut(id) else { continue };
            let Some(unsent) = &mut stream.unsent else { continue };
            let left = &unsent.body[unsent.from..];
            let most = LONGEST_PAYLOAD.min(link.allowed.bytes()).min(stream.allowed.bytes());
            if most == 0 {
                unsent.waiting = false;
                continue;
            }
            let now = &left[..left.len().min(most)];
            stream.allowed.spend(now.len());
            link.allowed.spend(now.len());
            if now.len() < left.len() {
                frame::data(id, now, false, &mut link.output);
                unsent.from += now.len();
                self.waiting.push_back(id);
                continue;
            }
            write_end(id, now, unsent.trailers.as_ref(), link);
            stream.unsent = None;
            if self.when_sent == WhenSent::Remove {
                self.remove(id);
            }
        }
    }

    /// A stream's window grew; an error where by nothing, or by too much.
    pub(super) fn grow(&mut self, id: u32, increment: u32) -> Result<(), ErrorCode> {
        let Some(stream) = self.get_mut(id) else { return Ok(()) };
        if increment == 0 {
            return Err(ErrorCode::PROTOCOL_ERROR);
        }
        stream.allowed.shift(i64::from(increment)).map_err(|_| ErrorCode::FLOW_CONTROL_ERROR)?;
        if wakes(stream) {
            self.waiting.push_back(id);
        }
        Ok(())
    }

    /// A setting changed the window of every stream.
    pub(super) fn shift_windows(&mut self, by: i64) -> Result<(), ConnectionError> {
        if by == 0 {
            return Ok(());
        }
        for stream in self.places.iter_mut().flatten() {
            stream.allowed.shift(by).map_err(|_| {
                ConnectionError::new(
                    ErrorCode::FLOW_CONTROL_ERROR,
                    "INITIAL_WINDOW_SIZE lets a stream's window grow past 2³¹ − 1",
                )
            })?;
            if wakes(stream) {
                self.waiting.push_back(stream.id);
            }
        }
        Ok(())
    }
}

fn empty<T>(places: usize) -> Vec<Option<Stream<T>>> {
    std::iter::repeat_with(|| None).take(places).collect()
}

/// Whether the stream has to be put among those that wait, its window being open again.
fn wakes<T>(stream: &mut Stream<T>) -> bool {
    let open = stream.allowed.bytes() > 0;
    let asleep = stream.unsent.as_mut().filter(|unsent| open && !unsent.waiting);
    asleep.map(|unsent| unsent.waiting = true).is_some()
}

/// The last part of a body, and the trailers if there are any.
fn write_end(id: u32, part: &[u8], trailers: Option<&Arc<[u8]>>, link: &mut Link) {
    frame::data(id, part, trailers.is_none(), &mut link.output);
    if let Some(trailers) = trailers {
        link.headers(id, trailers, true);
    }
}
