//! A run with a wished precision: when it stops, that it keeps the plan's order until then, and what
//! is written down of it. The place and the generator are scripted; time is what the script says.

use std::cell::{Cell, RefCell};
use std::path::Path;
use std::time::Duration;

use bench::analysis::analyse;
use bench::conduct::{Fault, Limits, Repeats, conduct_within};
use bench::describe::plan_record;
use bench::keep::Keeper;
use bench::plan::{Plan, Seed};
use bench::quantile::Quantile::{self, P50, P99};
use bench::record::{PlanRecord, Provenance, RunRecord, Subject};
use bench::results::{REPORT_FILE, RUN_FILE, RunFolder, render};
use bench::seams::{
    Endpoint, Event, Generator, GeneratorError, Probe, Proof, Sink, SinkError, StopFlag, Testbed,
    TestbedError, WorkSeen,
};
use bench::stopping::{Ending, Look, Precision, Reach, Stopped, Stopping, Target};
use bench::trial::{GeneratorReport, Latencies, OutcomeCounts, TrialRecord, TrialSpec};
use rand::Rng;
use scenarios::scenario::Scenario;
use scenarios::variant::{Variant, VariantName};

/// What the script says of a trial: the response time of the usual request and of the rare one, in
/// microseconds, and how many of 1000 requests the generator sent late.
type Script<'a> = &'a dyn Fn(&TrialSpec) -> (f64, f64, u64);

/// A place in which nothing stands.
struct NoPlace;

impl Testbed for NoPlace {
    fn name(&self) -> &'static str {
        "scripted"
    }
    fn subject(&self) -> Subject {
        Subject { name: "nothing".to_owned(), version: String::new(), tls: None }
    }
    fn begin_block(&mut self, _: u32) -> Result<(), TestbedError> {
        Ok(())
    }
    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError> {
        let probe = Probe { claim: "it is so".into(), observed: "it".into(), holds: true };
        let (variant, probes) = (variant.name.0.clone(), vec![probe]);
        Ok(Proof { variant, block, probes, peer_identity: None })
    }
    fn endpoint(&mut self, _: &VariantName) -> Result<Endpoint, TestbedError> {
        Ok(Endpoint { address: ([127, 0, 0, 1], 1).into(), host: String::new() })
    }
    fn work_seen(&mut self, _: &VariantName) -> Result<WorkSeen, TestbedError> {
        Ok(WorkSeen { requests_at_origin: 1000, ..WorkSeen::default() })
    }
    fn tear_down(&mut self) -> Result<(), TestbedError> {
        Ok(())
    }
}

/// Brings what the script says, and lets a second pass for each trial.
struct Scripted<'a> {
    script: Script<'a>,
    seconds: &'a Cell<u64>,
    made: &'a RefCell<Made>,
}

impl Generator for Scripted<'_> {
    fn run(&mut self, spec: &TrialSpec, _: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        self.seconds.set(self.seconds.get() + 1);
        self.made.borrow_mut().push((spec.block, spec.position, spec.variant.to_string()));
        Ok(record(spec, (self.script)(spec)))
    }
}

#[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small and positive")]
fn record(spec: &TrialSpec, (usual_us, rare_us, late): (f64, f64, u64)) -> TrialRecord {
    let mut latencies = Latencies::default();
    for request in 0..1000_u64 {
        let us = if request % 40 == 0 { rare_us } else { usual_us };
        let lag_ns = if request < late { 900_000 } else { 1_000 };
        latencies.response_time.record((us * 1000.0) as u64);
        latencies.service_time.record((us * 1000.0) as u64);
        latencies.send_lag.record(lag_ns);
        latencies.pacing_lag.record(lag_ns);
    }
    TrialRecord {
        block: spec.block,
        position: spec.position,
        variant: spec.variant.clone(),
        counts: OutcomeCounts { offered: 1000, completed: 1000, ..OutcomeCounts::default() },
        latencies,
        slices: Vec::new(),
        generator: GeneratorReport { window_s: 1.0, ..GeneratorReport::default() },
    }
}

/// A trial that differs from its like by up to 10 %, from the block and the variant alone.
fn usual(spec: &TrialSpec) -> (f64, f64, u64) {
    let mut rng = Seed(u64::from(spec.block)).rng(spec.variant.as_str());
    let mut between = |low: f64, high: f64| {
        low + (high - low) * (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    };
    let slower = if spec.variant.as_str() == "strict" { 1.2 } else { 1.0 };
    (between(950.0, 1050.0) * slower, between(4500.0, 5500.0) * slower, 0)
}

struct Setting {
    scenario: Scenario,
    plan: Plan,
    record: PlanRecord,
}

fn setting(most: u32, targets: Vec<Target>, within_s: Option<f64>) -> Setting {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/strict-mtls");
    let mut scenario = scenarios::file::read_dir(&folder).expect("it reads");
    scenario.design.blocks = most;
    scenario.load.rate = scenarios::units::RatePerSecond::new(1000.0).expect("in range");
    scenario.load.duration = Duration::from_secs(1);
    let variants = ["sidecar-plaintext", "strict"].map(|name| VariantName(name.to_owned()));
    let plan = Plan::new(&scenario, &variants, Seed(7)).expect("variants");
    let mut record = plan_record(&scenario, &plan);
    record.precision = Some(Precision { targets, within_s });
    Setting { scenario, plan, record }
}

fn percent(quantile: Quantile, percent: f64) -> Target {
    Target { quantile, reach: Reach::Percent(percent) }
}

/// Everything that a run left.
struct Ran {
    folder: RunFolder,
    record: RunRecord,
    _place: tempfile::TempDir,
}

fn run_record(setting: &Setting) -> RunRecord {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/strict-mtls/run.json");
    let text = std::fs::read_to_string(golden).expect("the golden run");
    let golden: serde_json::Value = serde_json::from_str(&text).expect("JSON");
    let provenance: Provenance =
        serde_json::from_value(golden["provenance"].clone()).expect("a provenance");
    RunRecord {
        scenario: setting.scenario.name.clone(),
        testbed: "scripted".to_owned(),
        seed: 7,
        started_at: "2026-11-23T02:40:11Z".to_owned(),
        ..RunRecord::begun(setting.record.clone(), provenance)
    }
}

fn ran(setting: &Setting, script: Script<'_>) -> Ran {
    ran_until(setting, script, &StopFlag::default())
}

fn ran_until(setting: &Setting, script: Script<'_>, stop: &StopFlag) -> Ran {
    let place = tempfile::tempdir().expect("a folder");
    let folder = RunFolder::create(place.path(), "20261123T024011Z", "strict-mtls", "scripted")
        .expect("a run folder");
    let mut keeper = Keeper::begin(folder, run_record(setting)).expect("begun");
    let (ended, _) = conducted(setting, script, stop, &mut keeper);
    let stopped = matches!(ended, Err(Fault::Stopped));
    assert!(stopped || ended.is_ok(), "{ended:?}");
    let why = ended.err().map(|fault| fault.to_string());
    let (folder, record) = keeper.end(why, stopped).expect("kept");
    Ran { folder, record, _place: place }
}

/// Trials in the order in which they were made: block, position, variant.
type Made = Vec<(u32, u32, String)>;

fn conducted(
    setting: &Setting,
    script: Script<'_>,
    stop: &StopFlag,
    sink: &mut dyn Sink,
) -> (Result<(), Fault>, Made) {
    let (seconds, made) = (Cell::new(0), RefCell::new(Vec::new()));
    let elapsed = || Duration::from_secs(seconds.get());
    let mut stopping = Stopping::new(&setting.record, elapsed);
    let mut generator = Scripted { script, seconds: &seconds, made: &made };
    let ended = conduct_within(
        &setting.scenario,
        &setting.plan,
        (&mut NoPlace, &mut generator),
        sink,
        Limits { stop, repeats: Repeats(20), stopping: stopping.as_mut() },
    );
    (ended, made.take())
}

/// Keeps the looks and nothing else.
#[derive(Default)]
struct Looks(Vec<Look>);

impl Sink for Looks {
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        if let Event::Looked(look) = event {
            self.0.push((*look).clone());
        }
        Ok(())
    }
}

/// The looks of a run that is not kept, and its trials.
fn looked(setting: &Setting, script: Script<'_>) -> (Vec<Look>, Made) {
    let mut looks = Looks::default();
    let (ended, made) = conducted(setting, script, &StopFlag::default(), &mut looks);
    ended.expect("nothing breaks");
    (looks.0, made)
}

fn stopping(record: &RunRecord) -> &Stopped {
    record.stopping.as_ref().expect("a precision was asked for")
}

#[test]
fn it_stops_after_the_first_block_with_which_every_interval_is_narrow_enough() {
    let setting = setting(60, vec![percent(P50, 6.0), percent(P99, 8.0)], None);
    let ran = ran(&setting, &usual);
    let stopped = stopping(&ran.record);
    assert_eq!(stopped.ending, Some(Ending::Reached));
    let last = stopped.looks.last().expect("looks");
    assert!((8..60).contains(&last.block), "{}", last.block);
    assert_eq!(stopped.looks.len(), last.block as usize, "one look a block");
    assert!(last.seen.iter().all(|seen| seen.reached()), "{last:?}");
    assert_eq!(last.blocks_foreseen, Some(last.block));
    for look in &stopped.looks[..stopped.looks.len() - 1] {
        assert_eq!(look.ending, None);
        assert!(!look.seen.iter().all(|seen| seen.reached()), "{look:?}");
        let foreseen = look.blocks_foreseen.expect("the spread is known from one block on");
        assert!(foreseen > look.block);
    }
    // What the last look saw is what the run says at its end, ends and error included.
    for seen in &last.seen {
        let mut rows = ran.record.comparisons.iter();
        let row = rows.find(|row| row.name == seen.comparison && row.quantile == seen.quantile);
        let row = row.expect("every look has its row");
        let overhead = row.overhead_us.expect("an estimate");
        let reach = (overhead.high - overhead.point).max(overhead.point - overhead.low);
        assert_eq!((seen.reach_us, seen.blocks), (Some(reach), row.blocks));
        assert!((1.0 - overhead.confidence - stopped.error).abs() < 1e-12);
    }
    let spent: Vec<f64> = stopped.looks.iter().map(|look| look.seen[0].spent).collect();
    assert!(spent.is_sorted() && spent.last().is_some_and(|spent| *spent <= stopped.error));
    assert!(stopped.error <= 0.05);
}

#[test]
fn whenever_it_stops_the_blocks_are_those_of_the_plan_in_its_order() {
    let made = |most: u32, size: f64| {
        let setting = setting(most, vec![percent(P50, size)], None);
        let (_, trials) = looked(&setting, &usual);
        let planned = setting.plan.blocks.iter().flat_map(|block| &block.trials);
        for (made, planned) in trials.iter().zip(planned) {
            assert_eq!(*made, (planned.block, planned.position, planned.variant.to_string()));
        }
        trials
    };
    let (short, long, other) = (made(60, 10.0), made(60, 2.0), made(30, 2.0));
    assert!(short.len() < long.len(), "{} and {}", short.len(), long.len());
    assert_eq!(short[..], long[..short.len()]);
    let shared = long.len().min(other.len());
    assert_eq!(other[..shared], long[..shared], "the most blocks do not change the order");
}

#[test]
fn a_precision_that_is_not_reached_ends_with_the_plan_and_says_what_it_would_take() {
    let setting = setting(12, vec![percent(P50, 0.1)], None);
    let ran = ran(&setting, &usual);
    let stopped = stopping(&ran.record);
    assert_eq!((stopped.ending, stopped.looks.len()), (Some(Ending::Blocks), 12));
    let foreseen = stopped.looks[11].blocks_foreseen.expect("foreseen");
    assert!(foreseen > 100, "{foreseen}");
    render(&ran.folder).expect("rendered");
    let report = std::fs::read_to_string(ran.folder.path().join(REPORT_FILE)).expect("a report");
    assert!(
        report.contains("Not reached: p50 to ±0.1 % of the baseline was asked for"),
        "{report}"
    );
    assert!(report.contains(&format!("it needs about {foreseen} blocks in all")), "{report}");
    assert!(!report.contains("ended before its plan was done"), "{report}");
}

#[test]
fn no_block_begins_that_would_end_too_late() {
    // Three trials a block, a second each: after five blocks 15 s are over, and a sixth ends at 18.
    for (within_s, blocks) in [(17.9, 5), (18.0, 6), (1.0, 1)] {
        let setting = setting(60, vec![percent(P50, 0.1)], Some(within_s));
        let (looks, _) = looked(&setting, &usual);
        let ending = looks.last().and_then(|look| look.ending);
        assert_eq!((ending, looks.len()), (Some(Ending::Time), blocks));
        assert!((looks[0].elapsed_s - 3.0).abs() < 1e-9, "{}", looks[0].elapsed_s);
    }
}

#[test]
fn a_quantile_that_the_machine_spoils_counts_its_own_blocks() {
    // In every second block the generator is late with the rare requests of one side, and is again
    // when the trial is repeated.
    let script = |spec: &TrialSpec| {
        let (usual, rare, _) = usual(spec);
        let late = spec.block.is_multiple_of(2) && spec.variant.as_str() == "strict";
        (usual, rare, if late { 10 } else { 0 })
    };
    let setting = setting(60, vec![percent(P50, 6.0), percent(P99, 12.0)], None);
    let (looks, _) = looked(&setting, &script);
    let last = looks.last().expect("looks");
    assert_eq!(last.ending, Some(Ending::Reached), "{last:?}");
    let [p50, p99] = &last.seen[..] else { panic!("{last:?}") };
    assert_eq!((p50.blocks, p99.blocks), (last.block, last.block.div_ceil(2)));
    assert!(p99.spent < p50.spent);
    // Half of the blocks have it, so twice as many are foreseen as values are needed.
    let first = &looks[0];
    assert_eq!((first.seen[0].blocks, first.seen[1].blocks), (1, 1));
}

#[test]
fn a_quantile_that_is_a_bound_somewhere_is_never_precise() {
    let setting = setting(8, vec![percent(P50, 1000.0)], None);
    let (looks, _) = looked(&setting, &usual);
    assert_eq!(looks.last().and_then(|look| look.ending), Some(Ending::Reached));
    let mut stopping = Stopping::new(&setting.record, Duration::default).expect("a precision");
    let gates = &setting.scenario.gates;
    for block in &setting.plan.blocks {
        stopping.block_begins();
        for spec in &block.trials {
            let mut record = record(spec, usual(spec));
            if spec.block == 2 {
                for _ in 0..600 {
                    record.latencies.censored.record(1_000_000_000);
                }
                record.latencies.response_time = bench::histogram::Histogram::new();
            }
            let work = WorkSeen::default();
            let mut admission = bench::admit::Admission::of(spec, &record, &work, gates);
            // Whatever else is wrong with so odd a trial is not what is looked at here.
            admission.rejections.clear();
            admission.disturbances.clear();
            stopping.trial(&record, &admission, &work);
        }
        let look = stopping.look(block.number);
        if block.number >= 2 {
            assert_eq!((look.seen[0].reach_us, look.blocks_foreseen), (None, None), "{look:?}");
        }
        let last = block.number == 8;
        assert_eq!(look.ending, last.then_some(Ending::Blocks));
    }
}

#[test]
fn a_stop_by_hand_keeps_the_looks_and_claims_no_ending() {
    let stop = StopFlag::default();
    let script = |spec: &TrialSpec| {
        if spec.block == 10 && spec.position == 2 {
            stop.raise();
        }
        usual(spec)
    };
    let setting = setting(60, vec![percent(P50, 0.1)], None);
    let ran = ran_until(&setting, &script, &stop);
    let stopped = stopping(&ran.record);
    assert_eq!((stopped.ending, stopped.looks.len()), (None, 9));
    assert!(ran.record.interrupted);
    // Intervals hold for whatever was made, be it the number of a look or not.
    let row = &ran.record.comparisons[0];
    assert!(row.overhead_us.is_some() && row.blocks >= 9, "{row:?}");
}

#[test]
fn the_folder_renders_again_to_the_same_bytes_and_says_how_it_stopped() {
    let setting = setting(60, vec![percent(P50, 6.0), percent(P99, 8.0)], Some(3600.0));
    let ran = ran(&setting, &usual);
    let read = |name: &str| std::fs::read_to_string(ran.folder.path().join(name)).expect(name);
    render(&ran.folder).expect("rendered");
    let first = read(REPORT_FILE);
    std::fs::remove_file(ran.folder.path().join(REPORT_FILE)).expect("removed");
    render(&ran.folder).expect("rendered again");
    assert_eq!(first, read(REPORT_FILE));
    let blocks = stopping(&ran.record).looks.len();
    let said = format!(
        "Reached: p50 to ±6 % of the baseline, p99 to ±8 % of the baseline, after {blocks} blocks \
         of at most 60"
    );
    assert!(first.contains(&said), "{first}");
    assert!(first.contains("## Precision"), "{first}");
    // run.json is whole: it comes back, and is analysed again to the same rows.
    let loaded = ran.folder.load().expect("loaded").record;
    assert_eq!(loaded, ran.record);
    let again = analyse(&loaded.plan, &loaded.trials, Seed(loaded.seed), &loaded.testbed);
    assert_eq!(again.comparisons, ran.record.comparisons);
    let schema = bench::schema::run_schema();
    let schema: serde_json::Value = serde_json::from_str(&schema).expect("JSON");
    let run: serde_json::Value = serde_json::from_str(&read(RUN_FILE)).expect("JSON");
    assert!(jsonschema::validator_for(&schema).expect("a schema").is_valid(&run));
}
