//! Whether a sample comes from a distribution that is fully known beforehand: Kolmogorov–Smirnov,
//! which looks at the middle, and Anderson–Darling, which looks at the ends. Knows only numbers.

use statrs::distribution::{ContinuousCDF, Exp};
use statrs::stats_tests::NaNPolicy;
use statrs::stats_tests::ks_test::{KSOneSampleAlternativeMethod, ks_onesample};

/// What a test says of a sample.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Fit {
    /// D of Kolmogorov–Smirnov, A² of Anderson–Darling.
    pub statistic: f64,
    /// The probability of at least this statistic when the sample does come from the distribution.
    pub p_value: f64,
}

/// The exponential distribution of gaps at that rate, in events per unit of the gaps. `None` for a
/// rate that is not above 0.
#[must_use]
pub fn gaps_at_rate(rate: f64) -> Option<impl ContinuousCDF<f64, f64>> {
    Exp::new(rate).ok()
}

/// The two-sided Kolmogorov–Smirnov test. Its p-value is the limit for many values, which is good to
/// five digits from 140 on. `None` of nothing or of what is no number.
#[must_use]
pub fn kolmogorov_smirnov(
    sample: &[f64],
    distribution: &impl ContinuousCDF<f64, f64>,
) -> Option<Fit> {
    let method = KSOneSampleAlternativeMethod::TwoSidedAsymptotic;
    let tested = ks_onesample(sample.to_vec(), distribution, method, NaNPolicy::Error);
    tested.ok().map(|(statistic, p_value)| Fit { statistic, p_value })
}

/// The Anderson–Darling test. `None` of nothing.
///
/// `A² = −n − (1/n)·Σ (2i − 1)·(ln F(xᵢ) + ln(1 − F(xₙ₊₁₋ᵢ)))` over the ascending sample (Anderson
/// and Darling, JASA 49 (1954) 765–769). The tail of F is taken as such, since 1 − F has lost all
/// digits there. The crate's own test has the p-value of a normal distribution with estimated
/// parameters, which is another one.
#[must_use]
pub fn anderson_darling(
    sample: &[f64],
    distribution: &impl ContinuousCDF<f64, f64>,
) -> Option<Fit> {
    if sample.is_empty() || sample.iter().any(|value| value.is_nan()) {
        return None;
    }
    let sample = super::sorted(sample);
    let n = sample.len() as f64;
    let ends = sample.iter().zip(sample.iter().rev());
    let sum: f64 = ends
        .zip(1_u32..)
        .map(|((low, high), i)| {
            let weight = 2.0 * f64::from(i) - 1.0;
            weight * (logarithm(distribution.cdf(*low)) + logarithm(distribution.sf(*high)))
        })
        .sum();
    let statistic = -n - sum / n;
    Some(Fit { statistic, p_value: 1.0 - anderson_darling_limit(statistic) })
}

/// A probability of 0 in the sample says that the distribution is wrong; the least number above 0
/// says the same without infinities.
fn logarithm(probability: f64) -> f64 {
    probability.max(f64::MIN_POSITIVE).ln()
}

/// The distribution of A² for many values: the quick form of Marsaglia and Marsaglia, *Evaluating
/// the Anderson-Darling Distribution*, Journal of Statistical Software 9(2) (2004), off by no more
/// than 2·10⁻⁶. From 100 values on the limit is within 10⁻³ of the truth.
fn anderson_darling_limit(statistic: f64) -> f64 {
    const BELOW_2: [f64; 6] =
        [2.000_12, 0.247_105, -0.064_982_1, 0.034_796_2, -0.011_672, 0.001_686_91];
    const FROM_2: [f64; 6] = [1.0776, -2.306_95, 0.434_24, -0.082_433, 0.008_056, -0.000_314_6];
    let polynomial =
        |terms: [f64; 6]| terms.iter().rev().fold(0.0, |sum, term| sum * statistic + term);
    let probability = if statistic <= 0.0 {
        0.0
    } else if statistic < 2.0 {
        (-1.233_714_1 / statistic).exp() / statistic.sqrt() * polynomial(BELOW_2)
    } else if statistic < 12.0 {
        (-polynomial(FROM_2).exp()).exp()
    } else {
        // The polynomial was fitted below; from here on less than 3·10⁻⁶ is left.
        1.0
    };
    probability.clamp(0.0, 1.0)
}

#[cfg(test)]
mod tests {
    use rand::Rng;
    use statrs::distribution::Uniform;

    use super::*;
    use crate::plan::Seed;

    #[test]
    fn the_limit_of_anderson_darling_has_the_published_critical_values() {
        // Stephens, JASA 69 (1974) 730–737, case 0, simulated and so good to some percent of the
        // level; the last from Marsaglia and Marsaglia.
        for (critical, level) in [
            (1.610, 0.15),
            (1.933, 0.10),
            (2.492, 0.05),
            (3.070, 0.025),
            (3.857, 0.01),
            (5.969, 0.001),
        ] {
            let p = 1.0 - anderson_darling_limit(critical);
            assert!((p - level).abs() < 0.03 * level, "{critical}: {p} for {level}");
        }
    }

    #[test]
    fn kolmogorov_smirnov_has_the_published_critical_values() {
        // 1.358/√n and 1.628/√n for many values (Smirnov 1948). A sample of n equal steps that is
        // moved by d has the statistic d + 1/(2n).
        let uniform = Uniform::new(0.0, 1.0).unwrap();
        let n = 10_000;
        for (critical, level) in [(1.3581, 0.05), (1.6276, 0.01)] {
            let moved = critical / f64::from(n).sqrt() - 0.5 / f64::from(n);
            let sample: Vec<f64> =
                (0..n).map(|i| (f64::from(i) + 0.5) / f64::from(n) + moved).collect();
            let fit = kolmogorov_smirnov(&sample, &uniform).unwrap();
            assert!((fit.p_value - level).abs() < 0.01 * level, "{critical}: {fit:?}");
        }
    }

    fn exponential(rng: &mut impl Rng) -> f64 {
        -(((rng.next_u64() >> 11) + 1) as f64 / (1_u64 << 53) as f64).ln()
    }

    #[test]
    fn exponential_gaps_are_refused_as_often_as_the_level_says() {
        let gaps = gaps_at_rate(1.0).unwrap();
        let mut rng = Seed(11).rng("fit");
        let mut refused = [0_u32; 2];
        for _ in 0..2000 {
            let sample: Vec<f64> = (0..500).map(|_| exponential(&mut rng)).collect();
            let fits = [kolmogorov_smirnov(&sample, &gaps), anderson_darling(&sample, &gaps)];
            for (count, fit) in refused.iter_mut().zip(fits) {
                *count += u32::from(fit.unwrap().p_value < 0.05);
            }
        }
        // 100 of 2000 are expected, with a standard deviation of 9.7.
        assert!(refused.iter().all(|count| (65..=135).contains(count)), "{refused:?}");
    }

    #[test]
    fn gaps_of_another_kind_are_refused() {
        let gaps = gaps_at_rate(1.0).unwrap();
        let mut rng = Seed(12).rng("fit");
        let drawn: Vec<f64> = (0..5000).map(|_| exponential(&mut rng)).collect();
        let constant = vec![1.0; 5000];
        let faster: Vec<f64> = drawn.iter().map(|gap| gap * 0.9).collect();
        let no_short_ones: Vec<f64> = drawn.iter().map(|gap| gap.max(0.15)).collect();
        for (what, sample) in
            [("constant", constant), ("faster", faster), ("no short ones", no_short_ones)]
        {
            let [ks, ad] = [kolmogorov_smirnov(&sample, &gaps), anderson_darling(&sample, &gaps)]
                .map(Option::unwrap);
            assert!(ks.p_value < 0.001 && ad.p_value < 0.001, "{what}: {ks:?} {ad:?}");
        }
        assert!(kolmogorov_smirnov(&drawn, &gaps).unwrap().p_value > 0.01);
        assert!(anderson_darling(&drawn, &gaps).unwrap().p_value > 0.01);
    }

    #[test]
    fn nothing_fits_nothing() {
        let gaps = gaps_at_rate(1.0).unwrap();
        assert_eq!(kolmogorov_smirnov(&[], &gaps), None);
        assert_eq!(anderson_darling(&[], &gaps), None);
        assert!(gaps_at_rate(0.0).is_none());
    }
}
