//! A folder in memory and a scenario that uses every key. Knows no expectation.
#![allow(dead_code, clippy::allow_attributes, reason = "each test program uses its own part")]

use std::collections::BTreeMap;

use policy::source::Mistakes;
use scenarios::file::{self, Folder, SCENARIO_FILE, Unreadable};
use scenarios::scenario::Scenario;

/// A scenario that uses every key of the form once at least.
pub(crate) const COMPLETE: &str = include_str!("complete.yaml");

const DISABLE: &str = "\
apiVersion: security.istio.io/v1
kind: PeerAuthentication
metadata: {name: default, namespace: loadgen-bench}
spec: {mtls: {mode: DISABLE}}
";

pub(crate) struct Memory {
    files: BTreeMap<String, Vec<u8>>,
}

impl Memory {
    /// The folder of [`COMPLETE`] with another text of the scenario.
    pub(crate) fn with(scenario: impl Into<Vec<u8>>) -> Self {
        let mut files = BTreeMap::new();
        files.insert(SCENARIO_FILE.to_owned(), scenario.into());
        files.insert("policies/istio/disable.yaml".to_owned(), DISABLE.into());
        Self { files }
    }

    pub(crate) fn and(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.into());
        self
    }
}

impl Folder for Memory {
    fn name(&self) -> &str {
        "complete"
    }

    fn path_of(&self, file: &str) -> String {
        format!("complete/{file}")
    }

    fn read(&self, file: &str) -> Result<Vec<u8>, Unreadable> {
        self.files.get(file).cloned().ok_or(Unreadable::Missing)
    }
}

/// Reads a scenario's text in the folder of [`COMPLETE`].
pub(crate) fn read(text: &str) -> Result<Scenario, Mistakes> {
    file::read(&Memory::with(text))
}

/// The complete scenario with each of the texts replaced where it occurs first.
pub(crate) fn edited(edits: &[(&str, &str)]) -> String {
    edits.iter().fold(COMPLETE.to_owned(), |text, (from, to)| {
        assert!(text.contains(from), "the complete scenario has no {from:?}");
        text.replacen(from, to, 1)
    })
}
