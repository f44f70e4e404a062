//! The page says what `report.md` says, word for word, and its figures are those of `run.json`.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod html_support;
#[path = "report_support/gallery.rs"]
mod made_up;
mod report_support;

use bench::report::model::{Report, Section, Table};
use bench::report::{markdown, page};
use html_support::{Read, read};
use made_up::gallery;
use pulldown_cmark::{Options, Parser, html};
use report_support::{Run, golden, run};
use serde_json::Value;

fn report(run: &Run) -> Report {
    Report::of(&run.record, &run.latencies())
}

/// `report.md` as any reader of markdown shows it.
fn read_markdown(report: &Report) -> Read {
    let text = markdown::render(report);
    let mut shown = String::new();
    html::push_html(&mut shown, Parser::new_ext(&text, Options::ENABLE_TABLES));
    read(&shown)
}

/// The blocks of the one that the other lacks, counting how often each is there.
fn lacking(one: &Read, other: &Read) -> Vec<String> {
    let mut left = other.blocks.clone();
    let lacks = |block: &&String| match left.iter().position(|known| known == *block) {
        Some(at) => {
            left.swap_remove(at);
            false
        }
        None => true,
    };
    one.blocks.iter().filter(lacks).cloned().collect()
}

fn assert_same_words(name: &str, report: &Report) {
    let (page, markdown) = (read(&page::render(report)), read_markdown(report));
    assert!(page.mistakes.is_empty(), "{name}: {:?}", page.mistakes);
    assert!(page.blocks.len() > 30, "{name}: {} blocks", page.blocks.len());
    let none: Vec<String> = Vec::new();
    assert_eq!(lacking(&page, &markdown), none, "{name}: only the page says");
    assert_eq!(lacking(&markdown, &page), none, "{name}: only report.md says");
}

#[test]
fn neither_the_page_nor_the_markdown_says_what_the_other_does_not() {
    for (name, run) in gallery() {
        assert_same_words(name, &report(&run));
    }
}

#[test]
fn a_new_section_of_the_model_stands_in_both_by_itself() {
    let mut report = report(&run(&golden()));
    let text = "**Fit** to resolve `25 µs` at p99: a word that no other section has, zyzzyva.";
    let table = Table {
        caption: "What was planted".to_owned(),
        columns: report.by_variant.tables[0].columns[..2].to_vec(),
        rows: vec![vec!["50 µs".to_owned(), "+49.1 µs [+42, +55]".to_owned()]],
    };
    report.sections.insert(
        0,
        Section {
            title: "What this machine can resolve".to_owned(),
            text: vec![text.to_owned(), "- one".to_owned(), "- **two**".to_owned()],
            tables: vec![table],
        },
    );
    assert_same_words("with a new section", &report);
    let page = page::render(&report);
    assert!(page.contains("href=\"#what-this-machine-can-resolve\""));
    assert!(page.contains("zyzzyva") && page.contains("+49.1 µs"));
}

/// `+1.23 ms` in microseconds.
fn microseconds(text: &str) -> f64 {
    let text = text.replace('−', "-");
    let (number, unit) = text.trim().split_once(' ').unwrap_or((&text, ""));
    let sizes = [("µs", 1.0), ("ms", 1e3), ("s", 1e6)];
    let size = sizes.iter().find(|(known, _)| *known == unit).expect("a unit of time").1;
    number.trim_start_matches('+').parse::<f64>().unwrap() * size
}

/// Whether a figure of three digits is that number.
fn assert_shows(shown: &str, exact: &Value) {
    match exact.as_f64() {
        None => assert_eq!(shown, "–"),
        Some(exact) => {
            let shown_us = microseconds(shown);
            let allowed = (exact.abs() * 0.005_1).max(0.000_6);
            assert!((shown_us - exact).abs() <= allowed, "{shown} for {exact}");
        }
    }
}

/// Point, low and high of `+83.2 µs [+70.4, +86.0]`, each with the unit that all have.
fn assert_shows_estimate(shown: &str, exact: &Value) {
    if exact.is_null() {
        assert_eq!(shown, "–");
        return;
    }
    let (point, interval) = shown.split_once(" [").unwrap();
    let unit = point.rsplit(' ').next().unwrap();
    let (low, high) = interval.trim_end_matches(']').split_once(", ").unwrap();
    assert_shows(point, &exact["point"]);
    for (shown, end) in [(low, "low"), (high, "high")] {
        let exact = exact[end].as_f64().unwrap();
        let size = microseconds(&format!("1 {unit}"));
        let shown_us = microseconds(&format!("{shown} {unit}"));
        // In the unit of the largest, a small end has three digits after the point.
        let allowed = (exact.abs() * 0.005_1).max(0.000_6 * size);
        assert!((shown_us - exact).abs() <= allowed, "{shown} {unit} for {exact}");
    }
}

fn golden_document() -> (Read, Value) {
    let run = run(&golden());
    let document = serde_json::to_value(&run.record).unwrap();
    (read(&page::render(&report(&run))), document)
}

#[test]
fn every_comparison_on_the_page_has_the_figures_of_run_json() {
    let (page, document) = golden_document();
    let comparisons = document["comparisons"].as_array().unwrap();
    let starts = page.rows.iter().position(|row| row[0] == "Comparison").unwrap() + 1;
    let mut checked = 0;
    for (row, comparison) in page.rows[starts..].iter().zip(comparisons) {
        // The name stands in the first row of each comparison only.
        let cells = &row[row.len() - 8..];
        let quantile = comparison["quantile"].as_str().unwrap();
        assert_eq!(cells[0].replace('.', ""), quantile);
        assert_shows(&cells[1], &comparison["baseline_us"]);
        assert_shows(&cells[2], &comparison["candidate_us"]);
        assert_shows_estimate(&cells[3], &comparison["overhead_us"]);
        assert!(cells[5].starts_with(comparison["verdict"].as_str().unwrap()), "{row:?}");
        assert_eq!(cells[7], comparison["blocks"].to_string());
        checked += 1;
    }
    assert_eq!(checked, 12);
}

#[test]
fn every_trial_on_the_page_has_the_figures_of_run_json() {
    let (page, document) = golden_document();
    let trials = document["trials"].as_array().unwrap();
    let starts = page.rows.iter().position(|row| row[0] == "Trial").unwrap() + 1;
    for (row, trial) in page.rows[starts..].iter().zip(trials) {
        assert_eq!(row[2], trial["variant"].as_str().unwrap());
        assert_eq!(row[4], trial["offered"].to_string());
        assert_shows(&row[6], &trial["response_time_us"]["p50"]);
        assert_shows(&row[7], &trial["response_time_us"]["p99"]);
        assert_shows(&row[8], &trial["pacing_lag_us"]["p99"]);
        if let Some(why) = trial["rejected"].as_str() {
            assert_eq!(row[10], why);
        }
    }
    assert_eq!(trials.len(), 32);
}

#[test]
fn what_can_be_pointed_at_has_the_figures_of_run_json() {
    let (page, document) = golden_document();
    let charts: Vec<Value> =
        page.data.iter().map(|text| serde_json::from_str(text).unwrap()).collect();
    let [overhead, percentiles, trials] = charts.as_slice() else { panic!("three charts") };
    let estimates = document["comparisons"].as_array().unwrap().iter();
    let mut estimates: Vec<&Value> =
        estimates.filter(|row| !row["overhead_us"].is_null()).collect();
    estimates.sort_by_key(|row| row["quantile"].as_str().unwrap());
    assert_eq!(overhead.as_array().unwrap().len(), estimates.len());
    for (stop, row) in overhead.as_array().unwrap().iter().zip(estimates) {
        assert_shows_estimate(stop["lines"][0]["text"].as_str().unwrap(), &row["overhead_us"]);
    }
    let rows = document["trials"].as_array().unwrap();
    assert_eq!(trials.as_array().unwrap().len(), rows.len());
    for (stop, row) in trials.as_array().unwrap().iter().zip(rows) {
        let line = |at: usize| stop["lines"][at]["text"].as_str().unwrap();
        assert_eq!(line(0), row["variant"].as_str().unwrap());
        assert_shows(line(1).strip_prefix("p50 ").unwrap(), &row["response_time_us"]["p50"]);
        assert_shows(line(2).strip_prefix("p99 ").unwrap(), &row["response_time_us"]["p99"]);
    }
    assert!(percentiles.as_array().unwrap().len() > 50);
}

#[test]
fn the_page_asks_nothing_of_a_network_and_lets_no_other_script_run() {
    let page = page::render(&report(&run(&golden())));
    for wanted in ["http:", "https:", "url(", "@import", "src=", "eval(", "style=\"", " onclick"] {
        // The policy names what it forbids.
        let body = page.split_once("name=\"viewport\"").unwrap().1;
        assert!(!body.contains(wanted), "{wanted}");
    }
    let policy = page.split("Content-Security-Policy\" content=\"").nth(1).unwrap();
    let policy = policy.split('"').next().unwrap();
    assert!(policy.starts_with("default-src 'none'; script-src 'sha256-"), "{policy}");
    assert!(!policy.contains("unsafe"), "{policy}");
}
