//! `loadgen list`: the scenarios, and the testbeds with what each finds and misses here.

use std::fmt::Write as _;
use std::path::Path;

use scenarios::library;
use serde::Serialize;
use testbed::envoy::found::{Build, Found};
use testbed::provenance::allowed_cores;

/// Everything that can be chosen.
#[derive(Debug, Serialize)]
pub struct Listing {
    scenarios: Vec<ListedScenario>,
    testbeds: Vec<ListedTestbed>,
}

#[derive(Debug, Serialize)]
struct ListedScenario {
    name: String,
    title: String,
    testbeds: Vec<String>,
    /// Why it can not be read; `null` when it can.
    unreadable: Option<String>,
}

#[derive(Debug, Serialize)]
struct ListedTestbed {
    name: &'static str,
    ready: bool,
    about: String,
    /// What was found of what it needs, each in a line; and what looks like it and is not.
    found: Vec<String>,
}

impl Listing {
    /// What there is, seen from a directory, with the Envoys that were found.
    #[must_use]
    pub fn of(current_dir: &Path, envoys: &Found) -> Self {
        let scenarios = library::names(current_dir)
            .into_iter()
            .map(|name| match library::find(&name, current_dir) {
                Ok(found) => ListedScenario {
                    title: found.scenario.title,
                    testbeds: found.scenario.testbeds.into_keys().collect(),
                    unreadable: None,
                    name,
                },
                Err(error) => ListedScenario {
                    name,
                    title: String::new(),
                    testbeds: Vec::new(),
                    unreadable: Some(error.to_string()),
                },
            })
            .collect();
        Self { scenarios, testbeds: testbeds(envoys) }
    }

    /// For people.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = String::from("scenarios\n");
        for scenario in &self.scenarios {
            // Writing to a String can not fail.
            let _ = match &scenario.unreadable {
                None => writeln!(
                    text,
                    "  {:<16} {}  [{}]",
                    scenario.name,
                    scenario.title,
                    scenario.testbeds.join(", ")
                ),
                Some(why) => writeln!(text, "  {:<16} can not be read:\n{why}", scenario.name),
            };
        }
        text.push_str("\ntestbeds\n");
        for testbed in &self.testbeds {
            let state = if testbed.ready { "ready" } else { "not here" };
            let _ = writeln!(text, "  {:<16} {:<9} {}", testbed.name, state, testbed.about);
            for line in &testbed.found {
                let _ = writeln!(text, "{:29}{line}", "");
            }
        }
        text
    }
}

fn testbeds(envoys: &Found) -> Vec<ListedTestbed> {
    let cores = allowed_cores().len();
    let shared = if cores < 2 { "; one core: generator and subject share it" } else { "" };
    let listed =
        |name, ready, about: String| ListedTestbed { name, ready, about, found: Vec::new() };
    let absent = |name| listed(name, false, "not part of this version".to_owned());
    vec![
        listed(
            "embedded",
            true,
            format!("loadgen's own sidecars as processes, not Istio; {cores} cores{shared}"),
        ),
        envoy(envoys),
        listed(
            "kind",
            false,
            "clusters are made, see `loadgen cluster`; nothing is measured there in this version"
                .to_owned(),
        ),
        absent("cluster"),
    ]
}

fn envoy(envoys: &Found) -> ListedTestbed {
    let ready = !envoys.builds.is_empty();
    let about = if ready {
        "stock Envoy processes on this machine, told what Istio's sidecars are told"
    } else {
        "no Envoy: `scripts/get-envoy 1.40.0` installs one; or put `envoy` on PATH, or name one \
         with LOADGEN_ENVOY=/path/to/envoy"
    };
    let build = |build: &Build| {
        let warning = if build.clean { "" } else { ": its sources were MODIFIED" };
        format!("{build}{warning}")
    };
    let problems = envoys.problems.iter().map(|problem| format!("not usable: {problem}"));
    let found = envoys.builds.iter().map(build).chain(problems).collect();
    ListedTestbed { name: "envoy", ready, about: about.to_owned(), found }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_missing_is_said_with_what_to_do_about_it() {
        let none = Found { builds: Vec::new(), problems: vec!["/opt/envoy: broken".to_owned()] };
        let text = Listing { scenarios: Vec::new(), testbeds: testbeds(&none) }.text();
        assert!(text.contains("envoy            not here  no Envoy: `scripts/get-envoy"), "{text}");
        assert!(text.contains("not usable: /opt/envoy: broken"), "{text}");
    }

    #[test]
    fn each_envoy_is_listed_and_a_modified_one_is_flagged() {
        let build = |version: &str, clean| Build {
            path: "/opt/envoy".into(),
            version: version.to_owned(),
            commit: "0123456789abcdef".to_owned(),
            clean,
            kind: "RELEASE".to_owned(),
            tls: "BoringSSL".to_owned(),
        };
        let builds = vec![build("1.40.0", true), build("1.38.3", false)];
        let found = Found { builds, problems: Vec::new() };
        let text = Listing { scenarios: Vec::new(), testbeds: testbeds(&found) }.text();
        for line in [
            "envoy            ready     stock Envoy",
            "Envoy 1.40.0 (0123456789ab, Clean, RELEASE, BoringSSL) at /opt/envoy\n",
            "BoringSSL) at /opt/envoy: its sources were MODIFIED",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }
}
