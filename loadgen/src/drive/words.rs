//! Shares and counts as people read them, where a small share matters. Knows no drive.

use bench::report::figures;

/// A share from 0 to 1 as a percentage; below 0.1 % with two digits: `2.0 %`, `0.033 %`, `0 %`.
pub(super) fn share(share: f64) -> String {
    if share <= 0.0 {
        return "0 %".to_owned();
    }
    if share >= 0.001 {
        return figures::share(share);
    }
    let percent = 100.0 * share;
    let mut digits = 2;
    while digits < 12 && percent * 10_f64.powi(digits) < 10.0 {
        digits += 1;
    }
    let digits = usize::try_from(digits).expect("2 to 12");
    format!("{percent:.digits$} %")
}

/// Part of a whole, 0 to 1; 0 of nothing.
pub(super) fn part(count: u64, whole: u64) -> f64 {
    count as f64 / whole.max(1) as f64
}

/// A noun in its number.
pub(super) fn plural(count: u64, one: &str) -> String {
    if count == 1 { one.to_owned() } else { format!("{one}s") }
}

#[cfg(test)]
mod tests {
    use super::share;

    #[test]
    fn small_shares_keep_two_digits() {
        for (value, text) in [
            (0.0, "0 %"),
            (0.02, "2.0 %"),
            (0.001, "0.1 %"),
            (0.000_333, "0.033 %"),
            (0.000_000_1, "0.000010 %"),
            (0.999_99, "> 99.9 %"),
            (1.0, "100.0 %"),
        ] {
            assert_eq!(share(value), text);
        }
    }
}
