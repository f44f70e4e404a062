//! Agents that were started by hand, as they would be on other machines: `loadgen credentials`,
//! `loadgen agent` as processes of their own, and a run that is told where they are.

use std::net::SocketAddr;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Child;

use crate::command::{agent, small};
use crate::support::{errors, run, run_folder, run_json};

/// An agent; dropped, it ends.
struct Started(Child, SocketAddr);

impl Drop for Started {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// Credentials for so many agents in a folder of that name.
fn made(dir: &Path, name: &str, agents: usize) {
    let output = run(dir, &["credentials", name, &format!("--agents={agents}")]);
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    let told = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(told.contains(&format!("{name}/agent-{agents}.json")), "{told}");
}

/// So many agents with the credentials of that folder.
fn started(dir: &Path, folder: &str, agents: usize) -> Vec<Started> {
    let one = |number| {
        let credentials = format!("--credentials={folder}/agent-{number}.json");
        let (child, address) = agent(dir, &[&credentials]);
        Started(child, address)
    };
    (1..=agents).map(one).collect()
}

fn at(agents: &[Started]) -> String {
    let places: Vec<String> = agents.iter().map(|agent| agent.1.to_string()).collect();
    format!("--agents={}", places.join(","))
}

#[test]
fn agents_at_given_addresses_send_a_run_together() {
    let dir = tempfile::tempdir().expect("a folder");
    made(dir.path(), "shared", 4);
    let agents = started(dir.path(), "shared", 4);
    for of in [1, 2, 4] {
        let (places, results) = (at(&agents[..of]), format!("--results={of}/results"));
        let arguments = small(&[
            "--blocks=1",
            "--variants=sidecar-plaintext,strict",
            &places,
            "--credentials=shared",
            &results,
        ]);
        let output = run(dir.path(), &arguments);
        // One block is too few for a verdict; what counts is what was written down.
        assert!(matches!(output.status.code(), Some(0 | 6)), "{}", errors(&output));
        let json = run_json(&run_folder(&dir.path().join(of.to_string())).expect("a run folder"));
        assert_eq!(json["ended_early"], serde_json::Value::Null, "{}", errors(&output));
        let seen = json["agents"].as_array().expect("agents");
        for (number, (seen, agent)) in seen.iter().zip(&agents).enumerate() {
            assert_eq!(seen["name"], format!("agent-{}", number + 1));
            assert_eq!(seen["address"], agent.1.to_string());
        }
        assert_eq!(seen.len(), of);
        for trial in json["trials"].as_array().expect("trials") {
            let rejected = trial["rejected"].as_str().unwrap_or_default();
            // A machine busy with tests may hear of a start too late, and says so.
            if rejected.contains("ms ago when it was told") {
                continue;
            }
            assert!(!rejected.contains("work mismatch"), "{trial}");
            assert!(!rejected.contains("agent lost"), "{trial}");
            let reports = trial["generator"]["agents"].as_array().expect("agents");
            let requests: Vec<_> =
                reports.iter().filter_map(|it| it["requests"].as_u64()).collect();
            assert_eq!((requests.len(), requests.iter().sum()), (of, 60_u64));
        }
    }
}

#[test]
fn an_agent_of_another_run_or_in_anothers_place_ends_the_run_before_a_request() {
    let dir = tempfile::tempdir().expect("a folder");
    made(dir.path(), "ours", 2);
    made(dir.path(), "theirs", 2);
    let mut agents = started(dir.path(), "ours", 2);
    let refused = |places: &str, folder: &str| {
        let folder = format!("--credentials={folder}");
        let output = run(dir.path(), &small(&["--blocks=1", places, &folder]));
        assert_eq!(output.status.code(), Some(4), "{}", errors(&output));
        errors(&output)
    };
    let said = refused(&at(&agents), "theirs");
    assert!(said.contains("generator: agent-1 at ") && said.contains("TLS: "), "{said}");
    agents.reverse();
    let said = refused(&at(&agents), "ours");
    assert!(said.contains("sa/agent-2, expected ") && said.contains("sa/agent-1"), "{said}");
    // Nobody is there.
    let places = at(&agents[..1]);
    drop(agents);
    let said = refused(&places, "ours");
    assert!(said.contains("agent-1 at ") && said.contains("refused"), "{said}");
}

#[test]
fn what_does_not_fit_together_is_refused_with_what_to_do() {
    let dir = tempfile::tempdir().expect("a folder");
    made(dir.path(), "shared", 1);
    for (arguments, expected) in [
        (&["--agents=127.0.0.1:1"][..], "`loadgen credentials --agents 1 DIR` makes them"),
        (&["--agents=2", "--credentials=shared"], "are started here are given theirs"),
        (&["--credentials=shared"], "--agents"),
        (&["--agents=127.0.0.1:1", "--credentials=nowhere"], "nowhere/coordinator.json"),
        (&["--agents=192.0.2.1:7070", "--credentials=shared"], "192.0.2.1:7070 is on another"),
        (&["--agents=a.invalid:1", "--credentials=shared"], "a.invalid:1: "),
        (&["--agents=127.0.0.1:0,:1", "--credentials=shared"], "`:1`: expected HOST:PORT"),
    ] {
        let output = run(dir.path(), &small(arguments));
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", errors(&output));
        assert!(errors(&output).contains(expected), "{expected}: {}", errors(&output));
        assert!(!dir.path().join("results").exists());
    }
    let again = run(dir.path(), &["credentials", "shared", "--agents=1"]);
    assert_eq!(again.status.code(), Some(2), "{}", errors(&again));
    assert!(errors(&again).contains("never written over"), "{}", errors(&again));
}

#[test]
fn credentials_are_their_owners_alone() {
    let dir = tempfile::tempdir().expect("a folder");
    made(dir.path(), "shared", 2);
    let mode = |name: &str| {
        let path = dir.path().join(name);
        path.metadata().expect("it is there").permissions().mode() & 0o777
    };
    assert_eq!(mode("shared"), 0o700);
    let mut names: Vec<String> = std::fs::read_dir(dir.path().join("shared"))
        .expect("a folder")
        .map(|entry| entry.expect("a file").file_name().to_string_lossy().into_owned())
        .collect();
    names.sort();
    assert_eq!(names, ["agent-1.json", "agent-2.json", "coordinator.json"]);
    for name in names {
        assert_eq!(mode(&format!("shared/{name}")), 0o600, "{name}");
    }
}
