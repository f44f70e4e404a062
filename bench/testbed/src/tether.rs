//! Programs that we did not write, and that watch no lifeline: the kernel ends them with us. What
//! they are is not known here.
//!
//! The kernel's death signal has three traps. It is set by the process that is to die, between fork
//! and exec: so our own program is started, sets it, and becomes the other one, which keeps process
//! id and signal. It comes when the *thread* that started the process ends, not the process: so one
//! thread starts them all and lives as long as its [`Tether`]. And it is not sent for a parent that
//! was gone before: so the program compares who its parent is.
//!
//! Not even `kill -9` of us, or of any process between, leaves one behind: there is none between.

use std::fmt::Write as _;
use std::io;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::sync::mpsc::{SyncSender, sync_channel};
use std::thread::JoinHandle;

use rustix::process::{
    Resource, Rlimit, Signal, getppid, getrlimit, set_parent_process_death_signal, setrlimit,
};
use rustix::thread::{CpuSet, sched_setaffinity};

use crate::child::{Child, ChildError, Program};
use crate::namespace::Namespace;

type Job = Box<dyn FnOnce() + Send>;

/// The thread that starts tethered children. When it is dropped the kernel ends them all.
#[derive(Debug)]
pub struct Tether {
    /// Our own program, which calls [`run`] with the arguments that come after these.
    program: Program,
    jobs: Option<SyncSender<Job>>,
    thread: Option<JoinHandle<()>>,
}

impl Tether {
    /// Starts the thread. The program is called with its arguments and some more, and must then
    /// call [`run`] with those.
    pub fn new(program: Program) -> io::Result<Self> {
        let (jobs, todo) = sync_channel::<Job>(0);
        let thread = std::thread::Builder::new()
            .name("tether".to_owned())
            .spawn(move || todo.into_iter().for_each(|job| job()))?;
        Ok(Self { program, jobs: Some(jobs), thread: Some(thread) })
    }

    /// The same, of a thread in a network namespace: its children stand there, too.
    pub fn within(program: Program, namespace: &Namespace) -> io::Result<Self> {
        let tether = Self::new(program)?;
        let namespace = namespace.try_clone()?;
        tether.on_its_thread(move || namespace.enter())?;
        Ok(tether)
    }

    /// Starts a program on these cores (wherever it likes when there are none), its standard error
    /// going to the log.
    pub fn spawn(
        &self,
        name: &str,
        program: &Program,
        cores: &[usize],
        log: &Path,
    ) -> Result<Child, ChildError> {
        let tethered = tethered(&self.program, cores, program);
        let (name, log) = (name.to_owned(), log.to_owned());
        self.on_its_thread(move || Child::spawn(&name, &tethered, &log))
    }

    fn on_its_thread<T: Send + 'static>(&self, job: impl FnOnce() -> T + Send + 'static) -> T {
        let (answer, answered) = sync_channel(1);
        let job: Job = Box::new(move || {
            // Whoever asked is waiting below.
            let _ = answer.send(job());
        });
        let jobs = self.jobs.as_ref().expect("taken on drop only");
        jobs.send(job).expect("the thread lives as long as this");
        answered.recv().expect("the job answers")
    }
}

impl Drop for Tether {
    fn drop(&mut self) {
        self.jobs = None;
        if let Some(thread) = self.thread.take() {
            // A panic there was reported when it happened.
            let _ = thread.join();
        }
    }
}

/// The program that becomes another one on these cores. Whoever starts it must do so from a thread
/// that lives as long as it does: a [`Tether`]'s, or the one that waits for its end.
pub(crate) fn tethered(own: &Program, cores: &[usize], program: &Program) -> Program {
    let mut tethered = own.clone();
    tethered.args.extend(arguments(std::process::id(), cores, program));
    tethered
}

fn arguments(parent: u32, cores: &[usize], program: &Program) -> Vec<String> {
    let mut list = String::new();
    for core in cores {
        let _ = write!(list, "{}{core}", if list.is_empty() { "" } else { "," });
    }
    let path = program.path.to_string_lossy().into_owned();
    let mut all = vec![parent.to_string(), list, path];
    all.extend(program.args.iter().cloned());
    all
}

/// Becomes the program that the arguments name. Returns only to say why it could not.
#[must_use]
pub fn run(arguments: &[String]) -> String {
    let [parent, cores, path, rest @ ..] = arguments else {
        return format!("expected a parent, cores and a program, found {arguments:?}");
    };
    let prepared = end_with(parent).and_then(|()| pin(cores));
    if let Err(problem) = prepared {
        return problem;
    }
    raise_descriptor_limit();
    let error = Command::new(path).args(rest).exec();
    format!("can not run {path}: {error}")
}

fn end_with(parent: &str) -> Result<(), String> {
    set_parent_process_death_signal(Some(Signal::KILL))
        .map_err(|errno| format!("the kernel does not take a death signal: {errno}"))?;
    // From here on the kernel watches; before, it did not.
    let now = getppid().map(|pid| pid.as_raw_pid().to_string());
    if now.as_deref() == Some(parent) {
        Ok(())
    } else {
        Err(format!("the parent {parent} is gone"))
    }
}

fn pin(cores: &str) -> Result<(), String> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for core in cores.split(',') {
        match core.parse::<usize>() {
            Ok(core) if core < CpuSet::MAX_CPU => set.set(core),
            _ => return Err(format!("there is no core {core}")),
        }
    }
    sched_setaffinity(None, &set).map_err(|errno| format!("can not run on cores {cores}: {errno}"))
}

/// A proxied connection takes two descriptors, more than the usual soft limit of 1024 allows.
fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    // Where it stays as it is, whoever needs more says so when it has too few.
    let _ = setrlimit(Resource::Nofile, raised);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_arguments_are_those_that_are_read() {
        let program = Program { path: "/opt/envoy".into(), args: vec!["-c".into(), "x".into()] };
        assert_eq!(arguments(7, &[0, 2], &program), ["7", "0,2", "/opt/envoy", "-c", "x"]);
        assert_eq!(arguments(7, &[], &program), ["7", "", "/opt/envoy", "-c", "x"]);
    }

    #[test]
    fn arguments_that_name_no_program_are_an_error() {
        assert!(run(&["1".to_owned()]).contains("expected a parent"));
    }

    #[test]
    fn cores_that_are_none_are_named() {
        assert_eq!(pin("0,many"), Err("there is no core many".to_owned()));
        assert_eq!(pin("1000000"), Err("there is no core 1000000".to_owned()));
        assert_eq!(pin(""), Ok(()));
    }
}
