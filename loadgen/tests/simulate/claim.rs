//! What a claim is: something that each run says yes or no to, or a figure of it, and the range in
//! which the share or the mean over many runs must lie. Knows nothing of what is simulated.

use bench::plan::Seed;
use bench::stats::share::share_interval;
use rand::Rng;

use crate::noise::Noise;

/// How sure it must be that a claim is wrong before it is called so. With some hundred claims of
/// which many are true to the last digit, 99 % would call one wrong in every suite.
const CONTRADICTED: f64 = 0.999;

/// Standard normal value of that confidence, two-sided.
const CONTRADICTED_Z: f64 = 3.29;

/// Runs that broke a claim which no run may break, at most so many are kept to be shown.
const SHOWN: usize = 5;

/// A run: for each claim a figure, 1 and 0 for yes and no, or nothing where it does not apply.
pub(crate) type Run = Box<dyn Fn(&mut Noise) -> Vec<Option<f64>> + Sync>;

/// Simulated runs and what they are held against.
pub(crate) struct Study {
    /// One word, by which its seeds are kept.
    pub(crate) name: String,
    /// Of the seeds, every so many-th is run: 1 for what costs microseconds.
    pub(crate) every: u64,
    /// What is claimed.
    pub(crate) claims: Vec<Claim>,
    /// How one is made.
    pub(crate) run: Run,
}

impl Study {
    /// One run. Everything in it is drawn from the seed and the study's name.
    pub(crate) fn run(&self, seed: u64) -> Vec<Option<f64>> {
        let figures = (self.run)(&mut Noise::new(Seed(seed).rng(&self.name).next_u64()));
        assert_eq!(figures.len(), self.claims.len(), "{}: a figure for each claim", self.name);
        figures
    }
}

/// What is claimed of many runs.
#[derive(Clone)]
pub(crate) struct Claim {
    /// In a few words.
    pub(crate) says: String,
    /// Where it must lie.
    pub(crate) bound: Bound,
}

/// Where a share or a mean must lie.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) enum Bound {
    /// No run may say yes.
    Never,
    /// The share of runs that say yes.
    AtMost(f64),
    /// The share of runs that say yes.
    AtLeast(f64),
    /// The share of runs that say yes.
    Within(f64, f64),
    /// The mean, up to a share of it.
    Near(f64, f64),
    /// A share that is told and not claimed.
    ToldShare,
    /// A mean that is told and not claimed.
    ToldMean,
}

/// A claim.
pub(crate) fn claim(says: impl Into<String>, bound: Bound) -> Claim {
    Claim { says: says.into(), bound }
}

/// Yes or no as a figure.
pub(crate) fn yes(holds: bool) -> Option<f64> {
    Some(f64::from(u8::from(holds)))
}

/// A seed for something that wants one of its own.
pub(crate) fn seed_of(noise: &mut Noise) -> u64 {
    noise.uniform().to_bits()
}

/// What the runs came to for one claim.
#[derive(Debug, Clone, Default)]
pub(crate) struct Tally {
    /// Runs to which it applied.
    pub(crate) runs: u64,
    sum: f64,
    squares: f64,
    /// The first seeds that said yes.
    pub(crate) said_yes: Vec<u64>,
}

/// How a claim stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Standing {
    /// The runs do not contradict it.
    Holds,
    /// They do.
    Contradicted,
    /// There is nothing to contradict.
    Told,
}

impl Tally {
    /// Adds a run.
    pub(crate) fn add(&mut self, seed: u64, figure: f64) {
        self.runs += 1;
        self.sum += figure;
        self.squares += figure * figure;
        if figure > 0.0 && self.said_yes.len() < SHOWN {
            self.said_yes.push(seed);
        }
    }

    /// The share or the mean.
    pub(crate) fn found(&self) -> f64 {
        self.sum / self.runs as f64
    }

    /// Between what the share or the mean lies with 95 %.
    pub(crate) fn interval(&self, bound: Bound) -> (f64, f64) {
        self.between(bound, 0.95, 1.96)
    }

    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a count")]
    fn between(&self, bound: Bound, confidence: f64, z: f64) -> (f64, f64) {
        match bound {
            Bound::Near(..) | Bound::ToldMean => {
                let n = self.runs as f64;
                let variance = (self.squares - self.sum * self.sum / n) / (n - 1.0).max(1.0);
                let error = z * (variance.max(0.0) / n).sqrt();
                (self.found() - error, self.found() + error)
            }
            _ => share_interval(self.sum as u64, self.runs, confidence),
        }
    }

    /// Whether the runs contradict the claim.
    pub(crate) fn standing(&self, bound: Bound) -> Standing {
        let (low, high) = self.between(bound, CONTRADICTED, CONTRADICTED_Z);
        let (least, most) = match bound {
            Bound::ToldShare | Bound::ToldMean => return Standing::Told,
            Bound::Never if self.sum > 0.0 => return Standing::Contradicted,
            Bound::Never => (0.0, 1.0),
            Bound::AtMost(most) => (0.0, most),
            Bound::AtLeast(least) => (least, 1.0),
            Bound::Within(least, most) => (least, most),
            Bound::Near(mean, share) => (mean * (1.0 - share), mean * (1.0 + share)),
        };
        if high < least || low > most { Standing::Contradicted } else { Standing::Holds }
    }
}
