//! Which releases have the known mistakes that some checks are about: a table that is read once.
//! It does not know what the mistakes are.

use std::sync::LazyLock;

use crate::version::{Version, Versions};

/// A mistake of some releases.
#[derive(Debug)]
struct Row {
    check: &'static str,
    istio: bool,
    /// The first release that has it, and the first of the same line that has it no more.
    ranges: Vec<(Option<Version>, Option<Version>)>,
    name: &'static str,
}

static ROWS: LazyLock<Vec<Row>> = LazyLock::new(|| {
    let table = include_str!("../../data/affected.tsv");
    table.lines().filter(|line| !line.starts_with('#')).map(row).collect()
});

fn row(line: &'static str) -> Row {
    let mut columns = line.split('\t');
    let mut column = || columns.next().expect("a line of the table has four columns");
    let (check, product, ranges, name) = (column(), column(), column(), column());
    let version =
        |text: &str| (!text.is_empty()).then(|| text.parse().expect("the table names releases"));
    let range = |text: &str| {
        let (first, below) = text.split_once("..").expect("the table has ranges");
        (version(first), version(below))
    };
    let ranges = ranges.split(' ').map(range).collect();
    Row { check, istio: product == "istio", ranges, name }
}

/// Whether a release has the mistake that a check is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Affected {
    /// It has it, and this is its name.
    Yes(&'static str),
    /// It does not.
    No,
    /// The release is not given.
    Unknown,
}

/// Whether the given releases have the mistake that a check is about.
///
/// # Panics
///
/// When the table has no line for the check.
pub(crate) fn affected(check: &str, versions: Versions) -> Affected {
    let row = ROWS.iter().find(|row| row.check == check).expect("the check has a line");
    let version = if row.istio { versions.istio } else { versions.cilium };
    let Some(version) = version else { return Affected::Unknown };
    let within = |(first, below): &(Option<Version>, Option<Version>)| {
        first.is_none_or(|first| version >= first) && below.is_none_or(|below| version < below)
    };
    if row.ranges.iter().any(within) { Affected::Yes(row.name) } else { Affected::No }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cilium(text: &str) -> Versions {
        Versions { istio: None, cilium: text.parse().ok() }
    }

    #[test]
    fn a_range_ends_below_its_last() {
        assert_eq!(affected("CN025", cilium("1.16.3")), Affected::Yes("CVE-2024-52529"));
        assert_eq!(affected("CN025", cilium("1.16.4")), Affected::No);
        assert_eq!(affected("CN025", cilium("1.15.9")), Affected::No);
        assert_eq!(affected("CN042", cilium("1.14.0")), Affected::Yes("CVE-2026-53935"));
        assert_eq!(affected("AP029", cilium("1.16.3")), Affected::Unknown);
    }
}
