//! What a machine has and lacks for a cluster: programs with their versions, memory, disk, and what the
//! kernel allows. Asks and reads; changes nothing, and needs no cluster.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use bench::seams::StopFlag;

use super::call::{found, to_its_end};

/// A program that answers its version does so at once.
const ASKED: Duration = Duration::from_secs(10);
/// Nodes, two control planes of Istio and four proxies.
const MEMORY_BYTES: u64 = 8 << 30;
/// The node image, the meshes' images and ours, unpacked on every node.
const DISK_BYTES: u64 = 20 << 30;
/// kind's own advice for clusters with several nodes.
const INOTIFY: [(&str, u64); 2] = [("max_user_watches", 524_288), ("max_user_instances", 512)];

/// One thing that a cluster needs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Need {
    /// e.g. `kind`.
    pub name: String,
    /// What was found, e.g. its version; or what is wrong with it.
    pub found: Result<String, String>,
    /// How to get it.
    pub get: &'static str,
}

/// What is looked at: where programs are, and where the kernel tells about itself.
#[derive(Debug, Clone)]
pub struct Machine {
    /// As in `PATH`.
    pub path: std::ffi::OsString,
    /// `/proc`.
    pub proc: PathBuf,
    /// Bytes that are free where images go, or why nobody knows.
    pub disk: Result<u64, String>,
}

impl Machine {
    /// This one: its programs as in `PATH`, and a folder on the disk where images go.
    #[must_use]
    pub fn here(path: std::ffi::OsString, folder: &Path) -> Self {
        let found = rustix::fs::statvfs(folder).map_err(|error| error.to_string());
        let disk = found.map(|found| found.f_bavail.saturating_mul(found.f_frsize));
        Self { path, proc: "/proc".into(), disk }
    }
}

/// The command-line tools by which clusters are made, looked at and deleted.
#[must_use]
pub fn programs(machine: &Machine) -> Vec<Need> {
    let tools = [
        (
            "docker",
            &["version", "--format", "{{.Server.Version}}"][..],
            "install Docker Engine 24 or newer (docs.docker.com/engine/install) and start it; your user must be in the group docker",
        ),
        (
            "kind",
            &["version"][..],
            "go install sigs.k8s.io/kind@v0.29.0, or a binary from kind.sigs.k8s.io",
        ),
        (
            "helm",
            &["version", "--short"][..],
            "a binary from helm.sh, version 3.14 or newer; or go install helm.sh/helm/v3/cmd/helm@v3.18.4",
        ),
        (
            "kubectl",
            &["version", "--client"][..],
            "a binary from kubernetes.io/docs/tasks/tools, version 1.29 to 1.31",
        ),
    ];
    let tools = tools.map(|(name, arguments, get)| Need {
        name: name.to_owned(),
        found: version(&machine.path, name, arguments),
        get,
    });
    tools.to_vec()
}

/// Every need of a cluster, in the order in which they are of use.
#[must_use]
pub fn needs(machine: &Machine) -> Vec<Need> {
    let mut needs = programs(machine);
    needs.push(Need {
        name: "memory".to_owned(),
        found: memory(&machine.proc),
        get: "a machine with more memory, or another testbed",
    });
    needs.push(Need {
        name: "disk".to_owned(),
        found: machine.disk.clone().and_then(|free| enough(free, DISK_BYTES)),
        get: "free some space, e.g. `docker system prune`",
    });
    needs.extend(INOTIFY.map(|(name, least)| Need {
        name: format!("fs.inotify.{name}"),
        found: at_least(&machine.proc, name, least),
        get: "sudo sysctl fs.inotify.max_user_watches=524288 fs.inotify.max_user_instances=512",
    }));
    needs
}

/// What is there and what is missing, as lines.
#[must_use]
pub fn told(needs: &[Need]) -> String {
    let lines = needs.iter().map(|need| match &need.found {
        Ok(found) => format!("  {:<32} {found}", need.name),
        Err(why) => format!("  {:<32} MISSING: {why}\n  {:<32} help: {}", need.name, "", need.get),
    });
    lines.collect::<Vec<_>>().join("\n")
}

fn version(path: &OsStr, name: &str, arguments: &[&str]) -> Result<String, String> {
    let program = found(path, name)?;
    let shown = format!("`{} {}`", program.display(), arguments.join(" "));
    let mut command = Command::new(&program);
    command.args(arguments);
    let said = to_its_end(command, None, ASKED, &StopFlag::default()).map_err(|unwell| {
        let last = unwell.last_lines.iter().rfind(|line| !line.trim().is_empty());
        let last = last.map_or_else(String::new, |line| format!(" and said: {}", line.trim()));
        format!("{shown} {}{last}", unwell.why)
    })?;
    let line = said.out.lines().find(|line| !line.trim().is_empty());
    line.map(|line| line.trim().to_owned()).ok_or_else(|| "it does not say its version".to_owned())
}

fn memory(proc: &Path) -> Result<String, String> {
    let text = fs::read_to_string(proc.join("meminfo")).map_err(|error| error.to_string())?;
    let line = text.lines().find_map(|line| line.strip_prefix("MemAvailable:"));
    let kib = line.and_then(|rest| rest.split_whitespace().next()?.parse::<u64>().ok());
    let free = kib.ok_or("the kernel does not say how much is free")? << 10;
    enough(free, MEMORY_BYTES)
}

fn enough(free: u64, least: u64) -> Result<String, String> {
    let gib = |bytes: u64| format!("{:.1} GiB", bytes as f64 / f64::from(1_u32 << 30));
    if free >= least {
        return Ok(format!("{} free", gib(free)));
    }
    Err(format!("{} free, {} are needed", gib(free), gib(least)))
}

fn at_least(proc: &Path, name: &str, least: u64) -> Result<String, String> {
    let path = proc.join("sys/fs/inotify").join(name);
    let text = fs::read_to_string(&path).map_err(|error| format!("{}: {error}", path.display()))?;
    match text.trim().parse::<u64>() {
        Ok(limit) if limit >= least => Ok(limit.to_string()),
        Ok(limit) => Err(format!("{limit}, at least {least} are needed")),
        Err(_) => Err(format!("`{}` is no number", text.trim())),
    }
}
