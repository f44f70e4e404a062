//! Keeps cores from sleeping. An idle core of a virtual machine is handed to others by the
//! hypervisor, and on real hardware it falls into states that it takes long to leave; either way
//! the next request meets a core that is not there yet. A thread of the kernel's idle class spins
//! on each core: it runs only when nothing else wants to, and gives way at once (sched(7)).

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;

use thread_priority::{
    NormalThreadSchedulePolicy, ThreadPriority, ThreadSchedulePolicy,
    set_thread_priority_and_policy, thread_native_id,
};

use crate::machine::pin;

/// Cores that are kept awake until this is dropped.
#[derive(Debug)]
pub struct Awake {
    done: Arc<AtomicBool>,
    threads: Vec<JoinHandle<bool>>,
}

impl Awake {
    /// Keeps each of the cores awake. A thread that can not be given the idle class, or its core,
    /// ends at once instead of taking time from the subject.
    #[must_use]
    pub fn keep(cores: &[usize]) -> Self {
        let done = Arc::new(AtomicBool::new(false));
        let threads = cores
            .iter()
            .map(|core| {
                let (core, done) = (*core, Arc::clone(&done));
                std::thread::spawn(move || {
                    let ready = pin(&[core]) && give_way();
                    while ready && !done.load(Ordering::Relaxed) {
                        std::hint::spin_loop();
                    }
                    ready
                })
            })
            .collect();
        Self { done, threads }
    }

    /// Ends it. Returns how many cores were kept awake.
    #[must_use]
    pub fn end(mut self) -> usize {
        self.done.store(true, Ordering::Relaxed);
        std::mem::take(&mut self.threads)
            .into_iter()
            .filter_map(|thread| thread.join().ok())
            .filter(|ready| *ready)
            .count()
    }
}

impl Drop for Awake {
    fn drop(&mut self) {
        self.done.store(true, Ordering::Relaxed);
    }
}

/// Puts this thread into the idle class. Returns whether it is there.
fn give_way() -> bool {
    let idle = ThreadSchedulePolicy::Normal(NormalThreadSchedulePolicy::Idle);
    set_thread_priority_and_policy(thread_native_id(), ThreadPriority::Min, idle).is_ok()
        && thread_priority::thread_schedule_policy().is_ok_and(|policy| policy == idle)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cores_of_this_machine_can_be_kept_awake_and_let_go() {
        let cores = testbed::provenance::allowed_cores();
        let awake = Awake::keep(&cores[..1]);
        std::thread::sleep(std::time::Duration::from_millis(20));
        assert_eq!(awake.end(), 1);
    }
}
