//! One Envoy process: started, waited for, recognised, asked, ended. What its listeners do is not
//! known here.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::fs;
use std::path::Path;
use std::time::Duration;

use serde::Deserialize;

use super::admin::{Admin, AdminError};
use super::bootstrap::{Listener, Process};
use super::found::Build;
use super::tally::{self, Counts};
use crate::child::{Child, ChildError, Program};
use crate::deadline::Deadline;
use crate::part::{Broken, END_TIMEOUT, Ports, READY_TIMEOUT};
use crate::tether::Tether;

/// Between two looks at an Envoy that is to be ready; it takes 60 ms.
const LOOK_AGAIN: Duration = Duration::from_millis(5);
/// What becomes of listeners that it is told. The same question in every state, since an answer
/// takes memory, too.
const LISTENER_COUNTERS: &str = "/stats?filter=listener_manager";
/// The kernel's limit for the path of a unix socket, without the zero behind it.
const LONGEST_SOCKET: usize = 107;

/// A running Envoy. Dropping it kills it.
pub(super) struct Proxy {
    /// e.g. `server sidecar`.
    pub(super) role: String,
    pub(super) child: Child,
    /// By listener.
    pub(super) ports: Ports,
    admin: Admin,
    last: Counts,
    /// What it is told now.
    process: Process,
    /// How often it was told its listeners.
    told: u32,
}

/// How Envoys are started.
pub(super) struct Launch<'a> {
    pub(super) tether: &'a Tether,
    pub(super) build: &'a Build,
    pub(super) cores: &'a [usize],
    /// For its standard error.
    pub(super) log: &'a Path,
    /// For its configuration, which only its owner may read.
    pub(super) file: &'a Path,
}

impl Launch<'_> {
    /// Starts it and waits until it serves on every listener.
    pub(super) fn start(&self, role: &str, process: &Process) -> Result<Proxy, Broken> {
        let step = format!("start the {role}, Envoy {}", self.build.version);
        let socket = process.admin.as_os_str().len();
        if socket > LONGEST_SOCKET {
            let problem = format!(
                "the path of its socket has {socket} bytes, at most {LONGEST_SOCKET} are allowed; \
                 set TMPDIR to a shorter folder: {}",
                process.admin.display()
            );
            return Err(Broken::at(&step, problem));
        }
        let text = serde_json::to_vec_pretty(&process.bootstrap()).expect("it is JSON already");
        fs::write(self.file, text).map_err(|error| {
            Broken::at(&step, format!("can not write {}: {error}", self.file.display()))
        })?;
        if let Some(file) = &process.told_in {
            hand_over(file, &process.discovery(1)).map_err(|problem| Broken::at(&step, problem))?;
        }
        let program = self.program(process);
        let child = self.tether.spawn(role, &program, self.cores, self.log);
        let child = child.map_err(|error| Broken::child(&step, error))?;
        let admin = Admin::at(&process.admin);
        let (role, ports, last) = (role.to_owned(), Ports::new(), Counts::new());
        let (process_now, told) = (process.clone(), 1);
        let mut proxy = Proxy { role, child, ports, admin, last, process: process_now, told };
        proxy.get_ready(&step)?;
        proxy.recognise(&step, process, self.build)?;
        proxy.find_ports(&step, process)?;
        Ok(proxy)
    }

    fn program(&self, process: &Process) -> Program {
        let words = process.arguments(self.file);
        let mut args: Vec<String> =
            words.into_iter().map(|word: OsString| word.to_string_lossy().into_owned()).collect();
        // A field that it does not know would otherwise be left out without a word.
        args.push("--reject-unknown-dynamic-fields".to_owned());
        Program { path: self.build.path.clone(), args }
    }
}

impl Proxy {
    /// Live, by its own account, which is not yet all that is needed.
    fn get_ready(&mut self, step: &str) -> Result<(), Broken> {
        let deadline = Deadline::after(READY_TIMEOUT);
        loop {
            self.child.check().map_err(|error| Broken::child(step, with_reason(error)))?;
            let said = match self.admin.ask("GET", "/ready") {
                Ok(answer) if answer.status == 200 => return Ok(()),
                Ok(answer) => answer.body.trim().to_owned(),
                Err(error) => error.to_string(),
            };
            if deadline.has_passed() {
                return Err(self.broken(step, format!("it is not ready in time: {said}")));
            }
            std::thread::sleep(LOOK_AGAIN);
        }
    }

    /// It is the one that was started, of the version that was asked for.
    fn recognise(&self, step: &str, process: &Process, build: &Build) -> Result<(), Broken> {
        let info: Info = self.json(step, "/server_info")?;
        let expected = format!("{}/{}/", build.commit, build.version);
        if info.node.id != process.id || !info.version.starts_with(&expected) {
            let problem = format!(
                "expected {} of {expected}, found {} of {}",
                process.id, info.node.id, info.version
            );
            return Err(self.broken(step, problem));
        }
        Ok(())
    }

    fn find_ports(&mut self, step: &str, process: &Process) -> Result<(), Broken> {
        let found: Listeners = self.json(step, "/listeners?format=json")?;
        for (name, listener) in &process.listeners {
            let full = listener.prefix(name);
            let port = found
                .listener_statuses
                .iter()
                .find(|status| status.name == full)
                .map(|status| status.local_address.socket_address.port_value)
                .filter(|port| *port != 0)
                .ok_or_else(|| self.broken(step, format!("it does not listen for {full}")))?;
            self.ports.insert(name.clone(), port);
        }
        Ok(())
    }

    /// An error when the process has ended.
    pub(super) fn check(&mut self) -> Result<(), Broken> {
        let step = format!("look after the {}", self.role);
        self.child.check().map_err(|error| Broken::child(&step, error))
    }

    /// What its counters grew by since the last time.
    pub(super) fn counted(&mut self) -> Result<Counts, Broken> {
        let step = format!("ask the {} for its counters", self.role);
        self.check()?;
        let text = self.get(&step, "/stats?usedonly")?;
        let now = tally::read(&text);
        let since = tally::since(&self.last, &now);
        self.last = now;
        Ok(since)
    }

    /// Tells it other listeners in the place of those that it has, and waits until it has taken them
    /// and has nothing left of the old ones.
    pub(super) fn tell(&mut self, listeners: BTreeMap<String, Listener>) -> Result<(), Broken> {
        let step = format!("tell the {} other policies", self.role);
        let file = self.process.told_in.clone();
        let file = file.ok_or_else(|| self.broken(&step, "it watches no file".to_owned()))?;
        let before = tally::Listeners::read(&self.get(&step, LISTENER_COUNTERS)?);
        self.process.listeners = listeners;
        self.told += 1;
        hand_over(&file, &self.process.discovery(self.told))
            .map_err(|problem| self.broken(&step, problem))?;
        let deadline = Deadline::after(READY_TIMEOUT);
        loop {
            std::thread::sleep(LOOK_AGAIN);
            self.check()?;
            let now = tally::Listeners::read(&self.get(&step, LISTENER_COUNTERS)?);
            if now.refused > before.refused {
                return Err(self.broken(&step, "it has refused them; its log says why".to_owned()));
            }
            if now.version == self.told.to_string() && now.leftovers == 0 {
                return Ok(());
            }
            if deadline.has_passed() {
                let problem = format!(
                    "it has not taken them in time: it is at version {}, expected {}, with {} \
                     listeners or filter chains on their way",
                    now.version, self.told, now.leftovers
                );
                return Err(self.broken(&step, problem));
            }
        }
    }

    /// Nothing is in flight any more, so there is nothing to drain.
    pub(super) fn end(self) -> Result<(), Broken> {
        let step = format!("end the {}", self.role);
        let ended = self.child.terminate(Deadline::after(END_TIMEOUT));
        ended.map_err(|error| Broken::child(&step, error))
    }

    fn get(&self, step: &str, path: &str) -> Result<String, Broken> {
        self.admin.get(path).map_err(|error: AdminError| self.broken(step, error.to_string()))
    }

    fn json<T: for<'de> Deserialize<'de>>(&self, step: &str, path: &str) -> Result<T, Broken> {
        let text = self.get(step, path)?;
        serde_json::from_str(&text)
            .map_err(|error| self.broken(step, format!("{path} can not be understood: {error}")))
    }

    fn broken(&self, step: &str, problem: String) -> Broken {
        Broken {
            step: step.to_owned(),
            problem: format!("{}: {problem}", self.role),
            log_tail: self.child.last_lines(),
        }
    }
}

/// Whole or not at all: Envoy looks at a file when another is put in its place.
fn hand_over(file: &Path, text: &serde_json::Value) -> Result<(), String> {
    let new = file.with_extension("new");
    let bytes = serde_json::to_vec(text).expect("it is JSON already");
    fs::write(&new, bytes)
        .and_then(|()| fs::rename(&new, file))
        .map_err(|error| format!("can not write {}: {error}", file.display()))
}

/// An Envoy that does not start gives its reason in the last line that it says.
fn with_reason(error: ChildError) -> ChildError {
    let said = error.log_tail.iter().rev().find(|line| !line.trim().is_empty());
    let problem = match said {
        Some(reason) => format!("{}: {}", error.problem, reason.trim()),
        None => error.problem.clone(),
    };
    ChildError { problem, ..error }
}

/// Of `/server_info`, what is looked at.
#[derive(Deserialize)]
struct Info {
    version: String,
    node: Node,
}

#[derive(Deserialize)]
struct Node {
    id: String,
}

/// Of `/listeners`, what is looked at.
#[derive(Deserialize)]
struct Listeners {
    #[serde(default)]
    listener_statuses: Vec<Status>,
}

#[derive(Deserialize)]
struct Status {
    name: String,
    local_address: LocalAddress,
}

#[derive(Deserialize)]
struct LocalAddress {
    socket_address: SocketAddress,
}

#[derive(Deserialize)]
struct SocketAddress {
    port_value: u16,
}
