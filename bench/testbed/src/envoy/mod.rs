//! The testbed of real Envoy processes on this machine: stock Envoys, told what the sidecars of a
//! mesh, or the proxy of a node, are told. What an Envoy is told is in `bootstrap`, which there are
//! in `found`, and where they stand in `ground`: every listener on a port of its own on the loopback,
//! or in pods.
//!
//! Every block has fresh processes and a fresh CA, as the embedded testbed has, and the same origin.
//! Within a block every variant is a listener of its own in the same Envoys, for each version a pair
//! of sidecars and a node's proxy as far as they are needed, so that two variants differ in nothing
//! but what their listeners are told.

mod admin;
pub mod bootstrap;
mod folder;
pub mod found;
mod ground;
mod memory;
pub mod pods;
mod processes;
mod proxy;
mod route;
mod tally;

use std::collections::BTreeMap;
use std::path::PathBuf;

use bench::record::{Placement, Subject};
use bench::seams::{Endpoint, Proof, Testbed, TestbedError, WorkSeen};
use rustix::process::{Resource, getrlimit};
use scenarios::parts::HOST;
use scenarios::scenario::Scenario;
use scenarios::variant::{Proxies, Variant, VariantName};

use crate::child::Program;
use crate::memory::Alone;
use crate::part::{Broken, Start};
use crate::prove::{Live, prove};
use found::Build;
use ground::Ground;
pub use ground::Layout;
use processes::{GROUP, Processes, Setting, WORKERS};
use route::Route;

/// As on the command line.
const NAME: &str = "envoy";
/// Descriptors that an Envoy has open before anybody calls, with room.
const OWN_DESCRIPTORS: u64 = 256;
/// A proxied connection has two ends, and a proof opens a few more.
const DESCRIPTORS_A_CONNECTION: u64 = 4;

/// How our own program is called for its parts.
#[derive(Debug, Clone)]
pub struct Programs {
    /// With one more argument, `origin`, it must be `sidecar::run`.
    pub subject: Program,
    /// With some more arguments, it must be [`crate::tether::run`] of those.
    pub tether: Program,
}

/// The testbed. Dropping it ends everything it started.
pub struct Envoy {
    subject: Program,
    routes: Vec<Route>,
    builds: Vec<Build>,
    placement: Placement,
    logs: PathBuf,
    running: Option<Processes>,
    /// Kept when a block's processes are gone, by build.
    tls: BTreeMap<usize, String>,
    scenario: Scenario,
    /// Where one variant stands alone.
    alone: Option<Alone<Route>>,
    /// After the processes, which end with it.
    ground: Ground,
}

/// What the figures do and do not stand for.
#[must_use]
pub fn testbed_note(builds: &[Build], layout: Layout) -> String {
    let mut text = "The subject is stock Envoy on one machine, told what Istio's sidecars are told, \
                    and not Istio: it lacks Istio's telemetry and metadata exchange filters, which \
                    every request of a mesh pays for, so absolute times are too low for a sidecar of \
                    Istio's. A node's proxy is told Cilium's rules of HTTP as rules of Envoy's own, \
                    and is not Cilium: neither its filters nor its data path are here. Differences \
                    between variants are those of Envoy's own work. "
        .to_owned();
    text.push_str(layout.meaning());
    for build in builds.iter().filter(|build| !build.clean) {
        text.push_str(&format!(
            " MODIFIED BUILD: Envoy {} says that its sources were changed; its figures are those of \
             nobody's release.",
            build.version
        ));
    }
    text
}

impl Envoy {
    /// Translates the variants (a twin is its original) and starts nothing yet. The first build is
    /// that of variants which name no version. The children's logs go to the folder `logs`, which is
    /// made if need be. In layout `ports`.
    pub fn new(
        programs: Programs,
        what: (&Scenario, &[VariantName]),
        builds: Vec<Build>,
        placement: Placement,
        logs: PathBuf,
    ) -> Result<Self, TestbedError> {
        Self::in_layout(Layout::Ports, programs, what, builds, (placement, logs))
    }

    /// The same in a layout. For [`Layout::Pods`] this thread must be in a network namespace of its
    /// own, with all that will send.
    pub fn in_layout(
        layout: Layout,
        programs: Programs,
        (scenario, variants): (&Scenario, &[VariantName]),
        builds: Vec<Build>,
        (placement, logs): (Placement, PathBuf),
    ) -> Result<Self, TestbedError> {
        let mut routes: Vec<Route> = Vec::new();
        for name in variants {
            let name = name.original();
            let step = format!("translate the variant {name}");
            let variant = scenario
                .variant(&name)
                .ok_or_else(|| untranslated(&step, "the scenario has no such variant"))?;
            if routes.iter().all(|route| route.name != name) {
                let route = Route::of(variant, scenario, &builds, layout.client());
                routes.push(route.map_err(|problem| untranslated(&step, &problem))?);
            }
        }
        enough_descriptors(scenario.load.connections)?;
        std::fs::create_dir_all(&logs).map_err(|error| {
            error_at("make the folder for logs", format!("{}: {error}", logs.display()))
        })?;
        let Programs { subject, tether } = programs;
        let ground = Ground::lay(layout, tether)
            .map_err(|problem| error_at("lay the testbed out", problem))?;
        let (running, alone, tls) = (None, None, BTreeMap::new());
        let scenario = scenario.clone();
        Ok(Self { subject, routes, builds, placement, logs, running, tls, scenario, alone, ground })
    }

    /// How it was set up, for the provenance, by name.
    #[must_use]
    pub fn notes(&self) -> BTreeMap<String, String> {
        let layout = self.ground.layout();
        let settings = [
            ("envoy_layout", layout.in_words().to_owned()),
            ("envoy_concurrency", WORKERS.to_string()),
            ("envoy_tls_group", format!("{}, pinned on both sides", GROUP.word())),
            ("envoy_keys", "ECDSA P-256; Istio's default is RSA-2048".to_owned()),
        ];
        let client = layout.client();
        let callers =
            format!("knows callers by address: {client} is the client's, any other is no pod's");
        let node = ("envoy_node_proxy", callers);
        let has_node = self.routes.iter().any(|route| route.path().proxies == Proxies::Node);
        let retold = "by the listener discovery service, from a JSON file that is put in the place of \
                      the one before; Istio's control plane tells its sidecars by the same service, \
                      over a stream";
        let retold = self.scenario.memory.is_some().then(|| ("envoy_policies", retold.to_owned()));
        let all = settings.into_iter().chain(has_node.then_some(node)).chain(retold);
        all.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    /// The builds that variants go through.
    fn used(&self) -> Vec<(usize, &Build)> {
        let of = |index: usize| {
            let of_build = |route: &Route| {
                route.proxied.as_ref().is_some_and(|proxied| proxied.build == index)
            };
            self.routes.iter().any(of_build)
        };
        self.builds.iter().enumerate().filter(|(index, _)| of(*index)).collect()
    }

    fn route(&self, name: &VariantName) -> Result<Route, TestbedError> {
        let original = name.original();
        if let Some(alone) = self.alone.as_ref().filter(|alone| alone.route.name == original) {
            return Ok(alone.route.clone());
        }
        let found = self.routes.iter().find(|route| route.name == original);
        found.cloned().ok_or_else(|| error_at("look up a variant", format!("{name} is not set up")))
    }

    /// The processes, all of them alive.
    fn live(&mut self) -> Result<&mut Processes, TestbedError> {
        let Some(running) = &mut self.running else {
            return Err(error_at("look after the processes", "no block has begun".to_owned()));
        };
        running.check().map_err(with_hint)?;
        Ok(running)
    }
}

impl Testbed for Envoy {
    fn name(&self) -> &str {
        NAME
    }

    fn subject(&self) -> Subject {
        let used = self.used();
        let list = |told: Vec<String>| told.join(" and ");
        let tls: Vec<String> = match &used[..] {
            [(index, _)] => self.tls.get(index).cloned().into_iter().collect(),
            _ => used
                .iter()
                .filter_map(|(index, build)| {
                    Some(format!("{} in {}", self.tls.get(index)?, build.version))
                })
                .collect(),
        };
        Subject {
            name: "Envoy (stock, no mesh)".to_owned(),
            version: list(used.iter().map(|(_, build)| build.describe()).collect()),
            tls: (!tls.is_empty()).then(|| list(tls)),
        }
    }

    fn begin_block(&mut self, block: u32) -> Result<(), TestbedError> {
        self.tear_down()?;
        let Self { subject, placement, logs, ground, builds, .. } = self;
        let label = format!("block-{block:04}");
        let parts = Start { program: subject, cores: &placement.subject, logs, label: &label };
        let setting = Setting { parts, ground, builds, retold: false };
        self.running = Some(Processes::start(&setting, &self.routes).map_err(with_hint)?);
        Ok(())
    }

    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError> {
        let route = self.route(&variant.name)?;
        let processes = self.live()?;
        let proven = prove(processes, &route.path(), variant, block).map_err(with_hint)?;
        let tls = processes.tls.clone();
        self.tls.extend(tls);
        Ok(proven)
    }

    fn endpoint(&mut self, variant: &VariantName) -> Result<Endpoint, TestbedError> {
        let route = self.route(variant)?;
        let address = self.live()?.entrance(&route.path()).map_err(with_hint)?;
        Ok(Endpoint { address, host: HOST.to_owned() })
    }

    /// Also lets planted stalls begin anew with the next request: a trial lies between two calls,
    /// and each is to meet its stalls at the same places.
    fn work_seen(&mut self, variant: &VariantName) -> Result<WorkSeen, TestbedError> {
        let route = self.route(variant)?;
        let processes = self.live()?;
        processes.look(route.key()).map_err(with_hint)?;
        processes.anchor().map_err(with_hint)?;
        Ok(processes.take(route.key()))
    }

    fn tear_down(&mut self) -> Result<(), TestbedError> {
        self.alone = None;
        match self.running.take() {
            Some(processes) => processes.end().map_err(with_hint),
            None => Ok(()),
        }
    }
}

/// An Envoy with too few ends at once, or answers 503 under load.
fn enough_descriptors(connections: u32) -> Result<(), TestbedError> {
    let needed = OWN_DESCRIPTORS + DESCRIPTORS_A_CONNECTION * u64::from(connections);
    match getrlimit(Resource::Nofile).maximum {
        Some(most) if most < needed => Err(TestbedError {
            hint: "raise it, e.g. `ulimit -Hn 65536` as root, or use fewer --connections"
                .to_owned(),
            ..error_at(
                "look at the limit of open files",
                format!("an Envoy needs {needed} here, at most {most} are allowed"),
            )
        }),
        _ => Ok(()),
    }
}

fn untranslated(step: &str, problem: &str) -> TestbedError {
    TestbedError {
        hint: "leave this variant out of the scenario's `envoy` testbed, or run it on another one"
            .to_owned(),
        ..error_at(step, problem.to_owned())
    }
}

fn with_hint(broken: Broken) -> TestbedError {
    let Broken { step, problem, log_tail } = broken;
    let hint = hint(&problem, &log_tail);
    TestbedError { log_tail, hint, ..error_at(&step, problem) }
}

/// What Envoy's own words mean for the user.
fn hint(problem: &str, said: &[String]) -> String {
    let any = |words: &str| problem.contains(words) || said.iter().any(|line| line.contains(words));
    let text = if any("unknown fields") || any("no such field") {
        "this Envoy is too old for what it is told; `scripts/get-envoy 1.40.0` installs a newer one"
    } else if any("Didn't find a registered") || any("could not find @type") {
        "this Envoy was built without a part that is needed; `scripts/get-envoy 1.40.0` installs a \
         whole one"
    } else if any("Too many open files") {
        "the limit of open files is too low; raise it with `ulimit -n`"
    } else {
        "what the processes said, and what the Envoys were told, is in the run folder's logs/; a \
         child ended by signal 9 may have been ended for want of memory"
    };
    text.to_owned()
}

fn error_at(step: &str, problem: String) -> TestbedError {
    TestbedError {
        testbed: NAME.to_owned(),
        step: step.to_owned(),
        problem,
        hint: hint("", &[]),
        log_tail: Vec::new(),
    }
}
