//! The examples in `scripts/validate-in-ci`, run as far as they can be without the services that they
//! are for.

use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use policy::source::{Document, Limits, Mistakes, Node, documents_within};

const PERMISSIVE: &str = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                          metadata: {name: pay, namespace: shop}\nspec: {mtls: {mode: PERMISSIVE}}\n";
const STRICT: &str = "apiVersion: security.istio.io/v1\nkind: PeerAuthentication\n\
                      metadata: {name: pay, namespace: shop}\nspec: {mtls: {mode: STRICT}}\n";
const SERVICE: &str = "apiVersion: v1\nkind: Service\nmetadata: {name: pay}\n";

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../scripts/validate-in-ci")
}

fn read(name: &str) -> Vec<Document> {
    let text = std::fs::read_to_string(examples().join(name)).expect(name);
    let mut mistakes = Mistakes::new(name);
    let documents = documents_within(Limits::MANIFESTS, &text, &mut mistakes).expect(name);
    assert!(mistakes.is_empty(), "{mistakes}");
    documents
}

/// Runs a command line with the program of this build on the path.
fn run(program: &str, arguments: &[&str], folder: &Path) -> Output {
    let built = Path::new(env!("CARGO_BIN_EXE_loadgen")).parent().expect("a folder");
    let path = format!("{}:/usr/local/bin:/usr/bin:/bin", built.display());
    Command::new(program)
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .env("MANIFESTS", ".")
        .output()
        .expect("it starts")
}

fn folder(text: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    std::fs::write(folder.path().join("a.yaml"), text).expect("written");
    folder
}

fn stdout(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned()
}

#[test]
fn the_workflow_s_commands_find_and_write_down() {
    let workflow = read("github-actions.yaml");
    let steps = workflow[0].root.path("jobs.validate.steps").expect("steps");
    let commands: Vec<&str> =
        steps.items().iter().filter_map(|s| s.member("run")?.text()).collect();
    let [check, write] = commands[..] else { panic!("two commands: {commands:?}") };
    let folder = folder(PERMISSIVE);
    let checked = run("sh", &["-c", check], folder.path());
    assert_eq!(checked.status.code(), Some(3), "{checked:?}");
    assert!(stdout(&checked).contains("::error file="), "{}", stdout(&checked));
    let written = run("sh", &["-c", write], folder.path());
    assert_eq!(written.status.code(), Some(0), "{written:?}");
    let sarif = std::fs::read(folder.path().join("findings.sarif")).expect("it was written");
    let sarif: serde_json::Value = serde_json::from_slice(&sarif).expect("JSON");
    assert_eq!(sarif["runs"][0]["results"][0]["ruleId"], "PA002");
}

#[test]
fn the_plugin_hands_on_what_is_in_order_and_nothing_else() {
    let plugin = read("argocd-plugin.yaml");
    let generate = plugin[0].root.path("spec.generate").expect("it generates");
    let words = |name: &str| -> Vec<&str> {
        let list = generate.member(name).map(Node::items).unwrap_or_default();
        list.iter().filter_map(Node::text).collect()
    };
    let (command, arguments) = (words("command"), words("args"));
    let generated = |text: &str| {
        let folder = folder(text);
        let all: Vec<&str> = command[1..].iter().chain(&arguments).copied().collect();
        run(command[0], &all, folder.path())
    };
    let good = generated(STRICT);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    assert!(stdout(&good).contains(STRICT));
    let bad = generated(PERMISSIVE);
    assert_eq!(bad.status.code(), Some(3));
    assert_eq!(stdout(&bad), "", "what is not in order is not synced");
    assert!(String::from_utf8_lossy(&bad.stderr).contains("PA002"), "{bad:?}");
    let other = generated(SERVICE);
    assert_eq!(other.status.code(), Some(0), "{other:?}");
    assert!(stdout(&other).contains(SERVICE));
    assert_eq!(generated("a: [\n").status.code(), Some(2));
}

#[test]
fn the_hook_stops_a_commit_for_findings_only() {
    let hook = examples().join("pre-commit");
    let hook = hook.to_str().expect("text");
    for (text, code) in [(STRICT, 0), (SERVICE, 0), (PERMISSIVE, 3), ("a: [\n", 2)] {
        let folder = folder(text);
        let output = run(hook, &["a.yaml"], folder.path());
        assert_eq!(output.status.code(), Some(code), "{text}: {output:?}");
    }
}

#[test]
fn pre_commit_finds_the_hook() {
    let root = examples().join("../..");
    let text = std::fs::read_to_string(root.join(".pre-commit-hooks.yaml")).expect("in the root");
    let mut mistakes = Mistakes::new("hooks");
    let hooks = documents_within(Limits::MANIFESTS, &text, &mut mistakes).expect("YAML");
    let hook = &hooks[0].root.items()[0];
    for required in ["id", "name", "entry", "language"] {
        assert!(hook.member(required).and_then(Node::text).is_some(), "{required}");
    }
    let entry = hook.member("entry").and_then(Node::text).expect("a program");
    assert!(root.join(entry).exists(), "{entry}");
}

/// The names of metrics in the rules are those that are written; promtool, where it is there, reads the
/// expressions as well.
#[test]
fn the_alerts_are_about_metrics_that_there_are() {
    let rules = read("alerts.yaml");
    let group = &rules[0].root.member("groups").expect("groups").items()[0];
    let rules = group.member("rules").expect("rules").items();
    let named = |name: &str| {
        rules.iter().find(|rule| rule.member("alert").and_then(Node::text) == Some(name))
    };
    let low = named("MeshPolicyComplianceLow").expect("the alert");
    let text = |key: &str| low.member(key).and_then(Node::text).unwrap_or_default();
    assert_eq!(text("for"), "7d");
    assert_eq!(text("expr"), "loadgen_validate_compliance_ratio < 0.95");
    let folder = folder(STRICT);
    let output = run("loadgen", &["validate", "a.yaml", "--metrics", "m.prom"], folder.path());
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let metrics = std::fs::read_to_string(folder.path().join("m.prom")).expect("written");
    assert!(metrics.contains("\nloadgen_validate_compliance_ratio{severity=\"high\"} 1\n"));
    let rules = examples().join("alerts.yaml");
    let there = by_prometheus(&["check", "rules", rules.to_str().expect("text")], "")
        && by_prometheus(&["check", "metrics"], &metrics);
    if !there {
        eprintln!("skipped: promtool is not here");
    }
}

/// Has Prometheus's own program read rules or metrics; whether it is there.
fn by_prometheus(arguments: &[&str], input: &str) -> bool {
    let program = Command::new("promtool")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn();
    let Ok(mut program) = program else {
        let required =
            std::env::var_os("LOADGEN_PROMTOOL_TEST").is_some_and(|word| word == "required");
        assert!(!required, "promtool is not here");
        return false;
    };
    // It need not read what it is given no use for.
    let _ = program.stdin.take().expect("it is piped").write_all(input.as_bytes());
    let said = program.wait_with_output().expect("it ends");
    assert!(said.status.success(), "{arguments:?}: {said:?}");
    true
}
