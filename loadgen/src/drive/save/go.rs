//! How Go prints what formats of Go programs hold: durations and instants. Knows no format.

use std::time::Duration;

use crate::drive::measured::Measured;

/// As `time.Duration` prints itself: `1h0m0s`, `1m30s`, `1.5s`, `250ms`, `50µs`, `0s`.
pub(super) fn duration(span: Duration) -> String {
    let nanos = span.as_nanos();
    let (unit, size) = match nanos {
        0 => return "0s".to_owned(),
        1..1_000 => ("ns", 1),
        1_000..1_000_000 => ("µs", 1_000),
        1_000_000..1_000_000_000 => ("ms", 1_000_000),
        _ => ("s", 1_000_000_000),
    };
    let whole_s = span.as_secs();
    let (hours, minutes) = (whole_s / 3600, whole_s / 60 % 60);
    let mut text = String::new();
    if hours > 0 {
        text.push_str(&format!("{hours}h"));
    }
    if hours > 0 || minutes > 0 {
        text.push_str(&format!("{minutes}m"));
    }
    let rest = if unit == "s" { nanos % (60 * size) } else { nanos };
    let digits = size.ilog10() as usize;
    let fraction = format!("{:0digits$}", rest % size);
    let fraction = if digits == 0 { "" } else { fraction.trim_end_matches('0') };
    let point = if fraction.is_empty() { "" } else { "." };
    format!("{text}{}{point}{fraction}{unit}", rest / size)
}

/// An instant so many nanoseconds after the window's beginning, as `time.Time` is written to JSON:
/// RFC 3339 in UTC with nanoseconds.
pub(super) fn instant(measured: &Measured, after_ns: u64) -> String {
    let nanos = i128::from(measured.started_unix_ns) + i128::from(after_ns);
    jiff::Timestamp::from_nanosecond(nanos)
        .map(|time| time.to_string())
        .expect("584 years from 1970 are in the calendar")
}

/// Seconds as whole nanoseconds.
#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "a drive lasts days at most, and the cast saturates"
)]
pub(super) fn nanos(seconds: f64) -> u64 {
    (seconds * 1e9).round() as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_read_as_in_go() {
        for (nanos, text) in [
            (0, "0s"),
            (1, "1ns"),
            (1_500, "1.5µs"),
            (250_000_000, "250ms"),
            (1_500_000_000, "1.5s"),
            (30_000_000_000, "30s"),
            (90_000_000_000, "1m30s"),
            (60_000_000_000, "1m0s"),
            (3_600_000_000_000, "1h0m0s"),
            (3_661_000_000_001, "1h1m1.000000001s"),
        ] {
            assert_eq!(duration(Duration::from_nanos(nanos)), text);
        }
    }
}
