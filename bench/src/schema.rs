//! The JSON Schemas of `run.json`, of a selftest and of a comparison of two runs, made from the types
//! that write them. Knows no file.

use schemars::{JsonSchema, schema_for};

use crate::across::Across;
use crate::record::RunRecord;
use crate::selftest::SelftestRecord;

/// The schema of `run.json`. The committed copy is `bench/schema/run.schema.json`, and a test keeps
/// it current.
#[must_use]
pub fn run_schema() -> String {
    text::<RunRecord>()
}

/// The schema of `loadgen selftest --output json`. The committed copy is
/// `bench/schema/selftest.schema.json`, and a test keeps it current.
#[must_use]
pub fn selftest_schema() -> String {
    text::<SelftestRecord>()
}

/// The schema of `loadgen compare --output json`. The committed copy is
/// `bench/schema/compare.schema.json`, and a test keeps it current.
#[must_use]
pub fn compare_schema() -> String {
    text::<Across>()
}

/// A document: pretty, keys in a fixed order, a newline at its end.
fn text<T: JsonSchema>() -> String {
    let schema = schema_for!(T);
    // Through a value, since its map keeps keys sorted whatever order the types give.
    let mut text = serde_json::to_string_pretty(&schema.to_value())
        .expect("a schema has only string keys and finite numbers");
    text.push('\n');
    text
}
