//! A run about memory on a scripted place: the order of its steps, what is kept of it, what it comes to
//! and how it is told. After a wanted change of the text: `INSTA_UPDATE=always cargo test -p bench
//! --test memory`, and look at the diff.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::OnceLock;
use std::time::Duration;

use bench::conduct::{Fault, climb};
use bench::describe::plan_record;
use bench::keep::Keeper;
use bench::memory::{Held, Looks, Measure, MemoryKind, MemoryRecord, MemoryVerdict};
use bench::plan::{Plan, Seed};
use bench::record::{Provenance, RunRecord, Subject};
use bench::report::terminal::{Style, render as terminal_text};
use bench::results::{RunFolder, render, replay};
use bench::seams::{
    Endpoint, Event, Generator, GeneratorError, MemoryTestbed, Probe, Proof, Sidecars, Sink,
    SinkError, StopFlag, Testbed, TestbedError, WorkSeen,
};
use bench::trial::{GeneratorReport, Latencies, OutcomeCounts, TrialRecord, TrialSpec};
use scenarios::scenario::Scenario;
use scenarios::variant::{Variant, VariantName};

/// What a fake place does otherwise than well.
#[derive(Debug, Clone, Copy, Default)]
struct Faults {
    /// No proof holds once policies are to be gone again.
    keeps_deleted: bool,
    /// The client's sidecar can not be read in this block.
    unread_in: Option<u32>,
    /// Requests that fail in every trial of this block.
    failing_in: Option<u32>,
}

struct FakePlace {
    diary: Vec<String>,
    faults: Faults,
    variant: String,
    block: u32,
    /// Authorization policies in force, and how many there were at most.
    policies: usize,
    most: usize,
    loaded: bool,
    scenario: Scenario,
}

impl FakePlace {
    fn new(scenario: &Scenario, faults: Faults) -> Self {
        Self {
            diary: Vec::new(),
            faults,
            variant: String::new(),
            block: 0,
            policies: 0,
            most: 0,
            loaded: false,
            scenario: scenario.clone(),
        }
    }

    fn count(&self, variant: &Variant) -> usize {
        self.scenario.policy_set(variant).unwrap().authorization_policies.len()
    }

    /// A heap that grows with what it holds, and gives half of that back.
    fn looks(&self, under_load: bool) -> Vec<Looks> {
        let kib = |policies: usize| u64::try_from(policies).unwrap() * 8;
        let mtls = if self.variant == "strict" { 2048 } else { 0 };
        let left = if self.loaded { 512 } else { 0 };
        let busy = if under_load { 1024 } else { 0 };
        let held = kib(self.policies) + (kib(self.most) - kib(self.policies)) / 2;
        let of = |sidecar: &str, policies_kib: u64| {
            let private = 12_000 + mtls + left + busy + policies_kib + u64::from(self.block) * 8;
            let text = 48_000;
            let at = |more: u64| Held {
                rss_bytes: (private + text + more) << 10,
                pss_bytes: (private + text / 2 + more) << 10,
                private_dirty_bytes: (private + more) << 10,
            };
            let unread = sidecar.starts_with("client") && self.faults.unread_in == Some(self.block);
            Looks {
                sidecar: sidecar.to_owned(),
                process: 100 + self.block,
                sharing: 2,
                seen: if unread {
                    Err("/proc/7/smaps_rollup: Permission denied (os error 13)".to_owned())
                } else {
                    Ok(vec![at(0), at(4), at(4000)])
                },
            }
        };
        vec![of("client sidecar", 0), of("server sidecar", held)]
    }
}

impl Testbed for FakePlace {
    fn name(&self) -> &'static str {
        "fake"
    }
    fn subject(&self) -> Subject {
        Subject { name: "nothing".to_owned(), version: "1".to_owned(), tls: None }
    }
    fn begin_block(&mut self, _: u32) -> Result<(), TestbedError> {
        unreachable!("each variant stands alone")
    }
    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError> {
        self.diary.push(format!("prove {}", variant.posture.calls.len()));
        let gone = self.most > 0 && self.policies == 0;
        let probe = |claim: String| Probe {
            claim,
            observed: "as said".to_owned(),
            holds: !(gone && self.faults.keeps_deleted),
        };
        let probes = variant.posture.calls.iter().map(|call| probe(call.to_string())).collect();
        let variant = variant.name.original().0;
        Ok(Proof { variant, block, probes, peer_identity: None })
    }
    fn endpoint(&mut self, _: &VariantName) -> Result<Endpoint, TestbedError> {
        Ok(Endpoint { address: ([127, 0, 0, 1], 1).into(), host: String::new() })
    }
    fn work_seen(&mut self, _: &VariantName) -> Result<WorkSeen, TestbedError> {
        Ok(WorkSeen { requests_at_origin: 4_000, ..WorkSeen::default() })
    }
    fn tear_down(&mut self) -> Result<(), TestbedError> {
        Ok(())
    }
}

impl MemoryTestbed for FakePlace {
    fn stand(&mut self, variant: &Variant, block: u32, _: u32) -> Result<(), TestbedError> {
        self.diary.push(format!("stand {}", variant.name));
        (self.policies, self.most, self.loaded) = (self.count(variant), 0, false);
        self.variant = variant.name.0.clone();
        self.block = block;
        Ok(())
    }
    fn change(&mut self, to: &Variant) -> Result<(), TestbedError> {
        self.policies = self.count(to);
        self.most = self.most.max(self.policies);
        self.diary.push(format!("change {}", self.policies));
        Ok(())
    }
    fn sidecars(&mut self) -> Result<&mut dyn Sidecars, TestbedError> {
        Ok(self)
    }
}

impl Sidecars for FakePlace {
    fn look_after(&mut self, _: Duration) -> Vec<Looks> {
        self.diary.push("look".to_owned());
        self.looks(false)
    }
    fn watch_after(&mut self, _: Duration) -> Result<(), TestbedError> {
        self.diary.push("watch".to_owned());
        self.loaded = true;
        Ok(())
    }
    fn watched(&mut self) -> Result<Vec<Looks>, TestbedError> {
        self.diary.push("watched".to_owned());
        Ok(self.looks(true))
    }
}

struct FakeGenerator(Faults);

impl Generator for FakeGenerator {
    fn run(&mut self, spec: &TrialSpec, _: &Endpoint) -> Result<TrialRecord, GeneratorError> {
        let failed = if self.0.failing_in == Some(spec.block) { 400 } else { 0 };
        let completed = 4_000 - failed;
        let mut latencies = Latencies::default();
        for _ in 0..completed {
            latencies.response_time.record(101_000);
            latencies.service_time.record(100_000);
        }
        for _ in 0..failed {
            latencies.censored.record(200_000);
        }
        for _ in 0..4_000 {
            latencies.send_lag.record(1_000);
            latencies.pacing_lag.record(1_000);
        }
        let counts =
            OutcomeCounts { offered: 4_000, completed, failed, ..OutcomeCounts::default() };
        Ok(TrialRecord {
            block: spec.block,
            position: spec.position,
            variant: spec.variant.clone(),
            counts,
            latencies,
            slices: Vec::new(),
            generator: GeneratorReport { window_s: 4.0, ..GeneratorReport::default() },
        })
    }
}

struct Nobody;

impl Sink for Nobody {
    fn on(&mut self, _: &Event<'_>) -> Result<(), SinkError> {
        Ok(())
    }
}

fn scenario(blocks: u32) -> Scenario {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/sidecar-memory");
    let mut scenario = scenarios::file::read_dir(&folder).unwrap();
    scenario.design.blocks = blocks;
    scenario
}

fn plan(scenario: &Scenario) -> Plan {
    Plan::new(scenario, &scenario.testbeds["embedded"].variants, Seed(3)).unwrap()
}

fn provenance() -> Provenance {
    let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden/strict-mtls/run.json");
    let golden: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(golden).unwrap()).unwrap();
    serde_json::from_value(golden["provenance"].clone()).unwrap()
}

/// A whole run, kept in a folder.
fn kept(at: &Path, blocks: u32, faults: Faults) -> (RunFolder, RunRecord) {
    let scenario = scenario(blocks);
    let plan = plan(&scenario);
    let record = RunRecord {
        scenario: scenario.name.clone(),
        testbed: "embedded".to_owned(),
        seed: 3,
        started_at: "2026-11-25T01:00:00Z".to_owned(),
        memory: MemoryRecord::begun(&scenario),
        ..RunRecord::begun(plan_record(&scenario, &plan), provenance())
    };
    let folder = RunFolder::create(at, "20261125T010000Z", &scenario.name, "embedded").unwrap();
    let mut keeper = Keeper::begin(folder, record).unwrap();
    let mut place = FakePlace::new(&scenario, faults);
    climb(
        (&scenario, scenario.memory.as_ref().unwrap()),
        &plan,
        (&mut place, &mut FakeGenerator(faults)),
        &mut keeper,
        &StopFlag::default(),
    )
    .unwrap();
    keeper.end(None, false).unwrap()
}

/// The run without a fault that several tests look at: it writes its whole document at every step.
fn whole() -> &'static (RunFolder, RunRecord) {
    static WHOLE: OnceLock<(RunFolder, RunRecord)> = OnceLock::new();
    WHOLE.get_or_init(|| {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("memory");
        // That of an earlier run of the tests, which nobody drops.
        let _ = std::fs::remove_dir_all(&dir);
        let run = kept(&dir, 9, Faults::default());
        render(&run.0).unwrap();
        run
    })
}

#[test]
fn each_variant_stands_alone_and_goes_through_every_state_in_order() {
    let scenario = scenario(1);
    let mut place = FakePlace::new(&scenario, Faults::default());
    climb(
        (&scenario, scenario.memory.as_ref().unwrap()),
        &plan(&scenario),
        (&mut place, &mut FakeGenerator(Faults::default())),
        &mut Nobody,
        &StopFlag::default(),
    )
    .unwrap();
    let ladder = [
        "look",
        "prove 4",
        "watch",
        "watched",
        "look",
        "change 1",
        "prove 2",
        "look",
        "change 100",
        "prove 3",
        "look",
        "change 1000",
        "prove 3",
        "look",
        "change 0",
        "prove 4",
        "look",
    ];
    let (stands, steps): (Vec<&String>, Vec<&String>) =
        place.diary.iter().partition(|line| line.starts_with("stand"));
    assert_eq!(stands.len(), 3, "{stands:?}");
    assert_eq!(steps, ladder.repeat(3));
}

#[test]
fn policies_that_are_not_gone_end_the_run_as_unproven() {
    let scenario = scenario(1);
    let faults = Faults { keeps_deleted: true, ..Faults::default() };
    let mut place = FakePlace::new(&scenario, faults);
    let ended = climb(
        (&scenario, scenario.memory.as_ref().unwrap()),
        &plan(&scenario),
        (&mut place, &mut FakeGenerator(faults)),
        &mut Nobody,
        &StopFlag::default(),
    );
    let Err(Fault::Unproven(proof)) = ended else { panic!("{ended:?}") };
    assert!(proof.probes.iter().all(|probe| probe.claim.starts_with("deleted: ")), "{proof:?}");
}

#[test]
fn a_run_is_read_back_as_it_was_kept_and_fits_its_schema() {
    let (folder, record) = whole();
    assert_eq!(folder.load_record().unwrap(), *record);
    let schema = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/run.schema.json");
    let schema: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(schema).unwrap()).unwrap();
    let run: serde_json::Value =
        serde_json::from_str(&std::fs::read_to_string(folder.path().join("run.json")).unwrap())
            .unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&run).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    let memory = record.memory.as_ref().unwrap();
    // Blocks, variants with the twin, states, sidecars.
    assert_eq!(memory.readings.len(), 9 * 3 * 7 * 2);
    let csv = std::fs::read_to_string(folder.path().join("memory.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + memory.readings.len());
    let csv = std::fs::read_to_string(folder.path().join("memory-summary.csv")).unwrap();
    assert_eq!(csv.lines().count(), 1 + memory.levels.len() + memory.differences.len());
    // Rendered again from the folder, it is the same.
    let first = std::fs::read(folder.path().join("report.md")).unwrap();
    render(folder).unwrap();
    assert!(first == std::fs::read(folder.path().join("report.md")).unwrap());
    assert!(folder.path().join("charts/memory.png").is_file());
    let page = std::fs::read_to_string(folder.path().join("report.html")).unwrap();
    assert!(page.contains("data:image/svg+xml;base64,"));
}

/// Median in KiB and verdict of the differences of the server's sidecar by PSS.
fn steps(record: &RunRecord, variant: &str) -> BTreeMap<String, (f64, MemoryVerdict)> {
    let rows = record.memory.as_ref().unwrap().differences.iter().filter(|row| {
        row.kind == MemoryKind::Step
            && row.candidate == variant
            && row.sidecar == "server sidecar"
            && row.measure == Measure::Pss
    });
    rows.map(|row| (row.name.clone(), (row.median_bytes.unwrap() / 1024.0, row.verdict))).collect()
}

#[test]
fn what_was_planted_is_found_and_what_is_too_small_is_equivalent() {
    let (_, record) = whole();
    let (more, less) = (MemoryVerdict::More, MemoryVerdict::Less);
    let same = MemoryVerdict::Equivalent;
    let expected = [
        ("after-load", (512.0, same)),
        ("deleted", (4000.0, more)),
        ("given-back", (-4000.0, less)),
        ("policies-1", (8.0, same)),
        ("policies-100", (800.0, more)),
        ("policies-1000", (8000.0, more)),
        ("rungs", (7992.0, more)),
        ("under-load", (1536.0, more)),
    ];
    let expected: BTreeMap<String, (f64, MemoryVerdict)> =
        expected.into_iter().map(|(name, of)| (name.to_owned(), of)).collect();
    assert_eq!(steps(record, "strict"), expected);
    let pairs = |name: &str| {
        let rows = record.memory.as_ref().unwrap().differences.iter().filter(|row| {
            row.kind == MemoryKind::Pair && row.name == name && row.measure == Measure::Rss
        });
        rows.map(|row| (row.median_bytes.unwrap() / 1024.0, row.verdict)).collect::<Vec<_>>()
    };
    assert_eq!(pairs("mtls"), vec![(2048.0, more); 14]);
    assert_eq!(pairs("a-a"), vec![(0.0, same); 14]);
}

#[test]
fn what_can_not_be_read_is_not_measured_and_a_load_that_failed_is_left_out() {
    let dir = tempfile::tempdir().unwrap();
    let faults = Faults { unread_in: Some(2), failing_in: Some(3), ..Faults::default() };
    let (_, record) = kept(dir.path(), 7, faults);
    let memory = record.memory.as_ref().unwrap();
    let level = |state: &str, sidecar: &str| {
        let found = memory.levels.iter().find(|row| {
            row.variant == "strict"
                && row.state == state
                && row.sidecar == sidecar
                && row.measure == Measure::Rss
        });
        found.unwrap().clone()
    };
    let client = level("fresh", "client sidecar");
    assert_eq!(client.blocks, 6);
    assert!(client.remark.unwrap().contains("Permission denied"));
    let loaded = level("under-load", "server sidecar");
    assert_eq!(loaded.blocks, 6);
    assert!(loaded.remark.unwrap().contains("errors"));
    assert_eq!((level("after-load", "server sidecar").blocks, memory.anything_read()), (7, Ok(())));
}

#[test]
fn too_few_blocks_have_a_median_and_no_interval() {
    let dir = tempfile::tempdir().unwrap();
    let (folder, record) = kept(dir.path(), 2, Faults::default());
    let memory = record.memory.as_ref().unwrap();
    assert!(memory.levels.iter().all(|row| row.median_bytes.is_some() && row.bytes.is_none()));
    assert!(memory.differences.iter().all(|row| row.verdict == MemoryVerdict::Inconclusive));
    let text = terminal_text(&replay(&folder).unwrap(), Style::Plain, &[]);
    assert!(text.contains("too few for an interval"), "{text}");
}

#[test]
fn the_report_tells_it() {
    let (folder, _) = whole();
    let text = terminal_text(&replay(folder).unwrap(), Style::Plain, &["report.md".to_owned()]);
    let widest = text.lines().map(|line| line.chars().count()).max().unwrap();
    assert!(widest <= 100, "{widest} columns");
    insta::assert_snapshot!("memory_text", text);
    let report = std::fs::read_to_string(folder.path().join("report.md")).unwrap();
    // From the memory to the article; what follows is every run's.
    let of_memory = report.split("## Comparisons").next().unwrap();
    insta::assert_snapshot!("memory_report", of_memory);
}
