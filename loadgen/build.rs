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
    let cargo = |name| std::env::var(name).expect("cargo sets it for build scripts");
    println!("cargo::rustc-env=LOADGEN_OPT_LEVEL={}", cargo("OPT_LEVEL"));
    // Cargo says `debug` for the dev profile, whatever its optimisation.
    let profile = cargo("PROFILE").replace("debug", "dev");
    println!("cargo::rustc-env=LOADGEN_PROFILE={profile}");
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
