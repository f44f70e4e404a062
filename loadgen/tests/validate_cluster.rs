//! `loadgen validate --context` and `--metrics :PORT`. No cluster is here: a fake `kubectl`, which is
//! a script of the test's own, answers as kubectl would, and writes down what it was asked.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Output, Stdio};

const LIST: &str = "apiVersion: v1
items:
- apiVersion: security.istio.io/v1
  kind: AuthorizationPolicy
  metadata: {name: accounts, namespace: shop}
  spec:
    rules:
    - from: [{source: {serviceAccounts: [shop/cert.manager]}}]
kind: List
metadata: {resourceVersion: \"\"}
";

/// A folder with a fake kubectl that runs these lines after it has written down what it was asked.
fn with_fake(lines: &str) -> tempfile::TempDir {
    let folder = tempfile::tempdir().expect("a folder");
    let asked = folder.path().join("asked");
    let script = format!("#!/bin/sh\necho \"$@\" >> '{}'\n{lines}\n", asked.display());
    let path = folder.path().join("kubectl");
    std::fs::write(&path, script).expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o755)).expect("may be run");
    std::fs::write(folder.path().join("list.yaml"), LIST).expect("written");
    folder
}

fn validate(folder: &Path, path: &str, arguments: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["validate", "--context", "prod"])
        .args(arguments)
        .current_dir(folder)
        .env("PATH", path)
        .env("NO_COLOR", "1")
        .output()
        .expect("it ends")
}

fn on_path(folder: &Path) -> String {
    format!("{}:/usr/bin:/bin", folder.display())
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr)
}

/// Istio only, with a control plane of two releases.
const ISTIO: &str = r#"case "$*" in
*authorizationpolicies*) cat list.yaml ;;
*"app=istiod"*) printf 'docker.io/istio/pilot:1.25.5 docker.io/istio/pilot:1.25.3-distroless' ;;
*pods*) ;;
*cilium*) echo "error: the server doesn't have a resource type \"cnp\"" >&2; exit 1 ;;
*) printf 'apiVersion: v1\nitems: []\nkind: List\n' ;;
esac"#;

#[test]
fn a_cluster_is_read_with_get_alone_and_its_releases_are_told() {
    let folder = with_fake(ISTIO);
    let output = validate(folder.path(), &on_path(folder.path()), &["--fail-on", "medium"]);
    let said = said(&output);
    assert_eq!(output.status.code(), Some(3), "{said}");
    assert!(said.contains("Istio 1.25.3 runs in istio-system"), "{said}");
    assert!(said.contains("no release of Cilium was found"), "{said}");
    // Only a release that is known to have the hole is told of it.
    assert!(said.contains("CVE-2026-39350"), "{said}");
    assert!(said.contains("prod/authorizationpolicies.security.istio.io:8"), "{said}");
    let asked = std::fs::read_to_string(folder.path().join("asked")).expect("it was asked");
    for line in asked.lines() {
        assert!(line.starts_with("get --context prod --request-timeout="), "{line}");
    }
    let resources = asked.lines().filter(|line| line.contains("--all-namespaces")).count();
    assert_eq!(resources, policy::schema::KINDS.len(), "{asked}");
}

#[test]
fn a_release_that_is_given_counts_more_than_one_that_is_found() {
    let folder = with_fake(ISTIO);
    let given = ["--istio-version", "1.28.6", "--fail-on", "medium"];
    let output = validate(folder.path(), &on_path(folder.path()), &given);
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
}

#[test]
fn what_can_not_be_read_is_told_with_what_to_do() {
    let forbidden = "echo 'Error from server (Forbidden): peerauthentications is forbidden: User \
                     \"ci\" cannot list resource' >&2; exit 1";
    let unreachable = "echo 'The connection to the server was refused' >&2; exit 1";
    let neither = "echo \"error: the server doesn't have a resource type\" >&2; exit 1";
    for (lines, why) in [
        (forbidden, "kubectl create clusterrole loadgen-validate --verb=get,list"),
        (unreachable, "The connection to the server was refused"),
        (neither, "none of the kinds that are checked"),
    ] {
        let folder = with_fake(lines);
        let output = validate(folder.path(), &on_path(folder.path()), &[]);
        assert_eq!(output.status.code(), Some(2), "{}", said(&output));
        assert!(said(&output).contains(why), "{}", said(&output));
    }
    let folder = tempfile::tempdir().expect("a folder");
    let output = validate(folder.path(), "/nowhere", &[]);
    assert_eq!(output.status.code(), Some(2));
    assert!(said(&output).contains("needs kubectl"), "{}", said(&output));
}

/// What the server of metrics answers to a request.
fn asked(address: &str, request: &str) -> String {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(request.as_bytes()).expect("it reads");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("it answers");
    answer
}

#[test]
fn metrics_are_served_on_loopback_until_it_is_told_to_stop() {
    let folder = tempfile::tempdir().expect("a folder");
    let text = LIST.replace("serviceAccounts: [shop/cert.manager]", "namespaces: [\"*\"]");
    std::fs::write(folder.path().join("a.yaml"), text).expect("written");
    let mut child = Command::new(env!("CARGO_BIN_EXE_loadgen"))
        .args(["validate", "a.yaml", "--metrics", ":0"])
        .current_dir(folder.path())
        .env("NO_COLOR", "1")
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .expect("the program was built");
    let mut line = String::new();
    let errors = child.stderr.take().expect("it is piped");
    BufReader::new(errors).read_line(&mut line).expect("it says where");
    let address = line.split("http://").nth(1).and_then(|rest| rest.split('/').next());
    let address = address.expect("an address").to_owned();
    let get = |path: &str| asked(&address, &format!("GET {path} HTTP/1.1\r\nHost: a\r\n\r\n"));
    let metrics = get("/metrics");
    assert!(metrics.starts_with("HTTP/1.1 200 OK\r\n"), "{metrics}");
    assert!(
        metrics.contains("check=\"AP004\",severity=\"medium\",namespace=\"shop\""),
        "{metrics}"
    );
    assert!(get("/metrics?x=1").starts_with("HTTP/1.1 200"));
    assert!(get("/").starts_with("HTTP/1.1 404"));
    assert!(asked(&address, "nonsense\r\n\r\n").starts_with("HTTP/1.1 400"));
    assert!(address.starts_with("127.0.0.1:"));
    let id = rustix_pid(child.id());
    rustix::process::kill_process(id, rustix::process::Signal::TERM).expect("it is there");
    assert_eq!(child.wait().expect("it ends").code(), Some(0));
}

fn rustix_pid(id: u32) -> rustix::process::Pid {
    i32::try_from(id).ok().and_then(rustix::process::Pid::from_raw).expect("a process")
}
