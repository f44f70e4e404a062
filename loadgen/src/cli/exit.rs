//! How a command ends: one failure type, one table of exit codes. The messages are written where
//! the failures are.

use bench::conduct::Fault;

/// A documented way to end other than well.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// A bug, or results that could not be written.
    #[error("{0}")]
    Internal(String),
    /// What was typed, or a scenario that can not be read.
    #[error("{0}")]
    Usage(String),
    /// Resources that do not hold what they should.
    #[error("{0}")]
    Findings(String),
    /// The place is not there or broke.
    #[error("{0}")]
    Testbed(String),
    /// A variant is not what it seems.
    #[error("{0}")]
    Unproven(String),
    /// Nothing that was measured can be believed.
    #[error("{0}")]
    NoMeasurement(String),
    /// A threshold is not kept, or can not be told.
    #[error("{0}")]
    GateFailed(String),
    /// Somebody pressed Ctrl-C.
    #[error("{0}")]
    Interrupted(String),
}

impl Failure {
    /// The exit code, as documented in `--help` and the README.
    #[must_use]
    pub fn code(&self) -> u8 {
        match self {
            Self::Internal(_) => 1,
            Self::Usage(_) => 2,
            Self::Findings(_) => 3,
            Self::Testbed(_) => 4,
            Self::Unproven(_) => 5,
            Self::NoMeasurement(_) => 6,
            Self::GateFailed(_) => 7,
            Self::Interrupted(_) => 130,
        }
    }

    /// The same end with more to say about it.
    #[must_use]
    pub fn with(mut self, more: &str) -> Self {
        match &mut self {
            Self::Internal(text)
            | Self::Usage(text)
            | Self::Findings(text)
            | Self::Testbed(text)
            | Self::Unproven(text)
            | Self::NoMeasurement(text)
            | Self::GateFailed(text)
            | Self::Interrupted(text) => text.push_str(more),
        }
        self
    }
}

impl From<Fault> for Failure {
    fn from(fault: Fault) -> Self {
        match fault {
            Fault::Testbed(error) => {
                let mut text = error.to_string();
                if !error.log_tail.is_empty() {
                    text.push_str("\n  it said last:");
                    for line in &error.log_tail {
                        text.push_str("\n    | ");
                        text.push_str(line);
                    }
                }
                Self::Testbed(with_hint(text, &error.hint))
            }
            Fault::Unproven(proof) => Self::Unproven(with_hint(
                Fault::Unproven(proof).to_string(),
                "nothing is measured under a posture that does not hold; see the policies that the variant names",
            )),
            Fault::Generator(error) => {
                let hint = error.hint.clone();
                Self::Testbed(with_hint(error.to_string(), &hint))
            }
            Fault::Sink(error) => Self::Internal(with_hint(
                error.to_string(),
                "what was kept before is complete; free space or choose another folder with --results",
            )),
            Fault::Stopped => {
                Self::Interrupted("interrupted; what was measured is kept".to_owned())
            }
        }
    }
}

fn with_hint(mut text: String, hint: &str) -> String {
    if !hint.is_empty() {
        text.push_str("\n  help: ");
        text.push_str(hint);
    }
    text
}
