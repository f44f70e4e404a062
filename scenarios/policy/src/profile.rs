//! Which checks are asked for, and how much each matters: tables that are read once. It does not
//! know how a check is decided.

use std::sync::LazyLock;

use crate::catalogue::Check;
use crate::finding::Severity;

/// A set of checks with their severities.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Profile {
    /// Everything that opens access, at the severity that the catalogue has.
    #[default]
    Hardened,
    /// What is refused, does the opposite of what it says, or opens access to anybody; habits are
    /// notes.
    Baseline,
    /// The four points that the article's own program checks, as written there.
    Article2026,
}

struct Row {
    profile: &'static str,
    /// The beginning of an id; the longest that fits decides.
    checks: &'static str,
    /// Nothing is the severity that the finding has.
    severity: Option<Severity>,
    asked: bool,
}

static ROWS: LazyLock<Vec<Row>> =
    LazyLock::new(|| include_str!("../data/profiles.tsv").lines().filter_map(row).collect());

/// # Panics
///
/// When a line is not as the table's comment says; a test reads each of them.
fn row(line: &'static str) -> Option<Row> {
    if line.starts_with('#') || line.is_empty() {
        return None;
    }
    let mut columns = line.split('\t');
    let mut column = || columns.next().expect("a row of three columns");
    let (profile, checks, word) = (column(), column().trim_end_matches('*'), column());
    let severity = Severity::ALL.into_iter().find(|severity| severity.word() == word);
    assert!(severity.is_some() || matches!(word, "off" | "on"), "{word}");
    Some(Row { profile, checks, severity, asked: word != "off" })
}

impl Profile {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Hardened, Self::Baseline, Self::Article2026];

    /// As it is written in options and in the table.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            Self::Hardened => "hardened",
            Self::Baseline => "baseline",
            Self::Article2026 => "article-2026",
        }
    }

    fn row(self, check: &Check) -> &'static Row {
        let of_profile = ROWS.iter().filter(|row| row.profile == self.word());
        of_profile
            .filter(|row| check.id.starts_with(row.checks))
            .max_by_key(|row| row.checks.len())
            .expect("each profile has a row for all checks")
    }

    /// Whether a check is asked for.
    #[must_use]
    pub fn asks_for(self, check: &Check) -> bool {
        self.row(check).asked
    }

    /// How much a finding matters, which has a severity of its own.
    #[must_use]
    pub fn severity(self, check: &Check, own: Severity) -> Severity {
        self.row(check).severity.unwrap_or(own)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::catalogue::{checks, find};

    #[test]
    fn every_row_is_of_a_profile_and_of_checks() {
        for row in ROWS.iter() {
            assert!(Profile::ALL.iter().any(|profile| profile.word() == row.profile));
            assert!(checks().any(|check| check.id.starts_with(row.checks)), "{}", row.checks);
        }
        for (profile, check) in Profile::ALL.iter().flat_map(|p| checks().map(move |c| (p, c))) {
            let _ = profile.row(check);
        }
    }

    #[test]
    fn the_longest_id_that_fits_decides() {
        let check = |id| find(id).unwrap();
        assert!(!Profile::Article2026.asks_for(check("AP005")));
        assert!(Profile::Article2026.asks_for(check("AR002")));
        assert!(!Profile::Hardened.asks_for(check("AR002")));
        assert_eq!(Profile::Baseline.severity(check("AP013"), Severity::Medium), Severity::Info);
        assert_eq!(Profile::Hardened.severity(check("AP013"), Severity::Medium), Severity::Medium);
    }
}
