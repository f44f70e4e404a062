//! `loadgen validate`: has what is given checked and judged, prints, and says how it ends. What is
//! right and wrong is decided in `policy`.

mod cluster;
mod files;
mod judged;
mod scrape;
mod sets;

use policy::catalogue;
use policy::finding::Severity;
use policy::report;
use policy::validate::{Report, in_force};

use super::exit::Failure;
use super::validate_answer;
use super::validate_args::{FailOn, Format, MetricsTo, ValidateArgs};
use bench::results::write_whole;
use judged::{Given, Judged};

pub use scrape::serve_metrics;

/// What is to be printed, and how it ends.
pub fn validate(args: &ValidateArgs, coloured: bool) -> (String, Result<(), Failure>) {
    if let Some(id) = &args.explain_check {
        return explain_check(id);
    }
    if args.list_checks {
        return list(args.format);
    }
    if let Some(text) = args.can.as_ref().or(args.explain.as_ref()) {
        return match meaning(args, text) {
            Ok(text) => (text, Ok(())),
            Err(failure) => (String::new(), Err(failure)),
        };
    }
    match Judged::of(args) {
        Ok(judged) => printed(args, judged, coloured),
        Err(failure) => (String::new(), Err(failure)),
    }
}

fn printed(args: &ValidateArgs, judged: Judged, coloured: bool) -> (String, Result<(), Failure>) {
    let Judged { mut report, files } = judged;
    let kept = keep(args, &report);
    let end = kept.and_then(|()| judge(&report, args));
    let severity = args.fail_on.severity().filter(|_| args.fail_fast);
    let first = severity.and_then(|severity| report.failing(severity).first().copied().cloned());
    if let Some(first) = first {
        report.findings = vec![first];
    }
    let text = match args.format {
        Format::Text => report::text(&report, &files, coloured),
        Format::Json => report::json(&report),
        Format::Sarif => report::sarif(&report),
        Format::Junit => report::junit(&report),
        Format::Github => report::github(&report),
        Format::Markdown => report::markdown(&report),
    };
    (text, end)
}

/// What is in force, or what becomes of a call.
fn meaning(args: &ValidateArgs, text: &str) -> Result<String, Failure> {
    let Given { files, sets, settings } = Given::of(args)?;
    sets.is_one()?;
    let pairs: Vec<(&String, &String)> = files.iter().collect();
    let in_force = in_force(&pairs, &settings);
    match args.can {
        Some(_) => validate_answer::can(&in_force, text, args.format),
        None => validate_answer::explain(&in_force, text, args.format),
    }
}

/// Writes what was asked for beside what is printed.
fn keep(args: &ValidateArgs, report: &Report) -> Result<(), Failure> {
    let write = |path: &std::path::Path, text: &str| {
        write_whole(path, text.as_bytes()).map_err(|error| {
            Failure::Internal(format!("{}: can not be written: {error}", path.display()))
        })
    };
    if let Some(MetricsTo::File(path)) = &args.metrics {
        let from = args.fail_on.severity().unwrap_or(Severity::High);
        write(path, &report::metrics(report, from))?;
    }
    if let Some(path) = args.write_baseline.as_deref().filter(|_| report.mistakes.is_empty()) {
        write(path, &policy::baseline::write(&report.findings))?;
    }
    Ok(())
}

fn explain_check(id: &str) -> (String, Result<(), Failure>) {
    match catalogue::explained(&id.to_uppercase()) {
        Some(text) => (text, Ok(())),
        None => {
            let message =
                format!("no check is called `{id}`; see `loadgen validate --list-checks`");
            (String::new(), Err(Failure::Usage(message)))
        }
    }
}

fn list(format: Format) -> (String, Result<(), Failure>) {
    match format {
        Format::Text => (catalogue::listed(), Ok(())),
        Format::Markdown => (catalogue::page(), Ok(())),
        Format::Json => (report::catalogue(), Ok(())),
        Format::Sarif | Format::Junit | Format::Github => {
            let message = "expected `--format text`, `markdown` or `json` with --list-checks";
            (String::new(), Err(Failure::Usage(message.to_owned())))
        }
    }
}

fn judge(report: &Report, args: &ValidateArgs) -> Result<(), Failure> {
    if !report.mistakes.is_empty() {
        let lines: Vec<String> = report.mistakes.iter().map(ToString::to_string).collect();
        let message = format!("not all could be read\n{}", lines.join("\n"));
        return Err(Failure::Usage(message));
    }
    // What was written down as known fails nothing.
    let severity = args.fail_on.severity().filter(|_| args.write_baseline.is_none());
    if let Some(severity) = severity {
        let count = report.failing(severity).len();
        if count > 0 {
            let word = severity.word();
            let noun = if count == 1 { "finding" } else { "findings" };
            let first = if args.fail_fast && count > 1 { ", the first of them shown" } else { "" };
            let message = format!("{count} {noun} of severity {word} and above{first}");
            return Err(Failure::Findings(message));
        }
    }
    if report.objects == 0 {
        let kinds: Vec<&str> = policy::schema::KINDS.iter().map(|kind| kind.name).collect();
        let message = format!("nothing to check: none of {} was found", kinds.join(", "));
        return Err(Failure::Usage(message));
    }
    Ok(())
}

impl FailOn {
    fn severity(self) -> Option<Severity> {
        match self {
            Self::Critical => Some(Severity::Critical),
            Self::High => Some(Severity::High),
            Self::Medium => Some(Severity::Medium),
            Self::Low => Some(Severity::Low),
            Self::Info => Some(Severity::Info),
            Self::Never => None,
        }
    }
}
