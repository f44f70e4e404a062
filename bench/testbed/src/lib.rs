//! Places where a comparison happens: the embedded testbed, Envoys, child processes, probes,
//! provenance; and what would be done with clusters of kind. Knows no generator and no statistics.

pub mod child;
mod credentials;
pub mod deadline;
pub mod embedded;
pub mod envoy;
pub mod kind;
mod memory;
pub mod namespace;
mod part;
pub mod probe;
mod prove;
pub mod provenance;
pub mod tether;
mod workload;

pub use credentials::impostor;
