//! Lines on standard error, which the parent keeps in a file. A flood of bad connections must
//! neither fill the disk nor slow the good ones down, so that the lines are limited.

use std::fmt;
use std::io::Write;
use std::sync::atomic::{AtomicU32, Ordering};

const MOST_LINES: u32 = 1000;
static WRITTEN: AtomicU32 = AtomicU32::new(0);

/// Writes a line; after [`MOST_LINES`] says so once and is silent. What happened is counted in any
/// case, by whoever calls this.
pub(crate) fn line(text: fmt::Arguments<'_>) {
    let before = WRITTEN.load(Ordering::Relaxed);
    if before > MOST_LINES {
        return;
    }
    WRITTEN.store(before + 1, Ordering::Relaxed);
    let mut error = std::io::stderr().lock();
    // Nobody is left to tell when standard error is gone.
    let _ = if before < MOST_LINES {
        writeln!(error, "{text}")
    } else {
        writeln!(error, "{MOST_LINES} lines written; further ones are left out")
    };
}
