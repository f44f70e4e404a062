//! What was typed after `loadgen drive`. What it means is decided in `drive::settle`.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgAction, Args, ValueEnum};

use super::args::{ArrivalsChoice, Output, PacingChoice, duration};

const SHORT: &str = "\
Examples:
  loadgen drive http://127.0.0.1:8080/ --rate 1000 --duration 30s
  loadgen drive https://shop.test/ --ca ca.pem --http 2 --output json
The rest with --help-all: profiles, several requests, feeds, gRPC, proxies, pacing, the search, …";

const NOTES: &str = "\
Examples:
  loadgen drive http://127.0.0.1:8080/ --rate 1000 --duration 30s
  loadgen drive https://shop.test/ --ca ca.pem --cert me.pem --key me-key.pem --http 2
  loadgen drive http://h/ --request 'ok 98 GET /' --request 'denied 2 GET /admin 403'
Exit codes: 0 done · 2 usage · 4 not reachable · 6 not valid · 7 a --fail-if holds · 130 Ctrl-C";

/// One open-loop run against any URL: requests are sent when the schedule says, whatever the
/// answers do.
#[derive(Debug, Args)]
#[command(after_help = SHORT, after_long_help = NOTES, disable_help_flag = true)]
pub struct DriveArgs {
    /// http://… or https://…
    pub url: String,

    /// Requests a second [default: 1000]
    #[arg(short, long, value_name = "R", help_heading = "Load")]
    pub rate: Option<f64>,
    /// Measured window, e.g. 30s [default: 10s]
    #[arg(short, long, value_name = "D", value_parser = duration, help_heading = "Load")]
    pub duration: Option<Duration>,
    /// Sent before it and left out
    #[arg(long, value_name = "D", value_parser = duration, default_value = "500ms",
          help_heading = "Load", hide_short_help = true)]
    pub warm_up: Duration,
    /// Connections
    #[arg(short, long, value_name = "N", default_value_t = 50, help_heading = "Load",
          value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub connections: u32,
    /// Spacing
    #[arg(long, value_enum, value_name = "HOW", default_value_t = ArrivalsChoice::Constant,
          hide_possible_values = true, help_heading = "Load", hide_short_help = true)]
    pub arrivals: ArrivalsChoice,
    /// Steps and ramps instead of one rate, e.g. 100:10s,100-1000:30s
    #[arg(long, value_name = "P", help_heading = "Load", hide_short_help = true)]
    pub profile: Option<String>,
    /// A file of send times in seconds, one a line, instead of a rate
    #[arg(long, value_name = "FILE", help_heading = "Load", hide_short_help = true)]
    pub trace: Option<PathBuf>,
    /// Closed loop: as fast as answers come, for capacity
    #[arg(long, help_heading = "Load")]
    pub max_rate: bool,
    /// Search for the highest rate that holds the --slo, from --rate (100) on, in --duration (15m)
    #[arg(long, help_heading = "Load", hide_short_help = true)]
    pub find_max: bool,
    /// For --find-max, e.g. 'p99<5ms'
    #[arg(long, value_name = "COND", help_heading = "Load", hide_short_help = true)]
    pub slo: Vec<String>,
    /// A request older than this is given up
    #[arg(long, value_name = "D", value_parser = duration, default_value = "10s",
          help_heading = "Load", hide_short_help = true)]
    pub timeout: Duration,
    /// Sent and unanswered, or waiting; one more is shed [default: 10000, or a request a slot]
    #[arg(long, value_name = "N", help_heading = "Load",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000), hide_short_help = true)]
    pub max_in_flight: Option<u32>,
    /// For every random choice [default: drawn and printed]
    #[arg(long, value_name = "N", help_heading = "Load", hide_short_help = true)]
    pub seed: Option<u64>,

    /// Method [default: GET, with a body POST]
    #[arg(short = 'X', long, value_name = "M", help_heading = "Request")]
    pub method: Option<String>,
    /// A header, `name: value`; repeatable
    #[arg(short = 'H', long, value_name = "H", help_heading = "Request")]
    pub header: Vec<String>,
    /// Body as text
    #[arg(long, value_name = "TEXT", help_heading = "Request", conflicts_with = "body_file")]
    pub body: Option<String>,
    /// Body from a file
    #[arg(long, value_name = "FILE", help_heading = "Request", hide_short_help = true)]
    pub body_file: Option<PathBuf>,
    /// Statuses that are answers, e.g. 2xx,404
    #[arg(
        long,
        value_name = "S",
        default_value = "2xx",
        help_heading = "Request",
        hide_short_help = true
    )]
    pub expect: String,
    /// A CSV file; {column} in path, headers and body is its value, row after row
    #[arg(long, value_name = "FILE", help_heading = "Request", hide_short_help = true)]
    pub feed: Option<PathBuf>,
    /// One of several requests: 'NAME WEIGHT METHOD PATH STATUSES', the last may be left out;
    /// repeatable
    #[arg(long, value_name = "R", help_heading = "Request", hide_short_help = true)]
    pub request: Vec<String>,

    /// HTTP version: 1.1 or 2
    #[arg(
        long,
        value_name = "V",
        default_value = "1.1",
        hide_possible_values = true,
        help_heading = "Protocol"
    )]
    pub http: HttpChoice,
    /// Requests at once on each HTTP/2 connection [default: 10]
    #[arg(long, value_name = "N", help_heading = "Protocol",
          value_parser = clap::value_parser!(u32).range(1..=10_000), hide_short_help = true)]
    pub streams: Option<u32>,
    /// Unary gRPC: HTTP/2, the body is one message, grpc-status decides
    #[arg(long, help_heading = "Protocol", hide_short_help = true)]
    pub grpc: bool,
    /// keep-alive, per-request (a full handshake each) or per-request-resumed
    #[arg(
        long,
        value_name = "MODE",
        default_value = "keep-alive",
        hide_possible_values = true,
        help_heading = "Protocol",
        hide_short_help = true
    )]
    pub connection: ConnectionChoice,
    /// Believe this CA (PEM) instead of the system's
    #[arg(long, value_name = "FILE", help_heading = "Protocol")]
    pub ca: Option<PathBuf>,
    /// Own certificate (PEM) and its key
    #[arg(long, value_name = "FILE", help_heading = "Protocol", requires = "key")]
    pub cert: Option<PathBuf>,
    /// See --cert
    #[arg(long, value_name = "FILE", help_heading = "Protocol", requires = "cert")]
    pub key: Option<PathBuf>,
    /// The server is this SPIFFE id, whatever its name
    #[arg(long, value_name = "ID", help_heading = "Protocol", hide_short_help = true)]
    pub spiffe: Option<String>,
    /// Name for SNI and verification [default: the URL's]
    #[arg(long, value_name = "NAME", help_heading = "Protocol", hide_short_help = true)]
    pub server_name: Option<String>,
    /// TLS 1.2 or 1.3 only
    #[arg(
        long,
        value_name = "V",
        hide_possible_values = true,
        help_heading = "Protocol",
        hide_short_help = true
    )]
    pub tls_version: Option<TlsChoice>,
    /// Do not verify the server
    #[arg(long, help_heading = "Protocol", conflicts_with_all = ["ca", "spiffe"])]
    pub insecure: bool,

    /// Connect to HOST:PORT instead of the URL's
    #[arg(long, value_name = "H:P", help_heading = "Route", hide_short_help = true)]
    pub connect_to: Option<String>,
    /// Connect to a Unix socket
    #[arg(long, value_name = "PATH", help_heading = "Route",
          conflicts_with_all = ["connect_to", "proxy"], hide_short_help = true)]
    pub unix: Option<PathBuf>,
    /// Through a proxy's CONNECT
    #[arg(
        long,
        value_name = "H:P",
        help_heading = "Route",
        conflicts_with = "connect_to",
        hide_short_help = true
    )]
    pub proxy: Option<String>,
    /// Look the name up again that often
    #[arg(long, value_name = "D", value_parser = duration, help_heading = "Route", hide_short_help = true)]
    pub re_resolve: Option<Duration>,
    /// Addresses of this version only: 4 or 6
    #[arg(long, value_name = "V", help_heading = "Route",
          value_parser = clap::value_parser!(u8).range(4..=6), hide_short_help = true)]
    pub ip: Option<u8>,

    /// Threads that send, each on a core
    #[arg(long, value_name = "N", default_value_t = 1, help_heading = "Machine",
          value_parser = clap::value_parser!(u32).range(1..=1024), hide_short_help = true)]
    pub workers: u32,
    /// hybrid (sleep, then spin), spin or sleep [default: hybrid; sleep for --max-rate]
    #[arg(
        long,
        value_enum,
        value_name = "HOW",
        hide_possible_values = true,
        help_heading = "Machine",
        hide_short_help = true
    )]
    pub pacing: Option<PacingChoice>,

    /// text or json
    #[arg(short, long, value_enum, default_value_t = Output::Text, value_name = "F",
          hide_possible_values = true, help_heading = "Results")]
    pub output: Output,
    /// Save as .json .hlog .hgrm .csv .prom, or FORMAT=FILE; repeatable
    #[arg(long, value_name = "FILE", help_heading = "Results")]
    pub save: Vec<String>,
    /// End with 7 when this holds, e.g. 'p99>3ms', 'errors>0.1%'; repeatable
    #[arg(long, value_name = "COND", help_heading = "Results")]
    pub fail_if: Vec<String>,
    /// No live view
    #[arg(short, long, help_heading = "Results", hide_short_help = true)]
    pub quiet: bool,

    /// What a first drive needs
    #[arg(short, long, action = ArgAction::HelpShort, help_heading = "Help")]
    help: Option<bool>,
    /// Every option
    #[arg(long, action = ArgAction::HelpLong, help_heading = "Help")]
    help_all: Option<bool>,
}

/// The version of HTTP.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum HttpChoice {
    /// One request at a time on a connection.
    #[value(name = "1.1")]
    Http1,
    /// Many; by prior knowledge without TLS, by ALPN with it.
    #[value(name = "2")]
    Http2,
}

/// How long connections are kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum ConnectionChoice {
    /// Opened before the first request.
    KeepAlive,
    /// Opened for each request, with a full handshake.
    PerRequest,
    /// Opened for each request, with a resumed handshake where the server allows it.
    PerRequestResumed,
}

/// A version of TLS.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum TlsChoice {
    /// 1.2
    #[value(name = "1.2")]
    V1_2,
    /// 1.3
    #[value(name = "1.3")]
    V1_3,
}
