//! The testbed of real Envoy processes. What an Envoy is told is in `bootstrap`.

pub mod bootstrap;
