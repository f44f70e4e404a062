//! Targets, and files that are there whole or not at all.

use std::fs;

use loadgen::drive::save::{Format, Outcome, Target, render, save};
use loadgen::drive::validity::Validity;

use crate::made;

#[test]
fn a_target_is_known_by_its_ending_or_by_name() {
    for (text, format, path) in [
        ("out/run.hlog", Format::Hlog, "out/run.hlog"),
        ("run.hgrm", Format::Hgrm, "run.hgrm"),
        ("run.csv", Format::Csv, "run.csv"),
        ("run.prom", Format::Prometheus, "run.prom"),
        ("run.json", Format::Json, "run.json"),
        ("run.fortio.json", Format::Fortio, "run.fortio.json"),
        ("run.k6.json", Format::K6, "run.k6.json"),
        ("fortio=run.json", Format::Fortio, "run.json"),
        ("vegeta=/tmp/a=b.json", Format::Vegeta, "/tmp/a=b.json"),
        ("./a=b.csv", Format::Csv, "./a=b.csv"),
        ("bencher=x", Format::Bencher, "x"),
        ("github-action-benchmark=x", Format::GithubActionBenchmark, "x"),
    ] {
        let target = Target::parse(text).unwrap();
        assert_eq!((target.format, target.path.to_str().unwrap()), (format, path), "{text}");
        assert_eq!(Target::parse(&target.to_string()).unwrap(), target);
    }
}

#[test]
fn a_target_that_says_nothing_is_explained() {
    let all: Vec<String> = ["", "run", "run.txt", "fotrio=run.json", "tsv=a", "fortio=", "csv=a/"]
        .iter()
        .map(|text| format!("{text:?}\n{}", Target::parse(text).unwrap_err()))
        .collect();
    insta::assert_snapshot!("target_mistakes", all.join("\n\n"));
}

#[test]
fn a_file_is_replaced_whole_and_nothing_is_left_beside_it() {
    let measured = made::few();
    let validity = Validity::of(&measured);
    let outcome = Outcome { measured: &measured, validity: &validity, gates: &[] };
    let folder = tempfile::tempdir().unwrap();
    for format in Format::ALL {
        let path = folder.path().join(format.name());
        fs::write(&path, "old and longer than anything".repeat(1000)).unwrap();
        save(&outcome, &Target { format, path: path.clone() }).unwrap();
        assert_eq!(fs::read(&path).unwrap(), render(&outcome, format), "{}", format.name());
    }
    assert_eq!(fs::read_dir(folder.path()).unwrap().count(), Format::ALL.len());
}

#[test]
fn a_link_is_followed_and_a_pipe_is_written_to() {
    let measured = made::few();
    let validity = Validity::of(&measured);
    let outcome = Outcome { measured: &measured, validity: &validity, gates: &[] };
    let folder = tempfile::tempdir().unwrap();
    let (file, link) = (folder.path().join("file"), folder.path().join("link"));
    fs::write(&file, "").unwrap();
    std::os::unix::fs::symlink(&file, &link).unwrap();
    save(&outcome, &Target { format: Format::Csv, path: link.clone() }).unwrap();
    assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
    assert_eq!(fs::read(&file).unwrap(), render(&outcome, Format::Csv));

    let device = Target { format: Format::Csv, path: "/dev/null".into() };
    save(&outcome, &device).unwrap();
    assert!(!fs::metadata("/dev/null").unwrap().is_file());
}

#[test]
fn what_can_not_be_saved_says_where_and_what_to_do() {
    let measured = made::few();
    let validity = Validity::of(&measured);
    let outcome = Outcome { measured: &measured, validity: &validity, gates: &[] };
    let folder = tempfile::tempdir().unwrap();
    let error = |path| save(&outcome, &Target { format: Format::Csv, path }).unwrap_err();
    let text = error(folder.path().join("none/a.csv")).to_string();
    assert!(text.contains("none/a.csv") && text.ends_with("make its folder first"), "{text}");
    let text = error(folder.path().to_owned()).to_string();
    assert!(text.ends_with("give the name of a file in it"), "{text}");
}
