//! Values written as YAML that a person can read: blocks, two spaces, quotes where a reader could take
//! text for something else. Knows nothing of what is written.

use serde::Serialize;
use serde_json::Value;

/// One document, without its `---`.
///
/// # Panics
///
/// For a value with keys that are not text, which no type here has.
#[must_use]
pub(super) fn document(value: &impl Serialize) -> String {
    let value = serde_json::to_value(value).expect("keys are text and numbers are finite");
    let mut out = String::new();
    block(&mut out, &value, 0);
    out
}

/// Several documents, one after another.
#[must_use]
pub(super) fn documents(texts: &[String]) -> String {
    texts.join("---\n")
}

fn block(out: &mut String, value: &Value, indent: usize) {
    let lead = " ".repeat(indent);
    match value {
        Value::Object(members) if !members.is_empty() => {
            for (key, member) in members {
                out.push_str(&format!("{lead}{}:", plain_or_quoted(key)));
                member_of(out, member, indent + 2);
            }
        }
        Value::Array(items) if !items.is_empty() => {
            for item in items {
                let mut inner = String::new();
                block(&mut inner, item, indent + 2);
                // The first line of an item stands beside its dash.
                out.push_str(&format!("{lead}- {}", inner.trim_start_matches(' ')));
            }
        }
        scalar => out.push_str(&format!("{lead}{}\n", inline(scalar))),
    }
}

fn member_of(out: &mut String, value: &Value, indent: usize) {
    let nested = match value {
        Value::Object(members) => !members.is_empty(),
        Value::Array(items) => !items.is_empty(),
        _ => false,
    };
    if nested {
        out.push('\n');
        block(out, value, indent);
    } else {
        out.push_str(&format!(" {}\n", inline(value)));
    }
}

fn inline(value: &Value) -> String {
    match value {
        Value::String(text) => plain_or_quoted(text),
        // Empty maps and lists, numbers, booleans and null are the same in YAML as in JSON.
        other => other.to_string(),
    }
}

/// Plain where every reader of YAML 1.1 and 1.2 takes it for text, else in JSON's quotes, which YAML has too.
fn plain_or_quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '_' | '.' | '/');
    let words = ["true", "false", "yes", "no", "on", "off", "null", "y", "n"];
    let begins = text.starts_with(|c: char| c.is_ascii_alphabetic());
    if begins && text.chars().all(plain) && !words.contains(&text.to_ascii_lowercase().as_str()) {
        return text.to_owned();
    }
    Value::String(text.to_owned()).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn nested_values_are_blocks_and_doubtful_text_is_quoted() {
        let value = json!({
            "list": [{"name": "a", "value": "1"}, "on", ["x", 2]],
            "map": {"a.b/c": true, "empty": {}, "none": null},
            "8080": "a: b",
        });
        let expected = "\"8080\": \"a: b\"\nlist:\n  - name: a\n    value: \"1\"\n  - \"on\"\n  \
                        - - x\n    - 2\nmap:\n  a.b/c: true\n  empty: {}\n  none: null\n";
        assert_eq!(document(&value), expected);
    }
}
