//! What was typed after `loadgen serve`. What it means is decided in `serve`.

use std::num::NonZeroU64;
use std::path::PathBuf;
use std::time::Duration;

use clap::{Args, ValueEnum};

use super::args::{Output, duration};
use crate::serve::answer::header;
use crate::serve::delay::{Delay, Stall};
use crate::serve::fault::FaultSpec;
use crate::serve::listen::Address;

const NOTES: &str = "\
Delays: 5ms · exp:MEAN · uniform:FROM..TO · pareto:LEAST,SHAPE · lognormal:MEDIAN,SIGMA
Faults: reset-every=N truncate-every=N garbage-every=N close-every=N silent-every=N
        half-close-every=N (of all requests) · stop-reading-after=N (of each connection)
It serves in the foreground until Ctrl-C or SIGTERM, then says what came.";

/// A server. Everything is answered alike, whatever its path.
#[derive(Debug, Args)]
#[command(after_help = NOTES)]
pub struct ServeArgs {
    /// Where: IP:PORT (port 0: any; IPv6 in brackets) or unix:PATH
    #[arg(long, value_name = "ADDR", default_value = "127.0.0.1:0")]
    pub listen: Address,
    /// Write the address there, whole, once it is listened at
    #[arg(long, value_name = "FILE")]
    pub port_file: Option<PathBuf>,
    /// Stay on that core, and go before other threads where that is allowed
    #[arg(long, value_name = "N")]
    pub core: Option<usize>,
    /// Let no core sleep: 100 % of one, arrivals stamped to the microsecond; best with --core
    #[arg(long)]
    pub spin: bool,

    /// 1.1, 2 or auto: whichever the client begins with; h2c by prior knowledge
    #[arg(
        long,
        value_name = "V",
        default_value = "auto",
        hide_possible_values = true,
        help_heading = "Answer"
    )]
    pub http: HttpChoice,
    /// Bytes of the body [default: 64]
    #[arg(long, value_name = "N", help_heading = "Answer",
          value_parser = clap::value_parser!(u64).range(0..=1 << 30))]
    pub body_bytes: Option<u64>,
    /// Status
    #[arg(long, value_name = "N", default_value_t = 200, help_heading = "Answer")]
    pub status: u16,
    /// A further header, `name: value`; repeatable
    #[arg(long, value_name = "H", value_parser = header, help_heading = "Answer")]
    pub header: Vec<(String, String)>,
    /// Send the body in chunks
    #[arg(long, help_heading = "Answer")]
    pub chunked: bool,

    /// TLS, with a CA and certificates made for this run
    #[arg(long, help_heading = "TLS")]
    pub tls: bool,
    /// Write ca, cert, key, client, client-key .pem there, for clients; implies --tls
    #[arg(long, value_name = "DIR", help_heading = "TLS")]
    pub tls_dir: Option<PathBuf>,
    /// A name or address of the certificate besides localhost; repeatable
    #[arg(long, value_name = "NAME", help_heading = "TLS")]
    pub tls_name: Vec<String>,
    /// TLS with this certificate chain …
    #[arg(long, value_name = "FILE", requires = "key", help_heading = "TLS")]
    pub cert: Option<PathBuf>,
    /// … and its key, both PEM
    #[arg(long, value_name = "FILE", requires = "cert", help_heading = "TLS")]
    pub key: Option<PathBuf>,
    /// Require a client certificate of this run's CA …
    #[arg(long, help_heading = "TLS")]
    pub mtls: bool,
    /// … or of the CAs in this file
    #[arg(long, value_name = "FILE", help_heading = "TLS")]
    pub client_ca: Option<PathBuf>,
    /// 1.2 or 1.3 [default: both]
    #[arg(long, value_name = "V", hide_possible_values = true, help_heading = "TLS")]
    pub tls_version: Option<TlsVersionChoice>,
    /// Session tickets a handshake; 0: no resumption
    #[arg(long, value_name = "N", default_value_t = 0, help_heading = "TLS",
          value_parser = clap::value_parser!(u8).range(0..=16))]
    pub tickets: u8,

    /// Hold answers back that long (see below)
    #[arg(long, value_name = "D", help_heading = "Planted")]
    pub delay: Option<Delay>,
    /// … each N-th one only
    #[arg(long, value_name = "N", requires = "delay", help_heading = "Planted")]
    pub delay_every: Option<NonZeroU64>,
    /// … a drawn share only, e.g. 2%
    #[arg(long, value_name = "P%", requires = "delay", conflicts_with = "delay_every",
          value_parser = share, help_heading = "Planted")]
    pub delay_share: Option<f64>,
    /// Delays by time: lines `seconds since the first request,milliseconds`
    #[arg(long, value_name = "FILE", conflicts_with = "delay", help_heading = "Planted")]
    pub delay_trace: Option<PathBuf>,
    /// Answer nothing in the first part of each period, from the first request on, e.g. 200ms/2s
    #[arg(long, value_name = "D/D", help_heading = "Planted")]
    pub stall: Option<Stall>,
    /// … from that long after it on
    #[arg(long, value_name = "D", value_parser = duration, requires = "stall",
          help_heading = "Planted")]
    pub stall_after: Option<Duration>,
    /// Plant a fault (see below); repeatable
    #[arg(long, value_name = "F", help_heading = "Planted")]
    pub fault: Vec<FaultSpec>,
    /// What delays are drawn from
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Planted")]
    pub seed: u64,

    /// At the end, write when each request arrived: ns since the start, u64 little-endian
    #[arg(long, value_name = "FILE", help_heading = "Account")]
    pub stamp: Option<PathBuf>,
    /// … of so many at most
    #[arg(long, value_name = "N", default_value_t = 10_000_000, requires = "stamp",
          help_heading = "Account", value_parser = clap::value_parser!(u64).range(1..=1 << 32))]
    pub stamp_max: u64,
    /// text or json
    #[arg(
        long,
        value_name = "HOW",
        default_value = "text",
        hide_possible_values = true,
        help_heading = "Account"
    )]
    pub output: Output,
}

/// Which HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HttpChoice {
    /// HTTP/1.1 and 1.0.
    #[value(name = "1.1")]
    V1,
    /// HTTP/2.
    #[value(name = "2")]
    V2,
    /// Both.
    Auto,
}

/// Which TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsVersionChoice {
    /// TLS 1.2.
    #[value(name = "1.2")]
    V1_2,
    /// TLS 1.3.
    #[value(name = "1.3")]
    V1_3,
}

/// A share in percent as 0 to 1.
fn share(text: &str) -> Result<f64, String> {
    let percent = text.strip_suffix('%').and_then(|number| number.parse().ok());
    percent
        .and_then(|percent| scenarios::units::Percent::new(percent).ok())
        .map(scenarios::units::Percent::fraction)
        .ok_or_else(|| format!("expected a percentage from 0% to 100%, found `{text}`"))
}
