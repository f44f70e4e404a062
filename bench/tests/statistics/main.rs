//! The statistics against tables, laws and simulations. All seeds are fixed.

mod admission;
mod disturbances;
mod histograms;
mod pairing;
mod power;
mod properties;
mod records;
mod simulation;
mod support;
mod tables;
mod verdicts;
