//! A committed run and what becomes of it, byte for byte. After a wanted change:
//! `cargo test -p bench --test golden_report -- --ignored` and look at the diff.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod report_support;

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use bench::report::terminal::{Style, render as terminal_text};
use bench::results::{RunFolder, render, replay};
use report_support::{golden, run};

const NAME: &str = "strict-mtls";

fn committed() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden").join(NAME)
}

/// What is committed of the rendering; the PNGs follow from the SVGs and are not.
fn rendered_text(folder: &RunFolder) -> BTreeMap<&'static str, String> {
    let names = [
        "report.md",
        "report.html",
        "charts/overhead.svg",
        "charts/percentiles.svg",
        "charts/trials.svg",
    ];
    let mut texts: BTreeMap<&str, String> = names
        .into_iter()
        .map(|name| (name, fs::read_to_string(folder.path().join(name)).unwrap()))
        .collect();
    let report = replay(folder).unwrap();
    texts.insert("report.txt", terminal_text(&report, Style::Plain, &["report.md".to_owned()]));
    texts
}

fn copy_of_the_committed_run(to: &Path) -> RunFolder {
    let from = committed();
    fs::create_dir_all(to.join("histograms")).unwrap();
    fs::copy(from.join("run.json"), to.join("run.json")).unwrap();
    for entry in fs::read_dir(from.join("histograms")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("histograms").join(entry.file_name())).unwrap();
    }
    RunFolder::open(to).unwrap()
}

#[test]
fn the_committed_run_renders_to_the_committed_bytes() {
    let place = tempfile::tempdir().unwrap();
    let folder = copy_of_the_committed_run(place.path());
    render(&folder).unwrap();
    for (name, text) in rendered_text(&folder) {
        let expected = fs::read_to_string(committed().join(name)).unwrap();
        assert!(text == expected, "{name} differs; see the head of this file");
    }
}

#[test]
fn rendering_again_gives_the_same_bytes() {
    let place = tempfile::tempdir().unwrap();
    let folder = copy_of_the_committed_run(place.path());
    let all = |folder: &RunFolder| {
        let names = ["overhead", "percentiles", "trials"];
        let mut files: Vec<Vec<u8>> = names
            .iter()
            .map(|name| fs::read(folder.path().join(format!("charts/{name}.png"))).unwrap())
            .collect();
        files.extend(rendered_text(folder).into_values().map(String::into_bytes));
        files
    };
    render(&folder).unwrap();
    let first = all(&folder);
    render(&folder).unwrap();
    assert!(first == all(&folder));
}

#[test]
fn a_png_is_a_picture_of_twice_the_size_of_its_svg() {
    let place = tempfile::tempdir().unwrap();
    let folder = copy_of_the_committed_run(place.path());
    render(&folder).unwrap();
    for (name, size) in
        [("overhead", (2400, 860)), ("percentiles", (2400, 1300)), ("trials", (2400, 1520))]
    {
        let png = fs::read(folder.path().join(format!("charts/{name}.png"))).unwrap();
        let picture = resvg::tiny_skia::Pixmap::decode_png(&png).unwrap();
        assert_eq!((picture.width(), picture.height()), size, "{name}");
        // Words need the embedded font: without it the dark ink of the title is missing.
        let title = (0..80).flat_map(|y| (0..800).map(move |x| (x, y)));
        let dark = title.filter(|(x, y)| picture.pixel(*x, *y).unwrap().red() < 0x60).count();
        assert!(dark > 500, "{name}: {dark} dark pixels where the title is");
    }
}

#[test]
#[ignore = "rewrites the committed golden run"]
fn regenerate() {
    let place = tempfile::tempdir().unwrap();
    let folder =
        RunFolder::create(place.path(), "20261123T024011Z", "strict-mtls", "embedded").unwrap();
    let run = run(&golden());
    for trial in &run.trials {
        folder.write_trial(trial).unwrap();
    }
    folder.write_run(&run.record).unwrap();
    assert_eq!(folder.load().unwrap().latencies, run.latencies());
    render(&folder).unwrap();
    let to = committed();
    let _ = fs::remove_dir_all(&to);
    fs::create_dir_all(to.join("histograms")).unwrap();
    fs::create_dir_all(to.join("charts")).unwrap();
    for (name, text) in rendered_text(&folder) {
        fs::write(to.join(name), text).unwrap();
    }
    for name in ["run.json", "trials.csv", "comparison.csv"] {
        fs::copy(folder.path().join(name), to.join(name)).unwrap();
    }
    for entry in fs::read_dir(folder.path().join("histograms")).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), to.join("histograms").join(entry.file_name())).unwrap();
    }
}
