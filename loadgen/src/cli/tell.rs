//! Words for a person on standard error. That nobody can read them ends nothing.

use std::io::Write;

/// One line. A standard error that is full or closed is no reason to lose a measurement.
pub fn tell(line: &str) {
    let _ = writeln!(anstream::stderr(), "{line}");
}
