//! How requests are sent, and the command that puts the rest together.
//!
//! ```text
//! schedule ─► worker ─► transport::{epoll, sim} ─► recorder ─► generator ─► bench::conduct
//! ```

pub mod agent;
pub mod awake;
pub mod burst;
pub mod cli;
pub mod drive;
pub mod engine;
pub mod generator;
pub mod http2;
pub mod live;
pub mod machine;
pub mod pace;
pub mod precedence;
pub mod recorder;
pub mod requests;
pub mod schedule;
pub mod selftest;
pub mod serve;
pub mod slots;
pub mod start_line;
pub mod transport;
pub mod worker;
