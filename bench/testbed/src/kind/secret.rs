//! What is in an agent's secret, as a manifest. It is handed to kubectl and shown to nobody.

use std::collections::BTreeMap;

use serde_json::json;

use super::workloads::{MADE_BY, NAMESPACE};
use super::yaml;

/// The file that an agent reads, as `workloads` mounts it.
const FILE: &str = "credentials";

/// The secret of that name, with an agent's credentials in it.
#[must_use]
pub fn secret(name: &str, credentials: &str) -> String {
    let labels = BTreeMap::from([MADE_BY]);
    yaml::document(&json!({
        "apiVersion": "v1",
        "kind": "Secret",
        "metadata": {"name": name, "namespace": NAMESPACE, "labels": labels},
        "stringData": {FILE: credentials},
    }))
}

/// A text in which no part of a secret is left, should a tool have repeated it.
#[must_use]
pub(super) fn without(text: &str, secret: &str) -> String {
    // Words that are long enough to be a part of a key; names and fields are shorter.
    const LONG: usize = 16;
    let inner = |c: char| c.is_ascii_alphanumeric() || matches!(c, '+' | '/' | '=');
    // An end of line that is written as two signs is no part of the word after it.
    let secret = secret.replace("\\n", "\n");
    let mut words: Vec<&str> =
        secret.split(|c| !inner(c)).filter(|word| word.len() >= LONG).collect();
    words.sort_by_key(|word| std::cmp::Reverse(word.len()));
    words.iter().fold(text.to_owned(), |text, word| text.replace(word, "[secret]"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_back_as_it_was_written_and_found_in_no_text() {
        let key = "MC4CAQAwBQYDK2VwBCIEIJ+abcdefghijklmnopqrstuvwxyz0123/w==";
        let document = format!("{{\"key\":\"-----BEGIN\\n{key}\\n-----END\"}}");
        let manifest = secret("agent-a", &document);
        let mut mistakes = policy::source::Mistakes::new("a secret");
        let documents = policy::source::documents(&manifest, &mut mistakes).unwrap();
        let held = documents[0].root.path("stringData.credentials").unwrap();
        assert_eq!(held.text(), Some(document.as_str()));
        let told = without(&format!("can not read {key} in agent-a"), &manifest);
        assert_eq!(told, "can not read [secret] in agent-a");
    }
}
