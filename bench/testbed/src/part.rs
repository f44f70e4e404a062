//! A process of loadgen's own subject, which every testbed has at least one of: started with its
//! setup, asked for what it counted. Which parts there are, and what their counts mean, is not known
//! here.

use std::collections::BTreeMap;
use std::path::Path;
use std::time::Duration;

use serde::Serialize;
use serde::de::DeserializeOwned;
use sidecar::authorise::Rules;
use sidecar::{NewRules, Ready, Role, RouteStats, Stats};

use crate::child::{Child, ChildError, Program};
use crate::deadline::Deadline;
use crate::memory::Watched;

/// A part is ready within milliseconds; this is for a machine that is busy with a build.
pub(crate) const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// The control thread answers even when the runtime is wedged.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
pub(crate) const END_TIMEOUT: Duration = Duration::from_secs(2);

/// Ports by route.
pub(crate) type Ports = BTreeMap<String, u16>;

/// What went wrong, and while doing what.
#[derive(Debug)]
pub(crate) struct Broken {
    pub(crate) step: String,
    pub(crate) problem: String,
    pub(crate) log_tail: Vec<String>,
}

impl Broken {
    pub(crate) fn at(step: &str, problem: impl ToString) -> Self {
        Self { step: step.to_owned(), problem: problem.to_string(), log_tail: Vec::new() }
    }

    pub(crate) fn child(step: &str, error: ChildError) -> Self {
        let problem = error.to_string();
        Self { step: step.to_owned(), problem, log_tail: error.log_tail }
    }
}

/// One process with its ports.
pub(crate) struct Part {
    pub(crate) child: Child,
    pub(crate) ports: Ports,
}

/// How parts are started.
pub(crate) struct Start<'a> {
    pub(crate) program: &'a Program,
    pub(crate) cores: &'a [usize],
    pub(crate) logs: &'a Path,
    /// What they are started for, e.g. `block-0001`; the names of their logs begin with it.
    pub(crate) label: &'a str,
}

impl Start<'_> {
    pub(crate) fn part(&self, role: Role, setup: &impl Serialize) -> Result<Part, Broken> {
        let name = match role {
            Role::Origin => "origin",
            Role::Server => "server sidecar",
            Role::Client => "client sidecar",
        };
        let step = format!("start the {name}");
        let mut program = self.program.clone();
        program.args.push(role.as_str().to_owned());
        let log = self.logs.join(format!("{}-{}.log", self.label, role.as_str()));
        let line = serde_json::to_string(setup).expect("a setup is texts and numbers");
        let broken = |error| Broken::child(&step, error);
        let mut child = Child::spawn(name, &program, &log).map_err(broken)?;
        let answer = child.ask(&line, Deadline::after(READY_TIMEOUT)).map_err(broken)?;
        let ready: Ready = understood(&step, &child, &answer)?;
        Ok(Part { child, ports: ready.ready })
    }
}

impl Part {
    /// An error when the process has ended.
    pub(crate) fn check(&mut self) -> Result<(), Broken> {
        let checked = self.child.check();
        checked
            .map_err(|error| Broken::child(&format!("look after the {}", self.child.name()), error))
    }

    /// By route, since the last time.
    pub(crate) fn stats(&mut self) -> Result<BTreeMap<String, RouteStats>, Broken> {
        Ok(self.ask::<Stats>("stats")?.stats)
    }

    /// Planted stalls begin anew with the next request.
    pub(crate) fn anchor(&mut self) -> Result<(), Broken> {
        self.ask::<serde_json::Value>("anchor").map(|_| ())
    }

    /// Puts other rules in the place of a route's; connections that are accepted from now on meet
    /// them.
    pub(crate) fn rules(&mut self, route: &str, rules: Option<&Rules>) -> Result<(), Broken> {
        let new = NewRules { route: route.to_owned(), rules: rules.cloned() };
        let new = serde_json::to_string(&new).expect("rules are texts");
        let answer: serde_json::Value = self.ask(&format!("rules {new}"))?;
        match answer.get("error").and_then(serde_json::Value::as_str) {
            None => Ok(()),
            Some(problem) => {
                let step = format!("give the {} other rules", self.child.name());
                Err(Broken::at(&step, problem))
            }
        }
    }

    /// As something to look at.
    pub(crate) fn watched(&self, program: &Program) -> Watched {
        let role = self.child.name().to_owned();
        Watched { role, process: self.child.id(), program: program.path.clone() }
    }

    pub(crate) fn end(self) -> Result<(), Broken> {
        let step = format!("end the {}", self.child.name());
        let ended = self.child.end(Deadline::after(END_TIMEOUT));
        ended.map_err(|error| Broken::child(&step, error))
    }

    fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T, Broken> {
        let word = command.split(' ').next().unwrap_or(command);
        let step = format!("ask the {} for {word}", self.child.name());
        let answer = self.child.ask(command, Deadline::after(ANSWER_TIMEOUT));
        let answer = answer.map_err(|error| Broken::child(&step, error))?;
        understood(&step, &self.child, &answer)
    }
}

fn understood<T: DeserializeOwned>(step: &str, child: &Child, line: &str) -> Result<T, Broken> {
    serde_json::from_str(line).map_err(|error| Broken {
        step: step.to_owned(),
        problem: format!("{}: its answer can not be understood: {error}", child.name()),
        log_tail: child.last_lines(),
    })
}
