//! The part of `run.json` that is about memory. Sizes are bytes. Every field is either read, or a
//! setting, or derived from those two by `memory::analysis`.

use scenarios::memory::MemorySpec;
use scenarios::scenario::Scenario;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::record::Estimate;
use crate::trial::TrialSpec;

/// What one sidecar held in a state, as often as it was looked at.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Looks {
    /// `client sidecar` or `server sidecar`.
    pub sidecar: String,
    /// Its process id.
    pub process: u32,
    /// Processes that ran the same program at that moment, itself among them: by so many the pages of
    /// the program itself are divided in PSS.
    pub sharing: u32,
    /// Every look, in time order; an error where it can not be looked at, in words.
    pub seen: Result<Vec<Held>, String>,
}

/// One look at one process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Held {
    /// Every page that is mapped and there, shared ones in full: several processes of one program
    /// count its text once each.
    pub rss_bytes: u64,
    /// Shared pages divided by how many processes share them; adds up over processes.
    pub pss_bytes: u64,
    /// Pages that only this process has and that it has written to.
    pub private_dirty_bytes: u64,
}

/// What is counted.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Measure {
    /// Resident set size.
    Rss,
    /// Proportional set size.
    Pss,
    /// Private pages that were written to.
    PrivateDirty,
}

impl Measure {
    /// In the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Rss, Self::Pss, Self::PrivateDirty];

    /// As in files.
    #[must_use]
    pub fn key(self) -> &'static str {
        match self {
            Self::Rss => "rss",
            Self::Pss => "pss",
            Self::PrivateDirty => "private_dirty",
        }
    }

    /// As people call it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Rss => "RSS",
            Self::Pss => "PSS",
            Self::PrivateDirty => "Private dirty",
        }
    }
}

/// What was asked about memory, what was read, and what it comes to.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryRecord {
    /// Seconds that an idle state was left alone before it was read.
    pub settle_s: f64,
    /// What counts as no difference that matters.
    pub margin: MemoryMarginRecord,
    /// In the order in which every sidecar goes through them.
    pub states: Vec<StateRecord>,
    /// Every reading, in time order.
    pub readings: Vec<MemoryReading>,
    /// What each sidecar holds in each state.
    pub levels: Vec<MemoryLevel>,
    /// What changes it.
    pub differences: Vec<MemoryDifference>,
}

/// The larger of the two.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryMarginRecord {
    /// Share of the baseline.
    pub percent: f64,
    /// Bytes.
    pub at_least_bytes: u64,
}

/// A state.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct StateRecord {
    /// e.g. `under-load` or `policies-100`.
    pub name: String,
    /// A few words.
    pub title: String,
    /// Authorization policies that running sidecars were given for it; `null` for what is no rung.
    pub policies: Option<u32>,
}

/// What one sidecar held in one state of one ladder: the medians of several looks.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryReading {
    /// From 1.
    pub block: u32,
    /// Place within the block, from 1: that of the trial whose load it was.
    pub position: u32,
    /// What was measured.
    pub variant: String,
    /// In which state.
    pub state: String,
    /// Which sidecar.
    pub sidecar: String,
    /// The process, which was alive and ran the sidecar's program before and after it was read.
    pub process: u32,
    /// Processes of that program at the time, itself among them.
    pub sharing: u32,
    /// How often it was looked at.
    pub looks: u32,
    /// Median of the looks.
    pub rss_bytes: Option<u64>,
    /// Median of the looks.
    pub pss_bytes: Option<u64>,
    /// Median of the looks.
    pub private_dirty_bytes: Option<u64>,
    /// The most of the looks.
    pub rss_most_bytes: Option<u64>,
    /// Why it could not be read, exactly when the sizes are `null`.
    pub why_not: Option<String>,
    /// Why it stands here and enters no figure, e.g. since the load was not the one asked for.
    pub left_out: Option<String>,
}

/// What a sidecar holds in a state, over the blocks.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryLevel {
    /// Of which variant.
    pub variant: String,
    /// In which state.
    pub state: String,
    /// Which sidecar.
    pub sidecar: String,
    /// What is counted.
    pub measure: Measure,
    /// The median over blocks; `null` when there is no reading.
    pub median_bytes: Option<f64>,
    /// The same with its interval; `null` where the blocks are too few for one.
    pub bytes: Option<Estimate>,
    /// Blocks behind it.
    pub blocks: u32,
    /// What is missing; `null` where nothing is.
    pub remark: Option<String>,
}

/// What is compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemoryKind {
    /// Two states of the same processes.
    Step,
    /// Two variants in the same state.
    Pair,
}

/// What a difference comes to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum MemoryVerdict {
    /// More memory, by more than chance.
    More,
    /// Less memory, by more than chance.
    Less,
    /// The whole interval is within the margin.
    Equivalent,
    /// The blocks do not decide it.
    Inconclusive,
}

/// A difference of memory, paired by block.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct MemoryDifference {
    /// What is compared.
    pub kind: MemoryKind,
    /// The comparison's name, or that of the step.
    pub name: String,
    /// A few words.
    pub title: String,
    /// The variant that is held against the baseline.
    pub candidate: String,
    /// Its state.
    pub candidate_state: String,
    /// The reference.
    pub baseline: String,
    /// Its state.
    pub baseline_state: String,
    /// Which sidecar.
    pub sidecar: String,
    /// What is counted.
    pub measure: Measure,
    /// The median of candidate − baseline over blocks.
    pub median_bytes: Option<f64>,
    /// The same with its interval; `null` where the blocks are too few for one.
    pub bytes: Option<Estimate>,
    /// Bytes that count as no difference here.
    pub margin_bytes: Option<f64>,
    /// Of the exact sign test that the true median is 0.
    pub p_value: Option<f64>,
    /// The same after Holm's correction over the differences of the same sidecar and measure: all
    /// steps of a variant, or all states of a comparison.
    pub p_holm: Option<f64>,
    /// What it comes to.
    pub verdict: MemoryVerdict,
    /// Blocks in which both were read.
    pub blocks: u32,
}

impl MemoryRecord {
    /// What a scenario asks about memory, nothing read yet; `None` where it asks nothing. The rungs'
    /// policies are counted as they were when the scenario was read.
    #[must_use]
    pub fn begun(scenario: &Scenario) -> Option<Self> {
        let memory: &MemorySpec = scenario.memory.as_ref()?;
        let state = |(name, title): (&str, &str)| {
            let rung = memory.rungs.iter().find(|rung| rung.name == name);
            let policies = rung.and_then(|rung| {
                let bare = scenario.variants.first()?;
                let set = scenario.policy_set(&rung.on(bare)).ok()?;
                u32::try_from(set.authorization_policies.len()).ok()
            });
            StateRecord { name: name.to_owned(), title: title.to_owned(), policies }
        };
        Some(Self {
            settle_s: memory.settle.as_secs_f64(),
            margin: MemoryMarginRecord {
                percent: memory.margin.percent.percent(),
                at_least_bytes: memory.margin.at_least_bytes,
            },
            states: memory.states().into_iter().map(state).collect(),
            readings: Vec::new(),
            levels: Vec::new(),
            differences: Vec::new(),
        })
    }
}

impl MemoryRecord {
    /// Whether any sidecar was read in any state so that it counts; if not, why, each reason once.
    pub fn anything_read(&self) -> Result<(), String> {
        let counts =
            |reading: &&MemoryReading| reading.left_out.is_none() && reading.rss_bytes.is_some();
        if self.readings.iter().any(|reading| counts(&reading)) {
            return Ok(());
        }
        let reasons = why_none(&self.readings);
        let reasons =
            if reasons.is_empty() { "nothing was read".to_owned() } else { reasons.join("\n") };
        Err(format!("no sidecar's memory could be read\n{reasons}"))
    }
}

/// Why readings enter no figure, each reason once.
pub(super) fn why_none<'r>(readings: impl IntoIterator<Item = &'r MemoryReading>) -> Vec<String> {
    let mut reasons: Vec<String> = Vec::new();
    for why in readings.into_iter().flat_map(|row| row.why_not.iter().chain(&row.left_out)) {
        if !reasons.contains(why) {
            reasons.push(why.clone());
        }
    }
    reasons
}

impl MemoryReading {
    /// One sidecar's looks as a reading of a state; `left_out` is why it enters no figure.
    #[must_use]
    pub fn of(spec: &TrialSpec, state: &str, looks: Looks, left_out: Option<String>) -> Self {
        let Looks { sidecar, process, sharing, seen } = looks;
        let (seen, why_not) = match seen {
            Ok(seen) if seen.is_empty() => (seen, Some("it was not looked at".to_owned())),
            Ok(seen) => (seen, None),
            Err(why_not) => (Vec::new(), Some(why_not)),
        };
        let all = |of: fn(&Held) -> u64| {
            let mut values: Vec<u64> = seen.iter().map(of).collect();
            values.sort_unstable();
            values
        };
        // The lower of two middle ones: a size that was seen.
        let median = |of| {
            let values = all(of);
            values.get(values.len().saturating_sub(1) / 2).copied()
        };
        Self {
            block: spec.block,
            position: spec.position,
            variant: spec.variant.as_str().to_owned(),
            state: state.to_owned(),
            sidecar,
            process,
            sharing,
            looks: u32::try_from(seen.len()).unwrap_or(u32::MAX),
            rss_bytes: median(|held| held.rss_bytes),
            pss_bytes: median(|held| held.pss_bytes),
            private_dirty_bytes: median(|held| held.private_dirty_bytes),
            rss_most_bytes: all(|held| held.rss_bytes).last().copied(),
            why_not,
            left_out,
        }
    }

    /// The size that was read.
    #[must_use]
    pub fn bytes(&self, measure: Measure) -> Option<u64> {
        match measure {
            Measure::Rss => self.rss_bytes,
            Measure::Pss => self.pss_bytes,
            Measure::PrivateDirty => self.private_dirty_bytes,
        }
    }
}

#[cfg(test)]
mod tests {
    use scenarios::library;
    use scenarios::variant::VariantName;

    use super::*;

    fn spec() -> TrialSpec {
        let scenario = library::built_in("sidecar-memory").unwrap().unwrap();
        TrialSpec {
            block: 2,
            position: 3,
            variant: VariantName("strict#2".to_owned()),
            load: scenario.load,
            seed: 1,
        }
    }

    fn looks(seen: Result<Vec<Held>, String>) -> Looks {
        Looks { sidecar: "server sidecar".to_owned(), process: 7, sharing: 2, seen }
    }

    #[test]
    fn a_reading_is_the_median_of_its_looks_and_keeps_the_most() {
        let held = |rss| Held { rss_bytes: rss, pss_bytes: rss / 2, private_dirty_bytes: 1 };
        let seen = vec![held(60), held(90), held(62), held(64)];
        let reading = MemoryReading::of(&spec(), "fresh", looks(Ok(seen)), None);
        assert_eq!(
            (reading.looks, reading.rss_bytes, reading.rss_most_bytes),
            (4, Some(62), Some(90))
        );
        assert_eq!(reading.bytes(Measure::Pss), Some(31));
        assert_eq!((reading.block, reading.position, reading.why_not), (2, 3, None));
    }

    #[test]
    fn what_could_not_be_read_says_why_and_has_no_size() {
        for (seen, why) in
            [(Err("no such file".to_owned()), "no such file"), (Ok(vec![]), "looked")]
        {
            let reading = MemoryReading::of(&spec(), "fresh", looks(seen), None);
            assert!(reading.why_not.as_ref().is_some_and(|told| told.contains(why)));
            assert_eq!(reading.bytes(Measure::Rss), None);
        }
    }

    #[test]
    fn the_rungs_of_the_scenario_have_as_many_policies_as_they_say() {
        let scenario = library::built_in("sidecar-memory").unwrap().unwrap();
        let record = MemoryRecord::begun(&scenario).unwrap();
        let counted: Vec<(&str, Option<u32>)> =
            record.states.iter().map(|state| (state.name.as_str(), state.policies)).collect();
        assert_eq!(
            counted,
            [
                ("fresh", None),
                ("under-load", None),
                ("after-load", None),
                ("policies-1", Some(1)),
                ("policies-100", Some(100)),
                ("policies-1000", Some(1000)),
                ("deleted", None),
            ]
        );
        assert!(MemoryRecord::begun(&library::built_in("l7-policy").unwrap().unwrap()).is_none());
    }
}
