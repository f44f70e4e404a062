//! What an Envoy process is told: mesh resources and listeners in, a bootstrap in JSON out. Pure;
//! it starts nothing and reads no file.
//!
//! Every variant is a listener with a cluster of its own in the same few processes, so that two
//! variants differ in nothing but what their listeners are told. A setting is Istio's where a
//! sidecar has it and Cilium's where its node proxy has it. What stock Envoy lacks of them:
//! Istio's metadata exchange and telemetry filters, and Cilium's own filters, whose rules are
//! written as RBAC rules instead.

mod cilium;
pub mod counters;
mod expression;
mod http;
mod istio;
mod matching;
mod process;
mod tls;
mod untranslated;

pub use cilium::{Endpoint, NodePolicy, Workplace};
pub use istio::{AuthorizationFilters, Destination, Protocol, Target};
pub use policy::inventory::PathNormalization;
pub use process::{Capture, Inbound, Kind, Listener, Node, Outbound, Process};
pub use tls::{Group, Tls};
pub use untranslated::{Note, Refusal, Untranslated};
