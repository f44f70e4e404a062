//! Machines that are not quiet: what a trial finds wanders, drifts and steps from trial to trial, and
//! the design must take it out. Also the one wandering that it can not take out.

use bench::analysis::{Bootstrap, analyse_with};
use bench::plan::Seed;
use bench::record::{ComparisonRow, PlanRecord, TrialRow, Verdict};
use bench::stats::order::median_interval;

use crate::claim::{Bound, Claim, Study, claim, yes};
use crate::noise::Noise;
use crate::support::{comparison, plan, trial};

/// Nothing but `bootstrap_us` depends on it.
pub(crate) const NO_BOOTSTRAP: Bootstrap = Bootstrap { seed: Seed(1), resamples: 0 };

/// What a variant costs besides: this factor.
const PLANTED: f64 = 1.1;

/// How fast the machine is, by time.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Machine {
    /// How much of the last trial's state is left in the next.
    pub(crate) carried: f64,
    /// Standard deviation of that state, in log units.
    pub(crate) wander: f64,
    /// From the first trial to the last, in log units.
    pub(crate) drift: f64,
    /// In the middle of the run, in log units.
    pub(crate) step: f64,
}

impl Machine {
    /// The same at any time.
    pub(crate) const QUIET: Self = Self { carried: 0.0, wander: 0.0, drift: 0.0, step: 0.0 };
}

/// A machine as it goes through a run of so many trials.
pub(crate) struct Course {
    machine: Machine,
    state: f64,
    made: f64,
    of: f64,
}

impl Course {
    pub(crate) fn new(machine: Machine, trials: usize, noise: &mut Noise) -> Self {
        Self { machine, state: noise.normal(), made: 0.0, of: trials as f64 }
    }

    /// The factor of the next trial's times.
    pub(crate) fn next(&mut self, noise: &mut Noise) -> f64 {
        let Machine { carried, wander, drift, step } = self.machine;
        let passed = self.made / self.of;
        self.made += 1.0;
        self.state = carried * self.state + (1.0 - carried * carried).sqrt() * noise.normal();
        let stepped = if passed >= 0.5 { step } else { 0.0 };
        (wander * self.state + drift * passed + stepped).exp()
    }
}

/// The places of a block's variants, in drawn order (Fisher and Yates).
#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a place in a block")]
pub(crate) fn shuffled(count: usize, noise: &mut Noise) -> Vec<usize> {
    let mut order: Vec<usize> = (0..count).collect();
    for last in (1..count).rev() {
        order.swap(last, (noise.uniform() * (last + 1) as f64) as usize);
    }
    order
}

/// A block on that machine: each variant with its factor, in drawn order. `sigma` is a trial's own
/// noise at the median; higher quantiles vary more.
pub(crate) fn block(
    number: u32,
    variants: &[(&str, f64)],
    sigma: f64,
    (course, noise): (&mut Course, &mut Noise),
) -> Vec<TrialRow> {
    let order = shuffled(variants.len(), noise);
    (1..)
        .zip(order)
        .map(|(position, place)| {
            let (name, factor) = variants[place];
            let speed = course.next(noise);
            let mut row = trial(number, name, noise.quantiles(sigma).map(|us| us * factor * speed));
            row.position = position;
            row
        })
        .collect()
}

/// Whether something was called slower or faster.
pub(crate) fn told_apart(row: &ComparisonRow) -> bool {
    matches!(row.verdict, Verdict::Slower | Verdict::Faster)
}

/// Whether the ratio's interval holds the true factor; nothing where there is none.
pub(crate) fn covers(row: &ComparisonRow, factor: f64) -> Option<f64> {
    let ratio = row.ratio?;
    yes(ratio.low <= factor && factor <= ratio.high)
}

/// A plan with an overhead and an A/A pair.
pub(crate) fn overhead_and_a_a() -> PlanRecord {
    let mut plan = plan("x");
    plan.comparisons.insert(0, comparison("overhead", "y", "x"));
    plan
}

pub(crate) fn studies() -> Vec<Study> {
    let restless = Machine { carried: 0.9, wander: 0.15, drift: 0.4, step: 0.3 };
    let mut studies = vec![
        on("wandering-0.5", Machine { carried: 0.5, wander: 0.15, ..Machine::QUIET }, 12),
        on("wandering-0.95", Machine { carried: 0.95, wander: 0.15, ..Machine::QUIET }, 12),
        on("drifting", Machine { drift: 0.7, ..Machine::QUIET }, 12),
        on("stepping", Machine { step: 0.5, ..Machine::QUIET }, 12),
        on("restless", restless, 12),
        on("restless-long", restless, 30),
    ];
    studies.push(carried_over());
    studies
}

fn on(name: &str, machine: Machine, blocks: u32) -> Study {
    let mut claims: Vec<Claim> = ["p50", "p90", "p99", "p99.9"]
        .map(|label| claim(format!("{label} of ×1.1: covered"), Bound::AtLeast(0.93)))
        .to_vec();
    claims.push(claim("A/A told apart at any of 4 quantiles", Bound::AtMost(0.05)));
    let run = move |noise: &mut Noise| {
        let variants = [("x", 1.0), ("y", PLANTED), ("x#2", 1.0)];
        let mut course = Course::new(machine, 3 * blocks as usize, noise);
        let trials: Vec<TrialRow> = (1..=blocks)
            .flat_map(|number| block(number, &variants, 0.05, (&mut course, &mut *noise)))
            .collect();
        let rows =
            analyse_with(&overhead_and_a_a(), &trials, "embedded", &NO_BOOTSTRAP).comparisons;
        let mut figures: Vec<Option<f64>> = rows[..4].iter().map(|r| covers(r, PLANTED)).collect();
        figures.push(yes(rows[4..].iter().any(told_apart)));
        figures
    };
    Study { name: format!("machine-{name}"), every: 2, claims, run: Box::new(run) }
}

/// What pairing by block can not take out: an effect of a variant's own that lasts from block to
/// block. Fresh processes and connections for each block are there so that there is none.
fn carried_over() -> Study {
    const CARRIED: [f64; 4] = [0.0, 0.1, 0.2, 0.4];
    let claims = CARRIED.map(|carried| {
        let bound = if carried <= 0.1 { Bound::AtLeast(0.93) } else { Bound::ToldShare };
        claim(format!("differences that keep {carried} of the last one: covered"), bound)
    });
    let run = |noise: &mut Noise| {
        let mut covered = |carried: f64| {
            let mut state = noise.normal();
            let differences: Vec<f64> = (0..12)
                .map(|_| {
                    let fresh = (1.0 - carried * carried).sqrt() * noise.normal();
                    state = carried * state + fresh;
                    state
                })
                .collect();
            let interval = median_interval(&differences, 0.95)?;
            yes(interval.low <= 0.0 && 0.0 <= interval.high)
        };
        CARRIED.iter().map(|carried| covered(*carried)).collect()
    };
    Study { name: "carried-over".to_owned(), every: 1, claims: claims.to_vec(), run: Box::new(run) }
}
