//! The text for people: looked at, never too wide, and the same with colour as without.

use bench::report::terminal::Style;
use loadgen::drive::gate::{Gate, Judged};
use loadgen::drive::measured::Measured;
use loadgen::drive::save::Outcome;
use loadgen::drive::text::render;
use loadgen::drive::validity::Validity;

use crate::made;

fn text(measured: &Measured, gates: &[Judged], style: Style) -> String {
    let validity = Validity::of(measured);
    render(&Outcome { measured, validity: &validity, gates }, style)
}

fn gates(measured: &Measured) -> Vec<Judged> {
    ["p99>3ms", "p99.9>400us", "p99.99>5ms"]
        .iter()
        .map(|gate| Gate::parse(gate).unwrap().judge(measured))
        .collect()
}

#[test]
fn every_kind_of_drive_reads_well() {
    for (name, measured) in made::all() {
        let gates = if name == "normal" { gates(&measured) } else { Vec::new() };
        insta::assert_snapshot!(format!("text_{name}"), text(&measured, &gates, Style::Plain));
    }
}

/// A drive with everything that could make a line long.
fn sprawling() -> Measured {
    let mut measured = made::tls();
    measured.kinds = made::kinds().kinds;
    measured.kinds[0].name = "a kind with quite a long name \u{1b}[31m that goes on".to_owned();
    measured.asked.url = format!("https://example.test/{}", "segment/".repeat(40));
    measured.addresses = (0..40).map(|last| format!("192.0.2.{last}:443")).collect();
    measured.client.remarks = vec!["a remark of many words ".repeat(12)];
    measured.client.shares_core = true;
    for status in 200..260 {
        measured.counts.by_status.insert(status, 123_456);
    }
    measured
}

#[test]
fn no_line_is_wider_than_the_terminal_and_nothing_typed_moves_the_cursor() {
    let mut drives = made::all();
    drives.push(("sprawling", sprawling()));
    for (name, measured) in drives {
        let plain = text(&measured, &gates(&measured), Style::Plain);
        for line in plain.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
            assert!(!line.contains('\u{1b}') && line == line.trim_end(), "{name}: {line:?}");
        }
    }
}

/// Without escapes.
fn bare(text: &str) -> String {
    let mut parts = text.split("\u{1b}[");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |text, part| text + part.split_once('m').map_or("", |(_, rest)| rest))
}

#[test]
fn colour_changes_nothing_but_colour() {
    for (name, measured) in made::all() {
        let coloured = text(&measured, &gates(&measured), Style::Ansi);
        assert!(coloured.contains("\u{1b}["), "{name}");
        let bare: Vec<String> =
            bare(&coloured).lines().map(|line| line.trim_end().to_owned()).collect();
        let plain = text(&measured, &gates(&measured), Style::Plain);
        assert_eq!(bare, plain.lines().collect::<Vec<_>>(), "{name}");
    }
}
