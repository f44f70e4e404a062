//! Places where a comparison happens: the embedded testbed, child processes, probes, provenance.
//! Knows no generator and no statistics.

pub mod child;
pub mod deadline;
pub mod embedded;
pub mod envoy;
pub mod probe;
pub mod provenance;
