//! Plan and trials become comparisons with intervals and verdicts, and the article's table beside
//! them. Pure: the same rows and the same seed give the same bytes. Renders nothing, reads nothing.

mod article;
mod compare;
mod differences;
mod known;
mod pairs;
mod rule;

pub(crate) use compare::estimate;
pub use differences::{Differences, differences};
pub use known::{Known, known};
pub use pairs::{Pool, counting, pooled};
pub use rule::{Rule, Side, side};

use crate::describe::A_A;
use crate::memory;
use crate::plan::Seed;
use crate::record::{ArticleRow, ComparisonRow, PlanRecord, RunRecord, TrialRow, Verdict};
use crate::stats::bootstrap;
use crate::stats::sign::holm;

/// The least confidence of every interval here.
pub const CONFIDENCE: f64 = 0.95;

/// The level of every verdict, after Holm's correction.
pub const LEVEL: f64 = 0.05;

/// What the trials come to.
#[derive(Debug, Clone, PartialEq)]
pub struct Analysis {
    /// Every comparison of the plan at every quantile, in the plan's order.
    pub comparisons: Vec<ComparisonRow>,
    /// The article's table, cell by cell.
    pub article: Vec<ArticleRow>,
}

/// Why a run says nothing.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("no comparison has an estimate: {admitted} of {trials} trials were admitted\n{reasons}")]
pub struct NothingMeasured {
    /// Trials of which something was admitted.
    pub admitted: usize,
    /// Trials in all.
    pub trials: usize,
    /// One line for each comparison that lacks something. Why trials were rejected is told as they
    /// are made, and in the report.
    pub reasons: String,
}

/// Analyses a run on a testbed, with the bootstrap's [`RESAMPLES`](bootstrap::RESAMPLES).
///
/// # The verdict
///
/// For each comparison and quantile, with the interval for the median of the paired differences:
///
/// 1. The whole interval within ±margin: *equivalent*.
/// 2. Else the interval excludes 0 and the sign test holds after Holm's correction over this
///    comparison's quantiles: *slower* or *faster*.
/// 3. Else *inconclusive*, with what would decide it.
///
/// The order is that because the first answer is the stronger one. An interval within the margin
/// says that the difference, whatever its sign, is too small to matter; that it may also exclude 0
/// only says that many blocks can see very small things, and to call it *slower* would make every
/// pair different in a long enough run. An interval beyond the margin on either side can not give
/// the first answer, so no real slowdown hides in it. Nothing is ever *equivalent* for want of
/// evidence: an interval over 0 that reaches past the margin is *inconclusive*.
///
/// The first answer is not corrected for several quantiles, and need not be: each is a claim about
/// its own quantile and asks for 95 % where two one-sided tests at 5 % would be content with 90 %.
/// The second is corrected, since "slower at some quantile" is what a reader takes away.
///
/// A comparison is a question of its own, so the correction of its verdict is over its quantiles. Who
/// reads all comparisons of a run and picks the most striking one asks another question; for that
/// every row has a p-value corrected over all tests of the run, and a verdict that does not hold at
/// that level says so.
#[must_use]
pub fn analyse(plan: &PlanRecord, trials: &[TrialRow], seed: Seed, testbed: &str) -> Analysis {
    analyse_with(plan, trials, testbed, &Bootstrap { seed, resamples: bootstrap::RESAMPLES })
}

/// Derives all that a run comes to from what was measured in it, and puts it into the record.
pub fn conclude(run: &mut RunRecord) {
    let Analysis { comparisons, mut article } =
        analyse(&run.plan, &run.trials, Seed(run.seed), &run.testbed);
    if let Some(of_memory) = &mut run.memory {
        memory::conclude(of_memory, &run.plan);
        memory::beside(&mut article, &run.plan.article, of_memory, &run.testbed);
    }
    run.comparisons = comparisons;
    run.article = article;
}

/// How the second opinion is drawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Bootstrap {
    /// Every comparison and quantile draws its own stream from it, by name.
    pub seed: Seed,
    /// 0 for none: nothing but `bootstrap_us` depends on it.
    pub resamples: usize,
}

/// [`analyse`] with the bootstrap chosen, for simulations of many runs.
#[must_use]
pub fn analyse_with(
    plan: &PlanRecord,
    trials: &[TrialRow],
    testbed: &str,
    bootstrap: &Bootstrap,
) -> Analysis {
    let rule = Rule::of(plan);
    let mut comparisons: Vec<ComparisonRow> = plan
        .comparisons
        .iter()
        .flat_map(|spec| compare::rows(spec, plan, trials, (&rule, bootstrap)))
        .collect();
    over_the_run(&mut comparisons);
    let article = article::rows(&plan.article, &comparisons, testbed);
    Analysis { comparisons, article }
}

/// Corrects every p-value over all tests of the run, and says so where a verdict does not hold then.
fn over_the_run(rows: &mut [ComparisonRow]) {
    let family: Vec<f64> = rows.iter().filter_map(|row| row.p_value).collect();
    let mut corrected = holm(&family).into_iter();
    for row in rows {
        row.p_run = row.p_value.and_then(|_| corrected.next());
        let Some(p_run) = row.p_run.filter(|p_run| *p_run > LEVEL) else { continue };
        if matches!(row.verdict, Verdict::Slower | Verdict::Faster) {
            let alone = format!(
                "holds for this comparison, not after Holm's correction over all {} tests of the \
                 run (p = {p_run:.3})",
                family.len()
            );
            let remarks = std::iter::once(alone).chain(row.remark.take());
            row.remark = Some(remarks.collect::<Vec<_>>().join("; "));
        }
    }
}

/// Whether the run measured anything: some comparison has an estimate, other than the A/A pair
/// where there is any other. If not, why.
pub fn enough_admitted(analysis: &Analysis, trials: &[TrialRow]) -> Result<(), NothingMeasured> {
    let only_a_a = analysis.comparisons.iter().all(|row| row.name == A_A);
    let asked = |row: &&ComparisonRow| only_a_a || row.name != A_A;
    if analysis.comparisons.iter().filter(asked).any(|row| row.overhead_us.is_some()) {
        return Ok(());
    }
    let mut reasons: Vec<String> = Vec::new();
    // Where the lowest quantile has no estimate, the higher ones lack the same and more.
    for rows in analysis.comparisons.chunk_by(|one, next| one.name == next.name) {
        let lowest = rows.iter().find_map(|row| row.remark.as_ref());
        reasons.extend(lowest.map(|remark| format!("{}: {remark}", rows[0].name)));
    }
    Err(NothingMeasured {
        admitted: trials.iter().filter(|trial| trial.admitted).count(),
        trials: trials.len(),
        reasons: reasons.join("\n"),
    })
}
