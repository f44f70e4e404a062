//! The order of a run, and the only place where that order exists: for each block fresh processes,
//! for each variant a proof, for each trial a record that is kept before the next begins. What a
//! step does inside is not known here.

mod ladder;

use std::collections::BTreeSet;

use scenarios::scenario::Scenario;
use scenarios::variant::VariantName;

use crate::admit::Admission;
use crate::plan::{Block, Plan};
use crate::quantile::Quantile;
use crate::seams::{
    Event, Generator, GeneratorError, Proof, Sink, SinkError, StopFlag, Testbed, TestbedError,
    WorkSeen,
};
use crate::stopping::Stopping;
use crate::trial::{TrialRecord, TrialSpec};

pub use ladder::climb;

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
/// never quiet ends in a message and not in an endless run; and no block may use what belongs to
/// the later ones, so that a bad start does not leave the rest without.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Repeats(pub u32);

/// What ends a run besides its plan.
pub struct Limits<'a, 's> {
    /// Somebody's wish.
    pub stop: &'a StopFlag,
    /// Trials that may be made again.
    pub repeats: Repeats,
    /// Looks after each block whether that was enough; `None` where the length was set beforehand.
    pub stopping: Option<&'a mut Stopping<'s>>,
}

/// Conducts the whole plan.
pub fn conduct(
    scenario: &Scenario,
    plan: &Plan,
    place: (&mut dyn Testbed, &mut dyn Generator),
    sink: &mut dyn Sink,
    (stop, repeats): (&StopFlag, Repeats),
) -> Result<(), Fault> {
    conduct_within(scenario, plan, place, sink, Limits { stop, repeats, stopping: None })
}

/// Conducts the plan up to its last block or the one after which enough is known: the blocks are
/// those of the plan in its order, whenever that is. Whatever happens, the sinks are told that the
/// run ended, and the first fault is returned. The testbed stays up: whoever brought it up ends it.
pub fn conduct_within(
    scenario: &Scenario,
    plan: &Plan,
    (testbed, generator): (&mut dyn Testbed, &mut dyn Generator),
    sink: &mut dyn Sink,
    limits: Limits<'_, '_>,
) -> Result<(), Fault> {
    let Limits { stop, repeats: Repeats(repeats), stopping } = limits;
    let mut run = Run { scenario, testbed, generator, sink, stop, stopping, done: 0, repeated: 0 };
    let conducted = run.blocks(plan, repeats);
    let ended = run.sink.on(&Event::RunEnded);
    conducted?;
    Ok(ended?)
}

struct Run<'a, 's> {
    scenario: &'a Scenario,
    testbed: &'a mut dyn Testbed,
    generator: &'a mut dyn Generator,
    sink: &'a mut dyn Sink,
    stop: &'a StopFlag,
    stopping: Option<&'a mut Stopping<'s>>,
    /// Trials finished.
    done: usize,
    /// Repeats made.
    repeated: u32,
}

/// A trial to be made again, and the quantiles that are wanted of it, the lowest first.
struct Again<'a> {
    trial: &'a TrialSpec,
    wanted: Vec<Quantile>,
}

impl Run<'_, '_> {
    fn blocks(&mut self, plan: &Plan, repeats: u32) -> Result<(), Fault> {
        self.sink.on(&Event::RunStarted(plan))?;
        let blocks = u32::try_from(plan.blocks.len()).unwrap_or(u32::MAX).max(1);
        for (block, number) in plan.blocks.iter().zip(1_u64..) {
            let so_far = u64::from(repeats) * number / u64::from(blocks);
            self.block(block, u32::try_from(so_far).unwrap_or(repeats))?;
            if self.enough(block.number)? {
                break;
            }
        }
        Ok(())
    }

    /// Looks, where somebody does, and tells what was seen.
    fn enough(&mut self, block: u32) -> Result<bool, Fault> {
        let Some(stopping) = &mut self.stopping else { return Ok(false) };
        let look = stopping.look(block);
        self.sink.on(&Event::Looked(&look))?;
        Ok(look.ending.is_some())
    }

    /// A block; at its end no more than this many trials of the run were repeats.
    fn block(&mut self, block: &Block, repeats_so_far: u32) -> Result<(), Fault> {
        self.go_on()?;
        self.sink.on(&Event::BlockStarted { block: block.number })?;
        if let Some(stopping) = &mut self.stopping {
            stopping.block_begins();
        }
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
            let wanted: Vec<Quantile> = self.trial(trial)?.spoiled().into_keys().collect();
            if !wanted.is_empty() {
                again.push(Again { trial, wanted });
            }
        }
        self.repeat(again, block, repeats_so_far)
    }

    /// Makes trials again of which a busy machine spoilt a quantile, as the block's last positions:
    /// at most as many as the block has trials, and as long as repeats are left. Those that lost the
    /// lowest quantiles, and so the most, come first.
    fn repeat(
        &mut self,
        mut again: Vec<Again<'_>>,
        block: &Block,
        repeats_so_far: u32,
    ) -> Result<(), Fault> {
        let planned = u32::try_from(block.trials.len()).unwrap_or(u32::MAX);
        let mut position = planned;
        // The sort is stable: those that lost as much are made in the order of the block, and one
        // that failed again waits behind them.
        again.sort_by_key(|again| again.wanted.first().copied());
        while !again.is_empty() && self.repeated < repeats_so_far && position < 2 * planned {
            let Again { trial, mut wanted } = again.remove(0);
            self.repeated += 1;
            position += 1;
            let spoiled = self.trial(&TrialSpec { position, ..trial.clone() })?.spoiled();
            wanted.retain(|quantile| spoiled.contains_key(quantile));
            if !wanted.is_empty() {
                again.push(Again { trial, wanted });
                again.sort_by_key(|again| again.wanted.first().copied());
            }
        }
        Ok(())
    }

    fn prove(&mut self, name: &VariantName, block: u32) -> Result<(), Fault> {
        self.go_on()?;
        let variant =
            self.scenario.variant(name).expect("a plan names only variants of its scenario");
        let proof = self.testbed.prove(variant, block)?;
        proven(proof, self.sink)
    }

    /// One trial, kept and judged.
    fn trial(&mut self, spec: &TrialSpec) -> Result<Admission, Fault> {
        let sent = send(
            spec,
            self.scenario,
            (&mut *self.testbed, &mut *self.generator),
            self.sink,
            (self.stop, self.done),
        )?;
        let Sent { record, work, admission, broken } = sent;
        if let Some(stopping) = &mut self.stopping {
            stopping.trial(&record, &admission, &work);
        }
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
        go_on(self.stop)
    }
}

/// A proof is kept whether or not it holds; a run goes on only where it does.
fn proven(proof: Proof, sink: &mut dyn Sink) -> Result<(), Fault> {
    sink.on(&Event::Proven(&proof))?;
    if proof.holds() { Ok(()) } else { Err(Fault::Unproven(Box::new(proof))) }
}

fn go_on(stop: &StopFlag) -> Result<(), Fault> {
    if stop.is_raised() { Err(Fault::Stopped) } else { Ok(()) }
}

/// A trial that was sent, counted and judged, and not kept yet.
struct Sent {
    record: TrialRecord,
    work: WorkSeen,
    admission: Admission,
    /// What broke in the end; the trial is worth keeping all the same.
    broken: Option<TestbedError>,
}

/// Sends one trial and judges it; `index` is its place in the run, from 0.
fn send(
    spec: &TrialSpec,
    scenario: &Scenario,
    (testbed, generator): (&mut dyn Testbed, &mut dyn Generator),
    sink: &mut dyn Sink,
    (stop, index): (&StopFlag, usize),
) -> Result<Sent, Fault> {
    go_on(stop)?;
    let endpoint = testbed.endpoint(&spec.variant)?;
    // The counters start from here: what the probes did is not the trial's work.
    testbed.work_seen(&spec.variant)?;
    sink.on(&Event::TrialStarted { spec, index })?;
    let record = match generator.run(spec, &endpoint) {
        Ok(record) => record,
        Err(error) => {
            // A dead child is the better explanation of a generator that can not connect.
            go_on(stop)?;
            testbed.work_seen(&spec.variant)?;
            return Err(error.into());
        }
    };
    let (work, broken) = match testbed.work_seen(&spec.variant) {
        Ok(work) => (work, None),
        Err(error) => (WorkSeen::default(), Some(error)),
    };
    let admission = Admission::of(spec, &record, &work, &scenario.gates);
    Ok(Sent { record, work, admission, broken })
}
