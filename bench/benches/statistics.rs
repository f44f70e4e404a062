//! What the analysis of a run costs: six comparisons of seven variants over 30 blocks. The
//! bootstrap is nearly all of it.

#[path = "../tests/statistics/support.rs"]
mod support;

use bench::analysis::analyse;
use bench::plan::Seed;
use criterion::{Criterion, criterion_group, criterion_main};

fn analysis(criterion: &mut Criterion) {
    let variants = ["none", "plain", "strict", "l4", "l7", "both", "plain#2"];
    let mut plan = support::plan("plain");
    plan.comparisons = variants[1..]
        .iter()
        .map(|candidate| support::comparison(&format!("of-{candidate}"), candidate, "none"))
        .collect();
    let mut trials = Vec::new();
    for block in 1..=30 {
        for (place, variant) in (1..).zip(variants) {
            // As good as random: neighbours differ, and no two trials are alike.
            let factor = 1.0 + f64::from(block * 37 * place % 101) / 1000.0;
            trials.push(support::trial(
                block,
                variant,
                [500.0, 800.0, 2000.0, 5000.0].map(|us| us * factor),
            ));
        }
    }
    criterion.bench_function("analyse 6 comparisons over 30 blocks", |bencher| {
        bencher.iter(|| analyse(&plan, &trials, Seed(7), "embedded"));
    });
}

criterion_group!(benches, analysis);
criterion_main!(benches);
