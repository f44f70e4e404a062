//! `loadgen validate` on terms: waivers, baselines, profiles, warnings, metrics, and how it ends.

use std::path::Path;
use std::process::{Command, Output};

const PERMISSIVE: &str = "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata:
  name: pay
  namespace: shop
spec:
  mtls: {mode: PERMISSIVE}
";

fn folder(files: &[(&str, &str)]) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    for (name, text) in files {
        let path = folder.path().join(name);
        std::fs::create_dir_all(path.parent().expect("a folder above")).expect("made");
        std::fs::write(path, text).expect("written");
    }
    folder
}

fn validate(folder: &Path, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .arg("validate")
        .args(arguments)
        .args(["--today", "2026-11-24"])
        .current_dir(folder)
        .env("NO_COLOR", "1")
        .output()
        .expect("it ends")
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

fn with_annotation(waiver: &str) -> String {
    let annotated = format!("  annotations:\n    loadgen.dev/waive: {waiver}\nspec:");
    PERMISSIVE.replace("spec:", &annotated)
}

#[test]
fn a_waiver_holds_until_its_day_and_is_shown_in_every_format() {
    let waiver = "PA002 owner=team-pay reason=moves in spring until=2027-01-31";
    let folder = folder(&[("a.yaml", &with_annotation(waiver))]);
    let output = validate(folder.path(), &["a.yaml"]);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    for format in ["text", "json", "sarif", "junit", "github", "markdown"] {
        let output = validate(folder.path(), &["a.yaml", "--format", format]);
        let said = said(&output);
        assert!(said.contains("PA002") && said.contains("moves in spring"), "{format}: {said}");
        assert_eq!(output.status.code(), Some(0), "{format}");
    }
    let sarif = validate(folder.path(), &["a.yaml", "--format", "sarif"]);
    let sarif: serde_json::Value = serde_json::from_slice(&sarif.stdout).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["suppressions"][0]["kind"], "inSource");
}

#[test]
fn a_waiver_that_does_not_hold_is_a_finding() {
    for (waiver, code, why) in [
        ("PA002 owner=a reason=b until=2026-11-23", 3, "expired on 2026-11-23"),
        ("PA002 owner=a reason=b until=2026-11-24", 0, "waived until 2026-11-24 by a: b"),
        ("PA002 owner=a until=2027-01-31", 3, "has no `reason=`"),
        ("PA002 owner=a reason=b until=soon", 3, "no date"),
        ("XX002 owner=a reason=b until=2027-01-31", 3, "names no check"),
        ("PA003 owner=a reason=b until=2027-01-31", 3, "waives nothing"),
        ("PA002 because owner=a", 3, "where `owner=` was expected"),
        ("\"\"", 3, "says nothing"),
    ] {
        let folder = folder(&[("a.yaml", &with_annotation(waiver))]);
        let output = validate(folder.path(), &["a.yaml"]);
        assert_eq!(output.status.code(), Some(code), "{waiver}: {}", said(&output));
        assert!(said(&output).contains(why), "{waiver}: {}", said(&output));
    }
}

const WAIVERS: &str = "waivers:
- check: PA002
  object: PeerAuthentication shop/*
  owner: team-pay
  reason: moves in spring
  until: 2027-01-31
";

#[test]
fn waivers_come_from_a_file_too_which_is_read_strictly() {
    let folder = folder(&[
        ("a.yaml", PERMISSIVE),
        ("w.yaml", WAIVERS),
        ("old.yaml", &WAIVERS.replace("2027", "2025")),
        ("other.yaml", &WAIVERS.replace("shop/*", "bank/*")),
        ("path.yaml", &WAIVERS.replace("object: PeerAuthentication shop/*", "path: '*.yaml'")),
        ("wrong.yaml", "waivers:\n- check: PA0O2\n  owner: \"\"\n  untill: 2027-01-31\n"),
    ]);
    let with = |waivers: &str| validate(folder.path(), &["a.yaml", "--waivers", waivers]);
    for (waivers, code, why) in [
        ("w.yaml", 0, "waived until 2027-01-31 by team-pay"),
        ("path.yaml", 0, "waived until 2027-01-31 by team-pay"),
        ("old.yaml", 3, "expired on 2025-01-31"),
        ("other.yaml", 3, "waives nothing"),
        ("none.yaml", 2, "none.yaml"),
    ] {
        let output = with(waivers);
        assert_eq!(output.status.code(), Some(code), "{waivers}: {}", said(&output));
        assert!(said(&output).contains(why), "{waivers}: {}", said(&output));
    }
    let output = with("wrong.yaml");
    assert_eq!(output.status.code(), Some(2));
    insta::assert_snapshot!("validate_wrong_waivers", said(&output));
}

#[test]
fn a_baseline_knows_findings_on_other_lines_and_no_new_ones() {
    let folder = folder(&[("a.yaml", PERMISSIVE)]);
    let path = folder.path();
    let written = validate(path, &["a.yaml", "--write-baseline", "known.json"]);
    assert_eq!(written.status.code(), Some(0), "{}", said(&written));
    let again = || validate(path, &["a.yaml", "--baseline", "known.json"]);
    assert_eq!(again().status.code(), Some(0), "{}", said(&again()));

    let moved = format!("# A comment.\n\n---\n{}", PERMISSIVE.replace("  mtls", "    mtls"));
    std::fs::write(path.join("a.yaml"), &moved).expect("written");
    assert_eq!(again().status.code(), Some(0), "{}", said(&again()));

    let another = PERMISSIVE.replace("shop", "bank");
    std::fs::write(path.join("a.yaml"), format!("{moved}---\n{another}")).expect("written");
    assert_eq!(again().status.code(), Some(3));
    assert!(said(&again()).contains("bank/pay") && !said(&again()).contains("shop/pay"));

    std::fs::write(path.join("a.yaml"), PERMISSIVE.replace("PERMISSIVE", "STRICT")).expect("ok");
    assert!(said(&again()).contains("in the baseline and gone: 1"), "{}", said(&again()));

    std::fs::write(path.join("known.json"), "{}").expect("written");
    assert_eq!(again().status.code(), Some(2));
}

#[test]
fn nothing_is_written_down_of_what_could_not_be_read() {
    let folder = folder(&[("a.yaml", "a: [\n")]);
    let output = validate(folder.path(), &["a.yaml", "--write-baseline", "known.json"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(!folder.path().join("known.json").exists());
}

#[test]
fn warnings_fail_nothing_and_the_first_is_shown_alone() {
    let dev = PERMISSIVE.replace("shop", "dev-one");
    let folder = folder(&[("a.yaml", &dev), ("b.yaml", PERMISSIVE)]);
    let with = |arguments: &[&str]| validate(folder.path(), arguments);
    let warned = with(&["a.yaml", "--warn-namespaces", "dev-*,test"]);
    assert_eq!(warned.status.code(), Some(0));
    assert!(said(&warned).contains("warning[PA002]"), "{}", said(&warned));
    let both = with(&["a.yaml", "b.yaml", "--warn-namespaces", "dev-*"]);
    assert_eq!(both.status.code(), Some(3));
    assert!(said(&both).contains("1 finding of severity high"), "{}", said(&both));
    let fast = with(&["a.yaml", "b.yaml", "--fail-fast"]);
    assert_eq!(fast.status.code(), Some(3));
    assert!(said(&fast).contains("dev-one") && !said(&fast).contains("shop"), "{}", said(&fast));
    assert!(said(&fast).contains("2 findings"), "{}", said(&fast));
}

#[test]
fn profiles_ask_for_other_checks() {
    let asked = "apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: pay, namespace: shop}
spec:
  mtls:
    mode: STRICT
    certificateChainValidation: {revocationCheck: true}
";
    let folder = folder(&[("a.yaml", PERMISSIVE), ("asked.yaml", asked)]);
    let with = |path: &str, profile: &str| {
        let output = validate(folder.path(), &[path, "--profile", profile]);
        (output.status.code(), said(&output))
    };
    assert_eq!(with("a.yaml", "hardened").0, Some(3));
    assert_eq!(with("a.yaml", "baseline").0, Some(0));
    let (code, said) = with("a.yaml", "article-2026");
    assert_eq!(code, Some(3));
    assert!(
        said.contains("AR001") && said.contains("AR002") && !said.contains("[PA002]"),
        "{said}"
    );
    assert!(said.contains("1.24 and 1.25 can not revoke"), "{said}");
    // To ask for it in the manifest is no way out either.
    let (code, said) = with("asked.yaml", "article-2026");
    assert_eq!(code, Some(3));
    assert!(said.contains("PA017") && said.contains("GN001") && !said.contains("AR00"), "{said}");
}

#[test]
fn metrics_go_to_a_file_whole() {
    let strict = PERMISSIVE.replace("PERMISSIVE", "STRICT").replace("shop", "bank");
    let folder = folder(&[("a.yaml", &format!("{PERMISSIVE}---\n{strict}"))]);
    let output = validate(folder.path(), &["a.yaml", "--metrics", "m.prom"]);
    assert_eq!(output.status.code(), Some(3));
    let text = std::fs::read_to_string(folder.path().join("m.prom")).expect("it is there");
    insta::assert_snapshot!("validate_metrics", text);
    let output = validate(folder.path(), &["a.yaml", "--metrics", "none/m.prom"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("none/m.prom"), "{}", said(&output));
}

#[test]
fn patterns_are_read_where_no_shell_has_done_so() {
    let folder = folder(&[
        ("apps/a/policy.yaml", PERMISSIVE),
        ("apps/b/deep/policy.yaml", PERMISSIVE),
        ("apps/b/policy.txt", PERMISSIVE),
        ("apps/[x].yaml", PERMISSIVE),
    ]);
    let with = |pattern: &str| {
        let output = validate(folder.path(), &[pattern, "--fail-on", "never"]);
        (output.status.code(), said(&output))
    };
    for (pattern, objects) in [
        ("apps/**/*.yaml", "3 objects"),
        ("./apps/*/*.yaml", "1 object"),
        ("apps/*/policy.{yaml,txt}", "2 objects"),
        ("apps/[x].yaml", "1 object"),
    ] {
        let (code, said) = with(pattern);
        assert_eq!(code, Some(0), "{pattern}: {said}");
        assert!(said.contains(&format!("{objects} checked")), "{pattern}: {said}");
    }
    assert_eq!(with("apps/*.json").0, Some(2));
    assert_eq!(with("none/**/*.yaml").0, Some(2));
    assert_eq!(with("apps/[").0, Some(2));
}
