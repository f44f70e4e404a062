//! What the testbeds start, as a program of its own, for the tests: `subject origin|client|server`,
//! or `tether …`. In a measurement it is the loadgen binary that runs itself with hidden
//! subcommands.

use std::io::Write;
use std::process::ExitCode;

fn main() -> ExitCode {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let ended = match &arguments[..] {
        [kind, rest @ ..] if kind == "tether" => Err(testbed::tether::run(rest)),
        [.., role] => {
            role.parse().and_then(|role| sidecar::run(role).map_err(|error| error.to_string()))
        }
        [] => Err("expected a role".to_owned()),
    };
    match ended {
        Ok(()) => ExitCode::SUCCESS,
        Err(problem) => {
            let _ = writeln!(std::io::stderr(), "{problem}");
            ExitCode::FAILURE
        }
    }
}
