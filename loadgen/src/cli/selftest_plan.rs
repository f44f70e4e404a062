//! What is run in a selftest and how long it takes: scenarios and spans from what was typed. Pure;
//! starts nothing.

use std::fmt::Write as _;
use std::time::Duration;

use bench::plan::{Plan, Seed};
use scenarios::library;
use scenarios::load::LoadSpec;
use scenarios::scenario::Scenario;
use scenarios::units::RatePerSecond;
use scenarios::variant::VariantName;

use super::plan_text::minutes;
use super::selftest_args::{Part, SelftestArgs};
use super::settle::estimate;

/// Lengths of the two forms, so that all parts with all repeats fit into 3 and 15 minutes.
struct Form {
    blocks: u32,
    /// Of the planted delays.
    window: Duration,
    stall_blocks: u32,
    /// Of each kind of arrivals.
    pacing: Duration,
    cost: Duration,
}

const QUICK: Form = Form {
    blocks: 8,
    window: Duration::from_secs(1),
    stall_blocks: 1,
    pacing: Duration::from_secs(4),
    cost: Duration::from_secs(2),
};
const FULL: Form = Form {
    blocks: 30,
    window: Duration::from_secs(2),
    stall_blocks: 3,
    pacing: Duration::from_secs(10),
    cost: Duration::from_secs(3),
};

/// Requests a second of the arrivals that are stamped.
const PACING_RATE: f64 = 1000.0;
const PACING_WARM_UP: Duration = Duration::from_millis(300);
/// Starting an origin and opening connections.
const PART_START: Duration = Duration::from_millis(300);

/// A scenario of the selftest, ready to conduct.
#[derive(Debug, Clone)]
pub struct Staged {
    /// What.
    pub scenario: Scenario,
    /// In which order.
    pub plan: Plan,
    /// Trials that may be made again.
    pub repeats: u32,
    /// About how long, repeats included.
    pub takes: Duration,
}

/// Everything that is decided before anything is started.
#[derive(Debug, Clone)]
pub struct SelftestPlan {
    /// In the order in which they are run.
    pub parts: Vec<Part>,
    /// What random choices are drawn from.
    pub seed: Seed,
    /// The same twice, and planted delays.
    pub overheads: Staged,
    /// A stall.
    pub stall: Staged,
    /// Of each kind of arrivals.
    pub pacing: LoadSpec,
    /// Of the closed loop against an origin that does nothing.
    pub cost: LoadSpec,
}

impl SelftestPlan {
    /// Settles what was typed; every mistake is reported at once.
    pub fn of(args: &SelftestArgs, testbed: &str, seed: Seed) -> Result<Self, String> {
        let form = if args.quick { QUICK } else { FULL };
        let mut overheads = built_in("known-overheads")?;
        overheads.design.blocks = args.blocks.unwrap_or(form.blocks);
        overheads.load.duration = args.duration.unwrap_or(form.window);
        let load = &overheads.load;
        if load.rate.requests_in(load.duration) < 1 {
            return Err(format!(
                "--duration: a window of {:?} at {} requests a second holds no request",
                load.duration,
                load.rate.per_second()
            ));
        }
        let mut stall = built_in("stall")?;
        stall.design.blocks = form.stall_blocks;
        let pacing = LoadSpec {
            rate: RatePerSecond::new(PACING_RATE).map_err(|error| error.to_string())?,
            warm_up: PACING_WARM_UP,
            duration: form.pacing,
            ..load.clone()
        };
        let cost = LoadSpec { duration: form.cost, ..pacing.clone() };
        let in_order = |part: &Part| args.parts.is_empty() || args.parts.contains(part);
        // Only what stalls: what a steady origin does is known from every other part.
        let stalling = [VariantName("stalling".to_owned())];
        Ok(Self {
            parts: Part::ALL.into_iter().filter(in_order).collect(),
            seed,
            overheads: staged(overheads, testbed, None, seed)?,
            stall: staged(stall, testbed, Some(&stalling), seed)?,
            pacing,
            cost,
        })
    }

    /// Whether nothing is left out.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.parts.len() == Part::ALL.len()
    }

    /// About how long a part takes at most.
    #[must_use]
    pub fn takes(&self, part: Part) -> Duration {
        match part {
            Part::Overheads => self.overheads.takes,
            Part::Stall => {
                let load = &self.stall.scenario.load;
                self.stall.takes + load.warm_up + load.duration + PART_START
            }
            Part::Pacing => 2 * (self.pacing.warm_up + self.pacing.duration + PART_START),
            Part::Cost => self.cost.warm_up + self.cost.duration + PART_START,
        }
    }

    /// About how long the parts from that place on take at most.
    #[must_use]
    pub fn left(&self, from: usize) -> Duration {
        self.parts.iter().skip(from).map(|part| self.takes(*part)).sum()
    }

    /// What a block takes in which one candidate is compared with a baseline, A/A pair included.
    #[must_use]
    pub fn block_of_one_candidate(&self) -> Duration {
        let mut one = self.overheads.scenario.clone();
        one.design.blocks = 1;
        estimate(&one, 3)
    }

    /// `--dry-run`.
    #[must_use]
    pub fn text(&self, testbed: &str) -> String {
        let mut text = String::new();
        // Writing to a String can not fail.
        let _ = writeln!(text, "Selftest on testbed {testbed}, seed {}\n", self.seed.0);
        for part in &self.parts {
            let what = match part {
                Part::Overheads => conducted(&self.overheads),
                Part::Stall => {
                    format!("{}, and a closed loop of as long", conducted(&self.stall))
                }
                Part::Pacing => format!(
                    "constant and Poisson, {}/s for {} s each",
                    PACING_RATE,
                    self.pacing.duration.as_secs_f64()
                ),
                Part::Cost => format!("a closed loop for {} s", self.cost.duration.as_secs_f64()),
            };
            let takes = minutes(self.takes(*part));
            let _ = writeln!(text, "{:<40}{takes:>12}   {what}", part.title());
        }
        let _ = writeln!(text, "\n{:<40}{:>12}", "takes at most about", minutes(self.left(0)));
        text
    }
}

fn conducted(staged: &Staged) -> String {
    let load = &staged.scenario.load;
    format!(
        "{} {} of {} trials of {} s at {}/s",
        staged.plan.blocks.len(),
        if staged.plan.blocks.len() == 1 { "block" } else { "blocks" },
        staged.plan.variants.len(),
        load.duration.as_secs_f64(),
        load.rate.per_second()
    )
}

fn built_in(name: &str) -> Result<Scenario, String> {
    match library::built_in(name) {
        Some(Ok(scenario)) => Ok(scenario),
        Some(Err(mistakes)) => Err(mistakes.to_string()),
        None => Err(format!("the scenario {name} is missing from this program")),
    }
}

fn staged(
    scenario: Scenario,
    testbed: &str,
    only: Option<&[VariantName]>,
    seed: Seed,
) -> Result<Staged, String> {
    let scope = scenario.testbeds.get(testbed).map(|scope| scope.variants.as_slice());
    let all = scope.ok_or_else(|| {
        format!("the selftest's scenario {} does not run on testbed {testbed}", scenario.name)
    })?;
    let plan =
        Plan::new(&scenario, only.unwrap_or(all), seed).map_err(|error| error.to_string())?;
    let trials = plan.trial_count();
    // A quarter may be made again, and one of few in any case.
    let repeats = (trials / 4).max(1);
    let takes = estimate(&scenario, trials + repeats);
    let repeats = u32::try_from(repeats).unwrap_or(u32::MAX);
    Ok(Staged { scenario, plan, repeats, takes })
}

#[cfg(test)]
mod tests {
    use super::super::args::{Output, TestbedChoice};
    use super::*;

    fn plan(quick: bool) -> SelftestPlan {
        let args = SelftestArgs {
            testbed: TestbedChoice::Embedded,
            quick,
            parts: Vec::new(),
            blocks: None,
            duration: None,
            seed: None,
            results: "results".into(),
            output: Output::Text,
            dry_run: false,
        };
        SelftestPlan::of(&args, "embedded", Seed(1)).expect("a plan")
    }

    #[test]
    fn the_two_forms_fit_into_three_and_fifteen_minutes_with_a_tenth_to_spare() {
        for (quick, limit_s) in [(true, 180), (false, 900)] {
            let takes = plan(quick).left(0);
            assert!(takes * 10 < Duration::from_secs(limit_s) * 9, "{quick}: {takes:?}");
        }
    }

    #[test]
    fn every_trial_has_the_requests_that_a_p99_needs() {
        for quick in [true, false] {
            let load = plan(quick).overheads.scenario.load;
            assert!(load.rate.requests_in(load.duration) > 2 * 368);
        }
    }
}
