//! The command. Names the concrete parts; decides nothing that a test would want to see.

use std::io::{IsTerminal, Write};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use anyhow::Context;
use bench::report::terminal::Style;
use bench::results::Shelf;
use bench::seams::StopFlag;
use clap::{CommandFactory, Parser};
use loadgen::cli::agent::agent;
use loadgen::cli::args::{Cli, Command, Output, SubjectRole};
use loadgen::cli::cluster::cluster;
use loadgen::cli::compare::compare;
use loadgen::cli::credentials::credentials;
use loadgen::cli::drive::{Surroundings as DriveSurroundings, drive};
use loadgen::cli::environment::{envoy_places, programs, quiet, selftests_folder};
use loadgen::cli::exit::Failure;
use loadgen::cli::list::Listing;
use loadgen::cli::report::report;
use loadgen::cli::run::{Surroundings, run};
use loadgen::cli::selftest::selftest;
use loadgen::cli::serve::serve;
use loadgen::cli::tell::tell;
use loadgen::cli::validate::{serve_metrics, validate};
use loadgen::cli::validate_args::MetricsTo;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use testbed::kind::tools::Machine;

fn main() -> ExitCode {
    let cli = Cli::parse();
    match dispatch(cli) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            let code = error.downcast_ref::<Failure>().map_or(1, Failure::code);
            tell(&format!("error: {error:#}"));
            ExitCode::from(code)
        }
    }
}

fn dispatch(cli: Cli) -> anyhow::Result<()> {
    let mut out = std::io::stdout().lock();
    let current_dir = std::env::current_dir().context("there is no current directory")?;
    match cli.command {
        None => {
            let mut around = surroundings(current_dir, &mut out)?;
            run(&cli.run, &mut around)?;
        }
        Some(Command::List { output }) => {
            let text = list(&current_dir, output)?;
            say(&mut out, text.as_bytes())?;
        }
        Some(Command::Drive(args)) => {
            let stop = on_signals()?;
            let live = std::io::stderr().is_terminal() && !quiet();
            drive(&args, &mut DriveSurroundings { out: &mut out, style: style(), live, stop })?;
        }
        Some(Command::Selftest(args)) => {
            selftest(&args, &mut surroundings(current_dir, &mut out)?)?;
        }
        Some(Command::Report { run_dir }) => {
            let text = report(&run_dir, style())?;
            say(&mut out, text.as_bytes())?;
        }
        Some(Command::Compare(args)) => {
            let (text, end) = compare(&args)?;
            say(&mut out, text.as_bytes())?;
            end?;
        }
        Some(Command::Cluster(args)) => {
            cluster(&args.what, &mut surroundings(current_dir, &mut out)?)?;
        }
        Some(Command::Serve(args)) => {
            let text = serve(&args, &on_signals()?)?;
            say(&mut out, text.as_bytes())?;
        }
        Some(Command::Validate(args)) if matches!(args.metrics, Some(MetricsTo::Port(_))) => {
            serve_metrics(&args, &on_signals()?)?;
        }
        Some(Command::Agent(args)) => agent(&args, &mut out, &on_signals()?)?,
        Some(Command::Credentials(args)) => say(&mut out, credentials(&args)?.as_bytes())?,
        Some(Command::Validate(args)) => {
            let coloured = style() == Style::Ansi;
            let (text, end) = validate(&args, coloured);
            say(&mut out, text.as_bytes())?;
            end?;
        }
        Some(Command::Completions { shell }) => {
            let mut text = Vec::new();
            clap_complete::generate(shell, &mut Cli::command(), "loadgen", &mut text);
            say(&mut out, &text)?;
        }
        Some(Command::Man) => {
            let mut text = Vec::new();
            clap_mangen::Man::new(Cli::command()).render(&mut text)?;
            say(&mut out, &text)?;
        }
        Some(Command::Subject { role }) => {
            // The subject prints its own protocol.
            drop(out);
            sidecar::run(part(role))?;
        }
        Some(Command::TryPods) => testbed::envoy::pods::attempt().map_err(anyhow::Error::msg)?,
        Some(Command::Tether { arguments }) => {
            return Err(anyhow::anyhow!(testbed::tether::run(&arguments)));
        }
    }
    Ok(())
}

fn part(role: SubjectRole) -> sidecar::Role {
    match role {
        SubjectRole::Origin => sidecar::Role::Origin,
        SubjectRole::Client => sidecar::Role::Client,
        SubjectRole::Server => sidecar::Role::Server,
    }
}

fn list(current_dir: &Path, output: Output) -> anyhow::Result<String> {
    let listing = Listing::of(current_dir, &envoy_places().search());
    Ok(match output {
        Output::Text => listing.text(),
        Output::Json => serde_json::to_string_pretty(&listing)? + "\n",
    })
}

/// What a run and a selftest find around them.
fn surroundings(
    current_dir: std::path::PathBuf,
    out: &mut dyn Write,
) -> anyhow::Result<Surroundings<'_>> {
    let machine = Machine::here(programs(), &current_dir);
    Ok(Surroundings {
        current_dir,
        program: std::env::current_exe().context("this program has no path")?,
        command: std::env::args().collect(),
        out,
        style: style(),
        bars: std::io::stderr().is_terminal() && !quiet(),
        stop: on_signals()?,
        shelf: selftests_folder().map(Shelf::at),
        envoys: envoy_places(),
        machine,
        tell,
    })
}

/// A reader that went away, as `head` does, is no failure.
fn say(out: &mut impl Write, text: &[u8]) -> anyhow::Result<()> {
    match out.write_all(text).and_then(|()| out.flush()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// The first Ctrl-C asks for a stop, the second ends at once.
fn on_signals() -> anyhow::Result<StopFlag> {
    let asked = Arc::new(AtomicBool::new(false));
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register_conditional_shutdown(signal, 130, Arc::clone(&asked))?;
        signal_hook::flag::register(signal, Arc::clone(&asked))?;
    }
    Ok(StopFlag::over(asked))
}

fn style() -> Style {
    if std::io::stdout().is_terminal() && !quiet() { Style::Ansi } else { Style::Plain }
}
