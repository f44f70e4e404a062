//! Agents that somebody else has started, on this machine or on others: where they are is given, and
//! by what name each of them is known follows from its place in the list. Looks hosts up; starts
//! nothing and ends nothing.

use std::net::{SocketAddr, ToSocketAddrs};

use bench::seams::GeneratorError;

use super::fleet::{AgentAt, Fleet, agent_name};

/// Agents at given places.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Elsewhere {
    places: Vec<String>,
}

impl Elsewhere {
    /// At these, each `HOST:PORT`; the first is `agent-1`.
    #[must_use]
    pub fn at(places: Vec<String>) -> Self {
        Self { places }
    }

    /// Where each is just now, or every host that is not known.
    pub fn look_up(&self) -> Result<Vec<AgentAt>, String> {
        let found = self.places.iter().enumerate().map(|(at, place)| {
            let address = address(place)?;
            Ok(AgentAt { name: agent_name(at + 1), address })
        });
        let (found, lost): (Vec<_>, Vec<_>) = found.partition(Result::is_ok);
        let lost: Vec<String> = lost.into_iter().filter_map(Result::err).collect();
        if lost.is_empty() {
            Ok(found.into_iter().filter_map(Result::ok).collect())
        } else {
            Err(lost.join("\n"))
        }
    }
}

/// The first address of a host: an agent that listens at several is reached at any of them.
fn address(place: &str) -> Result<SocketAddr, String> {
    let found = place.to_socket_addrs().map_err(|error| format!("{place}: {error}"))?;
    found.into_iter().next().ok_or_else(|| format!("{place}: the host has no address"))
}

impl Fleet for Elsewhere {
    /// Looked up before each trial: a pod that was started again is elsewhere under the same name.
    fn ready(&mut self) -> Result<Vec<AgentAt>, GeneratorError> {
        self.look_up().map_err(|problem| GeneratorError {
            problem,
            hint: "the agents are where --agents says, each started by `loadgen agent`".to_owned(),
        })
    }

    fn fate(&mut self, _name: &str) -> Option<String> {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn agents_are_named_in_the_order_in_which_they_are_given() {
        let places = ["127.0.0.1:7071", "[::1]:7072"].map(str::to_owned).to_vec();
        let found = Elsewhere::at(places).ready().expect("addresses need no look-up");
        let told: Vec<String> =
            found.iter().map(|agent| format!("{} {}", agent.name, agent.address)).collect();
        assert_eq!(told, ["agent-1 127.0.0.1:7071", "agent-2 [::1]:7072"]);
    }

    #[test]
    fn every_host_that_is_not_known_is_told() {
        // Names under `.invalid` never exist (RFC 2606).
        let places = ["a.invalid:1", "127.0.0.1:2", "b.invalid:3"].map(str::to_owned).to_vec();
        let error = Elsewhere::at(places).ready().expect_err("two of them are not known");
        let lines: Vec<&str> = error.problem.lines().collect();
        assert_eq!(lines.len(), 2, "{error}");
        assert!(lines[0].starts_with("a.invalid:1: ") && lines[1].starts_with("b.invalid:3: "));
    }
}
