//! The order of a run about memory: for each variant of a block fresh processes of its own, and with
//! them one state after the other. In a state first what has to be proven, then nothing for a while,
//! then the reading; what was read is kept before the next state begins.

use scenarios::memory::{AFTER_LOAD, DELETED, FRESH, MemorySpec, UNDER_LOAD};
use scenarios::scenario::Scenario;
use scenarios::variant::Variant;

use super::{Fault, Sent, go_on, proven, send};
use crate::admit::Rejection;
use crate::memory::{Looks, MemoryReading};
use crate::plan::Plan;
use crate::seams::{Event, Generator, MemoryTestbed, Sink, StopFlag};
use crate::trial::TrialSpec;

/// Conducts the plan of a scenario that asks about memory. No trial is made again: what a busy machine
/// spoils is times, and here these are only the load under which sidecars are looked at.
pub fn climb(
    (scenario, memory): (&Scenario, &MemorySpec),
    plan: &Plan,
    (testbed, generator): (&mut dyn MemoryTestbed, &mut dyn Generator),
    sink: &mut dyn Sink,
    stop: &StopFlag,
) -> Result<(), Fault> {
    let mut climb = Climb { scenario, memory, testbed, generator, sink, stop, done: 0 };
    let conducted = climb.blocks(plan);
    let ended = climb.sink.on(&Event::RunEnded);
    conducted?;
    Ok(ended?)
}

struct Climb<'a> {
    scenario: &'a Scenario,
    memory: &'a MemorySpec,
    testbed: &'a mut dyn MemoryTestbed,
    generator: &'a mut dyn Generator,
    sink: &'a mut dyn Sink,
    stop: &'a StopFlag,
    /// Ladders that came to their load.
    done: usize,
}

impl Climb<'_> {
    fn blocks(&mut self, plan: &Plan) -> Result<(), Fault> {
        self.sink.on(&Event::RunStarted(plan))?;
        for block in &plan.blocks {
            go_on(self.stop)?;
            self.sink.on(&Event::BlockStarted { block: block.number })?;
            for trial in &block.trials {
                self.ladder(trial)?;
            }
        }
        Ok(())
    }

    fn ladder(&mut self, spec: &TrialSpec) -> Result<(), Fault> {
        let (scenario, memory) = (self.scenario, self.memory);
        let variant =
            scenario.variant(&spec.variant).expect("a plan names only variants of its scenario");
        let bare = memory.bare(variant);
        go_on(self.stop)?;
        self.testbed.stand(&bare, spec.block, spec.position)?;
        // Before anybody has called, and so before the proof.
        self.rest(spec, FRESH)?;
        self.prove(spec, &bare, FRESH)?;
        self.load(spec)?;
        self.rest(spec, AFTER_LOAD)?;
        for rung in &memory.rungs {
            self.change(spec, &rung.on(variant), &rung.name)?;
        }
        self.change(spec, &bare, DELETED)
    }

    /// Other policies, proven and then read.
    fn change(&mut self, spec: &TrialSpec, to: &Variant, state: &str) -> Result<(), Fault> {
        go_on(self.stop)?;
        self.testbed.change(to)?;
        self.prove(spec, to, state)?;
        self.rest(spec, state)
    }

    fn prove(&mut self, spec: &TrialSpec, variant: &Variant, state: &str) -> Result<(), Fault> {
        go_on(self.stop)?;
        let mut proof = self.testbed.prove(variant, spec.block)?;
        // The same call is refused in one state and accepted in another.
        for probe in &mut proof.probes {
            probe.claim = format!("{state}: {}", probe.claim);
        }
        proven(proof, self.sink)
    }

    fn rest(&mut self, spec: &TrialSpec, state: &str) -> Result<(), Fault> {
        let looks = self.testbed.sidecars()?.look_after(self.memory.settle);
        // What died meanwhile is better told as such than as unreadable.
        self.testbed.sidecars()?;
        go_on(self.stop)?;
        self.read(spec, state, looks, None)
    }

    fn load(&mut self, spec: &TrialSpec) -> Result<(), Fault> {
        self.testbed.sidecars()?.watch_after(spec.load.warm_up)?;
        let sent = send(
            spec,
            self.scenario,
            (&mut *self.testbed, &mut *self.generator),
            self.sink,
            (self.stop, self.done),
        )?;
        let looks = self.testbed.sidecars()?.watched()?;
        let Sent { record, work, admission, broken } = sent;
        let (record, work, judged) = (&record, &work, &admission);
        self.sink.on(&Event::TrialFinished { record, work, admission: judged })?;
        self.done += 1;
        if let Some(error) = broken {
            return Err(error.into());
        }
        // A busy machine spoils times and no sizes; another load than the one asked for spoils both.
        let of_load = |why: &&Rejection| !matches!(why, Rejection::Drifting { .. });
        let spoilt = admission.rejections.iter().filter(of_load).map(ToString::to_string);
        let spoilt: Vec<String> = spoilt.collect();
        self.read(spec, UNDER_LOAD, looks, (!spoilt.is_empty()).then(|| spoilt.join("; ")))?;
        go_on(self.stop)
    }

    fn read(
        &mut self,
        spec: &TrialSpec,
        state: &str,
        looks: Vec<Looks>,
        left_out: Option<String>,
    ) -> Result<(), Fault> {
        let of = |looks| MemoryReading::of(spec, state, looks, left_out.clone());
        let readings: Vec<MemoryReading> = looks.into_iter().map(of).collect();
        Ok(self.sink.on(&Event::MemoryRead(&readings))?)
    }
}
