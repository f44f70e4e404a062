//! Reading a value as what it should be. Each reader answers with the value or with nothing, and
//! then a mistake says why; so a file is read to its end whatever is wrong in it.

use std::ops::RangeInclusive;

use super::mistake::printable;
use super::{Entry, Mistakes, Node, Position, Scalar, ScalarKind, Value, Wrong, listed, nearest};

/// Names in a list are compared with one another, which takes time with the square of their number.
const LONGEST_LIST: usize = 1000;

/// A value and the path of keys that leads to it.
#[derive(Debug, Clone)]
pub struct Field<'n> {
    /// E.g. `load.rate`; empty for the whole document.
    pub key: String,
    /// The value.
    pub node: &'n Node,
}

impl<'n> Field<'n> {
    /// The whole document.
    #[must_use]
    pub fn root(node: &'n Node) -> Self {
        Self { key: String::new(), node }
    }

    /// Where the value begins.
    #[must_use]
    pub fn at(&self) -> Position {
        self.node.at
    }

    /// The key path of a member.
    #[must_use]
    pub fn member(&self, name: &str) -> String {
        if self.key.is_empty() { name.to_owned() } else { format!("{}.{name}", self.key) }
    }

    /// A mapping with no other keys than these.
    pub fn map(&self, known: &[&'static str], mistakes: &mut Mistakes) -> Option<Map<'n>> {
        let entries = self.unique_entries("a mapping", mistakes)?;
        let mut suggested = Vec::new();
        for entry in &entries {
            if known.contains(&entry.key.as_str()) {
                continue;
            }
            let key = self.member(&entry.key);
            mistakes.push_unknown_key(entry.key_at, &key, &entry.key, known);
            suggested.extend(nearest(&entry.key, known.iter().copied()).map(str::to_owned));
        }
        Some(Map { field: self.clone(), entries, suggested })
    }

    /// A mapping whose keys are the writer's to choose.
    pub fn entries(
        &self,
        expected: &str,
        mistakes: &mut Mistakes,
    ) -> Option<Vec<(&'n Entry, Self)>> {
        let entries = self.unique_entries(expected, mistakes)?;
        let with_path = |entry: &'n Entry| {
            let key = self.member(&entry.key);
            (entry, Self { key, node: &entry.value })
        };
        Some(entries.into_iter().map(with_path).collect())
    }

    fn unique_entries(&self, expected: &str, mistakes: &mut Mistakes) -> Option<Vec<&'n Entry>> {
        let Value::Map(entries) = &self.node.value else {
            self.expected(expected, mistakes);
            return None;
        };
        let mut first_of = std::collections::HashMap::new();
        let mut unique = Vec::new();
        for entry in entries {
            if let Some(first) = first_of.get(entry.key.as_str()) {
                let wrong = Wrong::Repeated { what: "the key".to_owned(), first: *first };
                let help = Some("keep one of the two".to_owned());
                mistakes.push(entry.key_at, &self.member(&entry.key), wrong, help);
            } else {
                first_of.insert(entry.key.as_str(), entry.key_at);
                unique.push(entry);
            }
        }
        Some(unique)
    }

    /// A list, item by item.
    pub fn list(&self, expected: &str, mistakes: &mut Mistakes) -> Option<Vec<Self>> {
        let Value::List(items) = &self.node.value else {
            self.expected(expected, mistakes);
            return None;
        };
        if items.len() > LONGEST_LIST {
            self.expected(&format!("a list of at most {LONGEST_LIST} items"), mistakes);
            return None;
        }
        let with_path = |(index, node)| Self { key: format!("{}[{index}]", self.key), node };
        Some(items.iter().enumerate().map(with_path).collect())
    }

    /// Text; a number or a boolean is one only in quotes.
    pub fn text(&self, expected: &str, mistakes: &mut Mistakes) -> Option<&'n str> {
        match &self.node.value {
            Value::Scalar(Scalar { text, kind: ScalarKind::Text }) => Some(text),
            Value::Scalar(Scalar { kind: ScalarKind::Null, .. }) => {
                self.expected(expected, mistakes);
                None
            }
            Value::Scalar(Scalar { text, .. }) => {
                let help = format!("put it in quotes: \"{text}\"");
                self.expected_with_help(expected, help, mistakes);
                None
            }
            Value::List(_) | Value::Map(_) | Value::Refused => {
                self.expected(expected, mistakes);
                None
            }
        }
    }

    /// `true` or `false`.
    pub fn boolean(&self, mistakes: &mut Mistakes) -> Option<bool> {
        match self.node.value {
            Value::Scalar(Scalar { kind: ScalarKind::Boolean(value), .. }) => Some(value),
            _ => {
                self.expected("`true` or `false`", mistakes);
                None
            }
        }
    }

    /// A whole number in a range.
    pub fn integer(&self, range: RangeInclusive<u32>, mistakes: &mut Mistakes) -> Option<u32> {
        let number = match self.node.value {
            Value::Scalar(Scalar { kind: ScalarKind::Integer(value), .. }) => {
                u32::try_from(value).ok().filter(|value| range.contains(value))
            }
            _ => None,
        };
        if number.is_none() {
            let (low, high) = (range.start(), range.end());
            self.expected(&format!("a whole number from {low} to {high}"), mistakes);
        }
        number
    }

    /// A number, whole or not.
    pub fn number(&self, expected: &str, mistakes: &mut Mistakes) -> Option<f64> {
        match &self.node.value {
            Value::Scalar(Scalar { kind: ScalarKind::Float(value), .. }) => Some(*value),
            Value::Scalar(Scalar { kind: ScalarKind::Integer(_), text }) => {
                // Digits, or the hexadecimal and octal notations, which no float parser reads.
                let number = text.parse().ok();
                if number.is_none() {
                    self.expected(expected, mistakes);
                }
                number
            }
            Value::Scalar(Scalar { kind: ScalarKind::Text, text }) if text.ends_with('%') => {
                let help = "write the number of percent without the sign".to_owned();
                self.expected_with_help(expected, help, mistakes);
                None
            }
            _ => {
                self.expected(expected, mistakes);
                None
            }
        }
    }

    /// One of a few words.
    pub fn choice<T: Copy>(&self, words: &[(&str, T)], mistakes: &mut Mistakes) -> Option<T> {
        let one_of = format!("one of {}", listed(words.iter().map(|(word, _)| *word)));
        let text = self.text(&one_of, mistakes)?;
        let meaning = words.iter().find(|(word, _)| *word == text).map(|(_, meaning)| *meaning);
        if meaning.is_none() {
            let near = nearest(text, words.iter().map(|(word, _)| *word));
            let help = near.map(|word| format!("did you mean `{word}`?"));
            self.expected_maybe_help(&one_of, help, mistakes);
        }
        meaning
    }

    /// A name that must be one of those declared elsewhere.
    pub fn name_of(
        &self,
        what: &'static str,
        known: &[String],
        mistakes: &mut Mistakes,
    ) -> Option<&'n str> {
        let name = self.text(&format!("the name of a {what}"), mistakes)?;
        if known.iter().any(|known| known == name) {
            return Some(name);
        }
        let near = nearest(name, known.iter().map(String::as_str)).map(str::to_owned);
        let help = match &near {
            Some(near) => format!("did you mean `{near}`?"),
            None if known.is_empty() => format!("no {what} is declared"),
            None => format!("the known ones are {}", listed(known.iter().map(String::as_str))),
        };
        let wrong = Wrong::UnknownName { what, name: shown(name), nearest: near };
        mistakes.push(self.at(), &self.key, wrong, Some(help));
        None
    }

    /// Reports that something else was expected here.
    pub fn expected(&self, expected: &str, mistakes: &mut Mistakes) {
        self.expected_maybe_help(expected, None, mistakes);
    }

    /// The same with advice.
    pub fn expected_with_help(&self, expected: &str, help: String, mistakes: &mut Mistakes) {
        self.expected_maybe_help(expected, Some(help), mistakes);
    }

    fn expected_maybe_help(&self, expected: &str, help: Option<String>, mistakes: &mut Mistakes) {
        if self.node.value == Value::Refused {
            return; // reported when the text was taken apart
        }
        let wrong = Wrong::Expected { expected: expected.to_owned(), found: self.found() };
        mistakes.push(self.at(), &self.key, wrong, help);
    }

    /// Reports that this value does not go with another.
    pub fn contradicts(&self, message: impl Into<String>, help: &str, mistakes: &mut Mistakes) {
        let help = Some(help.to_owned()).filter(|help| !help.is_empty());
        mistakes.push(self.at(), &self.key, Wrong::Contradiction(message.into()), help);
    }

    /// Reports that this value was given before.
    pub fn repeats(&self, what: impl Into<String>, first: Position, mistakes: &mut Mistakes) {
        mistakes.push(self.at(), &self.key, Wrong::Repeated { what: what.into(), first }, None);
    }

    fn found(&self) -> String {
        match &self.node.value {
            Value::Scalar(Scalar { text, kind }) => match kind {
                ScalarKind::Null => "nothing".to_owned(),
                ScalarKind::Boolean(_) => format!("`{}`", shown(text)),
                ScalarKind::Integer(_) | ScalarKind::Float(_) => {
                    format!("the number `{}`", shown(text))
                }
                ScalarKind::Text if text.is_empty() => "an empty text".to_owned(),
                ScalarKind::Text => format!("the text `{}`", shown(text)),
            },
            Value::List(items) if items.is_empty() => "an empty list".to_owned(),
            Value::List(items) if items.len() > LONGEST_LIST => {
                format!("a list of {}", items.len())
            }
            Value::List(_) => "a list".to_owned(),
            Value::Map(entries) if entries.is_empty() => "an empty mapping".to_owned(),
            Value::Map(_) => "a mapping".to_owned(),
            Value::Refused => "something not accepted".to_owned(),
        }
    }
}

/// Text as a message shows it: one line, of bearable length.
fn shown(text: &str) -> String {
    const SHOWN: usize = 60;
    let mut letters = text.chars();
    let mut line: String = letters.by_ref().take(SHOWN).flat_map(printable).collect();
    if letters.next().is_some() {
        line.push('…');
    }
    line
}

/// A mapping with known keys.
#[derive(Debug)]
pub struct Map<'n> {
    field: Field<'n>,
    entries: Vec<&'n Entry>,
    /// Keys that an unknown key was probably meant to be: they are not reported missing as well.
    suggested: Vec<String>,
}

impl<'n> Map<'n> {
    /// The mapping as a value.
    #[must_use]
    pub fn field(&self) -> &Field<'n> {
        &self.field
    }

    /// The value of a key that may be left out.
    #[must_use]
    pub fn optional(&self, name: &str) -> Option<Field<'n>> {
        let entry = self.entries.iter().find(|entry| entry.key == name)?;
        Some(Field { key: self.field.member(name), node: &entry.value })
    }

    /// The value of a key that must be there.
    pub fn required(&self, name: &str, mistakes: &mut Mistakes) -> Option<Field<'n>> {
        self.required_because(name, None, mistakes)
    }

    /// The value of a key that must be there, for a reason worth telling.
    pub fn required_because(
        &self,
        name: &str,
        help: Option<&str>,
        mistakes: &mut Mistakes,
    ) -> Option<Field<'n>> {
        let found = self.optional(name);
        if found.is_none() && !self.suggested.iter().any(|suggested| suggested == name) {
            let wrong = Wrong::MissingKey { name: name.to_owned() };
            mistakes.push(self.field.at(), &self.field.key, wrong, help.map(str::to_owned));
        }
        found
    }
}
