//! The command line: what was typed, what it means, what is shown, and how it ends.

pub mod agent;
pub mod agent_args;
pub mod args;
pub mod drive;
pub mod drive_args;
pub mod environment;
pub mod exit;
pub mod list;
pub mod live_view;
pub mod plan_text;
pub mod precision;
pub mod progress;
pub mod report;
pub mod run;
pub mod selftest;
pub mod selftest_args;
pub mod selftest_plan;
pub mod sender;
pub mod serve;
pub mod serve_args;
pub mod settle;
pub mod tell;
pub mod validate;
pub mod validate_args;
pub mod wall_clock;
