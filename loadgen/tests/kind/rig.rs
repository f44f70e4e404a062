//! A folder with scripted tools, and the command called in it, in this process, on a machine that has
//! all that a cluster needs.

use std::cell::RefCell;
use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};

use bench::report::terminal::Style;
use bench::seams::StopFlag;
use clap::Parser;
use loadgen::cli::args::{Cli, Command};
use loadgen::cli::cluster::cluster;
use loadgen::cli::run::{Surroundings, run};
use testbed::envoy::found::Places;
use testbed::kind::tools::Machine;

thread_local! {
    static TOLD: RefCell<String> = const { RefCell::new(String::new()) };
}

fn tell(line: &str) {
    TOLD.with_borrow_mut(|told| {
        told.push_str(line);
        told.push('\n');
    });
}

/// How a command ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: u8,
    /// Standard output.
    pub(crate) out: String,
    /// Standard error.
    pub(crate) told: String,
}

/// The folder.
pub(crate) struct Rig {
    dir: tempfile::TempDir,
}

impl Rig {
    pub(crate) fn new() -> Self {
        let dir = tempfile::tempdir().expect("a folder");
        let bin = dir.path().join("bin");
        fs::create_dir(&bin).expect("a folder");
        let tool = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kind/scripted-tool");
        for name in ["docker", "kind", "helm", "kubectl"] {
            symlink(&tool, bin.join(name)).expect("a link");
        }
        let inotify = dir.path().join("proc/sys/fs/inotify");
        fs::create_dir_all(&inotify).expect("a folder");
        for (file, text) in [
            (dir.path().join("proc/meminfo"), "MemAvailable: 99999999 kB\n"),
            (inotify.join("max_user_watches"), "524288\n"),
            (inotify.join("max_user_instances"), "512\n"),
        ] {
            fs::write(file, text).expect("written");
        }
        Self { dir }
    }

    pub(crate) fn path(&self) -> &Path {
        self.dir.path()
    }

    /// As in `PATH`: the scripted tools, and what a script needs.
    pub(crate) fn programs(&self) -> String {
        format!("{}:/usr/bin:/bin", self.path().join("bin").display())
    }

    /// Something that the script knows.
    pub(crate) fn state(&self, name: &str) -> PathBuf {
        self.path().join("bin/state").join(name)
    }

    /// What was called so far.
    pub(crate) fn calls(&self) -> Vec<String> {
        let text = fs::read_to_string(self.state("calls")).unwrap_or_default();
        text.lines().map(str::to_owned).collect()
    }

    /// What stands: clusters, releases, or applied manifests.
    pub(crate) fn standing(&self, what: &str) -> Vec<String> {
        let entries = fs::read_dir(self.state(what)).into_iter().flatten().flatten();
        let mut names: Vec<String> =
            entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
        names.sort();
        names
    }

    /// From nothing, with that call, from 1, going wrong in that way.
    pub(crate) fn faulty(call: usize, how: &str) -> Self {
        let rig = Self::new();
        fs::create_dir(rig.state("")).expect("a folder");
        fs::write(rig.state("fault"), format!("{call} {how}\n")).expect("written");
        rig
    }

    /// Calls the command.
    pub(crate) fn call(&self, arguments: &[&str]) -> Ended {
        self.call_until(arguments, StopFlag::default())
    }

    pub(crate) fn call_until(&self, arguments: &[&str], stop: StopFlag) -> Ended {
        let typed = ["loadgen"].iter().chain(arguments);
        let cli = Cli::try_parse_from(typed).expect("arguments that are there");
        let mut out = Vec::new();
        TOLD.with_borrow_mut(String::clear);
        let mut around = Surroundings {
            current_dir: self.path().to_owned(),
            program: env!("CARGO_BIN_EXE_loadgen").into(),
            command: vec!["loadgen".to_owned()],
            out: &mut out,
            style: Style::Plain,
            bars: false,
            stop,
            shelf: None,
            envoys: Places::default(),
            machine: Machine {
                path: self.programs().into(),
                proc: self.path().join("proc"),
                disk: Ok(64 << 30),
            },
            tell,
        };
        let ended = match cli.command {
            Some(Command::Cluster(args)) => cluster(&args.what, &mut around),
            _ => run(&cli.run, &mut around),
        };
        let mut told = TOLD.take();
        let code = ended.err().map_or(0, |failure| {
            told.push_str(&format!("error: {failure}\n"));
            failure.code()
        });
        Ended { code, out: String::from_utf8(out).expect("text"), told }
    }
}
