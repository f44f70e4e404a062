//! What a person sees while a run goes on: on a terminal a bar with the phase, the live p99 and
//! the time left; elsewhere a line a block. A listener like any other; writes no file.

use std::sync::Arc;
use std::time::Duration;

use bench::memory::MemoryReading;
use bench::report::figures;
use bench::seams::{Event, Sink, SinkError};
use bench::stopping::Look;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

use super::plan_text::minutes;
use crate::live::LiveView;
use crate::pace::MonotonicClock;

/// Takes a line where there is no terminal.
pub type Lines = Box<dyn FnMut(&str)>;

/// Shows a run on standard error.
pub struct Progress {
    bar: ProgressBar,
    /// Writes a line where there is no terminal.
    plain: Option<Lines>,
    takes: Duration,
    trial_takes: Duration,
    live: Arc<LiveView>,
    clock: MonotonicClock,
    ticker: Option<Ticker>,
    total: usize,
    /// Trials of a block as planned.
    a_block: u32,
    most_blocks: u32,
    finished: usize,
    /// Whether it was told that memory can not be read.
    unread_told: bool,
}

/// Redraws while a trial runs; ends when it is dropped.
struct Ticker {
    _stop: std::sync::mpsc::Sender<()>,
}

impl Progress {
    /// With `plain`, no bar is drawn, and lines go there.
    #[must_use]
    pub fn new(
        plain: Option<Lines>,
        takes: Duration,
        trial_takes: Duration,
        live: Arc<LiveView>,
    ) -> Self {
        let target = if plain.is_some() {
            ProgressDrawTarget::hidden()
        } else {
            ProgressDrawTarget::stderr_with_hz(8)
        };
        Self {
            bar: ProgressBar::with_draw_target(None, target),
            plain,
            takes,
            trial_takes,
            live,
            clock: MonotonicClock::start(),
            ticker: None,
            total: 0,
            a_block: 0,
            most_blocks: 0,
            finished: 0,
            unread_told: false,
        }
    }

    fn line(&mut self, text: &str) {
        if let Some(plain) = &mut self.plain {
            plain(text);
        }
    }

    /// The time left, by the plan at first and by what was seen later.
    fn time_left(&self) -> Duration {
        let seen = Duration::from_nanos(self.clock.now().0);
        if self.finished == 0 {
            return self.takes.saturating_sub(seen);
        }
        let finished = u32::try_from(self.finished).unwrap_or(u32::MAX);
        let left = u32::try_from(self.total.saturating_sub(self.finished)).unwrap_or(u32::MAX);
        seen / finished * left
    }

    fn started(&mut self, total: usize) {
        self.total = total;
        let style = ProgressStyle::with_template("{bar:24} {pos}/{len} trials · {msg}")
            .expect("a constant template is valid")
            .progress_chars("━━╌");
        self.bar.set_style(style);
        self.bar.set_length(u64::try_from(total).unwrap_or(u64::MAX));
        self.bar.set_message(format!("about {} left", minutes(self.takes)));
    }

    /// Says how far it is, and foresees the rest from it.
    fn looked(&mut self, look: &Look) {
        let line = look_text(look);
        self.bar.println(&line);
        self.line(&line);
        let most = self.most_blocks;
        let blocks = match look.ending {
            Some(_) => look.block,
            None => look.blocks_foreseen.unwrap_or(most).min(most),
        };
        let to_come = blocks.saturating_sub(look.block) * self.a_block;
        self.total = self.finished + usize::try_from(to_come).unwrap_or(usize::MAX);
        self.bar.set_length(u64::try_from(self.total).unwrap_or(u64::MAX));
    }

    /// What can not be read is told once, when it is met first.
    fn memory_read(&mut self, readings: &[MemoryReading]) {
        if let Some(MemoryReading { state, block, .. }) = readings.first() {
            self.bar.set_message(format!("block {block} · {state} read"));
        }
        let Some(reading) = readings.iter().find(|reading| reading.why_not.is_some()) else {
            return;
        };
        let why_not = reading.why_not.as_deref().unwrap_or_default();
        let line = format!("memory of the {} is not read: {why_not}", reading.sidecar);
        if !std::mem::replace(&mut self.unread_told, true) {
            self.bar.println(&line);
            self.line(&line);
        }
    }

    fn trial_started(&mut self, variant: &str, block: u32, repeat: bool) {
        // A repeat is one more than was planned.
        self.total += usize::from(repeat);
        self.bar.set_length(u64::try_from(self.total).unwrap_or(u64::MAX));
        if self.plain.is_some() {
            return;
        }
        let left = self.time_left();
        let (stop, stopped) = std::sync::mpsc::channel::<()>();
        let (bar, live) = (self.bar.clone(), Arc::clone(&self.live));
        let (variant, clock) = (variant.to_owned(), MonotonicClock::start());
        let trial_takes = self.trial_takes;
        std::thread::spawn(move || {
            // Four looks a second; the disconnect of the channel ends them.
            while stopped.recv_timeout(Duration::from_millis(250))
                == Err(std::sync::mpsc::RecvTimeoutError::Timeout)
            {
                let since = Duration::from_nanos(clock.now().0);
                let phase = if since < trial_takes { "measuring" } else { "draining" };
                let shown = live_text(&live);
                bar.set_message(format!(
                    "block {block} · {phase} {variant}{shown} · {} left",
                    minutes(left.saturating_sub(since))
                ));
            }
        });
        self.ticker = Some(Ticker { _stop: stop });
    }
}

/// What is furthest from the wished precision, and when it would be reached.
fn look_text(look: &Look) -> String {
    let Some(seen) = look.furthest() else { return format!("block {}", look.block) };
    let size = |us: Option<f64>| {
        us.map_or_else(|| "?".to_owned(), |us| format!("±{}", figures::micros(us)))
    };
    let foreseen = match (look.ending, look.blocks_foreseen) {
        (None, Some(blocks)) => format!("; about {blocks} blocks in all"),
        _ => String::new(),
    };
    format!(
        "block {}: {} at {} known to {}, {} wanted{foreseen}",
        look.block,
        seen.comparison,
        seen.quantile.label(),
        size(seen.reach_us),
        size(seen.wanted_us),
    )
}

#[expect(clippy::cast_precision_loss, reason = "a display of milliseconds")]
fn live_text(live: &LiveView) -> String {
    let counts = live.read();
    let lost = match counts.lost() {
        0 => String::new(),
        lost => format!(" · {lost} without an answer"),
    };
    let p99 = counts
        .quantile(0.99)
        .map_or(String::new(), |nanos| format!(" · p99 ≈ {:.2} ms", nanos as f64 / 1e6));
    format!("{p99}{lost}")
}

impl Sink for Progress {
    fn on(&mut self, event: &Event<'_>) -> Result<(), SinkError> {
        match event {
            Event::RunStarted(plan) => {
                self.a_block = u32::try_from(plan.variants.len()).unwrap_or(u32::MAX);
                self.most_blocks = u32::try_from(plan.blocks.len()).unwrap_or(u32::MAX);
                self.started(plan.trial_count());
            }
            Event::BlockStarted { block } => {
                self.bar.set_message(format!("block {block} · starting and proving"));
            }
            Event::Proven(proof) => {
                if !proof.holds() {
                    self.line(&format!("variant {}: its posture does not hold", proof.variant));
                }
            }
            Event::TrialStarted { spec, .. } => {
                let repeat = spec.position > self.a_block;
                self.trial_started(spec.variant.as_str(), spec.block, repeat);
            }
            Event::TrialFinished { record, admission, .. } => {
                self.ticker = None;
                self.finished += 1;
                self.bar.inc(1);
                if let Some(verdict) = admission.verdict() {
                    let line = format!("block {}, {}: {verdict}", record.block, record.variant);
                    self.bar.println(&line);
                    self.line(&line);
                }
                let an_eighth = (self.total / 8).max(1);
                if self.finished.is_multiple_of(an_eighth) || self.finished == self.total {
                    let left = minutes(self.time_left());
                    self.line(&format!("{}/{} trials, {left} left", self.finished, self.total));
                }
            }
            Event::MemoryRead(readings) => self.memory_read(readings),
            Event::Looked(look) => self.looked(look),
            Event::RunEnded => {
                self.ticker = None;
                self.bar.finish_and_clear();
            }
        }
        Ok(())
    }
}
