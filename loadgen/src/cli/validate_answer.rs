//! `loadgen validate --explain` and `--can`: reads what is asked, and prints what `policy` answers.

use policy::answer::answer;
use policy::question::{Question, Subject};
use policy::report;
use policy::validate::InForce;

use super::exit::Failure;
use super::validate_args::Format;

/// Whether a call goes through.
pub(super) fn can(in_force: &InForce, text: &str, format: Format) -> Result<String, Failure> {
    let question =
        Question::read(text).map_err(|unreadable| Failure::Usage(unreadable.to_string()))?;
    readable(in_force)?;
    let answer = answer(in_force, text, &question);
    match format {
        Format::Text => Ok(report::answer(&answer)),
        Format::Json => Ok(report::document("answer", &answer)),
        _ => Err(of_no_use()),
    }
}

/// What is in force on a port.
pub(super) fn explain(in_force: &InForce, text: &str, format: Format) -> Result<String, Failure> {
    let subject =
        Subject::read(text).map_err(|unreadable| Failure::Usage(unreadable.to_string()))?;
    readable(in_force)?;
    let of = policy::answer::explain(in_force, text, &subject)
        .map_err(|missing| Failure::Usage(format!("can not be explained without {missing}")))?;
    match format {
        Format::Text => Ok(report::explanation(&of)),
        Format::Json => Ok(report::document("explanation", &of)),
        _ => Err(of_no_use()),
    }
}

/// An answer from files of which some can not be read would be one about others.
fn readable(in_force: &InForce) -> Result<(), Failure> {
    if in_force.mistakes.is_empty() {
        return Ok(());
    }
    let lines: Vec<String> = in_force.mistakes.iter().map(ToString::to_string).collect();
    Err(Failure::Usage(format!("not all could be read\n{}", lines.join("\n"))))
}

fn of_no_use() -> Failure {
    let message = "expected `--format text` or `--format json` with --explain and --can";
    Failure::Usage(message.to_owned())
}
