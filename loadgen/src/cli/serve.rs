//! What `loadgen serve` means: the server that is asked for, its files, and the account at its end.

use std::fmt::Write as _;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

use bench::seams::StopFlag;
use identity::{Identity, TlsVersion};

use super::args::Output;
use super::exit::Failure;
use super::serve_args::{ServeArgs, TlsVersionChoice};
use super::tell::tell;
use crate::machine::raise_descriptor_limit;
use crate::serve::answer::AnswerSpec;
use crate::serve::delay::{Held, Trace};
use crate::serve::http::Http;
use crate::serve::listen::Address;
use crate::serve::script::{Delays, Planted};
use crate::serve::tally::Served;
use crate::serve::tls::{RunCertificates, TlsSpec};
use crate::serve::{ServeError, Server, ServerSpec};

/// Serves until the flag is raised. Returns the account, ready to print.
pub fn serve(args: &ServeArgs, stop: &StopFlag) -> Result<String, Failure> {
    let spec = spec(args)?;
    let stamps = args.stamp.as_deref().map(create).transpose()?;
    raise_descriptor_limit();
    let scheme = if spec.tls.is_some() { "https" } else { "http" };
    let server = Server::bind(&args.listen, spec).map_err(failure)?;
    let address = server.address().clone();
    if let Some(path) = &args.port_file {
        write_whole(path, &format!("{address}\n"))
            .map_err(|error| usage("--port-file", path, &error))?;
    }
    tell(&match &address {
        Address::Tcp(address) => format!("serving {scheme}://{address}"),
        Address::Unix(_) => format!("serving {scheme} at {address}"),
    });
    let served = server.run(stop).map_err(failure)?;
    if let (Some(file), Some(path)) = (stamps, &args.stamp) {
        write_stamps(file, &served.stamps).map_err(|error| {
            Failure::Internal(format!("can not write {}: {error}", path.display()))
        })?;
    }
    Ok(match args.output {
        Output::Text => text(&served),
        Output::Json => {
            serde_json::to_string_pretty(&served).expect("numbers and names only") + "\n"
        }
    })
}

fn failure(error: ServeError) -> Failure {
    match error {
        ServeError::Thread(_) | ServeError::Epoll(_) => Failure::Internal(error.to_string()),
        ServeError::Listen { .. } | ServeError::Tls(_) | ServeError::Core(_) => {
            Failure::Usage(error.to_string())
        }
    }
}

fn usage(option: &str, path: &Path, error: &dyn std::fmt::Display) -> Failure {
    Failure::Usage(format!("{option} {}: {error}", path.display()))
}

/// Now rather than at the end, when it would be too late to choose another place.
fn create(path: &Path) -> Result<File, Failure> {
    File::create(path).map_err(|error| usage("--stamp", path, &error))
}

fn write_stamps(file: File, stamps: &[u64]) -> io::Result<()> {
    let mut out = BufWriter::new(file);
    for stamp in stamps {
        out.write_all(&stamp.to_le_bytes())?;
    }
    out.flush()
}

/// A reader finds all of it or nothing.
fn write_whole(path: &Path, text: &str) -> io::Result<()> {
    let mut beside = path.as_os_str().to_owned();
    beside.push(".part");
    std::fs::write(&beside, text)?;
    std::fs::rename(&beside, path)
}

/// All mistakes at once.
fn spec(args: &ServeArgs) -> Result<ServerSpec, Failure> {
    let bodyless = matches!(args.status, 204 | 304);
    let default_bytes = if bodyless { 0 } else { AnswerSpec::default().body_bytes };
    let answer = AnswerSpec {
        status: args.status,
        headers: args.header.clone(),
        body_bytes: args
            .body_bytes
            .map_or(default_bytes, |bytes| usize::try_from(bytes).expect("at most 2^30")),
        chunked: args.chunked,
    };
    let mut mistakes = answer.mistakes();
    let mut noted = |result: Result<_, String>| match result {
        Ok(value) => Some(value),
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    };
    let delays = noted(delays(args)).unwrap_or_default();
    let tls = match tls(args) {
        Ok(tls) => tls,
        Err(mistake) => {
            mistakes.push(mistake);
            None
        }
    };
    if !mistakes.is_empty() {
        return Err(Failure::Usage(mistakes.join("\n")));
    }
    let after = args.stall_after.unwrap_or_default();
    Ok(ServerSpec {
        answer,
        planted: Planted {
            delays,
            stall: args.stall.map(|stall| stall.after(after)),
            faults: args.fault.clone(),
            seed: args.seed,
        },
        http: Http::default(),
        tls,
        core: args.core,
        spin: args.spin,
        most_stamps: args
            .stamp
            .as_ref()
            .map_or(0, |_| usize::try_from(args.stamp_max).expect("at most 2^32")),
    })
}

fn delays(args: &ServeArgs) -> Result<Delays, String> {
    if let Some(path) = &args.delay_trace {
        let text = read("--delay-trace", path)?;
        let trace = Trace::parse(&text)
            .map_err(|mistakes| format!("--delay-trace {}:\n{mistakes}", path.display()))?;
        return Ok(Delays::Trace(trace));
    }
    let held = match (args.delay_every, args.delay_share) {
        (Some(every), _) => Held::Every(every),
        (None, Some(share)) => Held::Share(share),
        (None, None) => Held::All,
    };
    Ok(args.delay.map_or(Delays::None, |delay| Delays::Drawn(delay, held)))
}

fn tls(args: &ServeArgs) -> Result<Option<TlsSpec>, String> {
    let own = match (&args.cert, &args.key) {
        (Some(cert), Some(key)) => {
            Some(Identity { chain_pem: read("--cert", cert)?, key_pem: read("--key", key)? })
        }
        _ => None,
    };
    let asks = args.mtls || args.client_ca.is_some();
    let makes = args.tls || args.tls_dir.is_some() || !args.tls_name.is_empty();
    let with = makes || own.is_some();
    if !with {
        let unused = [
            (asks, "--mtls and --client-ca"),
            (args.tls_version.is_some(), "--tls-version"),
            (args.tickets > 0, "--tickets"),
        ];
        return match unused.iter().find(|(given, _)| *given) {
            Some((_, option)) => Err(format!("{option} need TLS; add --tls, or --cert and --key")),
            None => Ok(None),
        };
    }
    if own.is_some() && makes {
        return Err("--cert takes the place of --tls, --tls-dir and --tls-name; give one of both"
            .to_owned());
    }
    let client_ca = args.client_ca.as_deref().map(|path| read("--client-ca", path)).transpose()?;
    let (identity, run_ca) = match own {
        Some(own) => (own, None),
        None => {
            let made = RunCertificates::fresh(testbed::deadline::today(), &args.tls_name)
                .map_err(|error| error.to_string())?;
            if let Some(folder) = &args.tls_dir {
                made.write(folder)
                    .map_err(|error| format!("--tls-dir {}: {error}", folder.display()))?;
            }
            (made.server, Some(made.ca_pem))
        }
    };
    let client_ca_pem = match (client_ca, run_ca) {
        (None, _) if !args.mtls => None,
        (None, None) => {
            return Err("--mtls with --cert needs --client-ca: there is no CA of this run".into());
        }
        (own, run) => own.or(run),
    };
    let version = args.tls_version.map(|version| match version {
        TlsVersionChoice::V1_2 => TlsVersion::V1_2,
        TlsVersionChoice::V1_3 => TlsVersion::V1_3,
    });
    Ok(Some(TlsSpec { identity, client_ca_pem, version, tickets: usize::from(args.tickets) }))
}

fn read(option: &str, path: &Path) -> Result<String, String> {
    std::fs::read_to_string(path).map_err(|error| format!("{option} {}: {error}", path.display()))
}

/// A line for each thing; those that did not come up are left out.
fn text(served: &Served) -> String {
    let mut text = String::new();
    let mut line = |name: &str, value: std::fmt::Arguments<'_>| {
        writeln!(text, "{name:<13}{value}").expect("a string takes all");
    };
    line(
        "requests",
        format_args!(
            "{} ({:.1}/s over {:.3} s), at most {} within 1 ms",
            served.requests, served.requests_per_second, served.span_s, served.largest_burst_1ms
        ),
    );
    line("answers", format_args!("{}", served.answers));
    line("connections", format_args!("{}", served.connections));
    let handshakes = served.handshakes_full + served.handshakes_resumed;
    if handshakes + served.handshakes_failed > 0 {
        line(
            "handshakes",
            format_args!(
                "{} full, {} resumed, {} failed; {} of TLS 1.3, {} of TLS 1.2",
                served.handshakes_full,
                served.handshakes_resumed,
                served.handshakes_failed,
                served.tls_1_3,
                served.tls_1_2
            ),
        );
    }
    line("bytes", format_args!("{} in, {} out", served.bytes_in, served.bytes_out));
    for (name, count, what) in [
        ("faults", served.faults, "planted ones were met"),
        ("malformed", served.malformed, "connections sent what is no request"),
        ("refused", served.accept_failures, "times a connection could not be accepted"),
        ("stamps", served.stamps_lost, "arrivals found no room; see --stamp-max"),
    ] {
        if count > 0 {
            line(name, format_args!("{count} {what}"));
        }
    }
    line("cpu", format_args!("{:.3} s", served.cpu_s));
    text
}
