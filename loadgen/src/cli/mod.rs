//! The command line: what was typed, what it means, what is shown, and how it ends.

pub mod args;
pub mod drive;
pub mod drive_args;
pub mod environment;
pub mod exit;
pub mod list;
pub mod live_view;
pub mod place;
pub mod plan_text;
mod policy_gate;
pub mod precision;
pub mod progress;
pub mod report;
pub mod run;
pub mod selftest;
pub mod selftest_args;
pub mod selftest_plan;
pub mod serve;
pub mod serve_args;
pub mod settle;
pub mod tell;
pub mod validate;
pub mod validate_args;
pub mod versions;
pub mod wall_clock;
