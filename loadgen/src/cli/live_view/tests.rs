//! What a person would see at a moment of a made-up drive. The frames are kept as snapshots:
//! `INSTA_UPDATE=always cargo test -p loadgen live_view`, and look at what changed.

use std::time::Duration;

use bench::report::terminal::Style;
use ratatui_core::buffer::Buffer;

use super::draw::{HEIGHT, draw};
use super::history::History;
use super::paint::frame;
use super::snapshot::{Phase, Snapshot};
use crate::drive::measured::Asked;
use crate::live::{LiveCounts, LiveView};

fn asked(rate: Option<f64>) -> Asked {
    Asked {
        url: "http://127.0.0.1:8080/echo?size=1k".to_owned(),
        rate,
        arrivals: "constant".to_owned(),
        duration: Duration::from_secs(120),
        warm_up: Duration::from_secs(2),
        connections: 50,
        streams: 1,
        workers: 2,
        max_in_flight: 10_000,
        timeout: Duration::from_secs(5),
        seed: 42,
        pacing: "sleeps".to_owned(),
        spins: false,
        connection_mode: "keep-alive".to_owned(),
        keep_alive: true,
        resumption: false,
        insecure: false,
        client_certificate: false,
        method: "GET".to_owned(),
    }
}

/// 1000 requests a second by two workers, looked at five times a second, for so many looks. Answers
/// take from 400 µs to 800 µs, every fiftieth ten times as long in the third of each four seconds.
fn drive(looks: u32, trouble: bool) -> Snapshot {
    let live = LiveView::default();
    let writers = [live.writer(), live.writer()];
    let mut history = History::new(&asked(Some(1000.0)));
    let mut snapshot = history.look(Duration::ZERO, live.read());
    for look in 1..=looks {
        for request in 0..200_u32 {
            let writer = &writers[usize::from(request % 2 == 1)];
            writer.due();
            let slow = request % 50 == 7 && look / 5 % 4 == 2;
            let nanos = 400_000 + u64::from(request) * 2_000;
            match request {
                50 if trouble => writer.failed(),
                51 if trouble => writer.timed_out(),
                52 if trouble => writer.shed(),
                53 => {} // Stays in flight.
                _ => writer.answered(if slow { nanos * 10 } else { nanos }),
            }
        }
        snapshot = history.look(Duration::from_millis(200) * look, live.read());
    }
    snapshot
}

fn shown(buffer: &Buffer) -> String {
    let rows = (0..buffer.area.height).map(|y| {
        let row: String = (0..buffer.area.width).map(|x| buffer[(x, y)].symbol()).collect();
        format!("│{row}│\n")
    });
    rows.collect()
}

#[test]
fn nothing_yet() {
    let snapshot = drive(0, false);
    assert_eq!(snapshot.phase, Phase::Waiting);
    insta::assert_snapshot!(shown(&draw(&snapshot, 79)));
}

#[test]
fn a_narrow_window() {
    insta::assert_snapshot!(shown(&draw(&drive(203, false), 60)));
}

#[test]
fn a_wide_window_with_errors() {
    insta::assert_snapshot!(shown(&draw(&drive(203, true), 119)));
}

#[test]
fn a_closed_loop_has_no_rate_that_was_asked_for() {
    let snapshot = History::new(&asked(None)).look(Duration::ZERO, LiveCounts::default());
    assert!(shown(&draw(&snapshot, 79)).contains("as fast as answers come"));
}

#[test]
fn every_width_has_a_frame_that_fits() {
    let snapshots = [drive(0, false), drive(4, true), drive(203, true)];
    for columns in (0..220).chain([u16::MAX]) {
        for snapshot in &snapshots {
            let buffer = draw(snapshot, columns);
            assert_eq!((buffer.area.width, buffer.area.height), (columns.min(160), HEIGHT));
        }
    }
}

#[test]
fn without_colour_nothing_is_coloured() {
    let buffer = draw(&drive(203, true), 119);
    assert!(!frame(&buffer, HEIGHT, Style::Plain).contains("\x1b[3"));
    assert!(frame(&buffer, HEIGHT, Style::Ansi).contains("\x1b[31m"));
}

#[test]
fn the_warm_up_is_in_no_figure_so_far() {
    let warming = drive(5, false);
    assert!(matches!(warming.phase, Phase::WarmingUp { .. }));
    // The first look that saw a request was at 200 ms, so the warm-up ended at 2.2 s.
    let measuring = drive(21, false);
    assert!(matches!(measuring.phase, Phase::Measuring { .. }));
    assert_eq!(measuring.so_far.due, 10 * 200);
    assert_eq!(measuring.in_flight, 21);
}

#[test]
fn rates_are_of_the_last_second_and_seconds_are_kept_for_a_minute() {
    assert_eq!(drive(5, false).last_second, None);
    let snapshot = drive(700, true);
    let spell = snapshot.last_second.expect("more than a second");
    assert_eq!(spell.length, Duration::from_secs(1));
    assert_eq!((spell.counts.due, spell.counts.answered(), spell.counts.lost()), (1000, 980, 15));
    assert!((spell.due_rate() - 1000.0).abs() < 1e-9);
    assert_eq!(snapshot.last_minute.len(), 60);
    assert_eq!(snapshot.phase, Phase::Draining);
}
