//! The order of a run, through fakes that write down what is asked of them: what comes before what,
//! and that the sinks hear of the end whatever breaks.

use std::cell::RefCell;
use std::path::Path;
use std::rc::Rc;

use bench::conduct::{Fault, Repeats, conduct};
use bench::plan::{Plan, Seed};
use bench::record::Subject;
use bench::seams::{
    Endpoint, Event, Generator, GeneratorError, Probe, Proof, Sink, SinkError, StopFlag, Testbed,
    TestbedError, WorkSeen,
};
use bench::trial::{GeneratorReport, Latencies, OutcomeCounts, TrialRecord, TrialSpec};
use proptest::prelude::*;
use scenarios::scenario::Scenario;
use scenarios::variant::{Variant, VariantName};

/// What happened, in order.
type Diary = Rc<RefCell<Vec<String>>>;

/// Breaks at the n-th step of a kind; a kind is the first word of a diary's line.
#[derive(Clone, Copy)]
struct Break {
    at: &'static str,
    times: usize,
}

struct Fakes {
    diary: Diary,
    breaks: Option<Break>,
    /// Trials that a late generator spoils, by the order in which they are made, and how many of
    /// their 5000 requests were late.
    late: Vec<(usize, u64)>,
    trials: usize,
    stop_after: Option<usize>,
    stop: StopFlag,
}

impl Fakes {
    /// Writes down a step. Returns whether it is the one that breaks.
    fn step(&mut self, line: &str) -> bool {
        self.diary.borrow_mut().push(line.to_owned());
        let kind = line.split(' ').next().expect("a word");
        match &mut self.breaks {
            Some(Break { at, times }) if *at == kind => {
                *times -= 1;
                *times == 0
            }
            _ => false,
        }
    }
}

struct FakeTestbed(Rc<RefCell<Fakes>>);
struct ScriptedGenerator(Rc<RefCell<Fakes>>);
struct DiarySink(Rc<RefCell<Fakes>>);

fn broken(step: &str) -> TestbedError {
    TestbedError {
        testbed: "fake".into(),
        step: step.into(),
        problem: "broken on purpose".into(),
        hint: String::new(),
        log_tail: Vec::new(),
    }
}

impl FakeTestbed {
    fn step(&self, line: &str) -> Result<(), TestbedError> {
        if self.0.borrow_mut().step(line) { Err(broken(line)) } else { Ok(()) }
    }
}

impl Testbed for FakeTestbed {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn subject(&self) -> Subject {
        Subject { name: "nothing".to_owned(), version: String::new(), tls: None }
    }
    fn begin_block(&mut self, block: u32) -> Result<(), TestbedError> {
        self.step(&format!("begin {block}"))
    }
    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError> {
        let lie = self.0.borrow_mut().step(&format!("prove {block} {}", variant.name));
        let probe = Probe { claim: "it is so".into(), observed: "it".into(), holds: !lie };
        Ok(Proof {
            variant: variant.name.0.clone(),
            block,
            probes: vec![probe],
            peer_identity: None,
        })
    }
    fn endpoint(&mut self, variant: &VariantName) -> Result<Endpoint, TestbedError> {
        self.step(&format!("endpoint {variant}"))?;
        Ok(Endpoint { address: ([127, 0, 0, 1], 1).into(), host: String::new() })
    }
    fn work_seen(&mut self, variant: &VariantName) -> Result<WorkSeen, TestbedError> {
        self.step(&format!("work {variant}"))?;
        Ok(WorkSeen { requests_at_origin: 5_000, ..WorkSeen::default() })
    }
    fn tear_down(&mut self) -> Result<(), TestbedError> {
        self.step("down")
    }
}

impl Generator for ScriptedGenerator {
    fn run(&mut self, spec: &TrialSpec, _: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        let mut fakes = self.0.borrow_mut();
        if fakes.step(&format!("run {} {} {}", spec.block, spec.position, spec.variant)) {
            return Err(GeneratorError { problem: "broken".into(), hint: String::new() });
        }
        let late = fakes.late.iter().find(|(at, _)| *at == fakes.trials).map_or(0, |late| late.1);
        fakes.trials += 1;
        if fakes.stop_after == Some(fakes.trials) {
            fakes.stop.raise();
        }
        Ok(record(spec, late))
    }
}

/// A trial of 5000 good requests, so many of which were sent 5 ms late.
fn record(spec: &TrialSpec, late: u64) -> TrialRecord {
    let mut latencies = Latencies::default();
    for request in 0..5_000 {
        let late_ns = if request < late { 5_000_000 } else { 1_000 };
        latencies.response_time.record(100_000 + late_ns);
        latencies.service_time.record(100_000);
        latencies.send_lag.record(late_ns);
        latencies.pacing_lag.record(late_ns);
    }
    TrialRecord {
        block: spec.block,
        position: spec.position,
        variant: spec.variant.clone(),
        counts: OutcomeCounts { offered: 5_000, completed: 5_000, ..OutcomeCounts::default() },
        latencies,
        slices: Vec::new(),
        generator: GeneratorReport { window_s: 5.0, ..GeneratorReport::default() },
    }
}

impl Sink for DiarySink {
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        let line = match event {
            Event::RunStarted(_) => "told-start".to_owned(),
            Event::BlockStarted { block } => format!("told-block {block}"),
            Event::Proven(proof) => format!("told-proof {}", proof.variant),
            Event::TrialStarted { index, .. } => format!("told-trial {index}"),
            Event::TrialFinished { admission, .. } => format!("kept {}", admission.admitted()),
            Event::MemoryRead(_) => "told-memory".to_owned(),
            Event::Looked(look) => format!("looked {}", look.block),
            Event::RunEnded => "told-end".to_owned(),
        };
        if self.0.borrow_mut().step(&line) {
            let source = std::io::Error::from(std::io::ErrorKind::StorageFull);
            return Err(SinkError { what: "keep".into(), source });
        }
        Ok(())
    }
}

fn scenario(blocks: u32) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/strict-mtls");
    let mut scenario = scenarios::file::read_dir(&folder).expect("it reads");
    scenario.design.blocks = blocks;
    scenario
}

fn variants(scenario: &Scenario) -> Vec<VariantName> {
    scenario.testbeds["embedded"].variants.clone()
}

/// Conducts two blocks; returns how it ended and the diary.
fn conducted(
    breaks: Option<Break>,
    late: Vec<(usize, u64)>,
    stop_after: Option<usize>,
) -> (Result<(), Fault>, Vec<String>) {
    let scenario = scenario(2);
    let plan = Plan::new(&scenario, &variants(&scenario), Seed(1)).expect("variants");
    let stop = StopFlag::default();
    let fakes = Rc::new(RefCell::new(Fakes {
        diary: Diary::default(),
        breaks,
        late,
        trials: 0,
        stop_after,
        stop: stop.clone(),
    }));
    let result = conduct(
        &scenario,
        &plan,
        (&mut FakeTestbed(Rc::clone(&fakes)), &mut ScriptedGenerator(Rc::clone(&fakes))),
        &mut DiarySink(Rc::clone(&fakes)),
        (&stop, Repeats(4)),
    );
    let diary = fakes.borrow().diary.borrow().clone();
    (result, diary)
}

#[test]
fn a_run_proves_every_variant_before_a_blocks_first_trial_and_keeps_each_trial_before_the_next() {
    let (result, diary) = conducted(None, Vec::new(), None);
    assert!(result.is_ok(), "{result:?}");
    let kinds: Vec<&str> =
        diary.iter().map(|line| line.split(' ').next().expect("a word")).collect();
    let trial = ["endpoint", "work", "told-trial", "run", "work", "kept"];
    let mut expected = vec!["told-start"];
    for _ in 0..2 {
        expected.extend(["told-block", "begin"]);
        expected.extend(["prove", "told-proof"].repeat(4));
        expected.extend(trial.repeat(5));
    }
    expected.push("told-end");
    assert_eq!(kinds, expected);
}

#[test]
fn whatever_breaks_is_returned_and_the_sinks_are_told_of_the_end() {
    let kinds = [
        "told-start",
        "told-block",
        "begin",
        "prove",
        "told-proof",
        "endpoint",
        "work",
        "told-trial",
        "run",
        "kept",
    ];
    for at in kinds {
        for times in 1..=2 {
            if at == "told-start" && times == 2 {
                continue;
            }
            let (result, diary) = conducted(Some(Break { at, times }), Vec::new(), None);
            let fault = result.expect_err("it broke");
            match (at, &fault) {
                ("prove", Fault::Unproven(_))
                | ("run", Fault::Generator(_))
                | ("begin" | "endpoint" | "work", Fault::Testbed(_))
                | (
                    "told-start" | "told-block" | "told-proof" | "told-trial" | "kept",
                    Fault::Sink(_),
                ) => {}
                other => panic!("{other:?}"),
            }
            assert_eq!(diary[diary.len() - 1], "told-end", "{at} {times}");
        }
    }
}

#[test]
fn a_posture_that_does_not_hold_lets_no_trial_begin() {
    let (result, diary) = conducted(Some(Break { at: "prove", times: 1 }), Vec::new(), None);
    assert!(matches!(result, Err(Fault::Unproven(_))));
    assert!(!diary.iter().any(|line| line.starts_with("run")), "{diary:?}");
}

#[test]
fn a_trial_that_a_busy_machine_spoilt_is_made_again_at_the_end_of_its_block() {
    // The second trial of the first block, and its first repeat.
    let (result, diary) = conducted(None, vec![(1, 5000), (5, 5000)], None);
    assert!(result.is_ok(), "{result:?}");
    let runs: Vec<&String> = diary.iter().filter(|line| line.starts_with("run 1 ")).collect();
    assert_eq!(runs.len(), 7, "{runs:?}");
    let of = |line: &str| line.split(' ').next_back().expect("a name").to_owned();
    assert_eq!(of(runs[5]), of(runs[1]));
    assert_eq!(of(runs[6]), of(runs[1]));
    assert!(runs[6].starts_with("run 1 7 "), "{runs:?}");
}

#[test]
fn a_machine_that_is_never_quiet_ends_the_run_and_not_the_patience() {
    let (result, diary) = conducted(None, (0..1000).map(|at| (at, 5000)).collect(), None);
    assert!(result.is_ok(), "{result:?}");
    // Each of the two blocks has its half of the four repeats.
    for block in ["run 1 ", "run 2 "] {
        let runs = diary.iter().filter(|line| line.starts_with(block)).count();
        assert_eq!(runs, 5 + 2, "{block}");
    }
}

#[test]
fn the_trials_that_lost_most_are_made_again_first() {
    // The first lost its p99.9, the third everything; then the first again, and again in vain.
    let late = vec![(0, 10), (2, 5000), (6, 10)];
    let (result, diary) = conducted(None, late, None);
    assert!(result.is_ok(), "{result:?}");
    let runs: Vec<&String> = diary.iter().filter(|line| line.starts_with("run 1 ")).collect();
    let of = |line: &str| line.split(' ').next_back().expect("a name").to_owned();
    assert_eq!(runs.len(), 7, "{runs:?}");
    assert_eq!(of(runs[5]), of(runs[2]));
    assert_eq!(of(runs[6]), of(runs[0]));
}

#[test]
fn a_repeat_that_lacks_a_quantile_still_is_followed_by_another() {
    // The first trial lost everything, and its repeat the p99.9.
    let (result, diary) = conducted(None, vec![(0, 5000), (5, 10)], None);
    assert!(result.is_ok(), "{result:?}");
    let runs = diary.iter().filter(|line| line.starts_with("run 1 ")).count();
    assert_eq!(runs, 7);
}

#[test]
fn a_stop_ends_the_run_after_the_trial_that_it_met_was_kept() {
    let (result, diary) = conducted(None, Vec::new(), Some(3));
    assert!(matches!(result, Err(Fault::Stopped)));
    assert_eq!(diary.iter().filter(|line| line.starts_with("kept")).count(), 3);
    assert_eq!(diary[diary.len() - 1], "told-end");
}

proptest! {
    #[test]
    fn every_block_holds_each_variant_once_and_the_control_twice(seed: u64, blocks in 1_u32..40) {
        let scenario = scenario(blocks);
        let names = variants(&scenario);
        let plan = Plan::new(&scenario, &names, Seed(seed)).expect("variants");
        let again = Plan::new(&scenario, &names, Seed(seed)).expect("variants");
        prop_assert_eq!(&plan, &again);
        prop_assert_eq!(plan.blocks.len(), usize::try_from(blocks).expect("small"));
        let mut expected = names;
        expected.push(scenario.design.control.twin());
        expected.sort();
        for block in &plan.blocks {
            let mut found: Vec<_> = block.trials.iter().map(|trial| trial.variant.clone()).collect();
            found.sort();
            prop_assert_eq!(&found, &expected);
            let positions: Vec<u32> = block.trials.iter().map(|trial| trial.position).collect();
            prop_assert_eq!(positions, vec![1, 2, 3, 4, 5]);
            // Within a block all meet the same arrivals.
            prop_assert!(block.trials.windows(2).all(|pair| pair[0].seed == pair[1].seed));
        }
    }
}

#[test]
fn over_many_blocks_every_variant_comes_first_about_equally_often() {
    let scenario = scenario(1000);
    let plan = Plan::new(&scenario, &variants(&scenario), Seed(5)).expect("variants");
    for name in &plan.variants {
        let first = plan.blocks.iter().filter(|block| block.trials[0].variant == *name).count();
        // Binomial(1000, 1/5): mean 200, standard deviation 12.6.
        assert!((150..250).contains(&first), "{name}: {first}");
    }
}
