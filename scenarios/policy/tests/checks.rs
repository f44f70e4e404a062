//! Every check finds what it is for in a manifest of our own, and nothing in one that is right.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

use policy::catalogue;
use policy::finding::Severity;
use policy::profile::Profile;
use policy::terms::Terms;
use policy::validate::{Report, Settings, validate};
use policy::version::Versions;

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
    let settings = Settings { versions: releases(&text), ..Settings::default() };
    let mut report = validate(&[(name, &text)], &settings);
    let files = BTreeMap::from([(name.to_owned(), text)]);
    Terms { profile, ..Terms::default() }.judge(&mut report, &files);
    report
}

/// Some checks hold for some releases only: `# istio 1.25.5, cilium 1.16.3` in the first line.
fn releases(text: &str) -> Versions {
    let first = text.lines().next().unwrap_or_default();
    let of = |product: &str| {
        let (_, rest) = first.strip_prefix('#')?.split_once(product)?;
        let version = rest.trim_start().split([',', ' ']).next()?;
        Some(version.parse().expect("a release"))
    };
    Versions { istio: of("istio"), cilium: of("cilium") }
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
        // A hole of the release that the manifest is for is no fault of the manifest.
        let of_release = |id: &str| id == "GN004" && check.id != id;
        let worst = report
            .findings
            .iter()
            .find(|finding| finding.severity >= Severity::High && !of_release(finding.check.id));
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

#[test]
fn of_two_policies_of_the_same_width_the_younger_is_the_one_that_is_ignored() {
    let of = |name: &str, day: u8| {
        format!(
            "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
             metadata: {{name: {name}, namespace: shop, creationTimestamp: '2026-01-{day:02}T00:00:00Z'}}\n\
             spec: {{mtls: {{mode: STRICT}}}}\n"
        )
    };
    for (first, second) in [(of("old", 1), of("new", 2)), (of("new", 2), of("old", 1))] {
        let text = format!("{first}---\n{second}");
        let report = validate(&[("a.yaml", &text)], &Settings::default());
        let found = report.findings.iter().find(|finding| finding.check.id == "PA009").unwrap();
        assert_eq!(found.object, "PeerAuthentication shop/new");
        assert!(found.message.starts_with("PeerAuthentication shop/old"), "{}", found.message);
    }
}

#[test]
fn a_subset_may_be_of_pods_outside_of_the_mesh() {
    let text = "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: a, namespace: shop}
spec: {mtls: {mode: STRICT}}
---
apiVersion: networking.istio.io/v1
kind: DestinationRule
metadata: {name: pay, namespace: shop}
spec:
  host: pay
  subsets:
  - {name: old, labels: {age: old}, trafficPolicy: {tls: {mode: DISABLE}}}
";
    let worst = |text: &str| {
        let report = validate(&[("a.yaml", text)], &Settings::default());
        let found = report.findings.iter().filter(|finding| finding.check.id == "PA012");
        found.map(|finding| finding.severity).max()
    };
    assert_eq!(worst(text), Some(Severity::Medium));
    let whole = text.replace("  subsets:", "  trafficPolicy: {tls: {mode: DISABLE}}\n  subsets:");
    assert_eq!(worst(&whole), Some(Severity::High));
}
