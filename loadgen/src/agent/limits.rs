//! What an agent is willing to do, whoever asks: whom it sends to, how much and for how long. Pure.

use std::net::SocketAddr;
use std::time::Duration;

use scenarios::load::LoadSpec;

/// Set when an agent is started; no coordinator can move them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct AgentLimits {
    /// Requests a second of all agents of a trial together, at most.
    pub rate: f64,
    /// Warm-up and window together, at most.
    pub duration: Duration,
    /// From an intended send time until a request is given up, at most.
    pub timeout: Duration,
    /// Whether it may send to other machines.
    pub anywhere: bool,
}

impl Default for AgentLimits {
    fn default() -> Self {
        Self {
            rate: 100_000.0,
            duration: Duration::from_secs(600),
            timeout: Duration::from_secs(60),
            anywhere: false,
        }
    }
}

impl AgentLimits {
    /// All that goes beyond them, a line each.
    pub fn check(&self, load: &LoadSpec, to: SocketAddr) -> Result<(), String> {
        let mut beyond: Vec<String> = self.check_target(to).err().into_iter().collect();
        if load.rate.per_second() > self.rate {
            beyond.push(format!(
                "{} requests/s are more than its --max-rate of {}",
                load.rate.per_second(),
                self.rate
            ));
        }
        let lasts = load.warm_up + load.duration;
        if lasts > self.duration {
            beyond.push(format!(
                "{lasts:?} of warm-up and window are more than its --max-duration of {:?}",
                self.duration
            ));
        }
        if load.timeout > self.timeout {
            beyond.push(format!(
                "a timeout of {:?} is more than {:?}, the most that an agent waits",
                load.timeout, self.timeout
            ));
        }
        if beyond.is_empty() { Ok(()) } else { Err(beyond.join("\n")) }
    }

    /// Why it does not send there.
    pub fn check_target(&self, to: SocketAddr) -> Result<(), String> {
        if self.anywhere || to.ip().is_loopback() {
            return Ok(());
        }
        Err(format!(
            "{to} is not a loopback address, and this agent was started without --any-target"
        ))
    }
}

#[cfg(test)]
mod tests {
    use scenarios::load::{Arrivals, RequestKind, RequestSpec};
    use scenarios::units::RatePerSecond;

    use super::*;

    fn load(rate: f64, seconds: u64) -> LoadSpec {
        LoadSpec {
            arrivals: Arrivals::Constant,
            rate: RatePerSecond::new(rate).expect("in range"),
            connections: 1,
            max_in_flight: 1,
            timeout: Duration::from_secs(1),
            warm_up: Duration::ZERO,
            duration: Duration::from_secs(seconds),
            requests: vec![RequestKind::only(RequestSpec {
                method: "GET".to_owned(),
                path: "/".to_owned(),
                headers: Vec::new(),
                body: String::new(),
            })],
        }
    }

    #[test]
    fn what_is_beyond_the_limits_is_said_all_at_once() {
        let limits = AgentLimits { rate: 10.0, ..AgentLimits::default() };
        let near: SocketAddr = "127.0.0.1:80".parse().expect("an address");
        let far: SocketAddr = "192.0.2.1:80".parse().expect("an address");
        assert_eq!(limits.check(&load(10.0, 600), near), Ok(()));
        assert_eq!(AgentLimits { anywhere: true, ..limits }.check(&load(1.0, 1), far), Ok(()));
        let said = limits.check(&load(11.0, 601), far).expect_err("beyond all three");
        for part in ["192.0.2.1:80 is not a loopback", "--max-rate of 10", "--max-duration of 600s"]
        {
            assert!(said.contains(part), "{said}");
        }
    }
}
