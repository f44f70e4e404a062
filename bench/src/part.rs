//! What one of several generators brings back of its part of a trial, and how the parts become the
//! record of the whole. Everything is added up and nothing is rounded: the parts of any number of
//! generators come to what one would have recorded of the same requests. Pure; does not know where
//! a part comes from.

use serde::{Deserialize, Serialize};

use crate::histogram::Histogram;
use crate::trial::{GeneratorReport, Latencies, OutcomeCounts, Slice, TrialRecord, TrialSpec};

/// Some of a trial's requests, as they were recorded.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TrialPart {
    /// What became of them.
    pub counts: OutcomeCounts,
    /// How long they took.
    pub latencies: Latencies,
    /// The response times in each tenth of the window. Medians could not be added up.
    pub slices: Vec<Histogram>,
    /// About the generator.
    pub generator: GeneratorReport,
}

impl TrialPart {
    /// Adds another part of the same trial.
    pub fn add(&mut self, other: &Self) {
        self.counts.merge(&other.counts);
        self.latencies.merge(&other.latencies);
        if self.slices.len() < other.slices.len() {
            self.slices.resize_with(other.slices.len(), Histogram::new);
        }
        for (ours, theirs) in self.slices.iter_mut().zip(&other.slices) {
            ours.merge(theirs);
        }
        self.generator.add(&other.generator);
    }

    /// All parts as one; of none, a part without a request.
    #[must_use]
    pub fn sum<'a>(parts: impl IntoIterator<Item = &'a Self>) -> Self {
        let mut parts = parts.into_iter();
        let mut whole = parts.next().cloned().unwrap_or_default();
        parts.for_each(|part| whole.add(part));
        whole
    }

    /// The record of the trial that this is the whole of.
    #[must_use]
    pub fn into_record(self, spec: &TrialSpec) -> TrialRecord {
        TrialRecord {
            block: spec.block,
            position: spec.position,
            variant: spec.variant.clone(),
            counts: self.counts,
            latencies: self.latencies,
            slices: self.slices.iter().map(Slice::of).collect(),
            generator: self.generator,
        }
    }
}
