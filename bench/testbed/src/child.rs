//! A child process that talks in lines: spawned, asked, watched, and ended with its guard. What the
//! child is, is not known here.

use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Seek, SeekFrom, Write};
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{ChildStdin, ChildStdout, Command, ExitStatus, Stdio};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

use rustix::process::{Pid, Signal, kill_process};

use crate::deadline::Deadline;

/// The longest line that is read from a child.
const MAX_LINE_BYTES: u64 = 4 << 20;
/// How much of a log is looked at for its last lines, and how many of them are told.
const TAIL_BYTES: u64 = 16 << 10;
const TAIL_LINES: usize = 20;
/// Between two looks at a child that is to end.
const LOOK_AGAIN: Duration = Duration::from_millis(5);

/// What to start.
#[derive(Debug, Clone)]
pub struct Program {
    /// The executable.
    pub path: PathBuf,
    /// Its arguments.
    pub args: Vec<String>,
}

/// A child that can not be used, with the last lines it said.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{child}: {problem}")]
pub struct ChildError {
    /// Its name.
    pub child: String,
    /// What is wrong, e.g. `it was ended by signal 9`.
    pub problem: String,
    /// The end of its log.
    pub log_tail: Vec<String>,
}

/// A running child. Dropping it kills and reaps it.
#[derive(Debug)]
pub struct Child {
    name: String,
    process: std::process::Child,
    /// The lifeline: the child ends when this is closed, however it comes to be closed.
    input: Option<ChildStdin>,
    lines: Receiver<io::Result<String>>,
    log: PathBuf,
}

impl Child {
    /// Starts the program, its standard error going to the file. It gets a process group of its
    /// own: a Ctrl-C at the terminal is for the parent, which still has something to write down.
    pub fn spawn(name: &str, program: &Program, log: &Path) -> Result<Self, ChildError> {
        let failed = |what: String| ChildError {
            child: name.to_owned(),
            problem: what,
            log_tail: Vec::new(),
        };
        let errors = File::create(log).map_err(|error| {
            failed(format!("can not create the log {}: {error}", log.display()))
        })?;
        let mut process = Command::new(&program.path)
            .args(&program.args)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(errors)
            .process_group(0)
            .spawn()
            .map_err(|error| {
                failed(format!("can not start {}: {error}", program.path.display()))
            })?;
        let input = process.stdin.take();
        let output = process.stdout.take().expect("standard output is piped above");
        let (to, lines) = sync_channel(16);
        // The guard exists before anything else can fail, so that the child can not be lost.
        let child = Self { name: name.to_owned(), process, input, lines, log: log.to_owned() };
        std::thread::Builder::new()
            .name(format!("{name} output"))
            .spawn(move || read_lines(output, &to))
            .map_err(|error| child.error(format!("can not start a thread: {error}")))?;
        Ok(child)
    }

    /// As given.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// An error when the child has ended.
    pub fn check(&mut self) -> Result<(), ChildError> {
        match self.process.try_wait() {
            Ok(None) => Ok(()),
            Ok(Some(status)) => Err(self.error(how(status))),
            Err(error) => Err(self.error(format!("its state is unknown: {error}"))),
        }
    }

    /// Sends a line.
    pub fn say(&mut self, line: &str) -> Result<(), ChildError> {
        self.check()?;
        let sent = match &mut self.input {
            Some(input) => input
                .write_all(line.as_bytes())
                .and_then(|()| input.write_all(b"\n"))
                .and_then(|()| input.flush()),
            None => Err(io::ErrorKind::BrokenPipe.into()),
        };
        sent.map_err(|error| self.gone(&format!("it can not be told anything: {error}")))
    }

    /// Waits for a line.
    pub fn line(&mut self, deadline: Deadline) -> Result<String, ChildError> {
        match self.lines.recv_timeout(deadline.left()) {
            Ok(Ok(line)) => Ok(line),
            Ok(Err(error)) => Err(self.gone(&format!("it can not be heard: {error}"))),
            Err(RecvTimeoutError::Disconnected) => Err(self.gone("it closed its standard output")),
            Err(RecvTimeoutError::Timeout) => {
                self.check()?;
                Err(self.error("it said nothing in time".to_owned()))
            }
        }
    }

    /// Sends a line and waits for the answer.
    pub fn ask(&mut self, line: &str, deadline: Deadline) -> Result<String, ChildError> {
        self.say(line)?;
        self.line(deadline)
    }

    /// Closes the lifeline and waits for the end; kills when that takes too long.
    pub fn end(mut self, deadline: Deadline) -> Result<(), ChildError> {
        self.check()?;
        self.input = None;
        self.ended(deadline)
    }

    /// Asks a program that watches no lifeline to end, and waits for that; kills when it takes too
    /// long.
    pub fn terminate(mut self, deadline: Deadline) -> Result<(), ChildError> {
        self.check()?;
        let id = i32::try_from(self.id()).ok().and_then(Pid::from_raw);
        let told = id.map(|id| kill_process(id, Signal::TERM));
        if !matches!(told, Some(Ok(()))) {
            return Err(self.error("it can not be told to end".to_owned()));
        }
        self.ended(deadline)
    }

    /// The last lines of the log; none when it is empty or can not be read.
    #[must_use]
    pub fn last_lines(&self) -> Vec<String> {
        tail(&self.log).unwrap_or_default()
    }

    fn ended(mut self, deadline: Deadline) -> Result<(), ChildError> {
        match self.wait(deadline) {
            Some(status) if status.success() => Ok(()),
            Some(status) => Err(self.error(how(status))),
            None => {
                Err(self.error("it did not end when it was told to, and was killed".to_owned()))
            }
        }
    }

    fn wait(&mut self, deadline: Deadline) -> Option<ExitStatus> {
        loop {
            match self.process.try_wait() {
                Ok(Some(status)) => return Some(status),
                Ok(None) if !deadline.has_passed() => std::thread::sleep(LOOK_AGAIN),
                Ok(None) | Err(_) => return None,
            }
        }
    }

    fn error(&self, problem: String) -> ChildError {
        ChildError { child: self.name.clone(), problem, log_tail: self.last_lines() }
    }

    /// A pipe that broke says less than how the child ended, which may take it a moment.
    fn gone(&mut self, symptom: &str) -> ChildError {
        match self.wait(Deadline::after(Duration::from_secs(1))) {
            Some(status) => self.error(how(status)),
            None => self.error(symptom.to_owned()),
        }
    }
}

impl Drop for Child {
    fn drop(&mut self) {
        // Both fail only for a child that was reaped already.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

fn read_lines(output: ChildStdout, to: &SyncSender<io::Result<String>>) {
    let mut output = BufReader::new(output);
    loop {
        let mut line = String::new();
        let read = (&mut output).take(MAX_LINE_BYTES).read_line(&mut line);
        let message = match read {
            Ok(0) => return,
            Ok(_) if line.ends_with('\n') => Ok(line),
            Ok(_) => Err(io::Error::other("a line without an end")),
            Err(error) => Err(error),
        };
        let last = message.is_err();
        // Nobody listens any more when the guard is gone.
        if to.send(message).is_err() || last {
            return;
        }
    }
}

/// In words.
pub(crate) fn how(status: ExitStatus) -> String {
    match (status.code(), status.signal()) {
        (Some(code), _) => format!("it ended with exit code {code}"),
        (None, Some(signal)) => format!("it was ended by signal {signal}"),
        (None, None) => format!("it ended: {status}"),
    }
}

fn tail(log: &Path) -> io::Result<Vec<String>> {
    let mut file = File::open(log)?;
    let length = file.metadata()?.len();
    file.seek(SeekFrom::Start(length.saturating_sub(TAIL_BYTES)))?;
    let mut bytes = Vec::new();
    file.take(TAIL_BYTES).read_to_end(&mut bytes)?;
    Ok(last_lines(&String::from_utf8_lossy(&bytes)))
}

/// As many as are told.
pub(crate) fn last_lines(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    last.iter().map(|line| (*line).to_owned()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Program {
        Program { path: "/bin/sh".into(), args: vec!["-c".to_owned(), script.to_owned()] }
    }

    fn soon() -> Deadline {
        Deadline::after(Duration::from_secs(20))
    }

    #[test]
    fn a_child_is_asked_and_answers_and_ends_when_its_lifeline_is_closed() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("cat.log");
        let mut child = Child::spawn("cat", &shell("exec cat"), &log).unwrap();
        assert_eq!(child.ask("hello", soon()).unwrap(), "hello\n");
        child.end(soon()).unwrap();
    }

    #[test]
    fn a_child_that_failed_is_reported_with_its_code_and_its_last_words() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("child.log");
        let script = "echo one >&2; echo two >&2; exit 3";
        let mut child = Child::spawn("child", &shell(script), &log).unwrap();
        let error = child.line(soon()).unwrap_err();
        assert_eq!(error.problem, "it ended with exit code 3");
        assert_eq!(error.log_tail, ["one", "two"]);
        assert!(child.check().is_err());
    }

    #[test]
    fn a_child_that_was_killed_is_reported_with_the_signal() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("child.log");
        let mut child = Child::spawn("child", &shell("kill -9 $$"), &log).unwrap();
        assert_eq!(child.line(soon()).unwrap_err().problem, "it was ended by signal 9");
        assert!(child.say("hello").is_err());
    }

    #[test]
    fn a_child_that_is_told_to_end_is_waited_for() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("child.log");
        let script = "trap 'exit 0' TERM; echo up; while :; do sleep 0.01; done";
        let mut child = Child::spawn("child", &shell(script), &log).unwrap();
        assert_eq!(child.line(soon()).unwrap(), "up\n");
        child.terminate(soon()).unwrap();
        let child = Child::spawn("child", &shell("exec cat"), &log).unwrap();
        let error = child.terminate(soon()).unwrap_err();
        assert_eq!(error.problem, "it was ended by signal 15");
    }

    #[test]
    fn a_silent_child_is_waited_for_only_so_long() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("child.log");
        let mut child = Child::spawn("child", &shell("exec cat"), &log).unwrap();
        let error = child.line(Deadline::after(Duration::from_millis(20))).unwrap_err();
        assert_eq!(error.problem, "it said nothing in time");
    }

    #[test]
    fn only_the_last_lines_of_a_long_log_are_told() {
        let folder = tempfile::tempdir().unwrap();
        let log = folder.path().join("child.log");
        let script = "i=0; while [ $i -lt 5000 ]; do echo line $i >&2; i=$((i+1)); done; exit 1";
        let mut child = Child::spawn("child", &shell(script), &log).unwrap();
        let tail = child.line(soon()).unwrap_err().log_tail;
        assert_eq!(tail.len(), TAIL_LINES);
        assert_eq!(tail.last().unwrap(), "line 4999");
    }

    #[test]
    fn a_program_that_does_not_exist_is_an_error_that_names_it() {
        let folder = tempfile::tempdir().unwrap();
        let program = Program { path: "/nowhere/at-all".into(), args: Vec::new() };
        let error = Child::spawn("child", &program, &folder.path().join("log")).unwrap_err();
        assert!(error.to_string().contains("/nowhere/at-all"), "{error}");
    }
}
