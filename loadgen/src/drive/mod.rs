//! `loadgen drive`: one open-loop run against any URL, judged, summed up and saved.
//!
//! ```text
//! cli::drive_args ─► settle ─► run ─► measured ─► validity ─► gate ─► {text, document, save}
//! ```

pub mod document;
pub mod gate;
mod ladder;
pub mod measured;
pub mod run;
pub mod sample;
pub mod save;
pub mod search;
pub mod settle;
pub mod text;
pub mod validity;
mod words;
