//! The only door to hdrhistogram: bounds, recording, merging, quantiles by rank, encoding. Does
//! not know what is counted. Values are nanoseconds.

use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};

/// Longest recordable span: 10 minutes. Longer ones are recorded as this, and counted as clamped.
pub const LONGEST_NS: u64 = 600_000_000_000;

/// Decimal digits kept of every value: an error of at most 0.1 %.
pub const DIGITS: u8 = 3;

/// Counts of spans in nanoseconds, from 1 ns to 10 minutes, at three digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    inner: Hdr<u64>,
}

/// Why bytes are not a histogram.
#[derive(Debug, thiserror::Error)]
#[error("not an HdrHistogram V2 payload: {0}")]
pub struct DecodeError(String);

impl Default for Histogram {
    fn default() -> Self {
        Self::new()
    }
}

impl Histogram {
    /// Empty. Allocates all that it will ever need (about 240 KiB).
    #[must_use]
    pub fn new() -> Self {
        let inner = Hdr::new_with_bounds(1, LONGEST_NS, DIGITS).expect("constant bounds are valid");
        Self { inner }
    }

    /// Counts one span. 0 is recorded as 1 ns. Returns whether the span fitted; one that did not
    /// is recorded as [`LONGEST_NS`], so that no value is lost.
    pub fn record(&mut self, nanos: u64) -> bool {
        self.inner.saturating_record(nanos.max(1));
        nanos <= LONGEST_NS
    }

    /// Forgets all counts, and touches all the memory that counting will touch.
    pub fn clear(&mut self) {
        self.inner.reset();
    }

    /// Adds all counts of the other, without loss.
    pub fn merge(&mut self, other: &Self) {
        self.inner.add(&other.inner).expect("all histograms here have the same bounds");
    }

    /// How many spans were counted.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.inner.len()
    }

    /// The value at a rank, 1 ≤ rank ≤ count: the largest value that the bucket of the rank-th
    /// smallest span stands for. `None` outside that range.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn at_rank(&self, rank: u64) -> Option<u64> {
        let count = self.count();
        if rank == 0 || rank > count {
            return None;
        }
        // The crate rounds `quantile · count` up to a rank; half a rank less is safe from both ends.
        let quantile = (rank as f64 - 0.5) / count as f64;
        Some(self.inner.value_at_quantile(quantile).min(self.inner.max()))
    }

    /// The value at a quantile, 0 ≤ q ≤ 1: that of rank ⌈q·count⌉. `None` when empty.
    #[must_use]
    pub fn at_quantile(&self, quantile: f64) -> Option<u64> {
        self.at_rank(rank_of(quantile, self.count()))
    }

    /// How many spans are longer than this, to three digits: those in its own bucket are not.
    #[must_use]
    pub fn count_above(&self, nanos: u64) -> u64 {
        self.count() - self.inner.count_between(0, nanos)
    }

    /// The smallest span, to three digits. `None` when empty.
    #[must_use]
    pub fn min(&self) -> Option<u64> {
        (!self.inner.is_empty()).then(|| self.inner.min())
    }

    /// The longest span, to three digits. `None` when empty.
    #[must_use]
    pub fn max(&self) -> Option<u64> {
        (!self.inner.is_empty()).then(|| self.inner.max())
    }

    /// The mean, in nanoseconds. `None` when empty.
    #[must_use]
    pub fn mean(&self) -> Option<f64> {
        (!self.inner.is_empty()).then(|| self.inner.mean())
    }

    /// Each non-empty bucket as (largest value it stands for, spans in it), ascending.
    pub fn buckets(&self) -> impl Iterator<Item = (u64, u64)> + '_ {
        self.inner.iter_recorded().map(|step| (step.value_iterated_to(), step.count_at_value()))
    }

    /// HdrHistogram V2, deflated: the payload of a `.hlog` line before base64.
    #[must_use]
    pub fn encode(&self) -> Vec<u8> {
        let mut bytes = Vec::new();
        V2DeflateSerializer::new()
            .serialize(&self.inner, &mut bytes)
            .expect("writing to memory can not fail");
        bytes
    }

    /// The inverse of [`Self::encode`]; other bounds and digits than ours are merged into ours.
    pub fn decode(bytes: &[u8]) -> Result<Self, DecodeError> {
        let mut reader = bytes;
        let read: Hdr<u64> = Deserializer::new()
            .deserialize(&mut reader)
            .map_err(|error| DecodeError(format!("{error:?}")))?;
        let mut ours = Self::new();
        ours.inner.add(&read).map_err(|error| DecodeError(format!("{error:?}")))?;
        Ok(ours)
    }

    /// The crate's own type, for the log writer in `results`.
    pub(crate) fn as_hdr(&self) -> &Hdr<u64> {
        &self.inner
    }
}

/// The rank ⌈q·n⌉ that a quantile stands for among n values, at least 1.
#[must_use]
#[expect(
    clippy::cast_precision_loss,
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "counts stay far below 2^52 and the product is not negative"
)]
pub fn rank_of(quantile: f64, count: u64) -> u64 {
    // 0.9 · 10 is 9.000000000000002 in binary; the small subtrahend keeps that rank 9.
    ((quantile * count as f64 - 1e-9).ceil().max(1.0)) as u64
}
