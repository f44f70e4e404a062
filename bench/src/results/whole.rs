//! Writes a file whole or not at all: beside its place, to the disk, then renamed over it. Knows
//! nothing of what is written.

use std::ffi::OsString;
use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;

use super::error::FolderError;

/// After this returns `Ok` the file holds `bytes` and survives a power cut; after an error the file
/// is what it was before.
pub fn write_whole(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // In the same folder, since a rename is atomic only within one file system. One run has one
    // writer, so a fixed name is enough, and a left-over of a crash is overwritten.
    let mut beside = OsString::from(".");
    beside.push(path.file_name().unwrap_or_default());
    beside.push(".part");
    let part = path.with_file_name(beside);
    let result = write_and_sync(&part, bytes).and_then(|()| fs::rename(&part, path));
    if let Err(error) = result {
        // The first error is the one to tell; a part that can not be removed does no harm.
        let _ = fs::remove_file(&part);
        return Err(error);
    }
    sync_folder(path)
}

/// The same for a file of a run folder.
pub(super) fn write(path: &Path, bytes: &[u8]) -> Result<(), FolderError> {
    write_whole(path, bytes).map_err(|error| {
        let name = path.file_name().unwrap_or_default();
        FolderError::io(&format!("write {}", name.to_string_lossy()), path, error)
    })
}

fn write_and_sync(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = File::create(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

/// The rename itself is on the disk only once the folder is.
fn sync_folder(path: &Path) -> io::Result<()> {
    // A bare file name has the empty path for a parent, and means the current folder.
    let folder = path.parent().map(|folder| match folder.as_os_str().is_empty() {
        true => Path::new("."),
        false => folder,
    });
    match folder {
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
