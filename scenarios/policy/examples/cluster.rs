//! Prints a cluster's resources in any number, the same every time, for whoever wants to see what a
//! validation of them takes on a machine: `cargo run -p policy --example cluster -- 10000 > all.yaml`.
//! With `list` after the number it is one List, as `kubectl get -o yaml` has it. It judges nothing.

#[path = "../tests/common/mod.rs"]
mod common;

use std::io::Write as _;
use std::process::ExitCode;

use common::{Form, cluster};

fn main() -> ExitCode {
    let words: Vec<String> = std::env::args().skip(1).collect();
    let words: Vec<&str> = words.iter().map(String::as_str).collect();
    let (number, form) = match words[..] {
        [number] => (number, Form::Documents),
        [number, "list"] => (number, Form::List),
        _ => ("", Form::Documents),
    };
    let said = match number.parse() {
        Ok(objects) => std::io::stdout().write_all(cluster(objects, form).as_bytes()),
        Err(_) => Err(std::io::Error::other("expected a number of objects, and perhaps `list`")),
    };
    match said {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Where standard error is gone as well, there is nobody to tell.
            let _ = writeln!(std::io::stderr(), "{error}");
            ExitCode::from(2)
        }
    }
}
