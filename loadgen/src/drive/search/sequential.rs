//! The test of one rate: is the share of requests beyond a limit at most what the objective allows?
//! Decided from batches as they come, by sequential probability ratios. Pure: knows no clock, no
//! request and no unit.

/// Batches below which no dispersion is read from them.
const FEWEST: usize = 6;

/// What the dispersion about the allowed share is multiplied by. Counts of slow requests are skewed:
/// most batches have fewer than the mean, and the variance that the rest would show is missing just
/// when a rate is about to be said to hold. Set by simulation; see METHOD.md, section "Search".
const SKEW: f64 = 2.0;

/// When neither side is reached, an end without a claim is reached as soon as both alternatives are
/// this unlikely against the allowed share: the rate is too close to the highest to tell.
const CLOSE: f64 = 0.05;

/// What one batch says of one objective.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Share {
    /// Requests beyond the limit, those without an answer among them.
    pub beyond: u64,
    /// Requests offered.
    pub of: u64,
}

/// How often a test may be wrong, 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Risk {
    /// That a rate is said to hold although its share is more than allowed.
    pub holds: f64,
    /// That a rate is said to fail although its share is not.
    pub fails: f64,
}

/// What the batches come to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The share is at most the allowed one.
    Holds,
    /// It is more.
    Fails,
    /// It is within half and double of the allowed one (in odds), on a side that can not be told.
    Close,
    /// More batches are needed.
    Open,
}

/// Sums over batches that the ratios are made of.
struct Sums {
    beyond: f64,
    of: f64,
}

/// Reads the batches of one rate. `allowed` is a share above 0 and below 1.
///
/// Two one-sided tests run beside each other. Both have the allowed share m as what is to be
/// refuted; one has half its odds as the alternative, the other has double. A likelihood ratio
/// against m is a martingale when the share is m and shrinks when the share lies on the other side,
/// so that it ever exceeds 1/α with a probability of at most α (Wald 1945; Ville 1939): no claim
/// needs an indifference zone to be right, and the zone from half to double only decides how soon a
/// claim is made. Requests of one batch are not independent, since slow ones come together; the
/// logarithms are therefore divided by the dispersion of the batches' counts against that of
/// independent requests (Wedderburn 1974).
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
pub fn evidence(batches: &[Share], allowed: f64, risk: Risk) -> Evidence {
    if batches.len() < FEWEST {
        return Evidence::Open;
    }
    let sums = Sums {
        beyond: batches.iter().map(|batch| batch.beyond as f64).sum(),
        of: batches.iter().map(|batch| batch.of as f64).sum(),
    };
    if sums.of < 1.0 {
        return Evidence::Open;
    }
    let holds = sums.log_ratio_of_half(allowed) / dispersion(batches, allowed, SKEW);
    // About the share that was seen: where all requests are slow, the batches agree, and it would be
    // absurd to call their distance from the allowed share noise.
    let seen = sums.beyond / sums.of;
    let count = batches.len() as f64;
    let unbiased = count / (count - 1.0);
    let fails = sums.log_ratio_of_double(allowed) / dispersion(batches, seen, unbiased);
    if holds >= -risk.holds.ln() {
        Evidence::Holds
    } else if fails >= -risk.fails.ln() {
        Evidence::Fails
    } else if holds.max(fails) <= CLOSE.ln() {
        Evidence::Close
    } else {
        Evidence::Open
    }
}

impl Sums {
    /// Of odds m/(1−m)/2 against m: the share m/(2−m).
    fn log_ratio_of_half(&self, m: f64) -> f64 {
        self.of * (2.0 / (2.0 - m)).ln() - self.beyond * std::f64::consts::LN_2
    }

    /// Of odds 2·m/(1−m) against m: the share 2m/(1+m).
    fn log_ratio_of_double(&self, m: f64) -> f64 {
        self.beyond * std::f64::consts::LN_2 - self.of * (1.0 + m).ln()
    }
}

/// The variance of the batches' counts about a share, as a multiple of what independent requests
/// would give, inflated; at least 1.
///
/// About the allowed share it is also a limit on what quiet batches may say. When none of them has
/// a request beyond, it is n·m for batches of n requests before it is inflated, and each batch adds
/// about ¼ to the logarithm however many requests it has: as much as one observation, not as n.
#[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
fn dispersion(batches: &[Share], share: f64, inflation: f64) -> f64 {
    let squares: f64 =
        batches.iter().map(|batch| (batch.beyond as f64 - batch.of as f64 * share).powi(2)).sum();
    let of: f64 = batches.iter().map(|batch| batch.of as f64).sum();
    let independent = of * share * (1.0 - share);
    if independent <= 0.0 {
        return 1.0;
    }
    (inflation * squares / independent).max(1.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    const RISK: Risk = Risk { holds: 0.002, fails: 0.002 };

    fn batches(counts: &[u64], of: u64) -> Vec<Share> {
        counts.iter().map(|beyond| Share { beyond: *beyond, of }).collect()
    }

    #[test]
    fn no_batch_is_worth_more_than_one_observation() {
        // ln 500 = 6.2; a quiet batch adds about ¼ whether it has 500 requests or 500 000.
        for of in [500, 5_000, 500_000] {
            assert_eq!(evidence(&batches(&[0; 25], of), 0.01, RISK), Evidence::Open, "{of}");
            assert_eq!(evidence(&batches(&[0; 26], of), 0.01, RISK), Evidence::Holds, "{of}");
        }
    }

    #[test]
    fn requests_count_one_by_one_while_there_are_few() {
        // 100 requests add 100 · ln(2 / 1.99) = 0.501, and ln 500 = 6.215 is needed.
        assert_eq!(evidence(&batches(&[0; 123], 10), 0.01, RISK), Evidence::Open);
        assert_eq!(evidence(&batches(&[0; 124], 10), 0.01, RISK), Evidence::Holds);
    }

    #[test]
    fn a_rate_that_is_hopeless_fails_with_the_fewest_batches() {
        assert_eq!(evidence(&batches(&[500; 5], 500), 0.01, RISK), Evidence::Open);
        assert_eq!(evidence(&batches(&[500; 6], 500), 0.01, RISK), Evidence::Fails);
        assert_eq!(evidence(&batches(&[90; 6], 100), 0.5, RISK), Evidence::Fails);
    }

    #[test]
    fn a_single_bad_batch_is_no_failure() {
        // 200 of 6000 requests are beyond, three times what is allowed; but they came in one piece.
        assert_eq!(evidence(&batches(&[200, 0, 0, 0, 0, 0], 1000), 0.01, RISK), Evidence::Open);
        assert_eq!(evidence(&batches(&[33; 6], 1000), 0.01, RISK), Evidence::Fails);
    }

    #[test]
    fn what_lies_on_the_limit_is_called_close() {
        let batches = batches(&[9, 11].repeat(10), 1000);
        assert_eq!(evidence(&batches, 0.01, RISK), Evidence::Close);
    }

    #[test]
    fn nothing_offered_says_nothing() {
        assert_eq!(evidence(&batches(&[0; 20], 0), 0.01, RISK), Evidence::Open);
    }
}
