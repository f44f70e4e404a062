//! How much memory a validation takes, by the allocator's count and not by the machine's: the same
//! figure every time.

mod common;

use allocation_counter::measure;
use common::{Form, cluster};
use policy::validate::{Settings, validate};

/// 10 000 objects of 5 kB have 50 MB, and 500 MB are ten times as much. The text itself is one part
/// of those, and four are left for policies of one kind only and for what is printed.
const PEAK_BYTES_A_BYTE: f64 = 5.0;

fn peak_bytes_a_byte(text: &str) -> f64 {
    let mut objects = 0;
    let counted = measure(|| {
        let report = validate(&[("all.yaml", text)], &Settings::default());
        assert!(report.mistakes.is_empty(), "{:?}", report.mistakes);
        objects = report.objects;
    });
    assert!(objects > 0);
    counted.bytes_max as f64 / text.len() as f64
}

#[test]
fn memory_grows_with_the_text_by_a_small_factor() {
    // The tables of fields, which are read once, are no part of what a text takes.
    let _ = peak_bytes_a_byte(&cluster(5, Form::Documents));
    for form in [Form::Documents, Form::List] {
        let (few, many) = (cluster(100, form), cluster(1000, form));
        let (few, many) = (peak_bytes_a_byte(&few), peak_bytes_a_byte(&many));
        println!("{form:?}: {few:.2} bytes a byte of 100 objects, {many:.2} of 1000");
        assert!(many < PEAK_BYTES_A_BYTE, "{form:?}: {many}");
    }
}

#[test]
fn one_document_of_countless_values_is_an_error_in_bounded_memory() {
    for text in [
        format!("a: [{}]", "1,".repeat(8 << 20)),
        format!("items: [{}]", "[1,1,1],".repeat(2 << 20)),
        "- \n".repeat(4 << 20),
    ] {
        let counted = measure(|| {
            let report = validate(&[("a.yaml", &text)], &Settings::default());
            assert_eq!(report.objects, 0);
        });
        assert!(counted.bytes_max < 200 << 20, "{} bytes", counted.bytes_max);
    }
}
