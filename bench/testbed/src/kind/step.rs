//! A step of a cluster run as data: what is called, with what, for how long, and what then. Runs
//! nothing.

use std::time::Duration;

use serde_json::Value;

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
    Secret {
        /// Which one, e.g. `agent-istio-1-24`: whoever conducts the steps has it made.
        name: String,
        /// What it is, for people.
        what: String,
    },
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
    /// What is looked at then without being asked, since it may be gone afterwards.
    pub look: Option<Vec<String>>,
    /// What takes it back; `None` where taking back an earlier step does.
    pub undo: Option<Undo>,
}

/// How it is told that a step is done: asked of the cluster itself, so that a second call goes on
/// where the first one ended, however it came to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Done {
    /// Program and arguments.
    pub command: Vec<String>,
    /// Whether it reads what the step reads.
    pub reads: bool,
    /// What it answers exactly when the step is done.
    pub says: Says,
}

/// What a command answers when a step is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Says {
    /// It ends well; when it fails the step is not done.
    Well,
    /// This line. When it fails nobody knows, and what may be there is not done over.
    Line(String),
    /// A JSON document with this text at this place (RFC 6901); when it fails the step is not done.
    Field(&'static str, String),
}

impl Says {
    /// Whether the output of a command that ended well means that the step is done.
    #[must_use]
    pub fn is_in(&self, output: &str) -> bool {
        match self {
            Self::Well => true,
            Self::Line(line) => output.lines().any(|it| it.trim() == line),
            Self::Field(place, text) => serde_json::from_str::<Value>(output)
                .is_ok_and(|it| it.pointer(place).and_then(Value::as_str) == Some(text)),
        }
    }

    /// Whether a command that fails means that the step is not done.
    #[must_use]
    pub fn may_fail(&self) -> bool {
        !matches!(self, Self::Line(_))
    }
}

/// What takes a step back.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Undo {
    /// Program and arguments; well too when there is nothing to take back.
    pub command: Vec<String>,
    /// Whether all that was done after it in the same cluster goes with it.
    pub whole: bool,
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
            look: None,
            undo: None,
        }
    }

    /// With a text on its standard input.
    #[must_use]
    pub fn reading(mut self, name: impl Into<String>, text: impl Into<String>) -> Self {
        self.input = Some(Input::Text { name: name.into(), text: text.into() });
        self
    }

    /// With a question by which it is found done.
    #[must_use]
    pub fn done(mut self, command: Vec<String>, says: Says) -> Self {
        self.done = Some(Done { command, reads: false, says });
        self
    }

    /// With what takes it back.
    #[must_use]
    pub fn undo(mut self, command: Vec<String>) -> Self {
        self.undo = Some(Undo { command, whole: false });
        self
    }

    /// With what is looked at when it fails.
    #[must_use]
    pub fn look(mut self, command: Vec<String>) -> Self {
        self.look = Some(command);
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_a_whole_line_and_a_field_stands_at_its_place() {
        let line = Says::Line("loadgen-istio".to_owned());
        assert!(line.is_in("kind\nloadgen-istio\n") && !line.is_in("loadgen-istio-2\n"));
        let field = Says::Field("/info/description", "as-planned:01".to_owned());
        assert!(field.is_in(r#"{"info":{"description":"as-planned:01","status":"deployed"}}"#));
        for other in [r#"{"description":"as-planned:01"}"#, "as-planned:01", ""] {
            assert!(!field.is_in(other), "{other}");
        }
        assert!(Says::Well.is_in(""));
    }

    #[test]
    fn only_a_line_needs_an_answer() {
        assert!(Says::Well.may_fail() && Says::Field("/a", String::new()).may_fail());
        assert!(!Says::Line(String::new()).may_fail());
    }
}
