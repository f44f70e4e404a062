//! Selftests made up from figures and seeds, for the tests of what is judged from them.

use std::collections::BTreeMap;

use bench::analysis::{Bootstrap, analyse_with};
use bench::describe::plan_record;
use bench::histogram::Histogram;
use bench::plan::{Plan, Seed};
use bench::record::{Placement, Provenance, RunRecord, SCHEMA_VERSION, Subject, Summary, TrialRow};
use bench::seams::WorkSeen;
use bench::selftest::{
    CostPart, Outcome, SELFTEST_SCHEMA_VERSION, SelftestRecord, Stamped, outcome, pacing, planted,
    resolution, same_twice, stall,
};
use bench::summary::{micros, of_histogram};
use bench::trial::{GeneratorReport, OutcomeCounts};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use scenarios::library::built_in;
use scenarios::load::Arrivals;
use scenarios::scenario::Scenario;
use scenarios::variant::Planted;

/// What the machine of a made selftest does.
#[derive(Clone, Copy)]
pub(crate) struct Machine {
    pub(crate) blocks: u32,
    /// Added to the twin of the control, in microseconds.
    pub(crate) twin_us: f64,
    /// Of a planted delay, what arrives: 1 is the truth.
    pub(crate) heard: f64,
    /// Whether every trial loses its p99 to a late generator.
    pub(crate) late: bool,
}

pub(crate) const HONEST: Machine = Machine { blocks: 8, twin_us: 0.0, heard: 1.0, late: false };

pub(crate) fn scenario() -> Scenario {
    built_in("known-overheads").expect("it is built in").expect("it can be read")
}

fn uniform(rng: &mut ChaCha8Rng) -> f64 {
    ((rng.next_u64() >> 11) as f64 + 0.5) / (1_u64 << 53) as f64
}

/// Response times of a trial in nanoseconds: 200 µs, a tail, and a factor of the trial's own.
pub(crate) fn response_times(rng: &mut ChaCha8Rng) -> Vec<u64> {
    let own = 1.0 + 0.02 * (uniform(rng) - 0.5);
    let time = |rng: &mut ChaCha8Rng| own * (200.0 - 40.0 * uniform(rng).ln()) * 1e3;
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0")]
    (0..2000).map(|_| time(rng) as u64).collect()
}

pub(crate) fn histogram(nanos: impl IntoIterator<Item = u64>) -> Histogram {
    let mut histogram = Histogram::new();
    for nanos in nanos {
        histogram.record(nanos);
    }
    histogram
}

fn trial(block: u32, variant: &str, response: Summary, late: bool) -> TrialRow {
    let spoiled = if late {
        [(bench::quantile::Quantile::P99, "generator late: 1 % of the requests".to_owned())].into()
    } else {
        BTreeMap::new()
    };
    TrialRow {
        block,
        position: 1,
        variant: variant.to_owned(),
        admitted: true,
        rejected: None,
        spoiled,
        offered: 2000,
        completed: 2000,
        failed: 0,
        timed_out: 0,
        shed: 0,
        offered_rps: 800.0,
        achieved_rps: 800.0,
        service_time_us: response.clone(),
        send_lag_us: response.clone(),
        pacing_lag_us: of_histogram(&histogram([20_000; 2000])),
        response_time_us: response,
        denied: 0,
        denied_time_us: None,
        outcomes: OutcomeCounts::default(),
        slices: Vec::new(),
        generator: GeneratorReport::default(),
        work: WorkSeen::default(),
        histograms: format!("{block}-{variant}"),
    }
}

pub(crate) fn provenance() -> Provenance {
    Provenance {
        loadgen: "9.9.9".to_owned(),
        git: "abc".to_owned(),
        profile: "dev".to_owned(),
        opt_level: "3".to_owned(),
        command: vec!["loadgen".to_owned(), "selftest".to_owned()],
        kernel: "Linux 6.1.0".to_owned(),
        cpu: "A CPU @ 2 GHz".to_owned(),
        cores: 2,
        memory_bytes: 1 << 32,
        governor: "powersave".to_owned(),
        virtual_machine: true,
        placement: Placement { generator: vec![1], subject: vec![0], shared: false },
        subject: Subject { name: "a sidecar".to_owned(), version: "1".to_owned(), tls: None },
        notes: BTreeMap::new(),
    }
}

/// Stamps of that many arrivals at a mean gap of a millisecond.
pub(crate) fn stamps(arrivals: Arrivals, count: usize, rng: &mut ChaCha8Rng) -> Vec<u64> {
    let mut at = 0.0;
    let mut next = || {
        at += match arrivals {
            Arrivals::Constant => 1e6,
            Arrivals::Poisson => -1e6 * uniform(rng).ln(),
        };
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "above 0")]
        let stamp = at as u64;
        stamp
    };
    (0..count).map(|_| next()).collect()
}

pub(crate) fn stamped(arrivals: Arrivals, stamps: Vec<u64>, lag_us: u64) -> Stamped {
    Stamped {
        arrivals,
        rate: 1000.0,
        stamps,
        send_lag_us: of_histogram(&histogram(vec![lag_us * 1000; 4000])),
        burst_planned: 2,
        steal_percent: 0.0,
    }
}

/// Trials of the planted delays on such a machine, as a run.
pub(crate) fn run(machine: Machine) -> (RunRecord, BTreeMap<String, Histogram>) {
    let mut scenario = scenario();
    scenario.design.blocks = machine.blocks;
    let all = &scenario.testbeds["embedded"].variants;
    let plan = Plan::new(&scenario, all, Seed(5)).expect("a plan");
    let record = plan_record(&scenario, &plan);
    let mut rng = Seed(5).rng("selftests made up");
    let (mut trials, mut distributions) = (Vec::new(), BTreeMap::new());
    for block in 1..=machine.blocks {
        for name in &plan.variants {
            let variant = scenario.variant(name).expect("it is planned");
            let mut nanos = response_times(&mut rng);
            if let Some(Planted::Delay { delay, share }) = &variant.planted {
                let every = (1.0 / share.fraction()).round();
                let held = delay.as_secs_f64() * 1e9 * machine.heard;
                for (index, nanos) in nanos.iter_mut().enumerate() {
                    if (index as f64 % every).abs() < 0.5 {
                        *nanos += held as u64;
                    }
                }
            }
            if name.as_str().ends_with("#2") {
                nanos.iter_mut().for_each(|nanos| *nanos += (machine.twin_us * 1e3) as u64);
            }
            let histogram = histogram(nanos);
            let row = trial(block, name.as_str(), of_histogram(&histogram), machine.late);
            distributions.insert(row.histograms.clone(), histogram);
            trials.push(row);
        }
    }
    let none = Bootstrap { seed: Seed(0), resamples: 0 };
    let comparisons = analyse_with(&record, &trials, "embedded", &none).comparisons;
    let run = RunRecord {
        schema_version: SCHEMA_VERSION,
        scenario: scenario.name.clone(),
        testbed: "embedded".to_owned(),
        testbed_note: String::new(),
        seed: 5,
        quick: true,
        interrupted: false,
        ended_early: None,
        started_at: "2026-11-23T02:40:11Z".to_owned(),
        provenance: provenance(),
        agents: Vec::new(),
        selftest: None,
        plan: record,
        stopping: None,
        proofs: Vec::new(),
        trials,
        comparisons,
        article: Vec::new(),
        memory: None,
    };
    (run, distributions)
}

/// A whole selftest on such a machine.
pub(crate) fn selftest(machine: Machine) -> SelftestRecord {
    let (run, distributions) = run(machine);
    let same = same_twice(&run.plan, &run.trials, "embedded");
    let mut rng = Seed(6).rng("selftests made up");
    let pacing_of = |arrivals: Arrivals, rng: &mut ChaCha8Rng| {
        pacing(&stamped(arrivals, stamps(arrivals, 4000, rng), 15)).expect("enough arrivals")
    };
    // Two stalls of 200 ms in 4 s at 1000/s, and 50 connections that each meet them once.
    let waits = |length: u64, every: u64| (0..4000).map(move |i| length.saturating_sub(i % every));
    let open = histogram(waits(200, 2000).map(|ms| ms * 1_000_000 + 100_000));
    let closed = histogram((0..100_000_u64).map(|i| if i < 100 { 200_000_000 } else { 80_000 }));
    let stalled = [trial(1, "stalling", of_histogram(&open), false)];
    let spans = [200, 2000].map(std::time::Duration::from_millis);
    let mut record = SelftestRecord {
        schema_version: SELFTEST_SCHEMA_VERSION,
        started_at: run.started_at.clone(),
        testbed: "embedded".to_owned(),
        quick: true,
        interrupted: false,
        complete: true,
        seed: 5,
        provenance: provenance(),
        planted: planted(&scenario(), &run, &distributions),
        stall: Some(stall((spans[0], spans[1]), 1000.0, &stalled, (50, &of_histogram(&closed)))),
        pacing: vec![
            pacing_of(Arrivals::Constant, &mut rng),
            pacing_of(Arrivals::Poisson, &mut rng),
        ],
        cost: Some(CostPart {
            cpu_us_per_request: 3.1,
            rate_reached: 120_000.0,
            floor_us: of_histogram(&histogram([30_000; 4000])),
            smallest_overhead_us: 50.0,
            share_percent: 6.2,
        }),
        resolution: same.iter().flat_map(|same| resolution(same, 4.4)).collect(),
        same_twice: same,
        outcome: Outcome::default(),
    };
    record.outcome = outcome(&record, &run.trials);
    record
}

/// A span in nanoseconds as the figures have it.
pub(crate) fn us(nanos: u64) -> f64 {
    micros(nanos)
}
