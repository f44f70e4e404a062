//! How requests are sent, and the command that puts the rest together.
//!
//! ```text
//! schedule ─► worker ─► transport::{epoll, sim} ─► recorder ─► generator ─► bench::conduct
//! ```

pub mod awake;
pub mod cli;
pub mod drive;
pub mod generator;
pub mod live;
pub mod machine;
pub mod pace;
pub mod recorder;
pub mod schedule;
pub mod serve;
pub mod transport;
pub mod worker;
