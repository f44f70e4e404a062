//! The loop: a demand, a transport and a recorder on one thread. In an open loop a request is sent
//! when it is due, whatever became of the ones before; in a closed one when a slot is free. The same
//! code runs on sockets and on virtual time. Knows no thread, no variant and no testbed.

use std::collections::VecDeque;
use std::time::Duration;

use bench::clock::{Nanos, nanos_of};
use bench::seams::StopFlag;
use scenarios::load::Answer;

use crate::recorder::{Lost, Recorder, Timeline};
use crate::requests::{Kind, KindIndex, Mix};
use crate::schedule::{Due, IntendedSendTime, Schedule};
use crate::slots::{List, SlotLists};
use crate::start_line::StartLine;
use crate::transport::{Event, Failure, Happening, Slot, Transport};

/// How often a wish to stop is looked at while nothing happens.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// Pause before a broken slot is opened again; doubled with each failure up to a second, so that a
/// dead endpoint is not hammered.
const REOPEN_FIRST: Duration = Duration::from_millis(5);
const REOPEN_LONGEST: Duration = Duration::from_secs(1);

/// When requests are sent.
#[derive(Debug, Clone)]
pub enum Demand {
    /// When the schedule says.
    Open(Schedule),
    /// As soon as a slot is free, until the end, which is each request's intended send time: how long
    /// they take says nothing about how long anybody would have waited.
    Closed {
        /// Nanoseconds from the start.
        end: u64,
        /// This worker's number, from 0, and how many there are.
        worker: (u32, u32),
    },
}

/// What the loop keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Slots that are opened before the first request.
    pub slots: u32,
    /// Requests in flight or waiting for a slot; one more is shed.
    pub max_in_flight: u32,
    /// From a request's intended send time until it is given up.
    pub timeout: Duration,
    /// For all slots to open.
    pub set_up_within: Duration,
}

/// What the loop says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopReport {
    /// Slowest opening before the first request, in nanoseconds.
    pub set_up_max: u64,
    /// Most requests in flight or waiting at once.
    pub in_flight_max: u64,
    /// Slots that the peer allows no request on.
    pub barred: u32,
    /// Whether a stop was asked for before the end.
    pub stopped_early: bool,
    /// Offsets count from here.
    pub start: Nanos,
    /// How much later than due the loop turned to its first request, in nanoseconds; `None` when it
    /// had none.
    pub first_late: Option<u64>,
}

/// The slots could not be opened in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetUpFailed {
    /// How many were open.
    pub opened: u32,
    /// How many were wanted.
    pub wanted: u32,
    /// The last failure seen.
    pub failure: Option<Failure>,
}

/// A slot as the loop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    /// Being opened.
    Opening,
    /// Open, nothing in flight.
    Idle,
    /// A request is in flight.
    Busy { intended: u64, sent: u64, kind: KindIndex },
    /// Gone; to be opened again at that instant.
    Waiting { until: Nanos },
    /// Never to be used.
    Barred,
}

/// A request that is due and waits for a slot.
#[derive(Debug, Clone, Copy)]
struct Held {
    index: u64,
    intended: u64,
}

/// The loop's state.
struct Worker<'a, T> {
    transport: &'a mut T,
    recorder: &'a mut Recorder,
    mix: &'a Mix,
    limits: Limits,
    /// Offsets of the schedule count from here.
    start: Nanos,
    states: Vec<State>,
    /// How often each slot broke since its last answer.
    failures: Vec<u32>,
    lists: SlotLists,
    /// Due requests that wait for a slot, earliest first.
    backlog: VecDeque<Held>,
    /// Slots that wait to be opened again.
    waiting: u32,
    closed: Option<ClosedLoop>,
    report: LoopReport,
    happened: Vec<Event>,
}

/// Where a closed loop is.
#[derive(Debug, Clone, Copy)]
struct ClosedLoop {
    end: u64,
    /// Of the next request; the next but one is `of` further.
    index: u64,
    of: u64,
}

/// Opens the slots, sends what is demanded, drains, and returns. All requests are accounted for in
/// the recorder when it does.
pub fn run<T: Transport>(
    transport: &mut T,
    (demand, mix): (Demand, &Mix),
    recorder: &mut Recorder,
    limits: Limits,
    (stop, line): (&StopFlag, &StartLine),
) -> Result<LoopReport, SetUpFailed> {
    let count = usize::try_from(limits.slots).expect("usize has at least 32 bits here");
    let (schedule, closed) = match demand {
        Demand::Open(schedule) => (Some(schedule), None),
        Demand::Closed { end, worker: (number, of) } => {
            (None, Some(ClosedLoop { end, index: number.into(), of: of.max(1).into() }))
        }
    };
    let mut worker = Worker {
        start: transport.now(),
        transport,
        recorder,
        mix,
        limits,
        states: vec![State::Opening; count],
        failures: vec![0; count],
        lists: SlotLists::new(limits.slots),
        backlog: VecDeque::with_capacity(1024),
        waiting: 0,
        closed: None,
        report: LoopReport::default(),
        happened: Vec::with_capacity(256),
    };
    worker.set_up(stop).inspect_err(|_| line.failed())?;
    let ready_at = worker.transport.now();
    // Another worker's failure is told by that worker.
    worker.start = line.ready(ready_at).ok_or_else(|| worker.not_set_up(None))?;
    worker.report.start = worker.start;
    worker.closed = closed;
    worker.drive(schedule, stop);
    Ok(worker.report)
}

impl<T: Transport> Worker<'_, T> {
    /// Opens all slots, or says why not.
    fn set_up(&mut self, stop: &StopFlag) -> Result<(), SetUpFailed> {
        let begun = self.transport.now();
        let deadline = begun.plus(self.limits.set_up_within);
        for number in 0..self.limits.slots {
            self.open(Slot(number));
        }
        let mut last_failure = None;
        loop {
            let opened = self.lists.count(List::Idle);
            if opened > 0 && opened + self.report.barred == self.limits.slots {
                return Ok(());
            }
            let now = self.transport.now();
            let none_left = self.report.barred == self.limits.slots;
            if now >= deadline || stop.is_raised() || none_left {
                return Err(self.not_set_up(last_failure));
            }
            self.reopen_due(now);
            self.wait(deadline.min(now.plus(STOP_CHECK)));
            for event in std::mem::take(&mut self.happened) {
                match event.what {
                    Happening::Opened => {
                        self.report.set_up_max = self.report.set_up_max.max(event.at.since(begun));
                    }
                    Happening::Broken(failure) => last_failure = Some(failure),
                    _ => {}
                }
                self.take(event);
            }
        }
    }

    fn not_set_up(&self, failure: Option<Failure>) -> SetUpFailed {
        let opened = self.lists.count(List::Idle);
        SetUpFailed { opened, wanted: self.limits.slots, failure }
    }

    /// The loop proper.
    fn drive(&mut self, mut schedule: Option<Schedule>, stop: &StopFlag) {
        let mut next = schedule.as_mut().and_then(Iterator::next);
        let mut stop_seen_at = Nanos(0);
        if self.closed.is_some() {
            self.wait_for_start();
        }
        loop {
            let mut now = self.transport.now();
            while let Some(due) = next
                && self.instant(due.at) <= now
            {
                now = self.due(due, now);
                next = schedule.as_mut().and_then(Iterator::next);
            }
            self.expire(now);
            self.reopen_due(now);
            if now.since(stop_seen_at) >= nanos_of(STOP_CHECK) {
                stop_seen_at = now;
                if stop.is_raised() {
                    self.abandon(now);
                    return;
                }
            }
            let under_way = self.lists.count(List::Busy) > 0 || !self.backlog.is_empty();
            if next.is_none() && !under_way && self.demand_is_over(now) {
                return;
            }
            self.wait(self.wake_at(next, now));
            for index in 0..self.happened.len() {
                self.take(self.happened[index]);
            }
            self.happened.clear();
        }
    }

    /// A closed loop has no first due request to wait for: its start is waited for instead, and
    /// then every idle slot takes a request.
    fn wait_for_start(&mut self) {
        while self.transport.now() < self.start {
            self.wait(self.start);
            for event in std::mem::take(&mut self.happened) {
                self.take(event);
            }
        }
        for _ in 0..self.lists.count(List::Idle) {
            if let Some(slot) = self.lists.take_first(List::Idle) {
                self.free(slot, self.start);
            }
        }
    }

    fn demand_is_over(&self, now: Nanos) -> bool {
        self.closed.is_none_or(|closed| self.offset(now) >= closed.end)
    }

    fn instant(&self, intended: IntendedSendTime) -> Nanos {
        Nanos(self.start.0 + intended.offset())
    }

    fn offset(&self, at: Nanos) -> u64 {
        at.since(self.start)
    }

    /// A request has come due. Returns the clock as last read.
    fn due(&mut self, due: Due, now: Nanos) -> Nanos {
        let held = Held { index: due.index, intended: due.at.offset() };
        let turned = self.offset(now);
        self.report.first_late.get_or_insert_with(|| turned.saturating_sub(held.intended));
        let waiting = u64::try_from(self.backlog.len()).expect("usize has at most 64 bits here");
        let outstanding = u64::from(self.lists.count(List::Busy)) + waiting;
        let kind = self.mix.request(held.index).kind;
        if outstanding >= u64::from(self.limits.max_in_flight) {
            self.recorder.offered(held.intended, turned, kind);
            self.recorder.lost(held.intended, turned, kind, Lost::Shed);
            return now;
        }
        self.report.in_flight_max = self.report.in_flight_max.max(outstanding + 1);
        // Earlier requests that wait go first; they wait only while no slot is idle.
        let Some(slot) = self.lists.take_first(List::Idle) else {
            self.recorder.offered(held.intended, turned, kind);
            self.backlog.push_back(held);
            return now;
        };
        let sent_at = self.send(slot, held);
        self.recorder.offered(held.intended, self.offset(sent_at), kind);
        sent_at
    }

    fn send(&mut self, slot: Slot, held: Held) -> Nanos {
        let request = self.mix.request(held.index);
        let (sent_at, bytes) = self.transport.send(slot, request);
        let sent = self.offset(sent_at);
        let intended = held.intended;
        self.states[slot.index()] = State::Busy { intended, sent, kind: request.kind };
        self.lists.put(slot, List::Busy);
        self.recorder.sent(intended, sent, bytes);
        sent_at
    }

    /// The next request of a closed loop, unless its end had come at that instant, in which the slot
    /// was free and the request due.
    fn send_next(&mut self, slot: Slot, at: Nanos) -> bool {
        let offset = self.offset(at);
        let Some(closed) = self.closed.as_mut().filter(|closed| offset < closed.end) else {
            return false;
        };
        let request = self.mix.request(closed.index);
        closed.index += closed.of;
        let (sent_at, bytes) = self.transport.send(slot, request);
        let sent = self.offset(sent_at);
        self.states[slot.index()] = State::Busy { intended: offset, sent, kind: request.kind };
        self.lists.put(slot, List::Busy);
        self.recorder.offered(offset, sent, request.kind);
        self.recorder.sent(offset, sent, bytes);
        let busy = u64::from(self.lists.count(List::Busy));
        self.report.in_flight_max = self.report.in_flight_max.max(busy);
        true
    }

    /// When to look again although nothing happened.
    fn wake_at(&self, next: Option<Due>, now: Nanos) -> Nanos {
        let mut wake = now.plus(STOP_CHECK);
        if let Some(due) = next {
            wake = wake.min(self.instant(due.at));
        }
        if let Some(slot) = self.lists.first(List::Busy)
            && let State::Busy { intended, .. } = self.states[slot.index()]
        {
            wake = wake.min(self.deadline(intended));
        }
        if let Some(held) = self.backlog.front() {
            wake = wake.min(self.deadline(held.intended));
        }
        if self.waiting > 0 {
            wake = wake.min(now.plus(REOPEN_FIRST));
        }
        if let Some(closed) = self.closed {
            wake = wake.min(Nanos(self.start.0 + closed.end).max(now.plus(REOPEN_FIRST)));
        }
        wake
    }

    fn deadline(&self, intended: u64) -> Nanos {
        Nanos(self.start.0 + intended).plus(self.limits.timeout)
    }

    fn wait(&mut self, until: Nanos) {
        self.transport.wait(until, &mut self.happened);
    }

    /// One thing that happened.
    fn take(&mut self, event: Event) {
        let Event { slot, at, what } = event;
        match (what, self.states[slot.index()]) {
            (Happening::Connected(set_up), _) => self.recorder.connected(set_up),
            (Happening::Opened, _) => self.free(slot, at),
            (Happening::Barred, _) => {
                self.lists.take(slot);
                self.states[slot.index()] = State::Barred;
                self.report.barred += 1;
            }
            (
                Happening::Answered { status, bytes, first_byte, reusable },
                State::Busy { intended, sent, kind },
            ) => {
                self.lists.take(slot);
                self.failures[slot.index()] = 0;
                let (first_byte, completed) = (self.offset(first_byte), self.offset(at));
                let timeline = Timeline { intended, sent, first_byte, completed };
                self.answered(timeline, kind, status, bytes);
                if reusable {
                    self.free(slot, at);
                } else {
                    self.transport.close(slot);
                    self.open(slot);
                }
            }
            (Happening::Failed(failure), State::Busy { intended, kind, .. }) => {
                self.lists.take(slot);
                self.recorder.lost(intended, self.offset(at), kind, Lost::Failed(failure));
                self.free(slot, at);
            }
            (Happening::Broken(failure), State::Busy { intended, kind, .. }) => {
                self.lists.take(slot);
                self.recorder.lost(intended, self.offset(at), kind, Lost::Failed(failure));
                if self.closed.is_some() {
                    // Nothing else holds a closed loop back that is answered by failures.
                    self.open_again(slot, at);
                } else {
                    // No pause: a request a slot is at most the offered rate.
                    self.open(slot);
                }
            }
            (Happening::Broken(_), State::Opening) => self.open_again(slot, at),
            (Happening::Broken(_), State::Idle) => {
                self.lists.take(slot);
                self.open_again(slot, at);
            }
            // An answer that nobody asked for, such as a 408 before the peer closes.
            (Happening::Answered { .. }, State::Idle) => {
                self.lists.take(slot);
                self.transport.close(slot);
                self.open_again(slot, at);
            }
            // A late word of a slot that was given up.
            (Happening::Answered { .. } | Happening::Failed(_) | Happening::Broken(_), _) => {}
        }
    }

    /// An answer in full, be it the one that was asked for or not.
    fn answered(&mut self, at: Timeline, kind: KindIndex, status: u16, bytes: u64) {
        let Kind { expected, answer, .. } = self.mix.kind(kind);
        let why = match answer {
            Some(Answer::Denied) if expected.contains(status) => {
                return self.recorder.denied(at, kind, status, bytes);
            }
            _ if expected.contains(status) => {
                return self.recorder.completed(at, kind, status, bytes);
            }
            Some(Answer::Denied) if (200..300).contains(&status) => Lost::LetThrough(status),
            Some(Answer::Served) if status == 403 => Lost::Refused(status),
            _ => Lost::Status(status),
        };
        self.recorder.lost(at.intended, at.completed, kind, why);
    }

    /// Opens a slot that broke with nothing in flight: at once the first time, and after a pause,
    /// doubled each time, when it broke before without an answer in between.
    fn open_again(&mut self, slot: Slot, at: Nanos) {
        let failures = self.failures[slot.index()];
        self.failures[slot.index()] = failures.saturating_add(1);
        if failures == 0 {
            self.open(slot);
            return;
        }
        let pause = REOPEN_FIRST.saturating_mul(1 << (failures - 1).min(8)).min(REOPEN_LONGEST);
        self.states[slot.index()] = State::Waiting { until: at.plus(pause) };
        self.waiting += 1;
    }

    /// A slot has nothing in flight: it takes the request that waits longest, if any does.
    fn free(&mut self, slot: Slot, at: Nanos) {
        self.states[slot.index()] = State::Idle;
        if let Some(held) = self.backlog.pop_front() {
            self.send(slot, held);
        } else if self.closed.is_none() || !self.send_next(slot, at) {
            self.lists.put(slot, List::Idle);
        }
    }

    fn open(&mut self, slot: Slot) {
        self.states[slot.index()] = State::Opening;
        self.transport.open(slot);
    }

    /// Opens slots again whose pause is over.
    fn reopen_due(&mut self, now: Nanos) {
        if self.waiting == 0 {
            return;
        }
        for number in 0..self.limits.slots {
            let slot = Slot(number);
            if matches!(self.states[slot.index()], State::Waiting { until } if until <= now) {
                self.waiting -= 1;
                self.open(slot);
            }
        }
    }

    /// Gives up what is older than the timeout.
    fn expire(&mut self, now: Nanos) {
        while let Some(slot) = self.lists.first(List::Busy)
            && let State::Busy { intended, kind, .. } = self.states[slot.index()]
            && self.deadline(intended) <= now
        {
            self.lists.take(slot);
            self.recorder.lost(intended, self.offset(now), kind, Lost::TimedOut);
            // HTTP/1.1 has no way to take a request back: the connection goes with it.
            self.transport.close(slot);
            self.open(slot);
        }
        while let Some(held) = self.backlog.front().copied()
            && self.deadline(held.intended) <= now
        {
            self.backlog.pop_front();
            let kind = self.mix.request(held.index).kind;
            self.recorder.lost(held.intended, self.offset(now), kind, Lost::TimedOut);
        }
    }

    /// A stop was asked for: what is under way is given up and said to be.
    fn abandon(&mut self, now: Nanos) {
        self.report.stopped_early = true;
        let at = self.offset(now);
        while let Some(slot) = self.lists.take_first(List::Busy) {
            if let State::Busy { intended, kind, .. } = self.states[slot.index()] {
                self.recorder.lost(intended, at, kind, Lost::Stopped);
            }
        }
        for held in std::mem::take(&mut self.backlog) {
            let kind = self.mix.request(held.index).kind;
            self.recorder.lost(held.intended, at, kind, Lost::Stopped);
        }
        for number in 0..self.limits.slots {
            self.transport.close(Slot(number));
        }
    }
}
