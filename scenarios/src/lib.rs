//! What is compared: scenario folders, strictly read into checked types. Pure data: no sockets, no
//! processes, no clock.

pub mod file;
pub mod library;
pub mod load;
pub mod memory;
pub mod model;
pub mod parts;
pub mod posture;
pub mod scenario;
pub mod units;
pub mod variant;

pub use policy::source::{Mistake, Mistakes, listed, nearest};
