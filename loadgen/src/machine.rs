//! What the generator asks of the machine: a core of its own, and what it used of it.

use std::time::Duration;

use rustix::process::{Resource, Rlimit, getrlimit, setpriority_process, setrlimit};
use rustix::thread::CpuSet;
use rustix::time::{ClockId, clock_gettime};

/// Keeps this thread on these cores; an empty list leaves it alone. Returns whether it is so.
#[must_use]
pub fn pin(cores: &[usize]) -> bool {
    if cores.is_empty() || cores.iter().any(|core| *core >= CpuSet::MAX_CPU) {
        return false;
    }
    let mut set = CpuSet::new();
    for core in cores {
        set.set(*core);
    }
    rustix::thread::sched_setaffinity(None, &set).is_ok()
}

/// Cores that the machine runs on, those included that this process may not use; 0 where /sys does
/// not say.
#[must_use]
pub fn online_cores() -> usize {
    let text = std::fs::read_to_string("/sys/devices/system/cpu/online").unwrap_or_default();
    count_of(&text)
}

/// How many a list such as `0-3,6` names.
fn count_of(list: &str) -> usize {
    let count = |range: &str| -> Option<usize> {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        let (first, last): (usize, usize) = (first.parse().ok()?, last.parse().ok()?);
        (last + 1).checked_sub(first)
    };
    list.trim().split(',').filter_map(count).sum()
}

/// Lets other threads go before this one. Refusal is not an error: it is only less polite.
pub fn give_way() {
    // On Linux niceness is a thread's, and no id is the caller's (setpriority(2)).
    let _ = setpriority_process(None, 19);
}

/// CPU time that this thread has used.
#[must_use]
pub fn thread_cpu_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::try_from(time).unwrap_or_default()
}

/// How many files this process may have open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenFiles {
    /// Now.
    pub soft: u64,
    /// At most, without asking an administrator.
    pub hard: u64,
}

/// Reads the limits.
#[must_use]
pub fn open_files() -> OpenFiles {
    let limits = getrlimit(Resource::Nofile);
    OpenFiles { soft: limits.current.unwrap_or(u64::MAX), hard: limits.maximum.unwrap_or(u64::MAX) }
}

/// Raises the soft limit to the hard one. Refusal is not an error: connections that find no
/// descriptor say so themselves.
pub fn raise_open_files() {
    let limits = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limits.maximum, maximum: limits.maximum };
    let _ = setrlimit(Resource::Nofile, raised);
}

/// The largest resident set of this process so far, in bytes; 0 where /proc does not say.
#[must_use]
pub fn largest_resident_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap_or_default();
    let kib: u64 = line.trim().trim_end_matches(" kB").parse().unwrap_or(0);
    kib * 1024
}

/// Time that the hypervisor took from all cores since boot, and all time, in clock ticks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct StealTicks {
    stolen: u64,
    all: u64,
}

impl StealTicks {
    /// From `/proc/stat`; zeros where there is none.
    #[must_use]
    pub fn read() -> Self {
        std::fs::read_to_string("/proc/stat").map(|text| Self::parse(&text)).unwrap_or_default()
    }

    /// The first line is `cpu user nice system idle iowait irq softirq steal guest guest_nice`
    /// (proc_stat(5)); guest time is contained in user time.
    fn parse(text: &str) -> Self {
        let line = text.lines().next().unwrap_or_default();
        let ticks: Vec<u64> =
            line.split_ascii_whitespace().skip(1).filter_map(|word| word.parse().ok()).collect();
        Self { stolen: ticks.get(7).copied().unwrap_or(0), all: ticks.iter().take(8).sum() }
    }

    /// Stolen share of the time since `earlier`, 0 to 100.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "ticks of one trial are few")]
    pub fn percent_since(self, earlier: Self) -> f64 {
        let all = self.all.saturating_sub(earlier.all);
        let stolen = self.stolen.saturating_sub(earlier.stolen);
        if all == 0 { 0.0 } else { 100.0 * stolen as f64 / all as f64 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn cores_are_counted_in_ranges_and_singly() {
        assert_eq!(count_of("0-3,6,8-9\n"), 7);
        assert_eq!(count_of("0\n"), 1);
        assert_eq!(count_of(""), 0);
    }

    #[test]
    fn steal_is_the_eighth_figure_of_the_first_line() {
        let before = StealTicks::parse("cpu  10 0 10 70 0 0 0 10 0 0\ncpu0 1 2 3\n");
        let after = StealTicks::parse("cpu  20 0 20 140 0 0 0 20 5 0\n");
        assert_eq!(before, StealTicks { stolen: 10, all: 100 });
        assert!((after.percent_since(before) - 10.0).abs() < 1e-9);
    }
}
