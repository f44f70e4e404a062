//! `loadgen drive`: one open-loop run against any URL, judged, summed up and saved.
//!
//! ```text
//! cli::drive_args ─► engine ─► measured ─► validity ─► gate ─► {text, json, save}
//! ```

pub mod measured;
pub mod run;
pub mod settle;
