//! The command line: what was typed, what it means, what is shown, and how it ends.

pub mod args;
pub mod compare;
pub mod drive;
pub mod drive_args;
pub mod environment;
pub mod exit;
mod kind;
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
pub mod serve;
pub mod serve_args;
pub mod settle;
pub mod tell;
pub mod validate;
pub mod validate_args;
pub mod wall_clock;
