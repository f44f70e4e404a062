//! Runs at the edges of what a report must bear, each rendered in every format.

#[path = "report_support/gallery.rs"]
mod made_up;
mod report_support;

use std::fs;
use std::path::Path;

use bench::report::model::Report;
use bench::report::terminal::Style;
use bench::report::{charts, markdown, page, terminal};
use made_up::{gallery, nothing_admitted};
use report_support::{Run, golden, run};

fn report(run: &Run) -> Report {
    Report::of(&run.record, &run.latencies())
}

#[test]
fn every_run_renders_in_every_format() {
    for (name, run) in gallery() {
        let report = report(&run);
        let markdown = markdown::render(&report);
        let page = page::render(&report);
        let plain = terminal::render(&report, Style::Plain, &["results/here".to_owned()]);
        for line in plain.lines() {
            assert!(line.chars().count() <= 100, "{name}: {line}");
        }
        for text in [&markdown, &page, &plain] {
            assert!(!text.contains("NaN") && !text.contains("inf "), "{name}: {text}");
            assert!(!text.to_lowercase().contains("no difference"), "{name}: {text}");
        }
        for chart in charts::all(&report) {
            let png = charts::png(&chart.svg).unwrap();
            assert!(png.starts_with(b"\x89PNG"), "{name} {}", chart.name);
        }
    }
}

#[test]
fn what_is_left_out_is_told_by_reason_with_the_trials_that_it_is_of() {
    let markdown = markdown::render(&report(&run(&golden())));
    for row in [
        "| generator late | p99 | 1 | 5 |",
        "| time stolen | p99 | 1 | 23 |",
        "| drifting | all | 1 | 14 |",
    ] {
        assert!(markdown.lines().any(|line| line == row), "{row}");
    }
    assert!(markdown.contains("Of 31 admitted trials, p99 of 2 are left out"));
}

#[test]
fn a_chart_marks_the_figures_that_are_left_out_of_a_trial_that_counts() {
    let report = report(&run(&golden()));
    let left_out = |reading: Option<bench::report::model::Reading>| reading.unwrap().left_out;
    let of = |at: usize| &report.timeline[at - 1];
    assert!(!left_out(of(5).p50) && left_out(of(5).p99) && of(5).admitted);
    assert!(left_out(of(14).p50) && left_out(of(14).p99) && !of(14).admitted);
    let trials = charts::all(&report).into_iter().find(|chart| chart.name == "trials").unwrap();
    assert!(trials.svg.contains("left out: the machine was busy"));
}

#[test]
fn a_build_without_optimisation_is_never_called_a_measurement() {
    let report = report(&nothing_admitted());
    let words = "NOT A MEASUREMENT";
    let markdown = markdown::render(&report);
    for line in markdown.lines().filter(|line| line.starts_with('#')) {
        assert!(line.contains(words), "{line}");
    }
    let page = page::render(&report);
    for heading in page.split("<h1>").skip(1).chain(page.split("<h2").skip(1)) {
        assert!(heading.split("</h").next().unwrap().contains(words), "{heading:.200}");
    }
    assert!(report.answer.starts_with(words));
    assert!(terminal::render(&report, Style::Plain, &[]).starts_with(words));
    for chart in charts::all(&report) {
        assert!(chart.svg.contains(words), "{}", chart.name);
    }
}

#[test]
fn colour_changes_no_character() {
    let report = report(&run(&golden()));
    let plain = terminal::render(&report, Style::Plain, &[]);
    let ansi = terminal::render(&report, Style::Ansi, &[]);
    assert!(!plain.contains('\u{1b}'));
    let mut stripped = String::new();
    let mut rest = ansi.as_str();
    while let Some((before, after)) = rest.split_once('\u{1b}') {
        stripped.push_str(before);
        rest = after.split_once('m').unwrap().1;
    }
    stripped.push_str(rest);
    let trim = |text: &str| text.lines().map(|l| l.trim_end().to_owned()).collect::<Vec<_>>();
    assert_eq!(trim(&stripped), trim(&plain));
}

#[test]
#[ignore = "writes the gallery below target/ for a person to look at"]
fn write_the_gallery() {
    for (name, run) in gallery() {
        let report = report(&run);
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("gallery").join(name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("report.md"), markdown::render(&report)).unwrap();
        fs::write(folder.join("report.html"), page::render(&report)).unwrap();
        let text = terminal::render(&report, Style::Plain, &["results/here".to_owned()]);
        fs::write(folder.join("report.txt"), text).unwrap();
        for chart in charts::all(&report) {
            fs::write(folder.join(format!("{}.svg", chart.name)), &chart.svg).unwrap();
            let png = charts::png(&chart.svg).unwrap();
            fs::write(folder.join(format!("{}.png", chart.name)), png).unwrap();
        }
    }
}
