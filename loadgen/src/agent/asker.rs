//! Questions that an agent asks from where it stands: one connection to it, one question after the
//! other. Knows neither what is asked nor what should come of it.

use bench::seams::GeneratorError;
use testbed::probe::Observed;

use super::channel::{Channel, PATIENCE};
use super::coordinator::{Lost, greeted};
use super::credentials::Coordinator;
use super::fleet::AgentAt;
use super::message::{FromAgent, ProbeOrder, ToAgent};

/// One agent that asks for us.
#[derive(Debug)]
pub struct Asker {
    at: AgentAt,
    channel: Channel,
}

impl Asker {
    /// Connects to it. It serves nobody else meanwhile.
    pub fn connect(at: &AgentAt, own: &Coordinator) -> Result<Self, GeneratorError> {
        let config = own.towards(&at.name).map_err(|error| GeneratorError {
            problem: format!("{}: {error}", at.name),
            hint: String::new(),
        })?;
        let (channel, _) = greeted(at, config).map_err(|lost| failed(at, lost))?;
        Ok(Self { at: at.clone(), channel })
    }

    /// What it saw. An error only where it could not be asked, or would not.
    pub fn ask(&mut self, order: ProbeOrder) -> Result<Observed, GeneratorError> {
        self.asked(order).map_err(|lost| failed(&self.at, lost))
    }

    fn asked(&mut self, order: ProbeOrder) -> Result<Observed, Lost> {
        self.channel.say(&ToAgent::Probe(Box::new(order)))?;
        match self.channel.hear(PATIENCE)? {
            FromAgent::Observed(observed) => Ok(*observed),
            other => Err(Lost::unexpected(&other)),
        }
    }

    /// Leaves it to others.
    pub fn leave(self) {
        self.channel.close();
    }
}

fn failed(at: &AgentAt, lost: Lost) -> GeneratorError {
    let Lost { why, hint, .. } = lost;
    GeneratorError { problem: format!("{} at {}: {why}", at.name, at.address), hint }
}
