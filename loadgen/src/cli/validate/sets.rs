//! Which of the files are in force together: all that were named, but of a benchmark's scenario one
//! variant at a time, since no two of its variants ever are. It does not know what is in resources.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use policy::source::{Mistakes, documents};
use policy::validate::{Report, Settings, validate};
use scenarios::library;
use scenarios::scenario::Scenario;

use crate::cli::exit::Failure;
use crate::cli::variant_policies;

/// The file that makes a folder one of a scenario.
const SCENARIO_FILE: &str = "scenario.yaml";

/// Findings about an object and a release, or about everything, whatever else is in force: they are
/// told once for all sets.
const OF_ALL: [&str; 2] = ["GN004", "GN009"];

/// Paths of files, by what is in force together.
#[derive(Debug, Default)]
pub(super) struct Sets {
    /// The files that describe scenarios, which are no resources.
    scenarios: Vec<String>,
    /// Of each variant of each scenario that has any.
    variants: Vec<Vec<String>>,
    /// What no variant names.
    rest: Vec<String>,
}

impl Sets {
    /// Finds the scenarios among files, by path.
    pub(super) fn of(files: &BTreeMap<String, String>) -> Result<Self, Failure> {
        let (mut sets, mut wrong) = (Self::default(), Vec::new());
        for path in files.keys().filter(|path| is_scenario(path, &files[*path])) {
            let folder = Path::new(path).parent().unwrap_or_else(|| Path::new(""));
            let name = folder.join("").display().to_string();
            let name = if name.is_empty() { "./".to_owned() } else { name };
            match library::find(&name, Path::new("")) {
                Ok(found) => sets.take(path, folder, &found.scenario, files),
                Err(error) => wrong.push(error.to_string()),
            }
        }
        let named: BTreeSet<&String> =
            sets.scenarios.iter().chain(sets.variants.iter().flatten()).collect();
        sets.rest = files.keys().filter(|path| !named.contains(path)).cloned().collect();
        if wrong.is_empty() { Ok(sets) } else { Err(Failure::Usage(wrong.join("\n"))) }
    }

    fn take(
        &mut self,
        path: &str,
        folder: &Path,
        scenario: &Scenario,
        files: &BTreeMap<String, String>,
    ) {
        self.scenarios.push(path.to_owned());
        for variant in &scenario.variants {
            let paths = variant.policies.iter().map(|file| folder.join(file).display().to_string());
            let given: Vec<String> = paths.filter(|path| files.contains_key(path)).collect();
            // Twins of a ladder may have the same files.
            if !given.is_empty() && !self.variants.contains(&given) {
                self.variants.push(given);
            }
        }
    }

    /// Checks each set by itself. What is found in several is told once, and an object that is in
    /// several is counted once.
    pub(super) fn check(&self, files: &BTreeMap<String, String>, settings: &Settings) -> Report {
        let texts = |paths: &[String]| -> Vec<(String, &String)> {
            paths.iter().filter_map(|path| Some((path.clone(), files.get(path)?))).collect()
        };
        if self.variants.is_empty() {
            return validate(&texts(&self.rest), settings);
        }
        let all: BTreeSet<&String> = self.variants.iter().flatten().chain(&self.rest).collect();
        let all: Vec<String> = all.into_iter().cloned().collect();
        let mut whole = validate(&texts(&all), settings);
        let of_all = |id: &str| OF_ALL.contains(&id);
        whole.findings.retain(|finding| of_all(finding.check.id));
        whole.not_evaluated.clear();
        let rest = (!self.rest.is_empty()).then(|| validate(&texts(&self.rest), settings));
        let variants = self.variants.iter().map(|of| variant_policies::check(&texts(of), settings));
        for mut report in variants.chain(rest) {
            report.findings.retain(|finding| !of_all(finding.check.id));
            whole.take_in(report);
        }
        whole
    }

    /// What is in force is asked of one set of files.
    pub(super) fn is_one(&self) -> Result<(), Failure> {
        let Some(first) = self.scenarios.first() else { return Ok(()) };
        Err(Failure::Usage(format!(
            "{first}: a scenario, whose variants are never in force together; name the files of one \
             variant instead of the folder"
        )))
    }
}

/// Whether a file is one of ours: others may give theirs the same name.
fn is_scenario(path: &str, text: &str) -> bool {
    if Path::new(path).file_name().is_none_or(|name| name != SCENARIO_FILE) {
        return false;
    }
    let documents = documents(text, &mut Mistakes::new(path)).unwrap_or_default();
    let has = |key: &str| documents.first().is_some_and(|one| one.root.member(key).is_some());
    documents.len() == 1 && has("schema") && has("variants")
}
