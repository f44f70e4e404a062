//! The order of a run, and the only place where that order exists: for each block fresh processes,
//! for each variant a proof, for each trial a record that is kept before the next begins. What a
//! step does inside is not known here.

use std::collections::BTreeSet;

use scenarios::scenario::Scenario;
use scenarios::variant::VariantName;

use crate::admit::Admission;
use crate::plan::{Block, Plan};
use crate::seams::{
    Event, Generator, GeneratorError, Proof, Sink, SinkError, StopFlag, Testbed, TestbedError,
};
use crate::trial::TrialSpec;

/// Why a run ended before its plan was done.
#[derive(Debug, thiserror::Error)]
pub enum Fault {
    /// The place broke.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// A variant is not what it seems; it and everything after it was not measured.
    #[error("variant {}: its posture is not proven: {}", .0.variant, failed_claims(.0))]
    Unproven(Box<Proof>),
    /// The generator could not run a trial.
    #[error(transparent)]
    Generator(#[from] GeneratorError),
    /// What was measured could not be kept.
    #[error(transparent)]
    Sink(#[from] SinkError),
    /// Somebody asked for it.
    #[error("interrupted")]
    Stopped,
}

fn failed_claims(proof: &Proof) -> String {
    let failed: Vec<String> = proof
        .probes
        .iter()
        .filter(|probe| !probe.holds)
        .map(|probe| format!("expected that {}, observed {}", probe.claim, probe.observed))
        .collect();
    if failed.is_empty() { "nothing was probed".to_owned() } else { failed.join("; ") }
}

/// How many trials that a busy machine spoilt may be made again, in all, at the ends of their
/// blocks. A late generator and stolen time are judged by the same rule for every variant and not
/// by what was measured, so a repeat does not favour any. Bounded, so that a machine that is
/// never quiet ends in a message and not in an endless run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats(pub u32);

/// Conducts the whole run. Whatever happens, the sinks are told that the run ended, and the first
/// fault is returned. The testbed stays up: whoever brought it up ends it.
pub fn conduct(
    scenario: &Scenario,
    plan: &Plan,
    (testbed, generator): (&mut dyn Testbed, &mut dyn Generator),
    sink: &mut dyn Sink,
    (stop, repeats): (&StopFlag, Repeats),
) -> Result<(), Fault> {
    let Repeats(repeats) = repeats;
    let mut run = Run { scenario, testbed, generator, sink, stop, done: 0, repeats };
    let conducted = run.blocks(plan);
    let ended = run.sink.on(&Event::RunEnded);
    conducted?;
    Ok(ended?)
}

struct Run<'a> {
    scenario: &'a Scenario,
    testbed: &'a mut dyn Testbed,
    generator: &'a mut dyn Generator,
    sink: &'a mut dyn Sink,
    stop: &'a StopFlag,
    /// Trials finished.
    done: usize,
    /// Repeats left.
    repeats: u32,
}

impl Run<'_> {
    fn blocks(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.sink.on(&Event::RunStarted(plan))?;
        plan.blocks.iter().try_for_each(|block| self.block(block))
    }

    fn block(&mut self, block: &Block) -> Result<(), Fault> {
        self.go_on()?;
        self.sink.on(&Event::BlockStarted { block: block.number })?;
        self.testbed.begin_block(block.number)?;
        // Every posture is proven before the first trial of the block: a run in which one variant
        // does not hold measures nothing in that block.
        let variants: BTreeSet<VariantName> =
            block.trials.iter().map(|trial| trial.variant.original()).collect();
        for variant in &variants {
            self.prove(variant, block.number)?;
        }
        let mut again = Vec::new();
        for trial in &block.trials {
            if self.trial(trial)?.machine_was_busy() {
                again.push(trial);
            }
        }
        self.repeat(again, block)
    }

    /// Makes trials again that a busy machine spoilt, as the block's last positions: at most as
    /// many as the block has trials, and as long as repeats are left.
    fn repeat(&mut self, rejected: Vec<&TrialSpec>, block: &Block) -> Result<(), Fault> {
        let planned = u32::try_from(block.trials.len()).unwrap_or(u32::MAX);
        let mut queue = std::collections::VecDeque::from(rejected);
        let mut position = planned;
        while let Some(trial) = queue.pop_front()
            && self.repeats > 0
            && position < 2 * planned
        {
            self.repeats -= 1;
            position += 1;
            let again = TrialSpec { position, ..trial.clone() };
            if self.trial(&again)?.machine_was_busy() {
                queue.push_back(trial);
            }
        }
        Ok(())
    }

    fn prove(&mut self, name: &VariantName, block: u32) -> Result<(), Fault> {
        self.go_on()?;
        let variant =
            self.scenario.variant(name).expect("a plan names only variants of its scenario");
        let proof = self.testbed.prove(variant, block)?;
        self.sink.on(&Event::Proven(&proof))?;
        if proof.holds() { Ok(()) } else { Err(Fault::Unproven(Box::new(proof))) }
    }

    /// One trial, kept and judged.
    fn trial(&mut self, spec: &TrialSpec) -> Result<Admission, Fault> {
        self.go_on()?;
        let endpoint = self.testbed.endpoint(&spec.variant)?;
        // The counters start from here: what the probes did is not the trial's work.
        self.testbed.work_seen(&spec.variant)?;
        self.sink.on(&Event::TrialStarted { spec, index: self.done })?;
        let record = match self.generator.run(spec, &endpoint) {
            Ok(record) => record,
            Err(error) => {
                // A dead child is the better explanation of a generator that can not connect.
                self.go_on()?;
                self.testbed.work_seen(&spec.variant)?;
                return Err(error.into());
            }
        };
        let work = self.testbed.work_seen(&spec.variant);
        let (work, broken) = match work {
            Ok(work) => (work, None),
            Err(error) => (crate::seams::WorkSeen::default(), Some(error)),
        };
        let admission = Admission::of(spec, &record, &work, &self.scenario.gates);
        self.sink.on(&Event::TrialFinished {
            record: &record,
            work: &work,
            admission: &admission,
        })?;
        self.done += 1;
        if let Some(error) = broken {
            return Err(error.into());
        }
        self.go_on()?;
        Ok(admission)
    }

    fn go_on(&self) -> Result<(), Fault> {
        if self.stop.is_raised() { Err(Fault::Stopped) } else { Ok(()) }
    }
}
