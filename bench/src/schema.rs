//! The JSON Schema of `run.json`, made from the types that write it. Knows no file.

use crate::record::RunRecord;

/// The schema as a document: pretty, keys in a fixed order, a newline at its end. The committed
/// copy is `bench/schema/run.schema.json`, and a test keeps it current.
#[must_use]
pub fn run_schema() -> String {
    let schema = schemars::schema_for!(RunRecord);
    // Through a value, since its map keeps keys sorted whatever order the types give.
    let mut text = serde_json::to_string_pretty(&schema.to_value())
        .expect("a schema has only string keys and finite numbers");
    text.push('\n');
    text
}
