//! What rendering costs: it happens once a run, and must not be what a person waits for.

#[path = "../tests/report_support/mod.rs"]
mod report_support;

use bench::report::model::Report;
use bench::report::{charts, markdown, page};
use criterion::{Criterion, criterion_group, criterion_main};
use report_support::{golden, run};

fn rendering(criterion: &mut Criterion) {
    let run = run(&golden());
    let latencies = run.latencies();
    let report = Report::of(&run.record, &latencies);
    criterion.bench_function("report: model", |bencher| {
        bencher.iter(|| Report::of(&run.record, &latencies));
    });
    criterion.bench_function("report: markdown", |bencher| {
        bencher.iter(|| markdown::render(&report));
    });
    criterion.bench_function("report: page", |bencher| {
        bencher.iter(|| page::render(&report));
    });
    criterion.bench_function("report: charts as SVG", |bencher| {
        bencher.iter(|| charts::all(&report));
    });
    let chart = charts::all(&report).swap_remove(1);
    criterion.bench_function("report: one chart as PNG", |bencher| {
        bencher.iter(|| charts::png(&chart.svg));
    });
}

criterion_group!(benches, rendering);
criterion_main!(benches);
