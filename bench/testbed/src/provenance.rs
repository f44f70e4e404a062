//! What kind of machine this is and which cores do what, as far as /proc and /sys tell. What is not
//! told is called `unknown` and not guessed.

use std::collections::BTreeSet;
use std::fs;
use std::io::ErrorKind;

use bench::record::Placement;
use rustix::thread::{CpuSet, sched_getaffinity};

const UNKNOWN: &str = "unknown";

/// The machine, for `bench::record::Provenance`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Machine {
    /// As `uname -sr`.
    pub kernel: String,
    /// The processor's name.
    pub cpu: String,
    /// Cores that this process may use.
    pub cores: Vec<usize>,
    /// Bytes of memory; 0 when unknown.
    pub memory_bytes: u64,
    /// The frequency governor, several with commas; `none` where there is none.
    pub governor: String,
    /// Whether the processor says that it is a virtual machine's.
    pub virtual_machine: bool,
}

/// Reads it.
#[must_use]
pub fn machine() -> Machine {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let cpuinfo = read("/proc/cpuinfo");
    let cores = allowed_cores();
    Machine {
        kernel: kernel(&read("/proc/sys/kernel/ostype"), &read("/proc/sys/kernel/osrelease")),
        cpu: field(&cpuinfo, "model name").unwrap_or(UNKNOWN).to_owned(),
        memory_bytes: memory_bytes(&read("/proc/meminfo")),
        governor: governor(&cores),
        virtual_machine: has_hypervisor(&cpuinfo),
        cores,
    }
}

/// Cores that this process may use, in order; empty when the kernel does not say.
#[must_use]
pub fn allowed_cores() -> Vec<usize> {
    let Ok(set) = sched_getaffinity(None) else { return Vec::new() };
    (0..CpuSet::MAX_CPU).filter(|core| set.is_set(*core)).collect()
}

/// With two cores or more the last is the generator's and the others are the subject's, so that
/// neither takes time from the other. One core is shared, which the record says. None: nothing is
/// pinned, and whatever runs where is shared.
#[must_use]
pub fn placement(cores: &[usize]) -> Placement {
    match cores {
        [] => Placement { generator: Vec::new(), subject: Vec::new(), shared: true },
        [only] => Placement { generator: vec![*only], subject: vec![*only], shared: true },
        [subject @ .., generator] => {
            Placement { generator: vec![*generator], subject: subject.to_vec(), shared: false }
        }
    }
}

fn kernel(ostype: &str, release: &str) -> String {
    match (ostype.trim(), release.trim()) {
        ("", _) | (_, "") => UNKNOWN.to_owned(),
        (ostype, release) => format!("{ostype} {release}"),
    }
}

/// The value of the first line with that name in a file of `name : value` lines.
fn field<'t>(text: &'t str, name: &str) -> Option<&'t str> {
    let mut pairs = text.lines().filter_map(|line| line.split_once(':'));
    let (_, value) = pairs.find(|(key, _)| key.trim() == name)?;
    Some(value.trim()).filter(|value| !value.is_empty())
}

fn memory_bytes(meminfo: &str) -> u64 {
    let kibibytes = field(meminfo, "MemTotal")
        .and_then(|value| value.strip_suffix("kB"))
        .and_then(|number| number.trim().parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

fn has_hypervisor(cpuinfo: &str) -> bool {
    let flags = field(cpuinfo, "flags").unwrap_or_default();
    flags.split_whitespace().any(|flag| flag == "hypervisor")
}

fn governor(cores: &[usize]) -> String {
    let mut found = BTreeSet::new();
    for core in cores {
        let path = format!("/sys/devices/system/cpu/cpu{core}/cpufreq/scaling_governor");
        found.insert(match fs::read_to_string(path) {
            Ok(text) => text.trim().to_owned(),
            Err(error) if error.kind() == ErrorKind::NotFound => "none".to_owned(),
            Err(_) => UNKNOWN.to_owned(),
        });
    }
    if found.is_empty() {
        return UNKNOWN.to_owned();
    }
    found.into_iter().collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const CPUINFO: &str =
        "processor\t: 0\nmodel name\t: A CPU @ 2 GHz\nflags\t\t: fpu hypervisor\n";

    #[test]
    fn the_last_core_is_the_generators_and_the_rest_are_the_subjects() {
        let placed = placement(&[0, 2, 5]);
        assert_eq!((placed.generator, placed.subject, placed.shared), (vec![5], vec![0, 2], false));
    }

    #[test]
    fn one_core_or_none_known_is_called_shared() {
        let placed = placement(&[3]);
        assert_eq!((placed.generator, placed.subject, placed.shared), (vec![3], vec![3], true));
        assert!(placement(&[]).shared);
    }

    #[test]
    fn a_machine_is_read_from_the_kernels_files() {
        assert_eq!(field(CPUINFO, "model name"), Some("A CPU @ 2 GHz"));
        assert!(has_hypervisor(CPUINFO));
        assert!(!has_hypervisor("flags : fpu nohypervisor\n"));
        assert_eq!(memory_bytes("MemTotal:        2048 kB\n"), 2048 * 1024);
        assert_eq!(kernel("Linux\n", "6.1.0\n"), "Linux 6.1.0");
    }

    #[test]
    fn what_the_kernel_does_not_say_is_unknown() {
        assert_eq!(field("", "model name"), None);
        assert_eq!(memory_bytes("MemTotal: many\n"), 0);
        assert_eq!(kernel("", ""), "unknown");
        assert!(!has_hypervisor(""));
    }

    #[test]
    fn this_machine_has_a_core_to_run_on() {
        assert!(!machine().cores.is_empty());
    }
}
