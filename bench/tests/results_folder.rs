//! The run folder: what is written comes back, a failure leaves what was there, and every error
//! says where and what to do.
#![expect(clippy::unwrap_used, reason = "this is how a test fails")]

mod report_support;

use std::fs;
use std::path::Path;

use bench::histogram::LONGEST_NS;
use bench::results::{FolderError, RunFolder, histogram_file, read_trial_histograms};
use bench::seams::SinkError;
use bench::trial::TrialRecord;
use proptest::prelude::*;
use report_support::{Run, golden, run};

const STAMP: &str = "20261123T024011Z";

fn folder_in(place: &Path) -> RunFolder {
    RunFolder::create(place, STAMP, "strict-mtls", "embedded").unwrap()
}

fn written(place: &Path) -> (RunFolder, Run) {
    let folder = folder_in(place);
    let run = run(&golden());
    for trial in &run.trials {
        folder.write_trial(trial).unwrap();
    }
    folder.write_run(&run.record).unwrap();
    (folder, run)
}

fn message(error: &FolderError) -> String {
    error.to_string()
}

#[test]
fn a_folder_is_named_by_time_scenario_and_testbed_and_never_shared() {
    let place = tempfile::tempdir().unwrap();
    let results = place.path().join("a/b");
    let first = folder_in(&results);
    let second = folder_in(&results);
    assert_eq!(first.path(), results.join("20261123T024011Z-strict-mtls-embedded"));
    assert_eq!(second.path(), results.join("20261123T024011Z-strict-mtls-embedded-2"));
    for name in ["histograms", "charts", "logs"] {
        assert!(first.path().join(name).is_dir(), "{name}");
    }
    let odd = RunFolder::create(&results, STAMP, "../evil name", "kind").unwrap();
    assert_eq!(odd.path().parent(), Some(results.as_path()));
}

#[test]
fn what_is_written_comes_back() {
    let place = tempfile::tempdir().unwrap();
    let (folder, run) = written(place.path());
    let loaded = RunFolder::open(folder.path()).unwrap().load().unwrap();
    assert_eq!(loaded.record, run.record);
    assert_eq!(loaded.latencies, run.latencies());
    let names: Vec<String> = fs::read_dir(folder.path())
        .unwrap()
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    assert!(names.iter().all(|name| !name.starts_with('.')), "left-overs: {names:?}");
}

#[test]
fn the_tables_have_a_row_for_each_trial_and_comparison() {
    let place = tempfile::tempdir().unwrap();
    let (folder, run) = written(place.path());
    for (name, rows) in
        [("trials.csv", run.record.trials.len()), ("comparison.csv", run.record.comparisons.len())]
    {
        let mut reader = csv::Reader::from_path(folder.path().join(name)).unwrap();
        let header = reader.headers().unwrap().clone();
        assert_eq!(reader.records().map(Result::unwrap).count(), rows, "{name}");
        let mut unique: Vec<&str> = header.iter().collect();
        unique.sort_unstable();
        unique.dedup();
        assert_eq!(unique.len(), header.len(), "{name} has a column twice");
    }
    let json = fs::read_to_string(folder.path().join("run.json")).unwrap();
    assert!(json.starts_with("{\n  \"schema_version\": 2,") && json.ends_with("}\n"));
}

#[test]
fn a_log_is_what_other_tools_read() {
    let place = tempfile::tempdir().unwrap();
    let folder = folder_in(place.path());
    let name = folder.write_trial(&run(&golden()).trials[0]).unwrap();
    let text = fs::read_to_string(folder.path().join(name)).unwrap();
    let mut lines = text.lines();
    assert_eq!(lines.next(), Some("#[Histogram log format version 1.3]"));
    let rest: Vec<&str> = lines.collect();
    let legend = "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\
                  \"Interval_Compressed_Histogram\"";
    let at = rest.iter().position(|line| *line == legend).unwrap();
    assert!(rest[..at].iter().all(|line| line.starts_with("#[")), "{rest:?}");
    assert!(rest[..at].contains(&"#[MaxValueDivisor: 1000000.000]"), "{rest:?}");
    let tags = ["response_time", "service_time", "send_lag", "pacing_lag", "censored"];
    assert_eq!(rest.len(), at + 1 + tags.len());
    for (line, tag) in rest[at + 1..].iter().zip(tags) {
        let cells: Vec<&str> = line.split(',').collect();
        assert_eq!(cells[..3], [&format!("Tag={tag}"), "0.000", "0.500"]);
        assert!(cells[4].starts_with("HISTFAAAA"), "{line}");
    }
}

#[test]
fn histogram_names_are_safe() {
    assert_eq!(histogram_file(3, 1, "strict"), "histograms/3-1-strict.hlog");
    assert_eq!(histogram_file(1, 2, "plain#2"), "histograms/1-2-plain_2.hlog");
    assert_eq!(histogram_file(1, 2, "../a b/ü"), "histograms/1-2-.._a_b__.hlog");
    assert!(histogram_file(1, 2, &"x".repeat(500)).len() < 160);
}

fn histograms() -> impl Strategy<Value = Vec<Vec<u64>>> {
    let value = prop_oneof![0_u64..2000, 0_u64..10_000_000_000, Just(LONGEST_NS), Just(u64::MAX)];
    prop::collection::vec(prop::collection::vec(value, 0..60), 5)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(24))]

    #[test]
    fn reading_a_log_is_the_exact_inverse_of_writing_it(values in histograms(), s in any::<f64>()) {
        let place = tempfile::tempdir().unwrap();
        let folder = folder_in(place.path());
        let mut trial: TrialRecord = run(&golden()).trials.remove(0);
        trial.latencies = Default::default();
        trial.generator.window_s = s;
        let latencies = &mut trial.latencies;
        let all = [
            &mut latencies.response_time,
            &mut latencies.service_time,
            &mut latencies.send_lag,
            &mut latencies.pacing_lag,
            &mut latencies.censored,
        ];
        for (histogram, values) in all.into_iter().zip(&values) {
            for value in values {
                histogram.record(*value);
            }
        }
        let name = folder.write_trial(&trial).unwrap();
        let read = read_trial_histograms(&folder.path().join(name)).unwrap();
        prop_assert_eq!(read, trial.latencies);
    }
}

#[test]
fn a_failed_write_leaves_the_earlier_file_and_says_what_to_do() {
    let place = tempfile::tempdir().unwrap();
    let (folder, mut run) = written(place.path());
    let before = fs::read_to_string(folder.path().join("run.json")).unwrap();
    // A folder in the place of the temporary file: it can not be created, whoever the user is.
    fs::create_dir(folder.path().join(".run.json.part")).unwrap();
    run.record.seed = 7;
    let error = folder.write_run(&run.record).unwrap_err();
    let text = message(&error);
    assert!(text.contains("can not write run.json"), "{text}");
    assert!(text.contains(&folder.path().display().to_string()), "{text}");
    assert!(text.contains("kept"), "{text}");
    assert_eq!(fs::read_to_string(folder.path().join("run.json")).unwrap(), before);
    let sink = SinkError::from(error);
    assert!(sink.to_string().contains("run.json"), "{sink}");
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_named_and_leaves_the_earlier_file() {
    let place = tempfile::tempdir().unwrap();
    let (folder, run) = written(place.path());
    let before = fs::read_to_string(folder.path().join("run.json")).unwrap();
    std::os::unix::fs::symlink("/dev/full", folder.path().join(".run.json.part")).unwrap();
    let error = folder.write_run(&run.record).unwrap_err();
    assert_eq!(error.kind, std::io::ErrorKind::StorageFull);
    assert!(message(&error).contains("free some space"), "{error}");
    assert_eq!(fs::read_to_string(folder.path().join("run.json")).unwrap(), before);
    assert!(!folder.path().join(".run.json.part").exists());
    // The disk has room again.
    folder.write_run(&run.record).unwrap();
}

#[test]
fn what_is_not_a_run_folder_is_named() {
    let place = tempfile::tempdir().unwrap();
    let error = RunFolder::open(&place.path().join("nowhere")).unwrap_err();
    assert!(message(&error).contains("there is no such folder"), "{error}");
    let error = RunFolder::open(place.path()).unwrap_err();
    assert!(message(&error).contains("it holds no run.json"), "{error}");
}

#[test]
fn a_run_of_a_newer_loadgen_is_told_by_its_version() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = written(place.path());
    let path = folder.path().join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    let newer = text.replacen("\"schema_version\": 2", "\"schema_version\": 3, \"new\": 1", 1);
    fs::write(&path, newer).unwrap();
    let text = message(&folder.load().map(drop).unwrap_err());
    assert!(text.contains("schema_version 3") && text.contains("newer loadgen"), "{text}");
}

#[test]
fn broken_json_is_told_by_line_and_column() {
    let place = tempfile::tempdir().unwrap();
    let (folder, _) = written(place.path());
    let path = folder.path().join("run.json");
    let text = fs::read_to_string(&path).unwrap();
    fs::write(&path, &text[..text.len() / 2]).unwrap();
    let error = message(&folder.load().map(drop).unwrap_err());
    assert!(error.contains("line ") && error.contains("column "), "{error}");
    fs::write(&path, text.replacen("\"seed\": 42", "\"seed\": \"x\"", 1)).unwrap();
    let error = message(&folder.load().map(drop).unwrap_err());
    assert!(error.contains("line 6 column"), "{error}");
}

#[test]
fn missing_damaged_and_foreign_histograms_are_named() {
    let place = tempfile::tempdir().unwrap();
    let (folder, mut run) = written(place.path());
    let log = folder.path().join(&run.record.trials[0].histograms);
    let text = fs::read_to_string(&log).unwrap();
    let load = || message(&folder.load().map(drop).unwrap_err());
    fs::write(&log, text.replace("Tag=censored", "Tag=other")).unwrap();
    assert!(load().contains("no histogram with the tag censored"), "{}", load());
    fs::write(&log, text.replace("HISTFAAAA", "AISTFAAAA")).unwrap();
    assert!(load().contains("not an HdrHistogram V2 payload"), "{}", load());
    fs::remove_file(&log).unwrap();
    assert!(load().contains(&log.display().to_string()), "{}", load());
    run.record.trials[0].histograms = "../../secret.hlog".to_owned();
    folder.write_run(&run.record).unwrap();
    assert!(load().contains("outside its folder"), "{}", load());
    // The histograms of a rejected trial are not needed.
    run.record.trials[0].admitted = false;
    folder.write_run(&run.record).unwrap();
    folder.load().unwrap();
}
