//! Where the processes of a testbed are to stand: what was asked for, and what is possible here.

use std::path::Path;
use std::process::{Command, Stdio};

use testbed::envoy::Layout;
use testbed::namespace::move_apart;

use super::args::{LayoutChoice, RunArgs, TRY_PODS, TestbedChoice};
use super::exit::Failure;

/// What is done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Laid {
    /// It.
    pub layout: Layout,
    /// Why it is another one than was asked for.
    pub instead: Option<String>,
}

/// What was asked for, or ports where pods are not possible, which is tried on another process. For
/// pods it brings this one into the client's network namespace, and so must be called before another
/// thread is started. An error where it was asked of a testbed that has no layouts.
pub fn lay_out(args: &RunArgs, program: &Path) -> Result<Laid, Failure> {
    let ports = |instead| Ok(Laid { layout: Layout::Ports, instead });
    if args.layout == LayoutChoice::Ports {
        return ports(None);
    }
    if !matches!(args.testbed, TestbedChoice::Envoy | TestbedChoice::Auto) {
        return Err(no_layouts());
    }
    if args.dry_run {
        return Ok(Laid { layout: Layout::Pods, instead: None });
    }
    let possible = attempt(program)
        .and_then(|()| move_apart().map_err(|error| format!("move this process there: {error}")));
    match possible {
        Ok(()) => Ok(Laid { layout: Layout::Pods, instead: None }),
        Err(problem) => ports(Some(format!("pods are not possible here: {problem}"))),
    }
}

/// For a testbed that is not Envoy's.
pub fn no_layouts() -> Failure {
    let what = "--layout pods: only the testbed envoy has layouts";
    Failure::Usage(format!("{what}\n  help: add `--testbed envoy`, or leave --layout out"))
}

fn attempt(program: &Path) -> Result<(), String> {
    let mut command = Command::new(program);
    let command = command.arg(TRY_PODS).stdin(Stdio::null()).stdout(Stdio::null());
    let ended = command.output().map_err(|error| format!("try it: {error}"))?;
    if ended.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&ended.stderr);
    let said = said.lines().find(|line| !line.trim().is_empty()).unwrap_or("it can not be tried");
    Err(said.trim().trim_start_matches("error: ").to_owned())
}
