//! `loadgen validate` as CI uses it: what it prints in each format, and how it ends.

use std::io::Write as _;
use std::path::Path;
use std::process::{Command, Output, Stdio};

fn fixtures() -> std::path::PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios/policy/tests/checks")
}

fn loadgen(arguments: &[&str], input: &str) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .arg("validate")
        .args(arguments)
        .current_dir(fixtures())
        .env("NO_COLOR", "1")
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program was built");
    // It may end before it reads.
    let _ = child.stdin.take().expect("it is piped").write_all(input.as_bytes());
    child.wait_with_output().expect("it ends")
}

fn printed(output: &Output) -> String {
    String::from_utf8(output.stdout.clone()).expect("text")
}

#[test]
fn text_underlines_the_line() {
    let output = loadgen(&["AP005.bad.yaml"], "");
    assert_eq!(output.status.code(), Some(3));
    insta::assert_snapshot!("validate_text", printed(&output));
}

#[test]
fn it_ends_as_documented() {
    for (arguments, code) in [
        (vec!["PA002.good.yaml"], 0),
        (vec!["PA002.bad.yaml"], 3),
        (vec!["PA002.bad.yaml", "--fail-on", "critical"], 0),
        (vec!["PA002.bad.yaml", "--fail-on", "never"], 0),
        (vec!["GN003.bad.yaml", "--fail-on", "low"], 3),
        (vec!["none.yaml"], 2),
        (vec!["."], 3),
        (vec![], 2),
        (vec!["PA002.good.yaml", "--istio-version", "new"], 2),
        (vec!["--list-checks"], 0),
        (vec!["--list-checks", "--format", "json"], 0),
        (vec!["--list-checks", "--format", "sarif"], 2),
        (vec!["--list-checks", "PA002.bad.yaml"], 2),
        (vec!["--explain-check", "ap005"], 0),
        (vec!["--explain-check", "XR005"], 0),
        (vec!["--explain-check", "AP005", "--format", "json"], 2),
        (vec!["--explain-check", "AP005", "--fail-fast"], 2),
        (vec!["--explain-check", "XX001"], 2),
    ] {
        let output = loadgen(&arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
    }
}

#[test]
fn nothing_to_check_is_no_pass_and_neither_is_broken_yaml() {
    assert_eq!(loadgen(&["-"], "").status.code(), Some(2));
    assert_eq!(loadgen(&["-"], "kind: Service\napiVersion: v1\n").status.code(), Some(2));
    let output = loadgen(&["-"], "a: [\n");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("<stdin>:2:1"), "{output:?}");
    assert!(!printed(&output).contains("nothing found"), "{output:?}");
}

#[test]
fn the_order_is_the_same_every_time() {
    let all = |format: &str| printed(&loadgen(&[".", "--format", format], ""));
    assert_eq!(all("json"), all("json"));
    assert!(all("markdown").lines().count() > 40);
}

#[test]
fn formats() {
    let of = |format: &str| printed(&loadgen(&["AP005.bad.yaml", "--format", format], ""));
    for format in ["json", "junit", "github", "markdown"] {
        insta::assert_snapshot!(format!("validate_{format}"), of(format));
    }
}

#[test]
fn sarif_is_what_code_scanning_takes() {
    // The members that the standard requires, and those that GitHub does.
    let schema = serde_json::json!({
        "type": "object",
        "required": ["version", "runs"],
        "properties": {
            "version": { "const": "2.1.0" },
            "runs": { "type": "array", "minItems": 1, "items": {
                "required": ["tool", "results"],
                "properties": {
                    "tool": { "required": ["driver"], "properties": { "driver": {
                        "required": ["name", "rules"],
                        "properties": { "rules": { "items": {
                            "required": ["id", "shortDescription", "fullDescription", "help"],
                            "properties": { "shortDescription": { "required": ["text"] } },
                        } } },
                    } } },
                    "results": { "type": "array", "minItems": 1, "items": {
                        "required": ["ruleId", "level", "message", "locations"],
                        "properties": {
                            "level": { "enum": ["none", "note", "warning", "error"] },
                            "message": { "required": ["text"] },
                            "locations": { "minItems": 1, "items": {
                                "required": ["physicalLocation"],
                                "properties": { "physicalLocation": {
                                    "required": ["artifactLocation", "region"],
                                    "properties": { "region": {
                                        "required": ["startLine"],
                                        "properties": {
                                            "startLine": { "type": "integer", "minimum": 1 },
                                            "startColumn": { "type": "integer", "minimum": 1 },
                                        },
                                    } },
                                } },
                            } },
                        },
                    } },
                },
            } },
        },
    });
    let document = printed(&loadgen(&[".", "--format", "sarif"], ""));
    let document: serde_json::Value = serde_json::from_str(&document).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> = validator.iter_errors(&document).map(|e| e.to_string()).collect();
    assert!(errors.is_empty(), "{errors:?}");
}

#[test]
fn what_is_in_force_is_explained_and_questions_are_answered() {
    let shop = "../meaning/shop.yaml";
    let charge = "from front/web, POST /v1/charge to shop/pay:8080";
    for (arguments, code, expected) in [
        (vec![shop, "--explain", "shop/pay:8080"], 0, "mTLS STRICT"),
        (vec![shop, "--explain", "shop/pay:8080", "--format", "json"], 0, "\"explanation\""),
        (vec![shop, "--can", charge], 0, "together    allowed"),
        (vec![shop, "--can", charge, "--format", "json"], 0, "\"allowed\": true"),
        (vec![shop, "--can", "from front/web to shop/none:1"], 0, "not decidable: needs"),
        (vec![shop, "--can", "front/web to shop/pay:8080"], 2, ""),
        (vec![shop, "--explain", "shop/none:8080"], 2, ""),
        (vec![shop, "--can", charge, "--format", "sarif"], 2, ""),
        (vec![shop, "--can", charge, "--explain", "shop/pay:8080"], 2, ""),
        (vec![shop, "--can", charge, "--profile", "baseline"], 2, ""),
        (vec![shop, "--explain", "shop/pay:8080", "--metrics", "m.prom"], 2, ""),
        (vec!["none.yaml", "--can", charge], 2, ""),
    ] {
        let output = loadgen(&arguments, "");
        assert_eq!(output.status.code(), Some(code), "{arguments:?}");
        assert!(printed(&output).contains(expected), "{arguments:?}: {}", printed(&output));
    }
    let broken = loadgen(&["-", "--can", charge], "a: b: c\n");
    assert_eq!(broken.status.code(), Some(2));
}

#[test]
fn the_help_has_the_grammar_of_questions() {
    let help = printed(&loadgen(&["--help"], ""));
    assert!(help.contains("A question: from WHO[, WHAT]... to WHERE"), "{help}");
}

#[test]
fn of_a_scenario_each_variant_is_judged_by_itself() {
    let all = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios");
    let mut judged = 0;
    for folder in all.read_dir().expect("a folder").flatten().map(|entry| entry.path()) {
        if folder.join("scenario.yaml").is_file() && folder.join("policies").is_dir() {
            let output = loadgen(&[folder.to_str().expect("a path")], "");
            let shown = printed(&output);
            assert_eq!(output.status.code(), Some(0), "{}: {shown}", folder.display());
            judged += 1;
        }
    }
    assert!(judged >= 2, "{judged}");
    let together = printed(&loadgen(&["../../../l7-policy/policies", "--format", "github"], ""));
    assert!(together.contains("CN014"), "without the scenario's file all is one: {together}");
    let strict = loadgen(&["../../../strict-mtls"], "");
    let shown = printed(&strict);
    assert!(shown.contains("info: DISABLE") && shown.contains("3 objects checked"), "{shown}");
    let asked = loadgen(&["../../../l7-policy", "--explain", "loadgen-bench/server:8080"], "");
    assert_eq!(asked.status.code(), Some(2));
    let said = String::from_utf8_lossy(&asked.stderr).into_owned();
    assert!(said.contains("never in force together"), "{said}");
}

#[test]
fn a_scenario_that_can_not_be_read_is_said_to_be_one() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("scenario.yaml");
    std::fs::write(&file, "schema: 1\nvariants: []\n").expect("written");
    let output = loadgen(&[folder.path().to_str().expect("a path")], "");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("scenario.yaml:"), "{output:?}");
    // A file of that name that is something else is passed over.
    std::fs::write(&file, "kind: Scenario\nsteps: []\n").expect("written");
    let output = loadgen(&[folder.path().to_str().expect("a path")], "");
    assert!(String::from_utf8_lossy(&output.stderr).contains("nothing to check"), "{output:?}");
}
