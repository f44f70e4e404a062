//! The Envoys that tests run on, found by the rules of the command line.

use std::path::PathBuf;

use testbed::envoy::found::{Build, Places};

/// Those that are here. Without any the test is to return, having said so; where an Envoy is required
/// that is a failure.
#[expect(clippy::print_stderr, reason = "a skipped test must be visible")]
pub(crate) fn builds() -> Option<Vec<Build>> {
    let set = |name: &str| std::env::var_os(name).map(PathBuf::from);
    let cache = set("XDG_CACHE_HOME").or_else(|| Some(set("HOME")?.join(".cache")));
    let path = std::env::var_os("PATH").unwrap_or_default();
    let places = Places {
        named: set("LOADGEN_ENVOY"),
        path: std::env::split_paths(&path).collect(),
        cache: cache.map(|cache| cache.join("loadgen/envoy")),
    };
    let found = places.search();
    if !found.builds.is_empty() {
        return Some(found.builds);
    }
    let required = std::env::var_os("LOADGEN_ENVOY_TEST").is_some_and(|value| value == "required");
    assert!(!required, "{}", found.missing());
    eprintln!("skipped: {}", found.missing());
    None
}
