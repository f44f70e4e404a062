//! The open loop: a schedule, a transport and a recorder on one thread. A request is sent when it
//! is due, whatever became of the ones before. The same code runs on sockets and on virtual time.
//! Knows no thread, no variant and no testbed.

use std::collections::VecDeque;
use std::time::Duration;

use bench::clock::{Nanos, nanos_of};
use bench::seams::StopFlag;

use crate::recorder::{Lost, Recorder, Timeline};
use crate::schedule::{IntendedSendTime, Schedule};
use crate::transport::{Event, Failure, Happening, Slot, Transport};

/// How often a wish to stop is looked at while nothing happens.
const STOP_CHECK: Duration = Duration::from_millis(50);

/// From the first connection's opening to the first request, so that the first is not late.
const LEAD: Duration = Duration::from_millis(2);

/// Pause before a broken connection is opened again; doubled with each failure up to a second, so
/// that a dead endpoint is not hammered.
const REOPEN_FIRST: Duration = Duration::from_millis(5);
const REOPEN_LONGEST: Duration = Duration::from_secs(1);

/// What the loop keeps to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Connections that are opened before the first request.
    pub connections: u32,
    /// Requests in flight or waiting for a connection; one more is shed.
    pub max_in_flight: u32,
    /// From a request's intended send time until it is given up.
    pub timeout: Duration,
    /// For all connections to open.
    pub set_up_within: Duration,
}

/// What the loop says of itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct LoopReport {
    /// Connections opened, repeats included.
    pub connections_opened: u64,
    /// Slowest opening before the first request, in nanoseconds.
    pub set_up_max: u64,
    /// Most requests in flight or waiting at once.
    pub in_flight_max: u64,
    /// Whether a stop was asked for before the end.
    pub stopped_early: bool,
}

/// The connections could not be opened in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SetUpFailed {
    /// How many were open.
    pub opened: u32,
    /// How many were wanted.
    pub wanted: u32,
    /// The last failure seen.
    pub failure: Option<Failure>,
}

/// Whether a status is an answer to what was asked. Everything but success is a failure here.
fn expected(status: u16) -> bool {
    (200..300).contains(&status)
}

/// A connection as the loop sees it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Connection {
    /// Being opened.
    Opening,
    /// Open, nothing in flight.
    Idle,
    /// A request is in flight. `serial` tells it from later ones on the same connection.
    Busy { intended: u64, sent: u64, serial: u64 },
    /// Gone; to be opened again at that instant.
    Waiting { until: Nanos },
}

/// The loop's state.
struct Worker<'a, T> {
    transport: &'a mut T,
    recorder: &'a mut Recorder,
    limits: Limits,
    /// Offsets of the schedule count from here.
    start: Nanos,
    connections: Vec<Connection>,
    /// How often each connection broke since its last answer.
    failures: Vec<u32>,
    /// Idle connections, longest idle first, so that all are used alike.
    idle: VecDeque<Slot>,
    /// Due requests that wait for a connection, earliest first.
    backlog: VecDeque<u64>,
    /// Requests in flight by when they time out, earliest first, with connection and serial.
    deadlines: VecDeque<(Nanos, Slot, u64)>,
    in_flight: u64,
    next_serial: u64,
    /// Connections that wait to be opened again.
    waiting: u32,
    report: LoopReport,
    happened: Vec<Event>,
}

/// Opens the connections, sends the schedule, drains, and returns. All requests of the schedule
/// are accounted for in the recorder when it does.
pub fn run<T: Transport>(
    transport: &mut T,
    schedule: Schedule,
    recorder: &mut Recorder,
    limits: Limits,
    stop: &StopFlag,
) -> Result<LoopReport, SetUpFailed> {
    let count = usize::try_from(limits.connections).expect("usize has at least 32 bits here");
    let mut worker = Worker {
        start: transport.now(),
        transport,
        recorder,
        limits,
        connections: vec![Connection::Opening; count],
        failures: vec![0; count],
        idle: VecDeque::with_capacity(count),
        backlog: VecDeque::with_capacity(1024),
        deadlines: VecDeque::with_capacity(1024),
        in_flight: 0,
        next_serial: 0,
        waiting: 0,
        report: LoopReport::default(),
        happened: Vec::with_capacity(256),
    };
    worker.set_up(stop)?;
    worker.start = worker.transport.now().plus(LEAD);
    worker.drive(schedule, stop);
    Ok(worker.report)
}

impl<T: Transport> Worker<'_, T> {
    /// Opens all connections, or says why not.
    fn set_up(&mut self, stop: &StopFlag) -> Result<(), SetUpFailed> {
        let begun = self.transport.now();
        let deadline = begun.plus(self.limits.set_up_within);
        for number in 0..self.limits.connections {
            self.open(Slot(number));
        }
        let mut last_failure = None;
        let wanted = self.connections.len();
        while self.idle.len() < wanted {
            let now = self.transport.now();
            if now >= deadline || stop.is_raised() {
                let opened = u32::try_from(self.idle.len()).expect("at most `connections`");
                return Err(SetUpFailed {
                    opened,
                    wanted: self.limits.connections,
                    failure: last_failure,
                });
            }
            self.reopen_due(now);
            self.wait(deadline.min(now.plus(STOP_CHECK)));
            for event in std::mem::take(&mut self.happened) {
                match event.what {
                    Happening::Opened => {
                        self.report.set_up_max = self.report.set_up_max.max(event.at.since(begun));
                    }
                    Happening::Broken(failure) => last_failure = Some(failure),
                    Happening::Answered { .. } => {}
                }
                self.take(event);
            }
        }
        Ok(())
    }

    /// The open loop proper.
    fn drive(&mut self, mut schedule: Schedule, stop: &StopFlag) {
        let mut next = schedule.next();
        let mut stop_seen_at = Nanos(0);
        loop {
            let mut now = self.transport.now();
            while let Some(intended) = next
                && self.instant(intended) <= now
            {
                now = self.due(intended, now);
                next = schedule.next();
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
            if next.is_none() && self.in_flight == 0 && self.backlog.is_empty() {
                return;
            }
            self.wait(self.wake_at(next, now));
            for index in 0..self.happened.len() {
                self.take(self.happened[index]);
            }
            self.happened.clear();
        }
    }

    fn instant(&self, intended: IntendedSendTime) -> Nanos {
        Nanos(self.start.0 + intended.offset())
    }

    fn offset(&self, at: Nanos) -> u64 {
        at.since(self.start)
    }

    /// A request has come due. Returns the clock as last read.
    fn due(&mut self, intended: IntendedSendTime, now: Nanos) -> Nanos {
        let intended = intended.offset();
        let outstanding = self.in_flight + self.backlog_len();
        if outstanding >= u64::from(self.limits.max_in_flight) {
            self.recorder.offered(intended, self.offset(now));
            self.recorder.lost(intended, self.offset(now), Lost::Shed);
            return now;
        }
        self.report.in_flight_max = self.report.in_flight_max.max(outstanding + 1);
        // Earlier requests that wait go first; they wait only while no connection is idle.
        let Some(slot) = self.idle.pop_front() else {
            self.recorder.offered(intended, self.offset(now));
            self.backlog.push_back(intended);
            return now;
        };
        let sent = self.send(slot, intended);
        self.recorder.offered(intended, self.offset(sent));
        sent
    }

    fn backlog_len(&self) -> u64 {
        u64::try_from(self.backlog.len()).expect("usize has at most 64 bits here")
    }

    fn send(&mut self, slot: Slot, intended: u64) -> Nanos {
        let sent_at = self.transport.send(slot);
        let sent = self.offset(sent_at);
        let serial = self.next_serial;
        self.next_serial += 1;
        self.connections[slot.index()] = Connection::Busy { intended, sent, serial };
        let deadline = Nanos(self.start.0 + intended).plus(self.limits.timeout);
        self.deadlines.push_back((deadline, slot, serial));
        self.in_flight += 1;
        self.recorder.sent(intended, sent);
        sent_at
    }

    /// When to look again although nothing happened.
    fn wake_at(&self, next: Option<IntendedSendTime>, now: Nanos) -> Nanos {
        let mut wake = now.plus(STOP_CHECK);
        if let Some(intended) = next {
            wake = wake.min(self.instant(intended));
        }
        if let Some((deadline, ..)) = self.deadlines.front() {
            wake = wake.min(*deadline);
        }
        if let Some(intended) = self.backlog.front() {
            wake = wake.min(Nanos(self.start.0 + intended).plus(self.limits.timeout));
        }
        if self.waiting > 0 {
            wake = wake.min(now.plus(REOPEN_FIRST));
        }
        wake
    }

    fn wait(&mut self, until: Nanos) {
        self.transport.wait(until, &mut self.happened);
    }

    /// One thing that happened.
    fn take(&mut self, event: Event) {
        let Event { slot, at, what } = event;
        match (what, self.connections[slot.index()]) {
            (Happening::Opened, _) => self.free(slot),
            (
                Happening::Answered { status, bytes, reusable },
                Connection::Busy { intended, sent, .. },
            ) => {
                self.in_flight -= 1;
                self.failures[slot.index()] = 0;
                let completed = self.offset(at);
                if expected(status) {
                    self.recorder.completed(Timeline { intended, sent, completed }, status, bytes);
                } else {
                    self.recorder.lost(intended, completed, Lost::Status(status));
                }
                if reusable {
                    self.free(slot);
                } else {
                    self.transport.close(slot);
                    self.open(slot);
                }
            }
            (Happening::Broken(failure), Connection::Busy { intended, .. }) => {
                self.in_flight -= 1;
                self.recorder.lost(intended, self.offset(at), Lost::Failed(failure));
                // No pause: a request a connection is at most the offered rate.
                self.open(slot);
            }
            (Happening::Broken(_), Connection::Opening) => self.open_again(slot, at),
            (Happening::Broken(_), Connection::Idle) => {
                self.idle.retain(|idle| *idle != slot);
                self.open_again(slot, at);
            }
            // An answer that nobody asked for, such as a 408 before the peer closes.
            (Happening::Answered { .. }, Connection::Idle) => {
                self.idle.retain(|idle| *idle != slot);
                self.transport.close(slot);
                self.open_again(slot, at);
            }
            // A late word of a connection that was given up.
            (Happening::Answered { .. } | Happening::Broken(_), _) => {}
        }
    }

    /// Opens a connection that broke with nothing in flight: at once the first time, and after a
    /// pause, doubled each time, when it broke before without an answer in between.
    fn open_again(&mut self, slot: Slot, at: Nanos) {
        let failures = self.failures[slot.index()];
        self.failures[slot.index()] = failures.saturating_add(1);
        if failures == 0 {
            self.open(slot);
            return;
        }
        let pause = REOPEN_FIRST.saturating_mul(1 << (failures - 1).min(8)).min(REOPEN_LONGEST);
        self.connections[slot.index()] = Connection::Waiting { until: at.plus(pause) };
        self.waiting += 1;
    }

    /// A connection has nothing in flight: it takes the request that waits longest, if any does.
    fn free(&mut self, slot: Slot) {
        self.connections[slot.index()] = Connection::Idle;
        if let Some(intended) = self.backlog.pop_front() {
            self.send(slot, intended);
        } else {
            self.idle.push_back(slot);
        }
    }

    fn open(&mut self, slot: Slot) {
        self.connections[slot.index()] = Connection::Opening;
        self.report.connections_opened += 1;
        self.transport.open(slot);
    }

    /// Opens connections again whose pause is over.
    fn reopen_due(&mut self, now: Nanos) {
        if self.waiting == 0 {
            return;
        }
        for number in 0..self.limits.connections {
            let slot = Slot(number);
            if matches!(self.connections[slot.index()], Connection::Waiting { until } if until <= now)
            {
                self.waiting -= 1;
                self.open(slot);
            }
        }
    }

    /// Gives up what is older than the timeout.
    fn expire(&mut self, now: Nanos) {
        while let Some((deadline, slot, serial)) = self.deadlines.front().copied() {
            let current = match self.connections[slot.index()] {
                Connection::Busy { intended, serial: current, .. } if current == serial => {
                    Some(intended)
                }
                _ => None,
            };
            if current.is_some() && deadline > now {
                break;
            }
            self.deadlines.pop_front();
            if let Some(intended) = current {
                self.in_flight -= 1;
                self.recorder.lost(intended, self.offset(now), Lost::TimedOut);
                // HTTP/1.1 has no way to take a request back: the connection goes with it.
                self.transport.close(slot);
                self.open(slot);
            }
        }
        while let Some(intended) = self.backlog.front().copied()
            && Nanos(self.start.0 + intended).plus(self.limits.timeout) <= now
        {
            self.backlog.pop_front();
            self.recorder.lost(intended, self.offset(now), Lost::TimedOut);
        }
    }

    /// A stop was asked for: what is under way is given up and said to be.
    fn abandon(&mut self, now: Nanos) {
        self.report.stopped_early = true;
        let at = self.offset(now);
        for number in 0..self.limits.connections {
            let slot = Slot(number);
            if let Connection::Busy { intended, .. } = self.connections[slot.index()] {
                self.recorder.lost(intended, at, Lost::Stopped);
            }
            self.transport.close(slot);
        }
        for intended in std::mem::take(&mut self.backlog) {
            self.recorder.lost(intended, at, Lost::Stopped);
        }
        self.in_flight = 0;
    }
}
