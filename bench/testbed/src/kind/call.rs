//! One command-line tool, called and waited for: what it reads, how long it may take, what it said. It
//! ends with its deadline, with a wish to stop, and with this process. Knows no step.

use std::ffi::{OsStr, OsString};
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::process::CommandExt;
use std::path::PathBuf;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

use bench::seams::StopFlag;
use rustix::fs::{MemfdFlags, memfd_create};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process_group, waitid};

use crate::child::{Program, how, last_lines};
use crate::deadline::Deadline;
use crate::tether;

/// Between two looks at a tool that runs.
const LOOK_AGAIN: Duration = Duration::from_millis(10);
/// A tool that is told to end may still take back what it began.
const GRACE: Duration = Duration::from_secs(5);
/// What would have a tool talk to another cluster than the one that its arguments name.
const ELSEWHERE: [&str; 11] = [
    "KUBECONFIG",
    "HELM_KUBEAPISERVER",
    "HELM_KUBEASGROUPS",
    "HELM_KUBEASUSER",
    "HELM_KUBECAFILE",
    "HELM_KUBECONTEXT",
    "HELM_KUBEINSECURE_SKIP_TLS_VERIFY",
    "HELM_KUBETLS_SERVER_NAME",
    "HELM_KUBETOKEN",
    "HELM_NAMESPACE",
    "KIND_CLUSTER_NAME",
];

/// What is called.
#[derive(Debug, Clone, Copy)]
pub struct Call<'a> {
    /// Program and arguments.
    pub command: &'a [String],
    /// What it reads; nothing when `None`.
    pub input: Option<&'a str>,
    /// It is ended after that long.
    pub within: Duration,
    /// It is ended with this wish.
    pub stop: &'a StopFlag,
}

/// What a tool that ended well said.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Said {
    /// On its standard output.
    pub out: String,
    /// How long it took.
    pub took: Duration,
}

/// Why a call is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{why}")]
pub struct Unwell {
    /// In what way.
    pub why: Why,
    /// The last lines that it said, on whichever way.
    pub last_lines: Vec<String>,
}

/// In what way a call is of no use.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Why {
    /// It did not start.
    #[error("does not start: {0}")]
    NotStarted(String),
    /// It ended badly.
    #[error("failed: {0}")]
    Failed(String),
    /// It took too long and was ended.
    #[error("did not end within {} s, and was ended", .0.as_secs())]
    Late(Duration),
    /// A stop was wished for.
    #[error("was ended, since a stop was asked for")]
    Stopped,
}

/// Something that calls tools: this machine, or a script of a test that needs neither them nor time.
pub trait Commands {
    /// Calls it and waits for its end.
    fn call(&mut self, call: &Call<'_>) -> Result<Said, Unwell>;
}

/// The tools of this machine. Each is tethered: the kernel ends it when this process ends.
#[derive(Debug, Clone)]
pub struct Tools {
    /// Our own program with the arguments by which it calls [`tether::run`].
    pub own: Program,
    /// Where programs are, as in `PATH`.
    pub path: OsString,
    /// Where they are run.
    pub folder: PathBuf,
}

impl Commands for Tools {
    fn call(&mut self, call: &Call<'_>) -> Result<Said, Unwell> {
        let (name, arguments) = call.command.split_first().expect("a step calls something");
        let path = found(&self.path, name).map_err(|why| not_started(&why))?;
        let program = Program { path, args: arguments.to_vec() };
        let tethered = tether::tethered(&self.own, &[], &program);
        let mut command = Command::new(&tethered.path);
        command.args(&tethered.args).current_dir(&self.folder).env("PATH", &self.path);
        ELSEWHERE.iter().for_each(|name| {
            command.env_remove(name);
        });
        to_its_end(command, call.input, call.within, call.stop)
    }
}

/// Where a program is.
pub(super) fn found(path: &OsStr, name: &str) -> Result<PathBuf, String> {
    let places = std::env::split_paths(path).map(|folder| folder.join(name));
    places
        .into_iter()
        .find(|it| it.is_file())
        .ok_or_else(|| "it is in no folder of PATH".to_owned())
}

/// Starts a command and waits for it. What it reads and says is in memory alone: a secret is on no
/// disk, and a tool that reads late or writes much keeps nobody waiting.
pub(super) fn to_its_end(
    mut command: Command,
    input: Option<&str>,
    within: Duration,
    stop: &StopFlag,
) -> Result<Said, Unwell> {
    let prepared = || -> io::Result<(File, File, File)> {
        Ok((memory(input.unwrap_or_default())?, memory("")?, memory("")?))
    };
    let (input, mut out, mut errors) = prepared().map_err(|error| not_started(&error))?;
    let started = || -> io::Result<Child> {
        command
            .stdin(Stdio::from(input))
            .stdout(Stdio::from(out.try_clone()?))
            .stderr(Stdio::from(errors.try_clone()?))
            // A Ctrl-C at the terminal is for us: the tool is told when it is its turn.
            .process_group(0)
            .spawn()
    };
    let deadline = Deadline::after(within);
    let leader = started().map_err(|error| not_started(&error))?;
    let running = Running { leader, reaped: false };
    let ended = running.wait(deadline, within, stop);
    let took = within.saturating_sub(deadline.left());
    let (out, errors) = (text(&mut out), text(&mut errors));
    match ended {
        Ok(()) => Ok(Said { out, took }),
        Err(why) => Err(Unwell { why, last_lines: last_lines(&format!("{out}{errors}")) }),
    }
}

fn not_started(error: &dyn std::fmt::Display) -> Unwell {
    Unwell { why: Why::NotStarted(error.to_string()), last_lines: Vec::new() }
}

/// A file that has no name, with a text in it.
fn memory(content: &str) -> io::Result<File> {
    let mut file = File::from(memfd_create("loadgen", MemfdFlags::CLOEXEC)?);
    file.write_all(content.as_bytes())?;
    file.seek(SeekFrom::Start(0))?;
    Ok(file)
}

/// All of it; nothing where it can not be read, which a file in memory always can.
fn text(file: &mut File) -> String {
    let mut bytes = Vec::new();
    let read = file.seek(SeekFrom::Start(0)).and_then(|_| file.read_to_end(&mut bytes));
    read.map_or_else(|_| String::new(), |_| String::from_utf8_lossy(&bytes).into_owned())
}

/// A tool and all that it started, which are one process group. None outlives this.
struct Running {
    leader: Child,
    /// From then on the group's number may be another's.
    reaped: bool,
}

impl Running {
    fn wait(mut self, deadline: Deadline, within: Duration, stop: &StopFlag) -> Result<(), Why> {
        let late = loop {
            if self.has_ended() {
                break None;
            }
            if stop.is_raised() {
                break Some(Why::Stopped);
            }
            if deadline.has_passed() {
                break Some(Why::Late(within));
            }
            std::thread::sleep(LOOK_AGAIN);
        };
        if late.is_some() {
            self.signal(Signal::TERM);
            let grace = Deadline::after(GRACE);
            while !self.has_ended() && !grace.has_passed() {
                std::thread::sleep(LOOK_AGAIN);
            }
        }
        let status = self.reap().map_err(|error| Why::Failed(error.to_string()))?;
        match late {
            Some(why) => Err(why),
            None if status.success() => Ok(()),
            None => Err(Why::Failed(how(status))),
        }
    }

    /// Looks without reaping, so that the group's number stays ours.
    fn has_ended(&self) -> bool {
        let look = WaitIdOptions::EXITED | WaitIdOptions::NOHANG | WaitIdOptions::NOWAIT;
        let found = self.id().map(|id| waitid(WaitId::Pid(id), look));
        !matches!(found, Some(Ok(None)))
    }

    fn reap(&mut self) -> io::Result<ExitStatus> {
        self.signal(Signal::KILL);
        self.reaped = true;
        self.leader.wait()
    }

    fn signal(&self, signal: Signal) {
        // Fails only where nobody is left.
        let _ = self.id().map(|id| kill_process_group(id, signal));
    }

    fn id(&self) -> Option<Pid> {
        i32::try_from(self.leader.id()).ok().and_then(Pid::from_raw)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        if !self.reaped {
            // Nobody is left to be told.
            let _ = self.reap();
        }
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use super::*;

    /// Tools that are started by a shell in the place of our own program.
    fn tools() -> Tools {
        let become_it = "shift 2; exec \"$@\"";
        let args = ["-c", become_it, "sh"].map(str::to_owned).to_vec();
        Tools {
            own: Program { path: "/bin/sh".into(), args },
            path: "/usr/bin:/bin".into(),
            folder: "/".into(),
        }
    }

    fn called(script: &str, input: Option<&str>, within: Duration) -> Result<Said, Unwell> {
        called_until(script, (input, within), &StopFlag::default())
    }

    fn called_until(
        script: &str,
        (input, within): (Option<&str>, Duration),
        stop: &StopFlag,
    ) -> Result<Said, Unwell> {
        let command = ["sh", "-c", script].map(str::to_owned);
        tools().call(&Call { command: &command, input, within, stop })
    }

    const LONG: Duration = Duration::from_secs(60);
    const SHORT: Duration = Duration::from_millis(20);
    const FOR_EVER: &str = "echo begun; echo waits >&2; while :; do sleep 0.01; done";

    #[test]
    fn a_tool_reads_what_it_is_given_and_is_heard_whole() {
        let much = "a line of a manifest\n".repeat(20_000);
        let said = called("cat; echo aside >&2", Some(&much), LONG).unwrap();
        assert_eq!(said.out, much);
        assert_eq!(called("cat", None, LONG).unwrap().out, "");
    }

    #[test]
    fn a_tool_that_fails_is_told_with_its_code_and_the_last_lines_of_both_ways() {
        let unwell = called("echo out; echo err >&2; exit 7", None, LONG).unwrap_err();
        assert_eq!(unwell.why, Why::Failed("it ended with exit code 7".to_owned()));
        assert_eq!(unwell.last_lines, ["out", "err"]);
    }

    #[test]
    fn a_tool_that_takes_too_long_is_ended_with_all_that_it_started() {
        let unwell = called(FOR_EVER, None, SHORT).unwrap_err();
        assert_eq!(unwell.why, Why::Late(SHORT));
        // What it started goes with it, also when it ends by itself. It ends when its child is there.
        let child = format!("echo $$; kill -USR1 $PPID; {FOR_EVER}");
        let script = format!("trap 'exit 3' USR1; sh -c '{child}' & {FOR_EVER}");
        let unwell = called(&script, None, LONG).unwrap_err();
        assert_eq!(unwell.why, Why::Failed("it ended with exit code 3".to_owned()));
        let pid = unwell.last_lines.iter().find_map(|line| line.parse::<u32>().ok()).unwrap();
        let alive = || {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
            stat.rsplit_once(')').is_some_and(|(_, rest)| !rest.trim_start().starts_with('Z'))
        };
        // The kernel's order is given; it takes it a moment to carry it out.
        for _ in 0..6_000 {
            if !alive() {
                return;
            }
            std::thread::sleep(LOOK_AGAIN);
        }
        panic!("{pid} is alive");
    }

    #[test]
    fn a_tool_that_does_not_listen_is_killed() {
        let stop = StopFlag::default();
        stop.raise();
        let deaf = format!("trap '' TERM; {FOR_EVER}");
        let unwell = called_until(&deaf, (None, LONG), &stop).unwrap_err();
        assert_eq!(unwell.why, Why::Stopped);
    }

    #[test]
    fn a_wish_to_stop_ends_the_tool() {
        let stop = StopFlag::default();
        stop.raise();
        let unwell = called_until(FOR_EVER, (None, LONG), &stop).unwrap_err();
        assert_eq!(unwell.why, Why::Stopped);
    }

    #[test]
    fn a_program_that_is_not_there_is_an_error_that_says_so() {
        let command = ["no-such-program".to_owned()];
        let stop = StopFlag::default();
        let call = Call { command: &command, input: None, within: LONG, stop: &stop };
        let unwell = tools().call(&call).unwrap_err();
        assert_eq!(unwell.to_string(), "does not start: it is in no folder of PATH");
    }
}
