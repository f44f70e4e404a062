//! Steps conducted with scripted tools: clusters in memory, no process, no time. Real processes under
//! scripts are in loadgen's tests of `loadgen cluster`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use scenarios::library;

use super::*;
use crate::kind::{Pins, Shape};

/// What every agent's secret has in it here.
const KEY: &str = "MC4CAQAwBQYDK2VwBCIEIJscripted";

/// Scripted docker, kind, helm and kubectl, with what they would know.
#[derive(Default)]
struct Script<'a> {
    /// Everything that was called, as a shell would read it.
    calls: Vec<String>,
    /// The call, from 0, that goes wrong after it did its work, and how.
    fault: Option<(usize, Why)>,
    /// A word of every command that goes wrong.
    broken: Option<&'a str>,
    clusters: BTreeSet<String>,
    /// Descriptions of releases, by kubeconfig and name.
    releases: BTreeMap<(String, String), String>,
    /// Manifests that are applied, by kubeconfig.
    applied: BTreeSet<(String, String)>,
    /// What was waited for, by kubeconfig.
    awaited: BTreeSet<(String, String)>,
}

impl Script<'_> {
    fn failing_at(call: usize, why: Why) -> Self {
        Self { fault: Some((call, why)), ..Self::default() }
    }

    fn forget(&mut self, config: &str) {
        self.releases.retain(|(at, _), _| at != config);
        self.applied.retain(|(at, _)| at != config);
        self.awaited.retain(|(at, _)| at != config);
    }

    /// What a tool answers; `None` when it fails.
    fn answer(&mut self, words: &[&str], input: &str) -> Option<String> {
        let after = |word: &str| {
            words.iter().position(|it| *it == word).and_then(|at| words.get(at + 1)).copied()
        };
        let config = after("--kubeconfig").unwrap_or_default().to_owned();
        let nothing = Some(String::new());
        match words {
            ["kind", "get", "clusters"] => {
                Some(self.clusters.iter().map(|name| format!("{name}\n")).collect())
            }
            ["kind", "create", ..] => {
                self.clusters.insert(after("--name")?.to_owned()).then(String::new)
            }
            ["kind", "delete", ..] => {
                self.clusters.remove(after("--name")?);
                self.forget(&config);
                nothing
            }
            ["helm", _, _, "status", name, ..] => {
                let made_of = self.releases.get(&(config, (*name).to_owned()))?;
                Some(format!("{{\"info\":{{\"description\":\"{made_of}\"}}}}"))
            }
            ["helm", _, _, "upgrade", _, name, ..] => {
                let made_of = after("--description")?.to_owned();
                self.releases.insert((config, (*name).to_owned()), made_of);
                nothing
            }
            ["helm", _, _, "uninstall", name, ..] => {
                self.releases.remove(&(config, (*name).to_owned()));
                nothing
            }
            ["kubectl", _, _, verb, rest @ ..] => self.kubectl(verb, rest, (config, input)),
            _ => nothing,
        }
    }

    fn kubectl(
        &mut self,
        verb: &str,
        rest: &[&str],
        (config, input): (String, &str),
    ) -> Option<String> {
        let (what, span) = rest.split_at(rest.len().saturating_sub(1));
        match (verb, rest) {
            ("diff", _) => {
                return self.applied.contains(&(config, input.to_owned())).then(String::new);
            }
            ("apply", _) => {
                self.applied.insert((config, input.to_owned()));
            }
            ("delete", ["namespace", ..]) => self.applied.retain(|(at, _)| *at != config),
            ("delete", _) => {
                self.applied.remove(&(config, input.to_owned()));
            }
            ("rollout" | "wait", _) => {
                let key = (config, what.join(" "));
                if span == ["1s"] {
                    return self.awaited.contains(&key).then(String::new);
                }
                self.awaited.insert(key);
            }
            _ => {}
        }
        Some(String::new())
    }
}

impl Commands for Script<'_> {
    fn call(&mut self, call: &Call<'_>) -> Result<Said, Unwell> {
        assert!(!call.within.is_zero());
        let unwell = |why| Err(Unwell { why, last_lines: vec![format!("a line with {KEY}")] });
        if call.stop.is_raised() {
            return unwell(Why::Stopped);
        }
        let index = self.calls.len();
        let line = shell(call.command);
        let broken = self.broken.is_some_and(|word| line.contains(word));
        self.calls.push(line);
        let words: Vec<&str> = call.command.iter().map(String::as_str).collect();
        let answer = self.answer(&words, call.input.unwrap_or_default());
        match (&self.fault, answer) {
            (Some((at, why)), _) if *at == index => {
                // What failed is not whole: helm writes a description of its own.
                if let ["helm", _, config, "upgrade", _, name, ..] = words[..] {
                    let key = (config.to_owned(), name.to_owned());
                    self.releases.insert(key, "Release failed".to_owned());
                }
                unwell(why.clone())
            }
            (_, Some(out)) if !broken => Ok(Said { out, took: Duration::from_secs(1) }),
            _ => unwell(Why::Failed("it ended with exit code 1".to_owned())),
        }
    }
}

/// Has a conductor do something with these tools.
fn conducted<T>(script: &mut Script<'_>, work: impl FnOnce(&mut Conductor<'_>) -> T) -> T {
    work(&mut Conductor {
        commands: script,
        secrets: &mut |_, name| Ok(format!("name: {name}\nkey: {KEY}\n")),
        watch: &mut |_| {},
        stop: StopFlag::default(),
    })
}

fn up(script: &mut Script<'_>, run: &ClusterRun) -> (Result<(), Fault>, Made) {
    let mut made = Made::default();
    let ended = conducted(script, |conductor| conductor.up(run, &mut made));
    (ended, made)
}

fn planned(name: &str) -> ClusterRun {
    let scenario = library::find(name, Path::new("/")).unwrap().scenario;
    let variants = scenario.testbeds["kind"].variants.clone();
    let place = (Shape::Small, Path::new("results/.kind"));
    ClusterRun::of(&scenario, &variants, &Pins::built_in(), place).unwrap()
}

/// The plans of all scenarios that name kind.
fn plans() -> Vec<ClusterRun> {
    let names = library::names(Path::new("/")).into_iter();
    let on_kind = |name: &String| {
        let scenario = library::find(name, Path::new("/")).unwrap().scenario;
        scenario.testbeds.contains_key("kind")
    };
    names.filter(on_kind).map(|name| planned(&name)).collect()
}

fn up_steps(run: &ClusterRun) -> Vec<&Step> {
    run.first.iter().chain(run.clusters.iter().flat_map(|cluster| &cluster.up)).collect()
}

/// What is called from nothing: of every step its question, where it has one, and its command.
fn expected(run: &ClusterRun) -> Vec<(&Step, bool, String)> {
    let mut calls = Vec::new();
    for step in up_steps(run) {
        let question = step.done.as_ref().map(|done| (step, true, shell(&done.command)));
        calls.extend(question);
        calls.push((step, false, shell(&step.command)));
    }
    calls
}

fn whys() -> [Why; 4] {
    [
        Why::Failed("it ended with exit code 1".to_owned()),
        Why::Late(Duration::from_secs(1)),
        Why::NotStarted("it is in no folder of PATH".to_owned()),
        Why::Stopped,
    ]
}

#[test]
fn from_nothing_every_step_is_asked_for_and_done_in_order() {
    for run in plans() {
        let mut script = Script::default();
        up(&mut script, &run).0.unwrap();
        let calls: Vec<String> = expected(&run).into_iter().map(|(_, _, line)| line).collect();
        assert_eq!(script.calls, calls);
        for standing in conducted(&mut script, |it| it.status(&run)).unwrap() {
            assert!(standing.is_up && standing.steps.iter().all(|(_, done)| *done));
        }
    }
}

#[test]
fn a_fault_at_any_call_is_told_and_leaves_nothing() {
    for run in plans() {
        for (index, (step, is_question, line)) in expected(&run).into_iter().enumerate() {
            for why in whys() {
                let mut script = Script::failing_at(index, why.clone());
                let (ended, made) = up(&mut script, &run);
                let says_no = matches!(why, Why::Failed(_) | Why::Late(_))
                    && step.done.as_ref().is_some_and(|done| done.says.may_fail());
                if is_question && says_no {
                    // Then the step is not done, and is.
                    ended.unwrap();
                    continue;
                }
                match ended.unwrap_err() {
                    Fault::Stopped => assert_eq!(why, Why::Stopped, "{line}"),
                    Fault::Testbed(error) => {
                        assert!(error.step.starts_with(&step.name), "{error}");
                        assert!(error.problem.contains(&format!("`{line}` {why}")), "{error}");
                        assert_eq!(error.hint, step.hint, "{error}");
                        assert!(!error.log_tail.is_empty(), "{error}");
                    }
                    other => panic!("{other}"),
                }
                let back = conducted(&mut script, |conductor| conductor.take_back(made));
                assert_eq!(back.left, [], "{line}");
                assert!(script.clusters.is_empty() && script.releases.is_empty(), "{line}");
            }
        }
    }
}

#[test]
fn a_second_call_goes_on_where_the_first_ended_and_leaves_what_it_found() {
    let run = planned("strict-mtls");
    let whole = expected(&run);
    let mut reference = Script::default();
    up(&mut reference, &run).0.unwrap();
    for (index, (step, is_question, line)) in whole.iter().enumerate() {
        if *is_question {
            continue;
        }
        let mut script = Script::failing_at(index, Why::Failed("killed".to_owned()));
        assert!(up(&mut script, &run).0.is_err());
        let (before, first) = (script.clusters.clone(), script.calls.len());
        script.fault = None;
        let (ended, made) = up(&mut script, &run);
        ended.unwrap();
        assert_eq!(script.clusters, reference.clusters);
        assert_eq!(script.releases, reference.releases, "{line}");
        assert_eq!(script.applied, reference.applied, "{line}");
        let again = &script.calls[first..];
        // What was done before the fault, and can be asked for, is not done again. Lines that differ
        // in what they read alone can not be told apart here; the manifests that stand are above.
        let once = |line: &str| whole.iter().filter(|(_, _, other)| other == line).count() == 1;
        for (done, question, line) in &whole[..index] {
            if done.done.is_some() && !question && once(line) {
                assert!(!again.contains(line), "{} is done again after {}", done.name, step.name);
            }
        }
        conducted(&mut script, |conductor| conductor.take_back(made));
        assert_eq!(script.clusters, before, "{line}");
    }
}

#[test]
fn a_cluster_that_is_up_is_taken_only_when_it_is_what_the_plan_wants() {
    let run = planned("strict-mtls");
    let take = |script: &mut Script<'_>| conducted(script, |it| it.take(&run, "make it so"));
    let mut script = Script::default();
    let refused = take(&mut script).unwrap_err().to_string();
    assert!(refused.contains("there is no such cluster"), "{refused}");
    up(&mut script, &run).0.unwrap();
    let calls = script.calls.len();
    take(&mut script).unwrap();
    // It was asked and nothing else.
    for line in &script.calls[calls..] {
        let asks = ["get clusters", "--output json", " diff ", "--timeout 1s"];
        assert!(asks.iter().any(|it| line.contains(it)), "{line}");
    }
    // Another version, or other values, is another description.
    let istiod = script.releases.iter_mut().find(|((_, name), _)| name == "istiod-1-25-5");
    *istiod.unwrap().1 = "as-planned:0123456789abcdef".to_owned();
    let Fault::Testbed(error) = take(&mut script).unwrap_err() else { panic!("not a testbed's") };
    assert_eq!(error.problem, "it is not what the plan wants; not done: install istiod-1-25-5");
    assert_eq!(error.hint, "make it so");
}

#[test]
fn a_variants_policies_go_again_unless_their_failure_is_to_be_looked_at() {
    let run = planned("strict-mtls");
    let cluster = &run.clusters[0];
    let round = cluster.rounds.iter().find(|round| !round.apply.is_empty()).unwrap();
    let failing = |script: &mut Script<'_>, look: bool| {
        conducted(script, |conductor| {
            conductor.under(round, look, |conductor| {
                conductor.stop.raise();
                Err::<(), _>(Fault::Stopped)
            })
        })
    };
    let mut script = Script::default();
    assert!(matches!(failing(&mut script, false), Err(Fault::Stopped)));
    assert!(script.applied.is_empty(), "a wish to stop leaves no policy");
    assert!(matches!(failing(&mut script, true), Err(Fault::Stopped)));
    assert_eq!(script.applied.len(), round.apply.len());
    let in_force = |script: &mut Script<'_>| {
        conducted(script, |conductor| conductor.under(round, false, |_| Ok(7)))
    };
    let mut script = Script::default();
    assert_eq!(in_force(&mut script).unwrap(), 7);
    assert!(script.applied.is_empty());
    script.broken = Some(" apply ");
    let Fault::Testbed(error) = in_force(&mut script).unwrap_err() else { panic!("another") };
    assert_eq!(error.step, round.apply[0].name);
}

#[test]
fn a_secret_is_given_to_its_step_and_told_to_nobody() {
    let run = planned("strict-mtls");
    let whole = expected(&run);
    let secret = whole.iter().position(|(step, question, _)| {
        !question && matches!(step.input, Some(Input::Secret { .. }))
    });
    let mut script = Script::failing_at(secret.unwrap(), Why::Failed("it failed".to_owned()));
    let Fault::Testbed(error) = up(&mut script, &run).0.unwrap_err() else { panic!("another") };
    assert_eq!(error.log_tail, ["a line with [secret]"]);
    assert!(script.applied.iter().any(|(_, manifest)| manifest.contains(KEY)));
    assert!(script.calls.iter().all(|line| !line.contains(KEY)));
}

#[test]
fn what_can_not_be_taken_back_is_named_and_the_rest_is_taken_back() {
    let mut runs = plans();
    runs.retain(|run| run.clusters.len() > 1);
    assert!(!runs.is_empty(), "two releases of Cilium are two clusters");
    for run in runs {
        let mut script = Script::default();
        let (ended, made) = up(&mut script, &run);
        ended.unwrap();
        assert!(!made.is_nothing());
        let first = &run.clusters[0];
        script.broken = Some(&run.clusters[0].name);
        let back = conducted(&mut script, |conductor| conductor.take_back(made));
        let [(command, why)] = back.left.as_slice() else { panic!("{back:?}") };
        assert_eq!(*command, shell(&first.down[0].command));
        assert!(why.contains("exit code 1") && why.contains("a line"), "{why}");
        let others: BTreeSet<String> =
            run.clusters[1..].iter().map(|cluster| cluster.name.clone()).collect();
        assert_eq!(back.clusters, others);
    }
}

#[test]
fn clusters_that_are_there_are_deleted_and_the_others_are_not_asked_to_go() {
    let run = planned("strict-mtls");
    let clusters = [run.clusters[0].name.clone(), "somebodys-own".to_owned()].into();
    let mut script = Script { clusters, ..Script::default() };
    let gone = conducted(&mut script, |conductor| conductor.down(&run)).unwrap();
    assert_eq!(gone, [run.clusters[0].name.clone()]);
    assert_eq!(script.clusters, ["somebodys-own".to_owned()].into());
    assert_eq!(script.calls.iter().filter(|line| line.contains("delete")).count(), 1);
    script.broken = Some("kind get clusters");
    let refused = conducted(&mut script, |conductor| conductor.down(&run)).unwrap_err();
    assert!(refused.to_string().contains("is it done already"), "{refused}");
}
