//! What `loadgen selftest` means: the parts one after the other, what was measured kept whatever
//! happens, the verdict printed, and how the command ends.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;

use bench::conduct::{Fault, Repeats, conduct};
use bench::describe::plan_record;
use bench::histogram::Histogram;
use bench::keep::Keeper;
use bench::plan::Seed;
use bench::record::{Placement, Provenance, RunRecord, TrialRow};
use bench::results::{RunFolder, SelftestFolder, read_trial_histograms, render};
use bench::seams::Testbed;
use bench::selftest::{
    ControlState, Outcome, SELFTEST_SCHEMA_VERSION, SelftestRecord, measured_anything, outcome,
    planted, render as selftest_text, resolution, same_twice, stall,
};
use scenarios::variant::Planted;
use testbed::child::Program;
use testbed::embedded::{Embedded, testbed_note};
use testbed::provenance::allowed_cores;

use super::args::{AwakeChoice, Output, PacingChoice, SUBJECT, TestbedChoice};
use super::exit::Failure;
use super::plan_text::minutes;
use super::progress::{Lines, Progress};
use super::run::{Both, Surroundings, keep_awake, optimised, print, provenance};
use super::selftest_args::{Part, SelftestArgs};
use super::selftest_plan::{SelftestPlan, Staged};
use super::tell::tell;
use super::wall_clock::StartedAt;
use crate::awake::Awake;
use crate::generator::{LocalGenerator, Pacing};
use crate::live::LiveView;
use crate::machine::pin;
use crate::selftest::{PartError, Sender, arrivals, closed_loop, cost};

/// A run of one of the selftest's scenarios; its testbed is still up.
struct Conducted {
    folder: RunFolder,
    record: RunRecord,
    testbed: Embedded,
    ended: Result<(), Fault>,
}

/// What the parts share.
struct Stage<'a> {
    args: &'a SelftestArgs,
    plan: &'a SelftestPlan,
    place: &'static str,
    started: &'a StartedAt,
    placement: Placement,
    /// As it was before this thread left the generator's core, which then counts no more.
    provenance: Provenance,
    folder: &'a SelftestFolder,
}

/// Runs the selftest.
pub fn selftest(args: &SelftestArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let place = choose(args.testbed)?;
    let started = StartedAt::now();
    let seed = Seed(args.seed.unwrap_or(started.seed));
    let plan = SelftestPlan::of(args, place, seed).map_err(Failure::Usage)?;
    if args.dry_run {
        return print(around, &plan.text(place));
    }
    let placement = testbed::provenance::placement(&allowed_cores());
    let results = around.current_dir.join(&args.results);
    let folder = SelftestFolder::create(&results, &started.stamp, place)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let mut record = SelftestRecord {
        schema_version: SELFTEST_SCHEMA_VERSION,
        started_at: started.text.clone(),
        testbed: place.to_owned(),
        quick: args.quick,
        interrupted: false,
        complete: false,
        seed: seed.0,
        provenance: provenance(around, &placement),
        same_twice: None,
        planted: Vec::new(),
        stall: None,
        pacing: Vec::new(),
        cost: None,
        resolution: Vec::new(),
        outcome: Outcome::default(),
    };
    // As in a run: only the generator's own thread is on its core.
    let _ = pin(&placement.subject);
    let provenance = record.provenance.clone();
    let (plan, started, folder) = (&plan, &started, &folder);
    let stage = Stage { args, plan, place, started, placement, provenance, folder };
    let mut trials = Vec::new();
    let ended = stage.parts(around, &mut record, &mut trials);
    record.interrupted = matches!(ended, Err(Failure::Interrupted(_)));
    record.complete = ended.is_ok() && plan.is_whole();
    record.outcome = outcome(&record, &trials);
    finish(args, &record, folder, ended, around)
}

/// Keeps and prints what was measured, and decides how the command ends.
fn finish(
    args: &SelftestArgs,
    record: &SelftestRecord,
    folder: &SelftestFolder,
    ended: Result<(), Failure>,
    around: &mut Surroundings<'_>,
) -> Result<(), Failure> {
    let path = folder.path();
    let shown = path.strip_prefix(&around.current_dir).unwrap_or(path).display().to_string();
    let mut text = selftest_text(record);
    folder.write(record, &text).map_err(|error| Failure::Internal(error.to_string()))?;
    text.push_str(&format!("\ndata     {shown}\n"));
    match (&around.shelf, record.complete) {
        (Some(shelf), true) => match shelf.put(record) {
            Ok(file) => text.push_str(&format!(
                "kept     {}; later reports on this machine show it\n",
                file.display()
            )),
            Err(error) => tell(&format!("warning: later reports will not show it: {error}")),
        },
        (None, true) => tell(
            "warning: later reports will not show it: neither XDG_STATE_HOME nor HOME names a folder",
        ),
        (_, false) => tell("not kept for later reports: it is not whole"),
    }
    let out = match args.output {
        Output::Text => text,
        Output::Json => {
            serde_json::to_string_pretty(record)
                .map_err(|error| Failure::Internal(error.to_string()))?
                + "\n"
        }
    };
    print(around, &out)?;
    ended?;
    optimised(&record.provenance)?;
    let failed: Vec<String> = record
        .outcome
        .controls_in(ControlState::Failed)
        .map(|control| format!("{}: {}", control.name, control.finding))
        .collect();
    if !failed.is_empty() {
        return Err(Failure::GateFailed(format!(
            "a control failed, so figures from this machine are not to be trusted\n{}\n  help: see what is in its way above; run again on a quiet machine",
            failed.join("\n")
        )));
    }
    if measured_anything(record) {
        return Ok(());
    }
    Err(Failure::NoMeasurement(format!(
        "too few trials were admitted to say anything\n  help: the reasons are in {shown}; quieten the machine, or give more --blocks"
    )))
}

impl Stage<'_> {
    /// Fills the record as far as it comes; `trials` are those of the planted delays.
    fn parts(
        &self,
        around: &Surroundings<'_>,
        record: &mut SelftestRecord,
        trials: &mut Vec<TrialRow>,
    ) -> Result<(), Failure> {
        // As in the trials; the origin keeps its own core awake.
        let _awake = keep_awake(AwakeChoice::Auto, PacingChoice::Hybrid, &self.placement);
        let sender = Sender::new(self.placement.clone(), around.stop.clone());
        let mut floor = None;
        for (index, part) in self.plan.parts.iter().enumerate() {
            if around.stop.is_raised() {
                return Err(Fault::Stopped.into());
            }
            let left = minutes(self.plan.left(index));
            let (number, of) = (index + 1, self.plan.parts.len());
            tell(&format!("part {number} of {of}: {}; at most about {left} left", part.title()));
            match part {
                Part::Overheads => self.overheads(around, record, trials)?,
                Part::Stall => self.stall(around, &sender, record)?,
                Part::Pacing => {
                    let (parts, from) =
                        arrivals(&sender, &self.plan.pacing, self.plan.seed.0).map_err(failure)?;
                    record.pacing = parts;
                    floor = Some(from);
                }
                Part::Cost => {
                    let known = floor.take().map_or_else(
                        || arrivals(&sender, &self.plan.cost, self.plan.seed.0).map(|both| both.1),
                        Ok,
                    );
                    let of = known.and_then(|floor| cost(&sender, &self.plan.cost, floor));
                    record.cost = Some(of.map_err(failure)?);
                }
            }
        }
        Ok(())
    }

    fn overheads(
        &self,
        around: &Surroundings<'_>,
        record: &mut SelftestRecord,
        trials: &mut Vec<TrialRow>,
    ) -> Result<(), Failure> {
        let Staged { scenario, .. } = &self.plan.overheads;
        let mut made = self.conduct(&self.plan.overheads, around)?;
        let torn_down = made.testbed.tear_down();
        record.provenance = made.record.provenance.clone();
        let run = &made.record;
        record.same_twice = same_twice(&run.plan, &run.trials, &run.testbed);
        let distributions = distributions(&made.folder, run)?;
        record.planted = planted(scenario, run, &distributions);
        record.resolution = record.same_twice.iter().fold(Vec::new(), |_, same| {
            resolution(same, self.plan.block_of_one_candidate().as_secs_f64())
        });
        trials.clone_from(&run.trials);
        made.ended?;
        Ok(torn_down.map_err(Fault::from)?)
    }

    fn stall(
        &self,
        around: &Surroundings<'_>,
        sender: &Sender,
        record: &mut SelftestRecord,
    ) -> Result<(), Failure> {
        let Staged { scenario, plan, .. } = &self.plan.stall;
        let mut made = self.conduct(&self.plan.stall, around)?;
        let closed = made.ended.map_err(Failure::from).and_then(|()| {
            let to = made.testbed.endpoint(&plan.control).map_err(Fault::from)?;
            // The first request of the closed loop begins a period, as that of a trial does.
            made.testbed.work_seen(&plan.control).map_err(Fault::from)?;
            closed_loop(sender, &scenario.load, &to).map_err(failure)
        });
        let torn_down = made.testbed.tear_down();
        let closed = closed?;
        let variant = scenario.variant(&plan.control);
        if let Some(Planted::Stall { length, every }) =
            variant.and_then(|variant| variant.planted.as_ref())
        {
            let (rate, connections) = (scenario.load.rate.per_second(), scenario.load.connections);
            let trials = &made.record.trials;
            record.stall = Some(stall((*length, *every), rate, trials, (connections, &closed)));
        }
        Ok(torn_down.map_err(Fault::from)?)
    }

    /// Conducts a scenario into a run folder below the selftest's own.
    fn conduct(&self, staged: &Staged, around: &Surroundings<'_>) -> Result<Conducted, Failure> {
        let Staged { scenario, plan, repeats, takes } = staged;
        let internal = |error: &dyn std::fmt::Display| Failure::Internal(error.to_string());
        let mut keeper = self.keeper(staged)?;
        let live = Arc::new(LiveView::default());
        let trial_takes = scenario.load.warm_up + scenario.load.duration;
        let plain: Option<Lines> = if around.bars { None } else { Some(Box::new(tell)) };
        let mut progress = Progress::new(plain, *takes, trial_takes, Arc::clone(&live));
        let program = Program { path: around.program.clone(), args: vec![SUBJECT.to_owned()] };
        let logs = keeper.folder().logs();
        let placement = self.placement.clone();
        let mut testbed = Embedded::new(program, scenario, &plan.variants, placement.clone(), logs)
            .map_err(Fault::from)?;
        let awake = keep_awake(AwakeChoice::Auto, PacingChoice::Hybrid, &placement);
        let mut generator =
            LocalGenerator::new(placement, Pacing::Hybrid, around.stop.clone(), live);
        let mut sinks = Both { keeper: &mut keeper, progress: &mut progress };
        let parts: (&mut dyn Testbed, &mut dyn bench::seams::Generator) =
            (&mut testbed, &mut generator);
        let ended = conduct(scenario, plan, parts, &mut sinks, (&around.stop, Repeats(*repeats)));
        keeper.subject(testbed.subject());
        keeper.note("pacing", generator.waits().describe());
        keeper.note("cores_kept_awake", awake.map_or(0, Awake::end).to_string());
        let why = ended.as_ref().err().map(ToString::to_string);
        let interrupted = matches!(ended, Err(Fault::Stopped));
        let (folder, record) = keeper.end(why, interrupted).map_err(|error| internal(&error))?;
        render(&folder).map_err(|error| internal(&error))?;
        Ok(Conducted { folder, record, testbed, ended })
    }

    fn keeper(&self, staged: &Staged) -> Result<Keeper, Failure> {
        let Staged { scenario, plan, .. } = staged;
        let within = self.folder.path();
        let keeper = RunFolder::create(within, &self.started.stamp, &scenario.name, self.place)
            .and_then(|folder| {
                let run = RunRecord {
                    scenario: scenario.name.clone(),
                    testbed: self.place.to_owned(),
                    testbed_note: testbed_note(),
                    seed: plan.seed.0,
                    quick: self.args.quick,
                    started_at: self.started.text.clone(),
                    // It shows no earlier selftest: it is what later runs show.
                    ..RunRecord::begun(plan_record(scenario, plan), self.provenance.clone())
                };
                Keeper::begin(folder, run)
            });
        keeper.map_err(|error| Failure::Internal(error.to_string()))
    }
}

/// The response times of the control's trials, by file: what a delay is mixed into.
fn distributions(
    folder: &RunFolder,
    run: &RunRecord,
) -> Result<BTreeMap<String, Histogram>, Failure> {
    let mut found = BTreeMap::new();
    for trial in run.trials.iter().filter(|trial| trial.variant == run.plan.control) {
        let path = folder.path().join(Path::new(&trial.histograms));
        let read = read_trial_histograms(&path);
        let read = read.map_err(|error| Failure::Internal(error.to_string()))?;
        found.insert(trial.histograms.clone(), read.response_time);
    }
    Ok(found)
}

fn failure(error: PartError) -> Failure {
    match error {
        PartError::Stopped => Fault::Stopped.into(),
        other => Failure::Testbed(format!("selftest: {other}")),
    }
}

/// Faults are planted in loadgen's own sidecars and in no other.
fn choose(choice: TestbedChoice) -> Result<&'static str, Failure> {
    match choice {
        TestbedChoice::Auto | TestbedChoice::Embedded => Ok("embedded"),
        TestbedChoice::Envoy | TestbedChoice::Kind | TestbedChoice::Cluster => {
            Err(Failure::Testbed(
                "the selftest plants faults, which only the testbed embedded can\n  help: leave --testbed out".to_owned(),
            ))
        }
    }
}
