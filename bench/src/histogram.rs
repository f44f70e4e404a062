//! The only door to hdrhistogram: bounds, recording, merging, quantiles by rank, encoding. Does
//! not know what is counted. Values are nanoseconds.

use std::ops::RangeInclusive;

use base64::Engine as _;
use base64::alphabet;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};
use hdrhistogram::Histogram as Hdr;
use hdrhistogram::serialization::{Deserializer, Serializer, V2DeflateSerializer};
use serde::de::Error as _;

/// Longest recordable span: 10 minutes. Longer ones are recorded as this, and counted as clamped.
pub const LONGEST_NS: u64 = 600_000_000_000;

/// Base64 as payloads have it. Other programs leave the padding out, and it says nothing.
const PAYLOAD: GeneralPurpose = GeneralPurpose::new(
    &alphabet::STANDARD,
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent),
);

/// Decimal digits kept of every value: an error of at most 0.1 %.
pub const DIGITS: u8 = 3;

/// Counts of spans in nanoseconds, from 1 ns to 10 minutes, at three digits.
#[derive(Debug, Clone, PartialEq)]
pub struct Histogram {
    inner: Hdr<u64>,
}

/// One line of a percentile table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct QuantileStep {
    /// 0 to 1.
    pub quantile: f64,
    /// The largest span that the bucket at this quantile stands for.
    pub nanos: u64,
    /// How many spans are counted up to and with that bucket.
    pub counted: u64,
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

    /// The standard deviation, in nanoseconds. `None` when empty.
    #[must_use]
    pub fn std_dev(&self) -> Option<f64> {
        (!self.inner.is_empty()).then(|| self.inner.stdev())
    }

    /// How many spans were at most this long. Spans in the bucket that holds `nanos` all count, so
    /// some may be longer by up to 0.1 %.
    #[must_use]
    pub fn count_up_to(&self, nanos: u64) -> u64 {
        self.inner.count_between(0, nanos)
    }

    /// The smallest and the largest span that are counted in the same bucket as this one.
    #[must_use]
    pub fn bucket_of(&self, nanos: u64) -> RangeInclusive<u64> {
        self.inner.lowest_equivalent(nanos)..=self.inner.highest_equivalent(nanos)
    }

    /// The distribution in steps that halve the distance to 1 every `ticks` steps, from 0 to 1, as
    /// HdrHistogram's percentile tables have it. Empty when nothing is counted.
    ///
    /// The steps are reckoned in percent, as HdrHistogram's Java class reckons them: the crate's own
    /// are fractions, whose rounding puts some steps a bucket further.
    #[must_use]
    pub fn quantile_steps(&self, ticks: u32) -> Vec<QuantileStep> {
        let total = self.count();
        let (mut steps, mut percent, mut counted) = (Vec::new(), 0.0, 0);
        for (nanos, count) in self.buckets() {
            counted += count;
            while 100.0 * counted as f64 / total as f64 >= percent {
                steps.push(QuantileStep { quantile: percent / 100.0, nanos, counted });
                let halvings = ((100.0 / (100.0 - percent)).ln() / 2_f64.ln()).floor();
                percent += 100.0 / (f64::from(ticks) * (halvings + 1.0).exp2());
                if counted == total {
                    steps.push(QuantileStep { quantile: 1.0, nanos, counted });
                    return steps;
                }
            }
        }
        // The last bucket may end below the next step; the table ends with it all the same.
        if let Some((nanos, _)) = self.buckets().last() {
            steps.push(QuantileStep { quantile: 1.0, nanos, counted });
        }
        steps
    }

    /// How the counts are kept: (buckets, sub-buckets), as HdrHistogram's percentile tables end.
    #[must_use]
    pub fn shape(&self) -> (u32, u32) {
        // The smallest power of two that holds 2·10^digits values of distance 1.
        let sub_buckets = (2 * 10_u32.pow(u32::from(self.inner.sigfig()))).next_power_of_two();
        (u32::from(self.inner.buckets()), sub_buckets)
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

    /// Of the payload of a `.hlog` line: [`Self::encode`] in base64, padded or not.
    pub fn from_payload(text: &str) -> Result<Self, DecodeError> {
        let bytes = PAYLOAD.decode(text).map_err(|error| DecodeError(error.to_string()))?;
        Self::decode(&bytes)
    }

    /// The crate's own type, for the log writer in `results`.
    pub(crate) fn as_hdr(&self) -> &Hdr<u64> {
        &self.inner
    }
}

/// As the text that a `.hlog` line has: [`Histogram::encode`] in base64.
impl serde::Serialize for Histogram {
    fn serialize<S: serde::Serializer>(&self, to: S) -> Result<S::Ok, S::Error> {
        to.serialize_str(&PAYLOAD.encode(self.encode()))
    }
}

impl<'de> serde::Deserialize<'de> for Histogram {
    fn deserialize<D: serde::Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        let text = String::deserialize(from)?;
        Self::from_payload(&text).map_err(D::Error::custom)
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

#[cfg(test)]
mod tests {
    use super::*;

    fn one_to_ten() -> Histogram {
        let mut histogram = Histogram::new();
        for nanos in 1..=10 {
            histogram.record(nanos);
        }
        histogram
    }

    #[test]
    fn a_percentile_table_halves_the_distance_every_so_many_steps() {
        let steps: Vec<(f64, u64, u64)> = one_to_ten()
            .quantile_steps(2)
            .into_iter()
            .map(|step| (step.quantile, step.nanos, step.counted))
            .collect();
        let expected = [
            (0.0, 1, 1),
            (0.25, 3, 3),
            (0.5, 5, 5),
            (0.625, 7, 7),
            (0.75, 8, 8),
            (0.8125, 9, 9),
            (0.875, 9, 9),
            (0.90625, 10, 10),
            (1.0, 10, 10),
        ];
        assert_eq!(steps, expected);
        assert!(Histogram::new().quantile_steps(5).is_empty());
    }

    #[test]
    fn counts_and_buckets_are_those_of_three_digits() {
        let histogram = one_to_ten();
        assert_eq!([0, 1, 5, 10, LONGEST_NS].map(|n| histogram.count_up_to(n)), [0, 1, 5, 10, 10]);
        assert_eq!(histogram.bucket_of(5), 5..=5);
        assert_eq!(histogram.bucket_of(1_000_000), 999_936..=1_000_447);
        let deviation = histogram.std_dev().unwrap();
        assert!((deviation - 8.25_f64.sqrt()).abs() < 1e-12, "{deviation}");
        assert_eq!(histogram.shape(), (30, 2048));
    }
}
