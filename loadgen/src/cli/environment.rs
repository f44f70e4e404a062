//! What the environment says. The only place that reads it.

use std::path::PathBuf;

use testbed::envoy::found::Places;

/// A variable that is set to something.
#[expect(clippy::disallowed_methods, reason = "the command line is where the environment is read")]
fn set(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

/// A variable that is set to an absolute path.
fn absolute(name: &str) -> Option<PathBuf> {
    set(name).map(PathBuf::from).filter(|path| path.is_absolute())
}

/// Whether colours and bars are unwelcome, on a terminal or not.
#[must_use]
pub fn quiet() -> bool {
    set("NO_COLOR").is_some() || set("CI").is_some()
}

/// The folders in which programs are looked for.
#[must_use]
pub fn programs() -> std::ffi::OsString {
    std::env::var_os("PATH").unwrap_or_default()
}

/// Where this user's selftests stand: `$XDG_STATE_HOME/loadgen/selftests`, or
/// `~/.local/state/loadgen/selftests` (XDG Base Directory Specification, which passes over a path
/// that is not absolute). `None` where neither is known.
#[must_use]
pub fn selftests_folder() -> Option<PathBuf> {
    let state =
        absolute("XDG_STATE_HOME").or_else(|| Some(absolute("HOME")?.join(".local/state")))?;
    Some(state.join("loadgen/selftests"))
}

/// Where Envoys may be: `LOADGEN_ENVOY`, `PATH`, and the cache of `scripts/get-envoy`, which is
/// `$XDG_CACHE_HOME/loadgen/envoy` or `~/.cache/loadgen/envoy`.
#[must_use]
pub fn envoy_places() -> Places {
    let path = set("PATH").map(|path| std::env::split_paths(&path).collect()).unwrap_or_default();
    let cache = absolute("XDG_CACHE_HOME").or_else(|| Some(absolute("HOME")?.join(".cache")));
    Places {
        named: set("LOADGEN_ENVOY").map(PathBuf::from),
        path,
        cache: cache.map(|cache| cache.join("loadgen/envoy")),
    }
}
