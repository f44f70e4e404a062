//! Runs made up for the tests of the report, from a seed and nothing else.
#![expect(unreachable_pub, reason = "shared by several test files")]
#![expect(clippy::cast_precision_loss, reason = "small numbers")]

use std::collections::BTreeMap;

use bench::analysis::pooled;
use bench::plan::Seed;
use bench::quantile::Quantile;
use bench::record::{
    ArticleClaimRecord, ArticleRow, ClaimVerdict, ComparisonRow, ComparisonSpecRecord, Estimate,
    GatesRecord, LoadRecord, MarginRecord, Placement, PlanRecord, Provenance, RunRecord,
    SCHEMA_VERSION, Subject, Summary, TrialRow, VariantRecord, Verdict,
};
use bench::results::histogram_file;
use bench::seams::{Probe, Proof, WorkSeen};
use bench::trial::{Bounded, GeneratorReport, Latencies, OutcomeCounts, Slice, TrialRecord};
use rand::Rng;
use rand_chacha::ChaCha8Rng;
use scenarios::variant::VariantName;

/// A variant: its median in microseconds, the spread of its logarithm and its title.
#[derive(Clone, Copy)]
pub struct Made {
    pub name: &'static str,
    pub title: &'static str,
    pub median_us: f64,
    pub spread: f64,
}

/// What a run is made of.
#[derive(Clone)]
pub struct Recipe {
    pub blocks: u32,
    pub requests: u64,
    pub variants: Vec<Made>,
    /// Name, candidate, baseline.
    pub comparisons: Vec<(&'static str, &'static str, &'static str)>,
    /// Block and position of the trials that are rejected, with the reason.
    pub rejected: Vec<(u32, u32, &'static str)>,
    /// Block and position of the trials that a busy machine spoilt, with the lowest quantile that it
    /// reached and the reason.
    pub spoiled: Vec<(u32, u32, Quantile, &'static str)>,
    /// Requests of each trial that get no answer.
    pub unanswered: u64,
}

/// As `bench::admit` words it.
pub const LATE: &str =
    "generator late: 1.12 % of the requests by more than 500 µs, 0.25 % is allowed";
pub const STOLEN: &str = "time stolen: 3.15 % by the hypervisor, 1 % is allowed";

pub const fn made(name: &'static str, title: &'static str, median_us: f64, spread: f64) -> Made {
    Made { name, title, median_us, spread }
}

/// The scenario of the golden report.
pub fn golden() -> Recipe {
    Recipe {
        blocks: 8,
        requests: 800,
        variants: vec![
            made("no-proxy", "No proxy", 130.0, 0.22),
            made("plaintext", "Sidecars without mTLS", 412.0, 0.25),
            made("strict", "Strict mTLS", 497.0, 0.25),
            made("plaintext#2", "Sidecars without mTLS, again", 412.0, 0.25),
        ],
        comparisons: vec![
            ("mtls-overhead", "strict", "plaintext"),
            ("sidecar-overhead", "plaintext", "no-proxy"),
            ("a-a", "plaintext#2", "plaintext"),
        ],
        rejected: vec![(4, 2, "drifting: the median rose by 31 % over the window, allowed 20 %")],
        spoiled: vec![(2, 1, Quantile::P99, LATE), (6, 3, Quantile::P99, STOLEN)],
        unanswered: 0,
    }
}

/// A finished run with its trials, in time order.
pub struct Run {
    pub record: RunRecord,
    pub trials: Vec<TrialRecord>,
}

impl Run {
    /// As `RunFolder::load` brings them back.
    pub fn latencies(&self) -> BTreeMap<String, Latencies> {
        let mut merged: BTreeMap<String, Latencies> = BTreeMap::new();
        for (row, trial) in self.record.trials.iter().zip(&self.trials) {
            let pool = pooled(&self.record.trials, &row.variant);
            if pool.is_some_and(|pool| pool.trials.contains(&row)) {
                let into = merged.entry(row.variant.clone()).or_default();
                into.response_time.merge(&trial.latencies.response_time);
                into.service_time.merge(&trial.latencies.service_time);
                into.send_lag.merge(&trial.latencies.send_lag);
                into.pacing_lag.merge(&trial.latencies.pacing_lag);
                into.censored.merge(&trial.latencies.censored);
            }
        }
        merged
    }
}

pub fn run(recipe: &Recipe) -> Run {
    let mut rng = Seed(42).rng("a made-up run");
    let mut trials = Vec::new();
    let mut rows = Vec::new();
    for block in 1..=recipe.blocks {
        // A different order in each block, without drawing it.
        let mut order: Vec<usize> = (0..recipe.variants.len()).collect();
        let turn = block as usize % order.len().max(1);
        order.rotate_left(turn);
        let drift = 1.0 + 0.04 * unit(&mut rng);
        for (position, index) in (1..).zip(order) {
            let trial = trial((block, position), &recipe.variants[index], recipe, drift, &mut rng);
            let why = recipe.rejected.iter().find(|(b, p, _)| (*b, *p) == (block, position));
            let mut row = row(&trial, why.map(|(_, _, why)| (*why).to_owned()));
            let spoilt = recipe.spoiled.iter().filter(|(b, p, ..)| (*b, *p) == (block, position));
            for (_, _, lowest, why) in spoilt {
                let measured = |quantile: &Quantile| recipe.requests >= quantile.samples_needed();
                let reached = Quantile::ALL.into_iter().filter(|quantile| quantile >= lowest);
                row.spoiled.extend(reached.filter(measured).map(|at| (at, (*why).to_owned())));
            }
            rows.push(row);
            trials.push(trial);
        }
    }
    let comparisons = recipe
        .comparisons
        .iter()
        .flat_map(|spec| Quantile::ALL.map(|quantile| comparison(spec, quantile, &rows)))
        .collect();
    Run { record: record(recipe, rows, comparisons), trials }
}

fn unit(rng: &mut ChaCha8Rng) -> f64 {
    (rng.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
}

/// Nanoseconds, log-normal with one request in fifty slow.
fn nanos(made: &Made, drift: f64, rng: &mut ChaCha8Rng) -> u64 {
    let normal: f64 = (0..12).map(|_| unit(rng)).sum::<f64>() - 6.0;
    let slow = if unit(rng) < 0.004 { 2.0 + 2.0 * unit(rng) } else { 1.0 };
    let us = made.median_us * drift * slow * (made.spread * normal).exp();
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "small, positive")]
    {
        (us * 1000.0) as u64
    }
}

fn trial(
    (block, position): (u32, u32),
    made: &Made,
    recipe: &Recipe,
    drift: f64,
    rng: &mut ChaCha8Rng,
) -> TrialRecord {
    let mut latencies = Latencies::default();
    for _ in 0..recipe.requests - recipe.unanswered {
        // Whole microseconds of lag keep the committed logs small.
        let pacing = 2_000 + 1_000 * (rng.next_u64() % 6);
        let lag = pacing + if unit(rng) < 0.1 { 20_000 } else { 0 };
        let service = nanos(made, drift, rng);
        latencies.pacing_lag.record(pacing);
        latencies.send_lag.record(lag);
        latencies.service_time.record(service);
        latencies.response_time.record(lag + service);
    }
    for _ in 0..recipe.unanswered {
        latencies.pacing_lag.record(2_000);
        latencies.send_lag.record(2_000);
        latencies.censored.record(2_000_000_000);
    }
    let completed = recipe.requests - recipe.unanswered;
    TrialRecord {
        block,
        position,
        variant: VariantName(made.name.to_owned()),
        counts: OutcomeCounts {
            offered: recipe.requests,
            completed,
            timed_out: recipe.unanswered,
            by_status: BTreeMap::from([(200, completed)]),
            ..OutcomeCounts::default()
        },
        latencies,
        slices: vec![Slice { count: completed / 10, response_time_p50_us: made.median_us }; 10],
        generator: GeneratorReport {
            connections_opened: 8,
            connection_setup_max_us: 1250.0,
            warm_up_requests: 100,
            warm_up_answers: 100,
            warm_up_denied: 0,
            cpu_percent: 12.5,
            steal_percent: 0.25,
            in_flight_max: 4,
            bytes_received: completed * 212,
            stopped_early: false,
            window_s: 0.5,
            ..GeneratorReport::default()
        },
    }
}

fn row(trial: &TrialRecord, rejected: Option<String>) -> TrialRow {
    let mtls = trial.variant.as_str().contains("strict");
    let latencies = &trial.latencies;
    TrialRow {
        block: trial.block,
        position: trial.position,
        variant: trial.variant.to_string(),
        admitted: rejected.is_none(),
        rejected,
        spoiled: BTreeMap::new(),
        offered: trial.counts.offered,
        completed: trial.counts.completed,
        failed: trial.counts.failed,
        timed_out: trial.counts.timed_out,
        shed: trial.counts.shed,
        offered_rps: trial.counts.offered as f64 / 0.5,
        achieved_rps: trial.counts.completed as f64 / 0.5,
        response_time_us: response(latencies),
        service_time_us: summary(&latencies.service_time),
        send_lag_us: summary(&latencies.send_lag),
        pacing_lag_us: summary(&latencies.pacing_lag),
        denied: 0,
        denied_time_us: None,
        outcomes: trial.counts.clone(),
        slices: trial.slices.clone(),
        generator: trial.generator.clone(),
        work: WorkSeen {
            requests_at_origin: trial.counts.completed + 100,
            handshakes_full: if mtls { 8 } else { 0 },
            handshakes_resumed: 0,
            peers: if mtls { vec![PEER.to_owned()] } else { Vec::new() },
            hops: Vec::new(),
            requests_allowed: None,
            requests_denied: None,
        },
        histograms: histogram_file(trial.block, trial.position, trial.variant.as_str()),
    }
}

const PEER: &str = "spiffe://cluster.local/ns/prod/sa/client";

fn us(ns: u64) -> f64 {
    ns as f64 / 1000.0
}

fn summary(histogram: &bench::histogram::Histogram) -> Summary {
    let count = histogram.count();
    let at = |quantile: Quantile| {
        (count >= quantile.samples_needed())
            .then(|| histogram.at_quantile(quantile.fraction()).map(us))
            .flatten()
    };
    Summary {
        p50: at(Quantile::P50),
        p90: at(Quantile::P90),
        p99: at(Quantile::P99),
        p999: at(Quantile::P999),
        max: histogram.max().map(us),
        mean: histogram.mean().map(|ns| (ns / 1000.0 * 1000.0).round() / 1000.0),
        count,
        at_least: Vec::new(),
    }
}

fn response(latencies: &Latencies) -> Summary {
    let count = latencies.response_time.count() + latencies.censored.count();
    let mut all = summary(&latencies.response_time);
    let mut at = |quantile: Quantile| {
        if count < quantile.samples_needed() {
            return None;
        }
        match latencies.response_quantile(quantile)? {
            Bounded::Exactly(ns) => Some(us(ns)),
            Bounded::AtLeast(ns) => {
                all.at_least.push(quantile);
                Some(us(ns))
            }
        }
    };
    let [p50, p90, p99, p999] = Quantile::ALL.map(&mut at);
    Summary { p50, p90, p99, p999, count, ..all }
}

/// Paired by block: the median, and all but the extremes' 2 · 0.5ⁿ as the interval.
fn comparison(
    spec: &(&'static str, &'static str, &'static str),
    quantile: Quantile,
    rows: &[TrialRow],
) -> ComparisonRow {
    let (name, candidate, baseline) = *spec;
    let of = |variant: &str, block: u32| {
        let mut found = rows.iter().filter(|row| row.variant == variant && row.block == block);
        found.find(|row| row.admits(quantile))?.response_time_us.exact(quantile)
    };
    let blocks: Vec<u32> = (1..=rows.iter().map(|row| row.block).max().unwrap_or(0)).collect();
    let pairs: Vec<(f64, f64)> = blocks
        .iter()
        .filter_map(|block| Some((of(candidate, *block)?, of(baseline, *block)?)))
        .collect();
    let enough = pairs.len() >= 6;
    let estimate = |values: Vec<f64>| enough.then(|| spread(values)).flatten();
    let overhead_us = estimate(pairs.iter().map(|(c, b)| c - b).collect());
    let baseline_us = spread(pairs.iter().map(|(_, b)| *b).collect()).map(|e| e.point);
    let margin = baseline_us.map(|us| (us * 0.02).max(20.0));
    ComparisonRow {
        name: name.to_owned(),
        candidate: candidate.to_owned(),
        baseline: baseline.to_owned(),
        measure: "response_time".to_owned(),
        quantile,
        candidate_us: spread(pairs.iter().map(|(c, _)| *c).collect()).map(|e| e.point),
        baseline_us,
        overhead_us,
        ratio: estimate(pairs.iter().map(|(c, b)| c / b).collect()),
        bootstrap_us: None,
        p_value: overhead_us.map(sign_test),
        p_holm: overhead_us.map(|estimate| (3.0 * sign_test(estimate)).min(1.0)),
        p_run: overhead_us.map(|estimate| (9.0 * sign_test(estimate)).min(1.0)),
        margin_us: margin,
        verdict: verdict(overhead_us, margin.unwrap_or(0.0)),
        blocks: u32::try_from(pairs.len()).expect("few blocks"),
        remark: remark(pairs.len(), quantile),
    }
}

fn remark(pairs: usize, quantile: Quantile) -> Option<String> {
    match pairs {
        0 => Some(format!(
            "no block has an admitted trial of both with enough samples for {}: {} are needed",
            quantile.label(),
            quantile.samples_needed()
        )),
        1..6 => Some("fewer than 6 blocks give no interval of 95 %".to_owned()),
        6..9 if quantile == Quantile::P99 => {
            Some("9 blocks or more would give a second opinion by bootstrap".to_owned())
        }
        _ => None,
    }
}

fn spread(mut values: Vec<f64>) -> Option<Estimate> {
    values.sort_by(f64::total_cmp);
    let middle = values.len() / 2;
    let upper = *values.get(middle)?;
    let point = if values.len() % 2 == 1 { upper } else { (values[middle - 1] + upper) / 2.0 };
    let confidence = 1.0 - 2.0 * 0.5_f64.powf(values.len() as f64);
    Some(Estimate { point, low: values[0], high: *values.last()?, confidence })
}

/// Exact when all differences have one sign; otherwise only said to decide nothing.
fn sign_test(overhead: Estimate) -> f64 {
    let one_sign = overhead.low > 0.0 || overhead.high < 0.0;
    if one_sign { 1.0 - overhead.confidence } else { 1.0 }
}

fn verdict(overhead: Option<Estimate>, margin: f64) -> Verdict {
    match overhead {
        Some(e) if e.low >= -margin && e.high <= margin => Verdict::Equivalent,
        Some(e) if e.low > 0.0 => Verdict::Slower,
        Some(e) if e.high < 0.0 => Verdict::Faster,
        _ => Verdict::Inconclusive,
    }
}

fn record(recipe: &Recipe, trials: Vec<TrialRow>, comparisons: Vec<ComparisonRow>) -> RunRecord {
    let article = article(&comparisons);
    RunRecord {
        schema_version: SCHEMA_VERSION,
        scenario: "strict-mtls".to_owned(),
        testbed: "embedded".to_owned(),
        testbed_note:
            "The subject is loadgen's own sidecar on this machine. The figures stand for \
                       the cost of mTLS in that sidecar, not for Istio."
                .to_owned(),
        seed: 42,
        quick: false,
        interrupted: false,
        ended_early: None,
        started_at: "2026-11-23T02:40:11Z".to_owned(),
        provenance: provenance(),
        agents: Vec::new(),
        selftest: None,
        plan: plan(recipe),
        stopping: None,
        proofs: proofs(recipe),
        trials,
        comparisons,
        article,
        memory: None,
    }
}

fn provenance() -> Provenance {
    let command = ["target/debug/loadgen", "--scenario", "strict-mtls", "--rate", "1000"];
    Provenance {
        loadgen: "0.1.0".to_owned(),
        git: "0123abc".to_owned(),
        profile: "dev".to_owned(),
        opt_level: "3".to_owned(),
        command: command.map(str::to_owned).to_vec(),
        kernel: "Linux 6.8.0".to_owned(),
        cpu: "Example CPU @ 2.60GHz".to_owned(),
        cores: 4,
        memory_bytes: 16 << 30,
        governor: "none".to_owned(),
        virtual_machine: true,
        placement: Placement { generator: vec![0], subject: vec![2, 3], shared: false },
        subject: Subject {
            name: "loadgen's own sidecar (not Istio)".to_owned(),
            version: "0.1.0".to_owned(),
            tls: Some("TLS 1.3, AES-256-GCM, X25519".to_owned()),
        },
        notes: BTreeMap::from([("Busy neighbours".to_owned(), "not known".to_owned())]),
    }
}

fn plan(recipe: &Recipe) -> PlanRecord {
    let variant = |made: &Made| VariantRecord {
        name: made.name.to_owned(),
        title: made.title.to_owned(),
        proxies: if made.name == "no-proxy" { "none" } else { "sidecars" }.to_owned(),
        policies: if made.name == "strict" {
            vec!["policies/istio/strict.yaml".to_owned()]
        } else {
            Vec::new()
        },
        planted: None,
    };
    let spec = |(name, candidate, baseline): &(&str, &str, &str)| ComparisonSpecRecord {
        name: (*name).to_owned(),
        title: match *name {
            "mtls-overhead" => "Cost of strict mTLS",
            "sidecar-overhead" => "Cost of the sidecars",
            "a-a" => "A/A pair",
            other => other,
        }
        .to_owned(),
        candidate: (*candidate).to_owned(),
        baseline: (*baseline).to_owned(),
    };
    PlanRecord {
        title: "Strict mTLS between two workloads".to_owned(),
        question: "What does strict mTLS add to the response time at p99, next to the same \
                   sidecars without it?"
            .to_owned(),
        scenario_version: 1,
        load: LoadRecord {
            arrivals: "poisson".to_owned(),
            rate: 1000.0,
            connections: 8,
            max_in_flight: 256,
            timeout_s: 2.0,
            warm_up_s: 0.1,
            duration_s: 0.5,
            request: "GET /".to_owned(),
            body_bytes: 0,
            requests: Vec::new(),
        },
        blocks: recipe.blocks,
        precision: None,
        control: "plaintext".to_owned(),
        margin: MarginRecord { percent: 2.0, at_least_us: 20.0 },
        gates: GatesRecord {
            late_us: 500.0,
            late_percent: 50.0,
            rate_error_percent: 1.0,
            errors_percent: 0.1,
            steal_percent: 10.0,
            drift_percent: 20.0,
        },
        variants: recipe.variants.iter().map(variant).collect(),
        comparisons: recipe.comparisons.iter().map(spec).collect(),
        article: vec![ArticleClaimRecord {
            row: "Strict mTLS p99 Latency Overhead".to_owned(),
            column: "Istio 1.25".to_owned(),
            claimed: "1.1ms".to_owned(),
            comparison: Some("mtls-overhead".to_owned()),
            quantile: Some(Quantile::P99),
            mesh: Some("istio-1.25".to_owned()),
            why_not: None,
            beside: None,
        }],
    }
}

fn proofs(recipe: &Recipe) -> Vec<Proof> {
    let probe = |claim: &str, observed: &str| Probe {
        claim: claim.to_owned(),
        observed: observed.to_owned(),
        holds: true,
    };
    let of = |block: u32, made: &Made| {
        let strict = made.name == "strict";
        let plaintext = if strict {
            probe("plaintext is refused", "connection closed without an answer")
        } else {
            probe("plaintext is answered", "200")
        };
        Proof {
            variant: made.name.to_owned(),
            block,
            probes: vec![probe("the caller is answered", "200"), plaintext],
            peer_identity: strict.then(|| PEER.to_owned()),
        }
    };
    (1..=recipe.blocks)
        .flat_map(|block| recipe.variants.iter().map(move |made| of(block, made)))
        .collect()
}

fn article(comparisons: &[ComparisonRow]) -> Vec<ArticleRow> {
    let mesh = "the embedded testbed runs no Istio; run with --testbed kind";
    let kernel = "the cell claims no figure";
    let cells = [
        ("Strict mTLS p99 Latency Overhead", "Istio 1.24", "3.2ms", mesh),
        ("Strict mTLS p99 Latency Overhead", "Istio 1.25", "1.1ms", mesh),
        ("Strict mTLS p99 Latency Overhead", "Cilium 1.16", "N/A (kube-proxy)", kernel),
        ("Strict mTLS p99 Latency Overhead", "Cilium 1.17", "N/A (eBPF)", kernel),
        ("L7 Policy Enforcement p99 Latency", "Istio 1.24", "4.8ms", mesh),
        ("L7 Policy Enforcement p99 Latency", "Istio 1.25", "2.3ms", mesh),
        ("L7 Policy Enforcement p99 Latency", "Cilium 1.16", "4.2ms", mesh),
        ("L7 Policy Enforcement p99 Latency", "Cilium 1.17", "0.8ms", mesh),
    ];
    let mut rows: Vec<ArticleRow> = cells
        .map(|(row, column, claimed, why)| ArticleRow {
            row: row.to_owned(),
            column: column.to_owned(),
            claimed: Some(claimed.to_owned()),
            measured: None,
            measured_memory: None,
            measure: None,
            testbed: "embedded".to_owned(),
            why_not: Some(why.to_owned()),
            verdict: ClaimVerdict::NotMeasured,
        })
        .to_vec();
    let own = comparisons.iter().find(|row| row.quantile == Quantile::P99);
    let measured = own.and_then(|row| row.overhead_us);
    rows.push(ArticleRow {
        row: "Strict mTLS p99 Latency Overhead".to_owned(),
        column: "loadgen's sidecar".to_owned(),
        claimed: None,
        measured,
        measured_memory: None,
        measure: None,
        testbed: "embedded".to_owned(),
        why_not: measured.is_none().then(|| "no estimate in this run".to_owned()),
        verdict: if measured.is_some() { ClaimVerdict::NoClaim } else { ClaimVerdict::NotMeasured },
    });
    rows
}
