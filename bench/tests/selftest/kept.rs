//! Where selftests stand, for whom they speak, and how a later report shows them.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use bench::report::markdown;
use bench::report::model::Report;
use bench::results::Shelf;
use bench::schema::selftest_schema;
use bench::selftest::SelftestRecord;

use crate::made::{HONEST, provenance, run, selftest};

fn at(time: &str) -> SelftestRecord {
    SelftestRecord { started_at: time.to_owned(), ..selftest(HONEST) }
}

#[test]
fn the_newest_of_this_machine_and_version_is_found() {
    let place = tempfile::tempdir().unwrap();
    let shelf = Shelf::at(place.path().join("loadgen/selftests"));
    assert_eq!(shelf.newest_for(&provenance()), None, "the folder is not there");
    let (old, new) = (at("2026-11-23T02:40:11Z"), at("2026-11-24T02:40:11Z"));
    shelf.put(&new).unwrap();
    shelf.put(&old).unwrap();
    let mut elsewhere = at("2026-11-25T02:40:11Z");
    elsewhere.provenance.cpu = "Another CPU".to_owned();
    shelf.put(&elsewhere).unwrap();
    let mut before = at("2026-11-26T02:40:11Z");
    before.provenance.loadgen = "9.9.8".to_owned();
    shelf.put(&before).unwrap();
    fs::write(shelf.path().join("20261127T000000Z-1.json"), "{}").unwrap();
    assert_eq!(shelf.newest_for(&provenance()), Some(new));
    // What was typed and where it was built says nothing of the machine.
    let mut typed = provenance();
    (typed.git, typed.command) = ("def".to_owned(), vec!["loadgen".to_owned()]);
    assert!(shelf.newest_for(&typed).is_some());
}

#[test]
fn a_selftest_speaks_for_no_other_machine() {
    let record = selftest(HONEST);
    assert!(record.speaks_for(&provenance()));
    type Change = fn(&mut bench::record::Provenance);
    let changes: [Change; 7] = [
        |it| it.kernel.push('1'),
        |it| it.cores += 1,
        |it| it.governor.push('1'),
        |it| it.virtual_machine = false,
        |it| it.placement.shared = true,
        |it| it.opt_level = "0".to_owned(),
        |it| it.loadgen.push('1'),
    ];
    for change in changes {
        let mut other = provenance();
        change(&mut other);
        assert!(!record.speaks_for(&other), "{other:?}");
    }
}

#[test]
fn the_shelf_does_not_grow_for_ever() {
    let place = tempfile::tempdir().unwrap();
    let shelf = Shelf::at(place.path().to_owned());
    let record = selftest(HONEST);
    for minute in 0..55 {
        let started_at = format!("2026-11-23T02:{minute:02}:00Z");
        shelf.put(&SelftestRecord { started_at, ..record.clone() }).unwrap();
    }
    assert_eq!(fs::read_dir(place.path()).unwrap().count(), 50);
    let newest = shelf.newest_for(&provenance()).unwrap();
    assert_eq!(newest.started_at, "2026-11-23T02:54:00Z");
}

#[test]
fn a_report_shows_the_selftest_or_says_that_there_is_none() {
    let (mut run, _) = run(HONEST);
    let none = Report::of(&run, &BTreeMap::new());
    let text = markdown::render(&none);
    assert!(text.contains("No selftest of this version is known for this machine"), "{text}");
    run.selftest = Some(selftest(HONEST).digest());
    let shown = markdown::render(&Report::of(&run, &BTreeMap::new()));
    assert!(shown.contains("## Selftest"));
    assert!(shown.contains("Fit to resolve"));
    assert!(shown.contains("what is planted is found"));
    assert!(shown.contains("cpupower"));
}

#[test]
fn a_selftest_is_valid_by_the_committed_schema_and_a_broken_one_is_not() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("schema/selftest.schema.json");
    let schema = serde_json::from_str(&fs::read_to_string(path).unwrap()).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let mut document = serde_json::to_value(selftest(HONEST)).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| error.to_string()).collect();
    assert_eq!(errors, Vec::<String>::new());
    document["outcome"]["controls"][0]["state"] = "maybe".into();
    assert!(!validator.is_valid(&document));
    assert!(selftest_schema().contains("\"hindrances\""));
}
