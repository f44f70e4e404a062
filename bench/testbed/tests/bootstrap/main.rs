//! What Envoy is told, held against three things: snapshots, Envoy's own validation, and a table of
//! cases that the reference model and a real Envoy must decide alike.
//!
//! Tests that need an Envoy take the program that LOADGEN_ENVOY names, or `envoy` on the PATH.
//! Without one they say that they were skipped, unless LOADGEN_ENVOY_TEST is `required`.

#![expect(clippy::panic, reason = "a test says what it found")]

mod cases;
mod envoy;
mod fixtures;
mod model;
mod origin;
mod real;
mod refusals;
mod snapshots;
