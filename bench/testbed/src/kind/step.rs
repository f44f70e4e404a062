//! A step of a cluster run as data: what is called, with what, for how long, and what then. Runs
//! nothing.

use std::time::Duration;

/// What is given to a command on its standard input.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A file of this project or of the scenario, by its path, or a manifest made here, by what it is.
    Text {
        /// e.g. `scenarios/strict-mtls/policies/istio/strict.yaml`.
        name: String,
        /// Word for word.
        text: String,
    },
    /// What is made for a run alone and shown to nobody.
    Secret(String),
}

/// One command and what belongs to it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Step {
    /// In a few words, e.g. `create the cluster loadgen-istio`.
    pub name: String,
    /// Program and arguments.
    pub command: Vec<String>,
    /// What it reads.
    pub input: Option<Input>,
    /// It is ended after that long.
    pub deadline: Duration,
    /// How to tell that it need not be done; `None` for what can be done twice without harm.
    pub done: Option<Done>,
    /// What to look at when it fails.
    pub hint: &'static str,
    /// What takes it back; `None` where taking back an earlier step does.
    pub undo: Option<Vec<String>>,
}

/// A command, and the word that its output has exactly when a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Program and arguments.
    pub command: Vec<String>,
    /// As a line, or a part of one, of its output.
    pub says: String,
}

impl Step {
    /// A step that can be done twice without harm and is taken back with its cluster.
    #[must_use]
    pub fn new(name: impl Into<String>, command: Vec<String>, seconds: u64) -> Self {
        Self {
            name: name.into(),
            command,
            input: None,
            deadline: Duration::from_secs(seconds),
            done: None,
            hint: "",
            undo: None,
        }
    }

    /// With a text on its standard input.
    #[must_use]
    pub fn reading(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.input = Some(Input::Text { name: name.into(), text: text.into() });
        self
    }

    /// With what to look at when it fails.
    #[must_use]
    pub fn hint(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }
}

/// A command line from words; a word never has spaces of its own here.
#[must_use]
pub(super) fn words(line: &str) -> Vec<String> {
    line.split_whitespace().map(str::to_owned).collect()
}
