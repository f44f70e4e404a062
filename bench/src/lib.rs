//! How a comparison is made and what its numbers mean: plan, conduct, admission, statistics,
//! report. No sockets, no processes, no runtime and no clock of its own.

pub mod across;
pub mod admit;
pub mod analysis;
pub mod clock;
pub mod conduct;
pub mod describe;
pub mod disturbance;
pub mod histogram;
pub mod keep;
pub mod memory;
pub mod part;
pub mod plan;
pub mod quantile;
pub mod record;
pub mod report;
pub mod results;
pub mod schema;
pub mod seams;
pub mod selftest;
pub mod stats;
pub mod stopping;
pub mod summary;
pub mod trial;
