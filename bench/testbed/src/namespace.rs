//! Network namespaces that go with this process: each is held by an open file and by what runs in
//! it, and has no name that could outlive them. Which there are, and how they are joined, is not
//! known here.

use std::fs::{self, File};
use std::io;
use std::os::fd::{AsFd, AsRawFd};
use std::path::PathBuf;
use std::thread;

use rustix::io::Errno;
use rustix::process::{getegid, geteuid};
use rustix::thread::{LinkNameSpaceType, UnshareFlags, move_into_link_name_space};

/// A network namespace. When it is dropped, and nothing runs in it, the kernel removes it with its
/// interfaces and rules.
#[derive(Debug)]
pub struct Namespace(File);

impl Namespace {
    /// A new one, in which even the loopback is still down.
    pub fn fresh() -> io::Result<Self> {
        on_a_thread(|| {
            leave(UnshareFlags::NEWNET)?;
            File::open("/proc/thread-self/ns/net").map(Self)
        })?
    }

    /// The same one, held once more.
    pub fn try_clone(&self) -> io::Result<Self> {
        self.0.try_clone().map(Self)
    }

    /// Where programs find it as long as this process lives.
    #[must_use]
    pub fn path(&self) -> PathBuf {
        format!("/proc/{}/fd/{}", std::process::id(), self.0.as_raw_fd()).into()
    }

    /// Brings this thread into it, and all that it starts from now on.
    pub fn enter(&self) -> io::Result<()> {
        move_into_link_name_space(self.0.as_fd(), Some(LinkNameSpaceType::Network))?;
        Ok(())
    }

    /// Does something in it, on a thread of its own. What is started there stays there.
    pub fn within<T: Send>(&self, job: impl FnOnce() -> T + Send) -> io::Result<T> {
        on_a_thread(|| self.enter().map(|()| job()))?
    }
}

fn on_a_thread<T: Send>(job: impl FnOnce() -> T + Send) -> io::Result<T> {
    thread::scope(|scope| {
        let thread =
            thread::Builder::new().name("namespace".to_owned()).spawn_scoped(scope, job)?;
        thread.join().map_err(|_| io::Error::other("the thread in the namespace panicked"))
    })
}

/// Brings this process into a network namespace of its own, and who may not do that also into a
/// user namespace in which it may. There is no way back. Must be called before another thread is
/// started: those that were would stay behind.
pub fn move_apart() -> io::Result<()> {
    match leave(UnshareFlags::NEWNET) {
        Err(Errno::PERM) => {}
        done => return done.map_err(Into::into),
    }
    let (user, group) = (geteuid().as_raw(), getegid().as_raw());
    leave(UnshareFlags::NEWUSER | UnshareFlags::NEWNET)?;
    // Who maps a group must first give up changing groups.
    fs::write("/proc/self/setgroups", "deny")?;
    fs::write("/proc/self/uid_map", format!("0 {user} 1"))?;
    fs::write("/proc/self/gid_map", format!("0 {group} 1"))
}

#[expect(
    deprecated,
    reason = "the form that is to be used is unsafe, for a table of descriptors that is left; only \
              namespaces are left here"
)]
fn leave(what: UnshareFlags) -> Result<(), Errno> {
    debug_assert!(!what.contains(UnshareFlags::FILES));
    rustix::thread::unshare(what)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_done_in_a_namespace_is_done_there_and_nowhere_else() {
        let namespace = match Namespace::fresh() {
            Ok(namespace) => namespace,
            Err(error) => return eprintln!("skipped: no namespace can be made here: {error}"),
        };
        let here = || fs::read_link("/proc/thread-self/ns/net").unwrap();
        let before = here();
        let there = namespace.within(here).unwrap();
        assert_ne!(there, before);
        assert_eq!(here(), before);
        assert_eq!(namespace.try_clone().unwrap().within(here).unwrap(), there);
        assert_eq!(fs::read_link(namespace.path()).unwrap(), there);
        // Only the loopback is there.
        let devices = namespace.within(|| fs::read_to_string("/proc/thread-self/net/dev")).unwrap();
        assert_eq!(devices.unwrap().lines().skip(2).count(), 1);
    }
}
