//! What a server counts while it serves, and the account that it gives at its end. Knows no socket
//! and no clock.

use std::collections::VecDeque;
use std::time::Duration;

use bench::clock::Nanos;
use serde::Serialize;

/// The span within which a burst is counted.
const BURST_NS: u64 = 1_000_000;

/// The account of a server's life.
#[derive(Debug, Clone, PartialEq, Default, Serialize)]
pub struct Served {
    /// Requests that arrived whole.
    pub requests: u64,
    /// Answers whose last byte was handed to the kernel, or to TLS. HEAD's end with their head.
    pub answers: u64,
    /// Requests that met a planted fault.
    pub faults: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Times that a connection could not be accepted, for want of descriptors.
    pub accept_failures: u64,
    /// Connections whose bytes were no requests.
    pub malformed: u64,
    /// TLS handshakes with certificates.
    pub handshakes_full: u64,
    /// TLS handshakes on a ticket.
    pub handshakes_resumed: u64,
    /// TLS handshakes that came to nothing.
    pub handshakes_failed: u64,
    /// Handshakes that agreed on TLS 1.2.
    pub tls_1_2: u64,
    /// Handshakes that agreed on TLS 1.3.
    pub tls_1_3: u64,
    /// Bytes of HTTP that were read.
    pub bytes_in: u64,
    /// Bytes of HTTP that were written.
    pub bytes_out: u64,
    /// The most requests that arrived within one millisecond.
    pub largest_burst_1ms: u64,
    /// From the first request to the last, in seconds.
    pub span_s: f64,
    /// Requests after the first, by the span; 0 for fewer than two.
    pub requests_per_second: f64,
    /// CPU time of the server's thread, in seconds.
    pub cpu_s: f64,
    /// Requests that found no room for a stamp.
    pub stamps_lost: u64,
    /// When each request arrived whole, in nanoseconds since the server was bound.
    #[serde(skip)]
    pub stamps: Vec<u64>,
}

/// Counts.
#[derive(Debug)]
pub(super) struct Tally {
    pub(super) served: Served,
    first: Nanos,
    last: Nanos,
    burst: Burst,
    most_stamps: usize,
}

impl Tally {
    /// Room for so many stamps is kept from the beginning.
    pub(super) fn new(most_stamps: usize) -> Self {
        let served = Served { stamps: Vec::with_capacity(most_stamps), ..Served::default() };
        let (first, last) = (Nanos(0), Nanos(0));
        Self { served, first, last, burst: Burst::default(), most_stamps }
    }

    /// A request arrived whole.
    pub(super) fn request(&mut self, now: Nanos) {
        if self.served.requests == 0 {
            self.first = now;
        }
        self.last = now;
        self.served.requests += 1;
        self.burst.note(now);
        if self.served.stamps.len() < self.most_stamps {
            self.served.stamps.push(now.0);
        } else if self.most_stamps > 0 {
            self.served.stamps_lost += 1;
        }
    }

    /// The account, with what only its end knows.
    pub(super) fn close(mut self, cpu: Duration) -> Served {
        let span = Duration::from_nanos(self.last.since(self.first)).as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "far below 2^53 requests")]
        let gaps = self.served.requests.saturating_sub(1) as f64;
        self.served.span_s = span;
        self.served.requests_per_second = if span > 0.0 { gaps / span } else { 0.0 };
        self.served.cpu_s = cpu.as_secs_f64();
        self.served.largest_burst_1ms = self.burst.largest;
        self.served
    }
}

/// The largest number of arrivals in any window of a millisecond.
#[derive(Debug, Default)]
struct Burst {
    /// Instants within the last millisecond and how many arrived at each; arrivals that were found
    /// together share one.
    window: VecDeque<(Nanos, u64)>,
    within: u64,
    largest: u64,
}

impl Burst {
    fn note(&mut self, now: Nanos) {
        while let Some((at, count)) = self.window.front()
            && now.since(*at) >= BURST_NS
        {
            self.within -= count;
            self.window.pop_front();
        }
        match self.window.back_mut() {
            Some((at, count)) if *at == now => *count += 1,
            _ => self.window.push_back((now, 1)),
        }
        self.within += 1;
        self.largest = self.largest.max(self.within);
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn the_account_has_rate_burst_and_stamps() {
        let mut tally = Tally::new(3);
        for at in [1_000_000, 1_000_000, 1_500_000, 1_999_999, 2_000_000] {
            tally.request(Nanos(at));
        }
        let served = tally.close(Duration::from_millis(2));
        assert_eq!(served.largest_burst_1ms, 4, "the last is a millisecond after the first two");
        assert_eq!(served.stamps, [1_000_000, 1_000_000, 1_500_000]);
        assert_eq!(served.stamps_lost, 2);
        assert!((served.requests_per_second - 4000.0).abs() < 1e-6);
        assert!((served.cpu_s - 0.002).abs() < 1e-12);
    }

    #[test]
    fn without_stamps_none_are_kept_and_none_are_lost() {
        let mut tally = Tally::new(0);
        tally.request(Nanos(1));
        let served = tally.close(Duration::ZERO);
        assert_eq!((served.stamps.len(), served.stamps_lost, served.requests), (0, 0, 1));
    }

    proptest! {
        #[test]
        fn the_burst_is_that_of_the_worst_millisecond(
            gaps in prop::collection::vec(0_u64..700_000, 0..60),
        ) {
            let mut burst = Burst::default();
            let times: Vec<u64> = gaps.iter().scan(0, |at, gap| { *at += gap; Some(*at) }).collect();
            for at in &times {
                burst.note(Nanos(*at));
            }
            let within = |from: u64| times.iter().filter(|at| (from..from + BURST_NS).contains(at));
            let worst = times.iter().map(|from| within(*from).count()).max().unwrap_or(0);
            prop_assert_eq!(burst.largest, u64::try_from(worst).unwrap());
        }
    }
}
