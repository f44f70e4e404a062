//! The real binary, in a folder of its own for each test.
#![allow(
    dead_code,
    clippy::allow_attributes,
    clippy::panic,
    reason = "each test binary uses a part of it"
)]

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// A load that is over soon and needs little of the machine. Two cores are shared by all tests.
pub(crate) const SMALL: &[&str] = &[
    "--rate=200",
    "--connections=4",
    "--warm-up=50ms",
    "--duration=300ms",
    "--pacing=sleep",
    "--keep-awake=off",
    "--seed=7",
];

/// The binary, not yet started, in a directory.
pub(crate) fn loadgen(dir: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadgen"));
    command.args(arguments).current_dir(dir).env("NO_COLOR", "1").stdin(Stdio::null());
    // Selftests of a test are no business of whoever runs it.
    command.env("XDG_STATE_HOME", dir.join("state"));
    // Nor are this user's Envoys a test's, unless it names one.
    command.env("XDG_CACHE_HOME", dir.join("cache")).env_remove("LOADGEN_ENVOY");
    command
}

/// Runs it to its end.
pub(crate) fn run(dir: &Path, arguments: &[&str]) -> Output {
    loadgen(dir, arguments).output().expect("the binary starts")
}

/// Starts it with its output kept.
pub(crate) fn start(dir: &Path, arguments: &[&str]) -> Child {
    loadgen(dir, arguments)
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the binary starts")
}

/// Standard error as text.
pub(crate) fn errors(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

/// Looks again until something is there. Panics after a minute, far beyond any honest wait.
pub(crate) fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    for _ in 0..6_000 {
        if let Some(found) = look() {
            return found;
        }
        std::thread::sleep(Duration::from_millis(10));
    }
    panic!("waited a minute for {what}");
}

/// The one run folder below `results`.
pub(crate) fn run_folder(dir: &Path) -> Option<PathBuf> {
    std::fs::read_dir(dir.join("results")).ok()?.flatten().map(|entry| entry.path()).next()
}

/// The run's document.
pub(crate) fn run_json(folder: &Path) -> serde_json::Value {
    let text = std::fs::read_to_string(folder.join("run.json")).expect("run.json is there");
    serde_json::from_str(&text).expect("run.json is JSON")
}

/// How many trials are on disk.
pub(crate) fn trials_kept(dir: &Path) -> usize {
    run_folder(dir).and_then(|folder| std::fs::read_dir(folder.join("histograms")).ok()).map_or(
        0,
        |entries| {
            let files = entries.flatten().map(|entry| entry.file_name());
            files.filter(|name| name.to_string_lossy().ends_with(".hlog")).count()
        },
    )
}

/// Processes whose parent is that one, with their command lines, from /proc.
pub(crate) fn children_of(parent: u32) -> Vec<(i32, String)> {
    let processes = std::fs::read_dir("/proc").expect("this is Linux").flatten();
    processes
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            let stat = std::fs::read_to_string(entry.path().join("stat")).ok()?;
            // `pid (name) state ppid …`; the name may hold anything but ends with the last `)`.
            let after = stat.rsplit_once(')')?.1;
            let mut words = after.split_ascii_whitespace();
            let state = words.next()?;
            let of: u32 = words.next()?.parse().ok()?;
            let command = std::fs::read_to_string(entry.path().join("cmdline")).ok()?;
            (of == parent && state != "Z").then(|| (pid, command.replace('\0', " ")))
        })
        .collect()
}

/// Whether a process is there and not only waiting to be reaped.
pub(crate) fn alive(pid: i32) -> bool {
    std::fs::read_to_string(format!("/proc/{pid}/stat"))
        .ok()
        .and_then(|stat| Some(!stat.rsplit_once(')')?.1.trim_start().starts_with('Z')))
        .unwrap_or(false)
}

/// Sends a signal.
pub(crate) fn signal(pid: i32, signal: rustix::process::Signal) {
    let pid = rustix::process::Pid::from_raw(pid).expect("not 0");
    rustix::process::kill_process(pid, signal).expect("it can be signalled");
}

/// A copy of a built-in scenario's folder with one file changed.
pub(crate) fn altered_scenario(
    into: &Path,
    name: &str,
    file: &str,
    change: impl Fn(String) -> String,
) {
    let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    copy(&from, &into.join(name));
    let path = into.join(name).join(file);
    let text = std::fs::read_to_string(&path).expect("the file is there");
    std::fs::write(&path, change(text)).expect("it can be written");
}

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).expect("a folder");
    for entry in std::fs::read_dir(from).expect("a folder").flatten() {
        let target = to.join(entry.file_name());
        if entry.path().is_dir() {
            copy(&entry.path(), &target);
        } else {
            std::fs::copy(entry.path(), target).expect("a copy");
        }
    }
}
