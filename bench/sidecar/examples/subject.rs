//! The subject as a program of its own, for the tests: `subject origin|client|server`. In a
//! measurement it is the loadgen binary that runs itself with a hidden subcommand.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let role = std::env::args().next_back().unwrap_or_default();
    let ended = role
        .parse()
        .map_err(|problem: String| problem)
        .and_then(|role| sidecar::run(role).map_err(|error| error.to_string()));
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}
