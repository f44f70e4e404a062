//! 10 000 objects in one file of about 45 MB: validated, and beside it what reading the YAML alone
//! takes, so that the ratio is known.

#[path = "../tests/common/mod.rs"]
mod common;

use std::hint::black_box;

use common::{Form, cluster};
use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use policy::source::{Limits, Mistakes, each_piece};
use policy::validate::{Settings, validate};
use saphyr_parser::Parser;

const OBJECTS: usize = 10_000;

fn ten_thousand_objects(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("10_000_objects");
    group.sample_size(10);
    for form in [Form::Documents, Form::List] {
        let text = cluster(OBJECTS, form);
        group.throughput(Throughput::Bytes(text.len() as u64));
        group.bench_function(format!("{form:?}/parser_only"), |bencher| {
            bencher.iter(|| Parser::new_from_str(black_box(&text)).filter(Result::is_ok).count());
        });
        group.bench_function(format!("{form:?}/yaml_only"), |bencher| {
            bencher.iter(|| {
                let mut pieces = 0_usize;
                let mut mistakes = Mistakes::new("all.yaml");
                let text = black_box(&text);
                each_piece(Limits::MANIFESTS, text, &mut mistakes, &mut |_| pieces += 1)
                    .expect("YAML");
                pieces
            });
        });
        group.bench_function(format!("{form:?}/validate"), |bencher| {
            bencher.iter(|| {
                let report = validate(&[("all.yaml", black_box(&text))], &Settings::default());
                assert_eq!(report.objects, OBJECTS);
                report
            });
        });
    }
    group.finish();
}

criterion_group!(benches, ten_thousand_objects);
criterion_main!(benches);
