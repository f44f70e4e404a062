//! What Envoy is told, held against three things: snapshots, Envoy's own validation, and a table of
//! cases that the reference model, the embedded sidecar and a real Envoy must decide alike.
//!
//! Tests that need an Envoy take the first that the command line would find. Without one they say
//! that they were skipped, unless LOADGEN_ENVOY_TEST is `required`.

#![expect(clippy::panic, reason = "a test says what it found")]

mod cases;
mod chain;
mod embedded;
mod envoy;
mod fixtures;
mod model;
mod origin;
mod real;
mod refusals;
mod snapshots;
#[path = "../support/mod.rs"]
mod support;
