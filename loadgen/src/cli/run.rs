//! What a run means: the scenario as settled, the place, the listeners, and how it ends.

use std::io::Write;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use bench::conduct::{Fault, Limits, Repeats, climb, conduct_within};
use bench::describe::plan_record;
use bench::keep::Keeper;
use bench::memory::MemoryRecord;
use bench::plan::{Plan, Seed};
use bench::record::{Placement, PlanRecord, Provenance, RunRecord, Subject};
use bench::report::terminal::{self, Style};
use bench::results::{PAGE_FILE, REPORT_FILE, RunFolder, Shelf, render, replay};
use bench::seams::{Event, Generator, MemoryTestbed, Sink, SinkError, StopFlag, Testbed};
use bench::stopping::Stopping;
use scenarios::library;
use scenarios::scenario::Scenario;
use testbed::envoy::found::{Build, Places};
use testbed::kind::tools::Machine;
use testbed::provenance::allowed_cores;

use super::agents::Agents;
use super::args::{AwakeChoice, LayoutChoice, PacingChoice, RunArgs, TestbedChoice};
use super::existing;
use super::exit::Failure;
use super::layout::{Laid, lay_out, no_layouts};
use super::place::{Chosen, Place, SetUp, choose};
use super::plan_text::{memory_text, plan_text};
use super::policy_gate;
use super::progress::{Lines, Progress};
use super::sender::{Sender, Sends, Setting, sender_text};
use super::settle::{estimate, precision, settle, variants};
use super::tell::tell;
use super::versions;
use super::wall_clock::StartedAt;
use crate::awake::Awake;
use crate::generator::Pacing;
use crate::live::LiveView;
use crate::machine::pin;
use crate::pace::MonotonicClock;

/// What the process brings: where it stands, how it was called, where to print.
pub struct Surroundings<'a> {
    /// The current directory.
    pub current_dir: PathBuf,
    /// This program, which the embedded testbed starts again as its parts.
    pub program: PathBuf,
    /// The command line as typed.
    pub command: Vec<String>,
    /// Results.
    pub out: &'a mut dyn Write,
    /// Whether results may be coloured.
    pub style: Style,
    /// Whether a progress bar may be drawn on standard error.
    pub bars: bool,
    /// A wish to stop.
    pub stop: StopFlag,
    /// Where this user's selftests stand; `None` where no place for them is known.
    pub shelf: Option<Shelf>,
    /// Where Envoys may be.
    pub envoys: Places,
    /// What is looked at for what a cluster needs.
    pub machine: Machine,
    /// Where a person is told what is done to clusters.
    pub tell: fn(&str),
}

/// Everything that is decided before anything is started.
struct Settled {
    place: Place,
    sends: Sends,
    /// Why its layout is another one than was asked for.
    instead: Option<String>,
    scenario: Scenario,
    plan: Plan,
    record: PlanRecord,
    started: StartedAt,
    takes: Duration,
}

/// The main job.
pub fn run(args: &RunArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    misplaced(args)?;
    // Before anything starts a thread.
    let laid = lay_out(args, &around.program)?;
    if args.testbed == TestbedChoice::Kind {
        return super::kind::kind(args, around);
    }
    if args.reuse {
        let why = "--reuse takes clusters that are up, and so needs `--testbed kind`";
        return Err(Failure::Usage(why.to_owned()));
    }
    if args.testbed == TestbedChoice::Cluster {
        return existing::existing(args, around);
    }
    let (settled, why) = decide(args, laid, around)?;
    let testbed = settled.place.name();
    if args.dry_run {
        let testbed = settled.place.with_layout();
        let text = plan_text(&settled.record, &settled.plan, &testbed, settled.takes);
        let states = settled.scenario.memory.as_ref().map(memory_text).unwrap_or_default();
        return print(around, &(text + &states + &sender_text(args)));
    }
    if let Some(why) = why {
        tell(&format!("testbed {testbed}: {why}. {}", settled.place.note()));
    }
    if let Some(instead) = &settled.instead {
        tell(&format!("layout ports: {instead}"));
    }
    let placement = testbed::provenance::placement(&allowed_cores());
    let folder = RunFolder::create(
        &around.current_dir.join(&args.results),
        &settled.started.stamp,
        &settled.scenario.name,
        testbed,
    )
    .map_err(|error| Failure::Internal(error.to_string()))?;
    let provenance = provenance(around, &placement);
    let selftest = around.shelf.as_ref().and_then(|shelf| shelf.newest_for(&provenance));
    let run_record = RunRecord {
        scenario: settled.scenario.name.clone(),
        testbed: testbed.to_owned(),
        testbed_note: settled.place.note(),
        seed: settled.plan.seed.0,
        quick: args.quick,
        started_at: settled.started.text.clone(),
        selftest: selftest.map(|selftest| selftest.digest()),
        memory: MemoryRecord::begun(&settled.scenario),
        ..RunRecord::begun(settled.record.clone(), provenance)
    };
    let keeper =
        Keeper::begin(folder, run_record).map_err(|error| Failure::Internal(error.to_string()))?;
    measure(args, &settled, keeper, placement, around)
}

/// Refuses what the testbed has no use for.
fn misplaced(args: &RunArgs) -> Result<(), Failure> {
    let in_cluster = matches!(args.testbed, TestbedChoice::Kind | TestbedChoice::Cluster);
    if in_cluster && args.agents.is_some() {
        let why = "--agents: in a cluster they stand in its pods, and the plan says where";
        return Err(Failure::Usage(why.to_owned()));
    }
    if args.layout == LayoutChoice::Pods && matches!(args.agents, Some(Agents::At(_))) {
        let why = "--agents HOST:PORT,…: nobody outside reaches into the network of --layout pods; leave one of the two out";
        return Err(Failure::Usage(why.to_owned()));
    }
    if args.testbed == TestbedChoice::Cluster {
        Ok(())
    } else {
        existing::nothing_of_it(&args.existing)
    }
}

/// Runs the plan, ends the run folder whatever happened, and prints the table.
fn measure(
    args: &RunArgs,
    settled: &Settled,
    mut keeper: Keeper,
    placement: Placement,
    around: &mut Surroundings<'_>,
) -> Result<(), Failure> {
    // This thread, the display and the children stay off the generator's core; the generator's own
    // thread pins itself. Where it fails the run is only noisier.
    let _ = pin(&placement.subject);
    let live = Arc::new(LiveView::default());
    let stop = around.stop.clone();
    let trial_takes = settled.scenario.load.warm_up + settled.scenario.load.duration;
    let plain: Option<Lines> = if around.bars { None } else { Some(Box::new(tell)) };
    let mut progress = Progress::new(plain, settled.takes, trial_takes, Arc::clone(&live));
    let what = (&settled.scenario, &settled.plan);
    let logs = keeper.folder().logs();
    let set_up = settled.place.set_up(&around.program, what, placement.clone(), logs.clone());
    let SetUp { mut testbed, facts } = match set_up {
        Ok(set_up) => set_up,
        Err(fault) => return finish(keeper, Err(fault), around),
    };
    for (name, fact) in facts {
        keeper.note(&name, fact);
    }
    if let Some(instead) = &settled.instead {
        keeper.note("envoy_layout_instead", instead.clone());
    }
    let awake = keep_awake(args.keep_awake, args.pacing, &placement);
    let program = around.program.clone();
    let setting = Setting { placement, stop: stop.clone(), live, program, logs };
    let mut generator = Sender::new(&settled.sends, args, setting)?;
    generator.note(&mut keeper);
    let mut sinks = Both { keeper: &mut keeper, progress: &mut progress };
    let conducted = conducted(settled, (testbed.as_mut(), &mut generator), &mut sinks, &stop);
    keeper.subject(testbed.subject());
    generator.note(&mut keeper);
    let kept_awake = awake.map_or(0, Awake::end);
    keeper.note("cores_kept_awake", kept_awake.to_string());
    let whole = conducted.is_ok();
    let ended = finish(keeper, conducted, around);
    if args.keep && whole {
        stay_up(testbed.as_mut(), &settled.plan, &stop)?;
    }
    testbed.tear_down().map_err(Fault::from)?;
    ended
}

/// Conducts the plan by the order that its scenario asks for.
fn conducted(
    settled: &Settled,
    (testbed, generator): (&mut dyn MemoryTestbed, &mut dyn Generator),
    sinks: &mut dyn Sink,
    stop: &StopFlag,
) -> Result<(), Fault> {
    let (scenario, plan) = (&settled.scenario, &settled.plan);
    if let Some(memory) = &scenario.memory {
        return climb((scenario, memory), plan, (testbed, generator), sinks, stop);
    }
    let clock = MonotonicClock::start();
    let elapsed = || Duration::from_nanos(clock.now().0);
    let mut stopping = Stopping::new(&settled.record, elapsed);
    let limits = Limits { stop, repeats: repeats(plan), stopping: stopping.as_mut() };
    conduct_within(scenario, plan, (testbed, generator), sinks, limits)
}

pub(super) fn pacing(choice: PacingChoice) -> Pacing {
    match choice {
        PacingChoice::Spin => Pacing::Spin,
        PacingChoice::Hybrid => Pacing::Hybrid,
        PacingChoice::Sleep => Pacing::Sleep,
    }
}

/// `--keep`: says where the variants are, and waits for the stop or for a part to die.
fn stay_up(testbed: &mut dyn Testbed, plan: &Plan, stop: &StopFlag) -> Result<(), Failure> {
    let names = plan.variants.iter().filter(|name| name.original() == **name);
    for name in names.clone() {
        let endpoint = testbed.endpoint(name).map_err(Fault::from)?;
        tell(&format!("{name} is up at http://{}/", endpoint.address));
    }
    tell("the testbed is kept up; Ctrl-C ends it");
    while !stop.is_raised() {
        std::thread::sleep(Duration::from_millis(100));
        for name in names.clone() {
            testbed.endpoint(name).map_err(Fault::from)?;
        }
    }
    Ok(())
}

/// Writes the final form and the report, prints the table, and decides how the command ends.
fn finish(
    keeper: Keeper,
    conducted: Result<(), Fault>,
    around: &mut Surroundings<'_>,
) -> Result<(), Failure> {
    let ended_early = conducted.as_ref().err().map(ToString::to_string);
    let interrupted = matches!(conducted, Err(Fault::Stopped));
    let (folder, record) = keeper
        .end(ended_early, interrupted)
        .map_err(|error| Failure::Internal(error.to_string()))?;
    let path = folder.path();
    let shown = path.strip_prefix(&around.current_dir).unwrap_or(path).to_owned();
    // What can not be drawn can still be told: the table comes from what is on the disk.
    let rendered = render(&folder);
    if record.trials.is_empty() {
        tell(&format!("nothing was measured; what happened is in {}", shown.display()));
        conducted?;
        return Err(Failure::NoMeasurement("no trial was made".to_owned()));
    }
    let report = match &rendered {
        Ok(report) => Ok(report.clone()),
        Err(_) => replay(&folder),
    }
    .map_err(|error| Failure::Internal(error.to_string()))?;
    let paths = [
        format!("report   {}", shown.join(REPORT_FILE).display()),
        format!("page     {}", shown.join(PAGE_FILE).display()),
        format!("charts   {}", shown.join("charts").display()),
        format!("data     {}", shown.join("run.json").display()),
    ];
    print(around, &terminal::render(&report, around.style, &paths))?;
    rendered.map_err(|error| Failure::Internal(error.to_string()))?;
    conducted?;
    optimised(&record.provenance)?;
    if let Some(memory) = &record.memory {
        return memory.anything_read().map_err(Failure::NoMeasurement);
    }
    let analysis =
        bench::analysis::Analysis { comparisons: record.comparisons, article: record.article };
    bench::analysis::enough_admitted(&analysis, &record.trials)
        .map_err(|nothing| Failure::NoMeasurement(nothing.to_string()))
}

/// Refuses to call figures of a build without optimisation a measurement.
pub(super) fn optimised(provenance: &Provenance) -> Result<(), Failure> {
    if provenance.opt_level != "0" {
        return Ok(());
    }
    Err(Failure::NoMeasurement(
        "built without optimisation: these figures are not a measurement\n  help: build with the dev or the release profile of this workspace".to_owned(),
    ))
}

/// A quarter of the plan may be made again.
fn repeats(plan: &Plan) -> Repeats {
    Repeats(u32::try_from(plan.trial_count() / 4).unwrap_or(u32::MAX))
}

/// Where the generator has a core of its own, the subject's can be kept awake without taking any
/// of its time. The generator's own too, unless it never sleeps.
pub(super) fn keep_awake(
    choice: AwakeChoice,
    pacing: PacingChoice,
    placement: &Placement,
) -> Option<Awake> {
    let wanted = match choice {
        AwakeChoice::Auto => !placement.shared && testbed::provenance::machine().virtual_machine,
        AwakeChoice::On => true,
        AwakeChoice::Off => false,
    };
    let mut cores = placement.subject.clone();
    if pacing != PacingChoice::Spin {
        cores.extend(placement.generator.iter().filter(|core| !placement.subject.contains(core)));
    }
    wanted.then(|| Awake::keep(&cores))
}

pub(super) fn print(around: &mut Surroundings<'_>, text: &str) -> Result<(), Failure> {
    match around.out.write_all(text.as_bytes()).and_then(|()| around.out.flush()) {
        // A reader that went away, as `head` does, is no failure of ours.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("can not print the results: {error}")))
        }
        _ => Ok(()),
    }
}

/// Also says why the testbed was chosen, where that was left open.
fn decide(
    args: &RunArgs,
    laid: Laid,
    around: &Surroundings<'_>,
) -> Result<(Settled, Option<String>), Failure> {
    let usage = Failure::Usage;
    let name = args.scenario.as_deref().ok_or_else(|| {
        usage("--scenario is missing: give a name from `loadgen list` or a folder".to_owned())
    })?;
    let found =
        library::find(name, &around.current_dir).map_err(|error| usage(error.to_string()))?;
    let mut scenario = found.scenario;
    let Laid { layout, instead } = laid;
    let Chosen { place, why } = choose(args.testbed, layout, &scenario, &around.envoys)?;
    if args.layout == LayoutChoice::Pods && !matches!(place, Place::Envoy(..)) {
        return Err(no_layouts());
    }
    let there: Vec<String> = place.builds().iter().map(Build::id).collect();
    versions::add(&mut scenario, place.name(), &args.variants, &there).map_err(usage)?;
    let variants = variants(&scenario, place.name(), &args.variants).map_err(usage)?;
    policy_gate::check(&scenario, &variants)?;
    let scenario = settle(scenario, &variants, args).map_err(usage)?;
    let sends = Sends::of(args)?;
    let started = StartedAt::now();
    let seed = Seed(args.seed.unwrap_or(started.seed));
    let plan = Plan::new(&scenario, &variants, seed).map_err(|error| usage(error.to_string()))?;
    let mut record = plan_record(&scenario, &plan);
    record.precision = precision(args);
    let takes = estimate(&scenario, plan.trial_count());
    let takes = args.max_time.map_or(takes, |most| takes.min(most));
    Ok((Settled { place, sends, instead, scenario, plan, record, started, takes }, why))
}

pub(super) fn provenance(around: &Surroundings<'_>, placement: &Placement) -> Provenance {
    let machine = testbed::provenance::machine();
    Provenance {
        loadgen: env!("CARGO_PKG_VERSION").to_owned(),
        git: env!("LOADGEN_GIT").to_owned(),
        profile: env!("LOADGEN_PROFILE").to_owned(),
        opt_level: env!("LOADGEN_OPT_LEVEL").to_owned(),
        command: around.command.clone(),
        kernel: machine.kernel,
        cpu: machine.cpu,
        cores: u32::try_from(allowed_cores().len()).unwrap_or(u32::MAX),
        memory_bytes: machine.memory_bytes,
        governor: machine.governor,
        virtual_machine: machine.virtual_machine,
        placement: placement.clone(),
        // The testbed says it at the end of the run; a run that was killed does not know.
        subject: Subject { name: "unknown".to_owned(), version: "unknown".to_owned(), tls: None },
        notes: std::collections::BTreeMap::new(),
    }
}

/// Two listeners; what is kept is kept before it is shown.
pub(super) struct Both<'a> {
    pub(super) keeper: &'a mut Keeper,
    pub(super) progress: &'a mut Progress,
}

impl Sink for Both<'_> {
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        // The display is told even when the disk is full: it has a bar to take down.
        let kept = self.keeper.on(event);
        self.progress.on(event)?;
        kept
    }
}
