//! `loadgen agent` and `loadgen --agents N` as processes.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Stdio};
use std::time::Duration;

use bench::seams::Generator;
use loadgen::agent::fleet::{AgentAt, Listening};
use rustix::process::Signal;
use scenarios::load::Arrivals;

use crate::rig::{authority, endpoint, generator, origin, trial};
use crate::support::{
    SMALL, alive, children_of, errors, loadgen, run, run_folder, run_json, signal, start,
    trials_kept, wait_for,
};

/// Starts an agent, and waits until it listens.
pub(crate) fn agent(dir: &Path, arguments: &[&str]) -> (Child, std::net::SocketAddr) {
    let mut command = loadgen(dir, &[&["agent"], arguments].concat());
    let mut child = command.stdout(Stdio::piped()).spawn().expect("the binary starts");
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    let Listening { listening } = serde_json::from_str(&line).expect("where it listens");
    (child, listening)
}

pub(crate) fn small<'a>(more: &[&'a str]) -> Vec<&'a str> {
    let head = ["--scenario=strict-mtls", "--testbed=embedded"];
    head.iter().chain(SMALL).chain(more).copied().collect()
}

#[test]
fn an_agent_with_its_credentials_in_a_file_serves_once_and_ends() {
    let dir = tempfile::tempdir().expect("a folder");
    let authority = authority();
    let document = authority.agent("agent-1").expect("a plain name");
    std::fs::write(dir.path().join("agent.json"), document).expect("written");
    let (mut child, address) = agent(dir.path(), &["--credentials=agent.json", "--once"]);
    let places = vec![AgentAt { name: "agent-1".to_owned(), address }];
    let mut generator = generator(places, &authority);
    let (server, origin) = origin(0);
    let record = generator.run(&trial(Arrivals::Poisson, 300), &endpoint(origin));
    let record = record.expect("a trial");
    assert_eq!(record.generator.agents_lost, Vec::<String>::new());
    assert_eq!(generator.agents()[0].loadgen, env!("CARGO_PKG_VERSION"));
    assert!(child.wait().expect("it ends").success());
    let sent = record.counts.offered + record.generator.warm_up_requests;
    assert_eq!(server.stop().expect("it served").requests, sent);
}

#[test]
fn an_agent_with_its_credentials_on_standard_input_ends_with_it() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut command = loadgen(dir.path(), &["agent", "--credentials=-"]);
    command.stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut child = command.spawn().expect("the binary starts");
    let mut input = child.stdin.take().expect("it is piped");
    let document = authority().agent("agent-1").expect("a plain name");
    writeln!(input, "{document}").expect("it reads");
    let mut line = String::new();
    let output = child.stdout.take().expect("it is piped");
    BufReader::new(output).read_line(&mut line).expect("a line");
    assert!(line.starts_with("{\"listening\":\"127.0.0.1:"), "{line}");
    drop(input);
    assert!(child.wait().expect("it ends").success());
}

#[test]
fn credentials_that_are_none_are_refused_before_anything_listens() {
    let dir = tempfile::tempdir().expect("a folder");
    std::fs::write(dir.path().join("agent.json"), "{\"identity\":1}").expect("written");
    for (arguments, expected) in [
        (vec!["agent"], "--credentials"),
        (vec!["agent", "--credentials=nowhere.json"], "--credentials nowhere.json: "),
        (vec!["agent", "--credentials=agent.json"], "expected the credentials that a coordinator"),
        (vec!["agent", "--credentials=agent.json", "--max-rate=0"], "expected a rate from 0.1"),
    ] {
        let output = run(dir.path(), &arguments);
        assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
        assert!(errors(&output).contains(expected), "{expected}: {}", errors(&output));
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn a_run_through_agents_is_a_run_like_any_other_and_says_who_sent() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = small(&["--blocks=1", "--variants=sidecar-plaintext,strict", "--agents=2"]);
    let output = run(dir.path(), &arguments);
    // One block is too few for a verdict; what counts is what was written down.
    assert!(matches!(output.status.code(), Some(0 | 6)), "{}", errors(&output));
    let folder = run_folder(dir.path()).expect("a run folder");
    let json = run_json(&folder);
    assert_eq!(json["ended_early"], serde_json::Value::Null, "{}", errors(&output));
    let names: Vec<&str> = json["agents"]
        .as_array()
        .expect("agents")
        .iter()
        .map(|agent| agent["name"].as_str().expect("a name"))
        .collect();
    assert_eq!(names, ["agent-1", "agent-2"]);
    assert!(json["provenance"]["notes"]["agents"].as_str().is_some_and(|n| n.starts_with("2: ")));
    let trials = json["trials"].as_array().expect("trials");
    assert!(trials.len() >= 3);
    for trial in trials {
        let rejected = trial["rejected"].as_str().unwrap_or_default();
        // A machine busy with tests may hear of a start too late, and says so.
        if rejected.contains("ms ago when it was told") {
            continue;
        }
        let agents = trial["generator"]["agents"].as_array().expect("agents");
        let requests: u64 = agents.iter().filter_map(|agent| agent["requests"].as_u64()).sum();
        assert_eq!(Some(requests), trial["offered"].as_u64(), "{trial}");
        assert_eq!(requests, 60);
        assert_eq!(agents.len(), 2);
        assert!(agents.iter().all(|agent| agent["clock_uncertainty_us"].is_number()));
        // The origin's own count is held against what the agents say together.
        assert!(!rejected.contains("work mismatch"), "{trial}");
        assert!(!rejected.contains("agent lost"), "{trial}");
    }
    assert!(folder.join("logs/agent-1-1.log").is_file());
    let again = run(dir.path(), &["report", folder.to_str().expect("text")]);
    assert_eq!(again.status.code(), Some(0), "{}", errors(&again));
}

#[test]
fn an_agent_that_is_killed_costs_its_trial_and_is_started_again() {
    let dir = tempfile::tempdir().expect("a folder");
    let arguments = small(&[
        "--blocks=500",
        "--variants=sidecar-plaintext,strict",
        "--agents=2",
        "--duration=1500ms",
    ]);
    let arguments: Vec<&str> =
        arguments.into_iter().filter(|argument| *argument != "--duration=300ms").collect();
    let child = start(dir.path(), &arguments);
    let rejected = || {
        let json = run_json(&run_folder(dir.path())?);
        let trials = json["trials"].as_array()?.clone();
        let at = trials.iter().position(|trial| {
            trial["rejected"].as_str().is_some_and(|why| why.contains("it was ended by signal 9"))
        })?;
        Some((trials[at].clone(), trials.len() - at - 1))
    };
    // A kill that falls between two trials costs none: then another one is made.
    for kills in 1..7 {
        let kept = trials_kept(dir.path());
        wait_for("a trial", || (trials_kept(dir.path()) > kept).then_some(()));
        if rejected().is_some() {
            break;
        }
        assert!(kills < 6, "no kill fell into a trial");
        // Mostly well into the next trial; where it is not, the next kill is.
        std::thread::sleep(Duration::from_millis(700));
        let agent = wait_for("the agent", || {
            let children = children_of(child.id());
            children.into_iter().find(|(_, command)| command.contains(" agent --credentials"))
        });
        signal(agent.0, Signal::KILL);
    }
    let (trial, _) = rejected().expect("a rejected trial");
    let why = trial["rejected"].as_str().expect("a reason");
    assert!(why.starts_with("agent lost: agent-"), "{why}");
    assert_eq!(trial["admitted"], false);
    // The trials behind it are sent by two agents again.
    wait_for("a trial of both", || {
        let json = run_json(&run_folder(dir.path())?);
        let trials = json["trials"].as_array()?;
        let at = trials.iter().position(|one| {
            one["position"] == trial["position"] && one["block"] == trial["block"]
        })?;
        let by_both = |one: &serde_json::Value| {
            one["generator"]["agents"].as_array().map(Vec::len) == Some(2)
        };
        trials[at + 1..].iter().any(by_both).then_some(())
    });
    let children = children_of(child.id());
    signal(i32::try_from(child.id()).expect("a pid"), Signal::INT);
    let output = child.wait_with_output().expect("it ends");
    assert_eq!(output.status.code(), Some(130), "{}", errors(&output));
    for (pid, command) in children {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
}

#[test]
fn kill_9_of_the_coordinator_leaves_no_agent() {
    let dir = tempfile::tempdir().expect("a folder");
    let mut child = start(
        dir.path(),
        &small(&["--blocks=500", "--variants=sidecar-plaintext,strict", "--agents=2"]),
    );
    wait_for("a trial", || (trials_kept(dir.path()) >= 1).then_some(()));
    let children = children_of(child.id());
    let agents = children.iter().filter(|(_, command)| command.contains(" agent --credentials"));
    assert_eq!(agents.count(), 2, "{children:?}");
    child.kill().expect("it can be killed");
    child.wait().expect("it ends");
    for (pid, command) in children {
        wait_for(&command, || (!alive(pid)).then_some(()));
    }
}

#[test]
fn more_agents_than_connections_are_refused() {
    let dir = tempfile::tempdir().expect("a folder");
    let output = run(dir.path(), &small(&["--agents=5", "--dry-run"]));
    assert_eq!(output.status.code(), Some(2), "{}", errors(&output));
    assert!(errors(&output).contains("--agents 5: each needs a connection, and there are 4"));
    let output = run(dir.path(), &small(&["--agents=4", "--dry-run"]));
    assert_eq!(output.status.code(), Some(0), "{}", errors(&output));
    assert!(String::from_utf8_lossy(&output.stdout).contains("sent by 4 agents"));
}
