//! Tells the binary what it was built from and how, for the provenance of its results.

use std::process::Command;

#[expect(
    clippy::disallowed_methods,
    reason = "cargo speaks to build scripts through the environment"
)]
fn main() {
    let commit = git(&["rev-parse", "--short=12", "HEAD"]).unwrap_or_else(|| "unknown".to_owned());
    let changed = git(&["status", "--porcelain", "--untracked-files=no"]);
    let dirty = changed.is_some_and(|files| !files.is_empty());
    println!("cargo::rustc-env=LOADGEN_GIT={commit}{}", if dirty { "-dirty" } else { "" });
    for name in ["PROFILE", "OPT_LEVEL", "TARGET"] {
        let value = std::env::var(name).expect("cargo sets it for build scripts");
        println!("cargo::rustc-env=LOADGEN_{name}={value}");
    }
    for path in ["../.git/HEAD", "../.git/index", "../bench", "../scenarios", "src", "build.rs"] {
        if std::path::Path::new(path).exists() {
            println!("cargo::rerun-if-changed={path}");
        }
    }
}

/// The trimmed output of a git command; `None` where there is no git or no checkout.
fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    output.status.success().then(|| String::from_utf8_lossy(&output.stdout).trim().to_owned())
}
