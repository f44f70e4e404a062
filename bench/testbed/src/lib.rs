//! Places where a comparison happens: the embedded testbed, child processes, probes, provenance; and
//! what would be done with clusters of kind.
//! Knows no generator and no statistics.

pub mod child;
pub mod deadline;
pub mod embedded;
pub mod kind;
pub mod probe;
pub mod provenance;
