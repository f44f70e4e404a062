//! Several generators for one trial: their records added up, the agents of this process and as
//! processes of their own, and what becomes of a trial when one of them fails.
#![expect(
    clippy::panic,
    clippy::print_stdout,
    reason = "this is how a test fails, and what it saw"
)]

mod command;
mod elsewhere;
mod lost;
mod merged;
mod probes;
mod refused;
mod rig;
#[path = "../support/mod.rs"]
mod support;
mod together;
