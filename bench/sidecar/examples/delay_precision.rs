//! How exact planted delays are on this machine: `delay_precision [asked microseconds]`, then how
//! late each of 2000 sleeps ended. A tool, not a test: the figures are the machine's.

use std::io::Write;
use std::time::Duration;

use sidecar::clock;
use sidecar::delay::Sleeper;

const ROUNDS: usize = 2000;

fn main() -> std::io::Result<()> {
    let micros = std::env::args().nth(1).and_then(|text| text.parse().ok()).unwrap_or(1000);
    let asked = Duration::from_micros(micros);
    // As in the subject, whose processes set it at the start.
    rustix::thread::set_current_timer_slack(std::num::NonZeroU64::new(1))?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let mut late = runtime.block_on(async {
        let mut sleeper = Sleeper::default();
        let mut late = Vec::with_capacity(ROUNDS);
        for _ in 0..ROUNDS {
            let deadline = clock::now().plus(asked);
            sleeper.until(deadline).await?;
            late.push(clock::now().0 - deadline.0);
        }
        std::io::Result::Ok(late)
    })?;
    late.sort_unstable();
    let at = |per_mille: usize| late[(ROUNDS - 1) * per_mille / 1000];
    writeln!(
        std::io::stdout(),
        "asked {micros} us; late in ns: p50 {}, p90 {}, p99 {}, p999 {}, max {}",
        at(500),
        at(900),
        at(990),
        at(999),
        at(1000),
    )
}
