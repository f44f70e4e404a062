//! How often an interval holds what it is for, for independent values: of the median over blocks, of
//! a quantile within one sample, of the bootstrap, and of a share.

use bench::stats::bootstrap::bca_median;
use bench::stats::order::{median_interval, median_ranks};
use bench::stats::quantile::quantile_ranks;
use bench::stats::share::share_interval;

use crate::claim::{Bound, Study, claim, yes};
use crate::noise::Noise;

/// A distribution with the median 0.
pub(crate) type Law = fn(&mut Noise) -> f64;

/// Symmetric, skewed, and without a mean.
pub(crate) const LAWS: [(&str, Law); 3] = [
    ("normal", Noise::normal),
    ("lognormal", |noise| noise.normal().exp() - 1.0),
    ("Cauchy", |noise| (std::f64::consts::PI * (noise.uniform() - 0.5)).tan()),
];

/// The stated probability may be missed by this, of which the most is that shares of runs vary.
const MISS: f64 = 0.01;

pub(crate) fn studies() -> Vec<Study> {
    let mut studies: Vec<Study> = LAWS.into_iter().map(blocks).collect();
    studies.extend([sample(), bootstrap(), share()]);
    studies
}

/// The interval of the median: the same draws for every number of blocks, each with its own share.
fn blocks((name, law): (&'static str, Law)) -> Study {
    const BLOCKS: [usize; 7] = [6, 8, 10, 12, 20, 30, 60];
    let stated = |n: usize| median_ranks(n, 0.95).expect("six values are enough").confidence;
    let claims = BLOCKS.map(|n| {
        let says = format!("{n} blocks, {name}: covered, {:.2} % stated", 100.0 * stated(n));
        claim(says, Bound::Within((stated(n) - MISS).max(0.95), (stated(n) + MISS).min(1.0)))
    });
    let run = move |noise: &mut Noise| {
        let values: Vec<f64> = (0..60).map(|_| law(noise)).collect();
        let covered = |n: usize| {
            let interval = median_interval(&values[..n], 0.95)?;
            yes(interval.low <= 0.0 && 0.0 <= interval.high)
        };
        BLOCKS.iter().map(|n| covered(*n)).collect()
    };
    Study {
        name: format!("interval-{}", name.to_lowercase()),
        every: 1,
        claims: claims.to_vec(),
        run: Box::new(run),
    }
}

/// The interval that `drive` prints below a quantile, before it is widened to the histogram's digits.
fn sample() -> Study {
    const QUANTILES: [(&str, f64); 3] = [("p50", 0.5), ("p90", 0.9), ("p99", 0.99)];
    const REQUESTS: u64 = 2000;
    let claims = QUANTILES.map(|(label, _)| {
        let says = format!("{label} of {REQUESTS} independent requests: covered");
        claim(says, Bound::Within(0.94, 0.96 + MISS / 2.0))
    });
    let run = |noise: &mut Noise| {
        let mut values: Vec<f64> = (0..REQUESTS).map(|_| -noise.uniform().ln()).collect();
        values.sort_by(f64::total_cmp);
        let at = |rank: u64| usize::try_from(rank - 1).ok().and_then(|at| values.get(at)).copied();
        let covered = |q: f64| {
            let ranks = quantile_ranks(REQUESTS, q, 0.95)?;
            let truth = -(1.0 - q).ln();
            yes(at(ranks.low)? <= truth && truth <= at(ranks.high)?)
        };
        QUANTILES.iter().map(|(_, q)| covered(*q)).collect()
    };
    Study {
        name: "interval-sample".to_owned(),
        every: 2,
        claims: claims.to_vec(),
        run: Box::new(run),
    }
}

/// The second opinion, which enters no verdict.
fn bootstrap() -> Study {
    const BLOCKS: [usize; 3] = [8, 10, 30];
    let claims =
        BLOCKS.map(|n| claim(format!("{n} blocks, BCa bootstrap: covered"), Bound::ToldShare));
    let run = |noise: &mut Noise| {
        let values: Vec<f64> = (0..30).map(|_| noise.normal()).collect();
        let covered = |n: usize| {
            let interval = bca_median(&values[..n], 0.95, 1000, 1)?;
            yes(interval.low <= 0.0 && 0.0 <= interval.high)
        };
        BLOCKS.iter().map(|n| covered(*n)).collect()
    };
    Study { name: "bootstrap".to_owned(), every: 4, claims: claims.to_vec(), run: Box::new(run) }
}

/// The interval that these tables print beside a share.
fn share() -> Study {
    const SHARES: [f64; 2] = [0.05, 0.5];
    let claims = SHARES.map(|share| {
        claim(format!("a share of {share}, 400 cases: covered"), Bound::AtLeast(0.95))
    });
    let run = |noise: &mut Noise| {
        let mut covered = |share: f64| {
            let hits = (0..400).filter(|_| noise.uniform() < share).count() as u64;
            let (low, high) = share_interval(hits, 400, 0.95);
            yes(low <= share && share <= high)
        };
        SHARES.iter().map(|share| covered(*share)).collect()
    };
    Study { name: "share".to_owned(), every: 1, claims: claims.to_vec(), run: Box::new(run) }
}
