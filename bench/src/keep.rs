//! The listener that keeps a run: each trial is on disk, and `run.json` with it, before the next
//! begins. What a figure means is not known here.

use std::time::Duration;

use crate::analysis;
use crate::record::{AgentRecord, RunRecord, Subject};
use crate::results::{FolderError, RunFolder};
use crate::seams::{Event, Sink, SinkError};
use crate::summary::trial_row;

/// Keeps a run in its folder.
#[derive(Debug)]
pub struct Keeper {
    folder: RunFolder,
    run: RunRecord,
}

impl Keeper {
    /// The folder.
    #[must_use]
    pub fn folder(&self) -> &RunFolder {
        &self.folder
    }

    /// Writes the run as it stands: no trial yet, and marked as interrupted until it is ended.
    pub fn begin(folder: RunFolder, mut run: RunRecord) -> Result<Self, FolderError> {
        run.interrupted = true;
        run.ended_early = Some("the run is not over, or was killed".to_owned());
        folder.write_run(&run)?;
        Ok(Self { folder, run })
    }

    /// Adds a fact worth knowing to the provenance.
    pub fn note(&mut self, name: &str, fact: String) {
        self.run.provenance.notes.insert(name.to_owned(), fact);
    }

    /// What was measured, as the testbed says when it has seen it at work.
    pub fn subject(&mut self, subject: Subject) {
        self.run.provenance.subject = subject;
    }

    /// Who sent the requests, where they were processes of their own.
    pub fn agents(&mut self, agents: Vec<AgentRecord>) {
        self.run.agents = agents;
    }

    /// The run is over, by itself or for this reason; `interrupted` when somebody asked for it.
    /// Analyses what was admitted and writes the final form.
    pub fn end(
        mut self,
        ended_early: Option<String>,
        interrupted: bool,
    ) -> Result<(RunFolder, RunRecord), FolderError> {
        self.run.interrupted = interrupted;
        self.run.ended_early = ended_early;
        analysis::conclude(&mut self.run);
        self.folder.write_run(&self.run)?;
        Ok((self.folder, self.run))
    }
}

impl Sink for Keeper {
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::Proven(proof) => {
                self.run.proofs.push((*proof).clone());
                // The reading of the state that it is of is next, and brings it to the disk; a proof
                // that fails ends the run, which does.
                if self.run.memory.is_some() {
                    return Ok(());
                }
            }
            Event::TrialFinished { record, work, admission } => {
                let file = self.folder.write_trial(record).map_err(SinkError::from)?;
                let window = Duration::from_secs_f64(self.run.plan.load.duration_s);
                self.run.trials.push(trial_row(record, admission, work, window, &file));
            }
            Event::MemoryRead(readings) => {
                if let Some(memory) = &mut self.run.memory {
                    memory.readings.extend_from_slice(readings);
                }
            }
            Event::Looked(look) => {
                if let Some(stopping) = &mut self.run.stopping {
                    stopping.ending = look.ending;
                    stopping.looks.push((*look).clone());
                }
            }
            Event::RunStarted(_)
            | Event::BlockStarted { .. }
            | Event::TrialStarted { .. }
            | Event::RunEnded => return Ok(()),
        }
        self.folder.write_run(&self.run).map_err(SinkError::from)
    }
}
