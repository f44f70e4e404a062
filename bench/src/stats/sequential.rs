//! The sign test and the exact interval of the median for values that are looked at one by one, where
//! the looking may end at any of them and for any reason. Knows only numbers.

use super::binomial::fair_cdf;
use super::order::{MedianInterval, Ranks};
use super::sorted;

/// Halvings of the range in which the level of a look is sought: what is left is no wider than the
/// last digit of a double.
const HALVINGS: u32 = 60;

/// Two sums of the same probabilities may differ by rounding; a look counts as significant at a
/// level that it reaches up to this share.
const ROUNDING: f64 = 1e-12;

/// The rule for at most so many values, at a simultaneous confidence.
///
/// After each value the sign test is made as if the number of values had been set beforehand, and
/// asked for a smaller level, the same at each look. That level is the largest with which the chance
/// to reach it at any of the looks is at most `1 − confidence` when the median is 0. The chance is
/// exact: the number of positive values is a walk that goes up with probability ½, whatever the
/// distribution, and all of its paths are counted. Armitage, McPherson and Rowe, *Repeated
/// significance tests on accumulating data*, JRSS A 132 (1969) 235–244.
///
/// Turned round for each supposed median it gives intervals that hold the median at all looks
/// together with the same confidence, and therefore also at the one look at which somebody stopped
/// (Jennison and Turnbull, *Interim analyses: the repeated confidence interval approach*, JRSS B 51
/// (1989) 305–361). The values need the same median and independent signs about it, nothing else.
#[derive(Debug, Clone, PartialEq)]
pub struct Sequential {
    /// See [`Sequential::look_level`].
    each: f64,
    /// By number of values, from 0: the rank of the interval's lower end, 0 for no interval yet.
    low: Vec<usize>,
    /// By number of values, from 0: the chance to have been wrong at any look up to it.
    spent: Vec<f64>,
}

impl Sequential {
    /// The rule for up to `horizon` values. `None` when that is too few for any interval: fewer than
    /// [`fewest_values`](super::order::fewest_values).
    #[must_use]
    pub fn new(horizon: usize, confidence: f64) -> Option<Self> {
        let error = 1.0 - confidence;
        let (mut held, mut broken) = (0.0, error);
        if total(horizon, error) <= error {
            held = error;
        }
        for _ in 0..HALVINGS {
            let middle = f64::midpoint(held, broken);
            if total(horizon, middle) <= error {
                held = middle;
            } else {
                broken = middle;
            }
        }
        let low = lowest_ranks(horizon, held);
        let spent = crossing(&low);
        let each = attained(&low);
        (low.last() > Some(&0)).then_some(Self { each, low, spent })
    }

    /// Values at most.
    #[must_use]
    pub fn horizon(&self) -> usize {
        self.low.len() - 1
    }

    /// What the sign test is asked for at each look, two-sided, e.g. 0.0115 for 60 values at 95 %.
    #[must_use]
    pub fn look_level(&self) -> f64 {
        self.each
    }

    /// The exact probability that the intervals of all looks hold the median, at least the asked
    /// confidence.
    #[must_use]
    pub fn confidence(&self) -> f64 {
        1.0 - self.spent[self.horizon()]
    }

    /// How much of `1 − confidence` the looks up to n values have spent.
    #[must_use]
    pub fn spent(&self, n: usize) -> f64 {
        self.spent[n.min(self.horizon())]
    }

    /// The ranks of the interval after n values; `None` where there is none yet, and beyond the
    /// horizon.
    #[must_use]
    pub fn ranks(&self, n: usize) -> Option<Ranks> {
        let low = *self.low.get(n)?;
        (low > 0).then(|| Ranks { low, high: n + 1 - low, confidence: self.confidence() })
    }

    /// The fewest values after which there is an interval.
    #[must_use]
    pub fn fewest_values(&self) -> usize {
        self.low.iter().position(|&low| low > 0).expect("a rule without an interval is none")
    }

    /// The interval after these values. It always holds their median.
    #[must_use]
    pub fn interval(&self, values: &[f64]) -> Option<MedianInterval> {
        let ranks = self.ranks(values.len())?;
        let sorted = sorted(values);
        Some(MedianInterval {
            low: *sorted.get(ranks.low - 1)?,
            high: *sorted.get(ranks.high - 1)?,
            confidence: ranks.confidence,
        })
    }

    /// The chance that a sign test as significant as one of this p-value is met at any look up to the
    /// horizon when the median is 0: a p-value that holds at whatever look somebody stopped, since it
    /// is at most α no more often than the rule of level α is ever met.
    #[must_use]
    pub fn p_value(&self, alone: f64) -> f64 {
        total(self.horizon(), alone).clamp(alone.min(1.0), 1.0)
    }
}

/// The chance to meet a p-value of at most `each` at any of the looks.
fn total(horizon: usize, each: f64) -> f64 {
    crossing(&lowest_ranks(horizon, each)).last().copied().unwrap_or(0.0)
}

/// By number of values: the largest l with `2·P(B ≤ l − 1) ≤ each`. One more value raises it by one
/// at most, since `P(B ≤ l + 1)` of n + 1 tosses is at least `P(B ≤ l)` of n, which was too much.
fn lowest_ranks(horizon: usize, each: f64) -> Vec<usize> {
    let mut low = 0;
    let reached =
        |low: usize, n: usize| 2.0 * fair_cdf(low as u64, n as u64) <= each * (1.0 + ROUNDING);
    (0..=horizon)
        .map(|n| {
            // The lower end lies in the lower half, so that the interval holds the values' median.
            if 2 * (low + 1) <= n && reached(low, n) {
                low += 1;
            }
            low
        })
        .collect()
}

/// The largest p-value that some look accepts.
fn attained(low: &[usize]) -> f64 {
    let looks = low.iter().enumerate().filter(|(_, low)| **low > 0);
    looks.map(|(n, low)| 2.0 * fair_cdf(*low as u64 - 1, n as u64)).fold(0.0, f64::max)
}

/// By number of values: the chance that a walk of fair signs has had fewer than `low` of either sign
/// at that number or before.
fn crossing(low: &[usize]) -> Vec<f64> {
    // The walks that are still inside, by their number of positive signs.
    let mut inside = vec![0.0; low.len() + 1];
    inside[0] = 1.0;
    let mut crossed = 0.0;
    let mut by_number = vec![0.0; low.len()];
    for n in 1..low.len() {
        for positive in (1..=n).rev() {
            inside[positive] = 0.5 * (inside[positive] + inside[positive - 1]);
        }
        inside[0] *= 0.5;
        // The interval is [x(l), x(n+1−l)]; it misses when fewer than l signs are of one kind. Those
        // who had fewer than the last look's l are out since then.
        for few in low[n - 1]..low[n] {
            for out in [few, n - few] {
                crossed += std::mem::take(&mut inside[out]);
            }
        }
        by_number[n] = crossed;
    }
    by_number
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The share of all sign sequences that meet the level at any look, one by one.
    fn by_enumeration(horizon: usize, each: f64) -> f64 {
        let met = |signs: u32| {
            let mut positive = 0;
            (1..=horizon).any(|n| {
                positive += usize::from(signs >> (n - 1) & 1 == 1);
                let few = positive.min(n - positive);
                2 * few < n && 2.0 * fair_cdf(few as u64, n as u64) <= each * (1.0 + ROUNDING)
            })
        };
        let all = 1_u32 << horizon;
        (0..all).filter(|&signs| met(signs)).count() as f64 / f64::from(all)
    }

    #[test]
    fn the_chance_to_meet_a_level_is_that_of_all_sign_sequences() {
        for horizon in [6, 9, 12, 16] {
            for each in [0.002, 0.0078125, 0.0116, 0.0215, 0.03125, 0.05, 0.2, 0.8] {
                let (walk, all) = (total(horizon, each), by_enumeration(horizon, each));
                assert!((walk - all).abs() < 1e-12, "{horizon} {each}: {walk} and {all}");
            }
        }
    }
}
