//! What is left out of the figures and why, by reason: a run can have many trials, and a busy
//! machine spoils most of them in the same way. Reads judgements, makes none.

use std::collections::BTreeMap;

use super::Table;
use crate::admit::kinds;
use crate::quantile::Quantile;
use crate::record::{RunRecord, TrialRow};

/// `p99, p99.9`.
pub(super) fn labels(quantiles: impl IntoIterator<Item = Quantile>) -> String {
    quantiles.into_iter().map(Quantile::label).collect::<Vec<_>>().join(", ")
}

/// What of a trial is left out; empty for nothing.
pub(super) fn what(trial: &TrialRow) -> String {
    if trial.admitted { labels(trial.spoiled.keys().copied()) } else { "all".to_owned() }
}

/// Why, in full; of several quantiles the reason of the lowest, since the machine did the same to
/// all of them.
pub(super) fn why(trial: &TrialRow) -> String {
    let spoiled = trial.spoiled.values().next().filter(|_| trial.admitted);
    trial.rejected.as_ref().or(spoiled).cloned().unwrap_or_default()
}

/// A row for each reason and what it spoilt, the most frequent first.
pub(super) fn by_reason(record: &RunRecord) -> Table {
    let mut groups: BTreeMap<(String, &str), Vec<usize>> = BTreeMap::new();
    for (number, trial) in (1..).zip(&record.trials) {
        for (kind, of) in of_trial(trial) {
            groups.entry((of, kind)).or_default().push(number);
        }
    }
    let mut groups: Vec<_> = groups.into_iter().collect();
    groups.sort_by_key(|(_, trials)| std::cmp::Reverse(trials.len()));
    let mut table = Table::new("Left out, by reason", &["Why", "Of a trial", "#Trials", "Which"]);
    for ((of, kind), trials) in groups {
        table.rows.push(vec![kind.to_owned(), of, trials.len().to_string(), ranges(&trials)]);
    }
    table
}

/// Each kind of reason of a trial with what it spoilt.
fn of_trial(trial: &TrialRow) -> BTreeMap<&str, String> {
    if !trial.admitted {
        let why = trial.rejected.as_deref().unwrap_or("not told");
        return kinds(why).map(|kind| (kind, "all".to_owned())).collect();
    }
    let mut by_kind: BTreeMap<&str, Vec<Quantile>> = BTreeMap::new();
    for (quantile, reasons) in &trial.spoiled {
        for kind in kinds(reasons) {
            by_kind.entry(kind).or_default().push(*quantile);
        }
    }
    by_kind.into_iter().map(|(kind, quantiles)| (kind, labels(quantiles))).collect()
}

/// Ascending numbers as `1–3, 7, 9–10`.
fn ranges(numbers: &[usize]) -> String {
    let runs = numbers.chunk_by(|one, next| one + 1 == *next);
    let text = runs.map(|run| match run {
        [first, .., last] => format!("{first}–{last}"),
        _ => run.iter().map(usize::to_string).collect(),
    });
    text.collect::<Vec<_>>().join(", ")
}

/// The quantiles that admitted trials lack, in a sentence; `None` where all are whole.
pub(super) fn sentence(record: &RunRecord) -> Option<String> {
    let admitted = || record.trials.iter().filter(|trial| trial.admitted);
    let lacking = |quantile: &Quantile| {
        let count = admitted().filter(|trial| trial.spoiled.contains_key(quantile)).count();
        (count > 0).then(|| format!("{} of {count}", quantile.label()))
    };
    let lacking: Vec<String> = Quantile::ALL.iter().filter_map(lacking).collect();
    (!lacking.is_empty()).then(|| {
        format!(
            "Of {} admitted trials, {} are left out, since the machine was too busy for them. The \
             lower quantiles of these trials count.",
            admitted().count(),
            lacking.join(" and ")
        )
    })
}

#[cfg(test)]
mod tests {
    use super::ranges;

    #[test]
    fn numbers_in_a_row_become_a_range() {
        assert_eq!(ranges(&[1, 2, 3, 7, 9, 10]), "1–3, 7, 9–10");
        assert_eq!(ranges(&[4]), "4");
        assert_eq!(ranges(&[]), "");
    }
}
