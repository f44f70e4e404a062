//! `loadgen report`: a run, rendered again from its folder.

use std::io::ErrorKind;
use std::path::Path;

use bench::report::terminal::{self, Style};
use bench::results::{FolderError, PAGE_FILE, REPORT_FILE, RunFolder, render};

use super::exit::Failure;

/// Writes report and charts again and returns the table.
pub fn report(run_dir: &Path, style: Style) -> Result<String, Failure> {
    let folder = RunFolder::open(run_dir).map_err(failure)?;
    let report = render(&folder).map_err(failure)?;
    let paths = [
        format!("report   {}", run_dir.join(REPORT_FILE).display()),
        format!("page     {}", run_dir.join(PAGE_FILE).display()),
    ];
    Ok(terminal::render(&report, style, &paths))
}

/// A folder that is not there or not a run was named wrongly; anything else went wrong here.
pub(super) fn failure(error: FolderError) -> Failure {
    match error.kind {
        ErrorKind::NotFound | ErrorKind::InvalidData | ErrorKind::NotADirectory => {
            Failure::Usage(error.to_string())
        }
        _ => Failure::Internal(error.to_string()),
    }
}
