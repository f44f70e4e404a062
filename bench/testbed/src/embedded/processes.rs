//! The three processes of a block and their control channels. Knows what they say, not what is
//! asked of a variant.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::time::Duration;

use bench::seams::WorkSeen;
use serde::Serialize;
use serde::de::DeserializeOwned;
use sidecar::{Ready, Role, RouteStats, Stats};

use super::credentials::Credentials;
use super::route::{self, Ports, Route};
use crate::child::{Child, ChildError, Program};
use crate::deadline::Deadline;

/// A subject is ready within milliseconds; this is for a machine that is busy with a build.
const READY_TIMEOUT: Duration = Duration::from_secs(15);
/// The control thread answers even when the runtime is wedged.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(5);
const END_TIMEOUT: Duration = Duration::from_secs(2);

/// What went wrong, and while doing what.
#[derive(Debug)]
pub(super) struct Broken {
    pub(super) step: String,
    pub(super) problem: String,
    pub(super) log_tail: Vec<String>,
}

impl Broken {
    pub(super) fn at(step: &str, problem: impl ToString) -> Self {
        Self { step: step.to_owned(), problem: problem.to_string(), log_tail: Vec::new() }
    }

    fn child(step: &str, error: ChildError) -> Self {
        let problem = error.to_string();
        Self { step: step.to_owned(), problem, log_tail: error.log_tail }
    }
}

/// One process with its ports.
struct Subject {
    child: Child,
    ports: Ports,
}

/// The processes of one block.
pub(super) struct Processes {
    origin: Subject,
    /// `None` when no variant has sidecars.
    sidecars: Option<Sidecars>,
    pub(super) credentials: Credentials,
    /// Counted and not yet asked for.
    pending: BTreeMap<String, WorkSeen>,
    /// Routes whose proxy has rules.
    ruled: BTreeSet<String>,
    /// TLS version, cipher and key exchange, as the server's sidecar saw them last.
    pub(super) tls: Option<String>,
}

struct Sidecars {
    server: Subject,
    client: Subject,
}

/// How to start them.
pub(super) struct Start<'a> {
    pub(super) program: &'a Program,
    pub(super) cores: &'a [usize],
    pub(super) logs: &'a Path,
    pub(super) block: u32,
}

impl Processes {
    pub(super) fn start(start: &Start<'_>, routes: &[Route]) -> Result<Self, Broken> {
        let certificates = "make the certificates";
        let credentials = Credentials::fresh().map_err(|error| Broken::at(certificates, error))?;
        let cores = start.cores;
        let origin = start.subject(Role::Origin, &route::origin(routes, cores))?;
        let sidecars = if routes.iter().any(|route| route.mode.is_some()) {
            let wire = |problem| Broken::at("wire the routes", problem);
            let own = credentials.server.clone();
            let setup = route::server(routes, cores, &origin.ports, own).map_err(wire)?;
            let server = start.subject(Role::Server, &setup)?;
            let own = (credentials.client.clone(), &credentials.server_id);
            let setup = route::client(routes, cores, &server.ports, own).map_err(wire)?;
            let client = start.subject(Role::Client, &setup)?;
            Some(Sidecars { server, client })
        } else {
            None
        };
        let ruled = routes.iter().filter(|route| route.rules.is_some());
        let ruled = ruled.map(|route| route.key().to_owned()).collect();
        Ok(Self { origin, sidecars, credentials, pending: BTreeMap::new(), ruled, tls: None })
    }

    /// An error when a process has ended.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        let sidecars =
            self.sidecars.iter_mut().flat_map(|pair| [&mut pair.server, &mut pair.client]);
        for subject in std::iter::once(&mut self.origin).chain(sidecars) {
            subject.child.check().map_err(|error| {
                Broken::child(&format!("look after the {}", subject.child.name()), error)
            })?;
        }
        Ok(())
    }

    /// The ports of the origin, or of one of the sidecars.
    pub(super) fn ports(&self, role: Role) -> Option<&Ports> {
        match (role, &self.sidecars) {
            (Role::Origin, _) => Some(&self.origin.ports),
            (Role::Server, Some(pair)) => Some(&pair.server.ports),
            (Role::Client, Some(pair)) => Some(&pair.client.ports),
            (Role::Server | Role::Client, None) => None,
        }
    }

    /// What a route's origin saw since the last look; everything else seen is kept for later.
    pub(super) fn look(&mut self, route: &str) -> Result<RouteStats, Broken> {
        let at_origin = self.origin.stats()?;
        let at_server = match &mut self.sidecars {
            Some(pair) => pair.server.stats()?,
            None => BTreeMap::new(),
        };
        for (name, seen) in &at_origin {
            self.pending.entry(name.clone()).or_default().requests_at_origin += seen.requests;
        }
        for (name, seen) in at_server {
            let has_rules = self.ruled.contains(&name);
            let work = self.pending.entry(name).or_default();
            if has_rules {
                *work.requests_allowed.get_or_insert_default() += seen.allowed;
                *work.requests_denied.get_or_insert_default() += seen.denied;
            }
            work.handshakes_full += seen.handshakes_full;
            work.handshakes_resumed += seen.handshakes_resumed;
            for peer in seen.peers {
                if !work.peers.contains(&peer) {
                    work.peers.push(peer);
                }
            }
            if let Some(last) = seen.tls.last() {
                self.tls = Some(last.clone());
            }
        }
        Ok(at_origin.get(route).cloned().unwrap_or_default())
    }

    /// What was counted for a route, which starts from zero again.
    pub(super) fn take(&mut self, route: &str) -> WorkSeen {
        self.pending.remove(route).unwrap_or_default()
    }

    /// The other way round: what was counted for a route before something that is not its work.
    pub(super) fn put_back(&mut self, route: &str, work: WorkSeen) {
        self.pending.insert(route.to_owned(), work);
    }

    /// Planted stalls begin anew with the next request.
    pub(super) fn anchor(&mut self) -> Result<(), Broken> {
        self.origin.ask::<serde_json::Value>("anchor").map(|_| ())
    }

    /// Ends all three, callers first, and reports the first that did not end well.
    pub(super) fn end(self) -> Result<(), Broken> {
        let Self { origin, sidecars, .. } = self;
        let pair = sidecars.map(|pair| [pair.client, pair.server]);
        let all = pair.into_iter().flatten().chain([origin]);
        let ended: Vec<Result<(), Broken>> = all
            .map(|subject| {
                let step = format!("end the {}", subject.child.name());
                let ended = subject.child.end(Deadline::after(END_TIMEOUT));
                ended.map_err(|error| Broken::child(&step, error))
            })
            .collect();
        ended.into_iter().collect()
    }
}

impl Start<'_> {
    fn subject(&self, role: Role, setup: &impl Serialize) -> Result<Subject, Broken> {
        let name = match role {
            Role::Origin => "origin",
            Role::Server => "server sidecar",
            Role::Client => "client sidecar",
        };
        let step = format!("start the {name}");
        let mut program = self.program.clone();
        program.args.push(role.as_str().to_owned());
        let log = self.logs.join(format!("block-{:04}-{}.log", self.block, role.as_str()));
        let line = serde_json::to_string(setup).expect("a setup is texts and numbers");
        let broken = |error| Broken::child(&step, error);
        let mut child = Child::spawn(name, &program, &log).map_err(broken)?;
        let answer = child.ask(&line, Deadline::after(READY_TIMEOUT)).map_err(broken)?;
        let ready: Ready = understood(&step, &child, &answer)?;
        Ok(Subject { child, ports: ready.ready })
    }
}

impl Subject {
    fn stats(&mut self) -> Result<BTreeMap<String, RouteStats>, Broken> {
        Ok(self.ask::<Stats>("stats")?.stats)
    }

    fn ask<T: DeserializeOwned>(&mut self, command: &str) -> Result<T, Broken> {
        let step = format!("ask the {} for {command}", self.child.name());
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
