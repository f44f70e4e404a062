//! Numbers with a unit and a range, checked on construction. They do not know how people like
//! them printed.

use std::time::Duration;

use serde::Serialize;

/// Why a number was refused: what was expected. The reader adds where it stood.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected {expected}")]
pub struct OutOfRange {
    /// The accepted range in words, e.g. `a rate from 0.1 to 1000000 requests a second`.
    pub expected: &'static str,
}

/// Requests a second that are offered, whatever the replies do. 0.1 ≤ rate ≤ 1 000 000.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct RatePerSecond(f64);

impl RatePerSecond {
    /// Checks the range.
    pub fn new(rate: f64) -> Result<Self, OutOfRange> {
        if (0.1..=1_000_000.0).contains(&rate) {
            Ok(Self(rate))
        } else {
            Err(OutOfRange { expected: "a rate from 0.1 to 1000000 requests a second" })
        }
    }

    /// Requests a second.
    #[must_use]
    pub fn per_second(self) -> f64 {
        self.0
    }

    /// How many requests a window holds, rounded down; the schedule has exactly this many.
    #[must_use]
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "both factors are bounded and positive"
    )]
    pub fn requests_in(self, window: Duration) -> u64 {
        // The small addend keeps 1000/s over 1.2 s at 1200 although 1.2 is no binary fraction.
        (self.0 * window.as_secs_f64() + 1e-6) as u64
    }
}

/// A share in percent, 0 ≤ share ≤ 100.
#[derive(Debug, Clone, Copy, PartialEq, PartialOrd, Serialize)]
#[serde(transparent)]
pub struct Percent(f64);

impl Percent {
    /// Checks the range.
    pub fn new(percent: f64) -> Result<Self, OutOfRange> {
        if (0.0..=100.0).contains(&percent) {
            Ok(Self(percent))
        } else {
            Err(OutOfRange { expected: "a percentage from 0 to 100" })
        }
    }

    /// 0 to 100.
    #[must_use]
    pub fn percent(self) -> f64 {
        self.0
    }

    /// 0 to 1.
    #[must_use]
    pub fn fraction(self) -> f64 {
        self.0 / 100.0
    }
}

/// The longest duration that a scenario can hold.
pub const LONGEST: Duration = Duration::from_secs(24 * 60 * 60);

/// A duration as people write it: `5s`, `250ms`, `50us`, `2m`, `1.5s`. At most [`LONGEST`], exact
/// to the nanosecond.
pub fn duration(text: &str) -> Result<Duration, OutOfRange> {
    const EXPECTED: OutOfRange =
        OutOfRange { expected: "a duration up to 24h, such as `5s`, `250ms`, `50us` or `2m`" };
    let unit_at = text.find(|letter: char| letter.is_ascii_alphabetic()).ok_or(EXPECTED)?;
    let (number, unit) = text.split_at(unit_at);
    let unit_ns: u64 = match unit {
        "us" => 1_000,
        "ms" => 1_000_000,
        "s" => 1_000_000_000,
        "m" => 60 * 1_000_000_000,
        "h" => 60 * 60 * 1_000_000_000,
        _ => return Err(EXPECTED),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    let whole_ns = digits(whole).and_then(|whole| whole.checked_mul(unit_ns)).ok_or(EXPECTED)?;
    let mut fraction_ns = 0;
    let mut step_ns = unit_ns;
    digits(fraction).ok_or(EXPECTED)?;
    for digit in fraction.bytes() {
        // A digit below the nanosecond is refused rather than rounded away.
        if !step_ns.is_multiple_of(10) && digit != b'0' {
            return Err(EXPECTED);
        }
        step_ns /= 10;
        fraction_ns += u64::from(digit - b'0') * step_ns;
    }
    let ns = whole_ns.checked_add(fraction_ns).ok_or(EXPECTED)?;
    Some(Duration::from_nanos(ns)).filter(|duration| *duration <= LONGEST).ok_or(EXPECTED)
}

/// A size as people write it, in whole units: `512KiB`, `4MiB`, `100B`. At most 1024 GiB.
pub fn bytes(text: &str) -> Result<u64, OutOfRange> {
    const EXPECTED: OutOfRange =
        OutOfRange { expected: "a size up to 1024GiB, such as `512KiB` or `4MiB`" };
    const UNITS: [(&str, u64); 4] =
        [("GiB", 1 << 30), ("MiB", 1 << 20), ("KiB", 1 << 10), ("B", 1)];
    let split = UNITS.iter().find_map(|(name, size)| Some((text.strip_suffix(name)?, *size)));
    let (number, size) = split.ok_or(EXPECTED)?;
    let bytes = digits(number).and_then(|number| number.checked_mul(size)).ok_or(EXPECTED)?;
    Some(bytes).filter(|bytes| *bytes <= 1 << 40).ok_or(EXPECTED)
}

/// Digits and nothing else: no sign, no exponent. Eighteen always fit.
fn digits(text: &str) -> Option<u64> {
    let plain = (1..=18).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit());
    plain.then(|| text.parse().ok()).flatten()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn durations_are_read_in_every_unit() {
        for (text, expected) in [
            ("5s", Duration::from_secs(5)),
            ("250ms", Duration::from_millis(250)),
            ("50us", Duration::from_micros(50)),
            ("2m", Duration::from_secs(120)),
            ("24h", LONGEST),
            ("1.5s", Duration::from_millis(1500)),
            ("0.001us", Duration::from_nanos(1)),
            ("0s", Duration::ZERO),
        ] {
            assert_eq!(duration(text), Ok(expected), "{text}");
        }
    }

    #[test]
    fn anything_else_is_no_duration() {
        for text in [
            "",
            "5",
            "s",
            ".5s",
            "5.s",
            "-1s",
            "+1s",
            "1e3s",
            "5 s",
            "5sec",
            "5S",
            "24.1h",
            "0.0001us",
            "99999999999999999999s",
            "999999999999999999h",
            "١s",
            "5s5ms",
            "1.2.3s",
        ] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn sizes_have_a_unit_and_no_fraction() {
        for (text, expected) in
            [("0B", 0), ("512KiB", 512 << 10), ("4MiB", 4 << 20), ("1024GiB", 1 << 40)]
        {
            assert_eq!(bytes(text), Ok(expected), "{text}");
        }
        for text in ["", "4", "4MB", "4 MiB", "1.5MiB", "-1B", "1025GiB", "99999999999999999GiB"] {
            assert!(bytes(text).is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn a_printed_duration_is_read_as_itself(ns in 0..=86_400_000_000_000_u64) {
            let printed = format!("{}.{:09}s", ns / 1_000_000_000, ns % 1_000_000_000);
            prop_assert_eq!(duration(&printed), Ok(Duration::from_nanos(ns)));
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,30}") {
            let _ = duration(&text);
        }
    }
}
