//! `loadgen validate`: reads files and standard input, has them checked, and prints. What is right
//! and wrong is decided in `policy`.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Read;
use std::path::Path;

use policy::answer::answer;
use policy::catalogue;
use policy::finding::Severity;
use policy::question::{Question, Subject};
use policy::report;
use policy::source::Limits;
use policy::validate::{InForce, Report, Settings, in_force, validate as check};
use policy::version::Versions;

use super::exit::Failure;
use super::validate_args::{FailOn, Format, ValidateArgs};

/// How standard input is called in what is printed.
const STDIN: &str = "<stdin>";

/// What is to be printed, and how it ends.
pub fn validate(args: &ValidateArgs, coloured: bool) -> (String, Result<(), Failure>) {
    if let Some(id) = &args.explain_check {
        return explain_check(id);
    }
    if args.list_checks {
        return (list(args.format), Ok(()));
    }
    let files = match read_all(&args.paths) {
        Ok(files) => files,
        Err(failure) => return (String::new(), Err(failure)),
    };
    let settings = Settings {
        versions: Versions { istio: args.istio_version, cilium: args.cilium_version },
        root_namespace: args.root_namespace.clone(),
    };
    let pairs: Vec<(&String, &String)> = files.iter().collect();
    if let Some(text) = args.can.as_ref().or(args.explain.as_ref()) {
        let in_force = in_force(&pairs, &settings);
        let said = if args.can.is_some() {
            can(&in_force, text, args.format)
        } else {
            explain(&in_force, text, args.format)
        };
        return match said {
            Ok(text) => (text, Ok(())),
            Err(failure) => (String::new(), Err(failure)),
        };
    }
    let report = check(&pairs, &settings);
    let text = match args.format {
        Format::Text => report::text(&report, &files, coloured),
        Format::Json => report::json(&report),
        Format::Sarif => report::sarif(&report),
        Format::Junit => report::junit(&report),
        Format::Github => report::github(&report),
        Format::Markdown => report::markdown(&report),
    };
    let end = judge(&report, args.fail_on);
    (text, end)
}

/// Whether a call goes through.
fn can(in_force: &InForce, text: &str, format: Format) -> Result<String, Failure> {
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
fn explain(in_force: &InForce, text: &str, format: Format) -> Result<String, Failure> {
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

fn explain_check(id: &str) -> (String, Result<(), Failure>) {
    match catalogue::find(&id.to_uppercase()) {
        Some(check) => (check.explained(), Ok(())),
        None => {
            let message =
                format!("no check is called `{id}`; see `loadgen validate --list-checks`");
            (String::new(), Err(Failure::Usage(message)))
        }
    }
}

fn list(format: Format) -> String {
    if format == Format::Markdown {
        return catalogue::page();
    }
    let mut all = String::new();
    for check in catalogue::checks() {
        let (id, word, title) = (check.id, check.severity.word(), check.title);
        writeln!(all, "{id}  {word:<8}  {title}").expect("a string takes all");
    }
    all
}

fn judge(report: &Report, fail_on: FailOn) -> Result<(), Failure> {
    if !report.mistakes.is_empty() {
        let lines: Vec<String> = report.mistakes.iter().map(ToString::to_string).collect();
        let message = format!("not all could be read\n{}", lines.join("\n"));
        return Err(Failure::Usage(message));
    }
    let threshold = match fail_on {
        FailOn::Critical => Some(Severity::Critical),
        FailOn::High => Some(Severity::High),
        FailOn::Medium => Some(Severity::Medium),
        FailOn::Low => Some(Severity::Low),
        FailOn::Info => Some(Severity::Info),
        FailOn::Never => None,
    };
    let fails = report.findings.iter().filter(|finding| Some(finding.severity) >= threshold);
    let count = if threshold.is_some() { fails.count() } else { 0 };
    if count > 0 {
        let word = threshold.map_or("", Severity::word);
        let noun = if count == 1 { "finding" } else { "findings" };
        return Err(Failure::Findings(format!("{count} {noun} of severity {word} and above")));
    }
    if report.objects == 0 {
        let message = "nothing to check: no PeerAuthentication, AuthorizationPolicy, \
            RequestAuthentication, DestinationRule, CiliumNetworkPolicy or \
            CiliumClusterwideNetworkPolicy was found";
        return Err(Failure::Usage(message.to_owned()));
    }
    Ok(())
}

/// Texts by the path that they are called by.
fn read_all(paths: &[String]) -> Result<BTreeMap<String, String>, Failure> {
    let (mut files, mut wrong) = (BTreeMap::new(), Vec::new());
    for path in paths {
        if path == "-" {
            read_one(STDIN, &mut std::io::stdin().lock(), &mut files, &mut wrong);
        } else {
            walk(Path::new(path), true, &mut files, &mut wrong);
        }
    }
    if wrong.is_empty() { Ok(files) } else { Err(Failure::Usage(wrong.join("\n"))) }
}

/// A file, or what is in a folder and those in it. A file that is named is read whatever its name.
fn walk(path: &Path, named: bool, files: &mut BTreeMap<String, String>, wrong: &mut Vec<String>) {
    let shown = path.display();
    // Links in a folder may lead back to it.
    let kind = if named { path.metadata() } else { path.symlink_metadata() };
    let kind = match kind {
        Ok(kind) => kind,
        Err(error) => {
            wrong.push(format!("{shown}: {error}"));
            return;
        }
    };
    if kind.is_dir() {
        match path.read_dir() {
            Ok(entries) => {
                for entry in entries.flatten() {
                    walk(&entry.path(), false, files, wrong);
                }
            }
            Err(error) => wrong.push(format!("{shown}: {error}")),
        }
        return;
    }
    let extension = path.extension().and_then(|extension| extension.to_str());
    let manifest = matches!(extension, Some("yaml" | "yml" | "json"));
    if !(named || kind.is_file() && manifest) {
        return;
    }
    match std::fs::File::open(path) {
        Ok(mut file) => read_one(&shown.to_string(), &mut file, files, wrong),
        Err(error) => wrong.push(format!("{shown}: {error}")),
    }
}

fn read_one(
    name: &str,
    from: &mut dyn Read,
    files: &mut BTreeMap<String, String>,
    wrong: &mut Vec<String>,
) {
    let most = Limits::MANIFESTS.bytes;
    let mut bytes = Vec::new();
    let read = from.take(most as u64 + 1).read_to_end(&mut bytes);
    if let Err(error) = read {
        wrong.push(format!("{name}: {error}"));
        return;
    }
    if bytes.len() > most {
        wrong.push(format!("{name}: expected at most {most} bytes, found more"));
        return;
    }
    match String::from_utf8(bytes) {
        Ok(text) => drop(files.insert(name.to_owned(), text)),
        Err(_) => wrong.push(format!("{name}: expected text in UTF-8; save the file as UTF-8")),
    }
}
