//! A finished or interrupted run, rendered from its folder: the same folder gives the same bytes.
//! Formats are the report's; names and the disk are known here.

use super::{CHARTS, FolderError, PAGE_FILE, REPORT_FILE, RunFolder};
use crate::analysis::conclude;
use crate::report::charts::{self, ChartError};
use crate::report::model::Report;
use crate::report::{markdown, page};

/// Reads the folder into a report without writing anything. A run that was killed has trials and
/// no comparisons yet: they are derived here as the end of the run would have.
pub fn replay(folder: &RunFolder) -> Result<Report, FolderError> {
    let mut run = folder.load()?;
    if run.record.comparisons.is_empty() {
        conclude(&mut run.record);
    }
    Ok(Report::of(&run.record, &run.latencies))
}

/// Writes `report.md`, `report.html` and the charts as SVG and PNG, from what is on the disk, and
/// returns the report for the terminal. Nothing here depends on the time or the machine, so rendering
/// again gives the same bytes.
pub fn render(folder: &RunFolder) -> Result<Report, FolderError> {
    let report = replay(folder)?;
    // The text first: when the disk is full it is worth more than the pictures.
    folder.write_file(REPORT_FILE, markdown::render(&report).as_bytes())?;
    folder.write_file(PAGE_FILE, page::render(&report).as_bytes())?;
    for chart in charts::all(&report) {
        let svg = format!("{CHARTS}/{}.svg", chart.name);
        folder.write_file(&svg, chart.svg.as_bytes())?;
        let png = format!("{CHARTS}/{}.png", chart.name);
        let bytes = charts::png(&chart.svg).map_err(|error| undrawable(folder, &png, &error))?;
        folder.write_file(&png, &bytes)?;
    }
    Ok(report)
}

fn undrawable(folder: &RunFolder, name: &str, error: &ChartError) -> FolderError {
    FolderError::io(
        "draw a chart",
        &folder.path().join(name),
        std::io::Error::other(error.to_string()),
    )
}
