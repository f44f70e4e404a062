//! The parts of a selftest that no scenario describes: arrivals at an origin that stamps them, what
//! the generator costs, and what a closed loop makes of a stall. Sends through the engine; what the
//! figures mean is decided in `bench::selftest`.

mod closed_loop;
mod null_origin;

use bench::record::Placement;
use bench::seams::StopFlag;

use crate::engine::{Crew, Done, Job, Refused};
use crate::generator::{Pacing, spin_window};
use crate::pace::SpinWindow;
use crate::serve::ServeError;

pub use closed_loop::closed_loop;
pub use null_origin::{arrivals, cost};

/// Who sends, and which cores are the server's.
#[derive(Debug, Clone)]
pub struct Sender {
    placement: Placement,
    punctual: SpinWindow,
    stop: StopFlag,
}

/// Why a part came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum PartError {
    /// Nothing could be sent.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// The origin could not be started.
    #[error(transparent)]
    Origin(#[from] ServeError),
    /// The origin saw fewer than two requests.
    #[error("the origin saw {0} requests, too few to judge")]
    Silent(usize),
    /// Somebody asked for it.
    #[error("interrupted")]
    Stopped,
}

impl Sender {
    /// Sends as a scenario's trials are sent: from the generator's core, spinning shortly before each
    /// send where it has one of its own.
    #[must_use]
    pub fn new(placement: Placement, stop: StopFlag) -> Self {
        let punctual = spin_window(Pacing::Hybrid, &placement.generator, placement.shared);
        Self { placement, punctual, stop }
    }

    fn send(&self, job: &Job, spin: SpinWindow) -> Result<Done, PartError> {
        let cores = self.placement.generator.clone();
        let crew = Crew { cores, spin, stop: self.stop.clone(), live: None };
        let sent = crate::engine::run(job, &crew);
        if self.stop.is_raised() {
            return Err(PartError::Stopped);
        }
        Ok(sent?)
    }
}
