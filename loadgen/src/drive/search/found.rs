//! What a search came to: its steps as a table, its answer as a sentence, and both as a document.
//! Decides nothing.

use bench::report::figures;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::bracket::{Bracket, Decision};
use crate::drive::document::schema_of;
use crate::drive::words;

/// One rate that was tested.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Step {
    /// Requests a second.
    pub rate: f64,
    /// How long each batch was, without its warm-up.
    pub batch_s: f64,
    /// Batches that it was decided from.
    pub batches: usize,
    /// Batches that were no observation, since the generator was late or missed the rate.
    pub spoilt: usize,
    /// For each objective the share of requests beyond its limit, 0 to 1; `null` when no batch is
    /// usable.
    pub shares: Vec<Option<f64>>,
    /// What it came to; `null` when the search ended before.
    pub decision: Option<Decision>,
}

/// Why a search ended.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Ending {
    /// The limit is known as precisely as asked, but for what is undecided.
    Precise,
    /// Not even the first rate holds.
    NothingHolds,
    /// No rate fails, up to the highest that can be asked for.
    NothingFails,
    /// The generator is the limit, not the server.
    Generator {
        /// Requests a second at which it was.
        rate: f64,
        /// What it could not.
        why: String,
    },
    /// So many rates were tested as a search may test.
    OutOfSteps,
    /// It took as long as it may.
    OutOfTime,
    /// A stop was asked for.
    Stopped,
}

impl Ending {
    /// Of a search that has nothing more to ask.
    pub(super) fn of(bracket: &Bracket) -> Self {
        match (bracket.holds, bracket.fails) {
            (None, _) => Self::NothingHolds,
            (Some(_), None) => Self::NothingFails,
            (Some(_), Some(_)) => Self::Precise,
        }
    }
}

/// Raised when a field changes its meaning or disappears.
pub const SCHEMA_VERSION: u32 = 1;

/// The schema of a search's document; the committed copy is `loadgen/schema/find-max.schema.json`.
#[must_use]
pub fn schema() -> String {
    schema_of::<Found>()
}

/// The answer of a search. Rates are requests a second, times seconds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Found {
    /// See [`SCHEMA_VERSION`].
    pub schema_version: u32,
    /// What was to hold, all of it.
    pub objectives: Vec<String>,
    /// The probability, at most, that any rate was decided wrongly; 0 to 1.
    pub error: f64,
    /// What is known of the limit.
    pub bracket: Bracket,
    /// The rates that were tested, in order.
    pub steps: Vec<Step>,
    /// Why it ended.
    pub ending: Ending,
    /// The time that all batches took.
    pub took_s: f64,
}

impl Found {
    /// How the command ends: 0 when a rate holds, 6 when the generator was the limit before any did,
    /// 7 when not even the first rate is known to hold, 130 when it was stopped.
    #[must_use]
    pub fn exit_code(&self) -> u8 {
        match (&self.ending, self.bracket.holds) {
            (Ending::Stopped, _) => 130,
            (_, Some(_)) => 0,
            (Ending::Generator { .. }, None) => 6,
            (_, None) => 7,
        }
    }

    /// The document of `--output json`.
    #[must_use]
    pub fn to_json(&self) -> String {
        let mut text = serde_json::to_string_pretty(self).expect("finite numbers and names only");
        text.push('\n');
        text
    }

    /// A table of the steps and the answer.
    #[must_use]
    pub fn text(&self) -> String {
        let mut text = format!(
            "{:>12} {:>8}  {:<10} share beyond {}\n",
            "rate",
            "batches",
            "decision",
            self.objectives.join(" · ")
        );
        for step in &self.steps {
            text.push_str(&format!("{step}\n"));
        }
        text.push('\n');
        text.push_str(&self.answer());
        text.push('\n');
        text
    }

    /// The answer, with its error rate and what limits it.
    #[must_use]
    pub fn answer(&self) -> String {
        let what = self.objectives.join(" and ");
        let rate = figures::rate;
        let Bracket { holds, fails, undecided, start, .. } = self.bracket;
        let mut answer = match (holds, fails) {
            (Some(holds), Some(fails)) => {
                format!("{what} holds at {} and fails at {}", rate(holds), rate(fails))
            }
            (Some(holds), None) => format!("{what} holds at {}", rate(holds)),
            (None, Some(fails)) if undecided.is_none() && fails <= start => {
                format!("{what} fails at {}, the lowest rate of the search", rate(fails))
            }
            (None, Some(fails)) => {
                format!("{what} is not known to hold at any rate, and fails at {}", rate(fails))
            }
            (None, None) => format!("{what} is not known to hold or to fail at any rate"),
        };
        if let Some((from, to)) = undecided {
            let rates = if from < to {
                format!("from {} to {}", rate(from), rate(to))
            } else {
                format!("at {}", rate(from))
            };
            answer.push_str(&format!("; {rates} it is too close to tell"));
        }
        if holds.is_some() || fails.is_some() {
            answer.push_str(&format!(
                ". The whole search decides a rate wrongly with a probability of at most {}",
                words::share(self.error)
            ));
        }
        answer.push('.');
        answer.push_str(&self.why_it_ended());
        answer
    }

    fn why_it_ended(&self) -> String {
        match &self.ending {
            Ending::Precise => String::new(),
            Ending::NothingHolds => {
                " Give a lower --rate to begin with, or a limit that can be met.".to_owned()
            }
            Ending::NothingFails => " No higher rate can be asked for.".to_owned(),
            Ending::Generator { rate, why } => format!(
                " It ended at {}: the generator, not the server, is the limit here ({why}).",
                figures::rate(*rate)
            ),
            Ending::OutOfSteps => " It ended early, after as many rates as it may test.".to_owned(),
            Ending::OutOfTime => {
                format!(" It ended early, after {}.", figures::seconds(self.took_s.round()))
            }
            Ending::Stopped => " It was stopped before its end.".to_owned(),
        }
    }
}

impl std::fmt::Display for Step {
    /// A row of the table, also usable as a line of progress.
    fn fmt(&self, to: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let decision = match self.decision {
            Some(Decision::Holds) => "holds",
            Some(Decision::Fails) => "fails",
            Some(Decision::Undecided) => "undecided",
            None => "ended",
        };
        let shares: Vec<String> =
            self.shares.iter().map(|share| share.map_or("–".to_owned(), words::share)).collect();
        let rate = figures::rate(self.rate);
        write!(to, "{rate:>12} {:>8}  {decision:<10} {}", self.batches, shares.join(" · "))?;
        if self.spoilt > 0 {
            let batches = if self.spoilt == 1 { "batch" } else { "batches" };
            write!(to, "  ({} {batches} spoilt by the generator)", self.spoilt)?;
        }
        Ok(())
    }
}
