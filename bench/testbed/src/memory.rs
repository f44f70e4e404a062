//! How much memory a process holds, as the kernel counts it in `/proc/PID/smaps_rollup`: once, several
//! times, or again and again while something else goes on. A process is looked at only as long as it
//! runs the program that it should; what that program does is not known here.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bench::memory::{Held, Looks};
use bench::seams::{Sidecars, TestbedError};

/// Between two looks at a process. A look takes the kernel less than a millisecond, in which the
/// process can not map or unmap anything.
const LOOK_AGAIN: Duration = Duration::from_millis(100);
/// An idle process is looked at that often: enough for a median that one late page does not move.
const IDLE_LOOKS: u32 = 5;
/// A watch ends by itself after so many looks, two hours and a half.
const MOST_LOOKS: usize = 90_000;

/// Of that process; an error when it has ended, or is somebody else's.
pub(crate) fn of(process: u32) -> Result<Held, String> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    understood(&text).ok_or_else(|| format!("{path}: a line is missing among those it has"))
}

/// A process and what it should be.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// e.g. `server sidecar`.
    pub(crate) role: String,
    pub(crate) process: u32,
    /// What it runs.
    pub(crate) program: PathBuf,
}

impl Watched {
    /// A look, while it runs its program, before and after.
    fn look(&self) -> Result<Held, String> {
        self.runs()?;
        let held = of(self.process)?;
        self.runs()?;
        Ok(held)
    }

    fn runs(&self) -> Result<(), String> {
        let found = program_of(self.process)
            .map_err(|error| format!("process {}: {error}", self.process))?;
        let expected = self.program.canonicalize().unwrap_or_else(|_| self.program.clone());
        if found == expected {
            return Ok(());
        }
        let (id, found, expected) = (self.process, found.display(), expected.display());
        Err(format!("process {id} runs {found}, not {expected}"))
    }

    /// Processes that run the same program, as far as this user may know.
    fn sharing(&self) -> u32 {
        let Ok(mine) = program_of(self.process) else { return 0 };
        let all = fs::read_dir("/proc").into_iter().flatten().flatten();
        let ids = all.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        let same = ids.filter(|id| program_of(*id).is_ok_and(|program| program == mine));
        u32::try_from(same.count()).unwrap_or(u32::MAX)
    }

    fn looks(&self, seen: Result<Vec<Held>, String>) -> Looks {
        let (sidecar, process) = (self.role.clone(), self.process);
        Looks { sidecar, process, sharing: self.sharing(), seen }
    }
}

/// The executable that a process runs; one that was replaced on the disk since is the same still.
fn program_of(process: u32) -> io::Result<PathBuf> {
    let link = fs::read_link(format!("/proc/{process}/exe"))?;
    let path = link.to_string_lossy();
    Ok(path.strip_suffix(" (deleted)").map_or_else(|| link.clone(), |path| Path::new(path).into()))
}

/// Leaves them alone for that long, and looks at each some times.
pub(crate) fn look_after(settle: Duration, watched: &[Watched]) -> Vec<Looks> {
    std::thread::sleep(settle);
    let mut seen: Vec<Result<Vec<Held>, String>> = vec![Ok(Vec::new()); watched.len()];
    for look in 0..IDLE_LOOKS {
        if look > 0 {
            std::thread::sleep(LOOK_AGAIN / 2);
        }
        look_once(watched, &mut seen);
    }
    told(watched, seen)
}

/// One look more at each; one that can not be looked at is not looked at again.
fn look_once(watched: &[Watched], seen: &mut [Result<Vec<Held>, String>]) {
    for (watched, seen) in watched.iter().zip(seen) {
        if let Ok(looks) = seen {
            match watched.look() {
                Ok(held) => looks.push(held),
                Err(why_not) => *seen = Err(why_not),
            }
        }
    }
}

fn told(watched: &[Watched], seen: Vec<Result<Vec<Held>, String>>) -> Vec<Looks> {
    watched.iter().zip(seen).map(|(watched, seen)| watched.looks(seen)).collect()
}

/// A thread that looks again and again. Dropping it ends it.
#[derive(Debug)]
pub(crate) struct Watch {
    stop: Sender<()>,
    thread: JoinHandle<Vec<Looks>>,
}

impl Watch {
    /// Looks from that long on.
    pub(crate) fn after(wait: Duration, watched: Vec<Watched>) -> io::Result<Self> {
        let (stop, stopped) = channel();
        let thread = std::thread::Builder::new()
            .name("memory".to_owned())
            .spawn(move || watch(wait, &watched, &stopped))?;
        Ok(Self { stop, thread })
    }

    /// What was seen: one look at least.
    pub(crate) fn end(self) -> Result<Vec<Looks>, String> {
        let Self { stop, thread } = self;
        drop(stop);
        thread.join().map_err(|_| "the thread that looks at memory has failed".to_owned())
    }
}

/// One variant that stands alone in a testbed, and its sidecars.
#[derive(Debug)]
pub(crate) struct Alone<Route> {
    testbed: &'static str,
    /// With the policies that are in force now.
    pub(crate) route: Route,
    watched: Vec<Watched>,
    watch: Option<Watch>,
}

impl<Route> Alone<Route> {
    pub(crate) fn new(testbed: &'static str, route: Route, watched: Vec<Watched>) -> Self {
        Self { testbed, route, watched, watch: None }
    }

    fn unwatched(&self, problem: impl ToString) -> TestbedError {
        TestbedError {
            testbed: self.testbed.to_owned(),
            step: "watch the memory".to_owned(),
            problem: problem.to_string(),
            hint: String::new(),
            log_tail: Vec::new(),
        }
    }
}

impl<Route> Sidecars for Alone<Route> {
    fn look_after(&mut self, settle: Duration) -> Vec<Looks> {
        look_after(settle, &self.watched)
    }

    fn watch_after(&mut self, wait: Duration) -> Result<(), TestbedError> {
        let begun = Watch::after(wait, self.watched.clone());
        self.watch = Some(begun.map_err(|error| self.unwatched(error))?);
        Ok(())
    }

    fn watched(&mut self) -> Result<Vec<Looks>, TestbedError> {
        let watch = self.watch.take().ok_or_else(|| self.unwatched("it was not begun"))?;
        watch.end().map_err(|problem| self.unwatched(problem))
    }
}

/// The disconnect of the channel ends it.
fn watch(wait: Duration, watched: &[Watched], stopped: &Receiver<()>) -> Vec<Looks> {
    let mut seen: Vec<Result<Vec<Held>, String>> = vec![Ok(Vec::new()); watched.len()];
    let mut next = wait;
    for _ in 0..MOST_LOOKS {
        let told_to_end = stopped.recv_timeout(next) != Err(RecvTimeoutError::Timeout);
        let nothing_yet = seen.iter().all(|seen| seen.as_ref().is_ok_and(Vec::is_empty));
        if !told_to_end || nothing_yet {
            look_once(watched, &mut seen);
        }
        if told_to_end {
            break;
        }
        next = LOOK_AGAIN;
    }
    told(watched, seen)
}

fn understood(text: &str) -> Option<Held> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some(Held {
        rss_bytes: bytes("Rss:")?,
        pss_bytes: bytes("Pss:")?,
        private_dirty_bytes: bytes("Private_Dirty:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    66560 kB\nPss:   40960 kB\n\
                    Pss_Dirty: 14336 kB\nPrivate_Dirty:     14336 kB\n";
        let memory = understood(text).unwrap();
        assert_eq!((memory.rss_bytes, memory.pss_bytes), (66560 << 10, 40960 << 10));
        assert_eq!(memory.private_dirty_bytes, 14336 << 10);
        assert_eq!(understood("Rss: 1 kB\nPss: many kB\n"), None);
    }

    #[test]
    fn this_process_holds_some_and_shares_some_of_it() {
        let memory = of(std::process::id()).unwrap();
        assert!(memory.pss_bytes > 0 && memory.pss_bytes <= memory.rss_bytes, "{memory:?}");
    }

    fn this() -> Watched {
        let program = std::env::current_exe().unwrap();
        Watched { role: "itself".to_owned(), process: std::process::id(), program }
    }

    #[test]
    fn a_process_is_looked_at_several_times_and_knows_who_shares_its_program() {
        let looks = look_after(Duration::ZERO, &[this()]);
        assert_eq!((looks.len(), looks[0].sidecar.as_str()), (1, "itself"));
        assert!(looks[0].sharing >= 1);
        let seen = looks[0].seen.as_ref().unwrap();
        assert_eq!(seen.len(), 5);
        assert!(seen.iter().all(|held| held.pss_bytes <= held.rss_bytes && held.pss_bytes > 0));
    }

    #[test]
    fn what_runs_another_program_or_is_gone_is_not_read_and_says_so() {
        let other = Watched { program: "/bin/sh".into(), ..this() };
        let gone = Watched { process: u32::MAX, ..this() };
        let looks = look_after(Duration::ZERO, &[other, gone]);
        let why: Vec<&String> =
            looks.iter().map(|looks| looks.seen.as_ref().unwrap_err()).collect();
        assert!(why[0].contains("not /"), "{why:?}");
        assert!(why[1].contains("process 4294967295"), "{why:?}");
    }

    #[test]
    fn a_watch_that_ends_before_its_time_has_looked_once() {
        let watch = Watch::after(Duration::from_secs(3600), vec![this()]).unwrap();
        let looks = watch.end().unwrap();
        assert_eq!(looks[0].seen.as_ref().unwrap().len(), 1);
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_that_names_it() {
        assert!(of(u32::MAX).unwrap_err().contains("4294967295"));
    }
}
