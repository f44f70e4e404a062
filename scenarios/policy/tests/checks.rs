//! Every check finds what it is for in a manifest of our own, and nothing in one that is right.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use policy::catalogue;
use policy::finding::Severity;
use policy::profile::Profile;
use policy::terms::Terms;
use policy::validate::{Report, Settings, validate};

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/checks")
}

/// Judged by the profile that asks for the check.
fn report(name: &str) -> Report {
    let of_the_article = name.starts_with("AR");
    judged(name, if of_the_article { Profile::Article2026 } else { Profile::Hardened })
}

fn judged(name: &str, profile: Profile) -> Report {
    let text = std::fs::read_to_string(folder().join(name)).expect(name);
    let mut settings = Settings::default();
    if name.starts_with("GN004") {
        settings.versions.istio = "1.25.5".parse().ok();
    }
    let mut report = validate(&[(name, &text)], &settings);
    let files = BTreeMap::from([(name.to_owned(), text)]);
    Terms { profile, ..Terms::default() }.judge(&mut report, &files);
    report
}

#[test]
fn each_check_finds_the_bad_and_not_the_good() {
    for check in catalogue::checks() {
        let found = |which: &str| {
            let report = report(&format!("{}.{which}.yaml", check.id));
            assert!(report.mistakes.is_empty(), "{} {which}: {:?}", check.id, report.mistakes);
            report.findings.iter().any(|finding| finding.check.id == check.id)
        };
        assert!(found("bad"), "{} does not find the bad", check.id);
        assert!(!found("good"), "{} finds something in the good", check.id);
    }
}

#[test]
fn no_good_manifest_has_a_finding_that_matters() {
    for check in catalogue::checks() {
        let report = judged(&format!("{}.good.yaml", check.id), Profile::Hardened);
        let worst = report.findings.iter().find(|finding| finding.severity >= Severity::High);
        assert!(worst.is_none(), "{}: {worst:?}", check.id);
    }
}

#[test]
fn messages() {
    let mut all = String::new();
    for check in catalogue::checks() {
        for finding in report(&format!("{}.bad.yaml", check.id)).findings {
            let at = finding.span.at;
            let (path, word) = (&finding.path, finding.severity.word());
            let (id, message) = (finding.check.id, &finding.message);
            writeln!(all, "{path}:{}:{} {id} {word}: {message}", at.line, at.column).unwrap();
        }
    }
    insta::assert_snapshot!(all);
}

#[test]
fn checks_are_named_once_and_every_fixture_is_of_one() {
    let ids: Vec<&str> = catalogue::checks().map(|check| check.id).collect();
    let unique: std::collections::BTreeSet<_> = ids.iter().collect();
    assert_eq!(unique.len(), ids.len());
    for file in std::fs::read_dir(folder()).unwrap().flatten() {
        let name = file.file_name().into_string().unwrap();
        assert!(ids.contains(&name.split('.').next().unwrap()), "{name}");
    }
}
