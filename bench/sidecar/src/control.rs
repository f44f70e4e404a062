//! The control channel and lifeline on standard input. A thread of its own, so that a wedged
//! runtime can neither hide the counters nor outlive the parent.

use std::collections::BTreeMap;
use std::io::{BufRead, Read, Write};
use std::sync::Arc;

use crate::authorise::InForce;
use crate::counters::{Counters, Stats};
use crate::delay::Stall;
use crate::error::Error;
use crate::log;
use crate::setup::{MAX_SETUP_BYTES, NewRules};

/// What can be asked of a subject while it serves.
#[derive(Debug, Default)]
pub(crate) struct Controlled {
    /// Route → its counts.
    pub(crate) counters: BTreeMap<String, Arc<Counters>>,
    /// Planted stalls.
    pub(crate) stalls: Vec<Arc<Stall>>,
    /// Route → its rules.
    pub(crate) rules: BTreeMap<String, Arc<InForce>>,
}

/// Answers commands from now on, and ends the process when standard input ends.
pub(crate) fn watch(controlled: Controlled) -> Result<(), Error> {
    let spawned = std::thread::Builder::new().name("control".to_owned()).spawn(move || {
        obey(&controlled);
        leave();
    });
    spawned.map(|_| ()).map_err(Error::Control)
}

/// Returns when the parent is gone.
fn obey(controlled: &Controlled) {
    let mut input = std::io::stdin().lock();
    loop {
        // A new one each time: a long line is not to be held on to, since memory is looked at.
        let mut line = String::new();
        // A longer line is cut and refused.
        match (&mut input).take(MAX_SETUP_BYTES).read_line(&mut line) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) => return log::line(format_args!("standard input: {error}")),
        }
        let answer = match line.trim_end() {
            "stats" => stats(controlled),
            "anchor" => {
                controlled.stalls.iter().for_each(|stall| stall.anchor());
                serde_json::json!({ "anchored": controlled.stalls.len() })
            }
            other => match other.strip_prefix("rules ") {
                Some(rules) => match change(controlled, rules) {
                    Ok(route) => serde_json::json!({ "changed": route }),
                    Err(problem) => serde_json::json!({ "error": problem }),
                },
                None => serde_json::json!({ "error": format!("unknown command `{other}`") }),
            },
        };
        if let Err(error) = say(&answer) {
            return log::line(format_args!("standard output: {error}"));
        }
    }
}

fn stats(controlled: &Controlled) -> serde_json::Value {
    let all = controlled.counters.iter().map(|(route, counts)| (route.clone(), counts.take()));
    serde_json::to_value(Stats { stats: all.collect() }).expect("counts and texts are JSON")
}

/// Puts rules in the place of a route's; where they are none that can be asked, the old ones stay.
fn change(controlled: &Controlled, rules: &str) -> Result<String, String> {
    let NewRules { route, rules } =
        serde_json::from_str(rules).map_err(|error| format!("rules: {error}"))?;
    let in_force = controlled.rules.get(&route);
    in_force.ok_or_else(|| format!("rules: there is no route `{route}`"))?.set(rules.as_ref())?;
    Ok(route)
}

/// One line on standard output.
pub(crate) fn say(message: &impl serde::Serialize) -> std::io::Result<()> {
    let mut text = serde_json::to_string(message)?;
    text.push('\n');
    let mut output = std::io::stdout().lock();
    output.write_all(text.as_bytes())?;
    output.flush()
}

#[expect(
    clippy::exit,
    clippy::disallowed_methods,
    reason = "the parent is gone: the runtime may be wedged, and a subject has no guards to run"
)]
fn leave() -> ! {
    std::process::exit(0)
}
