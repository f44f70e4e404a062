//! What `loadgen drive` means: what was typed is settled, sent, judged, saved and shown, and decides
//! how the command ends.

use std::io::Write;
use std::sync::Arc;

use bench::report::terminal::Style;
use bench::seams::StopFlag;

use super::args::{Output, PacingChoice};
use super::drive_args::DriveArgs;
use super::exit::Failure;
use super::live_view::LiveScreen;
use super::tell::tell;
use super::wall_clock::StartedAt;
use crate::drive::document::Document;
use crate::drive::gate::{Gate, Judged, Slo};
use crate::drive::measured::Measured;
use crate::drive::run::{Around, run};
use crate::drive::save::{self, Outcome, Target};
use crate::drive::search::{self, Plan, Step, Unsearched};
use crate::drive::settle::{Settled, settle};
use crate::drive::text;
use crate::drive::validity::{Validity, Verdict};
use crate::engine::Refused;
use crate::generator::Pacing;
use crate::live::LiveView;

/// Where the results go, and who may end it.
pub struct Surroundings<'a> {
    /// Standard output.
    pub out: &'a mut dyn Write,
    /// Whether results may be coloured.
    pub style: Style,
    /// Whether a live view may be drawn on standard error.
    pub live: bool,
    /// A wish to stop.
    pub stop: StopFlag,
}

/// Everything that was typed, understood.
struct Understood {
    settled: Settled,
    gates: Vec<Gate>,
    slos: Vec<Slo>,
    targets: Vec<Target>,
}

/// Drives.
pub fn drive(args: &DriveArgs, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let started = StartedAt::now();
    let Understood { settled, gates, slos, targets } =
        understand(args, started.seed).map_err(|mistakes| Failure::Usage(mistakes.join("\n")))?;
    let live = Arc::new(LiveView::default());
    let how = Around {
        pacing: pacing(args),
        re_resolve: args.re_resolve,
        stop: around.stop.clone(),
        live: Some(Arc::clone(&live)),
        started_unix_ns: started.unix_ns,
    };
    if args.find_max {
        return search(args, &settled, &slos, &how, around);
    }
    let screen = if args.quiet || !around.live {
        None
    } else {
        LiveScreen::start(&live, &settled.asked, around.style)
    };
    if screen.is_none() && !args.quiet {
        announce(&settled);
    }
    let sent = run(settled, &how);
    if let Some(screen) = screen {
        screen.end();
    }
    let measured = sent.map_err(|refused| unreachable(&refused, args, around))?;
    let validity = Validity::of(&measured);
    let judged: Vec<Judged> = gates.iter().map(|gate| gate.judge(&measured)).collect();
    let outcome = Outcome { measured: &measured, validity: &validity, gates: &judged };
    // What was measured is kept before it is shown.
    let saved = save_all(&outcome, &targets);
    show(&outcome, args.output, around)?;
    saved?;
    end(&measured, &validity, &judged)
}

fn understand(args: &DriveArgs, seed: u64) -> Result<Understood, Vec<String>> {
    let mut mistakes = Vec::new();
    let settled = settle(args, seed).map_err(|found| mistakes.extend(found.0)).ok();
    let mut gates = Vec::new();
    for text in &args.fail_if {
        match Gate::parse(text) {
            Ok(gate) => gates.push(gate),
            Err(error) => mistakes.push(format!("--fail-if: {error}")),
        }
    }
    let mut slos = Vec::new();
    for text in &args.slo {
        match Slo::parse(text) {
            Ok(slo) => slos.push(slo),
            Err(error) => mistakes.push(format!("--slo: {error}")),
        }
    }
    if args.find_max {
        let without = [("--save", !args.save.is_empty()), ("--fail-if", !args.fail_if.is_empty())];
        for (option, _) in without.iter().filter(|(_, given)| *given) {
            mistakes.push(format!("{option}: a search is many drives; drive at the rate it finds"));
        }
    }
    let mut targets = Vec::new();
    for text in &args.save {
        match Target::parse(text) {
            Ok(target) => targets.push(target),
            Err(error) => mistakes.push(format!("--save: {error}")),
        }
    }
    if let Some(settled) = &settled {
        let kinds = settled.job.mix.kinds();
        let names: Vec<&str> = kinds.iter().map(|kind| kind.name.as_str()).collect();
        for gate in &gates {
            if let Err(error) = gate.condition().check_kind(&names) {
                mistakes.push(format!("--fail-if: {error}"));
            }
        }
    }
    match settled {
        Some(settled) if mistakes.is_empty() => Ok(Understood { settled, gates, slos, targets }),
        _ => Err(mistakes),
    }
}

/// `--find-max`. `--rate` says where it begins, `--duration` how long it may take.
fn search(
    args: &DriveArgs,
    settled: &Settled,
    slos: &[Slo],
    how: &Around,
    around: &mut Surroundings<'_>,
) -> Result<(), Failure> {
    let usual = Plan::default();
    let plan = Plan {
        start: args.rate.unwrap_or(usual.start),
        longest: args.duration.unwrap_or(usual.longest),
        ..usual
    };
    let mut on_step = |step: &Step| {
        if !args.quiet {
            tell(&step.to_string());
        }
    };
    let found = match search::run(settled, slos, &plan, how, &mut on_step) {
        Ok(found) => found,
        Err(Unsearched::Mistakes(mistakes)) => return Err(Failure::Usage(mistakes.to_string())),
        Err(Unsearched::Refused { refused, .. }) => {
            return Err(unreachable(&refused, args, around));
        }
    };
    let text = match args.output {
        Output::Text => found.text(),
        Output::Json => found.to_json(),
    };
    print(&text, around)?;
    match found.exit_code() {
        0 => Ok(()),
        130 => Err(Failure::Interrupted("interrupted; what was found is above".to_owned())),
        6 => Err(Failure::NoMeasurement(found.answer())),
        _ => Err(Failure::GateFailed(found.answer())),
    }
}

/// A closed loop waits for nothing but answers: there is nothing to spin for, unless it is asked.
fn pacing(args: &DriveArgs) -> Pacing {
    match args.pacing {
        Some(PacingChoice::Spin) => Pacing::Spin,
        Some(PacingChoice::Sleep) => Pacing::Sleep,
        None if args.max_rate => Pacing::Sleep,
        Some(PacingChoice::Hybrid) | None => Pacing::Hybrid,
    }
}

/// Nothing was sent: the wish to stop came first, or there is nobody to send to.
fn unreachable(refused: &Refused, args: &DriveArgs, around: &Surroundings<'_>) -> Failure {
    if around.stop.is_raised() {
        return Failure::Interrupted("interrupted before the first request".to_owned());
    }
    match refused {
        Refused::Unsendable(_) => Failure::Usage(refused.to_string()),
        Refused::Kernel(_) => Failure::Internal(format!(
            "{refused}\n  help: Linux 5.11 or newer is needed, and a free file descriptor (ulimit -n)"
        )),
        Refused::SetUp { .. } => {
            Failure::Testbed(format!("{}: {refused}\n  help: {}", args.url, hint(refused, args)))
        }
    }
}

/// What to do about connections that do not open.
fn hint(refused: &Refused, args: &DriveArgs) -> &'static str {
    use crate::transport::Failure as Cause;
    let Refused::SetUp { failed, .. } = refused else { return "" };
    match failed.failure {
        Some(Cause::Refused) => "look at what listens there; --connect-to goes elsewhere",
        Some(Cause::Tls) if args.insecure => {
            "look at the server's TLS; it may want --cert and --key"
        }
        Some(Cause::Tls) => {
            "--ca names whom to believe, --server-name or --spiffe who must answer, --cert and --key who calls; --insecure believes anybody"
        }
        Some(Cause::Malformed) => {
            "the server may speak another protocol; see --http and the URL's scheme"
        }
        Some(Cause::Tunnel) => "look at the proxy, and whether it allows CONNECT to that port",
        Some(Cause::Descriptors) => {
            "raise the limit of open files (ulimit -n), or take fewer --connections"
        }
        Some(Cause::Ports) => {
            "every port to that address is taken: take fewer --connections, or widen net.ipv4.ip_local_port_range"
        }
        _ => "look at what listens there, and whether it allows that many --connections",
    }
}

fn save_all(outcome: &Outcome<'_>, targets: &[Target]) -> Result<(), Failure> {
    let problems: Vec<String> = targets
        .iter()
        .filter_map(|target| save::save(outcome, target).err())
        .map(|error| error.to_string())
        .collect();
    if problems.is_empty() { Ok(()) } else { Err(Failure::Internal(problems.join("\n"))) }
}

fn show(outcome: &Outcome<'_>, form: Output, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    let text = match form {
        Output::Text => text::render(outcome, around.style),
        Output::Json => Document::of(outcome.measured, outcome.validity, outcome.gates).to_json(),
    };
    print(&text, around)
}

fn print(text: &str, around: &mut Surroundings<'_>) -> Result<(), Failure> {
    match around.out.write_all(text.as_bytes()).and_then(|()| around.out.flush()) {
        // A reader that went away, as `head` does, is no failure of ours.
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => {
            Err(Failure::Internal(format!("can not print the results: {error}")))
        }
        _ => Ok(()),
    }
}

/// An invalid drive says nothing, not even that a threshold is kept.
fn end(measured: &Measured, validity: &Validity, judged: &[Judged]) -> Result<(), Failure> {
    if measured.stopped_early {
        return Err(Failure::Interrupted("interrupted; what was measured is above".to_owned()));
    }
    if validity.verdict() == Verdict::Invalid {
        let reasons: Vec<String> = validity.reasons().map(ToString::to_string).collect();
        return Err(Failure::NoMeasurement(format!("not a measurement: {}", reasons.join("; "))));
    }
    let broken: Vec<String> = judged
        .iter()
        .filter(|judged| !judged.passed())
        .map(|judged| {
            format!("{}: {}, found {}", judged.threshold, judged.outcome.word(), judged.found)
        })
        .collect();
    if broken.is_empty() { Ok(()) } else { Err(Failure::GateFailed(broken.join("\n"))) }
}

/// Says once what is about to happen, where no live view does.
fn announce(settled: &Settled) {
    let seconds = (settled.job.warm_up + settled.job.duration).as_secs_f64();
    tell(&format!("driving {} for {seconds:.1} s; Ctrl-C ends it early", settled.asked.url));
}
