//! When a run that was asked for a precision has seen enough: after each block the intervals of the
//! wanted quantiles are looked at. Knows no place, no generator and no clock; what time it is, it is
//! told.

use std::fmt;
use std::time::Duration;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::admit::Admission;
use crate::analysis::{Known, Rule, known};
use crate::describe::A_A;
use crate::quantile::Quantile;
use crate::record::{ComparisonSpecRecord, PlanRecord, TrialRow};
use crate::seams::WorkSeen;
use crate::stats::power::values_for_half_width;
use crate::summary::trial_row;
use crate::trial::TrialRecord;

/// How precisely the overheads are to be known, and how long that may take besides the plan's
/// blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Precision {
    /// One for each quantile that is wanted.
    pub targets: Vec<Target>,
    /// No block is begun that would end later than this many seconds after the first began, if it
    /// took as long as those before it; `null` for no such bound.
    pub within_s: Option<f64>,
}

/// How precisely the overhead at one quantile is to be known.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Target {
    /// Which.
    pub quantile: Quantile,
    /// How far the interval of the overhead may reach from its point, to either side.
    pub reach: Reach,
}

/// A distance.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Of the baseline's quantile, the median over the blocks that count.
    Percent(f64),
    /// Microseconds.
    Us(f64),
}

impl fmt::Display for Reach {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Percent(percent) => write!(to, "±{percent} % of the baseline"),
            Self::Us(us) => write!(to, "±{us} µs"),
        }
    }
}

impl fmt::Display for Precision {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (number, target) in self.targets.iter().enumerate() {
            let comma = if number > 0 { ", " } else { "" };
            write!(to, "{comma}{} to {}", target.quantile.label(), target.reach)?;
        }
        Ok(())
    }
}

impl Reach {
    /// Microseconds beside this baseline; `None` where that is needed and not known.
    #[must_use]
    pub fn us(self, baseline_us: Option<f64>) -> Option<f64> {
        match self {
            Self::Percent(percent) => Some(percent / 100.0 * baseline_us?),
            Self::Us(us) => Some(us),
        }
    }
}

/// Why a run with a wished precision ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Ending {
    /// Every interval that was asked for is as narrow as was asked.
    Reached,
    /// All blocks are made.
    Blocks,
    /// Another block would have ended too late.
    Time,
}

/// The rule of a run with a wished precision and what it saw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Stopped {
    /// What the sign test is asked for at each look, two-sided, so that all looks together err no
    /// more often than `error` says.
    pub look_level: f64,
    /// The exact chance that any interval of any look, up to the most blocks, misses its median.
    pub error: f64,
    /// Why the run ended; `null` when something else ended it, or it is not over.
    pub ending: Option<Ending>,
    /// One for each block.
    pub looks: Vec<Look>,
}

impl Stopped {
    /// Before the first look; `None` for a plan whose length is set.
    #[must_use]
    pub fn not_yet(plan: &PlanRecord) -> Option<Self> {
        plan.precision.as_ref()?;
        let rule = Rule::of(plan);
        let most = usize::try_from(plan.blocks).unwrap_or(usize::MAX);
        let (look_level, error) = (rule.look_level(), rule.spent(most));
        Some(Self { look_level, error, ending: None, looks: Vec::new() })
    }
}

/// What was seen after a block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Look {
    /// The block, from 1.
    pub block: u32,
    /// Seconds since the first block began.
    pub elapsed_s: f64,
    /// Blocks in all after which everything would be as narrow as asked, by the spread so far; `null`
    /// where nothing can be foreseen.
    pub blocks_foreseen: Option<u32>,
    /// Each comparison at each wanted quantile.
    pub seen: Vec<Seen>,
    /// Why the run ends here; `null` when it goes on.
    pub ending: Option<Ending>,
}

/// How well a comparison at a quantile was known.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Seen {
    /// Its name.
    pub comparison: String,
    /// Which quantile.
    pub quantile: Quantile,
    /// Blocks in which both sides had it.
    pub blocks: u32,
    /// From the point to the farther end of the interval, in microseconds; `null` where there is no
    /// interval yet, or the quantile is only a bound in some block.
    pub reach_us: Option<f64>,
    /// How far it may reach, in microseconds; `null` where the baseline is not known.
    pub wanted_us: Option<f64>,
    /// How much of the error the looks up to this one have spent.
    pub spent: f64,
}

impl Seen {
    /// Whether it is as narrow as was asked.
    #[must_use]
    pub fn reached(&self) -> bool {
        self.reach_us.zip(self.wanted_us).is_some_and(|(reach, wanted)| reach <= wanted)
    }

    /// How many times too wide; infinite where there is no interval.
    fn too_wide(&self) -> f64 {
        let ratio = self.reach_us.zip(self.wanted_us).map(|(reach, wanted)| reach / wanted);
        ratio.filter(|ratio| !ratio.is_nan()).unwrap_or(f64::INFINITY)
    }
}

impl Look {
    /// What is furthest from what was asked, the first of equals; `None` when nothing is looked at.
    #[must_use]
    pub fn furthest(&self) -> Option<&Seen> {
        self.seen.iter().rev().max_by(|one, other| one.too_wide().total_cmp(&other.too_wide()))
    }
}

/// Looks after each block.
pub struct Stopping<'a> {
    plan: PlanRecord,
    precision: Precision,
    rule: Rule,
    trials: Vec<TrialRow>,
    /// The time since the run began.
    elapsed: Box<dyn FnMut() -> Duration + 'a>,
    /// When the first block began, by `elapsed`.
    began: Option<Duration>,
}

impl<'a> Stopping<'a> {
    /// For a plan with a wished precision; `None` for one without, whose length is set. `elapsed`
    /// tells a time that only grows.
    #[must_use]
    pub fn new(plan: &PlanRecord, elapsed: impl FnMut() -> Duration + 'a) -> Option<Self> {
        Some(Self {
            plan: plan.clone(),
            precision: plan.precision.clone()?,
            rule: Rule::of(plan),
            trials: Vec::new(),
            elapsed: Box::new(elapsed),
            began: None,
        })
    }

    /// A block begins.
    pub fn block_begins(&mut self) {
        let now = (self.elapsed)();
        self.began.get_or_insert(now);
    }

    /// A trial was made and judged.
    pub fn trial(&mut self, record: &TrialRecord, admission: &Admission, work: &WorkSeen) {
        let window = Duration::from_secs_f64(self.plan.load.duration_s);
        self.row(trial_row(record, admission, work, window, ""));
    }

    /// The same of a trial that is a row already.
    pub fn row(&mut self, row: TrialRow) {
        self.trials.push(row);
    }

    /// A block is over: what is known, and whether that is enough.
    pub fn look(&mut self, block: u32) -> Look {
        let now = (self.elapsed)();
        let elapsed = now.saturating_sub(self.began.unwrap_or(now)).as_secs_f64();
        let mut seen = Vec::new();
        let mut foreseen = Some(block);
        for spec in asked(&self.plan) {
            for target in &self.precision.targets {
                let known = known(spec, target.quantile, &self.trials, &self.rule);
                let one = self.seen(spec, target, &known);
                if !one.reached() {
                    let needed = self.foresee(&one, &known, block);
                    foreseen = foreseen.zip(needed).map(|(all, one)| all.max(one));
                }
                seen.push(one);
            }
        }
        let ending = self.ending(&seen, block, elapsed);
        Look { block, elapsed_s: elapsed, blocks_foreseen: foreseen, seen, ending }
    }

    fn seen(&self, spec: &ComparisonSpecRecord, target: &Target, known: &Known) -> Seen {
        let reach = known
            .overhead_us
            .filter(|_| !known.bounded)
            .map(|overhead| (overhead.high - overhead.point).max(overhead.point - overhead.low));
        Seen {
            comparison: spec.name.clone(),
            quantile: target.quantile,
            blocks: known.blocks,
            reach_us: reach,
            wanted_us: target.reach.us(known.baseline_us),
            spent: self.rule.spent(usize::try_from(known.blocks).unwrap_or(usize::MAX)),
        }
    }

    /// Blocks in all, if as large a share of those to come has the quantile; at least one more.
    #[expect(
        clippy::cast_possible_truncation,
        clippy::cast_sign_loss,
        reason = "positive, whole, and compared with the largest number before"
    )]
    fn foresee(&self, seen: &Seen, known: &Known, block: u32) -> Option<u32> {
        if known.bounded || known.blocks == 0 {
            return None;
        }
        let confidence = 1.0 - self.rule.look_level();
        let values = values_for_half_width(known.spread_us?, seen.wanted_us?, confidence)?;
        let values = values.max(self.rule.fewest_values());
        let blocks = (values as f64 * f64::from(block) / f64::from(known.blocks)).ceil();
        let fits = blocks < f64::from(u32::MAX);
        fits.then(|| (blocks as u32).max(block.saturating_add(1)))
    }

    fn ending(&self, seen: &[Seen], block: u32, elapsed_s: f64) -> Option<Ending> {
        if !seen.is_empty() && seen.iter().all(Seen::reached) {
            return Some(Ending::Reached);
        }
        if block >= self.plan.blocks {
            return Some(Ending::Blocks);
        }
        let next_ends = elapsed_s + elapsed_s / f64::from(block.max(1));
        let too_late = self.precision.within_s.is_some_and(|within| next_ends > within);
        too_late.then_some(Ending::Time)
    }
}

/// What a precision is wanted of: every comparison that was asked for, or the A/A pair where there is
/// no other.
fn asked(plan: &PlanRecord) -> impl Iterator<Item = &ComparisonSpecRecord> {
    let only_a_a = plan.comparisons.iter().all(|spec| spec.name == A_A);
    plan.comparisons.iter().filter(move |spec| only_a_a || spec.name != A_A)
}
