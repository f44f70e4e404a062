//! The subject: loadgen's own mTLS sidecar and the origin behind it. Calibration, not Istio. It
//! shares no code with the measurer except `identity` and the types of `policy`, and must not know
//! that it is measured.
//!
//! A process of it is one [`Role`]. It talks with its parent in lines of JSON:
//!
//! 1. standard input, one line: the role's setup ([`OriginSetup`], [`ClientSetup`] or
//!    [`ServerSetup`]), keys included, so that no key touches a disk;
//! 2. standard output, one line: [`Ready`], `{"ready":{"<route>":<port>}}`, when every listener is
//!    bound, each on 127.0.0.1 and a port of the kernel's choice;
//! 3. from then on, for each line on standard input one line on standard output: `stats` gives
//!    [`Stats`] since the last `stats`; `anchor` restarts the periods of planted stalls and gives
//!    `{"anchored":<routes>}`; `rules` with a [`NewRules`] behind it puts them in the place of that
//!    route's, for connections accepted from then on, as a listener that is replaced leaves those
//!    that it has, and gives `{"changed":"<route>"}`; anything else gives `{"error":"…"}`;
//! 4. the end of standard input ends the process at once with exit code 0. A parent that dies,
//!    even by SIGKILL, therefore takes its children with it.
//!
//! Standard error is a log in plain lines.

pub mod authorise;
pub mod clock;
mod control;
mod counters;
pub mod delay;
mod error;
mod headers;
mod inbound;
mod listen;
mod log;
mod machine;
mod origin;
mod outbound;
mod path;
mod setup;

use std::io::BufRead;

pub use counters::{Refused, RouteStats, Stats};
pub use error::Error;
pub use origin::{ECHO_HEADER, ECHO_PATH, Echo};
pub use setup::{
    ClientRoute, ClientSetup, Mode, NewRules, OriginRoute, OriginSetup, PlantedDelay, PlantedStall,
    Ready, Role, ServerRoute, ServerSetup, XFCC,
};

/// Serves one role until standard input ends, which ends the process. Returns only to say why it
/// could not start. Expects to own the process: standard input, standard output, every core given.
pub fn run(role: Role) -> Result<(), Error> {
    let line = setup_line()?;
    match role {
        Role::Origin => serve(origin::start(setup::read(&line)?)?),
        Role::Client => serve(outbound::start(setup::read(&line)?)?),
        Role::Server => serve(inbound::start(setup::read(&line)?)?),
    }
}

fn setup_line() -> Result<String, Error> {
    let mut line = String::new();
    let mut input = std::io::Read::take(std::io::stdin().lock(), setup::MAX_SETUP_BYTES);
    input.read_line(&mut line).map_err(Error::SetupUnread)?;
    if line.ends_with('\n') { Ok(line) } else { Err(Error::NoSetup) }
}

fn serve(service: listen::Service) -> Result<(), Error> {
    machine::raise_descriptor_limit();
    machine::fine_timers();
    machine::pin(&service.cores)?;
    // Before anything that could hang: from here on the parent's death is noticed.
    control::watch(service.controlled)?;
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(Error::Runtime)?;
    runtime.block_on(listen::serve(service.address, service.listeners))
}
