//! The response time as HdrHistogram's percentile table, as its Java class prints it and its plotter
//! reads it: five steps for each halving, in milliseconds. Requests without an answer stand at
//! their age. Knows no other figure.

use std::fmt::Write;

use bench::histogram::DIGITS;

use crate::drive::measured::Measured;
use crate::drive::sample::Sample;

/// Steps until the distance to 100 % is halved.
const TICKS: u32 = 5;
const NS_PER_MS: f64 = 1e6;

/// The table.
pub(super) fn render(measured: &Measured) -> String {
    let digits = usize::from(DIGITS);
    let sample = Sample::of_responses(&measured.latencies);
    let histogram = sample.at_ages();
    let mut text = format!(
        "{:>12} {:>14} {:>10} {:>14}\n\n",
        "Value", "Percentile", "TotalCount", "1/(1-Percentile)"
    );
    for step in histogram.quantile_steps(TICKS) {
        let value = step.nanos as f64 / NS_PER_MS;
        let quantile = step.quantile;
        // Java rounds halves up, and most steps end in a half of the last digit.
        let rounded = (quantile + 1e-14).min(1.0);
        // Writing to a string can not fail.
        let _ = write!(text, "{value:>12.digits$} {rounded:.12} {:>10}", step.counted);
        if quantile < 1.0 {
            let _ = write!(text, " {:>14.2}", 1.0 / (1.0 - quantile));
        }
        text.push('\n');
    }
    let ms = |nanos: Option<f64>| nanos.unwrap_or(0.0) / NS_PER_MS;
    let max = ms(histogram.max().map(|nanos| nanos as f64));
    let (buckets, sub_buckets) = histogram.shape();
    let _ = writeln!(
        text,
        "#[Mean    = {:>12.digits$}, StdDeviation   = {:>12.digits$}]",
        ms(histogram.mean()),
        ms(histogram.std_dev()),
    );
    let _ = writeln!(
        text,
        "#[Max     = {max:>12.digits$}, Total count    = {:>12}]",
        histogram.count()
    );
    let _ = writeln!(text, "#[Buckets = {buckets:>12}, SubBuckets     = {sub_buckets:>12}]");
    text
}
