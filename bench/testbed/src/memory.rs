//! How much memory a process holds, as the kernel counts it in `/proc/PID/smaps_rollup`. What the
//! process is is not known here.

use std::fs;

/// Memory of one process at one moment, in bytes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Memory {
    /// Resident: every page that is mapped and there, shared ones in full. Several processes of one
    /// program count its text once each.
    pub rss_bytes: u64,
    /// Proportional: shared pages divided by how many share them. Adds up over processes.
    pub pss_bytes: u64,
    /// Pages that only this process has and that it has written to.
    pub private_dirty_bytes: u64,
}

/// Of that process; an error when it has ended, or is somebody else's.
pub fn of(process: u32) -> Result<Memory, String> {
    let path = format!("/proc/{process}/smaps_rollup");
    let text = fs::read_to_string(&path).map_err(|error| format!("{path}: {error}"))?;
    understood(&text).ok_or_else(|| format!("{path}: a line is missing among those it has"))
}

fn understood(text: &str) -> Option<Memory> {
    let bytes = |name: &str| {
        let line = text.lines().find_map(|line| line.strip_prefix(name))?;
        let kibibytes = line.trim().strip_suffix("kB")?.trim().parse::<u64>().ok()?;
        kibibytes.checked_mul(1024)
    };
    Some(Memory {
        rss_bytes: bytes("Rss:")?,
        pss_bytes: bytes("Pss:")?,
        private_dirty_bytes: bytes("Private_Dirty:")?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_kernels_lines_are_read() {
        let text = "55d0-7ffd ---p 00000000 00:00 0 [rollup]\nRss:    66560 kB\nPss:   40960 kB\n\
                    Pss_Dirty: 14336 kB\nPrivate_Dirty:     14336 kB\n";
        let memory = understood(text).unwrap();
        assert_eq!((memory.rss_bytes, memory.pss_bytes), (66560 << 10, 40960 << 10));
        assert_eq!(memory.private_dirty_bytes, 14336 << 10);
        assert_eq!(understood("Rss: 1 kB\nPss: many kB\n"), None);
    }

    #[test]
    fn this_process_holds_some_and_shares_some_of_it() {
        let memory = of(std::process::id()).unwrap();
        assert!(memory.pss_bytes > 0 && memory.pss_bytes <= memory.rss_bytes, "{memory:?}");
    }

    #[test]
    fn a_process_that_is_gone_is_an_error_that_names_it() {
        assert!(of(u32::MAX).unwrap_err().contains("4294967295"));
    }
}
