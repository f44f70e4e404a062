//! A document held against the fields of its kind: what deviates, and what is left of it once the
//! API server has dropped what it does not know. It does not know what a field means.

use super::{Place, Type};
use crate::source::{Entry, Node, Position, ScalarKind, Value, nearest};
use crate::version::{Minors, Version};

/// How a document deviates.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Wrong {
    /// A field that no release has.
    Unknown {
        /// The field that was probably meant.
        nearest: Option<String>,
    },
    /// A field that other releases have.
    OtherRelease(Minors),
    /// A key that is written twice, and where it is first.
    Repeated(Position),
    /// A key without a value, which is dropped.
    Null,
    /// A value that is refused; in words.
    Refused(String),
}

/// A deviation and its place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deviation {
    /// The path of keys, e.g. `spec.rules[0].from`.
    pub key: String,
    /// Where it begins.
    pub at: Position,
    /// Where it ends.
    pub until: Position,
    /// What is wrong.
    pub wrong: Wrong,
}

/// Holds the value of `spec` against the kind's fields. The value that comes back is without
/// unknown fields, without empty ones, and with the last of equal keys.
#[must_use]
pub fn conform(
    spec: &Node,
    key: &str,
    place: &Place,
    version: Option<Version>,
) -> (Node, Vec<Deviation>) {
    let mut conformer = Conformer { version, deviations: Vec::new() };
    let kept = conformer.value(spec.clone(), key, place);
    let nothing = || Node { at: spec.at, until: spec.until, value: Value::Map(Vec::new()) };
    (kept.unwrap_or_else(nothing), conformer.deviations)
}

struct Conformer {
    version: Option<Version>,
    deviations: Vec<Deviation>,
}

impl Conformer {
    fn report(&mut self, node: &Node, key: &str, wrong: Wrong) {
        let (at, until) = (node.at, node.until);
        self.deviations.push(Deviation { key: key.to_owned(), at, until, wrong });
    }

    /// What is left of a value; nothing where it has another type.
    fn value(&mut self, mut node: Node, key: &str, place: &Place) -> Option<Node> {
        let row = place.row(self.version)?;
        if !has_type(&node, row.kind) {
            let wrong = format!("must be {}, found {}", in_words(row.kind), found(&node));
            self.report(&node, key, Wrong::Refused(wrong));
            return None;
        }
        let value = std::mem::replace(&mut node.value, Value::Refused);
        node.value = match value {
            Value::Map(entries) if row.kind != Type::Any => {
                Value::Map(self.entries(entries, key, place))
            }
            Value::List(items) => match place.below.get("[]") {
                Some(below) => Value::List(self.items(items, key, below)),
                None => Value::List(items),
            },
            value => value,
        };
        for limit in &row.limits {
            if let Some(wrong) = limit.broken_by(&node) {
                self.report(&node, key, Wrong::Refused(wrong));
            }
        }
        Some(node)
    }

    fn items(&mut self, items: Vec<Node>, key: &str, below: &Place) -> Vec<Node> {
        let each = items.into_iter().enumerate();
        each.filter_map(|(index, item)| self.value(item, &format!("{key}[{index}]"), below))
            .collect()
    }

    fn entries(&mut self, entries: Vec<Entry>, key: &str, place: &Place) -> Vec<Entry> {
        let mut kept: Vec<Entry> = Vec::new();
        for entry in entries {
            let path = format!("{key}.{}", entry.key);
            let below = place.below.get(&entry.key).or_else(|| place.below.get("*"));
            if let Some(first) = kept.iter().position(|kept| kept.key == entry.key) {
                let first = kept.remove(first);
                self.report_key(&entry, &path, Wrong::Repeated(first.key_at));
            }
            let Some(below) = below.filter(|below| below.row(self.version).is_some()) else {
                let wrong = unknown(&entry.key, place, below);
                self.report_key(&entry, &path, wrong);
                continue;
            };
            let nullable = below.row(self.version).is_some_and(|row| {
                row.kind == Type::Any
                    || row.limits.iter().any(|limit| matches!(limit, super::Limit::Nullable))
            });
            if entry.value.is_null() {
                if !nullable {
                    self.report_key(&entry, &path, Wrong::Null);
                }
                continue;
            }
            let Entry { key, key_at, value } = entry;
            if let Some(value) = self.value(value, &path, below) {
                kept.push(Entry { key, key_at, value });
            }
        }
        // What is kept stays until all is read, and most mappings have one member.
        kept.shrink_to_fit();
        kept
    }

    fn report_key(&mut self, entry: &Entry, key: &str, wrong: Wrong) {
        let at = entry.key_at;
        let until = Position { column: at.column + entry.key.chars().count(), ..at };
        self.deviations.push(Deviation { key: key.to_owned(), at, until, wrong });
    }
}

fn unknown(key: &str, place: &Place, other: Option<&Place>) -> Wrong {
    if let Some(row) = other.and_then(|other| other.rows.first()) {
        return Wrong::OtherRelease(row.minors);
    }
    // Names are sorted, so that the same is suggested every time.
    let mut known: Vec<&str> = place.below.keys().map(String::as_str).collect();
    known.sort_unstable();
    Wrong::Unknown { nearest: nearest(key, known).map(str::to_owned) }
}

fn has_type(node: &Node, kind: Type) -> bool {
    let scalar = match &node.value {
        Value::Scalar(scalar) => Some(scalar.kind),
        _ => None,
    };
    match kind {
        Type::Map => matches!(node.value, Value::Map(_)),
        Type::List => matches!(node.value, Value::List(_)),
        Type::Text => scalar == Some(ScalarKind::Text),
        Type::Integer => matches!(scalar, Some(ScalarKind::Integer(_))),
        Type::Number => matches!(scalar, Some(ScalarKind::Integer(_) | ScalarKind::Float(_))),
        Type::Boolean => matches!(scalar, Some(ScalarKind::Boolean(_))),
        Type::IntegerOrText => matches!(scalar, Some(ScalarKind::Integer(_) | ScalarKind::Text)),
        Type::Any => true,
    }
}

fn in_words(kind: Type) -> &'static str {
    match kind {
        Type::Map => "a mapping",
        Type::List => "a list",
        Type::Text => "a text",
        Type::Integer => "a whole number",
        Type::Number => "a number",
        Type::Boolean => "`true` or `false`",
        Type::IntegerOrText => "a whole number or a text",
        Type::Any => "anything",
    }
}

fn found(node: &Node) -> String {
    match &node.value {
        Value::Map(_) => "a mapping".to_owned(),
        Value::List(_) => "a list".to_owned(),
        Value::Refused => "something not accepted".to_owned(),
        Value::Scalar(scalar) => match scalar.kind {
            ScalarKind::Null => "nothing".to_owned(),
            ScalarKind::Boolean(_) => format!("`{}`", scalar.text),
            ScalarKind::Integer(_) | ScalarKind::Float(_) => {
                format!("the number `{}`", scalar.text)
            }
            ScalarKind::Text => format!("the text `{}`", scalar.text),
        },
    }
}
