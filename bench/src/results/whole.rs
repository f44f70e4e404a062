//! Writes a file whole or not at all: beside its place, to the disk, then renamed over it. Knows
//! nothing of what is written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::error::FolderError;

/// After this returns `Ok` the file holds `bytes` and survives a power cut; after an error the file
/// is what it was before.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    let name = path.file_name().unwrap_or_default();
    let what = format!("write {}", name.to_string_lossy());
    // In the same folder, since a rename is atomic only within one file system. One run has one
    // writer, so a fixed name is enough, and a left-over of a crash is overwritten.
    let mut beside = OsString::from(".");
    beside.push(name);
    beside.push(".part");
    let part = path.with_file_name(beside);
    let result = write_and_sync(&part, bytes).and_then(|()| fs::rename(&part, path));
    if let Err(error) = result {
        // The first error is the one to tell; a part that can not be removed does no harm.
        let _ = fs::remove_file(&part);
        return Err(FolderError::io(&what, path, error));
    }
    sync_folder(path).map_err(|error| FolderError::io(&what, path, error))
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The rename itself is on the disk only once the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    match path.parent() {
        Some(folder) => match File::open(folder)?.sync_all() {
            // Some network file systems can not sync a folder; the file itself is safe by then.
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::InvalidInput | io::ErrorKind::Unsupported
                ) =>
            {
                Ok(())
            }
            other => other,
        },
        None => Ok(()),
    }
}
