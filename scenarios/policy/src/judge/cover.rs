//! Whether one rule of authorization matches all that another matches. It answers yes only where
//! that is certain, and decides no request.

use std::collections::BTreeMap;

use super::cidr::Range;
use crate::authorization::{Condition, Match, Operation, Rule, Source};

/// Whether whatever has the second labels has the first.
pub(crate) fn selects_all(
    wide: &BTreeMap<String, String>,
    narrow: &BTreeMap<String, String>,
) -> bool {
    wide.iter().all(|(key, value)| narrow.get(key) == Some(value))
}

/// Whether a rule matches every request that another matches.
pub(crate) fn rule(wide: &Rule, narrow: &Rule) -> bool {
    let from = wide.from.is_empty()
        || !narrow.from.is_empty()
            && narrow
                .from
                .iter()
                .flatten()
                .all(|narrow| wide.from.iter().flatten().any(|wide| source(wide, narrow)));
    let to = wide.to.is_empty()
        || !narrow.to.is_empty()
            && narrow
                .to
                .iter()
                .flatten()
                .all(|narrow| wide.to.iter().flatten().any(|wide| operation(wide, narrow)));
    let when =
        wide.when.iter().all(|wide| narrow.when.iter().any(|narrow| condition(wide, narrow)));
    from && to && when
}

fn source(wide: &Source, narrow: &Source) -> bool {
    let pairs = wide.fields().into_iter().zip(narrow.fields());
    pairs.into_iter().all(|((name, wide), (_, narrow))| values(name, wide, narrow))
}

fn operation(wide: &Operation, narrow: &Operation) -> bool {
    let pairs = wide.fields().into_iter().zip(narrow.fields());
    pairs.into_iter().all(|((name, wide), (_, narrow))| values(name, wide, narrow))
}

fn condition(wide: &Condition, narrow: &Condition) -> bool {
    let name = if wide.key.ends_with(".ip") { "ipBlocks" } else { "values" };
    wide.key == narrow.key && values(name, &wide.matches, &narrow.matches)
}

fn values(name: &str, wide: &Match, narrow: &Match) -> bool {
    let covered = wide.values.is_empty()
        || !narrow.values.is_empty()
            && narrow
                .values
                .iter()
                .all(|narrow| wide.values.iter().any(|wide| value(name, &wide.text, &narrow.text)));
    // What the wide one leaves out, the narrow one must leave out as well.
    let left_out = wide
        .not_values
        .iter()
        .all(|wide| narrow.not_values.iter().any(|narrow| value(name, &narrow.text, &wide.text)));
    covered && left_out
}

fn value(name: &str, wide: &str, narrow: &str) -> bool {
    if wide == narrow || wide == "*" {
        return true;
    }
    if matches!(name, "ipBlocks" | "remoteIpBlocks") {
        let (wide, narrow) = (Range::parse(wide), Range::parse(narrow));
        return wide.zip(narrow).is_some_and(|(wide, narrow)| wide.holds(narrow));
    }
    // A template with braces is another language; only itself is certain.
    if name == "ports" || wide.contains('{') || narrow.contains('{') {
        return false;
    }
    match (wide.strip_suffix('*'), wide.strip_prefix('*')) {
        (Some(prefix), _) => narrow.starts_with(prefix),
        (None, Some(suffix)) => narrow.ends_with(suffix),
        (None, None) => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::authorization::Text;
    use crate::finding::Span;

    fn of(values: &[&str], not_values: &[&str]) -> Match {
        let text = |text: &&str| Text { text: (*text).to_owned(), span: Span::START };
        Match {
            values: values.iter().map(text).collect(),
            not_values: not_values.iter().map(text).collect(),
        }
    }

    #[test]
    fn a_list_covers_what_each_of_its_values_covers() {
        assert!(values("paths", &of(&["/a*"], &[]), &of(&["/a/b", "/ab*"], &[])));
        assert!(!values("paths", &of(&["/a*"], &[]), &of(&["/a", "/b"], &[])));
        assert!(values("paths", &of(&[], &[]), &of(&["/a"], &[])));
        assert!(!values("paths", &of(&["/a"], &[]), &of(&[], &[])), "no condition is every value");
        assert!(!values("paths", &of(&["*"], &["/x"]), &of(&["/a"], &[])));
        assert!(values("paths", &of(&[], &["/x"]), &of(&[], &["/x*"])));
        assert!(values("ipBlocks", &of(&["10.0.0.0/8"], &[]), &of(&["10.1.0.0/16"], &[])));
        assert!(!values("ports", &of(&["80"], &[]), &of(&["8080"], &[])));
        assert!(!values("paths", &of(&["/a/{*}"], &[]), &of(&["/a/b"], &[])));
    }
}
