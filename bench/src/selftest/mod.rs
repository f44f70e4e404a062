//! The harness's proof of itself: from what the parts of a selftest measured to controls, a verdict
//! on the machine, and the text. Pure: knows no socket, no clock and no file.
//!
//! ```text
//! known-overheads ─► same_twice, planted ─┐
//! stall, closed loop ─────────► stall ────┤
//! stamps of the null origin ─► pacing ────┼─► resolution ─► outcome ─► text
//! closed loop ────────────────► cost ─────┘
//! ```

mod outcome;
mod pacing;
mod planted;
mod record;
mod resolution;
mod same_twice;
mod section;
mod stall;
mod text;

pub use outcome::{measured_anything, outcome};
pub use pacing::{Stamped, pacing};
pub use planted::{delayed_quantile, planted};
pub use record::*;
pub use resolution::resolution;
pub use same_twice::same_twice;
pub use section::{headline, line, section};
pub use stall::{exact_wait_us, stall};
pub use text::render;
