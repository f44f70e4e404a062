//! Runs at the edges of what a report must bear.
#![expect(unreachable_pub, reason = "shared by several test files")]

use bench::quantile::Quantile;
use bench::record::{Estimate, Verdict};

use crate::report_support::{LATE, Recipe, Run, STOLEN, golden, made, run};

fn long_names() -> Run {
    let variants = vec![
        made("no-proxy", "No proxy at all, straight to the origin", 40.0, 0.2),
        made("sidecar-plaintext@istio-1.24", "Sidecars in plaintext, Istio 1.24", 900.0, 0.3),
        made("sidecar-plaintext@istio-1.25", "Sidecars in plaintext, Istio 1.25", 880.0, 0.3),
        made("strict-mutual-tls@istio-1.24", "Strict mutual TLS, Istio 1.24", 1400.0, 0.3),
        made("strict-mutual-tls@istio-1.25", "Strict mutual TLS, Istio 1.25", 1300.0, 0.3),
        made("strict-and-layer-7-policy@istio-1.25", "Strict and L7 policy", 2600.0, 0.4),
        made("cilium-layer-7-policy@cilium-1.16", "L7 policy in Cilium 1.16", 9000.0, 0.5),
        made("ambient-waypoint@istio-1.25", "Ambient mesh with a waypoint proxy", 1_900_000.0, 0.4),
        made("sidecar-plaintext@istio-1.25#2", "The same once more", 880.0, 0.3),
    ];
    let base = "sidecar-plaintext@istio-1.25";
    run(&Recipe {
        blocks: 12,
        requests: 4000,
        comparisons: vec![
            ("mtls-overhead", "strict-mutual-tls@istio-1.25", base),
            ("layer-7-policy", "strict-and-layer-7-policy@istio-1.25", base),
            ("cilium-against-istio", "cilium-layer-7-policy@cilium-1.16", base),
            ("no-proxy-against-sidecars", "no-proxy", base),
            ("waypoint", "ambient-waypoint@istio-1.25", base),
            ("istio-1.24-against-1.25", "sidecar-plaintext@istio-1.24", base),
            ("a-a", "sidecar-plaintext@istio-1.25#2", base),
        ],
        rejected: vec![(2, 3, "drifting"), (2, 4, "generator late"), (9, 1, "time stolen")],
        spoiled: Vec::new(),
        unanswered: 0,
        variants,
    })
}

fn interrupted() -> Run {
    let mut run = run(&Recipe { blocks: 1, ..golden() });
    run.record.plan.blocks = 8;
    run.record.interrupted = true;
    run.record.quick = true;
    run.record.ended_early = Some("Ctrl-C".to_owned());
    run
}

pub fn nothing_admitted() -> Run {
    let rejected =
        (1..=8).flat_map(|block| (1..=4).map(move |at| (block, at, "no posture"))).collect();
    let mut run = run(&Recipe { rejected, ..golden() });
    run.record.provenance.opt_level = "0".to_owned();
    run.record.provenance.placement.shared = true;
    run
}

fn one_variant() -> Run {
    let variants = golden().variants[1..2].to_vec();
    let none = Vec::new();
    run(&Recipe { variants, comparisons: Vec::new(), rejected: none, ..golden() })
}

fn faster_and_timed_out() -> Run {
    let mut recipe = golden();
    recipe.comparisons.swap(0, 1);
    recipe.comparisons[0] = ("without-sidecars", "no-proxy", "plaintext");
    recipe.unanswered = 60;
    recipe.requests = 4000;
    run(&recipe)
}

/// A machine so busy that most trials have no p99 and hardly one a p99.9.
fn busy() -> Run {
    let places = (1..=12).flat_map(|block| (1..=4).map(move |at| (block, at)));
    let spoiled = places.filter_map(|(block, at)| match (7 * block + 3 * at) % 10 {
        0..5 => Some((block, at, Quantile::P99, LATE)),
        5..9 => Some((block, at, Quantile::P999, STOLEN)),
        _ => None,
    });
    let rejected = vec![
        (3, 1, "generator late: 7.34 % of the requests by more than 500 µs, 5 % is allowed"),
        (3, 2, "drifting: the median went from 153 µs to 225 µs, 20 % is allowed"),
    ];
    run(&Recipe { blocks: 12, requests: 5000, spoiled: spoiled.collect(), rejected, ..golden() })
}

fn noisy() -> Run {
    let mut run = run(&golden());
    for row in run.record.comparisons.iter_mut().filter(|row| row.name == "a-a") {
        row.overhead_us = Some(Estimate { point: 55.0, low: 31.0, high: 90.0, confidence: 0.969 });
        row.verdict = Verdict::Slower;
    }
    run
}

fn nothing_at_all() -> Run {
    let mut run = run(&Recipe { blocks: 0, ..golden() });
    run.record.comparisons.clear();
    run.record.article.clear();
    run.record.proofs.clear();
    run
}

/// Each with a name.
pub fn gallery() -> Vec<(&'static str, Run)> {
    vec![
        ("golden", run(&golden())),
        ("long-names", long_names()),
        ("interrupted", interrupted()),
        ("nothing-admitted", nothing_admitted()),
        ("one-variant", one_variant()),
        ("faster-and-timed-out", faster_and_timed_out()),
        ("noisy", noisy()),
        ("busy", busy()),
        ("nothing-at-all", nothing_at_all()),
    ]
}
