//! The order in which steps are conducted: asked for, done, remembered, taken back. The only place that
//! knows it. Knows no step by name, calls nothing but through [`Commands`], and prints nothing.
//!
//! What a conductor makes it can take back; what it finds it leaves. So a call that goes on where an
//! earlier one ended, or that takes a cluster that is up, deletes nothing of what was there before it.

use std::collections::BTreeSet;
use std::time::Duration;

use bench::conduct::Fault;
use bench::seams::{StopFlag, TestbedError};

use super::call::{Call, Commands, Said, Unwell, Why};
use super::plan::{Cluster, ClusterRun, Round};
use super::secret::without;
use super::step::{Input, Step, Undo};
use super::text::shell;
use crate::child::last_lines;

/// A question is answered soon, or it is not answered.
const ASKED: Duration = Duration::from_secs(60);
/// A cluster is deleted in less.
const TAKEN_BACK: Duration = Duration::from_secs(180);

/// What happens, for whoever watches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Happened<'a> {
    /// It was done before.
    Found(&'a Step),
    /// It is being done.
    Begun(&'a Step),
    /// It is done.
    Done(&'a Step, Duration),
    /// It is being taken back by that command.
    TakingBack(&'a [String]),
    /// Something could not be taken back, and why; another failure is on its way besides.
    Left(&'a str),
}

/// What a step said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Kept {
    /// The step's name.
    pub step: String,
    /// On its standard output.
    pub output: String,
}

/// What was made by a conductor, in order, by cluster.
#[derive(Debug, Default)]
pub struct Made(Vec<MadeIn>);

#[derive(Debug)]
struct MadeIn {
    cluster: String,
    undos: Vec<Undo>,
}

/// What became of that.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct TakenBack {
    /// Clusters that are gone.
    pub clusters: BTreeSet<String>,
    /// Commands that failed, and how: what they should have taken back is left.
    pub left: Vec<(String, String)>,
}

/// A cluster as it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Standing {
    /// Its name.
    pub cluster: String,
    /// Whether it is there at all.
    pub is_up: bool,
    /// Every step that can be asked for, and whether it is done; empty where there is no cluster.
    pub steps: Vec<(String, bool)>,
}

impl Standing {
    /// Whether it is up and every step that can be asked for is done.
    #[must_use]
    pub fn is_whole(&self) -> bool {
        self.is_up && self.steps.iter().all(|(_, done)| *done)
    }
}

/// Conducts steps.
pub struct Conductor<'a> {
    /// By which everything is called.
    pub commands: &'a mut dyn Commands,
    /// Makes what a step reads and nobody sees, by its name.
    pub secrets: &'a mut dyn FnMut(&str) -> Result<String, String>,
    /// Who watches.
    pub watch: &'a mut dyn FnMut(Happened<'_>),
    /// A wish to stop: what runs is ended, and nothing more is begun.
    pub stop: StopFlag,
}

impl Conductor<'_> {
    /// From wherever the clusters stand to all of them ready. What this call makes is in `made`, also
    /// when it fails.
    pub fn up(&mut self, run: &ClusterRun, made: &mut Made) -> Result<(), Fault> {
        made.begin("");
        self.steps(&run.first, made)?;
        for cluster in &run.clusters {
            made.begin(&cluster.name);
            self.steps(&cluster.up, made)?;
        }
        Ok(())
    }

    /// These steps in order, but for those that are found done. A step is remembered before it is
    /// begun: one that fails may have done half of it.
    pub fn steps(&mut self, steps: &[Step], made: &mut Made) -> Result<Vec<Kept>, Fault> {
        let mut kept = Vec::new();
        for step in steps {
            if self.is_done(step)? {
                (self.watch)(Happened::Found(step));
                continue;
            }
            made.remember(step.undo.as_ref());
            kept.push(self.step(step)?);
        }
        Ok(kept)
    }

    /// Does some work while a variant's policies are in force. They go again whatever happens, unless
    /// that is a failure and it is wished to be looked at.
    pub fn under<T>(
        &mut self,
        round: &Round,
        look_at_failures: bool,
        work: impl FnOnce(&mut Self) -> Result<T, Fault>,
    ) -> Result<T, Fault> {
        let done = self.steps(&round.apply, &mut Made::default()).and_then(|_| work(self));
        if done.is_err() && look_at_failures {
            return done;
        }
        // A wish to stop is no wish to leave a policy behind.
        let stop = std::mem::take(&mut self.stop);
        let removed = self.steps(&round.remove, &mut Made::default());
        self.stop = stop;
        match (done, removed) {
            (Ok(done), removed) => removed.map(|_| done),
            (Err(fault), Ok(_)) => Err(fault),
            (Err(fault), Err(left)) => {
                (self.watch)(Happened::Left(&left.to_string()));
                Err(fault)
            }
        }
    }

    /// What a cluster says of itself, to be kept.
    pub fn collect(&mut self, cluster: &Cluster) -> Result<Vec<Kept>, Fault> {
        self.steps(&cluster.collect, &mut Made::default())
    }

    /// What stands of a run's clusters. Changes nothing.
    pub fn status(&mut self, run: &ClusterRun) -> Result<Vec<Standing>, Fault> {
        let standing = |cluster: &Cluster| {
            let is_up = self.is_up(cluster)?;
            let mut steps = Vec::new();
            for step in cluster.up.iter().filter(|step| is_up && step.done.is_some()) {
                steps.push((step.name.clone(), self.is_done(step)?));
            }
            Ok(Standing { cluster: cluster.name.clone(), is_up, steps })
        };
        run.clusters.iter().map(standing).collect()
    }

    /// Makes sure that every cluster is up and what the plan wants, and changes nothing. The hint says
    /// how it comes to be so.
    pub fn take(&mut self, run: &ClusterRun, hint: &str) -> Result<(), Fault> {
        for standing in self.status(run)? {
            let missing: Vec<&str> =
                standing.steps.iter().filter(|(_, done)| !done).map(|(step, _)| &**step).collect();
            let problem = match (standing.is_up, missing.as_slice()) {
                (true, []) => continue,
                (true, missing) => {
                    format!("it is not what the plan wants; not done: {}", missing.join(", "))
                }
                (false, _) => "there is no such cluster".to_owned(),
            };
            let step = format!("take the cluster {} as it is", standing.cluster);
            return Err(fault(step, problem, hint, Vec::new()));
        }
        Ok(())
    }

    /// Deletes every cluster of a run that is there, and says which. Goes on when one can not be
    /// deleted, and tells the first such then.
    pub fn down(&mut self, run: &ClusterRun) -> Result<Vec<String>, Fault> {
        let (mut gone, mut failed) = (Vec::new(), None);
        for cluster in &run.clusters {
            let mut delete = || -> Result<bool, Fault> {
                let is_up = self.is_up(cluster)?;
                let steps: &[Step] = if is_up { &cluster.down } else { &[] };
                self.steps(steps, &mut Made::default()).map(|_| is_up)
            };
            match delete() {
                Ok(true) => gone.push(cluster.name.clone()),
                Ok(false) => {}
                Err(Fault::Stopped) => return Err(Fault::Stopped),
                Err(fault) => failed = failed.or(Some(fault)),
            }
        }
        failed.map_or(Ok(gone), Err)
    }

    /// Takes back what was made, the last thing first, whether or not a stop was asked for. What fails
    /// is told and passed over.
    pub fn take_back(&mut self, made: Made) -> TakenBack {
        let mut back = TakenBack::default();
        for MadeIn { cluster, undos } in made.0.into_iter().rev() {
            // A cluster that goes takes everything in it along.
            let first = undos.iter().position(|undo| undo.whole);
            let todo = first.map_or(&undos[..], |first| &undos[..=first]);
            let mut gone = first.is_some();
            for undo in todo.iter().rev() {
                (self.watch)(Happened::TakingBack(&undo.command));
                let stop = StopFlag::default();
                let command = &undo.command;
                let call = Call { command, input: None, within: TAKEN_BACK, stop: &stop };
                if let Err(unwell) = self.commands.call(&call) {
                    gone &= !undo.whole;
                    back.left.push((shell(command), told(&unwell)));
                }
            }
            back.clusters.extend(gone.then_some(cluster));
        }
        back
    }

    fn is_up(&mut self, cluster: &Cluster) -> Result<bool, Fault> {
        self.is_done(cluster.up.first().expect("a cluster is made by a step"))
    }

    fn is_done(&mut self, step: &Step) -> Result<bool, Fault> {
        if self.stop.is_raised() {
            return Err(Fault::Stopped);
        }
        let Some(done) = &step.done else { return Ok(false) };
        let input = match &step.input {
            Some(Input::Text { text, .. }) if done.reads => Some(text.as_str()),
            _ => None,
        };
        let call = Call { command: &done.command, input, within: ASKED, stop: &self.stop };
        match self.commands.call(&call) {
            Ok(said) => Ok(done.says.is_in(&said.out)),
            Err(Unwell { why: Why::Stopped, .. }) => Err(Fault::Stopped),
            Err(Unwell { why: Why::Failed(_) | Why::Late(_), .. }) if done.says.may_fail() => {
                Ok(false)
            }
            Err(unwell) => {
                let asked = format!("{}: is it done already", step.name);
                let problem = format!("`{}` {unwell}", shell(&done.command));
                Err(fault(asked, problem, step.hint, unwell.last_lines))
            }
        }
    }

    fn step(&mut self, step: &Step) -> Result<Kept, Fault> {
        (self.watch)(Happened::Begun(step));
        let mut secret = None;
        let input = match &step.input {
            None => None,
            Some(Input::Text { text, .. }) => Some(text.as_str()),
            Some(Input::Secret { name, .. }) => {
                let made = (self.secrets)(name)
                    .map_err(|why| fault(step.name.clone(), why, step.hint, Vec::new()))?;
                Some(secret.insert(made).as_str())
            }
        };
        let call = Call { command: &step.command, input, within: step.deadline, stop: &self.stop };
        let called = self.commands.call(&call);
        let shown = |text: &str| {
            secret.as_ref().map_or_else(|| text.to_owned(), |secret| without(text, secret))
        };
        match called {
            Ok(Said { out, took }) => {
                (self.watch)(Happened::Done(step, took));
                Ok(Kept { step: step.name.clone(), output: shown(&out) })
            }
            Err(Unwell { why: Why::Stopped, .. }) => Err(Fault::Stopped),
            Err(unwell) => {
                let problem = format!("`{}` {unwell}", shell(&step.command));
                let mut lines: Vec<String> =
                    unwell.last_lines.iter().map(|line| shown(line)).collect();
                lines.extend(step.look.iter().flat_map(|command| self.looked(command)));
                Err(fault(step.name.clone(), problem, step.hint, lines))
            }
        }
    }

    /// What can be seen after a failure, also when a stop was asked for by then.
    fn looked(&mut self, command: &[String]) -> Vec<String> {
        let stop = StopFlag::default();
        let call = Call { command, input: None, within: ASKED, stop: &stop };
        let seen = match self.commands.call(&call) {
            Ok(said) => last_lines(&said.out),
            Err(unwell) => vec![told(&unwell)],
        };
        let mut lines = vec![format!("$ {}", shell(command))];
        lines.extend(seen);
        lines
    }
}

impl Made {
    /// Whether there is anything to take back.
    #[must_use]
    pub fn is_nothing(&self) -> bool {
        self.0.iter().all(|made| made.undos.is_empty())
    }

    fn begin(&mut self, cluster: &str) {
        self.0.push(MadeIn { cluster: cluster.to_owned(), undos: Vec::new() });
    }

    fn remember(&mut self, undo: Option<&Undo>) {
        if self.0.is_empty() {
            self.begin("");
        }
        if let Some(made) = self.0.last_mut() {
            made.undos.extend(undo.cloned());
        }
    }
}

fn fault(step: String, problem: String, hint: &str, log_tail: Vec<String>) -> Fault {
    Fault::Testbed(TestbedError {
        testbed: "kind".to_owned(),
        step,
        problem,
        hint: hint.to_owned(),
        log_tail,
    })
}

/// With the last thing that was said.
fn told(unwell: &Unwell) -> String {
    let last = unwell.last_lines.iter().rfind(|line| !line.trim().is_empty());
    last.map_or_else(|| unwell.to_string(), |line| format!("{unwell}: {}", line.trim()))
}

#[cfg(test)]
mod tests;
