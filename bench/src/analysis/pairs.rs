//! Which trials a comparison is made of: for each quantile the trial of a block that counts, the
//! blocks in which both sides have one, and why the other blocks have none. Looks at no figure.

use std::collections::{BTreeMap, BTreeSet};

use crate::admit::kinds;
use crate::quantile::Quantile;
use crate::record::{ComparisonSpecRecord, TrialRow};

/// Both trials of a block, their quantile admitted.
pub(super) struct Pair<'a> {
    pub(super) candidate: &'a TrialRow,
    pub(super) baseline: &'a TrialRow,
}

/// The blocks of a comparison at one quantile.
pub(super) struct Pairs<'a> {
    /// In order of the blocks.
    pub(super) made: Vec<Pair<'a>>,
    /// Blocks that lack one, in words; `None` when none does.
    pub(super) lacking: Option<String>,
}

/// The trial of each block that counts for a quantile of a variant.
///
/// It is the first of the block in which the machine did not spoil the quantile, and none when that
/// one is rejected. So a repeat counts only where the machine spoilt everything before it, and never
/// because of what was measured: what the subject brought about itself is not tried again, not even
/// when the trial is repeated for the sake of another quantile.
#[must_use]
pub fn counting<'a>(
    trials: &'a [TrialRow],
    variant: &str,
    quantile: Quantile,
) -> BTreeMap<u32, &'a TrialRow> {
    let decisive = decisive(trials, variant, quantile).into_iter();
    decisive.filter(|(_, trial)| trial.admits(quantile)).collect()
}

/// The trial of each block that decides whether there is a quantile: the first that is not spoilt,
/// or the last when all are.
fn decisive<'a>(
    trials: &'a [TrialRow],
    variant: &str,
    quantile: Quantile,
) -> BTreeMap<u32, &'a TrialRow> {
    let mut mine: Vec<&TrialRow> = trials.iter().filter(|row| row.variant == variant).collect();
    mine.sort_by_key(|trial| (trial.block, trial.position));
    let mut found: BTreeMap<u32, &TrialRow> = BTreeMap::new();
    for trial in mine {
        let known = found.entry(trial.block).or_insert(trial);
        if known.spoiled.contains_key(&quantile) {
            *known = trial;
        }
    }
    found
}

/// The pairs of a comparison at a quantile.
pub(super) fn pairs<'a>(
    spec: &ComparisonSpecRecord,
    trials: &'a [TrialRow],
    quantile: Quantile,
) -> Pairs<'a> {
    let sides =
        [&spec.candidate, &spec.baseline].map(|variant| decisive(trials, variant, quantile));
    let blocks: BTreeSet<u32> = trials.iter().map(|trial| trial.block).collect();
    let mut made = Vec::new();
    let mut why: BTreeMap<&str, usize> = BTreeMap::new();
    for block in &blocks {
        match [sides[0].get(block), sides[1].get(block)] {
            [Some(candidate), Some(baseline)]
                if candidate.admits(quantile) && baseline.admits(quantile) =>
            {
                made.push(Pair { candidate, baseline });
            }
            // A block counts once for each kind of reason, whichever side it is of.
            both => {
                let of_both: BTreeSet<&str> =
                    both.iter().flat_map(|side| reasons(side.copied(), quantile)).collect();
                of_both.into_iter().for_each(|kind| *why.entry(kind).or_default() += 1);
            }
        }
    }
    let lacking = (made.len() < blocks.len()).then(|| {
        let counted: Vec<String> =
            why.iter().map(|(kind, count)| format!("{kind} in {count}")).collect();
        let without = blocks.len() - made.len();
        let has = if without == 1 { "has" } else { "have" };
        format!(
            "{without} of {} blocks {has} no admitted {} of both: {}",
            blocks.len(),
            quantile.label(),
            counted.join(", ")
        )
    });
    Pairs { made, lacking }
}

/// The kinds of reasons why a side has no quantile in a block; none when it has one.
fn reasons(side: Option<&TrialRow>, quantile: Quantile) -> Vec<&str> {
    let Some(trial) = side else { return vec!["not made"] };
    let spoilt = trial.spoiled.get(&quantile);
    let rejected = trial.rejected.as_ref().filter(|_| spoilt.is_none());
    spoilt.into_iter().chain(rejected).flat_map(|reasons| kinds(reasons)).collect()
}

/// The trials of a variant whose histograms make one curve, and how far it can be trusted.
#[derive(Debug, Clone, PartialEq)]
pub struct Pool<'a> {
    /// Admitted trials, whole as far as the curve goes.
    pub trials: Vec<&'a TrialRow>,
    /// The curve ends at this quantile; `None` when nothing but the number of requests ends it.
    pub end: Option<Quantile>,
}

/// One curve needs one set of trials from end to end, since sets of different quantiles would make
/// it jump. It goes as far as at least half of the variant's admitted trials do, and is made of
/// those. `None` without an admitted trial.
#[must_use]
pub fn pooled<'a>(trials: &'a [TrialRow], variant: &str) -> Option<Pool<'a>> {
    let mine = || trials.iter().filter(|trial| trial.admitted && trial.variant == variant);
    let reaching = |quantile: Quantile| {
        // The lowest spoilt quantile is where a trial ends, be a higher one measured or not.
        let whole = move |trial: &&TrialRow| {
            trial.spoiled.keys().next().is_none_or(|spoilt| *spoilt > quantile)
        };
        mine().filter(whole).collect::<Vec<_>>()
    };
    let (last, trials) = Quantile::ALL
        .into_iter()
        .rev()
        .map(|quantile| (quantile, reaching(quantile)))
        .find(|(_, trials)| !trials.is_empty() && 2 * trials.len() >= mine().count())?;
    Some(Pool { trials, end: Some(last).filter(|last| *last != Quantile::P999) })
}
