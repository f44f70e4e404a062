//! The statistics against tables and laws. What is true only of many runs is in loadgen's `simulate`.

mod admission;
mod disturbances;
mod histograms;
mod pairing;
mod power;
mod properties;
mod records;
mod sequential;
mod support;
mod tables;
mod verdicts;
