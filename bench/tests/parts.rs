//! Parts of a trial, added up: what the coordinator of several generators relies on.

use bench::histogram::Histogram;
use bench::part::TrialPart;
use bench::trial::GeneratorReport;

fn counted(spans: &[u64]) -> Histogram {
    let mut histogram = Histogram::new();
    for nanos in spans {
        histogram.record(*nanos);
    }
    histogram
}

#[test]
fn a_part_read_from_its_document_is_the_part() {
    let mut part = TrialPart::default();
    part.counts.offered = 3;
    part.counts.by_status.insert(200, 3);
    part.latencies.response_time = counted(&[1, 1_000_000, u64::MAX]);
    part.slices = vec![counted(&[7]), Histogram::new()];
    part.generator.cpu_percent = 0.1 + 0.2;
    let document = serde_json::to_string(&part).expect("numbers and texts");
    let read: TrialPart = serde_json::from_str(&document).expect("what was written");
    assert_eq!(read, part);
    assert_eq!(read.latencies.response_time.encode(), part.latencies.response_time.encode());
}

#[test]
fn a_document_with_a_key_too_many_or_a_broken_histogram_is_refused() {
    let document = serde_json::to_value(TrialPart::default()).expect("numbers and texts");
    let mut more = document.clone();
    more["speed"] = 1.into();
    assert!(serde_json::from_value::<TrialPart>(more).is_err());
    for broken in ["", "!", "AAAA"] {
        let mut document = document.clone();
        document["latencies"]["send_lag"] = broken.into();
        assert!(serde_json::from_value::<TrialPart>(document).is_err(), "{broken}");
    }
}

#[test]
fn of_what_can_not_be_added_up_the_worst_is_kept() {
    let part = |cpu_percent, window_s, stopped_early| TrialPart {
        generator: GeneratorReport {
            cpu_percent,
            window_s,
            stopped_early,
            in_flight_max: 2,
            ..GeneratorReport::default()
        },
        ..TrialPart::default()
    };
    let whole = TrialPart::sum(&[part(10.0, 5.0, false), part(30.0, 4.0, true)]).generator;
    assert_eq!((whole.cpu_percent, whole.window_s), (30.0, 5.0));
    assert_eq!((whole.stopped_early, whole.in_flight_max), (true, 4));
}
