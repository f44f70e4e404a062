//! Faults that are planted for those who test what a client makes of them: which request meets
//! which fault. Knows no socket.

use std::num::NonZeroU64;
use std::str::FromStr;

/// What happens instead of a whole answer, or after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fault {
    /// The connection is reset instead of answered.
    Reset,
    /// Half of the answer's bytes, then the connection ends.
    Truncate,
    /// Bytes that are no HTTP instead of the answer.
    Garbage,
    /// The connection ends instead of being answered.
    Close,
    /// Neither this request nor a later one of its connection is ever answered.
    Silent,
    /// The answer, and then an end that it has not announced, in this direction only: the client
    /// may send, and what it sends is read and left unanswered.
    HalfClose,
}

/// One planted fault.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FaultSpec {
    /// Each n-th request of the server meets it.
    Every(Fault, NonZeroU64),
    /// Of each connection no more than so many requests are read.
    StopReadingAfter(NonZeroU64),
}

const FORMS: &str = "expected reset-every=N, truncate-every=N, garbage-every=N, close-every=N, \
                     silent-every=N, half-close-every=N or stop-reading-after=N, N from 1";

impl FromStr for FaultSpec {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let parsed = text.split_once('=').and_then(|(name, number)| {
            let number = number.parse().ok()?;
            let every = |fault| Some(Self::Every(fault, number));
            match name {
                "reset-every" => every(Fault::Reset),
                "truncate-every" => every(Fault::Truncate),
                "garbage-every" => every(Fault::Garbage),
                "close-every" => every(Fault::Close),
                "silent-every" => every(Fault::Silent),
                "half-close-every" => every(Fault::HalfClose),
                "stop-reading-after" => Some(Self::StopReadingAfter(number)),
                _ => None,
            }
        });
        parsed.ok_or_else(|| format!("{FORMS}, found `{text}`"))
    }
}

/// The fault that the request with that number meets, counted from 1 over all connections. Of
/// several the one that was named first.
pub(super) fn met(faults: &[FaultSpec], number: u64) -> Option<Fault> {
    faults.iter().find_map(|spec| match spec {
        FaultSpec::Every(fault, every) => number.is_multiple_of(every.get()).then_some(*fault),
        FaultSpec::StopReadingAfter(_) => None,
    })
}

/// How many requests of a connection are read.
pub(super) fn most_read(faults: &[FaultSpec]) -> Option<u64> {
    let limits = faults.iter().filter_map(|spec| match spec {
        FaultSpec::StopReadingAfter(most) => Some(most.get()),
        FaultSpec::Every(..) => None,
    });
    limits.min()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_are_met_by_number_and_the_first_named_wins() {
        let faults: Vec<FaultSpec> = ["reset-every=3", "silent-every=2", "stop-reading-after=9"]
            .iter()
            .map(|text| text.parse().unwrap())
            .collect();
        let found: Vec<Option<Fault>> = (1..=6).map(|number| met(&faults, number)).collect();
        let (reset, silent) = (Some(Fault::Reset), Some(Fault::Silent));
        assert_eq!(found, [None, silent, reset, silent, None, reset]);
        assert_eq!(most_read(&faults), Some(9));
        assert_eq!(most_read(&faults[..2]), None);
    }

    #[test]
    fn what_is_no_fault_is_refused_with_the_forms() {
        for text in ["reset-every", "reset-every=0", "reset-every=x", "sleep-every=2", ""] {
            assert!(
                text.parse::<FaultSpec>().unwrap_err().contains("stop-reading-after"),
                "{text}"
            );
        }
    }
}
