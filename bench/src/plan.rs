//! A scenario and a seed become blocks of trials: each block holds every variant once, the control
//! twice, in drawn order. Knows no time, no testbed and no result.

use rand::seq::SliceRandom;
use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use scenarios::load::LoadSpec;
use scenarios::scenario::Scenario;
use scenarios::variant::VariantName;

use crate::trial::TrialSpec;

/// The number that every random choice of a run is drawn from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seed(pub u64);

impl Seed {
    /// An independent generator for one purpose: the same seed and the same name give the same
    /// numbers on every machine.
    #[must_use]
    pub fn rng(self, purpose: &str) -> ChaCha8Rng {
        // FNV-1a over the name, to pick one of ChaCha's 2^64 independent streams.
        let stream = purpose.bytes().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3)
        });
        let mut rng = ChaCha8Rng::seed_from_u64(self.0);
        rng.set_stream(stream);
        rng
    }
}

/// The trials of a run in the order in which they are made.
#[derive(Debug, Clone, PartialEq)]
pub struct Plan {
    /// Where the order was drawn from.
    pub seed: Seed,
    /// The variants, the control's twin included, in the scenario's order.
    pub variants: Vec<VariantName>,
    /// The control.
    pub control: VariantName,
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// Every variant once, the control twice.
#[derive(Debug, Clone, PartialEq)]
pub struct Block {
    /// From 1.
    pub number: u32,
    /// In the order in which they are made.
    pub trials: Vec<TrialSpec>,
}

/// Why a scenario can not be planned for the variants asked for.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PlanError {
    /// None of the variants is left.
    #[error("no variant is left to run")]
    NoVariants,
    /// What a variant's resources make of the load can not be told.
    #[error("variant {variant}: {problem}")]
    Undecided {
        /// Which.
        variant: VariantName,
        /// What is not understood.
        problem: String,
    },
}

/// The load as the variant answers it.
fn load_of(scenario: &Scenario, name: &VariantName) -> Result<LoadSpec, PlanError> {
    let Some(variant) = scenario.variant(name) else { return Ok(scenario.load.clone()) };
    let undecided = |problem| PlanError::Undecided { variant: name.clone(), problem };
    scenario.load_of(variant).map_err(undecided)
}

impl Plan {
    /// Draws the order. `variants` is what the testbed runs of the scenario; a control that is not
    /// among them is replaced by the baseline of the first comparison between them.
    pub fn new(
        scenario: &Scenario,
        variants: &[VariantName],
        seed: Seed,
    ) -> Result<Self, PlanError> {
        let first = variants.first().ok_or(PlanError::NoVariants)?;
        let control = if variants.contains(&scenario.design.control) {
            &scenario.design.control
        } else {
            let mut kept = scenario.comparisons.iter().filter(|spec| {
                variants.contains(&spec.candidate) && variants.contains(&spec.baseline)
            });
            kept.next().map_or(first, |spec| &spec.baseline)
        }
        .clone();
        let mut all = variants.to_vec();
        all.push(control.twin());
        let mut order = seed.rng("order of trials");
        let mut arrivals = seed.rng("arrivals");
        let with_loads = all
            .iter()
            .map(|name| Ok((name.clone(), load_of(scenario, name)?)))
            .collect::<Result<Vec<_>, PlanError>>()?;
        let blocks = (1..=scenario.design.blocks)
            .map(|number| block(number, &with_loads, &mut order, &mut arrivals))
            .collect();
        Ok(Self { seed, variants: all, control, blocks })
    }

    /// Trials in all.
    #[must_use]
    pub fn trial_count(&self) -> usize {
        self.blocks.iter().map(|block| block.trials.len()).sum()
    }
}

fn block(
    number: u32,
    variants: &[(VariantName, LoadSpec)],
    order: &mut ChaCha8Rng,
    arrivals: &mut ChaCha8Rng,
) -> Block {
    let mut shuffled = variants.to_vec();
    shuffled.shuffle(order);
    // One seed a block: within it every variant meets the same arrivals, so that the draw of the
    // arrivals does not enter the difference.
    let seed = arrivals.next_u64();
    let trials = (1..)
        .zip(shuffled)
        .map(|(position, (variant, load))| TrialSpec {
            block: number,
            position,
            variant,
            load,
            seed,
        })
        .collect();
    Block { number, trials }
}
