//! `loadgen list`: the scenarios, and the testbeds with what each finds and misses here.

use std::fmt::Write as _;
use std::path::Path;

use scenarios::library;
use serde::Serialize;
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
}

impl Listing {
    /// What there is, seen from a directory.
    #[must_use]
    pub fn of(current_dir: &Path) -> Self {
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
        Self { scenarios, testbeds: testbeds() }
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
        }
        text
    }
}

fn testbeds() -> Vec<ListedTestbed> {
    let cores = allowed_cores().len();
    let shared = if cores < 2 { "; one core: generator and subject share it" } else { "" };
    let absent =
        |name| ListedTestbed { name, ready: false, about: "not part of this version".to_owned() };
    vec![
        ListedTestbed {
            name: "embedded",
            ready: true,
            about: format!("loadgen's own sidecars as processes, not Istio; {cores} cores{shared}"),
        },
        absent("envoy"),
        ListedTestbed {
            name: "kind",
            ready: false,
            about: "only its plan, by --dry-run; no run in clusters in this version".to_owned(),
        },
        absent("cluster"),
    ]
}
