//! What a person sees while a drive goes on: a few lines on standard error that are drawn anew five
//! times a second and taken away at the end, so that what was printed before stays and the summary
//! follows it.
//!
//! Nothing of the terminal's modes is changed and it is asked for nothing but its size: Ctrl-C goes
//! where it always goes, nothing that is typed is taken, and however the process ends there is
//! nothing to set right.
//!
//! ```text
//! live::LiveView ─► history ─► snapshot ─► draw ─► paint ─► standard error
//! ```

mod draw;
mod history;
mod paint;
mod snapshot;
#[cfg(test)]
mod tests;

use std::io::Write;
use std::sync::Arc;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

use bench::report::terminal::Style;
use rustix::termios::tcgetwinsize;
use testbed::provenance::allowed_cores;

use self::draw::{HEIGHT, draw};
use self::history::History;
use self::paint::{clear, frame};
use crate::drive::measured::Asked;
use crate::drive::run::Stand;
use crate::live::LiveView;
use crate::machine::{give_way, pin};
use crate::pace::MonotonicClock;

/// Between two looks.
const EVERY: Duration = Duration::from_millis(200);

/// The lines on the terminal, until it is dropped.
#[derive(Debug)]
pub struct LiveScreen {
    /// Its end is what the thread waits for.
    end: Option<Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl LiveScreen {
    /// Shows what the drive's workers write into `live`. `None` when standard error has no size, and
    /// so is no terminal, or when there is no thread to be had: the drive goes on without.
    #[must_use]
    pub fn start(live: &Arc<LiveView>, asked: &Asked, style: Style) -> Option<Self> {
        size()?;
        let taken = Stand::of(asked.workers).cores;
        let free: Vec<usize> =
            allowed_cores().into_iter().filter(|core| !taken.contains(core)).collect();
        let (live, history) = (Arc::clone(live), History::new(asked));
        let (end, ended) = channel();
        let thread = std::thread::Builder::new().name("live view".to_owned()).spawn(move || {
            // Where there is no other core the workers go first.
            let _ = pin(&free);
            give_way();
            show(&live, history, style, &ended);
        });
        Some(Self { end: Some(end), thread: Some(thread.ok()?) })
    }

    /// Takes the lines away; returns when they are gone.
    pub fn end(self) {
        drop(self);
    }
}

impl Drop for LiveScreen {
    fn drop(&mut self) {
        self.end = None;
        if let Some(thread) = self.thread.take() {
            // That the display failed is no reason to lose a measurement.
            let _ = thread.join();
        }
    }
}

fn show(live: &LiveView, mut history: History, style: Style, ended: &Receiver<()>) {
    let clock = MonotonicClock::start();
    let mut wait = Duration::ZERO;
    while ended.recv_timeout(wait) == Err(RecvTimeoutError::Timeout) {
        wait = EVERY;
        let snapshot = history.look(Duration::from_nanos(clock.now().0), live.read());
        // Asked for each time, since the window may have changed.
        if let Some((columns, rows)) = size() {
            let rows = rows.saturating_sub(1).min(HEIGHT);
            tell(&frame(&draw(&snapshot, columns.saturating_sub(1)), rows, style));
        }
    }
    tell(clear());
}

/// Columns and rows; `None` when they are not known.
fn size() -> Option<(u16, u16)> {
    let size = tcgetwinsize(std::io::stderr()).ok()?;
    (size.ws_col > 1 && size.ws_row > 1).then_some((size.ws_col, size.ws_row))
}

/// All at once, so that nothing else comes between. A standard error that is closed or full is no
/// reason to lose a measurement.
fn tell(text: &str) {
    let mut terminal = std::io::stderr().lock();
    let _ = terminal.write_all(text.as_bytes()).and_then(|()| terminal.flush());
}
