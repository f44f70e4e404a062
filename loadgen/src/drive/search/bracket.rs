//! Which rate is tested next: twice the last one until one fails, then the middle, on a scale of
//! ratios, of what holds and what fails. Pure: knows no batch, no time and no server.

use serde::{Deserialize, Serialize};

/// What the test of a rate came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "lowercase")]
pub enum Decision {
    /// The objectives hold at this rate.
    Holds,
    /// At least one of them does not.
    Fails,
    /// It can not be told within the bounds on batches.
    Undecided,
}

/// What is known of the highest rate that holds. Rests on one assumption: where a rate fails, no
/// higher one holds.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bracket {
    /// Requests a second that were tested first; no lower rate is.
    pub start: f64,
    /// Requests a second above which no rate is tested.
    pub highest: f64,
    /// The gap between tested rates at which the search ends, as a share of the lower one.
    pub precision: f64,
    /// The highest rate that holds.
    pub holds: Option<f64>,
    /// The lowest rate that fails.
    pub fails: Option<f64>,
    /// The lowest and the highest rate between those two that were tested without a decision.
    pub undecided: Option<(f64, f64)>,
}

impl Bracket {
    /// Nothing is known.
    #[must_use]
    pub fn new(start: f64, highest: f64, precision: f64) -> Self {
        Self { start, highest, precision, holds: None, fails: None, undecided: None }
    }

    /// The rate to test; `None` when all gaps are as small as asked, or nothing can be learnt.
    #[must_use]
    pub fn next(&self) -> Option<f64> {
        let Some(fails) = self.fails else { return self.grown() };
        let gaps = match (self.holds, self.undecided) {
            (Some(holds), None) => vec![(holds, fails)],
            (Some(holds), Some((from, to))) => vec![(holds, from), (to, fails)],
            (None, Some((_, to))) => vec![(to, fails)],
            (None, None) => Vec::new(),
        };
        let wide = gaps.into_iter().find(|(low, high)| high / low > 1.0 + self.precision);
        wide.map(|(low, high)| (low * high).sqrt())
    }

    fn grown(&self) -> Option<f64> {
        let tested = self.undecided.map(|(_, to)| to).or(self.holds);
        match tested {
            None => Some(self.start),
            Some(tested) if tested < self.highest => Some((2.0 * tested).min(self.highest)),
            Some(_) => None,
        }
    }

    /// Takes in what became of a rate. What was undecided below a rate that holds, or above one
    /// that fails, no longer matters.
    pub fn learn(&mut self, rate: f64, decision: Decision) {
        match decision {
            Decision::Holds => self.holds = Some(self.holds.map_or(rate, |was| was.max(rate))),
            Decision::Fails => self.fails = Some(self.fails.map_or(rate, |was| was.min(rate))),
            Decision::Undecided => {
                let (from, to) = self.undecided.unwrap_or((rate, rate));
                self.undecided = Some((from.min(rate), to.max(rate)));
            }
        }
        let low = self.holds.unwrap_or(0.0);
        let high = self.fails.unwrap_or(f64::INFINITY);
        self.undecided = self.undecided.filter(|(from, to)| low < *from && *to < high);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Searches a server whose limit is known, and that can not be told within a factor of it.
    fn searched(truth: f64, blur: f64) -> (Bracket, u32) {
        let mut bracket = Bracket::new(100.0, 1e6, 0.05);
        let mut steps = 0;
        while let Some(rate) = bracket.next() {
            steps += 1;
            assert!(steps <= 30, "{bracket:?}");
            bracket.learn(
                rate,
                match rate / truth {
                    ratio if ratio <= 1.0 / blur => Decision::Holds,
                    ratio if ratio > blur => Decision::Fails,
                    _ => Decision::Undecided,
                },
            );
        }
        (bracket, steps)
    }

    #[test]
    fn ends_with_the_truth_between_neighbours() {
        for truth in [101.0, 150.0, 199.9, 1234.0, 99_000.0, 750_000.0] {
            let (bracket, steps) = searched(truth, 1.0);
            let (holds, fails) = bracket.holds.zip(bracket.fails).expect("both are known");
            assert!(holds <= truth && truth < fails && fails / holds <= 1.05, "{bracket:?}");
            let grown = (truth / 100.0).log2().ceil();
            assert!(f64::from(steps) <= grown + 5.0, "{steps} steps for {truth}");
        }
    }

    #[test]
    fn what_can_not_be_told_lies_between_and_the_rest_is_as_fine_as_asked() {
        for truth in [320.0, 777.0, 5000.0] {
            let (bracket, _) = searched(truth, 1.1);
            let (holds, fails) = bracket.holds.zip(bracket.fails).expect("both are known");
            let (from, to) = bracket.undecided.expect("nothing is told within a tenth");
            assert!(holds <= truth / 1.1 && fails > truth * 1.1, "{bracket:?}");
            assert!(from / holds <= 1.05 && fails / to <= 1.05, "{bracket:?}");
        }
    }

    #[test]
    fn a_first_rate_that_fails_ends_it() {
        let (bracket, steps) = searched(50.0, 1.0);
        assert_eq!((bracket.holds, bracket.fails, steps), (None, Some(100.0), 1));
    }

    #[test]
    fn a_server_without_a_limit_is_asked_for_no_more_than_the_highest_rate() {
        let (bracket, _) = searched(1e9, 1.0);
        assert_eq!((bracket.holds, bracket.fails), (Some(1e6), None));
    }

    #[test]
    fn a_decision_overrides_doubts_about_rates_that_it_covers() {
        let mut bracket = Bracket::new(100.0, 1e6, 0.05);
        bracket.learn(100.0, Decision::Holds);
        bracket.learn(200.0, Decision::Undecided);
        assert_eq!(bracket.next(), Some(400.0));
        bracket.learn(400.0, Decision::Holds);
        assert_eq!(bracket.undecided, None);
    }
}
