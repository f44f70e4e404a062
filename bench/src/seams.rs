//! What a run is conducted through: a place, a generator and listeners. No implementation is known
//! here.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use scenarios::variant::{Variant, VariantName};
use serde::{Deserialize, Serialize};

use crate::admit::Admission;
use crate::memory::{Looks, MemoryReading};
use crate::plan::Plan;
use crate::record::Subject;
use crate::stopping::Look;
use crate::trial::{TrialRecord, TrialSpec};

/// Where requests go.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Endpoint {
    /// The socket.
    pub address: SocketAddr,
    /// For the `host` header.
    pub host: String,
}

/// One claim of a posture and what the live testbed answered.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Probe {
    /// The claim, e.g. `plaintext is refused`.
    pub claim: String,
    /// What happened, e.g. `connection closed without an answer`.
    pub observed: String,
    /// Whether it agrees.
    pub holds: bool,
}

/// The evidence that a variant is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct Proof {
    /// Which variant.
    pub variant: String,
    /// The block before which it was taken, from 1.
    pub block: u32,
    /// Every claim.
    pub probes: Vec<Probe>,
    /// The SPIFFE id that the server saw on the measured path; `None` without mTLS.
    pub peer_identity: Option<String>,
}

impl Proof {
    /// Whether every claim holds.
    #[must_use]
    pub fn holds(&self) -> bool {
        !self.probes.is_empty() && self.probes.iter().all(|probe| probe.holds)
    }
}

/// What the subject itself counted on a variant's path since it was last asked.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct WorkSeen {
    /// Requests that the origin answered.
    pub requests_at_origin: u64,
    /// TLS handshakes without resumption that the server sidecar finished.
    pub handshakes_full: u64,
    /// Resumed ones.
    pub handshakes_resumed: u64,
    /// Requests that the proxy's rules let through; `null` where there are none, or nobody counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_allowed: Option<u64>,
    /// Requests that the proxy's rules refused, in the same way.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub requests_denied: Option<u64>,
    /// The SPIFFE ids of the peers that the server sidecar saw, each once.
    pub peers: Vec<String>,
    /// What each proxy counted by itself, in the order in which a request meets them; empty where
    /// none counts.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub hops: Vec<HopWork>,
}

/// What one proxy on the path counted.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize, schemars::JsonSchema)]
pub struct HopWork {
    /// Which proxy, e.g. `client sidecar`.
    pub at: String,
    /// Requests that it received.
    pub requests: u64,
    /// Answers that it gave, its own ones included, by class: `2xx`, `4xx` or `5xx`.
    pub answers: BTreeMap<String, u64>,
    /// Requests that it sent on more than once.
    pub sent_again: u64,
    /// Requests that the next hop did not answer, by reason: Envoy's response flags.
    pub flags: BTreeMap<String, u64>,
}

/// A place that broke, with the step that did.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("testbed {testbed}: {step}: {problem}")]
pub struct TestbedError {
    /// Which place.
    pub testbed: String,
    /// What it was doing, e.g. `start the origin`.
    pub step: String,
    /// What went wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
    /// The last lines that the broken part said; empty when it said nothing.
    pub log_tail: Vec<String>,
}

/// A generator that could not run a trial at all. What goes wrong with single requests is data in
/// the record instead.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("generator: {problem}")]
pub struct GeneratorError {
    /// What went wrong.
    pub problem: String,
    /// What to do about it.
    pub hint: String,
}

/// A listener that can not go on, e.g. a full disk.
#[derive(Debug, thiserror::Error)]
#[error("{what}: {source}")]
pub struct SinkError {
    /// What it was doing.
    pub what: String,
    /// Why it failed.
    pub source: std::io::Error,
}

/// A place where variants stand.
pub trait Testbed {
    /// As on the command line.
    fn name(&self) -> &str;
    /// What is measured, as far as is known by now: the TLS that was negotiated is known after the
    /// first proof.
    fn subject(&self) -> Subject;
    /// Makes everything fresh for a block: new processes, every variant of the plan reachable.
    fn begin_block(&mut self, block: u32) -> Result<(), TestbedError>;
    /// Asks the live variant whether its posture holds.
    fn prove(&mut self, variant: &Variant, block: u32) -> Result<Proof, TestbedError>;
    /// Where to send for a variant (a twin is its original).
    fn endpoint(&mut self, variant: &VariantName) -> Result<Endpoint, TestbedError>;
    /// What the subject counted on that variant's path since the last call.
    fn work_seen(&mut self, variant: &VariantName) -> Result<WorkSeen, TestbedError>;
    /// Ends everything that was started. Also happens on drop, but there it can not report.
    fn tear_down(&mut self) -> Result<(), TestbedError>;
}

/// A place in which the policies of running sidecars can be changed and their memory be read.
pub trait MemoryTestbed: Testbed {
    /// Ends what runs, and starts the processes of one variant alone, fresh; the position is the
    /// trial's within its block.
    fn stand(&mut self, variant: &Variant, block: u32, position: u32) -> Result<(), TestbedError>;
    /// Gives the running sidecars the variant's policies in place of those that they have, and
    /// returns when they say that nothing of the old ones is left.
    fn change(&mut self, to: &Variant) -> Result<(), TestbedError>;
    /// The sidecars of the variant that stands; an error when one of them has died.
    fn sidecars(&mut self) -> Result<&mut dyn Sidecars, TestbedError>;
}

/// Running sidecars whose memory can be read.
pub trait Sidecars {
    /// Leaves them alone for that long, and then looks at each.
    fn look_after(&mut self, settle: Duration) -> Vec<Looks>;
    /// From that long on, looks at each again and again.
    fn watch_after(&mut self, wait: Duration) -> Result<(), TestbedError>;
    /// Ends that, and tells what was seen.
    fn watched(&mut self) -> Result<Vec<Looks>, TestbedError>;
}

/// Something that sends.
pub trait Generator {
    /// One trial, start to drain.
    fn run(&mut self, spec: &TrialSpec, to: &Endpoint) -> Result<TrialRecord, GeneratorError>;
}

/// What happens in a run, in order.
#[derive(Debug)]
pub enum Event<'a> {
    /// Nothing has been started yet.
    RunStarted(&'a Plan),
    /// A block's processes are about to be started.
    BlockStarted {
        /// From 1.
        block: u32,
    },
    /// A posture was asked for; it may not hold.
    Proven(&'a Proof),
    /// A trial is about to be sent.
    TrialStarted {
        /// What is asked.
        spec: &'a TrialSpec,
        /// From 0, over the whole run.
        index: usize,
    },
    /// A trial is over and judged. Sinks that keep it return only when it is kept.
    TrialFinished {
        /// What the generator brought.
        record: &'a TrialRecord,
        /// What the subject counted.
        work: &'a WorkSeen,
        /// Whether it is a measurement.
        admission: &'a Admission,
    },
    /// What each sidecar held in a state.
    MemoryRead(&'a [MemoryReading]),
    /// A block is over, in a run that ends when it has seen enough.
    Looked(&'a Look),
    /// Nothing more will be started.
    RunEnded,
}

/// A listener.
pub trait Sink {
    /// Takes note. An error ends the run.
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError>;
}

/// A wish to stop, shared between the signal handler, the conductor and the generator.
#[derive(Debug, Clone, Default)]
pub struct StopFlag(Arc<AtomicBool>);

impl StopFlag {
    /// A flag over an existing switch, e.g. a signal handler's.
    #[must_use]
    pub fn over(switch: Arc<AtomicBool>) -> Self {
        Self(switch)
    }

    /// Asks for the stop.
    pub fn raise(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether a stop was asked for.
    #[must_use]
    pub fn is_raised(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }
}
