//! The page in a real browser, driven by `tests/page/browser.test.mjs`; CONTRIBUTING.md says what it
//! needs. Without that the test says that it was skipped, unless LOADGEN_BROWSER_TEST is `required`.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

#[path = "report_support/gallery.rs"]
mod made_up;
mod report_support;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bench::report::model::Report;
use bench::report::page;
use bench::results::{RunFolder, replay};
use made_up::gallery;

fn here() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/page")
}

/// Pages for the browser, and the record of the one whose figures it checks.
fn write_pages(to: &Path) {
    let _ = fs::remove_dir_all(to);
    fs::create_dir_all(to).unwrap();
    for (name, run) in gallery() {
        let report = Report::of(&run.record, &run.latencies());
        fs::write(to.join(format!("{name}.html")), page::render(&report)).unwrap();
        if name == "golden" {
            fs::write(to.join("golden.json"), serde_json::to_vec(&run.record).unwrap()).unwrap();
        }
    }
    // Runs that were measured, whatever is there; one is committed.
    let results = Path::new(env!("CARGO_MANIFEST_DIR")).join("../results");
    for entry in fs::read_dir(results).unwrap().flatten() {
        let Ok(report) = RunFolder::open(&entry.path()).and_then(|folder| replay(&folder)) else {
            continue;
        };
        let name = format!("measured-{}.html", entry.file_name().to_string_lossy());
        fs::write(to.join(name), page::render(&report)).unwrap();
    }
}

fn missing() -> Option<&'static str> {
    let answers = |program: &str| Command::new(program).arg("--version").output().is_ok();
    if !answers("node") {
        Some("node is not here")
    } else if !here().join("node_modules/playwright-core").is_dir() {
        Some("its packages are not here (npm ci --prefix bench/tests/page)")
    } else if !["chromium", "chromium-browser", "google-chrome"].iter().any(|name| answers(name)) {
        Some("no Chromium is here")
    } else {
        None
    }
}

#[test]
fn the_page_works_in_a_browser() {
    if let Some(why) = missing() {
        let required = std::env::var_os("LOADGEN_BROWSER_TEST").is_some_and(|v| v == "required");
        assert!(!required, "the browser test is required, and {why}");
        eprintln!("skipped: {why}");
        return;
    }
    let pages = Path::new(env!("CARGO_TARGET_TMPDIR")).join("pages");
    write_pages(&pages);
    let output = Command::new("node")
        .args(["--test", "--test-reporter=spec", "browser.test.mjs"])
        .current_dir(here())
        .env("PAGES", &pages)
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stdout);
    println!("{said}");
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
}
