//! When a run began, and which day it is. The only place of this package that reads the wall clock;
//! nothing is measured with it.

/// The wall clock, as run folders and `run.json` name it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StartedAt {
    /// For a folder name, e.g. `20261123T024011Z`.
    pub stamp: String,
    /// For people and programs, e.g. `2026-11-23T02:40:11Z`.
    pub text: String,
    /// Nanoseconds since the epoch.
    pub unix_ns: u64,
    /// A number that differs from run to run, for a seed that was not given.
    pub seed: u64,
}

impl StartedAt {
    /// Now.
    #[must_use]
    pub fn now() -> Self {
        let now = jiff::Timestamp::now();
        let seconds = now.strftime("%Y%m%dT%H%M%SZ").to_string();
        Self {
            stamp: seconds,
            text: now.strftime("%Y-%m-%dT%H:%M:%SZ").to_string(),
            unix_ns: u64::try_from(now.as_nanosecond()).unwrap_or(0),
            // Short enough to type again.
            seed: u64::from(now.subsec_nanosecond().unsigned_abs())
                ^ now.as_second().unsigned_abs() & 0xffff_ffff,
        }
    }
}

/// The day, in UTC.
#[must_use]
pub fn today() -> jiff::civil::Date {
    jiff::tz::Offset::UTC.to_datetime(jiff::Timestamp::now()).date()
}
