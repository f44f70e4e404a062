//! Numbers as people read them: three significant digits, a unit that fits, a sign where the
//! direction matters. The same on every machine; knows nothing of what is counted.

use crate::memory::MemoryVerdict;
use crate::record::{ClaimVerdict, Estimate, Verdict};

/// Stands where there is no figure.
pub const NONE: &str = "–";

/// Bytes of a MiB.
pub(crate) const MIB: f64 = 1_048_576.0;

/// Units of time with how many microseconds each is, smallest first.
const UNITS: [(&str, f64); 3] = [("µs", 1.0), ("ms", 1e3), ("s", 1e6)];

/// A time: `812 µs`, `1.23 ms`, `10.0 s`.
#[must_use]
pub fn micros(us: f64) -> String {
    if !us.is_finite() {
        return NONE.to_owned();
    }
    let (unit, size) = unit_of(us);
    format!("{} {unit}", negative_or_not(us / size))
}

/// A time that may be unknown, or known only from below: `≥ 1.23 ms`.
#[must_use]
pub fn micros_or_none(us: Option<f64>, at_least: bool) -> String {
    match us {
        Some(us) if us.is_finite() && at_least => format!("≥ {}", micros(us)),
        Some(us) => micros(us),
        None => NONE.to_owned(),
    }
}

/// A difference of times, always with its sign: `+812 µs`, `−1.20 ms`.
#[must_use]
pub fn signed(us: f64) -> String {
    if !us.is_finite() {
        return NONE.to_owned();
    }
    let (unit, size) = unit_of(us);
    format!("{} {unit}", with_sign(us / size))
}

/// A difference with its interval in one unit: `+812 µs [+780, +850]`.
#[must_use]
pub fn signed_estimate(estimate: &Estimate) -> String {
    let Some((unit, size)) = common_unit(estimate) else { return NONE.to_owned() };
    format!(
        "{} {unit} [{}, {}]",
        with_sign(estimate.point / size),
        with_sign(estimate.low / size),
        with_sign(estimate.high / size)
    )
}

/// A difference in a sentence: `+812 µs (97.9 % interval +780 to +850 µs)`.
#[must_use]
pub fn signed_in_words(estimate: &Estimate) -> String {
    let Some((unit, size)) = common_unit(estimate) else { return NONE.to_owned() };
    // A line is not broken between a number and its percent sign.
    let confidence = share(estimate.confidence).replace(' ', "\u{a0}");
    format!(
        "{} {unit} ({confidence} interval {} to {} {unit})",
        with_sign(estimate.point / size),
        with_sign(estimate.low / size),
        with_sign(estimate.high / size)
    )
}

/// A ratio with its interval: `×1.23 [1.20, 1.26]`.
#[must_use]
pub fn ratio(estimate: &Estimate) -> String {
    let parts = [estimate.point, estimate.low, estimate.high];
    if parts.iter().any(|part| !part.is_finite()) {
        return NONE.to_owned();
    }
    let [point, low, high] = parts.map(negative_or_not);
    format!("×{point} [{low}, {high}]")
}

/// A rate: `998 /s`.
#[must_use]
pub fn rate(per_second: f64) -> String {
    if !per_second.is_finite() {
        NONE.to_owned()
    } else if per_second.abs() >= 100.0 {
        format!("{per_second:.0} /s")
    } else {
        format!("{} /s", negative_or_not(per_second))
    }
}

/// Seconds: `30 s`, `0.5 s`.
#[must_use]
pub fn seconds(s: f64) -> String {
    if s.is_finite() { format!("{} s", trimmed(s)) } else { NONE.to_owned() }
}

/// A percentage that is one already: `0.1 %`.
#[must_use]
pub fn percent(percent: f64) -> String {
    if percent.is_finite() { format!("{} %", trimmed(percent)) } else { NONE.to_owned() }
}

/// A share from 0 to 1 as a percentage: `97.9 %`. Not rounded up to 100 %.
#[must_use]
pub fn share(share: f64) -> String {
    if !share.is_finite() {
        return NONE.to_owned();
    }
    let percent = share * 100.0;
    if (99.95..100.0).contains(&percent) {
        return "> 99.9 %".to_owned();
    }
    format!("{percent:.1} %")
}

/// A percentile by 1 ÷ what lies beyond it: 100 is `99.00 %`. As many digits as tell it from its
/// neighbours.
#[must_use]
pub fn percentile(tail: f64) -> String {
    if !tail.is_finite() || tail < 1.0 {
        return NONE.to_owned();
    }
    let percent = 100.0 * (1.0 - 1.0 / tail);
    let decimals = 1 + [100.0, 1e3, 1e4, 1e5].iter().filter(|decade| tail >= **decade).count();
    format!("{percent:.decimals$} %")
}

/// Bytes: `512 B`, `1.40 GiB`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "three digits are shown")]
pub fn bytes(count: u64) -> String {
    let mut value = count as f64;
    let mut unit = "B";
    for larger in ["KiB", "MiB", "GiB", "TiB"] {
        if value < 1024.0 {
            break;
        }
        value /= 1024.0;
        unit = larger;
    }
    if unit == "B" { format!("{count} B") } else { format!("{} {unit}", negative_or_not(value)) }
}

/// A size of memory in MiB, whatever its size, so that sizes can be compared at a glance: `65.1 MiB`.
#[must_use]
pub fn mebibytes(bytes: f64) -> String {
    if bytes.is_finite() {
        format!("{} MiB", negative_or_not(bytes / MIB))
    } else {
        NONE.to_owned()
    }
}

/// A number of MiB with its interval: `65.1 [65.0, 65.3]`; without a unit, which the table has.
#[must_use]
pub fn in_mebibytes(median: Option<f64>, estimate: Option<&Estimate>) -> String {
    in_units((MIB, negative_or_not), median, estimate)
}

/// The same in KiB.
#[must_use]
pub fn in_kibibytes(median: Option<f64>, estimate: Option<&Estimate>) -> String {
    in_units((MIB / 1024.0, negative_or_not), median, estimate)
}

/// A difference in MiB, always with its sign: `+7.03 [+7.01, +7.06]`.
#[must_use]
pub fn signed_in_mebibytes(median: Option<f64>, estimate: Option<&Estimate>) -> String {
    in_units((MIB, with_sign), median, estimate)
}

fn in_units(
    (unit, digits): (f64, fn(f64) -> String),
    median: Option<f64>,
    estimate: Option<&Estimate>,
) -> String {
    let of = |bytes: f64| digits(bytes / unit);
    match (estimate, median) {
        (Some(all), _) => format!("{} [{}, {}]", of(all.point), of(all.low), of(all.high)),
        (None, Some(median)) => of(median),
        (None, None) => NONE.to_owned(),
    }
}

/// How many times something is something else: `5.71`.
#[must_use]
pub fn times(ratio: f64) -> String {
    if ratio.is_finite() { negative_or_not(ratio) } else { NONE.to_owned() }
}

/// What a difference of memory comes to, in one word.
#[must_use]
pub fn memory_verdict(verdict: MemoryVerdict) -> &'static str {
    match verdict {
        MemoryVerdict::More => "more",
        MemoryVerdict::Less => "less",
        MemoryVerdict::Equivalent => "equivalent",
        MemoryVerdict::Inconclusive => "inconclusive",
    }
}

/// A label of a time axis, as short as it goes: `500 µs`, `1 ms`, `−2 ms`, `0`.
#[must_use]
pub fn tick(us: f64) -> String {
    if us == 0.0 || !us.is_finite() {
        return "0".to_owned();
    }
    let (unit, size) = unit_of(us);
    format!("{} {unit}", trimmed(us / size))
}

/// What a comparison comes to, in one word.
#[must_use]
pub fn verdict(verdict: Verdict) -> &'static str {
    match verdict {
        Verdict::Slower => "slower",
        Verdict::Faster => "faster",
        Verdict::Equivalent => "equivalent",
        Verdict::Inconclusive => "inconclusive",
    }
}

/// What a claim comes to, in a few words; `None` where there is nothing to hold against it.
#[must_use]
pub fn claim_verdict(verdict: ClaimVerdict) -> Option<&'static str> {
    match verdict {
        ClaimVerdict::WithinInterval => Some("claim within the interval"),
        ClaimVerdict::MeasuredHigher => Some("measured higher than claimed"),
        ClaimVerdict::MeasuredLower => Some("measured lower than claimed"),
        ClaimVerdict::NotMeasured | ClaimVerdict::NoClaim => None,
    }
}

fn unit_of(us: f64) -> (&'static str, f64) {
    // Rounded first, so that 999.7 µs is 1.00 ms and not 1000 µs.
    let size = to_three_digits(us).abs();
    let fits = UNITS.iter().rev().find(|(_, unit)| size >= *unit);
    *fits.unwrap_or(&UNITS[0])
}

/// The unit of the largest of the three, so that they can be compared at a glance.
fn common_unit(estimate: &Estimate) -> Option<(&'static str, f64)> {
    let parts = [estimate.point, estimate.low, estimate.high];
    if parts.iter().any(|part| !part.is_finite()) {
        return None;
    }
    Some(unit_of(parts.iter().fold(0.0, |largest: f64, part| largest.max(part.abs()))))
}

fn to_three_digits(value: f64) -> f64 {
    if value == 0.0 || !value.is_finite() {
        return value;
    }
    let scale = 10_f64.powf(2.0 - value.abs().log10().floor());
    let rounded = (value * scale).round() / scale;
    // The scale of a subnormal number overflows; such a number is 0 to any reader.
    if rounded.is_finite() { rounded } else { 0.0 }
}

/// The absolute value at three significant digits, at most three of them after the point.
fn digits(value: f64) -> String {
    let rounded = to_three_digits(value).abs();
    if rounded < 0.0005 {
        return "0".to_owned();
    }
    // Nothing that is measured is so large; a figure from elsewhere still fits its column.
    if rounded >= 1e6 {
        return format!("{rounded:.2e}");
    }
    let decimals = if rounded >= 100.0 {
        0
    } else if rounded >= 10.0 {
        1
    } else if rounded >= 1.0 {
        2
    } else {
        3
    };
    format!("{rounded:.decimals$}")
}

fn negative_or_not(value: f64) -> String {
    let digits = digits(value);
    if value < 0.0 && digits != "0" { format!("−{digits}") } else { digits }
}

fn with_sign(value: f64) -> String {
    let digits = digits(value);
    match (digits.as_str(), value < 0.0) {
        ("0", _) => digits,
        (_, true) => format!("−{digits}"),
        (_, false) => format!("+{digits}"),
    }
}

/// Up to three decimals, none of them a trailing zero.
fn trimmed(value: f64) -> String {
    let text = format!("{:.3}", value.abs());
    let text = text.trim_end_matches('0').trim_end_matches('.');
    if value < 0.0 && text != "0" { format!("−{text}") } else { text.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn estimate(point: f64, low: f64, high: f64) -> Estimate {
        Estimate { point, low, high, confidence: 0.978_515_625 }
    }

    #[test]
    fn times_have_three_digits_and_a_unit_that_fits() {
        for (us, text) in [
            (0.0, "0 µs"),
            (0.812, "0.812 µs"),
            (20.04, "20.0 µs"),
            (812.4, "812 µs"),
            (999.4, "999 µs"),
            (999.6, "1.00 ms"),
            (1234.0, "1.23 ms"),
            (10e6, "10.0 s"),
            (600e6, "600 s"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(micros(us), text);
        }
    }

    #[test]
    fn differences_always_show_their_direction() {
        assert_eq!(signed(812.0), "+812 µs");
        assert_eq!(signed(-1200.0), "−1.20 ms");
        assert_eq!(signed(-0.000_01), "0 µs");
        let text = signed_estimate(&estimate(812.0, -5.0, 1250.0));
        assert_eq!(text, "+0.812 ms [−0.005, +1.25]");
    }

    #[test]
    fn ratios_and_shares_keep_what_matters() {
        assert_eq!(ratio(&estimate(1.234, 0.987_6, 12.34)), "×1.23 [0.988, 12.3]");
        assert_eq!(share(0.978_515_625), "97.9 %");
        assert_eq!(share(0.999_99), "> 99.9 %");
    }

    #[test]
    fn percentiles_have_the_digits_that_their_tail_needs() {
        for (tail, text) in [
            (2.0, "50.0 %"),
            (2.05, "51.2 %"),
            (10.0, "90.0 %"),
            (102.4, "99.02 %"),
            (1000.0, "99.900 %"),
            (1e5, "99.99900 %"),
            (f64::NAN, "–"),
        ] {
            assert_eq!(percentile(tail), text);
        }
    }

    #[test]
    fn sizes_of_memory_are_all_in_mebibytes() {
        assert_eq!(mebibytes(68_262_297.6), "65.1 MiB");
        let mib = |mib: f64| mib * MIB;
        let all = estimate(mib(65.1), mib(65.0), mib(65.25));
        assert_eq!(in_mebibytes(Some(1.0), Some(&all)), "65.1 [65.0, 65.3]");
        assert_eq!(in_mebibytes(Some(mib(9.99)), None), "9.99");
        assert_eq!(in_mebibytes(None, None), "–");
        let all = estimate(mib(7.0), mib(-0.25), mib(7.5));
        assert_eq!(signed_in_mebibytes(None, Some(&all)), "+7.00 [−0.250, +7.50]");
    }

    #[test]
    fn ticks_are_as_short_as_they_go() {
        assert_eq!(tick(500.0), "500 µs");
        assert_eq!(tick(1500.0), "1.5 ms");
        assert_eq!(tick(-2000.0), "−2 ms");
        assert_eq!(tick(10e6), "10 s");
    }
}
