//! A folder that only this user can read, for the sockets, keys and configurations of one block's
//! Envoys. It goes with its guard; one that a killed run left is removed by the next run.

use std::fs::{self, File};
use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};

use tempfile::TempDir;

const PREFIX: &str = "loadgen-envoy-";
const LOCK: &str = "lock";

/// The folder. Dropping it removes it with all that is in it.
#[derive(Debug)]
pub(super) struct Folder {
    folder: TempDir,
    /// Locked as long as its owner lives, however that ends.
    _lock: File,
}

impl Folder {
    /// Makes one, after removing those of which the owner is gone.
    pub(super) fn new() -> io::Result<Self> {
        let place = std::env::temp_dir();
        remove_abandoned(&place);
        Self::within(&place)
    }

    fn within(place: &Path) -> io::Result<Self> {
        let owners_only = fs::Permissions::from_mode(0o700);
        let folder =
            tempfile::Builder::new().prefix(PREFIX).permissions(owners_only).tempdir_in(place)?;
        // Locked under another name first: whoever finds the lock finds it locked.
        let unlocked = folder.path().join("unlocked");
        let lock = File::create(&unlocked)?;
        lock.try_lock()?;
        fs::rename(unlocked, folder.path().join(LOCK))?;
        Ok(Self { folder, _lock: lock })
    }

    pub(super) fn file(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }
}

/// Nobody waits for this, and what can not be removed stays.
fn remove_abandoned(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        if !entry.file_name().to_string_lossy().starts_with(PREFIX) {
            continue;
        }
        if let Ok(lock) = File::open(entry.path().join(LOCK))
            && lock.try_lock().is_ok()
        {
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_folder_is_its_owners_and_goes_with_its_guard() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::within(place.path()).unwrap();
        let path = folder.file("x").parent().unwrap().to_owned();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn only_folders_without_an_owner_are_removed() {
        let place = tempfile::tempdir().unwrap();
        let owned = Folder::within(place.path()).unwrap();
        let [abandoned, new, other] =
            ["loadgen-envoy-1", "loadgen-envoy-2", "other"].map(|name| place.path().join(name));
        for path in [&abandoned, &new, &other] {
            fs::create_dir(path).unwrap();
        }
        for path in [&abandoned, &other] {
            File::create(path.join(LOCK)).unwrap();
        }
        remove_abandoned(place.path());
        let there = [&abandoned, &new, &other].map(|path| path.exists());
        assert_eq!(there, [false, true, true]);
        assert!(owned.file(LOCK).exists());
    }
}
