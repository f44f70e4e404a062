//! What a selftest judges from scripted figures: an honest machine passes, each kind of untruth is
//! told, and what can not be told is not.
#![expect(clippy::panic, reason = "this is how a test fails")]
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "small numbers above 0"
)]

mod judged;
mod kept;
mod made;
mod truths;
