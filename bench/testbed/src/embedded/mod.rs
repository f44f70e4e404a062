//! The embedded testbed: loadgen's own sidecars and origin, as child processes of a program it is
//! given. Knows how variants become routes, not what a sidecar is inside.
//!
//! Every block has fresh processes and a fresh CA: where a process lands in memory and which
//! connections share which buffers differs from start to start, and would otherwise be a constant
//! of the whole run that no number of blocks averages out. Within a block every variant is a route
//! with listeners of its own through the same three processes, so that two variants differ in
//! nothing but what their routes are told.

mod memory;
mod processes;
mod route;

use std::path::PathBuf;

use bench::record::{Placement, Subject};
use bench::seams::{Endpoint, Proof, Testbed, TestbedError, WorkSeen};
use scenarios::parts::HOST;
use scenarios::scenario::Scenario;
use scenarios::variant::{Variant, VariantName};

use crate::child::Program;
use crate::memory::Alone;
use crate::part::{Broken, Start};
use crate::prove::{Live, prove};
use processes::Processes;
use route::Route;

/// As on the command line.
const NAME: &str = "embedded";

/// What the figures do and do not stand for.
#[must_use]
pub fn testbed_note() -> String {
    "The subject is loadgen's own sidecar, not Istio's: it calibrates the harness and shows the raw \
     cost of TLS and of a hop through a proxy on this machine. It says nothing of Envoy, of \
     ztunnel, of a cluster's network or of any release of Istio."
        .to_owned()
}

/// The testbed. Dropping it ends everything it started.
pub struct Embedded {
    program: Program,
    routes: Vec<Route>,
    placement: Placement,
    logs: PathBuf,
    running: Option<Processes>,
    /// Kept when a block's processes are gone.
    tls: Option<String>,
    scenario: Scenario,
    /// Where one variant stands alone.
    alone: Option<Alone<Route>>,
}

impl Embedded {
    /// Translates the variants (a twin is its original) and starts nothing yet. The program is
    /// called with its arguments and one more, `origin`, `server` or `client`, and must then be
    /// `sidecar::run`. The children's logs go to the folder `logs`, which is made if need be.
    pub fn new(
        program: Program,
        scenario: &Scenario,
        variants: &[VariantName],
        placement: Placement,
        logs: PathBuf,
    ) -> Result<Self, TestbedError> {
        let mut routes: Vec<Route> = Vec::new();
        for name in variants {
            let name = name.original();
            let step = format!("translate the variant {name}");
            let variant = scenario
                .variant(&name)
                .ok_or_else(|| untranslated(&step, "the scenario has no such variant"))?;
            if routes.iter().all(|route| route.name != name) {
                let route = Route::of(variant, scenario);
                routes.push(route.map_err(|problem| untranslated(&step, &problem))?);
            }
        }
        std::fs::create_dir_all(&logs).map_err(|error| {
            error_at("make the folder for logs", format!("{}: {error}", logs.display()))
        })?;
        let (running, tls, alone) = (None, None, None);
        let scenario = scenario.clone();
        Ok(Self { program, routes, placement, logs, running, tls, scenario, alone })
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

impl Testbed for Embedded {
    fn name(&self) -> &str {
        NAME
    }

    fn subject(&self) -> Subject {
        Subject {
            name: "loadgen's own sidecar (not Istio)".to_owned(),
            version: env!("CARGO_PKG_VERSION").to_owned(),
            tls: self.tls.clone(),
        }
    }

    fn begin_block(&mut self, block: u32) -> Result<(), TestbedError> {
        self.tear_down()?;
        let Self { program, placement, logs, .. } = self;
        let label = format!("block-{block:04}");
        let start = Start { program, cores: &placement.subject, logs, label: &label };
        self.running = Some(Processes::start(&start, &self.routes).map_err(with_hint)?);
        Ok(())
    }

    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError> {
        let route = self.route(&variant.name)?;
        let processes = self.live()?;
        let proven = prove(processes, &route.path(), variant, block).map_err(with_hint)?;
        let tls = processes.tls.clone();
        self.tls = tls.or_else(|| self.tls.take());
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

fn untranslated(step: &str, problem: &str) -> TestbedError {
    TestbedError {
        hint:
            "the embedded testbed enforces PeerAuthentication and AuthorizationPolicy resources and \
               Cilium's rules of HTTP, as far as it is not said above, and knows planted delays and \
               stalls; leave this variant out of the scenario's `embedded` testbed, or run it \
               on another one"
                .to_owned(),
        ..error_at(step, problem.to_owned())
    }
}

fn with_hint(broken: Broken) -> TestbedError {
    let Broken { step, problem, log_tail } = broken;
    TestbedError { log_tail, ..error_at(&step, problem) }
}

fn error_at(step: &str, problem: String) -> TestbedError {
    TestbedError {
        testbed: NAME.to_owned(),
        step: step.to_owned(),
        problem,
        hint:
            "what the processes said is in the run folder's logs/; a child ended by signal 9 may \
               have been ended for want of memory"
                .to_owned(),
        log_tail: Vec::new(),
    }
}
