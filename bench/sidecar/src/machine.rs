//! What the process asks of the kernel for itself: cores, timers, descriptors.

use std::num::NonZeroU64;

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use rustix::thread::{CpuSet, sched_setaffinity, set_current_timer_slack};

use crate::error::Error;
use crate::log;

/// Runs on these cores only, with every thread started later; all cores when there are none.
pub(crate) fn pin(cores: &[usize]) -> Result<(), Error> {
    if cores.is_empty() {
        return Ok(());
    }
    let mut set = CpuSet::new();
    for core in cores {
        if *core >= CpuSet::MAX_CPU {
            return Err(Error::Unusable(format!("there is no core {core}")));
        }
        set.set(*core);
    }
    sched_setaffinity(None, &set)
        .map_err(|errno| Error::Pin { cores: cores.to_vec(), source: errno.into() })
}

/// The kernel may otherwise round a wake-up by 50 µs to save power.
pub(crate) fn fine_timers() {
    if let Err(errno) = set_current_timer_slack(NonZeroU64::new(1)) {
        log::line(format_args!("the timer slack stays as it is: {errno}"));
    }
}

/// A proxied connection takes two descriptors, more than the usual soft limit of 1024 allows.
pub(crate) fn raise_descriptor_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if let Err(errno) = setrlimit(Resource::Nofile, raised) {
        log::line(format_args!("the limit of open files stays at {:?}: {errno}", limit.current));
    }
}
